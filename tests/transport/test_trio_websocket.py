"""Connecting and serving over real sockets and TLS, on loopback and the real clock; the rest is tested over memory streams."""

from __future__ import annotations

import functools
import logging
import socket
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked
from websockets.sync.client import connect as websockets_connect

from tests.transport.support import Timer, request
from trio_realtime.errors import (
    HandshakeRejected,
    RealtimeConnectionError,
)
from trio_realtime.transport.base import TransportConfig, Wire, WireRequest
from trio_realtime.transport.trio_websocket import (
    ServerAddress,
    connect,
    serve,
    serve_stream,
    stream_connector,
)


async def echo(wire: Wire, _: WireRequest) -> None:
    while True:
        await wire.send(await wire.receive())


async def start(nursery: trio.Nursery, handler: Any = echo, **options: Any) -> ServerAddress:
    address = await nursery.start(functools.partial(serve, handler, **options))
    assert isinstance(address, ServerAddress)
    return address


# Real sockets


async def test_several_clients_and_one_whose_handler_fails(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(wire: Wire, got: WireRequest) -> None:
        if got.url.endswith("/crash"):
            raise ZeroDivisionError
        await echo(wire, got)

    address = await start(nursery, handler)
    async with connect(request(url=address.url("/a"))) as a, connect(request(url=address.url("/b"))) as b:
        async with connect(request(url=address.url("/crash"))) as crashed:
            with pytest.raises(RealtimeConnectionError) as info:
                await crashed.receive()
            assert info.value.code == 1011
        for wire in (a, b):
            await wire.send("still here")
            assert await wire.receive() == "still here"
    assert "ZeroDivisionError" in caplog.text


async def test_cancelled_server_closes_with_1001(nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as server:
        address = await start(server)
        async with connect(request(url=address.url())) as wire:
            await wire.send("x")
            await wire.receive()
            server.cancel_scope.cancel()
            with pytest.raises(RealtimeConnectionError) as info:
                await wire.receive()
            assert info.value.code == 1001


async def test_name_with_two_addresses_and_any_port_gives_one_server(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    listeners = [
        *await trio.open_tcp_listeners(0, host="127.0.0.1"),
        *await trio.open_tcp_listeners(0, host="127.0.0.1"),
    ]

    async def two(*_: Any, **__: Any) -> list[trio.SocketListener]:
        return listeners

    monkeypatch.setattr(trio, "open_tcp_listeners", two)
    address = await start(nursery)
    assert address.port == listeners[0].socket.getsockname()[1]
    assert listeners[1].socket.fileno() == -1


async def test_port_in_use_is_told_by_serve(nursery: trio.Nursery) -> None:
    address = await start(nursery)
    with pytest.raises(OSError):  # noqa: PT011
        await serve(echo, port=address.port)


async def test_given_port_is_used(nursery: trio.Nursery) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    address = await start(nursery, port=port)
    assert address == ServerAddress("127.0.0.1", port)


def test_address_as_url() -> None:
    assert ServerAddress("127.0.0.1", 80).url() == "ws://127.0.0.1:80/"
    assert ServerAddress("::1", 8000).url("/p?q=1", secure=True) == "wss://[::1]:8000/p?q=1"


async def test_other_library_as_client(nursery: trio.Nursery) -> None:
    """It offers compression, which is not accepted, and the subprotocol, which is."""
    seen: list[WireRequest] = []

    async def handler(wire: Wire, got: WireRequest) -> None:
        seen.append(got)
        await wire.send(await wire.receive())
        await wire.aclose(1008, "enough")

    address = await start(nursery, handler)

    def client() -> tuple[str | None, str | bytes, int | None]:
        with websockets_connect(
            address.url("/v1/realtime?model=m"),
            subprotocols=["openai-insecure-api-key.k", "realtime"],  # type: ignore[list-item]
            additional_headers={"Authorization": "Bearer k"},
        ) as ws:
            ws.send("grüße" * 10_000)
            got = ws.recv()
            with pytest.raises(Exception, match="enough"):
                ws.recv()
            return ws.subprotocol, got, ws.close_code

    assert await trio.to_thread.run_sync(client) == ("realtime", "grüße" * 10_000, 1008)
    assert seen[0].url == address.url("/v1/realtime?model=m")
    assert seen[0].headers["authorization"] == "Bearer k"
    assert seen[0].headers["sec-websocket-protocol"] == "openai-insecure-api-key.k, realtime"


async def test_client_that_speaks_no_websocket(nursery: trio.Nursery) -> None:
    address = await start(nursery)
    stream = await trio.open_tcp_stream(address.host, address.port)
    await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    async with stream:
        async for data in stream:
            answer += data
    assert answer.startswith(b"HTTP/1.1 400")
    async with connect(request(url=address.url())) as wire:
        await wire.send("others go on")
        assert await wire.receive() == "others go on"


# Streams in memory


@pytest.mark.parametrize("first", [b"", b"GET /x HTTP/1.1\r\n"])
async def test_fault_2_client_that_hangs_up_in_the_handshake(
    autojump_clock: Any, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "trio_realtime")
    client, server = memory_stream_pair()
    await client.send_all(first)
    await client.aclose()
    timer = Timer()
    await serve_stream(server, echo)
    assert timer.seconds == 0
    assert "closed during the WebSocket handshake" in caplog.text


async def test_client_that_never_sends_a_handshake(autojump_clock: Any) -> None:
    client, server = memory_stream_pair()
    timer = Timer()
    await serve_stream(server, echo, config=TransportConfig(handshake_timeout=4))
    assert timer.seconds == 4
    assert await client.receive_some() == b""


async def test_what_a_handler_has_sent_is_written(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """So a test's server can cut the connection right behind a message."""
    client, server = memory_stream_pair()

    async def handler(wire: Wire, _: WireRequest) -> None:
        for number in range(5):
            await wire.send(str(number))
        await trio.aclose_forcefully(server)

    async def open_stream() -> trio.abc.Stream:
        nursery.start_soon(serve_stream, server, handler)
        return client

    async with stream_connector(open_stream)(request()) as wire:
        assert [await wire.receive() for _ in range(5)] == list("01234")
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.receive()
        assert info.value.code == 1006


async def test_request_that_is_no_handshake(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "trio_realtime")
    client, server = memory_stream_pair()
    await client.send_all(
        b"GET / HTTP/1.1\r\nHost: \xff\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    with trio.fail_after(1):
        await serve_stream(server, echo)
    assert "no WebSocket connection" in caplog.text


async def test_repeated_headers_are_joined(autojump_clock: Any, nursery: trio.Nursery) -> None:
    seen: list[WireRequest] = []

    async def handler(wire: Wire, got: WireRequest) -> None:
        seen.append(got)

    client, server = memory_stream_pair()
    nursery.start_soon(serve_stream, server, handler)
    await client.send_all(
        b"GET /p?q HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\nX-a: 2\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await wait_all_tasks_blocked()
    assert seen[0].headers["x-a"] == "1, 2"
    assert seen[0].url == "ws://localhost:80/p?q"
    assert "sec-websocket-protocol" not in seen[0].headers


async def test_refusal_that_cannot_be_written(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """Headers that HTTP does not allow: the client is told something, and the server lives."""

    async def authorize(_: WireRequest) -> None:
        raise HandshakeRejected("no", status=403, headers={"x-bad": "a\r\nb"})

    async def open_stream() -> trio.abc.Stream:
        client, server = memory_stream_pair()
        nursery.start_soon(functools.partial(serve_stream, server, echo, authorize=authorize))
        return client

    with pytest.raises(RealtimeConnectionError):
        async with stream_connector(open_stream)(request()):
            pytest.fail("not reached")


async def test_interrupt_in_a_handler_goes_through(autojump_clock: Any, nursery: trio.Nursery) -> None:
    async def handler(wire: Wire, _: WireRequest) -> None:
        raise KeyboardInterrupt

    client, server = memory_stream_pair()

    async def open_stream() -> trio.abc.Stream:
        return client

    codes = []

    async def read() -> None:
        async with stream_connector(open_stream)(request()) as wire:
            with pytest.raises(RealtimeConnectionError) as info:
                await wire.receive()
            codes.append(info.value.code)

    nursery.start_soon(read)
    with pytest.raises(KeyboardInterrupt):
        await serve_stream(server, handler)
    await wait_all_tasks_blocked()
    assert codes == [1001]
