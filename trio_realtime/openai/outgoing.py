"""Model inputs into client events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import attrs
import pybase64

from trio_realtime._structure import NOT_GIVEN
from trio_realtime.core.replay import output_item_id
from trio_realtime.core.responses import ResponseAction, ResponseRequest, SendRequest
from trio_realtime.core.unsettled import Unsettled
from trio_realtime.dialect import Dialect
from trio_realtime.errors import UserError
from trio_realtime.model_events import RealtimeModelEvent, RealtimeModelSessionUpdatedEvent
from trio_realtime.model_inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendResponseRequest,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelSendWithdrawal,
    RealtimeModelUserInput,
    TruncationPoint,
)
from trio_realtime.openai.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    checked,
)
from trio_realtime.openai.codec import encode, encode_append
from trio_realtime.openai.mapping import RESERVED_METADATA_KEY
from trio_realtime.openai.settings import session_object
from trio_realtime.openai.state import FollowUpMessage, ProtocolState

__all__ = ["Outgoing", "OutgoingProtocol"]

Frame = str | bytes
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_METADATA_KEYS: Final = 15
"""The protocol allows 16; one is ours."""
_ITEM_ID_LENGTH: Final = 32
"""The protocol's limit."""


@attrs.frozen
class Outgoing:
    """What follows from a model input.

    Attributes:
        frames: text messages to send, in order.
        events: model events that the sending itself causes.
    """

    frames: Sequence[Frame] = ()
    events: Sequence[RealtimeModelEvent] = ()


