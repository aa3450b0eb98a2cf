"""Connecting over sockets, TLS and proxies, on loopback and the real clock, with each transport."""

from __future__ import annotations

import datetime as dt
import functools
import socket
import ssl
from typing import Any

import pytest
import trio
import trustme
from trio.testing import memory_stream_pair

from tests.transport.support import PipeStream, Timer, connect, pipe_pair, request, stream_connector
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.transport import dialing
from trio_realtime.transport.base import TransportConfig, Wire, WireRequest
from trio_realtime.transport.trio_websocket import ServerAddress, serve, serve_stream

pytestmark = pytest.mark.usefixtures("transport")


async def echo(wire: Wire, _: WireRequest) -> None:
    while True:
        await wire.send(await wire.receive())


async def start(nursery: trio.Nursery, handler: Any = echo, **options: Any) -> ServerAddress:
    address = await nursery.start(functools.partial(serve, handler, **options))
    assert isinstance(address, ServerAddress)
    return address


async def test_over_tcp(nursery: trio.Nursery) -> None:
    address = await start(nursery)
    async with connect(request(url=address.url("/v1/realtime?model=m"))) as wire:
        await wire.send("hello")
        assert await wire.receive() == "hello"
        await wire.send("x" * 1_000_000)
        assert len(await wire.receive()) == 1_000_000
    with pytest.raises(RealtimeConnectionError):
        await wire.receive()


async def test_by_name(nursery: trio.Nursery) -> None:
    address = await start(nursery, host="localhost")
    async with connect(request(url=f"ws://localhost:{address.port}")) as wire:
        await wire.send("hello")
        assert await wire.receive() == "hello"


async def test_fault_11_refused_connection_says_so(nursery: trio.Nursery) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(RealtimeConnectionError) as info:
        async with connect(request(url=f"ws://127.0.0.1:{port}/")):
            pytest.fail("not reached")
    assert str(info.value) == f"could not connect to 127.0.0.1:{port}: connection refused"
    assert isinstance(info.value.__cause__, OSError)


