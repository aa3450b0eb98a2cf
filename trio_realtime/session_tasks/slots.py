"""Named places in the conversation whose text can be replaced: a roster, a time, a weather report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import trio

from trio_realtime.errors import ServerError
from trio_realtime.session_tasks.editing import create_message, delete_item

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["ContextSlots"]


class ContextSlots:
    """The slots of one session: at most one item for each key."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._items: dict[str, str] = {}
        self._lock = trio.Lock()

    @property
    def items(self) -> dict[str, str]:
        """The item of each slot, by its key."""
        return {name.partition("/")[2]: item_id for name, item_id in self._items.items()}

    def restore(self, items: Mapping[str, str]) -> None:
        """Take up the slots of a session that goes on here."""
        self._items = {f"{item_id}/{key}": item_id for key, item_id in items.items()}

    async def put(self, key: str, text: str | None) -> str | None:
        """Put a text in the place of the one before, or none; gives the id of the new item.

        The new one is there before the old one goes; a cancellation in between leaves both, and the next change of the
        slot takes both out.
        """
        async with self._lock:
            old = [item_id for name, item_id in self._items.items() if name.partition("/")[2] == key]
            item_id = None
            if text is not None:
                item_id = await create_message(self._hub, "system", text, after=None)
                self._items[f"{item_id}/{key}"] = item_id
            for gone in old:
                await self._delete(gone)
                del self._items[f"{gone}/{key}"]
            return item_id

    async def _delete(self, item_id: str) -> None:
        """Take an item out of the server's conversation, which may have it although the history is shorter."""
        try:
            await delete_item(self._hub, item_id)
        except ServerError as error:
            if error.code != "item_delete_invalid_item_id":  # somebody else was faster
                raise
