"""Many calls at once, on lines that fail: no turn is lost, and nothing piles up."""

from __future__ import annotations

import gc
import random
from typing import Any

import attrs
import pytest
import trio

from benchmarks.process import settled_rss_mb
from tests.canary import KEY
from tests.walk.test_cut_everywhere import Repeating
from trio_realtime import (
    AssistantMessageItem,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeRunner,
    UserMessageItem,
)
from trio_realtime.items import InputText
from trio_realtime.server import LocalServer

DROPS_A_MINUTE = 0.1
"""The share of the connections that is lost in each minute."""
TURN = 6.0
"""Seconds from one turn of a session to the next."""
KB_PER_TURN = 16.0
"""What a turn may add to memory: its two items, and what this test's own server keeps of each event."""


@attrs.define
class Soak:
    """What is counted.

    Attributes:
        asked, answered: turns.
        lost: turns of a session's history without their answer, or that are there twice.
        dropped: connections that were cut off.
        reconnects: what the sessions count.
        memory: resident memory in MiB when every session had its first turns, and at the end.
        turns: how many were answered at those times.
    """

    sessions: int
    seconds: float
    asked: int = 0
    answered: int = 0
    lost: int = 0
    dropped: int = 0
    reconnects: int = 0
    memory: list[float] = attrs.Factory(list)
    turns: list[int] = attrs.Factory(list)
    over: bool = False


async def hold(soak: Soak, runner: RealtimeRunner[Any], url: str, number: int) -> None:
    """One call: a turn every few seconds until the time is over, and then a look at its history."""
    await trio.sleep(TURN * number / soak.sessions)
    asked: list[str] = []
    async with await runner.run(model_config={"url": url, "api_key": KEY}) as session:
        async with trio.open_nursery() as nursery:
            ends, at = trio.open_memory_channel[None](1000)

            async def read() -> None:
                async for event in session:
                    if event.type == "agent_end" and event.status == "completed":
                        await ends.send(None)

            nursery.start_soon(read)
            while not soak.over:
                asked.append(f"Question {len(asked)} of {number}")
                soak.asked += 1
                begun = trio.current_time()
                await session.send_message(asked[-1])
                with trio.fail_after(60):
                    await at.receive()
                soak.answered += 1
                await trio.sleep(max(0.0, begun + TURN - trio.current_time()))
            nursery.cancel_scope.cancel()
        soak.lost += lost_turns(session.history, asked)
        soak.reconnects += session.statistics().reconnects


def lost_turns(history: Any, asked: list[str]) -> int:
    """Count the turns that are not there once, with a complete answer behind them."""
    said: list[str] = []
    answered: set[str] = set()
    for item in history:
        if isinstance(item, UserMessageItem):
            said += [part.text or "" for part in item.content if isinstance(part, InputText)]
        elif isinstance(item, AssistantMessageItem) and item.status == "completed" and said:
            answered.add(said[-1])
    return sum(said.count(question) != 1 or question not in answered for question in asked)


async def drop_some(soak: Soak, server: LocalServer) -> None:
    """Cut connections off at random, one way or the other, mostly in the middle of something."""
    rng = random.Random(7)
    while True:
        await trio.sleep(0.5)
        for connection in server.connections:
            if not connection.closed and rng.random() < DROPS_A_MINUTE * 0.5 / 60:
                soak.dropped += 1
                await connection.drop(reset=rng.random() < 0.5)


async def watch(soak: Soak) -> None:
    """Take the memory at a third of the time and at its end."""
    for part in (1 / 3, 2 / 3):
        await trio.sleep(soak.seconds * part)
        soak.memory.append(settled_rss_mb())
        soak.turns.append(soak.answered)
    soak.over = True


async def run(soak: Soak, *, in_memory: bool) -> None:
    server = LocalServer(Repeating(), pace=None)
    runner = RealtimeRunner(
        RealtimeAgent(name="Assistant", instructions="Be brief."),
        model=OpenAIRealtimeWebSocketModel(transport=server.connector if in_memory else "trio-websocket"),
        config={"model_settings": {"output_modalities": ["text"]}},
    )
    async with server.serve() as address, trio.open_nursery() as calls, trio.open_nursery() as nursery:
        nursery.start_soon(drop_some, soak, server)
        for number in range(soak.sessions):
            calls.start_soon(hold, soak, runner, address.url, number)
        await watch(soak)
        nursery.cancel_scope.cancel()
    assert all(connection.closed for connection in server.connections)


def check(soak: Soak) -> None:
    assert soak.lost == 0
    assert soak.answered == soak.asked
    assert soak.reconnects >= soak.dropped * 0.8, "the others were dropped where their session had left"
    gc.collect()
    growth = soak.memory[-1] - soak.memory[0]
    turns = soak.turns[-1] - soak.turns[0]
    assert growth < 10 + KB_PER_TURN * turns / 1024


async def test_a_few_calls_for_ten_minutes(autojump_clock: Any) -> None:
    """A small part of it, in memory and in virtual time."""
    soak = Soak(sessions=5, seconds=600)
    await run(soak, in_memory=True)
    check(soak)
    assert soak.dropped >= 3


@pytest.mark.slow
async def test_two_hundred_calls_for_three_minutes(capsys: pytest.CaptureFixture[str]) -> None:
    soak = Soak(sessions=200, seconds=180)
    await run(soak, in_memory=False)
    with capsys.disabled():
        print(f"\nsoak: {soak}")
    check(soak)
    assert soak.dropped > 30
