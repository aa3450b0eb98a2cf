from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from trio_realtime.errors import UserError
from trio_realtime.transport import memory, trio_websocket
from trio_realtime.transport.base import Connector, TransportConfig, Wire, WireRequest
from trio_realtime.transport.request_check import check_request, is_loopback

SECRET = "canary-3f9a"


def check(url: str, headers: Any = None, **config: Any) -> Any:
    return check_request(WireRequest(url=url, headers=headers or {}, config=TransportConfig(**config)))


def test_parts() -> None:
    target = check(
        "wss://API.example.org/v1/realtime?model=m&x=a%20b",
        {
            "Authorization": "Bearer sk-test-canary",
            "Sec-WebSocket-Protocol": "realtime, other",
            "User-Agent": "ü".encode().hex(),
        },
    )
    assert (target.host, target.port, target.secure) == ("api.example.org", 443, True)
    assert target.resource == "/v1/realtime?model=m&x=a%20b"
    assert target.host_header == "api.example.org"
    assert target.subprotocols == ("realtime", "other")
    assert target.headers == ((b"authorization", b"Bearer sk-test-canary"), (b"user-agent", b"c3bc"))


@pytest.mark.parametrize(
    ("url", "port", "host", "host_header", "resource"),
    [
        ("ws://localhost", 80, "localhost", "localhost", "/"),
        ("ws://localhost:8765/?", 8765, "localhost", "localhost:8765", "/"),
        ("wss://h:80/p", 80, "h", "h:80", "/p"),
        ("ws://[::1]:99/p", 99, "::1", "[::1]:99", "/p"),
        ("WSS://h?q", 443, "h", "h", "/?q"),
    ],
)
def test_defaults(url: str, port: int, host: str, host_header: str, resource: str) -> None:
    target = check(url)
    assert (target.port, target.host, target.host_header, target.resource) == (port, host, host_header, resource)


def test_host_header_can_be_set() -> None:
    target = check("ws://127.0.0.1:9/", {"Host": "tunnel.example"})
    assert target.host_header == "tunnel.example"
    assert target.headers == ()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/", "ws or wss, not 'http'"),
        ("h/p", "ws or wss, not ''"),
        (f"{SECRET}:x@h/", "ws or wss"),
        ("ws:///p", "no host"),
        ("ws://", "no host"),
        ("ws://h:99999/", "host or port"),
        ("ws://h:x/", "host or port"),
        ("ws://[::1/", "host or port"),
        ("ws://h:0/", "cannot be 0"),
        (f"ws://user:{SECRET}@h/", "credentials belong into a header"),
        (f"ws://h/#{SECRET}", "fragment"),
        (f"ws://h/\r\nX-{SECRET}: 1", "position 7"),
        (f"ws://h/a b{SECRET}", "position 8"),
        (f"ws://h/\0{SECRET}", "position 7"),
        ("ws://bücher.example/", "position 6"),
        (f"ws://{'a' * 64}.example/", "not a valid name"),
        ("ws://a..b/", "not a valid name"),
    ],
)
def test_bad_urls(url: str, shown: str) -> None:
    with pytest.raises(UserError, match=shown) as info:
        check(url)
    assert SECRET not in str(info.value)
    assert info.value.__cause__ is None
    assert info.value.__suppress_context__ or info.value.__context__ is None


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\n", "ä", "a\0", "(a)", 7])
def test_bad_header_names(name: Any) -> None:
    with pytest.raises(UserError, match="not a valid header name"):
        check("wss://h/", {name: SECRET})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (SECRET + "\r\nX-Smuggled: 1", "a line break at position 11"),
        (SECRET + "\n", "a line break at position 11"),
        (SECRET + "\0", "position 11"),
        (SECRET + "\x7f", "position 11"),
        (SECRET + "\u2019", "position 11"),
        (SECRET + "é", "position 11"),
        (" " + SECRET, "white space"),
        (SECRET + "\t", "white space"),
        (SECRET.encode(), "has to be a str, not bytes"),
        (None, "not NoneType"),
    ],
)
def test_bad_header_values_name_the_header_and_hide_the_value(value: Any, shown: str) -> None:
    with pytest.raises(UserError, match=shown) as info:
        check("wss://h/", {"X-Fine": "x", "Authorization": value})
    assert "'Authorization'" in str(info.value)
    assert SECRET not in str(info.value)


