"""Plays the application's part of a scenario with trio_realtime, in the calling trio program."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import attrs
import trio
import trio.testing

import trio_realtime
from trio_realtime.transport.base import Wire, WireRequest, WireStatistics
from trio_realtime.transport.trio_websocket import connect

from .acts import act
from .cast import Cast
from .peer import MARKER
from .records import event_record, exception_record


def _raw_message(type: str, data: dict[str, Any]) -> Any:
    message = trio_realtime.RealtimeModelRawClientMessage(type=type, other_data=data)
    return trio_realtime.RealtimeModelSendRawMessage(message=message)


LIB = SimpleNamespace(
    **{name: getattr(trio_realtime, name) for name in dir(trio_realtime) if not name.startswith("_")},
    Event=trio.Event,
    raw_message=_raw_message,
)


class _MarkedWire(Wire):
    """Notes the markers that the session has taken from the wire."""

    def __init__(self, wire: Wire, seen: Any) -> None:
        self._wire = wire
        self._seen = seen

    async def send(self, message: str | bytes) -> None:
        await self._wire.send(message)

    async def receive(self) -> str | bytes:
        message = await self._wire.receive()
        self._seen(message)
        return message

    def receive_nowait(self) -> str | bytes | None:
        message = self._wire.receive_nowait()
        self._seen(message)
        return message

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await self._wire.aclose(code, reason)

    def statistics(self) -> WireStatistics:
        return self._wire.statistics()


class OursDriver:
    """The application, driven by commands."""

    name = "ours"

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._events: list[dict[str, Any]] = []
        self._session: Any = None
        self._cast: Any = None
        self._entered = trio.Event()
        self._leave = trio.Event()
        self._left = trio.Event()
        self._reading = trio.Event()
        self._reading.set()
        self._marker: str | None = None
        self._marked = trio.Event()
        self._acts = 0

    def _seen(self, message: Any) -> None:
        if message is not None and self._marker is not None and MARKER + self._marker + '"' in str(message):
            self._marked.set()

    @asynccontextmanager
    async def _connect(self, port: int, request: WireRequest) -> AsyncGenerator[Wire, None]:
        parts = urlsplit(request.url)
        url = f"ws://127.0.0.1:{port}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        async with connect(attrs.evolve(request, url=url)) as wire:
            yield _MarkedWire(wire, self._seen)

    async def start(self, scenario: dict[str, Any], port: int) -> None:
        """Build the cast, connect, and begin to read."""
        self._nursery.start_soon(self._run, scenario, port)
        with trio.fail_after(10):
            await self._entered.wait()
        await trio.testing.wait_all_tasks_blocked()

    async def _run(self, scenario: dict[str, Any], port: int) -> None:
        log: list[dict[str, Any]] = []
        try:
            self._cast = Cast(LIB, scenario)
            log = self._cast.log
            model = LIB.OpenAIRealtimeWebSocketModel(transport=functools.partial(self._connect, port))
            runner = LIB.RealtimeRunner(
                self._cast.first, model=model, config={"reconnect": None, **self._cast.run_config}
            )
            run = await runner.run(context=self._cast.context, model_config=self._cast.model_config)
            async with run as self._session:
                self._cast.session = self._session
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read)
                    self._entered.set()
                    await self._leave.wait()
                    nursery.cancel_scope.cancel()
        except Exception as error:  # noqa: BLE001
            log.append({"app": "left" if self._entered.is_set() else "connect", **exception_record(error)})
            self._cast = self._cast or SimpleNamespace(log=log)
        finally:
            self._entered.set()
            self._left.set()

    async def _read(self) -> None:
        try:
            await self._reading.wait()
            async for event in self._session:
                record = event_record(event)
                if record is not None:
                    self._events.append(record)
                await self._reading.wait()
        except Exception as error:  # noqa: BLE001
            self._events.append({"type": "end", **exception_record(error)})
        else:
            self._events.append({"type": "end"})

    async def mark(self, name: str) -> bool | None:
        """Wait a moment for a marker to be read and everything to settle; answer it.

        Returns:
            whether it was read; None if nothing is read any more, because the session has ended.
        """
        if self._marker != name:
            self._marker, self._marked = name, trio.Event()
        with trio.move_on_after(0.2):
            await self._marked.wait()
        if not self._marked.is_set():
            return self._is_over()
        await trio.testing.wait_all_tasks_blocked()
        try:
            raw = _raw_message("conversation.item.retrieve", {"item_id": MARKER + name})
            await self._session.model.send_event(raw)
        except LIB.AgentsException:
            return self._is_over()
        return True

    def _is_over(self) -> bool | None:
        return None if any(event["type"] == "end" for event in self._events) else False

    async def settle(self) -> int:
        """Wait until nothing moves, and give a number that grows with what has happened."""
        await trio.testing.wait_all_tasks_blocked()
        return len(self._events) + len(self._cast.log)

    async def do(self, name: str, value: Any) -> None:
        """Begin to do something, and let it settle."""
        if name in ("pause", "resume"):
            if name == "pause":
                self._reading = trio.Event()
            else:
                self._reading.set()
            return
        self._nursery.start_soon(self._act, name, value)
        await trio.testing.wait_all_tasks_blocked()

    async def _act(self, name: str, value: Any) -> None:
        self._acts += 1
        try:
            await act(LIB, self._session, self._cast, name, value)
        except Exception as error:  # noqa: BLE001
            self._cast.log.append({"app": name, **exception_record(error)})
        finally:
            self._acts -= 1

    async def wait(self, type: str, number: int) -> None:
        """Wait for the ``number``-th event of a type."""
        with trio.move_on_after(5):
            while sum(event["type"] == type for event in self._events) < number:
                await trio.sleep(0.001)
            return
        raise AssertionError(f"ours: no {type} number {number}; there were {[e['type'] for e in self._events]}")

    async def finish(self) -> dict[str, Any]:
        """Leave the session, and give what was seen."""
        self._leave.set()
        with trio.fail_after(10):
            await self._left.wait()
        await trio.testing.wait_all_tasks_blocked()
        if self._acts:
            self._cast.log.append({"app": "unfinished", "number": self._acts})
        return {"events": self._events, "app": self._cast.log}
