from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import attrs
import pytest
import trio
import trio.testing

from tests.session_tasks.support import (
    FakeModel,
    audio,
    begin,
    call,
    drain,
    end,
    final,
    kinds,
    make,
    now,
    of,
    scripted,
    scripted_session,
    words,
)
from tests.session_tasks.test_tool_runner import plain
from trio_realtime import (
    ConfigRejected,
    InternalError,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeDtmf,
    ServerError,
    SlowConsumer,
    TranscriptionUsage,
    Usage,
)
from trio_realtime import model_events as m
from trio_realtime.audio import RealtimePlaybackTracker
from trio_realtime.items import UserMessageItem
from trio_realtime.model_inputs import RealtimeModelSendInterrupt, RealtimeModelSendUserInput

USER = UserMessageItem(item_id="u1")
FAILED = m.ResponseError(type="server_error", code="oops", message="It failed.")

TABLE: list[tuple[Any, list[str]]] = [
    (m.RealtimeModelErrorEvent(error=ServerError("x")), ["error"]),
    (call("nothing"), ["error"]),
    (audio(), ["audio"]),
    (m.RealtimeModelAudioInterruptedEvent(item_id="i", content_index=0), ["audio_interrupted"]),
    (m.RealtimeModelAudioDoneEvent(item_id="i", content_index=0), ["audio_end"]),
    (
        m.RealtimeModelInputAudioTimeoutTriggeredEvent(item_id="i", audio_start_ms=1, audio_end_ms=2),
        ["input_audio_timeout_triggered"],
    ),
    (
        m.RealtimeModelInputAudioTranscriptionCompletedEvent(item_id="u1", transcript="hi"),
        ["transcript", "history_added"],
    ),
    (m.RealtimeModelInputAudioTranscriptionDeltaEvent(item_id="u1", delta="h"), ["history_added", "transcript"]),
    (m.RealtimeModelInputAudioTranscriptionFailedEvent(item_id="u1", error=FAILED), ["transcript"]),
    (words("a"), ["history_added", "transcript"]),
    (final("a"), ["history_added", "transcript"]),
    (m.RealtimeModelOutputTextDeltaEvent(item_id="i", delta="a", response_id="r"), ["history_added", "transcript"]),
    (m.RealtimeModelOutputTextDoneEvent(item_id="i", text="a", response_id="r"), ["history_added", "transcript"]),
    (m.RealtimeModelItemUpdatedEvent(item=USER), ["history_added"]),
    (m.RealtimeModelItemDeletedEvent(item_id="u1"), []),
    (m.RealtimeModelItemTruncatedEvent(item_id="i", content_index=0, audio_end_ms=1), []),
    (m.RealtimeModelTranscriptTimingEvent(item_id="i", text="a", audio_start_ms=0, audio_end_ms=1), []),
    (m.RealtimeModelConnectionStatusEvent(status="connected"), []),
    (m.RealtimeModelEndOfStreamEvent(), ["connection"]),
    (begin(), ["agent_start"]),
    (m.RealtimeModelRequestSettledEvent(request_id="q"), []),
    (m.RealtimeModelUsageEvent(usage=Usage()), []),
    (m.RealtimeModelMcpListToolsEvent(item_id="l", server_label="docs", status="completed"), []),
    (
        m.RealtimeModelMcpApprovalRequestedEvent(item_id="q", server_label="docs", name="find", arguments="{}"),
        ["tool_approval_required"],
    ),
    (
        m.RealtimeModelMcpCallEvent(item_id="c", server_label="d", name="f", arguments="{}", status="in_progress"),
        ["tool_start"],
    ),
    (end(), ["agent_end"]),
    (m.RealtimeModelSpeechStartedEvent(item_id="u1", audio_start_ms=1), ["user_speech_started"]),
    (m.RealtimeModelSpeechStoppedEvent(item_id="u1", audio_end_ms=1), ["user_speech_stopped"]),
    (m.RealtimeModelSessionUpdatedEvent(event_id="unknown"), []),
    (m.RealtimeModelSessionUpdatedEvent(), []),
    (m.RealtimeModelConfigRejectedEvent(error=ConfigRejected("no")), ["error"]),
    (m.RealtimeModelRateLimitsEvent(rate_limits=[]), ["rate_limits"]),
    (m.RealtimeModelDtmfEvent(event="1"), ["dtmf"]),
    (m.RealtimeModelOtherEvent(data={}), []),
    (m.RealtimeModelExceptionEvent(exception=ValueError("end")), ["connection"]),
    (m.RealtimeModelRawServerEvent(data={}), []),
    (m.RealtimeModelFollowUpEvent(event=RealtimeModelSendUserInput(user_input="x")), []),
]


