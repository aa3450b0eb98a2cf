"""The reader: takes model events from the connection and does at once what each of them means.

Each handler is synchronous. What takes time goes to another task: tool calls to the tool runner, words to the
guardrail task, commands to the writer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from trio_realtime._growing import GrowingText
from trio_realtime.core.conversation import PartKind
from trio_realtime.errors import InternalError, ServerError
from trio_realtime.events import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeDtmf,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeInputAudioTimeoutTriggered,
    RealtimeRateLimits,
    RealtimeRawModelEvent,
    RealtimeTranscript,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
)
from trio_realtime.items import AssistantMessageItem, AssistantText, RealtimeToolCallItem
from trio_realtime.model_events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelConfigRejectedEvent,
    RealtimeModelDtmfEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelFollowUpEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelInputAudioTranscriptionDeltaEvent,
    RealtimeModelInputAudioTranscriptionFailedEvent,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelMcpApprovalRequestedEvent,
    RealtimeModelMcpCallEvent,
    RealtimeModelMcpListToolsEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelOutputTextDoneEvent,
    RealtimeModelRateLimitsEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelSessionUpdatedEvent,
    RealtimeModelSpeechStartedEvent,
    RealtimeModelSpeechStoppedEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTranscriptDoneEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimeModelUsageEvent,
)
from trio_realtime.session_tasks.hosted_tools import publish_call, publish_listing
from trio_realtime.session_tasks.hub import SessionHub

if TYPE_CHECKING:
    from trio_realtime.session_tasks.responses import Response

__all__ = ["ModelEventHandler", "run_reader"]

_BURST = 32  # frames handled from a full socket before other tasks get a turn


async def run_reader(hub: SessionHub) -> None:
    """Read the connection to its end and handle what it gives."""
    connection, handle = hub.connection, hub.handle
    burst = 0
    try:
        while not hub.ended.is_set():
            event = connection.next_nowait() if burst < _BURST else None
            if event is None:
                burst = 0
                event = await connection.__anext__()
            burst += 1
            handle(event)
            if hub.blocked is not None:
                await _wait_for_room(hub)
    except StopAsyncIteration:
        hub.finish(reason="the server closed the connection")
    except Exception as error:  # noqa: BLE001  the connection's last word, or a custom model's own failure
        hub.finish(error)


async def _wait_for_room(hub: SessionHub) -> None:
    """Stop reading until the application has caught up; too long is the end."""
    overflow, hub.blocked = hub.blocked, None
    with trio.move_on_after(hub.run_config.delivery.max_block_ms / 1000) as scope:
        await hub.delivery.wait_for_room()
    if scope.cancelled_caught and overflow is not None:
        hub.slow_consumer(overflow)


class ModelEventHandler:
    """What each model event means for a session: a table from class to method."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._raw = hub.run_config.raw_events
        self._begun_calls: set[str] = set()
        self._table: dict[type[Any], Callable[[Any], None]] = {
            RealtimeModelAudioEvent: self._audio,
            RealtimeModelTranscriptDeltaEvent: self._transcript_delta,
            RealtimeModelTranscriptDoneEvent: self._transcript_done,
            RealtimeModelOutputTextDeltaEvent: self._text_delta,
            RealtimeModelOutputTextDoneEvent: self._text_done,
            RealtimeModelAudioDoneEvent: self._audio_done,
            RealtimeModelItemUpdatedEvent: self._item_updated,
            RealtimeModelItemDeletedEvent: self._item_deleted,
            RealtimeModelToolCallEvent: self._tool_call,
            RealtimeModelTurnStartedEvent: self._turn_started,
            RealtimeModelTurnEndedEvent: self._turn_ended,
            RealtimeModelUsageEvent: self._usage,
            RealtimeModelMcpListToolsEvent: partial(publish_listing, hub),
            RealtimeModelMcpApprovalRequestedEvent: self._hosted_request,
            RealtimeModelMcpCallEvent: partial(publish_call, hub),
            RealtimeModelInputAudioTranscriptionDeltaEvent: self._user_delta,
            RealtimeModelInputAudioTranscriptionCompletedEvent: self._user_completed,
            RealtimeModelInputAudioTranscriptionFailedEvent: self._user_failed,
            RealtimeModelSpeechStartedEvent: self._speech_started,
            RealtimeModelSpeechStoppedEvent: self._speech_stopped,
            RealtimeModelAudioInterruptedEvent: self._audio_interrupted,
            RealtimeModelInputAudioTimeoutTriggeredEvent: self._input_timeout,
            RealtimeModelRateLimitsEvent: self._rate_limits,
            RealtimeModelDtmfEvent: self._dtmf,
            RealtimeModelErrorEvent: self._error,
            RealtimeModelExceptionEvent: self._exception,
            RealtimeModelEndOfStreamEvent: self._end_of_stream,
            RealtimeModelFollowUpEvent: self._follow_up,
            RealtimeModelSessionUpdatedEvent: self._session_updated,
            RealtimeModelConfigRejectedEvent: self._config_rejected,
        }

    def __call__(self, event: RealtimeModelEvent) -> None:
        """Handle one event. A fault of this library ends the session with InternalError."""
        hub = self._hub
        if hub.ended.is_set():
            return
        try:
            if self._raw and not isinstance(event, RealtimeModelFollowUpEvent):
                raw = RealtimeRawModelEvent(info=hub.info, data=event, received_at=event.received_at)
                hub.publish(raw, _raw_size(event))
            handler = self._table.get(type(event))
            if handler is not None:
                handler(event)
        except Exception as error:  # noqa: BLE001
            failure = InternalError(f"handling a model event of type {event.type!r} failed")
            failure.__cause__ = error
            hub.finish(failure)

    # -- the agent's words -------------------------------------------------------------------------------------------

    def _audio(self, event: RealtimeModelAudioEvent) -> None:
        hub = self._hub
        if hub.responses.is_silenced(event.response_id):
            return
        size = len(event.data)
        length = hub.playback.received(event.response_id, event.item_id, event.content_index, size)
        hub.publish(
            RealtimeAudio(
                info=hub.info,
                audio=event,
                item_id=event.item_id,
                content_index=event.content_index,
                response_id=event.response_id,
                received_at=event.received_at,
            ),
            size,
            length,
        )

    def _audio_done(self, event: RealtimeModelAudioDoneEvent) -> None:
        hub = self._hub
        hub.playback.completed(event.item_id, event.content_index)
        if event.response_id is not None and hub.responses.is_silenced(event.response_id):
            return
        done = RealtimeAudioEnd(
            info=hub.info, item_id=event.item_id, content_index=event.content_index, received_at=event.received_at
        )
        hub.publish(done)

    def _transcript_delta(self, event: RealtimeModelTranscriptDeltaEvent) -> None:
        self._words(event, "assistant_audio", event.delta)

    def _text_delta(self, event: RealtimeModelOutputTextDeltaEvent) -> None:
        self._words(event, "assistant_text", event.delta)

    def _transcript_done(self, event: RealtimeModelTranscriptDoneEvent) -> None:
        self._final_words(event, "assistant_audio", event.transcript)

    def _text_done(self, event: RealtimeModelOutputTextDoneEvent) -> None:
        self._final_words(event, "assistant_text", event.text)

    def _words(
        self, event: RealtimeModelTranscriptDeltaEvent | RealtimeModelOutputTextDeltaEvent, kind: PartKind, delta: str
    ) -> None:
        hub = self._hub
        response = hub.responses.get(event.response_id)
        if response is None or response.default_conversation:
            text = self._add_words(event, kind, delta)
        else:
            text = hub.out_of_band_words(event.item_id, event.content_index, delta)
        if response is not None:
            response.items.setdefault(event.item_id)
        self._transcript("assistant", event, delta, text)
        hub.guardrails.feed(event.response_id, event.item_id, event.content_index, delta)

    def _final_words(
        self, event: RealtimeModelTranscriptDoneEvent | RealtimeModelOutputTextDoneEvent, kind: PartKind, text: str
    ) -> None:
        hub = self._hub
        response = hub.responses.get(event.response_id)
        if response is not None:
            response.items.setdefault(event.item_id)
        if response is None or response.default_conversation:
            change = hub.conversation.finish_words(event.item_id, event.content_index, text, kind)
            if change == "added":
                self._history_added(event.item_id, event.received_at)
        self._transcript("assistant", event, "", text, final=True)
        hub.guardrails.feed_final(event.response_id, event.item_id, event.content_index, text)

    def _transcript(
        self, role: Any, event: Any, delta: str, text: str | GrowingText, *, final: bool = False, error: Any = None
    ) -> None:
        hub = self._hub
        words = RealtimeTranscript(
            info=hub.info,
            role=role,
            item_id=event.item_id,
            delta=delta,
            text=text,
            final=final,
            error=error,
            content_index=event.content_index,
            response_id=getattr(event, "response_id", None),
            received_at=event.received_at,
        )
        hub.publish(words, len(text) if final else len(delta))

    # -- history -----------------------------------------------------------------------------------------------------

    def _history_updated(self, received_at: float | None) -> None:
        history = self._hub.conversation.snapshot()
        self._hub.publish(RealtimeHistoryUpdated(info=self._hub.info, history=history, received_at=received_at))

    def _history_added(self, item_id: str, received_at: float | None) -> None:
        item = self._hub.conversation.get(item_id)
        if item is not None:
            self._hub.publish(RealtimeHistoryAdded(info=self._hub.info, item=item, received_at=received_at))

    def _add_words(self, event: Any, kind: PartKind, delta: str) -> GrowingText:
        """Add words to the history, and give all of their part; words may come before their item."""
        conversation = self._hub.conversation
        known = event.item_id in conversation
        text = conversation.add_words(event.item_id, event.content_index, delta, kind)
        if not known:
            self._history_added(event.item_id, event.received_at)
        return text

    def _item_updated(self, event: RealtimeModelItemUpdatedEvent) -> None:
        item, received_at = event.item, event.received_at
        change = self._hub.conversation.upsert(item, anchored=event.anchored)
        if isinstance(item, RealtimeToolCallItem) and not item.arguments and item.output is None:
            if change == "added":
                self._begun_calls.add(item.item_id)  # it is announced when its arguments are there
        elif change == "added" or item.item_id in self._begun_calls:
            self._begun_calls.discard(item.item_id)
            self._history_added(item.item_id, received_at)
        elif change == "updated":
            self._history_updated(received_at)

    def _item_deleted(self, event: RealtimeModelItemDeletedEvent) -> None:
        if self._hub.conversation.delete(event.item_id):
            self._history_updated(event.received_at)

    # -- turns -------------------------------------------------------------------------------------------------------

    def _turn_started(self, event: RealtimeModelTurnStartedEvent) -> None:
        hub = self._hub
        hub.responses.begin(event.response_id, hub.agent, default_conversation=event.default_conversation)
        if event.cancelled:
            hub.responses.silence(event.response_id)
        start = RealtimeAgentStartEvent(
            info=hub.info, agent=hub.agent, response_id=event.response_id, received_at=event.received_at
        )
        hub.publish(start)
        hub.hooks.agent_start(hub.agent)

    def _turn_ended(self, event: RealtimeModelTurnEndedEvent) -> None:
        hub = self._hub
        response = hub.responses.end(event.response_id, hub.agent)
        hub.playback.response_ended(event.response_id)
        if hub.ledger.response_ended(event.response_id):
            hub.tool_runner.go_on()
        end = RealtimeAgentEndEvent(
            info=hub.info,
            agent=hub.agent,
            response_id=event.response_id,
            status=event.status,
            reason=event.reason,
            error=event.error,
            usage=event.usage,
            received_at=event.received_at,
        )
        output = self._output(response)
        if not hub.guardrails.finish(response, lambda before: self._end_turn(end, output, before)):
            self._end_turn(end, output, None)

    def _end_turn(self, end: RealtimeAgentEndEvent, output: str, before: Any) -> None:
        hub = self._hub
        if end.status == "failed":
            fault = end.error
            error = ServerError(
                (fault and fault.message) or "the response failed",
                type=(fault and fault.type) or "",
                code=fault.code if fault else None,
            )
            hub.report(error, end.received_at, before=before)
        hub.publish_before(before, end)
        hub.hooks.agent_end(end.agent, output)

    def _output(self, response: Response) -> str:
        """All words of a response."""
        parts: list[str] = []
        for item_id in response.items:
            item = self._hub.conversation.get(item_id)
            if isinstance(item, AssistantMessageItem):
                for part in item.content:
                    words = part.text if isinstance(part, AssistantText) else part.transcript
                    parts.append(words or "")
        return "".join(parts)

    def _usage(self, event: RealtimeModelUsageEvent) -> None:
        hub = self._hub
        response = hub.responses.get(event.response_id) if event.response_id is not None else None
        agent = hub.agent if response is None else response.agent
        hub.wrapper.usage.add(event.usage, agent=agent.name, response_id=event.response_id)

    def _tool_call(self, event: RealtimeModelToolCallEvent) -> None:
        if event.id in self._begun_calls:  # complete without arguments
            self._begun_calls.discard(event.id)
            self._history_added(event.id, event.received_at)
        self._hub.tool_runner.submit(event)

    def _hosted_request(self, event: RealtimeModelMcpApprovalRequestedEvent) -> None:
        self._hub.tool_runner.submit_hosted(event)

    # -- the user's words --------------------------------------------------------------------------------------------

    def _user_delta(self, event: RealtimeModelInputAudioTranscriptionDeltaEvent) -> None:
        text = self._add_words(event, "user_audio", event.delta)
        self._transcript("user", event, event.delta, text)

    def _user_completed(self, event: RealtimeModelInputAudioTranscriptionCompletedEvent) -> None:
        hub = self._hub
        if event.usage is not None:
            hub.wrapper.usage.add_transcription(event.usage, agent=hub.agent.name)
        change = hub.conversation.finish_words(event.item_id, event.content_index, event.transcript, "user_audio")
        self._transcript("user", event, "", event.transcript, final=True)
        if change == "added":
            self._history_added(event.item_id, event.received_at)
        elif change == "updated":
            self._history_updated(event.received_at)

    def _user_failed(self, event: RealtimeModelInputAudioTranscriptionFailedEvent) -> None:
        text = self._hub.conversation.add_words(event.item_id, event.content_index, "", "user_audio")
        self._transcript("user", event, "", text, final=True, error=event.error)

    def _speech_started(self, event: RealtimeModelSpeechStartedEvent) -> None:
        hub = self._hub
        hub.guardrails.user_turn()
        if event.interrupts:
            command = hub.interrupt(cancel=False)  # the server has cancelled already
            if command.truncations:
                hub.outbox.send_first(command)
        started = RealtimeUserSpeechStarted(
            info=hub.info, item_id=event.item_id, audio_start_ms=event.audio_start_ms, received_at=event.received_at
        )
        hub.publish(started)

    def _speech_stopped(self, event: RealtimeModelSpeechStoppedEvent) -> None:
        stopped = RealtimeUserSpeechStopped(
            info=self._hub.info, item_id=event.item_id, audio_end_ms=event.audio_end_ms, received_at=event.received_at
        )
        self._hub.publish(stopped)

    def _audio_interrupted(self, event: RealtimeModelAudioInterruptedEvent) -> None:
        """A model layer that interrupts by itself: only the application is left to be told."""
        hub = self._hub
        playing, _ = hub.playback.interrupt(trio.current_time())
        hub.responses.silence(None)
        if playing is not None:
            hub.responses.silence(playing.response_id)
        hub.delivery.purge_audio(None)
        hub.publish_first(
            RealtimeAudioInterrupted(
                info=hub.info,
                item_id=event.item_id,
                content_index=event.content_index,
                response_id="" if playing is None else playing.response_id,
                received_at=event.received_at,
            )
        )
        if hub.tracker is not None:
            hub.tracker.on_interrupted()
        hub.hooks.interrupt()

    def _input_timeout(self, event: RealtimeModelInputAudioTimeoutTriggeredEvent) -> None:
        timeout = RealtimeInputAudioTimeoutTriggered(
            info=self._hub.info,
            item_id=event.item_id,
            audio_start_ms=event.audio_start_ms,
            audio_end_ms=event.audio_end_ms,
            received_at=event.received_at,
        )
        self._hub.publish(timeout)

    # -- the connection ----------------------------------------------------------------------------------------------

    def _rate_limits(self, event: RealtimeModelRateLimitsEvent) -> None:
        limits = RealtimeRateLimits(info=self._hub.info, rate_limits=event.rate_limits, received_at=event.received_at)
        self._hub.publish(limits)

    def _dtmf(self, event: RealtimeModelDtmfEvent) -> None:
        self._hub.publish(RealtimeDtmf(info=self._hub.info, event=event.event, received_at=event.received_at))

    def _error(self, event: RealtimeModelErrorEvent) -> None:
        self._hub.report(event.error, event.received_at)

    def _exception(self, event: RealtimeModelExceptionEvent) -> None:
        self._hub.finish(event.exception)

    def _end_of_stream(self, _: RealtimeModelEndOfStreamEvent) -> None:
        self._hub.finish(reason="the model ended the connection")

    def _follow_up(self, event: RealtimeModelFollowUpEvent) -> None:
        self._hub.outbox.send_first(event.event)

    def _session_updated(self, event: RealtimeModelSessionUpdatedEvent) -> None:
        self._hub.config_answered(event.event_id, None)

    def _config_rejected(self, event: RealtimeModelConfigRejectedEvent) -> None:
        if not self._hub.config_answered(event.error.event_id, event.error):
            self._hub.report(event.error, event.received_at)


def _raw_size(event: RealtimeModelEvent) -> int:
    if isinstance(event, RealtimeModelAudioEvent):
        return len(event.data)
    if isinstance(event, RealtimeModelRawServerEvent):
        return 2048  # an estimate: measuring would mean encoding it again
    return 0
