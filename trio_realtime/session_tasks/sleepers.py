"""Tasks that wait for the same thing and are woken all together."""

from __future__ import annotations

from collections.abc import Awaitable

import trio

__all__ = ["Sleepers"]


class Sleepers:
    """Where tasks wait to be woken; as trio's ParkingLot, which can also wake some of them and costs several times it.

    Attributes:
        tasks: who waits, in the order in which they came. Not to be changed.
    """

    __slots__ = ("tasks",)

    def __init__(self) -> None:
        self.tasks: list[trio.lowlevel.Task] = []

    def park(self) -> Awaitable[None]:
        """Wait until somebody calls :meth:`unpark_all`. A checkpoint; when cancelled, the task waits no more.

        To be awaited at once: the task counts as waiting from the call on.
        """
        task = trio.lowlevel.current_task()
        self.tasks.append(task)

        def abort(_: object) -> trio.lowlevel.Abort:
            self.tasks.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        return trio.lowlevel.wait_task_rescheduled(abort)  # noqa: ASYNC105 - not a coroutine more for each wait

    def unpark_all(self) -> None:
        """Wake all who wait now."""
        for task in self.tasks:
            trio.lowlevel.reschedule(task)
        self.tasks.clear()
