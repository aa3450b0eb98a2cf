"""Checks of a :class:`WireRequest` before anything is sent; every connector makes them.

What is refused here could smuggle a second header into the request, or show credentials to the network. Messages name
the header, never its value, and never show a query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import cast
from urllib.parse import SplitResult, parse_qsl, urlsplit

import attrs

from trio_realtime._urls import other_scheme
from trio_realtime.errors import UserError
from trio_realtime.transport.base import WireRequest

__all__ = ["Target", "check_request", "is_loopback"]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_NOT_IN_URL = re.compile(r"[^\x21-\x7e]")
_NOT_IN_VALUE = re.compile(r"[^\t\x20-\x7e]")
_CREDENTIAL_PARAMETER = re.compile(r"key|token|secret|auth|password|credential|signature|^sig$", re.IGNORECASE)

_OURS = frozenset(
    {
        "connection",
        "content-length",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
        "transfer-encoding",
        "upgrade",
    }
)

# Everything else counts as a credential: a name that nobody has thought of must not pass in the clear.
_HARMLESS = frozenset(
    {
        "accept",
        "accept-language",
        "host",
        "openai-beta",
        "origin",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-request-id",
    }
)
_HARMLESS_PROTOCOLS = frozenset({"realtime", "openai-beta.realtime-v1"})

_DEFAULT_PORTS = {"ws": 80, "wss": 443}


@attrs.frozen(kw_only=True)
class Target:
    """Where a checked request goes, and what it says.

    Attributes:
        host: a name or an address, IPv6 without brackets.
        port: the TCP port.
        secure: whether TLS is used.
        resource: path and query, as they go into the request line.
        host_header: the value of the Host header.
        subprotocols: the WebSocket subprotocols to offer.
        headers: all other headers.
    """

    host: str
    port: int
    secure: bool
    resource: str = attrs.field(repr=False)
    host_header: str
    subprotocols: tuple[str, ...] = attrs.field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = attrs.field(repr=False)


def check_request(request: WireRequest) -> Target:
    """Check a request and take it apart.

    Args:
        request: what a connector was given.

    Returns:
        The same in the form a WebSocket handshake needs.

    Raises:
        UserError: the URL or a header cannot be sent, or credentials would go over plain ``ws://`` to another host
            than loopback without ``allow_insecure_key``.
    """
    parts, port = _split(request.url)
    host = parts.hostname or ""
    headers = _checked_headers(request)
    if parts.scheme == "ws" and not request.config.allow_insecure_key and not is_loopback(host):
        _refuse_credentials(headers, parts.query)
    bracketed = f"[{host}]" if ":" in host else host
    default = bracketed if port == _DEFAULT_PORTS[parts.scheme] else f"{bracketed}:{port}"
    return Target(
        host=host,
        port=port,
        secure=parts.scheme == "wss",
        resource=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        host_header=headers.pop("host", default),
        subprotocols=_protocols(headers.pop("sec-websocket-protocol", "")),
        headers=tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()),
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine: ``localhost``, 127.0.0.0/8 or ::1. Names are not looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> tuple[SplitResult, int]:
    # urlsplit drops line breaks silently, so they are looked for before.
    illegal = _NOT_IN_URL.search(url)
    if illegal is not None:
        raise UserError(
            f"the URL has an illegal character at position {illegal.start()}: "
            "only printable ASCII can be sent (use percent-encoding, and punycode for the host)"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UserError("the URL's host or port is not valid") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise UserError(f"the URL's scheme has to be ws or wss{other_scheme(parts.scheme)}")
    if not parts.hostname:
        raise UserError("the URL has no host")
    if "@" in parts.netloc:
        raise UserError("the URL has a user name or password; credentials belong into a header")
    if "#" in url:
        raise UserError("the URL has a fragment, which a WebSocket URL cannot have")
    if port == 0:
        raise UserError("the URL's port cannot be 0")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise UserError("the URL's host is not a valid name") from None
    return parts, port or _DEFAULT_PORTS[parts.scheme]


def _checked_headers(request: WireRequest) -> dict[str, str]:
    """Give the headers with lower-case names."""
    checked: dict[str, str] = {}
    # Callers without a type checker give anything; what it is has to be told without its value.
    for name, value in cast("Mapping[object, object]", request.headers).items():
        if not isinstance(name, str) or _TOKEN.fullmatch(name) is None:
            raise UserError(f"{name!r} is not a valid header name")
        if not isinstance(value, str):
            raise UserError(f"the value of header {name!r} has to be a str, not {type(value).__name__}")
        illegal = _NOT_IN_VALUE.search(value)
        if illegal is not None:
            what = "a line break" if illegal.group() in "\r\n" else "a character that cannot be sent"
            raise UserError(f"the value of header {name!r} has {what} at position {illegal.start()}")
        if value != value.strip():
            raise UserError(f"the value of header {name!r} begins or ends with white space")
        lower = name.lower()
        if lower in _OURS:
            raise UserError(f"header {name!r} belongs to the WebSocket handshake and cannot be set")
        if lower in checked:
            raise UserError(f"header {name!r} is given more than once")
        checked[lower] = value
    return checked


def _protocols(value: str) -> tuple[str, ...]:
    protocols = tuple(part.strip() for part in value.split(",")) if value else ()
    if not all(_TOKEN.fullmatch(protocol) for protocol in protocols):
        raise UserError("the value of header 'sec-websocket-protocol' is not a list of protocol names")
    return protocols


def _refuse_credentials(headers: dict[str, str], query: str) -> None:
    offered = _protocols(headers.get("sec-websocket-protocol", ""))
    suspects = [name for name in headers if name not in _HARMLESS and name != "sec-websocket-protocol"]
    if not _HARMLESS_PROTOCOLS.issuperset(offered):
        suspects.append("sec-websocket-protocol")
    if suspects:
        raise UserError(
            f"header {suspects[0]!r} may hold a credential and would go unencrypted over ws:// to another host; "
            "use wss://, or allow_insecure_key=True in a network that you trust"
        )
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if _CREDENTIAL_PARAMETER.search(name):
            raise UserError(
                f"query parameter {name!r} may hold a credential and would go unencrypted over ws:// to another host; "
                "use wss://, or allow_insecure_key=True in a network that you trust"
            )
