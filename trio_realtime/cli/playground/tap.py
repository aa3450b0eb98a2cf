"""The raw wire, for whoever wants to see it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias, cast

import attrs
import msgspec.json

from trio_realtime.cli.elided import elided
from trio_realtime.transport.base import Connector, Wire, WireRequest, WireStatistics

__all__ = ["Direction", "RawLog", "Shown", "Tap", "is_microphone", "shortened", "tapped"]

Direction: TypeAlias = Literal["sent", "received"]
Tap: TypeAlias = Callable[[Direction, str | bytes], None]
"""Is shown every message; not a checkpoint."""

_LONG: Final = 120
_LONGEST: Final = 20_000
_KEPT: Final = 1024 * 1024
_KEPT_MESSAGES: Final = 500
_MICROPHONE: Final = "input_audio_buffer.append"
_TYPE_WITHIN: Final = 200


def tapped(connector: Connector, tap: Tap) -> Connector:
    """Give a connector whose messages are shown to ``tap``. Headers, and with them the key, are not."""

    @asynccontextmanager
    async def connect(request: WireRequest) -> AsyncGenerator[Wire, None]:
        async with connector(request) as wire:
            yield _Tapped(wire, tap)

    return connect


class _Tapped(Wire):
    def __init__(self, wire: Wire, tap: Tap) -> None:
        self._wire = wire
        self._tap = tap

    async def send(self, message: str | bytes) -> None:
        self._tap("sent", message)
        await self._wire.send(message)

    async def send_many(self, messages: Sequence[str | bytes]) -> None:
        for message in messages:
            self._tap("sent", message)
        await self._wire.send_many(messages)

    def send_nowait(self, message: bytes | str) -> bool:
        sent = self._wire.send_nowait(message)
        if sent:
            self._tap("sent", message)
        return sent

    async def receive(self) -> str | bytes:
        message = await self._wire.receive()
        self._tap("received", message)
        return message

    def receive_nowait(self) -> str | bytes | None:
        message = self._wire.receive_nowait()
        if message is not None:
            self._tap("received", message)
        return message

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await self._wire.aclose(code, reason)

    def statistics(self) -> WireStatistics:
        return self._wire.statistics()


@attrs.frozen
class Shown:
    """A message of the wire as it may be shown.

    Attributes:
        at: seconds since the call began.
        direction: which way it went.
        kind: the type of its event.
        text: the event, without audio and secrets, and not longer than 20,000 characters.
    """

    at: float
    direction: Direction
    kind: str
    text: str


class RawLog:
    """The newest messages of the wire, as they may be shown: at most 500, and 1 MiB of text.

    The audio of the microphone is not kept: there are fifty pieces a second, and nothing else would be left.
    """

    def __init__(self, most: int = _KEPT) -> None:
        self._most = most
        self._kept: deque[Shown] = deque()
        self._size = 0

    def __iter__(self) -> Iterator[Shown]:
        """Give them, the oldest first."""
        return iter(self._kept)

    def keep(self, shown: Shown) -> None:
        """Keep one more."""
        self._kept.append(shown)
        self._size += len(shown.text)
        while self._size > self._most or len(self._kept) > _KEPT_MESSAGES:
            self._size -= len(self._kept.popleft().text)


def is_microphone(message: str | bytes) -> bool:
    """Whether this is a piece of the microphone's audio, told from its beginning."""
    head = message[:_TYPE_WITHIN]
    return _MICROPHONE in (head if isinstance(head, str) else head.decode("utf-8", "replace"))


def shortened(message: str | bytes) -> tuple[str, str]:
    """Give the type of a message and its text, with long strings (audio above all) replaced by their length."""
    try:
        event: Any = msgspec.json.decode(message)
        shown = elided(event, longest=_LONG, words=True)
        text = msgspec.json.encode(shown).decode()
    except (ValueError, RecursionError):
        return "?", f"<{len(message)} of something that is no JSON>"
    kind = str(cast("dict[str, Any]", event).get("type", "?")) if isinstance(event, dict) else "?"
    return kind[:_LONG], text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
