"""The reader: takes model events from the connection and does at once what each of them means.

Each handler is synchronous. What takes time goes to another task: tool calls to the tool runner, words to the
guardrail task, commands to the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import trio

from trio_realtime.errors import InternalError, ServerError
from trio_realtime.events import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeDtmf,
    RealtimeInputAudioTimeoutTriggered,
    RealtimeRateLimits,
    RealtimeRawModelEvent,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
)
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
    RealtimeModelItemTruncatedEvent,
    RealtimeModelMcpApprovalRequestedEvent,
    RealtimeModelMcpCallEvent,
    RealtimeModelMcpListToolsEvent,
    RealtimeModelRateLimitsEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelRequestSettledEvent,
    RealtimeModelSessionUpdatedEvent,
    RealtimeModelSpeechStartedEvent,
    RealtimeModelSpeechStoppedEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptTimingEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimeModelUsageEvent,
)
from trio_realtime.session_tasks.history_keeper import HistoryKeeper
from trio_realtime.session_tasks.hosted_tools import publish_call, publish_listing
from trio_realtime.session_tasks.hub import SessionHub

if TYPE_CHECKING:
    from trio_realtime.model import RealtimeConnection

__all__ = ["ModelEventHandler", "run_reader"]


async def run_reader(hub: SessionHub) -> None:
    """Read each connection to its end and handle what it gives."""
    connection: RealtimeConnection | None = hub.connection
    while connection is not None:
        take = _taker(hub, connection)
        if hub.run_config.delivery.overflow != "block":  # there the reader may have to stop
            hub.delivery.lender.begin(connection)
        try:
            while not hub.over and hub.connection is connection:
                await connection.deliver(take)
                if hub.blocked is not None:
                    await _wait_for_room(hub)
        except Exception as error:  # noqa: BLE001  the connection's last word, or a custom model's own failure
            hub.supervisor.lost(connection, error)
        finally:
            hub.delivery.lender.end()
        connection = await hub.supervisor.next_connection(connection)


def _taker(hub: SessionHub, connection: RealtimeConnection) -> Callable[[RealtimeModelEvent], bool]:
    handle = hub.handle

    def take(event: RealtimeModelEvent) -> bool:
        if hub.connection is not connection:
            return True  # another one has taken its place: what it says concerns nobody
        handle(event)
        return hub.over or hub.blocked is not None

    return take


async def _wait_for_room(hub: SessionHub) -> None:
    """Stop reading until the application has caught up; too long is the end."""
    overflow, hub.blocked = hub.blocked, None
    with trio.move_on_after(hub.run_config.delivery.max_block_ms / 1000) as scope:
        await hub.delivery.wait_for_room()
    if scope.cancelled_caught and overflow is not None:
        hub.slow_consumer(overflow)


class ModelEventHandler:
    """What each model event means for a session: a table from class to method."""

    __slots__ = ("_history", "_hub", "_raw", "_table")

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._raw = hub.run_config.raw_events
        self._history: HistoryKeeper = HistoryKeeper(hub)
        self._table = self._own_table()

    def _own_table(self) -> Mapping[type[Any], Callable[[Any], None]] | None:
        """Give what this session makes of events, where that is not what all make of them."""
        hub = self._hub
        if hub.stored is None and not hub.input_gate.on:
            return None
        table: dict[type[Any], Callable[[Any], None]] = {}
        table.update((kind, partial(handler, self)) for kind, handler in self._HANDLERS.items())
        if hub.stored is not None:
            table = hub.stored.listening(table)
        return hub.input_gate.stopped.listening(table) if hub.input_gate.on else table

    def handle(self, event: RealtimeModelEvent) -> None:
        """Handle one event. A fault of this library ends the session with InternalError."""
        hub = self._hub
        if hub.over:
            return
        try:
            if self._raw and not isinstance(event, RealtimeModelFollowUpEvent):
                hub.offer(RealtimeRawModelEvent, _raw_size(event), data=event, received_at=event.received_at)
            if self._table is not None:
                self._table.get(type(event), _nothing)(event)
            elif (handler := self._HANDLERS.get(type(event))) is not None:
                handler(self, event)
        except Exception as error:  # noqa: BLE001
            failure = InternalError(f"handling a model event of type {event.type!r} failed")
            failure.__cause__ = error
            hub.finish(failure)

    # -- the agent's words -------------------------------------------------------------------------------------------

    def _audio(self, event: RealtimeModelAudioEvent) -> None:
        hub = self._hub
        if hub.responses.is_silenced(event.response_id):
            hub.heard.late_audio(event)
            return
        hub.latencies.audio_received(event.received_at)
        if hub.held.on:
            hub.guardrails.hold(event.response_id)
        size = len(event.data)
        length = hub.playback.received(event.response_id, event.item_id, event.content_index, size)
        fields = {
            "info": hub.info,
            "audio": event,
            "item_id": event.item_id,
            "content_index": event.content_index,
            "response_id": event.response_id,
            "received_at": event.received_at,
        }
        hub.offer_fields(RealtimeAudio, fields, size, length)

    def _audio_done(self, event: RealtimeModelAudioDoneEvent) -> None:
        hub = self._hub
        hub.playback.completed(event.item_id, event.content_index)
        if event.response_id is not None and hub.responses.is_silenced(event.response_id):
            return
        done = RealtimeAudioEnd(
            info=hub.info,
            item_id=event.item_id,
            content_index=event.content_index,
            response_id=event.response_id or "",
            received_at=event.received_at,
        )
        hub.publish(done)

    # -- turns -------------------------------------------------------------------------------------------------------

    def _turn_started(self, event: RealtimeModelTurnStartedEvent) -> None:
        hub = self._hub
        tools = hub.turns.begun(event) or hub.tools
        response = hub.responses.begin(
            event.response_id, hub.agent, tools, default_conversation=event.default_conversation
        )
        if hub.turns.was_left(event):
            hub.silence_from_the_start(response)
        if hub.input_gate.on and hub.input_gate.begun(event, response):
            return
        start = RealtimeAgentStartEvent(
            info=hub.info, agent=hub.agent, response_id=event.response_id, received_at=event.received_at
        )
        hub.publish(start)
        hub.hooks.agent_start(hub.agent)

    def _turn_ended(self, event: RealtimeModelTurnEndedEvent) -> None:
        hub = self._hub
        known = hub.responses.get(event.response_id)
        if known is not None and known.lost and not known.active:
            return  # it ended for the application with its connection
        response = hub.responses.end(event.response_id, hub.agent)
        response.ending = event
        hub.playback.response_ended(event.response_id)
        if hub.ledger.response_ended(event.response_id):
            hub.tool_runner.go_on()
        end = RealtimeAgentEndEvent(
            info=hub.info,
            agent=response.agent,
            response_id=event.response_id,
            status=event.status,
            reason=event.reason,
            error=event.error,
            usage=event.usage,
            received_at=event.received_at,
        )
        output = self._history.words_of(response)
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

    def _usage(self, event: RealtimeModelUsageEvent) -> None:
        hub = self._hub
        response = hub.responses.get(event.response_id) if event.response_id is not None else None
        agent = hub.agent if response is None else response.agent
        hub.wrapper.usage.add(event.usage, agent=agent.name, response_id=event.response_id)

    def _tool_call(self, event: RealtimeModelToolCallEvent) -> None:
        self._history.call_complete(event)
        response = self._hub.responses.get(event.response_id or "")
        if response is not None:
            response.called = True
        self._hub.tool_runner.submit(event)

    def _hosted_request(self, event: RealtimeModelMcpApprovalRequestedEvent) -> None:
        self._hub.tool_runner.submit_hosted(event)

    # -- the user's words --------------------------------------------------------------------------------------------

    def _speech_started(self, event: RealtimeModelSpeechStartedEvent) -> None:
        hub = self._hub
        hub.guardrails.user_turn()
        hub.latencies.user_speaks()
        if event.interrupts:
            command = hub.interrupt(cancel=False)  # the server has cancelled already
            if command.truncations:
                hub.outbox.send_first(command)
        started = RealtimeUserSpeechStarted(
            info=hub.info, item_id=event.item_id, audio_start_ms=event.audio_start_ms, received_at=event.received_at
        )
        hub.publish(started)

    def _speech_stopped(self, event: RealtimeModelSpeechStoppedEvent) -> None:
        self._hub.latencies.user_stopped(event.received_at)
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
        hub.purge_audio(None)
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
        hub.tool_runner.scopes.happened("interrupt")

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
        self._hub.input_gate.refused(event.error)
        if not self._hub.item_answers.refused(event.error):
            self._hub.report(event.error, event.received_at)

    def _exception(self, event: RealtimeModelExceptionEvent) -> None:
        self._hub.finish(event.exception)

    def _end_of_stream(self, _: RealtimeModelEndOfStreamEvent) -> None:
        self._hub.finish(reason="the model ended the connection")

    def _follow_up(self, event: RealtimeModelFollowUpEvent) -> None:
        self._hub.input_gate.follow_up(event.event)

    def _session_updated(self, event: RealtimeModelSessionUpdatedEvent) -> None:
        self._hub.supervisor.configuration.confirmed(event.event_id)
        self._hub.config_answered(event.event_id, None)

    def _config_rejected(self, event: RealtimeModelConfigRejectedEvent) -> None:
        self._hub.supervisor.configuration.refused(event.error.event_id)
        if not self._hub.config_answered(event.error.event_id, event.error):
            self._hub.report(event.error, event.received_at)

    # What concerns others.

    def _words(self, event: Any) -> None:
        self._history.HANDLERS[type(event)](self._history, event)

    def _item_truncated(self, event: RealtimeModelItemTruncatedEvent) -> None:
        self._hub.heard.truncated(event)

    def _timing(self, event: RealtimeModelTranscriptTimingEvent) -> None:
        self._hub.heard.timing(event)

    def _request_settled(self, event: RealtimeModelRequestSettledEvent) -> None:
        self._hub.turns.settled(event)

    def _hosted_listing(self, event: RealtimeModelMcpListToolsEvent) -> None:
        publish_listing(self._hub, event)

    def _hosted_call(self, event: RealtimeModelMcpCallEvent) -> None:
        publish_call(self._hub, event)

    # One table for all: a session has no functions of its own in memory.
    _HANDLERS: ClassVar[Mapping[type[Any], Callable[[Any, Any], None]]] = {
        RealtimeModelAudioEvent: _audio,
        **dict.fromkeys(HistoryKeeper.HANDLERS, _words),
        RealtimeModelAudioDoneEvent: _audio_done,
        RealtimeModelItemTruncatedEvent: _item_truncated,
        RealtimeModelTranscriptTimingEvent: _timing,
        RealtimeModelToolCallEvent: _tool_call,
        RealtimeModelTurnStartedEvent: _turn_started,
        RealtimeModelTurnEndedEvent: _turn_ended,
        RealtimeModelRequestSettledEvent: _request_settled,
        RealtimeModelUsageEvent: _usage,
        RealtimeModelMcpListToolsEvent: _hosted_listing,
        RealtimeModelMcpApprovalRequestedEvent: _hosted_request,
        RealtimeModelMcpCallEvent: _hosted_call,
        RealtimeModelSpeechStartedEvent: _speech_started,
        RealtimeModelSpeechStoppedEvent: _speech_stopped,
        RealtimeModelAudioInterruptedEvent: _audio_interrupted,
        RealtimeModelInputAudioTimeoutTriggeredEvent: _input_timeout,
        RealtimeModelRateLimitsEvent: _rate_limits,
        RealtimeModelDtmfEvent: _dtmf,
        RealtimeModelErrorEvent: _error,
        RealtimeModelExceptionEvent: _exception,
        RealtimeModelEndOfStreamEvent: _end_of_stream,
        RealtimeModelFollowUpEvent: _follow_up,
        RealtimeModelSessionUpdatedEvent: _session_updated,
        RealtimeModelConfigRejectedEvent: _config_rejected,
    }


def _raw_size(event: RealtimeModelEvent) -> int:
    if isinstance(event, RealtimeModelAudioEvent):
        return len(event.data)
    if isinstance(event, RealtimeModelRawServerEvent):
        return 2048  # an estimate: measuring would mean encoding it again
    return 0


def _nothing(event: object) -> None:
    """What an event means that means nothing to a session."""
