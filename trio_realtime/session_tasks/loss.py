"""What the loss of a connection means to the session: how its responses end, and which commands outlive it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from trio_realtime.core.replay import message_content
from trio_realtime.events import RealtimeHistoryUpdated
from trio_realtime.items import AssistantMessageItem, RealtimeToolCallItem
from trio_realtime.model import Unfinished, UnfinishedResponse
from trio_realtime.model_events import RealtimeModelTurnEndedEvent
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendResponseRequest,
    RealtimeModelSendWithdrawal,
)

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.session_tasks.responses import Response

__all__ = ["LOST", "end_responses", "item_of", "outlives", "request_name", "requests_again"]

LOST: Final = "connection_lost"
"""The reason of a response's end when its connection was lost."""

_OUTLIVING: Final = frozenset(
    {
        "conversation.item.create",
        "conversation.item.delete",
        "input_audio_buffer.append",
        "input_audio_buffer.clear",
        "input_audio_buffer.commit",
        "response.create",
        "session.update",
    }
)
"""Raw client events that mean the same to another connection."""


def item_of(event: RealtimeModelSendEvent) -> dict[str, Any]:
    """Give the item that a raw ``conversation.item.create`` makes; empty for anything else."""
    if isinstance(event, RealtimeModelSendRawMessage) and event.message.type == "conversation.item.create":
        return dict(event.message.other_data.get("item") or {})
    return {}


def outlives(event: RealtimeModelSendEvent) -> bool:
    """Say whether a command is still to be done when its connection is lost: what the user says, what a tool has found.

    What concerned the lost connection alone (a cancel, a cut, the answer to a question of the service's) is not.
    """
    if isinstance(event, RealtimeModelSendInterrupt | RealtimeModelSendWithdrawal):
        return False
    if not isinstance(event, RealtimeModelSendRawMessage):
        return True
    message = event.message
    if type(message) is not RealtimeModelRawClientMessage or message.type not in _OUTLIVING:
        return False
    return item_of(event).get("type") != "mcp_approval_response"


def request_name(event: RealtimeModelSendEvent) -> str | None:
    """Give the name of a request for a response."""
    if isinstance(event, RealtimeModelSendResponseRequest):
        return event.request_id
    if isinstance(event, RealtimeModelSendRawMessage) and event.message.type == "response.create":
        return event.message.other_data.get("event_id")
    return None


def _stops(event: RealtimeModelSendEvent, left: UnfinishedResponse) -> bool:
    """Say whether a command that was not sent any more was to stop a response."""
    response_id = left.response_id
    if isinstance(event, RealtimeModelSendWithdrawal):
        return event.request_id == request_name(left.again)
    if isinstance(event, RealtimeModelSendInterrupt):
        return not event.playback_only and event.response_id in (None, response_id)
    if isinstance(event, RealtimeModelSendRawMessage) and event.message.type == "response.cancel":
        return event.message.other_data.get("response_id") in (None, response_id)
    return False


def requests_again(
    hub: SessionHub, unfinished: Unfinished, dropped: Sequence[RealtimeModelSendEvent]
) -> list[RealtimeModelSendEvent]:
    """Give what asks again for the responses that have not ended. To be called before :func:`end_responses`.

    A response that was interrupted is not asked for again, nor one that has called a tool: the tool's output does that.

    Args:
        hub: the session.
        unfinished: what the connection has left behind.
        dropped: commands that were not sent any more.
    """
    again: list[RealtimeModelSendEvent] = []
    for left in unfinished.responses:
        response = hub.responses.get(left.response_id) if left.response_id is not None else None
        over = response is not None and (response.silenced or response.tripped or response.called)
        if not over and not any(_stops(event, left) for event in dropped):
            again.append(left.again)
            if response is not None:
                response.asked_again = True
    return again


def end_responses(hub: SessionHub) -> None:
    """End every response for the application: what was heard of it stays, the rest is dropped."""
    active = hub.responses.all_active()
    for response in active:
        response.lost = True
        _cut(hub, response)
    if _settle_items(hub):
        hub.publish(RealtimeHistoryUpdated(info=hub.info, history=hub.told_history()))
    for response in active:
        hub.handle(
            RealtimeModelTurnEndedEvent(
                response_id=response.response_id, status="incomplete", reason=LOST, received_at=trio.current_time()
            )
        )


def _cut(hub: SessionHub, response: Response) -> None:
    """Stop a reply where it was heard; one that has called a tool is not said again, so what came whole is said."""
    now = trio.current_time()
    state = hub.tracker.get_state() if hub.tracker is not None else None
    parts = [part for part in hub.playback.heard(now, state) if part.response_id == response.response_id]
    if not response.called or not all(part.complete for part in parts):
        hub.interrupt(
            response_id=response.response_id, cancel=False, by_user=False
        )  # what it would tell the server, nobody hears
    response.silenced = True


def _settle_items(hub: SessionHub) -> bool:
    """Nothing goes on in the history: what was begun stands as it is, and what is not usable goes. Says if any was."""
    changed = False
    for item in hub.conversation.snapshot():
        if isinstance(item, RealtimeToolCallItem):
            call_id = item.call_id or ""
            if item.output is None and not hub.ledger.knows(call_id) and not hub.ledger.is_past(call_id):
                changed = hub.conversation.delete(item.item_id) or changed  # its arguments will never be complete
        elif isinstance(item, AssistantMessageItem) and item.status == "in_progress":
            if message_content(item):
                settled = attrs.evolve(item, status="incomplete")
                changed = hub.conversation.upsert(settled) == "updated" or changed
            else:
                changed = hub.conversation.delete(item.item_id) or changed
    return changed
