"""The web site: an ASGI application with static files, one WebSocket, and a lock on the door."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from trio_realtime.cli.assistant import Place
from trio_realtime.cli.playground.call import Call

__all__ = ["Site"]

Scope: TypeAlias = Mapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]

_STATIC: Final = Path(__file__).parent / "static"
_SCRIPTS: Final = ("page", "sound", "views", "worklet")
_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8") for name in _SCRIPTS},
}
_POLICY_OF_CONTENT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY_OF_CONTENT.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_MOST_CALLS: Final = 4
_POLICY: Final = 1008
_LATER: Final = 1013


class Site:
    """Serves the page to whoever has the token, once, and then to the browser that came with it.

    Args:
        place: where calls are held.
        port: the port on loopback that it is served on; other names for this machine than loopback's are refused.
    """

    def __init__(self, place: Place, port: int) -> None:
        self.token: str = secrets.token_urlsafe(24)
        self._place = place
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie_name = f"playground_{port}"
        self._cookie = secrets.token_urlsafe(24)
        self._used = False
        self._calls = 0

    def __repr__(self) -> str:
        return f"<Site, {self._calls} calls>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "http":
            await self._page(scope, send)
        elif scope["type"] == "websocket":
            await self._call(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)

    # Pages

    async def _page(self, scope: Scope, send: Send) -> None:
        headers = _headers(scope)
        if headers.get("host") not in self._hosts:
            await _answer(send, 403, "This page is served to this machine only.")
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, "Only GET.")
            return
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and token:
            await self._enter(token, send)
        elif not self._known(headers):
            await _answer(send, 403, "Open the address that the command printed: it has a token, which works once.")
        elif scope["path"] not in _FILES:
            await _answer(send, 404, "There is nothing here.")
        else:
            name, kind = _FILES[scope["path"]]
            await _answer(send, 200, (_STATIC / name).read_bytes(), kind)

    async def _enter(self, token: str, send: Send) -> None:
        """Take the token, and give the browser a cookie in its place."""
        if self._used or not secrets.compare_digest(token.encode(), self.token.encode()):
            await _answer(send, 403, "This token was used already, or is another one. Start the command again.")
            return
        self._used = True
        cookie = f"{self._cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"
        await _answer(send, 303, "", extra=((b"location", b"/"), (b"set-cookie", cookie.encode())))

    def _known(self, headers: Mapping[str, str]) -> bool:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._cookie_name)
        except CookieError:
            return False
        return morsel is not None and secrets.compare_digest(morsel.value.encode(), self._cookie.encode())

    # The call

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = _headers(scope)
        host = headers.get("host", "")
        if (
            scope["path"] != "/call"
            or host not in self._hosts
            or headers.get("origin") != f"http://{host}"
            or not self._known(headers)
        ):
            await send({"type": "websocket.close", "code": _POLICY})  # before it is accepted: status 403
            return
        await send({"type": "websocket.accept"})
        if self._calls >= _MOST_CALLS:
            await send({"type": "websocket.close", "code": _LATER, "reason": "too many calls at once"})
            return
        gone = False

        async def from_page() -> str | bytes | None:
            nonlocal gone
            message = await receive()
            if message["type"] != "websocket.receive":
                gone = True
                return None
            text: str | None = message.get("text")
            data: bytes = message.get("bytes") or b""
            return data if text is None else text

        async def to_page(message: str | bytes) -> None:
            if not gone:
                key = "text" if isinstance(message, str) else "bytes"
                await send({"type": "websocket.send", key: message})

        self._calls += 1
        try:
            await Call(self._place, to_page, from_page).run()
        finally:
            self._calls -= 1
        if not gone:
            await send({"type": "websocket.close", "code": 1000})


def _headers(scope: Scope) -> dict[str, str]:
    """Give the headers by lower case name; a name that comes twice has no value that could be trusted."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = "" if key in found and key != "cookie" else value.decode("latin-1")
    return found


async def _answer(
    send: Send,
    status: int,
    body: str | bytes,
    kind: str = "text/plain; charset=utf-8",
    *,
    extra: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    data = body.encode() if isinstance(body, str) else body
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(data)).encode()), *_HEADERS, *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
