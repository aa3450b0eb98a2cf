"""What goes over the connections of a local server, for ``serve --verbose``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec.json
import trio

from trio_realtime.cli.elided import elided
from trio_realtime.openai.server_events import SERVER_EVENTS
from trio_realtime.server import LocalServer, Rewrite, ServerConnection

__all__ = ["watch_server"]

_LOOK_SECONDS: Final = 0.05
_LONG: Final = 60
_WIDTH: Final = 160


async def watch_server(server: LocalServer, write: Callable[[str], None]) -> None:
    """Tell of connections that come and go and of the events on them, until cancelled.

    Args:
        server: the server.
        write: gets the lines.
    """
    watch = _Watch(server, write)
    for kind in SERVER_EVENTS:
        server.fault(Rewrite(event=kind, times=None, change=watch.sent))  # it changes nothing, and sees every event
    while True:
        watch.look()
        await trio.sleep(_LOOK_SECONDS)


class _Watch:
    """Tells of what the server sends at once, and of what it receives before that, or soon after it came."""

    def __init__(self, server: LocalServer, write: Callable[[str], None]) -> None:
        self._server = server
        self._write = write
        self._last: dict[int, Mapping[str, Any] | None] = {}
        self._gone: set[int] = set()

    def sent(self, event: dict[str, Any]) -> dict[str, Any]:
        """Tell of an event on its way to a client, and give it back as it is."""
        self.look()
        self._write(f"-> {_short(event)}")
        return event

    def look(self) -> None:
        """Tell of what came since the last look."""
        for connection in self._server.connections:
            number = connection.number
            if number in self._gone:
                continue
            if number not in self._last:
                self._write(f"connection {number} has begun")
            self._follow(connection)
            if connection.closed:
                self._gone.add(number)
                self._write(f"connection {number} has ended: {connection.close_code or 'no close frame'}")

    def _follow(self, connection: ServerConnection) -> None:
        last = self._last.get(connection.number)
        news = list(itertools.takewhile(partial(_is_not, last), reversed(connection.received)))
        for event in reversed(news):
            self._write(f"<- {_short(event)}")
        self._last[connection.number] = news[0] if news else last


def _is_not(one: object, other: object) -> bool:
    return one is not other


def _short(event: Mapping[str, Any]) -> str:
    """Give an event on one line: its type, and the rest of it without what is long or secret."""
    shown: dict[str, Any] = elided(dict(event), longest=_LONG)
    rest = {key: value for key, value in shown.items() if key not in {"type", "event_id", "obfuscation"}}
    text = msgspec.json.encode(rest).decode()
    return f"{event.get('type')} {text if len(text) <= _WIDTH else text[:_WIDTH] + '...'}"
