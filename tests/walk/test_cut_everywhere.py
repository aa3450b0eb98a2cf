"""One rich conversation, with the connection cut after every frame of it, in every way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
import trio
import trio.testing

from tests.walk.cutter import Way
from trio_realtime import (
    AssistantMessageItem,
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSession,
    UserMessageItem,
    function_tool,
)

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
USER = [
    "Hello",
    "What is the weather in Paris?",
    "Please book a table for Ann",
    "Transfer me to billing",
    f"Say {LONG}",
    "Goodbye",
]
SAMPLE = 40
"""How many cuts the quick run makes, chosen by a fixed seed; the slow run makes all."""

Connectors = Callable[[Callable[[], Any]], Any]


@attrs.define
class Run:
    """What one run left."""

    history: list[tuple[str, ...]]
    calls: Counter[str]
    outputs: dict[str, int]
    told: list[tuple[str, ...]]
    frames: dict[Way, int]
    entered: bool
    reconnects: int
    left: int
    seconds: float


class Talk:
    """The application's side of the conversation."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.session: RealtimeSession[Any] | None = None
        self.given_ms = 0.0
        self.events: list[Any] = []
        self.changed = trio.Event()

        @function_tool
        async def get_weather(city: str) -> str:
            """Say what the weather is like."""
            self.calls["get_weather"] += 1
            await trio.sleep(0.7)
            return f"It is sunny in {city}."

        @function_tool(needs_approval=True)
        async def book_table(name: str) -> str:
            """Book a table."""
            self.calls["book_table"] += 1
            return f"Booked for {name}."

        billing = RealtimeAgent[Any]("Billing", instructions="Bill.")
        self.agent = RealtimeAgent[Any](
            "Desk", instructions="Be brief.", tools=[get_weather, book_table], handoffs=[billing]
        )

    async def hold(self, model: Any) -> None:
        runner = RealtimeRunner(self.agent, model=model)
        async with await runner.run(model_config={"api_key": "any"}) as session, trio.open_nursery() as nursery:
            self.session = session
            nursery.start_soon(self._read, session)
            for words in USER[:4]:
                await session.send_message(words)
                await self._reply()
            await session.send_message(USER[4])
            await self._heard(900)
            await session.interrupt()
            await trio.sleep(0.3)
            await session.send_message(USER[5])
            await self._reply()
            await trio.sleep(0.2)
            nursery.cancel_scope.cancel()

    async def _read(self, session: RealtimeSession[Any]) -> None:
        async for event in session:
            self.events.append(event)
            if event.type == "audio":
                self.given_ms += len(event.audio.data) / 48
            elif event.type in {"audio_interrupted", "agent_start"}:
                self.given_ms = 0.0
            elif event.type == "tool_approval_required":
                await session.approve_tool_call(event.call_id)
            self.changed.set()
            self.changed = trio.Event()

    async def _reply(self) -> None:
        """Wait for a whole reply after the last that the user said."""
        assert self.session is not None
        mark = len([item for item in self.session.history if isinstance(item, UserMessageItem)])
        while True:
            ended = [e for e in self.events if e.type == "agent_end" and e.status == "completed"]
            last = self.session.history[-1] if self.session.history else None
            users = [item for item in self.session.history if isinstance(item, UserMessageItem)]
            if isinstance(last, AssistantMessageItem) and last.status == "completed" and ended and len(users) >= mark:
                if users and users[-1].content[0].text == USER[len(users) - 1] and self._sent == len(users):
                    return
            await self.changed.wait()

    @property
    def _sent(self) -> int:
        return self._count

    async def _heard(self, ms: float) -> None:
        while self.given_ms < ms:
            await self.changed.wait()
        await trio.sleep(ms / 1000)
