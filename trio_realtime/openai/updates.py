"""The session updates of a connection: what the server has been told, and which answers are still to come.

``session.updated`` names no client event, so that answers are matched in order; a refusal is matched by its event id,
or, where the service leaves that null, belongs to the oldest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import attrs

from trio_realtime.openai.settings import changed, merged

__all__ = ["SessionUpdates"]


@attrs.frozen
class _Update:
    event_id: str
    session: Mapping[str, Any]


class SessionUpdates:
    """Session updates in flight and the configuration that they make. Pure."""

    def __init__(self) -> None:
        self._confirmed: dict[str, Any] = {}
        self._waiting: deque[_Update] = deque()

    @property
    def sent(self) -> dict[str, Any]:
        """The configuration as it will be when everything in flight is confirmed."""
        session = self._confirmed
        for update in self._waiting:
            session = merged(session, update.session)
        return session

    @property
    def oldest(self) -> str | None:
        """The update whose answer is next, or None if no answer is to come."""
        return self._waiting[0].event_id if self._waiting else None

    def difference(self, wanted: Mapping[str, Any], *, voice_fixed: bool) -> dict[str, Any] | None:
        """Give the update that makes ``wanted`` hold, or None if it holds. See :func:`settings.changed`."""
        return changed(self.sent, wanted, voice_fixed=voice_fixed)

    def add(self, event_id: str, session: Mapping[str, Any]) -> None:
        """An update is being sent."""
        self._waiting.append(_Update(event_id, session))

    def confirmed(self) -> str | None:
        """The server has confirmed the oldest; its id, or None if none was waiting."""
        if not self._waiting:
            return None
        update = self._waiting.popleft()
        self._confirmed = merged(self._confirmed, update.session)
        return update.event_id

    def is_waiting(self, event_id: str) -> bool:
        """Whether the answer to an update is still to come."""
        return any(update.event_id == event_id for update in self._waiting)

    def refused(self, event_id: str) -> None:
        """The server has refused an update, which is thereby undone."""
        self._waiting = deque(update for update in self._waiting if update.event_id != event_id)
