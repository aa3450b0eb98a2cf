"""One rich conversation, with the connection cut after every frame of it, in every way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from tests.walk.cutter import HOWS, WAYS, CutStream, How, Way
from trio_realtime import (
    AssistantMessageItem,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeConnectionError,
    RealtimeRunner,
    RealtimeSession,
    RealtimeTimeoutError,
    RealtimeToolCallItem,
    UserMessageItem,
    function_tool,
)
from trio_realtime.server import EngineRequest, EngineStep, LocalServer, RulesEngine
from trio_realtime.server.engines.rules import answer
from trio_realtime.transport import trio_websocket

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


class Repeating(RulesEngine):
    """Says again from the start what it was cut off in: what it has begun to say is nothing to it."""

    def open(self) -> Repeating:
        return self

    async def respond(self, request: EngineRequest) -> AsyncIterator[EngineStep]:
        items = list(request.items)
        while items and items[-1].get("role") == "assistant":
            items.pop()
        for step in answer(attrs.evolve(request, items=items)):
            yield step


@attrs.frozen
class Run:
    """What one run left.

    Attributes:
        entered: the session was entered; else the connection was cut while it was being made.
        history: who said what, by the application's history, and the tools' outputs.
        told: the same, by the conversation that the server has at the end.
        calls: how often each tool was run.
        frames: how many frames passed on the first connection, by direction.
        leftover: tasks that were left.
    """

    entered: bool
    history: tuple[tuple[str, ...], ...]
    told: tuple[tuple[str, ...], ...]
    calls: Counter[str]
    frames: dict[str, int]
    leftover: int


class Call:
    """The application's side of the conversation."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.session: RealtimeSession[Any] | None = None
        self.given_ms = 0.0
        self.plays_until = 0.0
        self.changed = trio.Event()

        @function_tool
        async def get_weather(city: str) -> str:
            """Say what the weather is like."""
            self.calls["get_weather"] += 1
            await trio.sleep(0.7)
            return f"It is sunny in {city}."

        @function_tool(needs_approval=True)
        async def book_table(name: str) -> str:
            """Book a table for somebody."""
            self.calls["book_table"] += 1
            return f"Booked for {name}."

        billing = RealtimeAgent[Any]("Billing", instructions="Bill.")
        tools = [get_weather, book_table]
        self.agent = RealtimeAgent[Any]("Desk", instructions="Be brief.", tools=tools, handoffs=[billing])

    async def hold(self, model: Any, *, close: bool = False) -> None:
        """Hold it; with ``close`` the session is closed, shielded, before its block is left."""
        # a silence is noticed before the session's own deadlines pass, or the handoff would fail by its own
        runner = RealtimeRunner(self.agent, model=model, config={"timeouts": {"heartbeat": 8}})
        async with await runner.run(model_config={"api_key": "any"}) as session:
            try:
                await self._talk(session)
            finally:
                if close:
                    with trio.CancelScope(shield=True):
                        await session.close()

    async def _talk(self, session: RealtimeSession[Any]) -> None:
        async with trio.open_nursery() as nursery:
            self.session = session
            nursery.start_soon(self._read, session)
            for number, words in enumerate(USER):
                self.given_ms = 0.0
                await session.send_message(words)
                if words.startswith("Say"):
                    await self._until(lambda: self.given_ms >= 900)
                    await trio.sleep(0.6)
                    await session.interrupt()
                    await trio.sleep(0.2)
                else:
                    await self._until(lambda number=number: self._answered(number + 1))
                    while trio.current_time() < self.plays_until:
                        await trio.sleep_until(self.plays_until)
            assert session.current_agent.name == "Billing"
            nursery.cancel_scope.cancel()

    async def _read(self, session: RealtimeSession[Any]) -> None:
        async for event in session:
            if event.type == "audio":
                length = len(event.audio.data) / 48
                self.given_ms += length
                self.plays_until = max(self.plays_until, trio.current_time()) + length / 1000
            elif event.type == "audio_interrupted":
                self.given_ms, self.plays_until = 0.0, trio.current_time()
            elif event.type == "agent_start":
                self.given_ms = 0.0
            elif event.type == "tool_approval_required":
                await session.approve_tool_call(event.call_id)
            self.changed.set()
            self.changed = trio.Event()

    def _answered(self, messages: int) -> bool:
        """Say whether the last of so many messages has a whole reply in words."""
        assert self.session is not None
        history = self.session.history
        users = [item for item in history if isinstance(item, UserMessageItem)]
        last = history[-1] if history else None
        return len(users) == messages and isinstance(last, AssistantMessageItem) and last.status == "completed"

    async def _until(self, true: Callable[[], bool]) -> None:
        with trio.fail_after(120):
            while not true():
                await self.changed.wait()


