"""The raw wire, for whoever wants to see it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias, cast

import msgspec.json

from trio_realtime.transport.base import Connector, Wire, WireRequest, WireStatistics

__all__ = ["Tap", "shortened", "tapped"]

Tap: TypeAlias = Callable[[Literal["sent", "received"], str | bytes], None]
"""Is shown every message; not a checkpoint."""

_LONG = 120


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

    def can_send_nowait(self) -> bool:
        return self._wire.can_send_nowait()

    def send_nowait(self, message: bytes | str) -> None:
        self._tap("sent", message)
        self._wire.send_nowait(message)

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


def shortened(message: str | bytes) -> tuple[str, str]:
    """Give the type of a message and its text, with long strings (audio above all) replaced by their length."""
    try:
        event: Any = msgspec.json.decode(message)
    except msgspec.DecodeError:
        return "?", f"<{len(message)} of something that is no JSON>"
    kind = str(cast("dict[str, Any]", event).get("type", "?")) if isinstance(event, dict) else "?"
    return kind, msgspec.json.encode(_elided(event)).decode()


def _elided(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONG or " " in value else f"<{len(value)} characters>"
    if isinstance(value, dict):
        return {key: _elided(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return list(map(_elided, value))  # pyright: ignore[reportUnknownArgumentType]
    return value
