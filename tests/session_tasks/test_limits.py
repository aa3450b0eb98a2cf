from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.session_tasks.support import begin, call, drain, end, kinds, now, of, scripted_session
from tests.session_tasks.test_tool_runner import outputs
from tests.talk import collect, count, make_agent, talk
from trio_realtime import RealtimeAgent, RealtimeConnectionError, Usage, function_tool
from trio_realtime import model_events as m
from trio_realtime.server import Pause, Say, ScriptEngine
from trio_realtime.usage import TranscriptionUsage


def creates(server):
    return [event["response"] for event in server.received if event["type"] == "response.create"]


async def test_need_34_a_cap_in_seconds_says_goodbye_and_closes(autojump_clock: Any) -> None:
    async with talk(ScriptEngine([Say("Goodbye.")]), config={"limits": {"max_seconds": 60}}) as (session, server):
        assert session.outcome is None
        events, error = await drain(session)
        assert error is None
        assert trio.current_time() >= 60
        (create,) = creates(server)
        assert "goodbye" in create["instructions"]
        assert create["tool_choice"] == "none"
        assert [event.text for event in of(events, "transcript") if event.final] == ["Goodbye."]
        closed = of(events, "connection")[-1]
        assert (closed.status, closed.reason) == ("closed", "the limit max_seconds (60) is reached")
        assert (session.outcome, session.status) == ("limit", "closed")
    await server.wait_closed()
    assert server.close_code == 1000
    assert session.outcome == "limit"


async def test_the_goodbye_is_heard_before_the_end(autojump_clock: Any) -> None:
    limits = {"max_seconds": 60, "goodbye": "Say bye."}
    async with talk(ScriptEngine([Say("Goodbye and thank you.")]), config={"limits": limits}) as (session, server):
        events, _ = await drain(session)
        seconds = sum(len(event.audio.data) for event in of(events, "audio")) / 48_000
        assert seconds > 0.5
        assert trio.current_time() == pytest.approx(60 + seconds, abs=0.01)
        assert creates(server)[0]["instructions"] == "Say bye."


async def test_what_is_being_said_comes_first(autojump_clock: Any) -> None:
    engine = ScriptEngine([[Pause(62), Say("So it is.")], Say("Bye.")])
    async with talk(engine, config={"limits": {"max_seconds": 60}}) as (session, _):
        await session.send_message("Think!")
        events, _ = await drain(session)
        assert [event.text for event in of(events, "transcript") if event.final and event.role == "assistant"] == [
            "So it is.",
            "Bye.",
        ]
        assert session.outcome == "limit"


async def test_a_goodbye_that_does_not_come_is_not_waited_for(autojump_clock: Any) -> None:
    async with scripted_session(limits={"max_seconds": 60, "goodbye_timeout": 7}) as (session, model):
        _, error = await drain(session)
        assert (error, trio.current_time(), session.outcome) == (None, 67, "limit")
        assert len(model.sent_events) == 1


async def test_without_a_goodbye(autojump_clock: Any) -> None:
    async with scripted_session(limits={"max_seconds": 60, "goodbye": None}) as (session, model):
        await drain(session)
        assert (trio.current_time(), session.outcome, model.sent_events) == (60, "limit", [])


@pytest.mark.parametrize("sync", [False, True])
async def test_a_goodbye_of_ones_own(sync: bool, autojump_clock: Any) -> None:
    seen: list[Any] = []

    def note(session: Any, limit: str) -> None:
        seen.append((session, limit))

    async def write(session: Any, limit: str) -> None:
        note(session, limit)
        await trio.sleep(2)

    goodbye = note if sync else write
    async with scripted_session(limits={"max_idle": 10, "goodbye": goodbye}) as (session, _):
        await drain(session)
        assert seen == [(session, "max_idle")]
        assert trio.current_time() == (10 if sync else 12)


