"""The fast connector: what it asks a server, compression, and other servers than ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as websockets_serve
from wsproto.events import Request

from tests.transport.support import Peer, request
from trio_realtime.errors import HandshakeRejected, RealtimeConnectionError
from trio_realtime.transport import websockets
from trio_realtime.transport.base import Connector
from trio_realtime.transport.websockets import compressed, connect, stream_connector


def to_raw(nursery: trio.Nursery, seen: list[bytes]) -> Connector:
    """A connector to a server that keeps the request as it came and answers nothing."""

    async def serve(stream: trio.abc.Stream) -> None:
        seen.append(bytes(await stream.receive_some()))
        await stream.aclose()

    async def open_stream() -> trio.abc.Stream:
        client, server = trio.testing.memory_stream_pair()
        nursery.start_soon(serve, server)
        return client

    return stream_connector(open_stream)


async def request_of(nursery: trio.Nursery, **options: Any) -> list[str]:
    seen: list[bytes] = []
    with pytest.raises(RealtimeConnectionError):
        async with to_raw(nursery, seen)(request(**options)):
            pytest.fail("not reached")
    return seen[0].decode("ascii").split("\r\n")


async def test_request(nursery: trio.Nursery, autojump_clock: Any) -> None:
    headers = {
        "Authorization": "Bearer sk-test-canary",
        "OpenAI-Beta": "realtime=v1",
        "Sec-WebSocket-Protocol": "a, realtime",
    }
    head = await request_of(nursery, url="ws://localhost:8080/v1/re;a=1/x?model=m&b=%20", headers=headers)
    assert head[:2] == ["GET /v1/re;a=1/x?model=m&b=%20 HTTP/1.1", "Host: localhost:8080"]
    assert "authorization: Bearer sk-test-canary" in head
    assert "openai-beta: realtime=v1" in head
    assert "Sec-WebSocket-Protocol: a, realtime" in head
    assert not [line for line in head if "user-agent" in line.lower() or "extensions" in line.lower()]


async def test_request_of_the_barest(nursery: trio.Nursery, autojump_clock: Any) -> None:
    head = await request_of(nursery, url="ws://[::1]")
    assert head[:2] == ["GET / HTTP/1.1", "Host: [::1]"]
    assert not [line for line in head if "protocol:" in line.lower()]


async def test_host_can_be_given(nursery: trio.Nursery, autojump_clock: Any) -> None:
    head = await request_of(nursery, headers={"Host": "other.example"})
    assert [line for line in head if line.lower().startswith("host:")] == ["Host: other.example"]


@pytest.mark.parametrize("asked", [False, True])
async def test_compression_is_offered_on_request_only(nursery: trio.Nursery, autojump_clock: Any, asked: bool) -> None:
    seen: list[Request] = []

    async def serve(peer: Peer) -> None:
        await peer.accept()
        assert peer.request is not None
        seen.append(peer.request)
        async for _ in peer.messages():
            pass

    async def open_stream() -> trio.abc.Stream:
        client, server = trio.testing.memory_stream_pair()
        nursery.start_soon(serve, Peer(server))
        return client

    async with stream_connector(open_stream, compression=asked)(request()) as wire:
        await wire.send("x")
    assert bool(seen[0].extensions) == asked


@contextmanager
def other_server(handler: Any, **options: Any) -> Iterator[str]:
    """The server of the library, in a thread."""
    with websockets_serve(handler, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1/realtime?model=m"
        finally:
            server.shutdown()
            thread.join()


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@pytest.mark.parametrize("open_wire", [connect, compressed])
@pytest.mark.parametrize("offered", [None, "deflate"])
async def test_other_servers(open_wire: Connector, offered: str | None) -> None:
    text = "grüße " * 50_000
    with other_server(echo, compression=offered) as url:
        with trio.fail_after(20):
            async with open_wire(request(url=url)) as wire:
                for message in ("x", text, "", text):
                    await wire.send(message)
                    assert await wire.receive() == message
                small = open_wire is compressed and offered is not None
                assert (wire.statistics().bytes_sent < 20_000) == small
                assert (wire.statistics().bytes_received < 20_000) == small


async def test_limit_holds_for_what_was_compressed() -> None:
    def bomb(connection: ServerConnection) -> None:
        connection.send("x" * 1_000_000)
        connection.recv()

    with other_server(bomb, compression="deflate") as url:
        with trio.fail_after(20):
            async with compressed(request(url=url, max_size=999_999)) as wire:
                with pytest.raises(RealtimeConnectionError) as info:
                    await wire.receive()
                assert info.value.code == 1009


async def test_redirects_are_not_followed() -> None:
    def redirect(connection: ServerConnection, _: Any) -> Any:
        response = connection.respond(302, "elsewhere\n")
        response.headers["Location"] = "ws://127.0.0.1:1/"
        return response

    with other_server(echo, process_request=redirect) as url:
        with trio.fail_after(20), pytest.raises(HandshakeRejected) as info:
            async with connect(request(url=url)):
                pytest.fail("not reached")
    assert info.value.status == 302
    assert info.value.headers["location"] == "ws://127.0.0.1:1/"


async def test_key_that_was_not_ours(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.event()
        await peer.stream.send_all(
            b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n"
        )

    async def open_stream() -> trio.abc.Stream:
        client, server = trio.testing.memory_stream_pair()
        nursery.start_soon(serve, Peer(server))
        return client

    with pytest.raises(RealtimeConnectionError, match="not a valid WebSocket handshake"):
        async with stream_connector(open_stream)(request()):
            pytest.fail("not reached")


def test_names() -> None:
    assert websockets.__all__ == ["compressed", "connect", "stream_connector"]