def test_the_table_is_complete() -> None:
    assert {type(event) for event, _ in TABLE} == set(get_args(m.RealtimeModelEvent))


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(("event", "expected"), TABLE, ids=lambda value: getattr(value, "type", ""))
async def test_what_each_model_event_gives(autojump_clock: Any, event: Any, expected: list[str], raw: bool) -> None:
    model = scripted()
    async with await make(model, raw_events=raw) as session:
        now(session)
        await model.emit(event)
        await trio.testing.wait_all_tasks_blocked()
        given = now(session)
        if raw and not isinstance(event, m.RealtimeModelFollowUpEvent):
            first = of(given, "raw_model_event")[0]
            given.remove(first)
            assert first.data is event
        assert kinds(given) == expected
        ended = isinstance(event, m.RealtimeModelExceptionEvent | m.RealtimeModelEndOfStreamEvent)
        assert (session.status == "closed") is ended
        events, error = await drain(session) if ended else ([], None)
        assert events == []
        assert (error is not None) is isinstance(event, m.RealtimeModelExceptionEvent)


async def test_when_it_was_received(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        now(session)
        await model.emit(m.RealtimeModelDtmfEvent(event="1", received_at=4.5))
        assert now(session)[0].received_at == 4.5


@pytest.mark.parametrize(
    ("error", "text"),
    [(FAILED, "It failed."), (m.ResponseError(), "the response failed"), (None, "the response failed")],
)
async def test_a_failed_response_is_an_error_too(autojump_clock: Any, error: Any, text: str) -> None:
    async with scripted_session() as (session, model):
        await model.emit(begin(), end(status="failed", error=error))
        reported, ended = now(session)[-2:]
        assert isinstance(reported.error, ServerError)
        assert reported.error.message == text
        assert (ended.type, ended.status, ended.error) == ("agent_end", "failed", error)


async def test_usage_grows(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        usage = Usage(requests=1, input_tokens=2, output_tokens=3, total_tokens=5)
        await model.emit(*[m.RealtimeModelUsageEvent(usage=usage)] * 2)
        assert session.usage.total_tokens == 10


async def test_need_34_usage_by_agent(autojump_clock: Any) -> None:
    other = RealtimeAgent(name="Other")
    async with scripted_session() as (session, model):
        agent = session.current_agent.name
        await model.emit(m.RealtimeModelTurnStartedEvent(response_id="r1"))
        await session.update_agent(other)
        usage = Usage(requests=1, input_tokens=2, output_tokens=3, total_tokens=5)
        heard = m.RealtimeModelInputAudioTranscriptionCompletedEvent(
            item_id="i", transcript="hello", usage=TranscriptionUsage(requests=1, seconds=2.0)
        )
        await model.emit(m.RealtimeModelUsageEvent(usage=usage, response_id="r1"), heard)
        await model.emit(m.RealtimeModelUsageEvent(usage=usage, response_id="unknown"))
        counts = {name: (one.total_tokens, one.transcription.seconds) for name, one in session.usage.agents.items()}
        assert counts == {agent: (5, 0.0), "Other": (5, 2.0)}


async def test_a_follow_up_is_sent(autojump_clock: Any) -> None:
    async with scripted_session() as (_, model):
        follow_up = RealtimeModelSendUserInput(user_input="x")
        await model.emit(m.RealtimeModelFollowUpEvent(event=follow_up))
        assert model.sent_events == [follow_up]


async def test_how_long_the_stages_take(autojump_clock: Any) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=[plain])) as (session, model):
        received_at = trio.current_time()
        await model.emit(m.RealtimeModelSpeechStoppedEvent(item_id="u", audio_end_ms=1, received_at=received_at))
        await trio.sleep(1)
        heard = attrs.evolve(audio(), received_at=trio.current_time())
        await model.emit(begin(), heard, attrs.evolve(call("plain"), received_at=trio.current_time()))
        await trio.sleep(2)
        async for event in session:
            if event.type == "audio":
                break
        statistics = session.statistics()
        assert statistics.first_audio.last == 1
        assert statistics.delivery.last == 2
        assert (statistics.tools.count, statistics.tools.last) == (1, 0)


# -- interruptions -------------------------------------------------------------------------------------------------------


async def _listen(stream: Any, count: int) -> Sequence[Any]:
    return [await anext(stream) for _ in range(count)]


