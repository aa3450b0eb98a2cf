"""Responses that know words which nobody has looked at (``gate_input``): they are stopped, and have no effect.

They were asked for before the words were known here. What of such a response reaches the client before the cancel has
taken effect is not told to the application, and nothing of it is done: no tool is run, no handoff made, no word kept.
Its items are deleted at the server, calls among them: there is no call left that an output could be missing for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from trio_realtime.events import RealtimeHistoryUpdated
from trio_realtime.items import AssistantMessageItem, RealtimeItem
from trio_realtime.model_events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelMcpApprovalRequestedEvent,
    RealtimeModelMcpCallEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelOutputTextDoneEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTranscriptDoneEvent,
    RealtimeModelTurnEndedEvent,
)
from trio_realtime.model_inputs import RealtimeModelSendInterrupt, TruncationPoint

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["UnscreenedResponses"]

_KEPT: Final = 64  # responses, and items of them, that are remembered: late events of them still come


class UnscreenedResponses:
    """The responses of one session that were stopped so that the user's words can be looked at first."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._responses: dict[str, None] = {}
        self._items: dict[str, None] = {}

    def add(self, response_id: str) -> None:
        """Let a response that has begun have no effect."""
        _keep(self._responses, response_id)

    def listening(self, handlers: Mapping[type[Any], Callable[[Any], None]]) -> dict[type[Any], Callable[[Any], None]]:
        """Give the handlers of model events, with these responses kept from them."""

        def without(kind: type[Any], look: Callable[[Any], None]) -> Callable[[Any], None]:
            handle = handlers[kind]

            def chosen(event: Any) -> None:
                (look if event.response_id in self._responses else handle)(event)

            return chosen

        looks: dict[type[Any], Callable[[Any], None]] = {
            RealtimeModelAudioEvent: self._part,
            RealtimeModelAudioDoneEvent: self._part,
            RealtimeModelTranscriptDeltaEvent: self._part,
            RealtimeModelTranscriptDoneEvent: self._part,
            RealtimeModelOutputTextDeltaEvent: self._part,
            RealtimeModelOutputTextDoneEvent: self._part,
            RealtimeModelToolCallEvent: lambda event: self._take_out(event.id or ""),
            RealtimeModelMcpApprovalRequestedEvent: self._part,
            RealtimeModelMcpCallEvent: self._part,
            RealtimeModelTurnEndedEvent: self._ended,
        }
        handle_item = handlers[RealtimeModelItemUpdatedEvent]

        def item_updated(event: RealtimeModelItemUpdatedEvent) -> None:
            if event.response_id in self._responses:
                self._take_out(event.item.item_id)
            elif event.item.item_id not in self._items:
                handle_item(event)
            elif event.anchored:
                self._remember_place(event.item)

        return {
            **handlers,
            RealtimeModelItemUpdatedEvent: item_updated,
            **{kind: without(kind, look) for kind, look in looks.items()},
        }

    def _part(self, event: Any) -> None:
        self._take_out(event.item_id)

    def _take_out(self, item_id: str) -> None:
        """Delete an item at the server, and here if its place was told before its response was."""
        if not item_id or item_id in self._items:
            return
        hub = self._hub
        _keep(self._items, item_id)
        point = TruncationPoint(item_id=item_id, content_index=0, audio_end_ms=0)
        hub.outbox.send_first(RealtimeModelSendInterrupt(playback_only=True, truncations=(point,)))
        if hub.conversation.delete(item_id):
            hub.publish(RealtimeHistoryUpdated(info=hub.info, history=hub.told_history()))

    def _remember_place(self, item: RealtimeItem) -> None:
        """What the server puts behind a deleted item finds its place."""
        stub = AssistantMessageItem(item_id=item.item_id, previous_item_id=item.previous_item_id)
        self._hub.conversation.upsert(stub, anchored=True)
        self._hub.conversation.delete(item.item_id)

    def _ended(self, event: RealtimeModelTurnEndedEvent) -> None:
        """The response is over; for the application it never was."""
        hub = self._hub
        hub.responses.end(event.response_id, hub.agent).ending = event
        hub.playback.response_ended(event.response_id)


def _keep(ids: dict[str, None], new: str) -> None:
    ids[new] = None
    if len(ids) > _KEPT:
        del ids[next(iter(ids))]
