"""The outgoing half of a connection of the local server: a bounded queue, its one writer, and the faults in its way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

import attrs
import msgspec.json
import trio

from trio_realtime.errors import UserError
from trio_realtime.server.faults import (
    CloseWith,
    Delay,
    Drop,
    FaultPlan,
    Frame,
    Inject,
    Rewrite,
    Stall,
    StreamFault,
    Withhold,
)
from trio_realtime.server.settings import Json
from trio_realtime.transport.base import Wire
from trio_realtime.transport.memory import MemoryWire
from trio_realtime.transport.websocket_wire import WebSocketWire

__all__ = ["Cut", "Outgoing"]

Cut: TypeAlias = Callable[[bool], None]
"""Ends a connection without a close frame; with True as a reset."""


@attrs.frozen
class _Raw:
    """A message that is no server event, and passes no faults."""

    frame: Frame


@attrs.frozen
class _End:
    """The end: a close with a code, or a cut."""

    code: int | None
    reason: str = ""
    reset: bool = False


class Outgoing:
    """Messages on their way to one client, in the order in which they were posted.

    :meth:`post` never waits, so that what the state machine gives stays in order; whoever makes more waits for
    :meth:`room` first.
    """

    def __init__(self, wire: Wire, cut: Cut, plan: FaultPlan, *, number: int, limit: int) -> None:
        self._wire = wire
        self._cut = cut
        self._plan = plan
        self._number = number
        self._limit = limit
        self._queue: deque[Json | _Raw | _End] = deque()
        self._wake = trio.Event()
        self._space = trio.Event()
        self._silent = False
        self.sent = 0

    def post(self, events: Iterable[Json]) -> None:
        """Queue server events. Not a checkpoint."""
        self._queue.extend(events)
        self._wake.set()

    def post_raw(self, frame: Frame) -> None:
        """Queue a message that is no server event. Not a checkpoint."""
        self._queue.append(_Raw(frame))
        self._wake.set()

    def post_end(self, code: int | None, reason: str = "", *, reset: bool = False) -> None:
        """Queue the end of the connection; code None cuts it off. Not a checkpoint."""
        self._queue.append(_End(code, reason, reset))
        self._wake.set()

    async def room(self) -> None:
        """Wait until fewer messages wait than the limit. A checkpoint only if it has to wait."""
        while len(self._queue) >= self._limit:
            await self._space.wait()

    async def write(self) -> None:
        """Send what is queued until the end was sent.

        Raises:
            RealtimeConnectionError: the connection has ended.
            RealtimeTimeoutError: the client takes no data.
        """
        _, going = await self._strike(self._plan.after(self._number, 0), None)
        while going:
            while self._queue:
                entry = self._queue.popleft()
                if len(self._queue) < self._limit:
                    self._space.set()
                    self._space = trio.Event()
                going = await self._send(entry)
                if not going:
                    return
            self._wake = trio.Event()
            await self._wake.wait()

    async def _send(self, entry: Json | _Raw | _End) -> bool:
        """Send one entry; False when the connection is at its end."""
        if isinstance(entry, _End):
            await self._finish(entry)
            return False
        if self._silent:
            return True
        if isinstance(entry, _Raw):
            await self._send_frame(entry.frame)
            return True
        frame, going = await self._strike(self._plan.before(entry["type"], self._number, self.sent), entry)
        if not going or frame is None or self._silent:
            return going
        await self._send_frame(frame)
        self.sent += 1
        _, going = await self._strike(self._plan.after(self._number, self.sent), None)
        return going

    async def _strike(self, faults: list[StreamFault], event: Json | None) -> tuple[Frame | None, bool]:
        """Let faults happen; give what is to be sent in the event's place, and whether the connection goes on."""
        frame: Frame | None = event
        for fault in faults:
            match fault:
                case Drop():
                    await self._finish(_End(None, reset=fault.reset))
                    return None, False
                case CloseWith():
                    await self._finish(_End(fault.code, fault.reason))
                    return None, False
                case Delay():
                    await trio.sleep(fault.seconds)
                case Inject():
                    await self._send_frame(fault.frame)
                case Rewrite() if event is not None:
                    frame = fault.change(event)
                case Withhold():
                    frame = None
                case Stall():
                    self._silent = True
                case _:
                    pass
        return frame, True

    async def _finish(self, end: _End) -> None:
        if end.code is None:
            self._cut(end.reset)
        else:
            await self._wire.aclose(end.code, end.reason)

    async def _send_frame(self, frame: Frame) -> None:
        if isinstance(frame, bytes):
            await _send_binary(self._wire, frame)
        elif isinstance(frame, str):
            await self._wire.send(frame)
        else:
            await self._wire.send(msgspec.json.encode(frame))


async def _send_binary(wire: Wire, frame: bytes) -> None:
    if not isinstance(wire, (MemoryWire, WebSocketWire)):
        raise UserError("this wire has no binary messages")
    await wire.send_binary(frame)
