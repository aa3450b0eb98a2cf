"""A connection that a task of its own holds open, until it is released."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import trio

from trio_realtime.config import RealtimeModelConfig
from trio_realtime.errors import RealtimeConnectionError
from trio_realtime.model import RealtimeConnection, RealtimeModel

__all__ = ["HeldConnection", "leaves", "plain_error"]


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Give every exception of a group that is none itself, or the one."""
    if isinstance(error, BaseExceptionGroup):
        for member in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from leaves(member)
    else:
        yield error


def plain_error(error: Exception) -> Exception:
    """Give the one exception behind an error of the model, whose own nursery may have put it into a group."""
    found = list(leaves(error))
    if len(found) == 1 and isinstance(found[0], Exception):
        return found[0]
    failure = RealtimeConnectionError("the connection failed in more than one way")
    failure.__cause__ = error
    return failure


class HeldConnection:
    """One connection and the task that entered it and leaves it.

    Args:
        model: makes the connection.
        config: what with.
        crashed: told of an error that comes while it is held, or when it is left.

    Attributes:
        connection: it, once it is made.
        error: why it could not be made, or how it ended.
        settled: set when there is one of the two.
        release: to be set when the connection is not needed any more.
        scope: cancels the making.
        over: the task has ended.
    """

    def __init__(
        self, model: RealtimeModel, config: RealtimeModelConfig, crashed: Callable[[HeldConnection, Exception], None]
    ) -> None:
        self._model = model
        self._config = config
        self._crashed = crashed
        self.connection: RealtimeConnection | None = None
        self.error: Exception | None = None
        self.settled: trio.Event = trio.Event()
        self.release: trio.Event = trio.Event()
        self.scope: trio.CancelScope = trio.CancelScope()
        self.over: bool = False

    async def run(self) -> None:
        """Make the connection and hold it until it is released. Raises nothing but what is no Exception."""
        try:
            with self.scope:
                async with self._model.connect(self._config) as self.connection:
                    self.settled.set()
                    await self.release.wait()
        except Exception as error:  # noqa: BLE001  the model's own, whatever it is
            self.error = plain_error(error)
            self._crashed(self, self.error)
        finally:
            self.over = True
            self.settled.set()
