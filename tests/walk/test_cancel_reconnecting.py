"""A conversation whose connection is lost twice, cancelled at its checkpoints: nothing is left, in bounded time."""

from __future__ import annotations

import random

import pytest
import trio

from tests.walk.walker import walk
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner, function_tool
from trio_realtime.server import CloseWith, Drop, LocalServer, RejectHandshake
from trio_realtime.transport.base import Connector

SAMPLE = 40
PARTS = 4


def make_server() -> LocalServer:
    return LocalServer(
        pace=20.0,
        faults=[
            Drop(event="response.output_audio.done"),
            RejectHandshake(503, connection=2),
            CloseWith(1011, event="response.function_call_arguments.done"),
        ],
    )


@function_tool
async def get_weather(city: str) -> str:
    """Say what the weather is like."""
    await trio.sleep(0.1)
    return f"It is sunny in {city}."


async def conversation(connector: Connector) -> None:
    agent = RealtimeAgent("A", instructions="Be brief.", tools=[get_weather])
    runner = RealtimeRunner(agent, model=OpenAIRealtimeWebSocketModel(transport=connector))
    async with await runner.run(model_config={"api_key": "any"}) as session:
        for words in ("Hello", "What is the weather in Paris?"):
            await session.send_message(words)
            async for event in session:
                last = session.history[-1] if session.history else None
                if event.type == "agent_end" and event.status == "completed" and last.type == "message":
                    break
        assert session.statistics().reconnects == 2


def check(k: int) -> None:
    walk(conversation, make_server, k)


@pytest.fixture(scope="module")
def steps() -> int:
    result = walk(conversation, make_server, None)
    assert not result.cancelled
    return result.steps


def test_cancelled_at_a_sample_of_checkpoints(steps):
    for k in sorted(random.Random(7).sample(range(60, steps), SAMPLE)):
        check(k)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_cancelled_at_every_checkpoint(steps, part):
    for k in range(60 + part, steps + 1, PARTS):
        check(k)
