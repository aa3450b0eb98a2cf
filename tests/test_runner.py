from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.session_tasks.support import scripted
from trio_realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeRunConfig,
    RealtimeRunner,
    UserError,
    UserTypeError,
)

AGENT = RealtimeAgent[Any]("A")


@pytest.mark.parametrize("config", [None, {}, {"raw_events": True}, RealtimeRunConfig()])
async def test_any_number_of_sessions_from_one_runner(autojump_clock: Any, config: Any) -> None:
    runner = RealtimeRunner(AGENT, model=scripted(), config=config)
    first, second = await runner.run(context=1), await runner.run(context=2)
    assert first is not second
    assert (first.context.context, second.context.context) == (1, 2)
    async with first:
        pass
    async with second:
        assert second.current_agent is AGENT


async def test_run_is_a_checkpoint(autojump_clock: Any) -> None:
    runner = RealtimeRunner(AGENT, model=scripted())
    with trio.testing.assert_checkpoints():
        await runner.run()


async def test_the_default_model() -> None:
    runner = RealtimeRunner(AGENT)
    assert isinstance(runner._model, OpenAIRealtimeWebSocketModel)


def test_at_fault() -> None:
    wrong: Any = "A"
    with pytest.raises(UserTypeError, match="starting_agent must be a RealtimeAgent, not str"):
        RealtimeRunner(wrong)
    with pytest.raises(UserTypeError, match="model must be a RealtimeModel, not str"):
        RealtimeRunner(AGENT, model=wrong)
    with pytest.raises(UserError, match="raw_events"):
        RealtimeRunner(AGENT, config={"raw_event": True})


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"history": [5]}, "history"),
        ({"resume": {}}, "resume"),
        ({"model_config": {"api_keys": "x"}}, "api_key"),
        ({"model_config": 5}, "model_config"),
    ],
)
async def test_run_at_fault(options: Any, match: str) -> None:
    runner = RealtimeRunner(AGENT, model=scripted())
    with pytest.raises(UserError, match=match):
        await runner.run(**options)
