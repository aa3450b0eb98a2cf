"""A turn, cancelled at every checkpoint: the server gets one cancel for what was abandoned, none for what had ended."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
import trio.testing

from tests.walk.walker import CancelAt
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner
from trio_realtime.server import LocalServer, Pause, Say, ScriptEngine
from trio_realtime.transport.trio_websocket import stream_connector

PARTS = 4


def run(k, pause):
    """Cancel the turn at the k-th step of any task; give how many steps there were, and check what the server got."""
    cancel_at = CancelAt(k)

    async def main():
        turn_one = [Say("Some words, and some more."), *([Pause(pause)] if pause else [])]
        server = LocalServer(ScriptEngine([turn_one, *[Say("Still here.")] * 3]), pace=4.0)
        async with trio.open_nursery() as servers:

            async def open_stream():
                client, other = trio.testing.memory_stream_pair()
                servers.start_soon(server.serve_stream, other)
                return client

            model = OpenAIRealtimeWebSocketModel(transport=stream_connector(open_stream))
            runner = RealtimeRunner(RealtimeAgent("Assistant"), model=model)
            turn = None
            ends = {}
            async with await runner.run(model_config={"api_key": "any"}) as session:

                async def read():
                    async for event in session:
                        if event.type == "agent_end":
                            ends[event.response_id] = event.status
                        assert event.type != "error", event

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(read)
                    with trio.CancelScope() as scope:
                        cancel_at.arm(scope)
                        async with session.respond("Tell me") as turn:
                            async for _ in turn:
                                pass
                            await turn.text()
                        if scope.cancel_called:
                            await trio.lowlevel.checkpoint_if_cancelled()
                    cancel_at.disarm()
                    await trio.sleep(30)
                    async with session.respond("Are you there?") as after:
                        assert (await after.text()) in {"Still here.", "Some words, and some more."}
                    assert after.outcome == "completed"
                    nursery.cancel_scope.cancel()
            servers.cancel_scope.cancel()
            received = server.connections[0].received
            cancelled = Counter(event["response_id"] for event in received if event["type"] == "response.cancel")
            asked = [event for event in received if event["type"] == "response.create"]
            return cancel_at.steps, turn, ends, cancelled, asked, after

    steps, turn, ends, cancelled, asked, after = trio.run(
        main, clock=trio.testing.MockClock(autojump_threshold=0), instruments=[cancel_at]
    )
    others = {response_id: status for response_id, status in ends.items() if response_id != after.response_id}
    if turn is not None and turn.outcome == "completed":
        assert cancelled == {}
        assert others == {turn.response_id: "completed"}
    elif others:
        ((response_id, status),) = others.items()
        assert len(asked) == 2
        if status == "cancelled":
            assert cancelled == {response_id: 1}
        else:  # its end was on the way already
            assert cancelled in ({}, {response_id: 1})
            assert not pause or turn.timings.ended is not None
    else:
        assert cancelled == {}
        assert len(asked) == 1  # taken back before it was sent
    return steps


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("pause", [0, 5])
def test_the_turn_is_cancelled_at_every_checkpoint(pause, part):
    steps = run(None, pause)
    assert steps > 40
    for k in range(1 + part, steps + 1, PARTS):
        run(k, pause)
