"""Entering and leaving what may be entered again after it was left, but not twice at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from trio_realtime.errors import UserError

__all__ = ["Block"]


class Block:
    """The ``async with`` block of one server or manager.

    Attributes:
        entered: whether it is inside; False while it is being entered or left.
    """

    def __init__(self) -> None:
        self.entered: bool = False
        self._lifespan: AbstractAsyncContextManager[None] | None = None

    async def enter(self, lifespan: Callable[[], AbstractAsyncContextManager[None]], who: str) -> None:
        """Enter what ``lifespan`` makes.

        Args:
            lifespan: makes what is held open.
            who: begins the text of an error.

        Raises:
            UserError: it is entered already, or being entered or left.
            Exception: what entering raised.
        """
        if self._lifespan is not None:
            raise UserError(f"{who} is entered already")
        self._lifespan = made = lifespan()
        try:
            await made.__aenter__()
        except BaseException:
            self._lifespan = None
            raise
        self.entered = True

    async def leave(
        self, who: str, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Leave it; the arguments behind ``who`` are those of ``__aexit__``, and so is the result.

        Raises:
            UserError: it is not entered.
            Exception: what leaving raised.
        """
        lifespan = self._lifespan
        if lifespan is None or not self.entered:
            raise UserError(f"{who} was not entered")
        self.entered = False
        try:
            return await lifespan.__aexit__(kind, error, traceback)
        finally:
            self._lifespan = None
