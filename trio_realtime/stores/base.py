"""What a session needs of a place that keeps it: who has it, and its last snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["SessionStore"]


@runtime_checkable
class SessionStore(Protocol):
    """Keeps sessions under their ids, so that another process can take one up. Implement it to plug in your own.

    A session is *leased* to one owner at a time; the lease ends when it is released or has not been renewed for its
    seconds. A method that is cancelled may have done its work all the same. A session calls one method at a time, each
    within ``timeouts.store``. What these methods raise beside :exc:`SessionInUse` is reported and tried again at the
    next turn; while taking the session up it is raised.
    """

    async def acquire(self, session_id: str, owner: str, lease: float) -> Mapping[str, Any] | None:
        """Lease a session, and give its last snapshot, or None if there is none yet.

        Args:
            session_id: the session.
            owner: who asks; different for every session object.
            lease: seconds until the lease ends by itself.

        Raises:
            SessionInUse: another owner has it.
        """
        ...

    async def save(self, session_id: str, owner: str, snapshot: Mapping[str, Any], lease: float) -> None:
        """Keep a snapshot in the place of the last one, whole or not at all, and renew the lease.

        Args:
            session_id: the session.
            owner: who has it.
            snapshot: a dict of JSON types.
            lease: seconds until the lease ends by itself.

        Raises:
            SessionInUse: another owner has it; nothing is kept.
        """
        ...

    async def renew(self, session_id: str, owner: str, lease: float) -> None:
        """Renew the lease, also one that has ended if nobody has taken the session up since.

        Raises:
            SessionInUse: another owner has it.
        """
        ...

    async def release(self, session_id: str, owner: str) -> None:
        """End the lease. Nothing happens if another owner has it."""
        ...

    async def delete(self, session_id: str) -> None:
        """Forget a session, its lease included. Nothing happens if there is none. No session calls this."""
        ...
