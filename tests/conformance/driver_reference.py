"""Plays the application's part of scenarios with the reference: a program of its own, driven by JSON lines.

Run by :mod:`tests.conformance.reference`. A line ``{"command": ..., ...}`` comes on stdin, its answer goes to stdout.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import agents
import agents.realtime
import agents.tool_context
from agents.realtime import openai_realtime

from .acts import act
from .cast import Cast
from .peer import MARKER
from .records import event_record, exception_record


def _raw_message(type: str, data: dict[str, Any]) -> Any:
    return LIB.RealtimeModelSendRawMessage(message={"type": type, "other_data": data})


def _names(module: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}


LIB = SimpleNamespace(
    **{**_names(agents), **_names(agents.realtime)},
    ToolContext=agents.tool_context.ToolContext,
    Event=asyncio.Event,
    raw_message=_raw_message,
)


async def settle() -> None:
    """Let the loop run until nothing is ready in it any more."""
    loop: Any = asyncio.get_running_loop()
    quiet = 0
    for _ in range(2000):
        await asyncio.sleep(0)
        quiet = quiet + 1 if not loop._ready else 0
        if quiet >= 6:
            return


class Application:
    """The application in one scenario."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.log: list[dict[str, Any]] = []
        self.cast: Any = None
        self.session: Any = None
        self.reading = asyncio.Event()
        self.reading.set()
        self.leave = asyncio.Event()
        self.entered = asyncio.Event()
        self.seen: set[str] = set()
        self.answered: set[str] = set()
        self.acts: set[asyncio.Task[None]] = set()
        self.main: asyncio.Task[None] | None = None

    async def on_event(self, event: Any) -> None:
        """Note markers, as a listener of the model."""
        if event.type == "raw_server_event" and event.data.get("type") == "rate_limits.updated":
            self.seen.add(event.data["event_id"])

    async def start(self, scenario: dict[str, Any], port: int) -> None:
        async def here(url: str, **options: Any) -> Any:
            parts = urlsplit(url)
            local = f"ws://127.0.0.1:{port}{parts.path}" + (f"?{parts.query}" if parts.query else "")
            return await connect(local, **options)

        openai_realtime.websockets = SimpleNamespace(connect=here, exceptions=websockets.exceptions)
        self.main = asyncio.create_task(self.run(scenario))
        await asyncio.wait_for(self.entered.wait(), 10)
        await settle()

    async def run(self, scenario: dict[str, Any]) -> None:
        try:
            self.cast = Cast(LIB, scenario)
            self.cast.log = self.log
            model = LIB.OpenAIRealtimeWebSocketModel()
            model.add_listener(self)
            runner = LIB.RealtimeRunner(self.cast.first, model=model, config=self.cast.run_config)
            run = await runner.run(context=self.cast.context, model_config=self.cast.model_config)
            async with run as self.session:
                self.cast.session = self.session
                reader = asyncio.create_task(self.read())
                self.entered.set()
                await self.leave.wait()
                reader.cancel()
        except Exception as error:  # noqa: BLE001
            self.log.append({"app": "left" if self.entered.is_set() else "connect", **exception_record(error)})
        finally:
            self.entered.set()

    async def read(self) -> None:
        try:
            await self.reading.wait()
            async for event in self.session:
                record = event_record(event)
                if record is not None:
                    self.events.append(record)
                await self.reading.wait()
        except Exception as error:  # noqa: BLE001
            self.events.append({"type": "end", **exception_record(error)})
        else:
            self.events.append({"type": "end"})

    async def mark(self, name: str) -> bool:
        for _ in range(200):
            if MARKER + name in self.seen:
                break
            await asyncio.sleep(0.001)
        else:
            return False
        await settle()
        try:
            await self.session.model.send_event(_raw_message("conversation.item.retrieve", {"item_id": MARKER + name}))
        except Exception:  # noqa: BLE001
            return False
        return True

    async def settle(self) -> int:
        await settle()
        return len(self.events) + len(self.log)

    async def do(self, act: str, value: Any) -> None:
        if act == "pause":
            self.reading.clear()
        elif act == "resume":
            self.reading.set()
        else:
            task = asyncio.create_task(self.act(act, value))
            self.acts.add(task)
            task.add_done_callback(self.acts.discard)
        await settle()

    async def act(self, name: str, value: Any) -> None:
        try:
            await act(LIB, self.session, self.cast, name, value)
        except Exception as error:  # noqa: BLE001
            self.log.append({"app": name, **exception_record(error)})

    async def wait(self, type: str, count: int) -> None:
        for _ in range(5000):
            if sum(event["type"] == type for event in self.events) >= count:
                return
            await asyncio.sleep(0.001)
        raise AssertionError(f"reference: no {type} number {count}; there were {[e['type'] for e in self.events]}")

    async def finish(self) -> dict[str, Any]:
        self.leave.set()
        if self.main is not None:
            await asyncio.wait_for(self.main, 10)
        await settle()
        if self.acts:
            self.log.append({"app": "unfinished", "number": len(self.acts)})
        for task in self.acts:
            task.cancel()
        return {"events": self.events, "app": self.log}


async def main() -> None:
    """Answer commands until stdin ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    application = Application()
    while line := await reader.readline():
        command = json.loads(line)
        name, number = command.pop("command"), command.pop("number")
        if name == "new":
            application = Application()
            result: Any = None
        else:
            try:
                result = await getattr(application, name)(**command)
            except Exception:  # noqa: BLE001
                print(json.dumps({"number": number, "error": traceback.format_exc()}), flush=True)
                continue
        print(json.dumps({"number": number, "result": result}, default=str), flush=True)


import websockets  # noqa: E402

connect = websockets.connect

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    agents.set_tracing_disabled(True)
    asyncio.run(main())
