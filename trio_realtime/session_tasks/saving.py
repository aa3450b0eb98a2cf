"""A session in a store: taken up when it is entered, kept as it goes on, let go when it is left.

What is kept is what :meth:`RealtimeSession.snapshot` gives, after every turn and whenever an item, a tool call or the
agent has changed. One write is made at a time, always of the newest state. While the store cannot be reached the
session goes on, with ``error`` events; when another process has taken the session up, it ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import trio

from trio_realtime.errors import RealtimeTimeoutError, SessionInUse, UserError, UserTypeError
from trio_realtime.events import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeHandoffEvent,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
)
from trio_realtime.ids import new_id
from trio_realtime.items import RealtimeItem
from trio_realtime.session_tasks.resuming import restore, seed, snapshot_of
from trio_realtime.snapshot import checked_history, item_to_json, read_snapshot, to_json
from trio_realtime.stores.base import SessionStore

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.session_tasks.streams import EventStream

__all__ = ["SessionKeeper", "begin_with"]

T = TypeVar("T")

_CHANGES: Final[tuple[type[Any], ...]] = (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeHandoffEvent,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
)
_RENEWALS: Final = 3
"""Renewals in the time of one lease: two may fail."""


def begin_with(
    hub: SessionHub,
    *,
    history: Sequence[RealtimeItem | Mapping[str, Any]] | None,
    resume: Mapping[str, Any] | None,
    store: SessionStore | None,
    session_id: str | None,
) -> None:
    """Check what a session is to begin with, and begin with it, as far as it is known before it is entered.

    Raises:
        UserError: something of it is at fault, or does not go together.
    """
    items = () if history is None else checked_history(history)
    if store is not None:
        given: Any = store
        if not isinstance(given, SessionStore):
            raise UserTypeError(f"store must have the methods of a SessionStore, not {type(given).__name__}")
        if not isinstance(cast("Any", session_id), str) or not session_id:
            raise UserError("session_id: a store needs the id of the session, which must not be empty")
        if resume is not None:
            raise UserError("store, resume: the store has its own snapshot; give one of the two")
        hub.keeper = SessionKeeper(hub, given, session_id, items)
        return
    if session_id is not None:
        raise UserError("session_id: is of use with a store only")
    if resume is not None:
        if history is not None:
            raise UserError("history, resume: a snapshot has its history; give one of the two")
        restore(hub, read_snapshot(resume))
    seed(hub, items)


class SessionKeeper:
    """Keeps one session in a store.

    Args:
        hub: the session.
        store: where.
        session_id: under which id.
        history: what a session begins with that the store does not know.
    """

    def __init__(
        self, hub: SessionHub, store: SessionStore, session_id: str, history: Sequence[RealtimeItem] = ()
    ) -> None:
        self._hub = hub
        self._store = store
        self._session_id = session_id
        self._history = history
        self._owner = new_id("owner")
        self._stream: EventStream[Any] = hub.inner_stream(_CHANGES)
        self._asked = False
        self._lost = False
        self._unsaved = True
        self._json: dict[str, tuple[RealtimeItem, dict[str, Any]]] = {}

    async def open(self) -> None:
        """Lease the session and go on from its snapshot, if there is one.

        Raises:
            SessionInUse: another process has it.
            UserError: what is kept cannot be used.
            RealtimeTimeoutError: the store did not answer (name ``"store"``).
            Exception: what else the store raised.
        """
        self._asked = True
        kept = await self._bounded(lambda: self._store.acquire(self._session_id, self._owner, self._lease))
        if kept is None:
            seed(self._hub, self._history)
        else:
            restore(self._hub, read_snapshot(kept, name="store"))

    async def run(self) -> None:
        """Save after every change, and renew the lease in between."""
        while not self._lost:
            with trio.move_on_after(self._lease / _RENEWALS):
                try:
                    await anext(self._stream)
                except Exception:  # noqa: BLE001  the session's end: close() saves
                    return
                self._unsaved = True
                while self._stream.buffer.pop() is not None:
                    pass  # what came meanwhile is saved with it
            await self._try(self._save if self._unsaved else self._renew)

    async def close(self) -> None:
        """Save the last state and let the session go, within ``timeouts.store`` each."""
        if not self._asked:
            return
        if not self._lost and self._hub.began is not None:
            await self._try(self._save)
        await self._try(lambda: self._store.release(self._session_id, self._owner))

    # -- inside --------------------------------------------------------------------------------------------------

    @property
    def _lease(self) -> float:
        return self._hub.run_config.timeouts.lease

    async def _save(self) -> None:
        snapshot = snapshot_of(self._hub)
        history = [self._item(item) for item in snapshot.history]
        self._json = {item.item_id: self._json[item.item_id] for item in snapshot.history}
        await self._store.save(self._session_id, self._owner, to_json(snapshot, history), self._lease)
        self._unsaved = False

    def _item(self, item: RealtimeItem) -> dict[str, Any]:
        """Give the JSON of an item, made once for as long as it does not change."""
        known = self._json.get(item.item_id)
        if known is None or known[0] is not item:
            known = self._json[item.item_id] = (item, item_to_json(item))
        return known[1]

    async def _renew(self) -> None:
        await self._store.renew(self._session_id, self._owner, self._lease)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._bounded(work)
        except SessionInUse as error:
            self._lost = True
            self._hub.finish(error)
        except Exception as error:  # noqa: BLE001  the store's own: it is tried again
            self._unsaved = True
            self._hub.report(error)

    async def _bounded(self, work: Callable[[], Awaitable[T]]) -> T:
        seconds = self._hub.run_config.timeouts.store
        with trio.move_on_after(seconds):
            return await work()
        message = f"the session store did not answer within {seconds:g} seconds"
        raise RealtimeTimeoutError(message, name="store", seconds=seconds)
