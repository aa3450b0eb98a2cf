"""What the server says to changes of items: who made one waits here until it is done, or refused.

An item that was placed or deleted is named by its id. A refusal is found by its event id; where the service leaves that
null, by its code and param, and then it is that of the oldest change of that kind.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs
import trio

from trio_realtime.errors import ServerError

__all__ = ["ItemAnswers", "ItemChange", "ItemWaiter"]

ItemChange: TypeAlias = Literal["create", "delete", "commit"]

_DELETE_CODES: Final = frozenset({"item_delete_invalid_item_id"})
_COMMIT_CODE: Final = "input_audio_buffer_commit_empty"
_CREATE_PARAMS: Final = ("item", "previous_item_id")


@attrs.define(eq=False)
class ItemWaiter:
    """Waits for the server's answer to one change.

    Attributes:
        change, item_id, event_id: which change; a commit has no item id, because the server chooses it.
        answered: the server has answered, or the session has ended.
        error: why it is not done.
    """

    change: ItemChange
    item_id: str
    event_id: str
    answered: trio.Event = attrs.Factory(trio.Event)
    error: Exception | None = None


class ItemAnswers:
    """The changes of a session that have no answer yet, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[ItemWaiter] = []

    def expect(self, change: ItemChange, item_id: str, event_id: str) -> ItemWaiter:
        """A change is about to be sent."""
        waiter = ItemWaiter(change, item_id, event_id)
        self._waiting.append(waiter)
        return waiter

    def expects(self, item_id: str) -> bool:
        """Say whether a change of this item waits for its answer."""
        return any(waiter.item_id == item_id for waiter in self._waiting)

    def forget(self, waiter: ItemWaiter) -> None:
        """Nobody waits any more."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def done(self, change: ItemChange, item_id: str) -> None:
        """The server has placed or deleted an item."""
        for waiter in self._waiting:
            if waiter.change == change and waiter.item_id == item_id:
                self._answer(waiter, None)
                return

    def refused(self, error: object) -> bool:
        """Take an error of the server, if it is the answer to a change; says whether it was."""
        if not self._waiting or not isinstance(error, ServerError):
            return False
        waiter = self._find(error)
        if waiter is not None:
            self._answer(waiter, error)
        return waiter is not None

    def fail_all(self, error: Exception) -> None:
        """The session has ended: no answer will come."""
        for waiter in tuple(self._waiting):
            self._answer(waiter, error)

    def _answer(self, waiter: ItemWaiter, error: Exception | None) -> None:
        self._waiting.remove(waiter)
        waiter.error = error
        waiter.answered.set()

    def _find(self, error: ServerError) -> ItemWaiter | None:
        if error.event_id is not None:
            return next((waiter for waiter in self._waiting if waiter.event_id == error.event_id), None)
        change = _refused_change(error)
        same = [waiter for waiter in self._waiting if waiter.change == change]
        named = [waiter for waiter in same if waiter.item_id in error.message]
        return next(iter(named or same), None)


def _refused_change(error: ServerError) -> ItemChange | None:
    """Say which kind of change an error without an event id can be the refusal of."""
    if error.code in _DELETE_CODES:
        return "delete"
    if error.code == _COMMIT_CODE:
        return "commit"
    head = (error.param or "").partition(".")[0].partition("[")[0]
    return "create" if head in _CREATE_PARAMS else None
