"""The life of a connection: a task that holds it beside the block that uses it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from trio_realtime.transport.endings import leaves

__all__ = ["beside"]


@asynccontextmanager
async def beside(
    service: Callable[[], Awaitable[None]],
    *,
    ready: Callable[[], Awaitable[None]],
    leave: Callable[[], object],
) -> AsyncGenerator[None, None]:
    """Run a service task for the length of a block.

    The service shields itself and is never cancelled from here: a cancellation reaches the block first, then ``leave``
    is called, then the service ends by itself. The exception of the block leaves it as the same object, in no group.

    Args:
        service: holds the connection. It turns its failures into values, and ends in bounded time after ``leave``.
        ready: waits until the block may begin, or raises what is to be raised instead.
        leave: tells the service to end; called once, whatever happened before.
    """
    parked: BaseException | None = None
    interrupt: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service)
            try:
                await ready()
                yield
            except BaseException as exc:  # noqa: BLE001 - raised again behind the nursery, which would wrap it
                parked = exc
            leave()
    except BaseExceptionGroup as group:
        # What a service lets out is no Exception: a KeyboardInterrupt that happened to hit it.
        interrupt = next(leaf for leaf in leaves(group) if not isinstance(leaf, Exception))
    try:
        if interrupt is not None:
            raise interrupt
        if parked is not None:
            raise parked
    finally:
        del parked, interrupt
