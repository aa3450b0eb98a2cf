"""What the next agent is to know of the conversation (``history_filter``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from trio_realtime._awaitable import maybe_await
from trio_realtime.errors import AgentsException, UserTypeError
from trio_realtime.items import RealtimeItem, RealtimeToolCallItem
from trio_realtime.session_tasks.editing import create_message, delete_item

if TYPE_CHECKING:
    from trio_realtime.handoffs import Handoff
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["HistoryChoice", "choose_history"]


class HistoryChoice:
    """The items that go and the texts that come, once the next agent is there."""

    def __init__(self, hub: SessionHub, gone: Sequence[str], told: Sequence[str]) -> None:
        self._hub = hub
        self._gone = gone
        self._told = told

    async def apply(self) -> None:
        """Delete and add. What the server refuses is reported; the handoff stands."""
        hub = self._hub
        try:
            for text in self._told:
                await create_message(hub, "system", text, after=None)
            for item_id in self._gone:
                await delete_item(hub, item_id)
        except AgentsException as error:
            hub.check_open()
            hub.report(error)


async def choose_history(hub: SessionHub, handoff: Handoff) -> HistoryChoice:
    """Ask a handoff's filter.

    Raises:
        UserTypeError: it gave something else than items of the history and texts.
        Exception: what it raised.
    """
    if handoff.history_filter is None:
        return HistoryChoice(hub, (), ())
    history = hub.conversation.snapshot()
    chosen: Any = await maybe_await(handoff.history_filter(history))
    known = {item.item_id for item in history}
    if isinstance(chosen, str) or not isinstance(chosen, Sequence):
        raise UserTypeError(f"history_filter must give a list of items, not {type(chosen).__name__}")
    kept: set[str] = set()
    told: list[str] = []
    entries: Sequence[Any] = cast("Any", chosen)
    for entry in entries:
        if isinstance(entry, str):
            told.append(entry)
        elif getattr(entry, "item_id", None) in known:
            kept.add(entry.item_id)
        else:
            raise UserTypeError("history_filter must give items of the history, and texts")
    gone = [item.item_id for item in history if item.item_id not in kept and not _is_open(item)]
    return HistoryChoice(hub, gone, told)


def _is_open(item: RealtimeItem) -> bool:
    """Say whether an item is a call without an output, which is still to come: that of the handoff is one."""
    return isinstance(item, RealtimeToolCallItem) and item.output is None
