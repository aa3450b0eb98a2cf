"""What both directions of the protocol share: the state of one connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from trio_realtime.audio import PCM16, AudioFormat
from trio_realtime.core.responses import (
    CancelResponse,
    RequestAnswered,
    RequestFailed,
    ResponseAction,
    ResponseSequencer,
    SendRequest,
)
from trio_realtime.core.unsettled import Unsettled
from trio_realtime.errors import RealtimeTimeoutError
from trio_realtime.ids import new_id
from trio_realtime.model_events import (
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelFollowUpEvent,
    RealtimeModelRequestSettledEvent,
)
from trio_realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage
from trio_realtime.openai.updates import SessionUpdates

__all__ = ["FollowUpMessage", "NewId", "ProtocolState", "Recent", "follow_ups"]

_ANSWERS: Final = 64
NewId = Callable[[str], str]
"""Makes a new id that begins with a word, such as ``"item"``."""


@attrs.frozen(kw_only=True)
class FollowUpMessage(RealtimeModelRawClientMessage):
    """A client event that the protocol itself has asked the session's writer to send."""


class Recent:
    """A set of the ids that were added last."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._ids: dict[str, None] = {}

    def __contains__(self, id: object) -> bool:
        return id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def named_in(self, text: str) -> bool:
        """Whether ``text`` names one of the ids."""
        return any(one in text for one in self._ids)

    def add(self, id: str) -> None:
        """Add an id; beyond the size, the oldest goes."""
        self._ids.pop(id, None)
        self._ids[id] = None
        if len(self._ids) > self._size:
            del self._ids[next(iter(self._ids))]

    def discard(self, id: str) -> None:
        """Take an id out, if it is in."""
        self._ids.pop(id, None)


@attrs.define(kw_only=True)
class ProtocolState:
    """The state of one connection.

    Attributes:
        responses: which response may be asked for when.
        updates: session updates in flight.
        new_id: makes ids.
        timeout: seconds until a request for a response has failed; None for never.
        created: the server has said ``session.created``.
        expired: the server has said that the session's time is over.
        interrupts: turn detection cancels the active response when the user begins to speak.
        spoken: the model has produced audio, so that its voice is fixed.
        output_format: the format of that audio, as the server says.
        cancelled: responses for which a cancel was sent.
        cut: client events and items of truncations that an interruption sent; that they fail is no error.
        unsettled: what was sent and is not settled; None if nobody will ask for it.
        expires_at: when the session's time is over, in unix seconds, as the server said at the beginning.
        speaking: turn detection hears the user, or has not committed what it heard.
        detects_turns: turn detection is on.
        placed: requests for a response whose items have been added to the conversation.
        answers: the responses of the requests that were answered last.
        items: the requests for which items were made last, by the client events that made them.
    """

    responses: ResponseSequencer
    updates: SessionUpdates = attrs.Factory(SessionUpdates)
    new_id: NewId = new_id
    timeout: float | None = None
    created: bool = False
    expired: bool = False
    interrupts: bool = True
    spoken: bool = False
    output_format: AudioFormat = PCM16
    cancelled: Recent = attrs.Factory(Recent)
    cut: Recent = attrs.Factory(Recent)
    unsettled: Unsettled | None = None
    expires_at: float | None = None
    speaking: bool = False
    detects_turns: bool = True
    placed: Recent = attrs.Factory(Recent)
    answers: dict[str, str] = attrs.Factory(dict[str, str])
    items: dict[str, str] = attrs.Factory(dict[str, str])

    def asks_with(self, event_id: str, request_id: str) -> None:
        """Remember which request an item is made for."""
        self.items[event_id] = request_id
        if len(self.items) > _ANSWERS:
            del self.items[next(iter(self.items))]

    def answered(self, request_id: str, response_id: str) -> None:
        """Remember which response answers a request."""
        self.answers[request_id] = response_id
        if len(self.answers) > _ANSWERS:
            del self.answers[next(iter(self.answers))]


def follow_ups(state: ProtocolState, actions: Sequence[ResponseAction], now: float) -> list[RealtimeModelEvent]:
    """Give the model events that ask for what is to be sent, and tell what has failed."""
    events: list[RealtimeModelEvent] = []
    for action in actions:
        match action:
            case SendRequest(request):
                events.append(_follow_up("response.create", {"event_id": request.event_id}, now))
            case CancelResponse(response_id):
                events.append(_follow_up("response.cancel", {"response_id": response_id}, now))
            case RequestFailed(request):
                seconds = state.timeout or 0.0
                text = f"no response began within {seconds:g} seconds of being asked for ({request.event_id})"
                error = RealtimeTimeoutError(text, name="response", seconds=seconds)
                events.append(RealtimeModelErrorEvent(received_at=now, error=error))
                if request.followed:
                    events.append(
                        RealtimeModelRequestSettledEvent(received_at=now, request_id=request.event_id, error=error)
                    )
            case RequestAnswered(request, response_id):  # pragma: no branch
                state.answered(request.event_id, response_id)
                events.append(
                    RealtimeModelRequestSettledEvent(
                        received_at=now, request_id=request.event_id, response_id=response_id
                    )
                )
    return events


def _follow_up(type_: str, data: dict[str, Any], now: float) -> RealtimeModelFollowUpEvent:
    message = FollowUpMessage(type=type_, other_data=data)
    return RealtimeModelFollowUpEvent(received_at=now, event=RealtimeModelSendRawMessage(message=message))
