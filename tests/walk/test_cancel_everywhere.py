"""The demo's conversation, cancelled at every checkpoint."""

from __future__ import annotations

import random

import pytest

from tests.canary import KEY
from tests.walk.walker import walk
from trio_realtime import OpenAIRealtimeWebSocketModel
from trio_realtime.cli.conversation import demo_server, run_conversation
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
