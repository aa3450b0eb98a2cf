"""Cancels a scenario at its k-th step, for any k, and looks at what is left.

A step is one turn of any task between two checkpoints, so that every checkpoint of every task is reached by some k.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio
import trio.testing

from trio_realtime.server import LocalServer
from trio_realtime.transport.base import Connector
from trio_realtime.transport.trio_websocket import stream_connector

Scenario = Callable[[Connector], Awaitable[None]]

PATIENCE = 10.0
"""Seconds of the clock within which a cancelled scenario must be gone: its own closing deadlines, added up."""


class CancelAt(trio.abc.Instrument):
    """Cancels a scope at the k-th step after it was armed."""

    def __init__(self, k: int | None) -> None:
        self.k = k
        self.steps = 0
        self._scope: trio.CancelScope | None = None

    def arm(self, scope: trio.CancelScope) -> None:
        self._scope = scope

    def disarm(self) -> None:
        self._scope = None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._scope is not None:
            self.steps += 1
            if self.steps == self.k:
                self._scope.cancel(reason=f"step {self.k}")


@attrs.frozen
class Walk:
    """What one run left behind.

    Attributes:
        steps: how many steps the scenario took.
        cancelled: it was cancelled before its end.
        close_codes: how the server saw the connections end on which it had received anything: one that was given up
            while it was being made has no close frame.
        seconds: how long it took to be gone.
    """

    steps: int
    cancelled: bool
    close_codes: tuple[int | None, ...]
    seconds: float


def walk(scenario: Scenario, make_server: Callable[[], LocalServer], k: int | None) -> Walk:
    """Run the scenario over real WebSocket frames in memory and cancel it at its k-th step; check what is left.

    Raises:
        AssertionError: a task, a half frame or an open connection is left, or it took too long.
        Exception: whatever the scenario raised that is not its own cancellation.
    """
    cancel_at = CancelAt(k)

    async def main() -> Walk:
        server = make_server()
        async with trio.open_nursery() as servers:

            async def open_stream() -> trio.abc.Stream:
                client, other = trio.testing.memory_stream_pair()
                servers.start_soon(server.serve_stream, other)
                return client

            before = trio.lowlevel.current_statistics().tasks_living
            began = gone = trio.current_time()
            with trio.CancelScope() as scope:
                cancel_at.arm(scope)
                await scenario(stream_connector(open_stream))
            cancel_at.disarm()
            if scope.cancel_called:
                gone = trio.current_time()
            assert gone - began <= 120
            with trio.fail_after(PATIENCE):
                for connection in server.connections:
                    await connection.wait_closed()
                while trio.lowlevel.current_statistics().tasks_living > before:
                    await trio.sleep(0.1)
            servers.cancel_scope.cancel()
            codes = tuple(connection.close_code for connection in server.connections if connection.received)
            return Walk(cancel_at.steps, scope.cancelled_caught, codes, gone - began)

    result: Walk = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0), instruments=[cancel_at])
    return result
