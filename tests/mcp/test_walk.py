"""A scenario with servers that lose their connections, cancelled at every step that its tasks take."""

from __future__ import annotations

import gc
from contextlib import suppress

import trio
import trio.testing

from tests.mcp.peers import HANG_UP, HandServer
from trio_realtime.errors import RealtimeConnectionError
from trio_realtime.mcp import MCPServerManager

GOOD = {"content": [{"type": "text", "text": "good"}]}


class CancelAt(trio.abc.Instrument):
    def __init__(self, step: int, scope: trio.CancelScope) -> None:
        self.steps, self.step, self.scope = 0, step, scope

    def after_task_step(self, task) -> None:
        self.steps += 1
        if self.steps == self.step:
            self.scope.cancel()


async def scenario(servers) -> None:
    async with MCPServerManager(servers, connect_in_parallel=True) as manager:
        for server in manager.active_servers:
            await server.list_tools()
            with suppress(RealtimeConnectionError):
                await server.call_tool("one", {})
            assert (await server.call_tool("one", {})).content[0].text == "good"


async def cancelled_at(step: int) -> bool:
    servers = [HandServer({"tools/call": [HANG_UP, GOOD]}) for _ in range(2)]
    with trio.CancelScope() as scope:
        instrument = CancelAt(step, scope)
        trio.lowlevel.add_instrument(instrument)
        try:
            await scenario(servers)
        finally:
            trio.lowlevel.remove_instrument(instrument)
    assert not any(server.entered for server in servers)
    assert not trio.lowlevel.current_task().child_nurseries
    assert trio.current_time() < 20
    return instrument.steps >= step


def test_cancelled_anywhere_it_leaves_nothing_behind() -> None:
    step = 1
    while trio.run(cancelled_at, step, clock=trio.testing.MockClock(autojump_threshold=0)):
        step += 1
    gc.collect()
    assert step > 100