@pytest.mark.parametrize(
    "name", ["Connection", "UPGRADE", "sec-websocket-key", "Sec-WebSocket-Extensions", "Content-Length"]
)
def test_headers_of_the_handshake_cannot_be_set(name: str) -> None:
    with pytest.raises(UserError, match=name):
        check("wss://h/", {name: "x"})


def test_header_given_twice() -> None:
    with pytest.raises(UserError, match="more than once"):
        check("wss://h/", {"Authorization": "a", "authorization": "b"})


@pytest.mark.parametrize("value", ["a,,b", "a b", ",", "a;b"])
def test_bad_subprotocols(value: str) -> None:
    with pytest.raises(UserError, match="protocol"):
        check("wss://h/", {"Sec-WebSocket-Protocol": value})


@pytest.mark.parametrize("name", ["Authorization", "api-key", "X-Anything", "Cookie"])
def test_credentials_go_in_the_clear_to_loopback_only(name: str) -> None:
    headers = {"User-Agent": "x", name: SECRET}
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]"):
        check(f"ws://{host}:9/", headers)
    check("wss://example.org/", headers)
    check("ws://example.org/", headers, allow_insecure_key=True)
    for host in ("example.org", "10.0.0.1", "0.0.0.0", "localhost.example", "[::2]"):
        with pytest.raises(UserError, match="allow_insecure_key") as info:
            check(f"ws://{host}/", headers)
        assert name.lower() in str(info.value)
        assert SECRET not in str(info.value)


@pytest.mark.parametrize("parameter", ["api-key", "access_token", "sig", "Authorization"])
def test_credentials_in_the_query_and_in_subprotocols_too(parameter: str) -> None:
    url = f"example.org/?model=m&{parameter}={SECRET}"
    check(f"wss://{url}")
    with pytest.raises(UserError, match=parameter) as info:
        check(f"ws://{url}")
    assert SECRET not in str(info.value)

    offered = {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{SECRET}"}
    check("wss://example.org/", offered)
    with pytest.raises(UserError, match="sec-websocket-protocol") as info:
        check("ws://example.org/", offered)
    assert SECRET not in str(info.value)


def test_what_is_no_credential_may_go_in_the_clear() -> None:
    check("ws://example.org/?model=m&design=x", {"User-Agent": "x", "Sec-WebSocket-Protocol": "realtime"})


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("LOCALHOST", True), ("127.0.0.1", True), ("::1", True), ("localhost.", False), ("h", False)],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_target_shows_no_secrets() -> None:
    target = check(f"wss://h/?key={SECRET}", {"Authorization": SECRET, "Sec-WebSocket-Protocol": SECRET})
    assert SECRET not in repr(target)


@given(st.text())
def test_any_value_is_sent_as_it_is_or_refused(value: str) -> None:
    try:
        target = check("wss://h/", {"X": value})
    except UserError as exc:
        shown = str(exc)
        assert len(value) < 8 or value not in shown
    else:
        assert target.headers == ((b"x", value.encode()),)
        assert not set(value) & set("\r\n\0")


async def _never(*_: Any) -> Any:
    pytest.fail("not reached")


@pytest.mark.parametrize(
    "connect", [trio_websocket.connect, trio_websocket.stream_connector(_never), memory.connector(_never)]
)
async def test_every_connector_checks(connect: Connector) -> None:
    bad = [
        WireRequest(url="ws://example.org/", headers={"Authorization": SECRET}),
        WireRequest(url="wss://example.org/", headers={"Authorization": SECRET + "\n"}),
        WireRequest(url="ftp://example.org/"),
    ]
    for request in bad:
        with pytest.raises(UserError):
            async with connect(request) as wire:
                assert isinstance(wire, Wire)
    await trio.lowlevel.checkpoint()