class OutgoingProtocol:
    """Translates what a session wants and keeps the state up to date with it.

    Args:
        state: shared with the other direction.
        model: the model that settings without one mean.
        attached: the session is a running call; no default is sent.
        dialect: how the server's events differ, if they do.

    Attributes:
        append: gives the frame that appends audio to the input buffer.
        appended: notes that it was sent.
    """

    __slots__ = ("_attached", "_dialect", "_model", "_state", "append", "appended")

    def __init__(self, state: ProtocolState, *, model: str, attached: bool, dialect: Dialect | None = None) -> None:
        self._state = state
        self._model = model
        self._attached = attached
        self._dialect = dialect
        self.append: Callable[[bytes], Frame] = encode_append if dialect is None else self._append_in_dialect
        self.appended: Callable[[bytes], None] = _forget if state.unsettled is None else state.unsettled.audio

    def _encode(self, event: Mapping[str, Any]) -> Frame:
        return encode(event if self._dialect is None else self._dialect.to_server(event))

    def translate(self, event: RealtimeModelSendEvent, now: float) -> Outgoing:
        """Give the frames for a model input.

        Raises:
            UserError: it cannot be sent as it is; nothing has changed then.
        """
        match event:
            case RealtimeModelSendAudio():
                return self._audio(event)
            case RealtimeModelSendUserInput() | RealtimeModelSendToolOutput():
                return self._input(event, now)
            case RealtimeModelSendInterrupt():
                return self._interrupt(event, now)
            case RealtimeModelSendSessionUpdate():
                return self._session_update(event, now)
            case RealtimeModelSendRawMessage():
                return self._raw(event, now)
            case _:
                return self._request(event, now)

    def _request(self, event: RealtimeModelSendResponseRequest | RealtimeModelSendWithdrawal, now: float) -> Outgoing:
        if isinstance(event, RealtimeModelSendResponseRequest):
            return self._response_request(event, now)
        return Outgoing(self._withdraw(event.request_id, now))

    def _input(self, event: RealtimeModelSendUserInput | RealtimeModelSendToolOutput, now: float) -> Outgoing:
        if isinstance(event, RealtimeModelSendUserInput):
            item = {"id": self._item_id(event.item_id), **_user_message(event.user_input)}
            return self._item_and_request(item, now, instead_of=event.instead_of)
        call = event.tool_call
        item = {
            "id": output_item_id(call.id) if call.id else self._state.new_id("item"),  # found again by its call
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": event.output,
        }
        return self._item_and_request(item, now, respond=event.start_response)

    def _audio(self, event: RealtimeModelSendAudio) -> Outgoing:
        frames: list[Frame] = [self.append(event.audio)] if event.audio else []
        self.appended(event.audio)
        unsettled = self._state.unsettled
        if event.commit:
            event_id = event.event_id or self._state.new_id("event")
            frames.append(self._encode(InputAudioBufferCommit(event_id=event_id).to_wire()))
            if unsettled is not None:
                unsettled.commit(event_id)
        return Outgoing(frames)

    def _append_in_dialect(self, audio: bytes) -> Frame:
        return self._encode(InputAudioBufferAppend(audio=audio).to_wire())

    def _item_id(self, wanted: str | None) -> str:
        if wanted is not None and len(wanted) > _ITEM_ID_LENGTH:
            raise UserError(f"item_id: at most {_ITEM_ID_LENGTH} characters are possible, not {len(wanted)}")
        return wanted or self._state.new_id("item")

    def _item_and_request(
        self, item: dict[str, Any], now: float, *, respond: bool = True, instead_of: str | None = None
    ) -> Outgoing:
        if self._state.responses.comes_too_late(instead_of):
            return Outgoing()
        frames = [self._create(item)]
        if respond:
            request = ResponseRequest(event_id=self._state.new_id("event"), manual=False, instead_of=instead_of)
            frames += self._perform(self._state.responses.request(request, now), now)
        return Outgoing(frames)

    def _create(self, item: Mapping[str, Any], *, request_id: str | None = None) -> Frame:
        if "id" not in item:
            item = {"id": self._state.new_id("item"), **item}
        event_id = self._state.new_id("event")
        create = ConversationItemCreate(event_id=event_id, item=item)
        if request_id is not None:
            self._state.asks_with(event_id, request_id)
        frame = self._encode(create.to_wire())
        if self._state.unsettled is not None:
            self._state.unsettled.create(create.event_id, item, {"item": item})
        return frame

    # Responses

    def _response_request(self, event: RealtimeModelSendResponseRequest, now: float) -> Outgoing:
        _check_metadata(event.metadata or _NOTHING)
        if self._state.responses.is_pending(event.request_id):
            raise UserError(f"request_id: {event.request_id!r} names another request that has no answer yet")
        response = session_object(event.settings, attached=True)
        del response["type"]
        if event.settings.tools is not NOT_GIVEN:
            response.setdefault("tools", [])
        apart = event.conversation == "none"
        if apart:
            response["conversation"] = "none"
        if apart and event.items is not None:
            response["input"] = [dict(item) for item in event.items]
        if event.metadata is not None:
            response["metadata"] = dict(event.metadata)
        items = () if apart else tuple(event.items or ())
        self._encode({"response": response, "items": items})  # a fault must show before anything has changed
        request = ResponseRequest(
            event_id=event.request_id,
            manual=True,
            out_of_band=apart,
            parameters={"response": response},
            items=items,
            origin=event,
        )
        return Outgoing(self._perform(self._state.responses.request(request, now), now))

    def _withdraw(self, request_id: str, now: float) -> list[Frame]:
        """Take a request back, or cancel the response that it has got."""
        responses = self._state.responses
        if responses.is_pending(request_id):
            return self._perform(responses.withdraw(request_id, now).actions, now)
        response_id = self._state.answers.get(request_id)
        return [] if response_id is None else self._cancel(response_id)

    def _perform(self, actions: Sequence[ResponseAction], now: float) -> list[Frame]:
        """Do at once what the reading side can only ask for. No wish of ours ends a request or cancels a response."""
        frames: list[Frame] = []
        for action in actions:
            if isinstance(action, SendRequest):  # pragma: no branch
                frames += self._begin(action.request.event_id, now)
        return frames

    def _begin(self, event_id: str, now: float) -> list[Frame]:
        request = self._state.responses.begin(event_id, now)
        if request is None:
            return []
        frames: list[Frame] = []
        if event_id not in self._state.placed:
            self._state.placed.add(event_id)
            frames += [self._create(item, request_id=event_id) for item in request.items]
        response: Mapping[str, Any] = request.parameters.get("response") or _NOTHING
        metadata: dict[str, Any] = {**(response.get("metadata") or _NOTHING), RESERVED_METADATA_KEY: event_id}
        create = ResponseCreate(event_id=event_id, response={**response, "metadata": metadata})
        return [*frames, self._encode({**request.parameters, **create.to_wire()})]

    def _cancel(self, response_id: str, event_id: str | None = None) -> list[Frame]:
        if response_id in self._state.cancelled or self._state.responses.is_over(response_id):
            return []
        self._state.cancelled.add(response_id)
        event_id = event_id or self._state.new_id("event")
        return [self._encode(ResponseCancel(event_id=event_id, response_id=response_id).to_wire())]

    def _interrupt(self, event: RealtimeModelSendInterrupt, now: float) -> Outgoing:
        points = () if event.cancel_response_only else event.truncations
        frames = [self._truncate(point) for point in points]
        if not event.playback_only:
            frames += self._stop(event.response_id, now)
        return Outgoing(frames)

    def _stop(self, response_id: str | None, now: float) -> list[Frame]:
        """Cancel a response: that one (or the request of that event id), or whatever speaks or is about to."""
        responses = self._state.responses
        if response_id is None:
            response_id = responses.active_id or responses.outstanding_id
        if response_id is None:
            return []
        if responses.is_pending(response_id):
            return self._perform(responses.withdraw(response_id, now).actions, now)
        return self._cancel(response_id)

    def _truncate(self, point: TruncationPoint) -> Frame:
        event_id = self._state.new_id("event")
        self._state.cut.add(event_id)
        self._state.cut.add(point.item_id)
        if point.audio_end_ms <= 0:  # the service refuses a cut at 0
            return self._encode(ConversationItemDelete(event_id=event_id, item_id=point.item_id).to_wire())
        cut = ConversationItemTruncate(
            event_id=event_id,
            item_id=point.item_id,
            content_index=point.content_index,
            audio_end_ms=point.audio_end_ms,
        )
        return self._encode(cut.to_wire())

    # The session

    def _session_update(self, event: RealtimeModelSendSessionUpdate, now: float) -> Outgoing:
        state = self._state
        wanted = session_object(event.session_settings, model=self._model, attached=self._attached)
        update = state.updates.difference(wanted, voice_fixed=state.spoken)
        if update is None:
            done = RealtimeModelSessionUpdatedEvent(received_at=now, event_id=event.event_id)
            return Outgoing(events=[done])
        return self._update(event.event_id or state.new_id("event"), update)

    def _update(self, event_id: str, session: Mapping[str, Any]) -> Outgoing:
        frame = self._encode(SessionUpdate(event_id=event_id, session=session).to_wire())
        self._state.updates.add(event_id, session)
        return Outgoing([frame])

    # Raw client events

    def _raw(self, event: RealtimeModelSendRawMessage, now: float) -> Outgoing:
        message = event.message
        if isinstance(message, FollowUpMessage):
            return self._follow_up(message, now)
        data = checked(message)
        out = self._checked_raw(message, data, now)
        if self._state.unsettled is not None:
            note_raw(self._state.unsettled, data)
        return out

    def _checked_raw(self, message: RealtimeModelRawClientMessage, data: dict[str, Any], now: float) -> Outgoing:
        match message.type:
            case "response.create":
                return self._raw_request(data, now, message)
            case "session.update":
                return self._update(data.get("event_id") or self._state.new_id("event"), data["session"])
            case "response.cancel" if data.get("response_id"):
                self._state.cancelled.add(data["response_id"])
                return Outgoing([self._encode(data)])
            case _:
                return Outgoing([self._encode(data)])

    def _follow_up(self, message: FollowUpMessage, now: float) -> Outgoing:
        """Something of our own, which the session's writer has brought back; it may not be wanted any more."""
        if message.type == "response.cancel":
            return Outgoing(self._cancel(message.other_data["response_id"]))
        return Outgoing(self._begin(message.other_data["event_id"], now))

    def _raw_request(self, data: dict[str, Any], now: float, message: RealtimeModelRawClientMessage) -> Outgoing:
        response: Mapping[str, Any] = data.get("response") or _NOTHING
        metadata: Mapping[str, Any] = response.get("metadata") or _NOTHING
        _check_metadata(metadata)
        event_id = data.get("event_id") or self._state.new_id("event")
        if self._state.responses.is_pending(event_id):
            raise UserError(f"event_id: {event_id!r} names another response.create that has no answer yet")
        self._encode(data)  # a fault must show before anything has changed
        request = ResponseRequest(
            event_id=event_id,
            manual=not message.automatic,
            out_of_band=response.get("conversation") == "none",
            instead_of=message.instead_of,
            parameters={name: value for name, value in data.items() if name not in {"type", "event_id"}},
        )
        return Outgoing(self._perform(self._state.responses.request(request, now), now))


