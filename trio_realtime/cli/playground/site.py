"""The web site: an ASGI application with static files, one WebSocket, and a lock on the door."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec.json
import trio

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
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_MOST_CALLS: Final = 4
_MOST_WAITING: Final = 16
_ENTER_SECONDS: Final = 10.0
_ENTER_SIZE: Final = 1_000
_KEY_SIZE: Final = 32
_POLICY: Final = 1008
_GONE: Final = "gone"
_FULL: Final = "too many calls at once"
_REFUSED: Final = "open the address that the command printed; it works once, in one tab"


class Site:
    """Serves the page, and holds calls with the one page that came with the token.

    The page is the same for everybody and has no secret. Its first message has the token, which it found behind the #
    of its address, where no request has it: neither looking at the address nor fetching it in advance uses the token
    up. With the token comes a key that the page has made, and with the key alone it gets in from then on. It keeps that
    where only pages of this very port can read it. There is no cookie: a browser would give that to every other port
    of this machine.

    Args:
        place: where calls are held.
        port: the port on loopback that it is served on; other names for this machine than loopback's are refused.
    """

    def __init__(self, place: Place, port: int) -> None:
        self.token: str = secrets.token_urlsafe(24)
        self._place = place
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._key: str | None = None
        self._calls = 0
        self._waiting = 0

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
        if scope["path"] not in _FILES:
            await _answer(send, 404, "There is nothing here.")
            return
        name, kind = _FILES[scope["path"]]
        await _answer(send, 200, (_STATIC / name).read_bytes(), kind, whole=scope["method"] == "GET")

    # The call

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = _headers(scope)
        host = headers.get("host", "")
        if scope["path"] != "/call" or host not in self._hosts or headers.get("origin") != f"http://{host}":
            await send({"type": "websocket.close", "code": _POLICY})  # before it is accepted: status 403
            return
        await send({"type": "websocket.accept"})
        reason = await self._at_door(receive)
        if not reason:
            await send({"type": "websocket.send", "text": '{"type":"entered"}'})
            await self._hold(receive, send)
        elif reason != _GONE:
            await send({"type": "websocket.close", "code": _POLICY, "reason": reason})

    async def _at_door(self, receive: Receive) -> str:
        """Wait for the page's first message, and say why it cannot come in, if so."""
        if self._waiting >= _MOST_WAITING:
            return _FULL
        message: Any = {}
        self._waiting += 1
        try:
            with trio.move_on_after(_ENTER_SECONDS):
                message = await receive()
        finally:
            self._waiting -= 1
        if message.get("type") == "websocket.disconnect":
            return _GONE
        if not self._admits(_entry(message.get("text"))):
            return _REFUSED
        return _FULL if self._calls >= _MOST_CALLS else ""

    def _admits(self, entry: Mapping[str, Any]) -> bool:
        """Whether a page has the key, or the token for the first time."""
        key: Any = entry.get("key")
        if not isinstance(key, str) or len(key) < _KEY_SIZE:
            return False
        if self._key is None and _same(entry.get("token"), self.token):
            self._key = key
        return self._key is not None and _same(key, self._key)

    async def _hold(self, receive: Receive, send: Send) -> None:
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


def _entry(text: object) -> dict[str, Any]:
    if not isinstance(text, str) or len(text) > _ENTER_SIZE:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        return {}


def _same(given: object, secret: str) -> bool:
    return isinstance(given, str) and secrets.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def _headers(scope: Scope) -> dict[str, str]:
    """Give the headers by lower case name; a name that comes twice has no value that could be trusted."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = "" if key in found else value.decode("latin-1")
    return found


async def _answer(
    send: Send,
    status: int,
    body: str | bytes,
    kind: str = "text/plain; charset=utf-8",
    *,
    whole: bool = True,
) -> None:
    data = body.encode() if isinstance(body, str) else body
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(data)).encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data if whole else b""})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
