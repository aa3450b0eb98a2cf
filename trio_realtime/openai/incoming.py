"""Server events into model events: one method for each event that means something to a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeAlias, cast

from trio_realtime._structure import NotGiven
from trio_realtime.audio import AudioFormat, RealtimeAudioFormat, parse_audio_format
from trio_realtime.core.responses import CancelResponse
from trio_realtime.errors import ModelBehaviorError
from trio_realtime.items import InputAudio, RealtimeItem, UserMessageItem
from trio_realtime.model_events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelDtmfEvent,
    RealtimeModelEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelInputAudioTranscriptionDeltaEvent,
    RealtimeModelInputAudioTranscriptionFailedEvent,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemTruncatedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOtherEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelOutputTextDoneEvent,
    RealtimeModelRateLimitsEvent,
    RealtimeModelSessionUpdatedEvent,
    RealtimeModelSpeechStartedEvent,
    RealtimeModelSpeechStoppedEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTranscriptDoneEvent,
    RealtimeModelTurnStartedEvent,
)
from trio_realtime.openai import server_events_response as rse
from trio_realtime.openai import server_events_session as sse
from trio_realtime.openai.deltas import Delta
from trio_realtime.openai.hosted_tools import HostedTools
from trio_realtime.openai.mapping import (
    item_of,
    rate_limits_of,
    response_error_of,
    tag_of,
    transcription_usage_of,
    turn_ended_of,
    usage_event_of,
    user_metadata,
    with_images,
)
from trio_realtime.openai.server_errors import ServerErrors, exception_event
from trio_realtime.openai.server_event import ServerEvent, UnknownServerEvent
from trio_realtime.openai.server_values import ServerErrorDetails
from trio_realtime.openai.severity import is_fatal
from trio_realtime.openai.state import ProtocolState, follow_ups
from trio_realtime.openai.timing import TIMING, timing_events

__all__ = ["Incoming"]

Events: TypeAlias = "list[RealtimeModelEvent]"
Handler: TypeAlias = "Callable[[Any, Any, float], Events]"
_HIDDEN: Final = 1024
"""Items outside the history whose places are remembered."""


class Incoming:
    """Translates what the server says and keeps the state up to date with it."""

    __slots__ = ("_errors", "_hidden", "_hosted", "_names_conversation", "_state")

    def __init__(self, state: ProtocolState) -> None:
        self._state = state
        self._errors = ServerErrors(state)
        self._hosted = HostedTools()
        self._hidden: dict[str, str | None] = {}
        self._names_conversation = False

    def translate(self, event: ServerEvent | UnknownServerEvent, now: float) -> Events:
        """Give what the event means to a session; nothing for an event that means nothing to it.

        Raises:
            ModelBehaviorError: the event is not what the protocol allows.
        """
        if isinstance(event, UnknownServerEvent):
            other = RealtimeModelOtherEvent(received_at=now, data=event.data)
            return [other, *timing_events(event, now)] if event.type == TIMING else [other]
        response_id = getattr(event, "response_id", None)
        if response_id is not None:
            self._state.responses.alive(response_id, now)
        handler = self._HANDLERS.get(type(event))
        return handler(self, event, now) if handler is not None else []

    def alive(self, delta: Delta, now: float) -> None:
        """Note a piece of a response that was read the short way."""
        self._state.responses.alive(delta.response_id, now)
        if type(delta) is RealtimeModelAudioEvent:
            self._state.spoken = True

    # The session

    def _session_created(self, event: sse.SessionCreatedEvent, now: float) -> Events:
        del now
        self._state.created = True
        expires_at = event.session.get("expires_at")
        if isinstance(expires_at, (int, float)) and expires_at > 0:
            self._state.expires_at = float(expires_at)
        self._note_session(event.session)
        return []

    def _session_updated(self, event: sse.SessionUpdatedEvent, now: float) -> Events:
        self._note_session(event.session)
        return [RealtimeModelSessionUpdatedEvent(received_at=now, event_id=self._state.updates.confirmed())]

    def _note_session(self, session: Mapping[str, Any]) -> None:
        nested = _mapping(_mapping(session.get("audio")).get("output"))
        output = _format(nested.get("format") or session.get("output_audio_format"))
        self._state.output_format = output or self._state.output_format
        audio = _mapping(_mapping(session.get("audio")).get("input"))
        given = _format(audio.get("format") or session.get("input_audio_format"))
        if given is not None and self._state.unsettled is not None:
            self._state.unsettled.audio_format = given
        place = audio if "turn_detection" in audio else session
        if "turn_detection" in place:
            detection = place["turn_detection"]
            self._state.detects_turns = detection is not None
            self._state.interrupts = (
                detection is not None and _mapping(detection).get("interrupt_response") is not False
            )

    def _rate_limits(self, event: sse.RateLimitsUpdatedEvent, now: float) -> Events:
        return [RealtimeModelRateLimitsEvent(received_at=now, rate_limits=rate_limits_of(event.rate_limits))]

    # Items

    def _item_placed(
        self,
        event: sse.ConversationItemCreatedEvent | sse.ConversationItemAddedEvent | sse.ConversationItemDoneEvent,
        now: float,
    ) -> Events:
        placed = not isinstance(event.previous_item_id, NotGiven)
        previous = self._visible(event.previous_item_id) if not isinstance(event.previous_item_id, NotGiven) else None
        item = item_of(event.item, previous)
        sent = self._state.unsettled.created(event.item.id or "") if self._state.unsettled is not None else None
        if item is None:
            if event.item.id and placed:
                self._hide(event.item.id, previous)
            done = isinstance(event, sse.ConversationItemDoneEvent)
            return self._hosted.item(event.item, now, done=done)
        if sent is not None:
            item = with_images(item, sent)
        return [RealtimeModelItemUpdatedEvent(received_at=now, item=item, anchored=placed)]

    def _hide(self, item_id: str, previous: str | None) -> None:
        """Remember the place of an item that no history holds, so that the next one finds its own."""
        if previous != item_id:
            self._hidden[item_id] = previous
        if len(self._hidden) > _HIDDEN:
            del self._hidden[next(iter(self._hidden))]

    def _visible(self, item_id: str | None) -> str | None:
        for _ in range(len(self._hidden)):
            if item_id is None or item_id not in self._hidden:
                break
            item_id = self._hidden[item_id]
        return item_id

    def _item_retrieved(self, event: sse.ConversationItemRetrievedEvent, now: float) -> Events:
        return self._item(item_of(event.item), now)

    def _item(self, item: RealtimeItem | None, now: float, response_id: str | None = None) -> Events:
        if item is None:
            return []
        return [RealtimeModelItemUpdatedEvent(received_at=now, item=item, response_id=response_id)]

    def _item_deleted(self, event: sse.ConversationItemDeletedEvent, now: float) -> Events:
        self._state.cut.discard(event.item_id)
        if self._state.unsettled is not None:
            self._state.unsettled.deleted(event.item_id)
        return [RealtimeModelItemDeletedEvent(received_at=now, item_id=event.item_id)]

    def _item_truncated(self, event: sse.ConversationItemTruncatedEvent, now: float) -> Events:
        self._state.cut.discard(event.item_id)
        return [
            RealtimeModelItemTruncatedEvent(
                received_at=now,
                item_id=event.item_id,
                content_index=event.content_index,
                audio_end_ms=event.audio_end_ms,
            )
        ]

    # The user's side

    def _cleared(self, event: sse.InputAudioBufferClearedEvent, now: float) -> Events:
        del event, now
        self._state.speaking = False
        return []

    def _committed(self, event: sse.InputAudioBufferCommittedEvent, now: float) -> Events:
        self._state.speaking = False
        if self._state.unsettled is not None:
            self._state.unsettled.committed()
        if isinstance(event.previous_item_id, NotGiven):
            return []
        item = UserMessageItem(
            item_id=event.item_id,
            previous_item_id=self._visible(event.previous_item_id),
            content=(InputAudio(),),
        )
        return [RealtimeModelItemUpdatedEvent(received_at=now, item=item, anchored=True)]

    def _input_delta(self, event: sse.InputAudioTranscriptionDeltaEvent, now: float) -> Events:
        if not event.delta:
            return []
        return [
            RealtimeModelInputAudioTranscriptionDeltaEvent(
                received_at=now, item_id=event.item_id, delta=event.delta, content_index=event.content_index or 0
            )
        ]

    def _input_completed(self, event: sse.InputAudioTranscriptionCompletedEvent, now: float) -> Events:
        return [
            RealtimeModelInputAudioTranscriptionCompletedEvent(
                received_at=now,
                item_id=event.item_id,
                transcript=event.transcript,
                content_index=event.content_index,
                usage=transcription_usage_of(event.usage) if event.usage is not None else None,
            )
        ]

    def _input_failed(self, event: sse.InputAudioTranscriptionFailedEvent, now: float) -> Events:
        return [
            RealtimeModelInputAudioTranscriptionFailedEvent(
                received_at=now,
                item_id=event.item_id,
                error=response_error_of(event.error),
                content_index=event.content_index,
            )
        ]

    def _speech_started(self, event: sse.InputAudioBufferSpeechStartedEvent, now: float) -> Events:
        self._state.speaking = True
        return [
            RealtimeModelSpeechStartedEvent(
                received_at=now,
                item_id=event.item_id,
                audio_start_ms=event.audio_start_ms,
                interrupts=self._state.interrupts,
            )
        ]

    def _speech_stopped(self, event: sse.InputAudioBufferSpeechStoppedEvent, now: float) -> Events:
        if self._state.unsettled is not None:
            self._state.unsettled.speech_stopped(event.audio_end_ms)
        return [
            RealtimeModelSpeechStoppedEvent(received_at=now, item_id=event.item_id, audio_end_ms=event.audio_end_ms)
        ]

    def _timeout_triggered(self, event: sse.InputAudioBufferTimeoutTriggeredEvent, now: float) -> Events:
        return [
            RealtimeModelInputAudioTimeoutTriggeredEvent(
                received_at=now,
                item_id=event.item_id,
                audio_start_ms=event.audio_start_ms,
                audio_end_ms=event.audio_end_ms,
            )
        ]

    def _dtmf(self, event: sse.InputAudioBufferDtmfEventReceivedEvent, now: float) -> Events:
        return [RealtimeModelDtmfEvent(received_at=now, event=event.event)]

    # Responses

    def _response_created(self, event: rse.ResponseCreatedEvent, now: float) -> Events:
        response, responses = event.response, self._state.responses
        self._names_conversation = self._names_conversation or isinstance(response.conversation_id, str)
        # Servers that name no conversation at all say null for their only one.
        apart = response.conversation_id is None and (self._names_conversation or responses.expects_out_of_band)
        handled = responses.created(response.id, tag=tag_of(response), out_of_band=apart, now=now)
        request = handled.request
        request_id = request.event_id if request is not None and request.followed else None
        if request_id is not None:
            self._state.answered(request_id, response.id)
        started = RealtimeModelTurnStartedEvent(
            received_at=now,
            response_id=response.id,
            metadata=user_metadata(response),
            default_conversation=not responses.is_out_of_band(response.id),
            cancelled=any(isinstance(action, CancelResponse) for action in handled.actions),
            request_id=request_id,
        )
        return [started, *follow_ups(self._state, handled.actions, now)]

    def _response_done(self, event: rse.ResponseDoneEvent, now: float) -> Events:
        response = event.response
        actions = self._state.responses.done(response.id, now)
        self._state.cancelled.discard(response.id)
        ended = turn_ended_of(response, now)
        events: Events = []
        if response.usage is not None:
            events.append(usage_event_of(response, response.usage, now))
        events.append(ended)
        error = ended.error
        if error is not None and is_fatal(error.code, error.type):
            details = ServerErrorDetails(type=error.type, code=error.code, message=error.message)
            events.append(exception_event(details, f"response {response.id} failed", now))
        return events + follow_ups(self._state, actions, now)

    def _output_item(
        self, event: rse.ResponseOutputItemAddedEvent | rse.ResponseOutputItemDoneEvent, now: float
    ) -> Events:
        done = isinstance(event, rse.ResponseOutputItemDoneEvent)
        hosted = self._hosted.item(event.item, now, done=done, response_id=event.response_id)
        if hosted or self._state.responses.is_out_of_band(event.response_id):
            return hosted
        return self._item(item_of(event.item), now, event.response_id)

    def _output_item_done(self, event: rse.ResponseOutputItemDoneEvent, now: float) -> Events:
        events, item = self._output_item(event, now), event.item
        if item.type == "function_call" and item.status in {"completed", None}:
            if not item.name:
                raise ModelBehaviorError("the server sent a function call without a name", param="item.name")
            call = RealtimeModelToolCallEvent(
                received_at=now,
                name=item.name,
                call_id=item.call_id or "",
                arguments=item.arguments or "",
                id=item.id,
                response_id=event.response_id,
            )
            events.append(call)
        return events

    def _text_delta(self, event: rse.ResponseOutputTextDeltaEvent, now: float) -> Events:
        return [
            RealtimeModelOutputTextDeltaEvent(
                received_at=now,
                item_id=event.item_id,
                delta=event.delta,
                response_id=event.response_id,
                content_index=event.content_index,
            )
        ]

    def _text_done(self, event: rse.ResponseOutputTextDoneEvent, now: float) -> Events:
        return [
            RealtimeModelOutputTextDoneEvent(
                received_at=now,
                item_id=event.item_id,
                text=event.text,
                response_id=event.response_id,
                content_index=event.content_index,
            )
        ]

    def _audio_delta(self, event: rse.ResponseOutputAudioDeltaEvent, now: float) -> Events:
        self._state.spoken = True
        return [
            RealtimeModelAudioEvent(
                received_at=now,
                data=event.delta,
                response_id=event.response_id,
                item_id=event.item_id,
                content_index=event.content_index,
            )
        ]

    def _audio_done(self, event: rse.ResponseOutputAudioDoneEvent, now: float) -> Events:
        return [
            RealtimeModelAudioDoneEvent(
                received_at=now,
                item_id=event.item_id,
                content_index=event.content_index,
                response_id=event.response_id,
            )
        ]

    def _transcript_delta(self, event: rse.ResponseOutputAudioTranscriptDeltaEvent, now: float) -> Events:
        return [
            RealtimeModelTranscriptDeltaEvent(
                received_at=now,
                item_id=event.item_id,
                delta=event.delta,
                response_id=event.response_id,
                content_index=event.content_index,
            )
        ]

    def _transcript_done(self, event: rse.ResponseOutputAudioTranscriptDoneEvent, now: float) -> Events:
        return [
            RealtimeModelTranscriptDoneEvent(
                received_at=now,
                item_id=event.item_id,
                transcript=event.transcript,
                response_id=event.response_id,
                content_index=event.content_index,
            )
        ]

    def _error(self, event: sse.ErrorEvent, now: float) -> Events:
        return self._errors.on_error(event, now)

    def _hosted_event(self, event: ServerEvent, now: float) -> Events:
        return self._hosted.handle(event, now)

    # One table for all: a session has no functions of its own in memory.
    _HANDLERS: ClassVar[Mapping[type[ServerEvent], Handler]] = {
        sse.ErrorEvent: _error,
        sse.SessionCreatedEvent: _session_created,
        sse.SessionUpdatedEvent: _session_updated,
        sse.ConversationItemCreatedEvent: _item_placed,
        sse.ConversationItemAddedEvent: _item_placed,
        sse.ConversationItemDoneEvent: _item_placed,
        sse.ConversationItemRetrievedEvent: _item_retrieved,
        sse.ConversationItemDeletedEvent: _item_deleted,
        sse.ConversationItemTruncatedEvent: _item_truncated,
        sse.InputAudioTranscriptionDeltaEvent: _input_delta,
        sse.InputAudioTranscriptionCompletedEvent: _input_completed,
        sse.InputAudioTranscriptionFailedEvent: _input_failed,
        sse.InputAudioBufferCommittedEvent: _committed,
        sse.InputAudioBufferClearedEvent: _cleared,
        sse.InputAudioBufferSpeechStartedEvent: _speech_started,
        sse.InputAudioBufferSpeechStoppedEvent: _speech_stopped,
        sse.InputAudioBufferTimeoutTriggeredEvent: _timeout_triggered,
        sse.InputAudioBufferDtmfEventReceivedEvent: _dtmf,
        sse.RateLimitsUpdatedEvent: _rate_limits,
        rse.ResponseCreatedEvent: _response_created,
        rse.ResponseDoneEvent: _response_done,
        rse.ResponseOutputItemAddedEvent: _output_item,
        rse.ResponseOutputItemDoneEvent: _output_item_done,
        rse.ResponseOutputTextDeltaEvent: _text_delta,
        rse.ResponseOutputTextDoneEvent: _text_done,
        rse.ResponseOutputAudioDeltaEvent: _audio_delta,
        rse.ResponseOutputAudioDoneEvent: _audio_done,
        rse.ResponseOutputAudioTranscriptDeltaEvent: _transcript_delta,
        rse.ResponseOutputAudioTranscriptDoneEvent: _transcript_done,
        **dict.fromkeys(HostedTools.HANDLERS, _hosted_event),
    }


def _format(value: object) -> AudioFormat | None:
    """Give the format that a server names, as text or in an object; None for anything else."""
    return parse_audio_format(value if isinstance(value, str) else cast("RealtimeAudioFormat", _mapping(value)))


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