async def test_fault_11_unknown_host_says_so(nursery: trio.Nursery) -> None:
    class NoNames(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async def getnameinfo(self, *args: Any) -> Any:
            raise NotImplementedError

    trio.socket.set_custom_hostname_resolver(NoNames())
    with pytest.raises(RealtimeConnectionError) as info:
        async with connect(request(url="wss://no.example/")):
            pytest.fail("not reached")
    message = "could not connect to no.example:443: the host name could not be resolved (Name or service not known)"
    assert str(info.value) == message
    assert isinstance(info.value.__cause__, socket.gaierror)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(cert: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_tls_with_a_good_certificate(nursery: trio.Nursery, authority: trustme.CA) -> None:
    names: list[str | None] = []
    seen: list[WireRequest] = []

    async def handler(wire: Wire, got: WireRequest) -> None:
        seen.append(got)
        await echo(wire, got)

    context = server_context(authority.issue_cert("localhost"))
    context.sni_callback = lambda _, name, __: names.append(name)  # type: ignore[misc]
    address = await start(nursery, handler, host="localhost", config=TransportConfig(ssl_context=context))
    url = f"wss://localhost:{address.port}/"
    config = {"ssl_context": client_context(authority)}
    async with connect(request(url=url, headers={"Authorization": "Bearer sk-test-canary"}, **config)) as wire:
        await wire.send("x" * 1_000_000)
        assert len(await wire.receive()) == 1_000_000
    assert names == ["localhost"]
    assert seen[0].url.startswith("wss://")


async def refused_certificate(url: str, **config: Any) -> str:
    with pytest.raises(RealtimeConnectionError) as info:
        async with connect(request(url=url, **config)):
            pytest.fail("not reached")
    assert info.value.__cause__ is not None
    assert "\n" not in str(info.value)
    return str(info.value).partition(": ")[2]


async def test_tls_with_an_unknown_authority(
    nursery: trio.Nursery, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    context = server_context(authority.issue_cert("127.0.0.1"))
    address = await start(nursery, config=TransportConfig(ssl_context=context))
    message = await refused_certificate(address.url(secure=True))
    assert message == "the TLS certificate is not accepted: unable to get local issuer certificate"


async def test_tls_with_a_self_signed_certificate(nursery: trio.Nursery) -> None:
    itself = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with itself.cert_pem.tempfile() as cert, itself.private_key_pem.tempfile() as key:
        context.load_cert_chain(cert, key)
    address = await start(nursery, config=TransportConfig(ssl_context=context))
    message = await refused_certificate(address.url(secure=True))
    assert message == "the TLS certificate is not accepted: self-signed certificate"


async def test_tls_with_an_expired_certificate(nursery: trio.Nursery, authority: trustme.CA) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    cert = authority.issue_cert("127.0.0.1", not_before=past, not_after=past + dt.timedelta(days=1))
    address = await start(nursery, config=TransportConfig(ssl_context=server_context(cert)))
    message = await refused_certificate(address.url(secure=True), ssl_context=client_context(authority))
    assert message == "the TLS certificate is not accepted: certificate has expired"


async def test_tls_with_the_certificate_of_another_host(nursery: trio.Nursery, authority: trustme.CA) -> None:
    context = server_context(authority.issue_cert("other.example"))
    address = await start(nursery, config=TransportConfig(ssl_context=context))
    message = await refused_certificate(address.url(secure=True), ssl_context=client_context(authority))
    assert message.startswith("the TLS certificate is not accepted: IP address mismatch")


async def test_tls_to_a_server_without(nursery: trio.Nursery) -> None:
    address = await start(nursery)
    message = await refused_certificate(address.url(secure=True))
    assert message.startswith("TLS failed: ")


async def test_tls_to_a_server_that_hangs_up(nursery: trio.Nursery) -> None:
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.aclose()

    listeners = await nursery.start(functools.partial(trio.serve_tcp, hang_up, 0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    message = await refused_certificate(f"wss://127.0.0.1:{port}/")
    assert message


async def test_handshake_timeout_covers_tls(nursery: trio.Nursery) -> None:
    async def mute(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    listeners = await nursery.start(functools.partial(trio.serve_tcp, mute, 0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    with pytest.raises(RealtimeTimeoutError) as info:
        async with connect(request(url=f"wss://127.0.0.1:{port}/", handshake_timeout=0.05)):
            pytest.fail("not reached")
    assert info.value.name == "connect"


def test_default_context_checks_certificates_and_names() -> None:
    context = dialing.default_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_handshake_timeout_covers_opening_and_websocket_together(autojump_clock: Any) -> None:
    async def open_stream() -> trio.abc.Stream:
        await trio.sleep(2)
        client, _ = memory_stream_pair()
        return client

    timer = Timer()
    with pytest.raises(RealtimeTimeoutError) as info:
        async with stream_connector(open_stream)(request(handshake_timeout=3)):
            pytest.fail("not reached")
    assert timer.seconds == 3
    assert (info.value.name, info.value.seconds) == ("connect", 3)
    with pytest.raises(RealtimeTimeoutError, match="no connection to localhost:80 within 1 second"):
        async with stream_connector(open_stream)(request(handshake_timeout=1)):
            pytest.fail("not reached")
    assert timer.seconds == 4


async def test_stream_that_cannot_be_opened(autojump_clock: Any) -> None:
    async def broken() -> trio.abc.Stream:
        raise trio.BrokenResourceError

    with pytest.raises(RealtimeConnectionError, match="localhost:80: the connection was closed"):
        async with stream_connector(broken)(request()):
            pytest.fail("not reached")

    async def odd() -> trio.abc.Stream:
        raise OSError

    with pytest.raises(RealtimeConnectionError, match="OSError"):
        async with stream_connector(odd)(request()):
            pytest.fail("not reached")

    async def users_own() -> trio.abc.Stream:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        async with stream_connector(users_own)(request()):
            pytest.fail("not reached")


@pytest.mark.parametrize(
    ("offered", "chosen"), [(None, None), ("realtime", "realtime"), ("a, realtime", "realtime"), ("a", None)]
)
async def test_subprotocol(autojump_clock: Any, nursery: trio.Nursery, offered: str | None, chosen: str | None) -> None:
    answers: list[bytes] = []

    class Recording(PipeStream):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            data = await super().receive_some(max_bytes)
            answers.append(data)
            return data

    async def open_stream() -> trio.abc.Stream:
        client, server = pipe_pair(1 << 16)
        nursery.start_soon(serve_stream, server, echo)
        return Recording(client._out, client._into)

    headers = {} if offered is None else {"Sec-WebSocket-Protocol": offered}
    async with stream_connector(open_stream)(request(headers=headers)) as wire:
        await wire.send("x")
        assert await wire.receive() == "x"
    assert (b"Protocol: realtime" in answers[0]) == (chosen == "realtime")