def without_repetitions(said: list[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Leave out what stands before its own repetition, and cut what was interrupted where it surely was heard."""
    kept: list[tuple[str, ...]] = []
    for entry in said:
        if kept and entry[0] == kept[-1][0] == "assistant":
            if entry[1].startswith(kept[-1][1]):
                kept.pop()
            elif LONG.startswith(entry[1]) and LONG.startswith(kept[-1][1]):
                continue
        kept.append(entry)
    return tuple(("assistant", "one") if LONG.startswith(one[-1]) and one[-1] != LONG else one for one in kept)


def local_history(session: RealtimeSession[Any]) -> tuple[tuple[str, ...], ...]:
    said: list[tuple[str, ...]] = []
    for item in session.history:
        if isinstance(item, RealtimeToolCallItem):
            said.append(("tool", item.name, item.arguments, str(item.output)))
        else:
            words = [getattr(part, "text", None) or getattr(part, "transcript", None) or "" for part in item.content]
            said.append((item.role, "".join(words)))
    return without_repetitions(said)


def server_history(server: LocalServer) -> tuple[tuple[str, ...], ...]:
    """What the server knows; a reply that it cut itself has no words there."""
    items = [item.wire for item in server.connections[-1].state.conversation]
    outputs: dict[str, list[str]] = {}
    for item in items:
        if item["type"] == "function_call_output":
            outputs.setdefault(item["call_id"], []).append(item["output"])
    said: list[tuple[str, ...]] = []
    for item in items:
        if item["type"] == "function_call":
            said.append(("tool", item["name"], item["arguments"], *outputs.get(item["call_id"], [])))
        elif item["type"] == "message":
            words = [part.get("text") or part.get("transcript") or "" for part in item["content"]]
            said.append((item["role"], "".join(words) or "one"))
    return without_repetitions(said)


def run(how: How, way: Way, frame: int | None, make: Connectors = trio_websocket.stream_connector) -> Run:
    """Hold the conversation, with the first connection cut after its ``frame``-th frame."""

    async def main() -> Run:
        server, call, cuts = LocalServer(Repeating(), pace=8.0), Call(), list[CutStream]()
        before = trio.lowlevel.current_statistics().tasks_living
        entered = True
        async with trio.open_nursery() as servers:

            async def open_stream() -> trio.abc.Stream:
                client, other = trio.testing.memory_stream_pair()
                servers.start_soon(server.serve_stream, other)
                cuts.append(CutStream(client, how, way, None if cuts else frame))
                return cuts[-1]

            try:
                await call.hold(OpenAIRealtimeWebSocketModel(transport=make(open_stream)))
            except (RealtimeConnectionError, RealtimeTimeoutError):
                if call.session is not None:
                    raise
                entered = False
            servers.cancel_scope.cancel()
        living = trio.lowlevel.current_statistics().tasks_living
        return Run(
            entered=entered,
            history=local_history(call.session) if call.session is not None else (),
            told=server_history(server),
            calls=call.calls,
            frames={"in": cuts[0].into.count, "out": cuts[0].out.count},
            leftover=living - before,
        )

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@cache
def whole() -> Run:
    """The conversation without a cut."""
    return run("eof", "in", None)


def fault(how: How, way: Way, frame: int, make: Connectors = trio_websocket.stream_connector) -> str | None:
    """Cut there, and say what is wrong then; None for nothing."""
    try:
        result = run(how, way, frame, make)
    except BaseException as error:  # noqa: BLE001
        return f"{how} after {way} {frame}: {error!r}"
    expected = whole()
    wrong = [
        name
        for name in ("history", "told", "calls", "leftover")
        if result.entered and getattr(result, name) != getattr(expected, name)
    ]
    if not result.entered and (frame > 3 or result.leftover):
        wrong.append("entered")
    return "".join(f"\n{how} after {way} {frame}: {name}: {getattr(result, name)}" for name in wrong) or None


def places() -> list[tuple[How, Way, int]]:
    return [(how, way, frame) for how in HOWS for way in WAYS for frame in range(1, whole().frames[way] + 1)]


def check(chosen: list[tuple[How, Way, int]], name: str, make: Connectors = trio_websocket.stream_connector) -> None:
    faults = [found for place in chosen if (found := fault(*place, make)) is not None]
    print(f"\n{name}: {len(chosen)} runs, {len(faults)} failures")
    assert not faults, "\n".join(faults[:5])


def test_the_conversation_is_rich():
    result = whole()
    assert result.entered
    assert [one[0] for one in result.history] == [
        "user", "assistant", "user", "tool", "assistant", "user", "tool", "assistant",
        "user", "tool", "assistant", "user", "assistant", "user", "assistant",
    ]  # fmt: skip
    assert [one[1] for one in result.history if one[0] == "tool"] == [
        "get_weather", "book_table", "transfer_to_billing"
    ]  # fmt: skip
    assert ("assistant", "one") in result.history  # it was interrupted
    assert result.told == result.history
    assert result.calls == {"get_weather": 1, "book_table": 1}
    assert result.leftover == 0
    assert min(result.frames.values()) > 10


def test_cut_at_a_sample_of_frames():
    check(random.Random(31).sample(places(), SAMPLE), "cut at a sample of frames")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", HOWS)
def test_cut_at_every_frame(how, way):
    check([place for place in places() if place[:2] == (how, way)], f"{how}, {way}")


@pytest.mark.slow
def test_cut_at_every_frame_over_websockets():
    websockets = pytest.importorskip("trio_realtime.transport.websockets")
    check([place for place in places() if place[0] == "eof"], "websockets, eof", websockets.stream_connector)
