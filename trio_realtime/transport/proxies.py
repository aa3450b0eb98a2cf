"""Proxies: which one a connection goes through, and the tunnel (HTTP CONNECT, RFC 9110, 9.3.6) that it is asked for."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

import attrs
import h11
import trio

from trio_realtime._urls import other_scheme
from trio_realtime.errors import RealtimeConnectionError, UserError
from trio_realtime.transport.handshakes import status_text
from trio_realtime.transport.request_check import Target, is_loopback

__all__ = ["Proxy", "proxy_for", "tunnel"]

_DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 6455, 4.1: a SOCKS proxy before one for HTTPS before one for HTTP. One that is named for WebSockets comes first.
_SECURE = ("wss", "socks", "https")
_PLAIN = ("ws", "socks", "https", "http")


@attrs.frozen(kw_only=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        secure: whether TLS is spoken with it.
        host: a name or an address, IPv6 without brackets.
        port: its TCP port.
        authorization: the value of the Proxy-Authorization header, or None.
    """

    secure: bool
    host: str
    port: int
    authorization: str | None = attrs.field(default=None, repr=False)


def proxy_for(target: Target, setting: str | bool) -> Proxy | None:
    """Choose the proxy for a connection.

    Args:
        target: where it goes.
        setting: a proxy's URL; True for the environment's, which is never used for loopback; False for none.

    Returns:
        The proxy, or None to connect directly.

    Raises:
        UserError: the proxy's URL is not valid, or it is no HTTP proxy.
    """
    if isinstance(setting, str):
        return _parse(setting, "proxy")
    if not setting or is_loopback(target.host):
        return None
    # Imported late: it brings an HTTP client along.
    from urllib.request import getproxies, proxy_bypass

    if proxy_bypass(f"{target.host}:{target.port}"):
        return None
    known = getproxies()
    for scheme in _SECURE if target.secure else _PLAIN:
        if scheme in known:
            return _parse(known[scheme], f"the environment's {scheme}_proxy")
    return None


async def tunnel(stream: trio.abc.Stream, proxy: Proxy, target: Target) -> None:
    """Ask a proxy to connect a stream with the target. A checkpoint; a cancellation leaves the stream unusable.

    Raises:
        RealtimeConnectionError: it refused, it answered no HTTP, or it hung up.
    """
    host = f"[{target.host}]" if ":" in target.host else target.host
    authority = f"{host}:{target.port}"
    headers = [("Host", authority)]
    if proxy.authorization is not None:
        headers.append(("Proxy-Authorization", proxy.authorization))
    http = h11.Connection(h11.CLIENT)
    request = http.send(h11.Request(method="CONNECT", target=authority, headers=headers))
    name = f"the proxy {proxy.host}:{proxy.port}"
    try:
        await stream.send_all((request or b"") + (http.send(h11.EndOfMessage()) or b""))
        event = http.next_event()
        while not isinstance(event, h11.Response):
            if event is h11.NEED_DATA:
                data = await stream.receive_some()
                if not data:
                    raise RealtimeConnectionError(f"{name} hung up")
                http.receive_data(bytes(data))
            event = http.next_event()
    except trio.BrokenResourceError as exc:
        raise RealtimeConnectionError(f"{name} hung up") from exc
    except h11.RemoteProtocolError as exc:
        raise RealtimeConnectionError(f"{name} speaks no HTTP") from exc
    if not 200 <= event.status_code < 300:
        raise RealtimeConnectionError(
            f"{name} refused the connection with HTTP status {status_text(event.status_code)}"
        )
    if http.trailing_data[0]:
        # Neither a TLS server nor a WebSocket server speaks first.
        raise RealtimeConnectionError(f"{name} sent something of its own into the tunnel")


def _parse(url: str, what: str) -> Proxy:
    """Take a proxy's URL apart; errors do not show it, for it may hold a password."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        raise UserError(f"{what}: the URL's host or port is not valid") from None
    if parts.scheme.startswith("socks"):
        raise UserError(
            f"{what}: SOCKS proxies are not supported; give the URL of an HTTP proxy, or False for none, "
            "or open the stream yourself and use a stream_connector"
        )
    if parts.scheme not in _DEFAULT_PORTS:
        raise UserError(f"{what}: the URL's scheme has to be http or https{other_scheme(parts.scheme)}")
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UserError(f"{what}: the URL has to be like http://user:password@host:port")
    authorization = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(credentials.encode()).decode('ascii')}"
    return Proxy(
        secure=parts.scheme == "https",
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        authorization=authorization,
    )