async def test_speech_interrupts_what_is_heard(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        stream = session.events(RealtimeAudio)
        await model.emit(begin(), audio(1000), audio(1000))
        await _listen(stream, 1)
        await trio.sleep(0.3)
        now(session)
        await model.emit(m.RealtimeModelSpeechStartedEvent(item_id="u", audio_start_ms=5))
        await model.emit(audio(1000), end())
        await model.emit(m.RealtimeModelAudioDoneEvent(item_id="i1", content_index=0, response_id="r1"))
        assert kinds(now(session)) == ["audio_interrupted", "user_speech_started", "agent_end"]
        (command,) = model.sent_events
        assert isinstance(command, RealtimeModelSendInterrupt)
        assert command.playback_only
        (point,) = command.truncations
        assert (point.item_id, point.audio_end_ms) == ("i1", 300)
        assert session.statistics().purged_events == 0  # taken before; the other reader had one waiting
        assert stream.buffer.statistics().purged_events == 1


async def test_speech_that_does_not_interrupt(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        await model.emit(begin(), audio(1000))
        await _listen(aiter(session), 4)
        await model.emit(m.RealtimeModelSpeechStartedEvent(item_id="u", audio_start_ms=5, interrupts=False), audio())
        assert kinds(now(session)) == ["user_speech_started", "audio"]
        assert model.sent_events == []


async def test_a_model_that_interrupts_by_itself(autojump_clock: Any) -> None:
    tracker = RealtimePlaybackTracker()
    async with scripted_session(model_config={"playback_tracker": tracker}) as (session, model):
        await model.emit(begin(), audio(1000), audio(1000))
        await _listen(aiter(session), 4)
        tracker.on_play_ms("i1", 0, 50)
        await model.emit(m.RealtimeModelAudioInterruptedEvent(item_id="i1", content_index=0), audio())
        (interrupted,) = now(session)
        assert (interrupted.item_id, interrupted.response_id) == ("i1", "r1")
        assert model.sent_events == []
        assert tracker.get_state().elapsed_ms is None


async def test_a_response_that_is_being_cancelled_is_silent(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        await model.emit(begin(cancelled=True), audio())
        assert "audio" not in kinds(now(session))


# -- ending and failing --------------------------------------------------------------------------------------------------


async def test_a_fault_while_handling_is_an_internal_error(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        broken: Any = object()
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=broken))
        _, error = await drain(session)
        assert isinstance(error, InternalError)
        assert "item_updated" in str(error)
        assert isinstance(error.__cause__, AttributeError)


async def test_nothing_is_handled_after_the_end(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session:
        await model.connection.put(m.RealtimeModelEndOfStreamEvent(), m.RealtimeModelDtmfEvent(event="1"))
        session._hub.handle(m.RealtimeModelDtmfEvent(event="2"))
        events, error = await drain(session)
        assert error is None
        assert kinds(events) == ["connection", "history_updated", "connection"]
        assert events[-1].reason == "the model ended the connection"


# -- delivery policies ---------------------------------------------------------------------------------------------------


async def _read_one(session: Any) -> None:
    await anext(aiter(session))


@pytest.mark.parametrize("overflow", ["error", "block"])
async def test_a_slow_consumer(autojump_clock: Any, overflow: str) -> None:
    delivery = {"overflow": overflow, "max_buffered_ms": 150, "max_block_ms": 2000}
    async with scripted_session(delivery=delivery) as (session, model):
        await _read_one(session)
        await model.emit(begin(), audio(100), audio(100), audio(100))
        if overflow == "block":
            assert session.status == "connected"
            assert session.statistics().buffered_ms == 200  # the third waits in the connection
            await trio.sleep(3)
        events, error = await drain(session)
        assert kinds(events)[-1] == "connection"
        assert isinstance(error, SlowConsumer)
        assert error.buffered_ms == 200
        assert "200 ms of audio wait" in str(error)


async def test_blocked_until_the_application_catches_up(autojump_clock: Any) -> None:
    delivery = {"overflow": "block", "max_buffered_ms": 150}
    async with scripted_session(delivery=delivery) as (session, model):
        sound = session.events(RealtimeAudio)
        keys = session.events(RealtimeDtmf)
        await _read_one(session)
        await model.emit(begin(), *(audio(100) for _ in range(6)), m.RealtimeModelDtmfEvent(event="#"))
        heard = 0
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                nonlocal heard
                async for event in session:
                    await trio.sleep(0.1)
                    heard += event.type == "audio"
                    if event.type == "dtmf":
                        break

            nursery.start_soon(read)
        assert heard == 6
        assert session.status == "connected"
        assert (await anext(keys)).event == "#"
        assert sound.buffer.statistics().dropped_events > 0  # nobody iterates it: it holds nobody up


async def test_drop_oldest(autojump_clock: Any) -> None:
    async with scripted_session(delivery={"max_buffered_ms": 150}) as (session, model):
        await _read_one(session)
        await model.emit(begin(), *(audio(100) for _ in range(6)))
        statistics = session.statistics()
        assert (statistics.dropped_events, statistics.dropped_ms, statistics.buffered_ms) == (5, 500, 100)
        assert statistics.peak_bytes >= statistics.buffered_bytes > 0
        assert statistics.events == 9


async def test_what_is_not_audio_is_never_dropped(autojump_clock: Any) -> None:
    async with scripted_session(delivery={"max_buffered_bytes": 2000}) as (session, model):
        await _read_one(session)
        await model.emit(*(m.RealtimeModelDtmfEvent(event="1") for _ in range(9)))
        events, error = await drain(session)
        assert isinstance(error, SlowConsumer)
        assert "never dropped" in str(error)
        assert error.limit_bytes == 2000
        assert "dtmf" in kinds(events)


async def test_a_burst_gives_other_tasks_a_turn(autojump_clock: Any) -> None:
    model = scripted(connect_events=[m.RealtimeModelDtmfEvent(event="1")] * 200)
    turns: list[int] = []
    async with await make(model) as session, trio.open_nursery() as nursery:

        async def watch() -> None:
            while session.statistics().events < 202:
                turns.append(session.statistics().events)
                await trio.lowlevel.checkpoint()

        nursery.start_soon(watch)
    assert len(turns) > 4
