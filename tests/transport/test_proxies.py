"""Which proxy is chosen, and the tunnel through it, over sockets with each transport."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from typing import Any

import h11
import pytest
import trio
import trustme
from trio.testing import memory_stream_pair

from tests.transport.support import Timer, connect, request
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, UserError
from trio_realtime.transport.base import TransportConfig, Wire, WireRequest
from trio_realtime.transport.proxies import Proxy, proxy_for, tunnel
from trio_realtime.transport.request_check import Target, check_request
from trio_realtime.transport.trio_websocket import ServerAddress, serve

VARIABLES = ("http", "https", "ws", "wss", "socks", "all", "no")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """An environment without proxies; gives a function that sets some."""
    for name in (*VARIABLES, "request_method"):
        for spelled in (f"{name}_proxy", f"{name}_proxy".upper(), name.upper()):
            monkeypatch.delenv(spelled, raising=False)

    def set_all(**proxies: str) -> None:
        for name, value in proxies.items():
            monkeypatch.setenv(name, value)

    return set_all


def target(url: str = "wss://api.example/v1/realtime?model=m") -> Target:
    return check_request(request(url=url))


# Which one


def test_none_is_named(environment: Any) -> None:
    assert proxy_for(target(), True) is None


@pytest.mark.parametrize(
    ("url", "variables", "host"),
    [
        ("wss://api.example/", {"HTTPS_PROXY": "http://a:1", "HTTP_PROXY": "http://b:1"}, "a"),
        ("wss://api.example/", {"https_proxy": "http://a:1"}, "a"),
        ("wss://api.example/", {"HTTP_PROXY": "http://b:1"}, None),
        ("wss://api.example/", {"HTTPS_PROXY": "http://a:1", "WSS_PROXY": "http://c:1"}, "c"),
        ("wss://api.example/", {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "other.example,api.example"}, None),
        ("wss://api.example/", {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*"}, None),
        ("wss://api.example/", {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "other.example"}, "a"),
        ("ws://api.example/", {"HTTP_PROXY": "http://b:1"}, "b"),
        ("ws://api.example/", {"HTTPS_PROXY": "http://a:1", "HTTP_PROXY": "http://b:1"}, "a"),
        ("ws://127.0.0.1:80/", {"HTTP_PROXY": "http://b:1"}, None),
        ("wss://localhost/", {"HTTPS_PROXY": "http://b:1"}, None),
        ("wss://[::1]/", {"HTTPS_PROXY": "http://b:1"}, None),
    ],
)
def test_the_environments(environment: Any, url: str, variables: dict[str, str], host: str | None) -> None:
    environment(**variables)
    proxy = proxy_for(target(url), True)
    assert (proxy and proxy.host) == host
    assert proxy_for(target(url), False) is None


def test_given_by_url(environment: Any) -> None:
    environment(HTTPS_PROXY="http://a:1", NO_PROXY="*")
    assert proxy_for(target("ws://localhost/"), "http://p:8080/") == Proxy(secure=False, host="p", port=8080)
    assert proxy_for(target(), "https://[::1]") == Proxy(secure=True, host="::1", port=443)
    assert proxy_for(target(), "p:3128") == Proxy(secure=False, host="p", port=3128)
    assert proxy_for(target(), "http://p") == Proxy(secure=False, host="p", port=80)


def test_credentials() -> None:
    proxy = proxy_for(target(), "http://ann:c%3Aanary@p")
    assert proxy is not None
    assert proxy.authorization == "Basic YW5uOmM6YW5hcnk="
    assert "YW5u" not in repr(proxy)
    alone = proxy_for(target(), "http://ann@p")
    assert alone is not None
    assert alone.authorization == "Basic YW5uOg=="


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("socks5h://u:canary@p:1080", "SOCKS"),
        ("ftp://u:canary@p", "scheme"),
        ("http://u:canary@p:x", "port"),
        ("http://u:canary@", "like"),
        ("http://u:canary@p/path", "like"),
        ("http://u:canary@p?q=1", "like"),
        ("http://u:canary@p#f", "like"),
    ],
)
def test_url_that_cannot_be_used(environment: Any, url: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^proxy: .*{message}") as info:
        proxy_for(target(), url)
    assert "canary" not in str(info.value)
    environment(HTTPS_PROXY=url)
    with pytest.raises(UserError, match=f"^the environment's https_proxy: .*{message}"):
        proxy_for(target(), True)


def test_configuration_does_not_show_it() -> None:
    assert "canary" not in repr(TransportConfig(proxy="http://u:canary@p"))


# The tunnel


async def asked(answer: bytes, *, to: Target | None = None, proxy: Proxy | None = None) -> bytes:
    """What a proxy that answers with ``answer`` is asked."""
    ours, theirs = memory_stream_pair()
    await theirs.send_all(answer)
    await tunnel(ours, proxy or Proxy(secure=False, host="p", port=8080), to or target())
    data: bytes = await theirs.receive_some()
    return data


async def test_request(autojump_clock: Any) -> None:
    head = await asked(b"HTTP/1.1 200 Connection established\r\n\r\n")
    assert head == b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n"
    proxy = Proxy(secure=False, host="p", port=1, authorization="Basic abc")
    head = await asked(b"HTTP/1.0 200 OK\r\nX: y\r\n\r\n", to=target("ws://[2001:db8::1]:81/"), proxy=proxy)
    assert head.startswith(b"CONNECT [2001:db8::1]:81 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic abc\r\n" in head


async def test_answer_in_pieces_behind_an_announcement(autojump_clock: Any, nursery: trio.Nursery) -> None:
    ours, theirs = memory_stream_pair()

    async def answer() -> None:
        for byte in b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n":
            await trio.sleep(0.1)
            await theirs.send_all(bytes([byte]))

    nursery.start_soon(answer)
    timer = Timer()
    await tunnel(ours, Proxy(secure=False, host="p", port=1), target())
    assert timer.seconds > 4


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nX: canary\r\n\r\n", r"with HTTP status 407 \(Proxy .*\)$"),
        (b"HTTP/1.1 599 canary\r\n\r\n", "refused the connection with HTTP status 599$"),
        (b"HTTP/1.1 302 Found\r\nLocation: canary\r\n\r\n", "302"),
        (b"SSH-2.0-canary\r\n\r\n", "speaks no HTTP$"),
        (b"HTTP/1.1 200 OK\r\n\r\ncanary", "of its own into the tunnel$"),
    ],
)
async def test_refusals(autojump_clock: Any, answer: bytes, message: str) -> None:
    with pytest.raises(RealtimeConnectionError, match=f"^the proxy p:8080 .*{message}") as info:
        await asked(answer)
    assert "canary" not in str(info.value)


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 20"])
async def test_proxy_that_hangs_up(autojump_clock: Any, first: bytes) -> None:
    for reset in (False, True):
        ours, theirs = memory_stream_pair()
        await theirs.send_all(first)
        await theirs.send_stream.aclose()
        if reset:
            await theirs.aclose()
        with pytest.raises(RealtimeConnectionError, match=r"^the proxy p:1 hung up$"):
            await tunnel(ours, Proxy(secure=False, host="p", port=1), target())


# Over sockets


async def echo(wire: Wire, _: WireRequest) -> None:
    while True:
        await wire.send(await wire.receive())


async def relay(stream: trio.abc.Stream, requests: list[h11.Request], destination: ServerAddress) -> None:
    """A proxy that connects with one destination, whatever it is asked for."""
    http = h11.Connection(h11.SERVER)
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(bytes(await stream.receive_some()))
    assert isinstance(event, h11.Request)
    requests.append(event)
    assert isinstance(http.next_event(), h11.EndOfMessage)
    await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
    other = await trio.open_tcp_stream(destination.host, destination.port)

    async def copy(source: trio.abc.ReceiveStream, to: trio.abc.SendStream) -> None:
        try:
            async for data in source:
                await to.send_all(data)
        except trio.BrokenResourceError:
            pass
        nursery.cancel_scope.cancel()

    async with stream, other, trio.open_nursery() as nursery:
        nursery.start_soon(copy, stream, other)
        nursery.start_soon(copy, other, stream)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("secure_proxy", [False, True])
@pytest.mark.parametrize("secure_server", [False, True])
async def test_conversation_through_a_proxy(nursery: trio.Nursery, secure_proxy: bool, secure_server: bool) -> None:
    authority = trustme.CA()
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "api.example").configure_cert(server_tls)
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)
    config = TransportConfig(ssl_context=server_tls if secure_server else None)
    address = await nursery.start(functools.partial(serve, echo, config=config))
    requests: list[h11.Request] = []

    async def proxy(tcp: trio.SocketStream) -> None:
        tls = trio.SSLStream(tcp, server_tls, server_side=True, https_compatible=True)
        await relay(tls if secure_proxy else tcp, requests, address)

    listeners = await nursery.start(functools.partial(trio.serve_tcp, proxy, 0, host="localhost"))
    port = listeners[0].socket.getsockname()[1]
    asked_for = request(
        url=f"{'wss' if secure_server else 'ws'}://api.example/v1/realtime?model=m",
        proxy=f"{'https' if secure_proxy else 'http'}://u:p@localhost:{port}",
        ssl_context=client_tls,
    )
    with trio.fail_after(20):
        async with connect(asked_for) as wire:
            await wire.send("x" * 200_000)
            assert len(await wire.receive()) == 200_000
    assert [got.target for got in requests] == [b"api.example:443" if secure_server else b"api.example:80"]
    assert (b"proxy-authorization", b"Basic dTpw") in list(requests[0].headers)


@pytest.mark.usefixtures("transport")
async def test_proxy_that_is_not_there(nursery: trio.Nursery, environment: Any) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    environment(HTTPS_PROXY=f"http://127.0.0.1:{port}")
    with pytest.raises(RealtimeConnectionError) as info:
        async with connect(request(url="wss://api.example/")):
            pytest.fail("not reached")
    assert str(info.value) == f"could not connect to the proxy 127.0.0.1:{port}: connection refused"


@pytest.mark.usefixtures("transport")
async def test_silence_of_a_proxy_counts_into_the_handshake(nursery: trio.Nursery) -> None:
    closed = trio.Event()

    async def mute(stream: trio.SocketStream) -> None:
        async for _ in stream:
            pass
        closed.set()

    listeners = await nursery.start(functools.partial(trio.serve_tcp, mute, 0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    with pytest.raises(RealtimeTimeoutError) as info:
        async with connect(request(url="wss://api.example/", proxy=f"http://127.0.0.1:{port}", handshake_timeout=0.05)):
            pytest.fail("not reached")
    assert info.value.name == "connect"
    with trio.fail_after(5):
        await closed.wait()


@pytest.mark.usefixtures("transport")
async def test_refusal_of_a_proxy_closes_its_stream(nursery: trio.Nursery) -> None:
    closed = trio.Event()

    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        async for _ in stream:
            pass
        closed.set()

    listeners = await nursery.start(functools.partial(trio.serve_tcp, refuse, 0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    with pytest.raises(RealtimeConnectionError, match=r"status 403 \(Forbidden\)"):
        async with connect(request(url="wss://api.example/", proxy=f"http://127.0.0.1:{port}")):
            pytest.fail("not reached")
    with trio.fail_after(5):
        await closed.wait()