async def test_a_goodbye_that_raises_is_reported(autojump_clock: Any) -> None:
    fault = ValueError("no bye")

    def goodbye(session: Any, limit: str) -> None:
        raise fault

    async with scripted_session(limits={"max_seconds": 5, "goodbye": goodbye}) as (session, _):
        events, error = await drain(session)
        assert error is None
        assert [event.error for event in of(events, "error")] == [fault]
        assert session.outcome == "limit"


async def test_a_goodbye_that_closes_the_session(autojump_clock: Any) -> None:
    async def goodbye(session: Any, limit: str) -> None:
        await session.close()
        await session.send_message("Too late")

    async with scripted_session(limits={"max_seconds": 5, "goodbye": goodbye}) as (session, _):
        events, error = await drain(session)
        assert (error, of(events, "error"), session.outcome) == (None, [], "limit")


async def test_a_body_that_stays_is_cancelled_as_by_a_scope(autojump_clock: Any) -> None:
    left = False
    async with scripted_session(limits={"max_seconds": 60, "goodbye": None}, timeouts={"close": 3}) as (session, _):
        try:
            await trio.sleep_forever()
        finally:
            left = trio.current_time() == 63
    assert left
    assert session.outcome == "limit"


async def test_a_body_that_goes_on_after_the_last_event_has_time_to(autojump_clock: Any) -> None:
    async with scripted_session(limits={"max_seconds": 60, "goodbye": None}) as (session, _):
        await drain(session)
        await trio.sleep(4)
        done = True
    assert done


async def test_an_outer_cancellation_is_still_that(autojump_clock: Any) -> None:
    with trio.move_on_after(10) as scope:
        async with scripted_session(limits={"max_seconds": 60}):
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_leaving_before_the_limit(autojump_clock: Any) -> None:
    async with scripted_session(limits={"max_seconds": 60, "max_idle": 60, "max_tokens": 60}) as (session, _):
        await trio.sleep(1)
    assert (session.outcome, trio.current_time()) == ("left", 1)


async def test_leaving_during_the_goodbye(autojump_clock: Any) -> None:
    async with scripted_session(limits={"max_seconds": 60}) as (session, _):
        await trio.sleep(61)
    assert trio.current_time() == 61
    assert session.outcome == "limit"


