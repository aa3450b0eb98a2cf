"""Which settings the server has confirmed, and which updates it has not answered: for a connection that comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.ids import new_id
from trio_realtime.model import RealtimeConnection
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendEvent,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
)

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["ConfigurationLog"]


class ConfigurationLog:
    """The configuration of one session.

    Attributes:
        settings: the whole settings that were confirmed last.
    """

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._open: dict[str, RealtimeModelSendEvent] = {}
        self._raw: list[RealtimeModelSendEvent] = []
        self.settings: RealtimeSessionModelSettings = RealtimeSessionModelSettings()

    def noted(self, event: RealtimeModelSendEvent) -> RealtimeModelSendEvent:
        """Note what is about to be sent, if it is an update; gives it with a name to be known by."""
        if isinstance(event, RealtimeModelSendSessionUpdate):
            if event.event_id is not None:
                self._open[event.event_id] = event
                self._settle(event.event_id)
        elif isinstance(event, RealtimeModelSendRawMessage) and event.message.type == "session.update":
            fields: dict[str, Any] = dict(event.message.other_data)
            event_id = str(fields.setdefault("event_id", new_id("event")))
            event = RealtimeModelSendRawMessage(message=attrs.evolve(event.message, other_data=fields))
            self._open[event_id] = event
            self._settle(event_id)
        return event

    def _settle(self, event_id: str) -> None:
        """Where nobody confirms, what was sent holds."""
        if not self._hub.connection.confirms_configuration:
            self.confirmed(event_id)

    def confirmed(self, event_id: str | None) -> None:
        """An update holds."""
        event = self._open.pop(event_id or "", None)
        if isinstance(event, RealtimeModelSendSessionUpdate):
            if event_id in self._hub.config_waiters or not self._hub.connection.confirms_configuration:
                self.settings = event.session_settings
                self._raw.clear()  # whole settings set back what they do not name
        elif event is not None:
            self._raw.append(event)

    def refused(self, event_id: str | None) -> None:
        """An update does not hold."""
        self._open.pop(event_id or "", None)

    async def send(self, connection: RealtimeConnection, *, attached: bool) -> None:
        """Tell a new connection what it was not made with.

        Args:
            connection: the connection.
            attached: the server has the configuration already; only what it has not answered is sent.
        """
        for event in () if attached else tuple(self._raw):
            await connection.send_event(_unnamed(event))
        for event_id, event in tuple(self._open.items()):
            if isinstance(event, RealtimeModelSendRawMessage) or event_id in self._hub.config_waiters:
                await connection.send_event(event)


def _unnamed(event: RealtimeModelSendEvent) -> RealtimeModelSendEvent:
    """Its answer is for nobody."""
    if not isinstance(event, RealtimeModelSendRawMessage):  # pragma: no cover
        return event
    fields = {name: value for name, value in event.message.other_data.items() if name != "event_id"}
    return RealtimeModelSendRawMessage(message=RealtimeModelRawClientMessage(type="session.update", other_data=fields))
