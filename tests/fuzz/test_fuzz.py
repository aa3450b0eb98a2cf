"""Whatever a server says: documented errors only, no session that hangs, and nothing that is kept for ever."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import trio

from tests.canary import KEY
from tests.fuzz.mutations import Mutator
from tests.talk import get_weather
from trio_realtime import (
    AgentsException,
    GuardrailFunctionOutput,
    InternalError,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeRunner,
    output_guardrail,
    realtime_handoff,
)
from trio_realtime.model_events import RealtimeModelErrorEvent
from trio_realtime.openai.protocol import OpenAIProtocol
from trio_realtime.server import LocalServer
from trio_realtime.transport import memory
from trio_realtime.transport.base import Wire, WireRequest

FEW = 6_000
MANY = 200_000
EACH = 400
"""Messages that one session is told."""
CREATED = {"type": "session.created", "event_id": "e", "session": {"type": "realtime"}}
UPDATED = {"type": "session.updated", "event_id": "e", "session": {"type": "realtime"}}
MARK = {"type": "input_audio_buffer.dtmf_event_received", "event": "#", "received_at": 1}


@output_guardrail
def careful(_context: Any, _agent: Any, output: str) -> GuardrailFunctionOutput:
    """Trip at some words."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="item_3" in output)


def make_agent() -> RealtimeAgent[Any]:
    second = RealtimeAgent[Any](name="Second", tools=[get_weather])
    first = RealtimeAgent[Any](name="First", tools=[get_weather], handoffs=[realtime_handoff(second)])
    second.handoffs = [realtime_handoff(first)]
    return first


@attrs.define
class Service:
    """A server that says what it is given, and then waits."""

    messages: Iterator[str | bytes]
    said: int = 0
    done: bool = False

    async def serve(self, wire: Wire, _: WireRequest) -> None:
        async with trio.open_nursery() as nursery:
            configured = trio.Event()
            nursery.start_soon(self._listen, wire, configured)
            await wire.send(json.dumps(CREATED))
            await configured.wait()
            for message in self.messages:
                self.said += 1
                if isinstance(message, bytes):
                    await wire.send_binary(message)  # type: ignore[attr-defined]
                else:
                    await wire.send(message)
                if self.said % EACH == 0:
                    break
            else:
                self.done = True
            await wire.send(json.dumps(MARK))
            await trio.sleep_forever()

    async def _listen(self, wire: Wire, configured: trio.Event) -> None:
        while True:
            if json.loads(await wire.receive()).get("type") == "session.update":
                await wire.send(json.dumps(UPDATED))
                configured.set()


async def record() -> list[str]:
    """Messages of a conversation with a tool, speech and an interruption."""
    found: list[str] = []
    server = LocalServer(pace=None)
    real = memory.MemoryWire.send

    async def send(wire: memory.MemoryWire, message: str | bytes) -> None:
        found.append(message if isinstance(message, str) else message.decode())
        await real(wire, message)

    memory.MemoryWire.send = send  # type: ignore[method-assign]
    try:
        model = OpenAIRealtimeWebSocketModel(transport=server.connector)
        async with await RealtimeRunner(make_agent(), model=model).run(model_config={"api_key": KEY}) as session:
            for words in ("Hello", "What is the weather in Oslo?"):
                await session.send_message(words)
                with trio.move_on_after(20):
                    async for event in session:
                        if event.type == "agent_end" and event.reason is None:
                            break
            await session.interrupt()
            await trio.sleep(5)
    finally:
        memory.MemoryWire.send = real  # type: ignore[method-assign]
    return [message for message in found if "response." in message or "conversation." in message or "input_" in message]


async def talk_once(service: Service, tally: Counter[str]) -> None:
    """Hold a session until the mark, or its end; everything that it says of errors is counted and checked."""

    async def accept(_: WireRequest) -> None: ...

    model = OpenAIRealtimeWebSocketModel(transport=memory.connector(service.serve, authorize=accept))
    config = {"reconnect": None, "output_guardrails": [careful], "raw_events": service.said % (2 * EACH) == 0}
    runner = RealtimeRunner(make_agent(), model=model, config=config)
    marked = False
    with trio.fail_after(120):
        try:
            async with await runner.run(model_config={"api_key": KEY}) as session:
                async for event in session:
                    if event.type == "error":
                        check(event.error, tally)
                    elif event.type == "dtmf" and event.event == "#":
                        marked = True
                        break
        except AgentsException as error:
            check(error, tally)
            tally["ended"] += 1
            return
    assert marked, "the session ended, and nobody said why"
    tally["whole"] += 1


def check(error: Any, tally: Counter[str]) -> None:
    """An error of the documented tree, but not a fault of the library."""
    assert isinstance(error, AgentsException), error
    if isinstance(error, InternalError):
        raise AssertionError(str(error)) from error.__cause__
    tally[type(error).__name__] += 1
    repr(error)


async def hold_sessions(count: int, seed: int) -> Counter[str]:
    tally: Counter[str] = Counter()
    service = Service(Mutator(seed, await record()).messages(count))
    held: list[int] = []
    while not service.done:
        await talk_once(service, tally)
        service.said += -service.said % EACH  # after an early end the next session begins to count anew
        tally["messages"] += EACH
        if len(held) < 2 or service.done:
            gc.collect()
            held.append(len(gc.get_objects()))
    assert held[-1] - held[1] < 3000, f"what one session leaves behind is kept: {held}"
    return tally


def translate(count: int, seed: int, recorded: list[str]) -> Counter[str]:
    """Give messages to protocols without a session; each lives for a thousand."""
    tally: Counter[str] = Counter()
    protocol = OpenAIProtocol(raw=True)
    for number, message in enumerate(Mutator(seed, recorded).messages(count)):
        if number % 1000 == 0:
            protocol = OpenAIProtocol(raw=number % 2000 == 0, restorable=number % 3000 == 0)
        for event in protocol.receive(message, float(number)):
            tally["events"] += 1
            if isinstance(event, RealtimeModelErrorEvent):
                check(event.error, tally)
        protocol.expire(float(number))
    return tally


@pytest.mark.wire_in_memory
async def test_a_few_messages(autojump_clock: Any) -> None:
    tally = await hold_sessions(FEW, 20)
    assert tally["messages"] >= FEW
    assert tally["ModelBehaviorError"] > FEW / 20, "that is how often something was wrong"
    assert tally["whole"] > 5


@pytest.mark.wire_in_memory
async def test_a_few_messages_without_a_session(autojump_clock: Any) -> None:
    tally = translate(FEW, 21, await record())
    assert tally["events"] > FEW / 2
    assert tally["ModelBehaviorError"] > FEW / 20


@pytest.mark.slow
@pytest.mark.wire_in_memory
@pytest.mark.parametrize("seed", range(4))
async def test_many_messages(autojump_clock: Any, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    tally = await hold_sessions(MANY // 4, 100 + seed)
    tally.update(translate(MANY // 4, 200 + seed, await record()))
    with capsys.disabled():
        print(f"\nfuzz, seed {seed}: {dict(tally)}")
    assert tally["messages"] >= MANY // 4