async def test_other_outcomes(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        await model.end()
        assert session.outcome == "ended"
    async with scripted_session() as (session, model):
        await model.emit(m.RealtimeModelExceptionEvent(exception=RealtimeConnectionError("gone")))
        assert session.outcome == "failed"
        await drain(session)


async def test_a_failure_while_a_cap_is_watched_is_the_applications(autojump_clock: Any) -> None:
    with pytest.raises(RealtimeConnectionError):
        async with scripted_session(limits={"max_seconds": 60}) as (session, model):
            await model.emit(m.RealtimeModelExceptionEvent(exception=RealtimeConnectionError("gone")))
            await trio.sleep(1)
    assert session.outcome == "failed"


# -- tokens --------------------------------------------------------------------------------------------------------


def used(tokens: int) -> Any:
    return m.RealtimeModelUsageEvent(usage=Usage(requests=1, total_tokens=tokens), response_id="r1")


async def test_a_cap_in_tokens(autojump_clock: Any) -> None:
    context = None
    async with scripted_session(limits={"max_tokens": 100, "goodbye": None}, context=context) as (session, model):
        await model.emit(begin("r1"), used(60), end("r1"))
        await trio.sleep(1)
        assert session.outcome is None
        await model.emit(begin("r2"), used(40), end("r2"))
        await trio.sleep(1)
        assert session.outcome == "limit"
        assert now(session)[-1].reason == "the limit max_tokens (100) is reached"


async def test_transcripts_count(autojump_clock: Any) -> None:
    async with scripted_session(limits={"max_tokens": 100, "goodbye": None}) as (session, model):
        cost = TranscriptionUsage(requests=1, total_tokens=100)
        words = m.RealtimeModelInputAudioTranscriptionCompletedEvent(item_id="u", transcript="Hi", usage=cost)
        await model.emit(words, begin("r1"))
        await trio.sleep(1)
        assert session.outcome == "limit"


async def test_what_was_used_before_does_not_count(autojump_clock: Any) -> None:
    from trio_realtime import RunContextWrapper

    wrapper = RunContextWrapper(None)
    wrapper.usage.add(Usage(requests=1, total_tokens=1000))
    async with scripted_session(limits={"max_tokens": 100, "goodbye": None}, context=wrapper) as (session, model):
        await model.emit(begin("r1"), used(60), end("r1"))
        await trio.sleep(1)
        assert session.outcome is None


# -- idleness ------------------------------------------------------------------------------------------------------

IDLE = {"max_idle": 10, "goodbye": None}


async def test_a_silent_call_ends(autojump_clock: Any) -> None:
    async with scripted_session(limits=IDLE) as (session, _):
        await trio.sleep(5)
        for _ in range(100):
            await session.send_audio(bytes(100))  # a microphone in an empty room
        events, _ = await drain(session)
        assert (trio.current_time(), session.outcome) == (10, "limit")
        assert events[-1].reason == "the limit max_idle (10) is reached"


async def test_signs_of_life_begin_it_anew(autojump_clock: Any) -> None:
    async with scripted_session(limits=IDLE) as (session, model):
        for event in [m.RealtimeModelDtmfEvent(event="1"), begin("r1"), end("r1")]:
            await trio.sleep(9)
            await model.emit(event)
        await trio.sleep(9)
        assert session.outcome is None
        await drain(session)
        assert trio.current_time() == 37


async def test_nobody_is_idle_who_speaks(autojump_clock: Any) -> None:
    async with scripted_session(limits=IDLE) as (session, model):
        await model.emit(m.RealtimeModelSpeechStartedEvent(item_id="u", audio_start_ms=0))
        await trio.sleep(95)
        assert session.outcome is None
        await model.emit(m.RealtimeModelSpeechStoppedEvent(item_id="u", audio_end_ms=95_000))
        await drain(session)
        assert trio.current_time() == 105


async def test_nobody_is_idle_while_the_agent_thinks(autojump_clock: Any) -> None:
    async with scripted_session(limits=IDLE) as (session, model):
        await model.emit(begin("r1"))
        await trio.sleep(95)
        assert session.outcome is None


async def test_nobody_is_idle_who_listens(autojump_clock: Any) -> None:
    engine = ScriptEngine([Say("word " * 100)])
    async with talk(engine, config={"limits": IDLE}) as (session, _):
        await session.send_message("Tell me")
        events = await collect(session, "agent_end")
        seconds = sum(len(event.audio.data) for event in events if event.type == "audio") / 48_000
        assert seconds > 20
        await drain(session)
        assert trio.current_time() == pytest.approx(seconds + 10, abs=0.1)


@pytest.mark.parametrize("asks", [False, True])
async def test_a_tool_that_runs_is_life_and_one_that_waits_for_a_person_is_not(asks: bool, autojump_clock: Any) -> None:
    @function_tool(needs_approval=asks)
    async def slow() -> str:
        await trio.sleep(95)
        return "done"

    async with scripted_session(limits=IDLE, agent=RealtimeAgent("A", tools=[slow])) as (session, model):
        await model.emit(call("slow"))
        events, _ = await drain(session)
        assert trio.current_time() == (10 if asks else 105)
        assert len(outputs(model)) == (0 if asks else 1)
        assert kinds(events).count("tool_approval_required") == asks


async def test_no_cap_no_task(autojump_clock: Any) -> None:
    async with scripted_session() as (session, _):
        assert "limits" not in session._hub.watchers
        await trio.sleep(4000)
        assert session.outcome is None


async def test_the_goodbye_calls_no_tools(autojump_clock: Any) -> None:
    agent = make_agent()
    async with talk(agent=agent, config={"limits": {"max_seconds": 5}}) as (session, server):
        await session.add_item("user", "What is the weather in Oslo?")
        await drain(session)
        assert count(server, "response.create") == 1
        assert session.outcome == "limit"
