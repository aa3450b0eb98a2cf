"""Two conversations, the demo's and a rich one, cancelled at every checkpoint."""

from __future__ import annotations

import random
from functools import partial

import pytest

from tests.canary import KEY
from tests.walk.test_cut_everywhere import Call, Repeating
from tests.walk.walker import walk
from trio_realtime import OpenAIRealtimeWebSocketModel
from trio_realtime.cli.conversation import demo_server, run_conversation
from trio_realtime.server import LocalServer
from trio_realtime.transport.base import Connector

SAMPLE = 60
"""How many checkpoints the quick run cancels at, chosen anew by a fixed seed; the slow run takes all."""

PARTS = 20
"""Into how many tests the slow run is divided."""


async def demo(connector: Connector) -> None:
    outcome = await run_conversation(
        OpenAIRealtimeWebSocketModel(transport=connector), {"api_key": KEY}, lambda _: None
    )
    assert outcome.ok, [step for step in outcome.steps if not step.ok]


async def rich(connector: Connector, *, close: bool) -> None:
    """Turns, a tool call, an approval, a handoff and an interruption; with a shielded close of the user's or without."""
    await Call().hold(OpenAIRealtimeWebSocketModel(transport=connector), close=close)


def rich_server() -> LocalServer:
    return LocalServer(Repeating(), pace=8.0)


def check(k: int) -> None:
    result = walk(demo, demo_server, k)
    # A session that was begun was closed in order: a cut frame would have been 1002 or 1007, a lost one 1006.
    assert set(result.close_codes) <= {1000}, result


@pytest.fixture(scope="module")
def steps() -> int:
    result = walk(demo, demo_server, None)
    assert not result.cancelled
    assert result.close_codes == (1000,)
    return result.steps


def test_the_conversation_is_rich(steps):
    assert steps > 1_000


def test_cancelled_while_connecting(steps):
    for k in range(1, 60):
        check(k)


def test_cancelled_at_a_sample_of_checkpoints(steps):
    for k in sorted(random.Random(20).sample(range(60, steps), SAMPLE)):
        check(k)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_cancelled_at_every_checkpoint(steps, part):
    for k in range(1 + part, steps + 1, PARTS):
        check(k)


def check_rich(k: int, *, close: bool) -> None:
    result = walk(partial(rich, close=close), rich_server, k)
    assert set(result.close_codes) <= {1000}, result


@pytest.fixture(scope="module")
def rich_steps() -> int:
    result = walk(partial(rich, close=False), rich_server, None)
    assert not result.cancelled
    assert result.close_codes == (1000,)
    return result.steps


@pytest.mark.parametrize("close", [False, True], ids=["left", "closed"])
def test_a_rich_conversation_cancelled_at_a_sample_of_checkpoints(rich_steps, close):
    for k in sorted(random.Random(21).sample(range(1, rich_steps), SAMPLE // 2)):
        check_rich(k, close=close)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("close", [False, True], ids=["left", "closed"])
def test_a_rich_conversation_cancelled_at_every_checkpoint(rich_steps, close, part):
    ks = range(1 + part, rich_steps + 1, PARTS)
    for k in ks:
        check_rich(k, close=close)
    print(f"\nrich, {'closed' if close else 'left'}: {len(ks)} runs, 0 failures")
