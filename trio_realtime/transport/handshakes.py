"""The server's answer to a WebSocket handshake, and how a refusal is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus

import h11

from trio_realtime.errors import HandshakeRejected

__all__ = ["MAX_BODY", "HandshakeAnswer", "rejection", "status_text"]

MAX_BODY = 4096
"""How much of the body of a refusal is kept, in bytes."""

_ACCEPTED = 101
_REQUEST = [("Host", "localhost"), ("Connection", "Upgrade"), ("Upgrade", "websocket")]
_COOKIES = frozenset({"set-cookie", "set-cookie2"})


def rejection(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> HandshakeRejected:
    """Make the error for an answer other than 101: cookies left out, the body cut at 4 KiB."""
    kept: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower not in _COOKIES:
            kept[lower] = f"{kept[lower]}, {value}" if lower in kept else value
    return HandshakeRejected(
        f"the server refused the WebSocket handshake with HTTP status {status_text(status)}",
        status=status,
        headers=kept,
        body=body[:MAX_BODY].decode("utf-8", "replace"),
    )


def status_text(status: int) -> str:
    """Give an HTTP status with its official phrase, where it has one; a server's own phrase may say anything."""
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)


class HandshakeAnswer:
    """Reads along while the server answers.

    trio-websocket tells of a refusal only when its body is complete; one that ends with the connection, or never, would
    be taken for a lost connection or a timeout. Here the status is known as soon as it is read.
    """

    def __init__(self) -> None:
        self.malformed: bool = False
        self.on_settled: Callable[[], object] | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._http.send(h11.Request(method="GET", target="/", headers=_REQUEST))
        self._http.send(h11.EndOfMessage())
        self._status: int | None = None
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._complete = False

    @property
    def accepted(self) -> bool:
        """Whether the status is 101."""
        return self._status == _ACCEPTED

    @property
    def settled(self) -> bool:
        """Whether it is a refusal of which nothing more needs to be read."""
        return self._complete or (self._status is not None and not self.accepted and len(self._body) >= MAX_BODY)

    def feed(self, data: bytes) -> None:
        """Take what was read; b"" is the end of the stream."""
        if self.malformed or self.settled or self.accepted:
            return
        try:
            self._http.receive_data(data)
            while self._take(self._http.next_event()):
                pass
        except h11.RemoteProtocolError:
            # After the status line this is a body that was cut off: what there is of it is kept.
            self.malformed = self._status is None and data != b""
        if self.settled and self.on_settled is not None:
            self.on_settled()

    def behind(self) -> bytes:
        """Give what was read behind an answer of 101: the first WebSocket frames."""
        return self._http.trailing_data[0] if self.accepted else b""

    def refusal(self) -> HandshakeRejected | None:
        """Make the error of a refusal, if a status other than 101 was read."""
        if self._status is None or self.accepted:
            return None
        return rejection(self._status, self._headers, bytes(self._body))

    def _take(self, event: object) -> bool:
        """Take one HTTP event; says whether to go on."""
        match event:
            case h11.InformationalResponse(status_code=status):
                # 100 and 103 announce an answer that is still to come.
                self._status = status if status == _ACCEPTED else None
                return not self.accepted
            case h11.Response(status_code=status):
                self._status = status
                self._headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers]
                return True
            case h11.Data():
                self._body += event.data[: MAX_BODY - len(self._body)]
                return not self.settled
            case h11.EndOfMessage():
                self._complete = True
                return False
            case _:
                return False