def _forget(audio: bytes) -> None:
    """Keep nothing of what was sent."""
    del audio


def note_raw(unsettled: Unsettled, data: Mapping[str, Any]) -> None:
    """Note a raw client event that is being sent, if it is one that waits to be settled."""
    event_id = data.get("event_id")
    match data["type"]:
        case "conversation.item.create":
            fields = {name: value for name, value in data.items() if name not in {"type", "event_id"}}
            unsettled.create(event_id, data["item"], fields)
        case "conversation.item.delete":
            unsettled.delete(event_id, data["item_id"])
        case "input_audio_buffer.append":
            with suppress(ValueError):
                unsettled.audio(pybase64.b64decode(data["audio"]))
        case "input_audio_buffer.commit":
            unsettled.commit(event_id)
        case "input_audio_buffer.clear":
            unsettled.clear()
        case _:
            pass


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    if RESERVED_METADATA_KEY in metadata:
        raise UserError(f"response.metadata: the key {RESERVED_METADATA_KEY!r} is reserved")
    if len(metadata) > _METADATA_KEYS:
        raise UserError(f"response.metadata: at most {_METADATA_KEYS} keys are possible, not {len(metadata)}")


def _user_message(user_input: RealtimeModelUserInput) -> dict[str, Any]:
    parts = (
        [RealtimeModelInputTextContent(text=user_input)] if isinstance(user_input, str) else list(user_input.content)
    )
    return {"type": "message", "role": "user", "content": [_part(part) for part in parts]}


def _part(part: RealtimeModelInputTextContent | RealtimeModelInputImageContent) -> dict[str, Any]:
    if isinstance(part, RealtimeModelInputTextContent):
        return {"type": "input_text", "text": part.text}
    image: dict[str, Any] = {"type": "input_image", "image_url": part.image_url}
    return image if part.detail is None else {**image, "detail": part.detail}
