"""A session that is seeded, kept in a store, edited and limited, cancelled at its checkpoints: it is always let go."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.canary import KEY
from tests.session_tasks.test_saving import Shelf
from tests.talk import make_agent
from tests.walk.walker import walk
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeRunner
from trio_realtime.server import LocalServer
from trio_realtime.snapshot import read_snapshot
from trio_realtime.transport.base import Connector

SAMPLE = 60
PARTS = 4
HISTORY: list[Any] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "My name is Robin."}]},
    {"type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": "Hello Robin."}]},
]


class Scenario:
    """Two processes' worth of one call, the second from where the first has left it."""

    def __init__(self) -> None:
        self.shelf = Shelf()

    async def __call__(self, connector: Connector) -> None:
        model = OpenAIRealtimeWebSocketModel(transport=connector)
        runner = RealtimeRunner(make_agent(), model=model, config={"limits": {"max_seconds": 600}})
        for text in ("What is the weather in Oslo?", "Thank you, good bye"):
            session = await runner.run(
                model_config={"api_key": KEY}, store=self.shelf, session_id="call", history=HISTORY
            )
            async with session:
                hint = await session.add_item("system", "Be kind.", after="root")
                await session.replace_item(hint, "Be very kind.")
                await session.send_message(text)
                ends = 2 if "weather" in text else 1
                async for event in session:
                    ends -= event.type == "agent_end"
                    if not ends:
                        break
                await session.delete_item(session.history[0].item_id)


def check(k: int | None) -> Any:
    scenario = Scenario()
    result = walk(scenario, lambda: LocalServer(pace=None), k)
    assert set(result.close_codes) <= {1000}, result
    assert scenario.shelf.leases == {}
    if "call" in scenario.shelf.kept:
        kept = read_snapshot(scenario.shelf.now())
        assert len({item.item_id for item in kept.history}) == len(kept.history)
    return result


@pytest.fixture(scope="module")
def steps() -> int:
    result = check(None)
    assert not result.cancelled
    assert result.close_codes == (1000, 1000)
    return int(result.steps)


def test_cancelled_at_a_sample_of_checkpoints(steps: int) -> None:
    assert steps > 300
    for k in sorted(random.Random(5).sample(range(1, steps), SAMPLE)):
        check(k)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_cancelled_at_every_checkpoint(steps: int, part: int) -> None:
    for k in range(1 + part, steps + 1, PARTS):
        check(k)
