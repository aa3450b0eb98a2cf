from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from tests.session_tasks.support import begin, end, final, make, now, of, scripted, scripted_session, words
from tests.session_tasks.support import kinds as all_kinds
from trio_realtime import (
    GuardrailFunctionOutput,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeTimeoutError,
)
from trio_realtime import model_events as m
from trio_realtime.model_inputs import (
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendUserInput,
)


def kinds(events: Any) -> list[str]:
    """The types of events, but for the items that come with their first words."""
    return [kind for kind in all_kinds(events) if kind != "history_added"]


class Mine(Exception):
    pass


def guard(
    bad: str = "bad", *, name: str = "no_bad", seconds: float = 0, error: Exception | None = None, log: Any = None
) -> OutputGuardrail[Any]:
    async def check(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
        if log is not None:
            log.append(text)
        if seconds:
            await trio.sleep(seconds)
        if error is not None:
            raise error
        return GuardrailFunctionOutput({"text": text}, bad in text)

    return OutputGuardrail(check, name)


def _agent(*guardrails: OutputGuardrail[Any]) -> Any:
    return RealtimeAgent("A", output_guardrails=list(guardrails))


def commands(model: Any) -> list[tuple[Any, ...]]:
    """The interruptions and messages that were sent, short."""
    return [
        ("interrupt", event.response_id, event.force_response_cancel)
        if isinstance(event, RealtimeModelSendInterrupt)
        else ("message", event.user_input)
        for event in model.sent_events
        if isinstance(event, RealtimeModelSendInterrupt | RealtimeModelSendUserInput)
    ]


NAMED = ("message", "Output guardrail triggered: no_bad")
DEBOUNCE: dict[str, Any] = {"debounce_text_length": 5}


async def test_nothing_to_object_to(autojump_clock: Any) -> None:
    log: list[str] = []
    async with scripted_session(agent=_agent(guard(log=log)), guardrails_settings=DEBOUNCE) as (session, model):
        now(session)
        await model.emit(begin(), words("abc"))
        assert log == []
        await model.emit(words("defg"))
        assert log == ["abcdefg"]
        await model.emit(final("abcdefg"), end())
        assert log == ["abcdefg"]  # nothing new at the end
        await model.emit(begin("r2"), words("x", "r2", "i2"), final("x", "r2", "i2"), end("r2"))
        assert log == ["abcdefg", "x"]  # short answers are checked at the end
        assert commands(model) == []
        assert kinds(now(session)).count("agent_end") == 2


async def test_a_trip_stops_the_response_once(autojump_clock: Any) -> None:
    log: list[str] = []
    async with scripted_session(agent=_agent(guard(log=log)), guardrails_settings=DEBOUNCE) as (session, model):
        now(session)
        await model.emit(begin(), words("so bad"))
        await model.emit(words(" and much more"), final("so bad and much more"), end(status="cancelled"))
        assert log == ["so bad"]
        assert commands(model) == [("interrupt", "r1", True), NAMED]
        (tripped,) = of(now(session), "guardrail_tripped")
        assert (tripped.message, tripped.response_id) == ("so bad", "r1")
        (result,) = tripped.guardrail_results
        assert result.output.output_info == {"text": "so bad"}
        assert (result.agent_output, result.agent.name) == ("so bad", "A")


async def test_several_guardrails_that_trip_are_one_event(autojump_clock: Any) -> None:
    first, passing, second = guard(name="one"), guard("never", name="two"), guard(name="three")
    async with scripted_session(
        agent=_agent(first, passing), output_guardrails=[second, first], guardrails_settings=DEBOUNCE
    ) as (session, model):
        await model.emit(begin(), words("so bad"))
        (tripped,) = of(now(session), "guardrail_tripped")
        assert [result.guardrail for result in tripped.guardrail_results] == [first, second]
        assert commands(model)[-1] == ("message", "Output guardrail triggered: one, three")


async def test_a_guardrail_of_agent_and_run_runs_once(autojump_clock: Any) -> None:
    log: list[str] = []
    shared = guard(log=log)
    async with scripted_session(agent=_agent(shared, shared), output_guardrails=[shared]) as (_, model):
        await model.emit(begin(), final("text"), end())
        assert log == ["text"]


async def test_own_recovery_text(autojump_clock: Any) -> None:
    settings = {**DEBOUNCE, "recovery": "Say it politely."}
    async with scripted_session(agent=_agent(guard()), guardrails_settings=settings) as (_, model):
        await model.emit(begin(), words("so bad"))
        assert commands(model) == [("interrupt", "r1", True)]
        (create,) = [event.message for event in model.sent_events if isinstance(event, RealtimeModelSendRawMessage)]
        assert create.type == "response.create"
        assert create.other_data["response"]["instructions"].endswith(": Say it politely.")
        assert create.other_data["response"]["tool_choice"] == "none"


@pytest.mark.parametrize(
    ("recovery", "instructions"),
    [
        ({"say": "Sorry."}, "Say exactly this, word for word, and nothing else: Sorry."),
        ({"instructions": "Apologise."}, "Apologise."),
        ({}, None),
    ],
)
async def test_other_recoveries(recovery: Any, instructions: str | None, autojump_clock: Any) -> None:
    settings = {**DEBOUNCE, "recovery": recovery}
    async with scripted_session(agent=_agent(guard()), guardrails_settings=settings) as (_, model):
        await model.emit(begin(), words("so bad"))
        creates = [event.message for event in model.sent_events if isinstance(event, RealtimeModelSendRawMessage)]
        assert [create.other_data["response"]["instructions"] for create in creates] == (
            [] if instructions is None else [instructions]
        )
        assert commands(model) == [("interrupt", "r1", True)]


@pytest.mark.parametrize("on_error", ["trip", "skip"])
@pytest.mark.parametrize("hangs", [True, False])
async def test_a_guardrail_that_hangs_or_raises(autojump_clock: Any, on_error: str, hangs: bool) -> None:
    settings = {**DEBOUNCE, "on_error": on_error, "timeout": 2}
    broken = guard(name="broken", seconds=60) if hangs else guard(name="broken", error=Mine("x"))
    async with scripted_session(agent=_agent(broken), guardrails_settings=settings) as (session, model):
        now(session)
        await model.emit(begin(), final("all is well"), end())
        await trio.sleep(3)
        events = now(session)
        (reported,) = of(events, "error")
        assert isinstance(reported.error, RealtimeTimeoutError if hangs else Mine)
        expected = ["agent_start", "transcript", "error", "guardrail_tripped", "agent_end"]
        if on_error == "skip":
            expected.remove("guardrail_tripped")
            assert commands(model) == []
        else:
            (tripped,) = of(events, "guardrail_tripped")
            assert tripped.guardrail_results[0].output.output_info == {"error": reported.error}
        assert kinds(events) == expected


async def test_no_timeout(autojump_clock: Any) -> None:
    settings = {"timeout": None}
    async with scripted_session(agent=_agent(guard(seconds=1000)), guardrails_settings=settings) as (session, model):
        await model.emit(begin(), final("so bad"), end())
        await trio.sleep(1001)
        assert "guardrail_tripped" in kinds(now(session))


async def test_the_end_of_a_turn_waits_and_everything_after_it_keeps_its_order(autojump_clock: Any) -> None:
    async with scripted_session(agent=_agent(guard("never", seconds=5))) as (session, model):
        now(session)
        await model.emit(begin(), final("fine"), end(), m.RealtimeModelDtmfEvent(event="1"))
        await model.emit(begin("r2"), m.RealtimeModelDtmfEvent(event="2"))
        assert kinds(now(session)) == ["agent_start", "transcript"]
        await trio.sleep(6)
        assert kinds(now(session)) == ["agent_end", "dtmf", "agent_start", "dtmf"]


async def test_an_interruption_overtakes_a_held_end(autojump_clock: Any) -> None:
    async with scripted_session(agent=_agent(guard("never", seconds=5))) as (session, model):
        now(session)
        await model.emit(begin(), final("fine"), end())
        await model.emit(m.RealtimeModelAudioInterruptedEvent(item_id="i1", content_index=0))
        assert kinds(now(session)) == ["audio_interrupted", "agent_start", "transcript"]
        await trio.sleep(6)
        assert kinds(now(session)) == ["agent_end"]


async def test_a_trip_after_the_end_cancels_nothing_but_speaks(autojump_clock: Any) -> None:
    async with scripted_session(agent=_agent(guard(seconds=5))) as (session, model):
        now(session)
        await model.emit(begin(), final("so bad"), end())
        await trio.sleep(6)
        assert kinds(now(session)) == ["agent_start", "transcript", "guardrail_tripped", "agent_end"]
        assert commands(model) == [("interrupt", "r1", False), NAMED]


async def test_a_trip_with_a_newer_response_leaves_that_alone(autojump_clock: Any) -> None:
    async with scripted_session(agent=_agent(guard(seconds=5))) as (session, model):
        await model.emit(begin(), final("so bad"), end(), begin("r2"))
        await trio.sleep(6)
        assert commands(model) == [("interrupt", "r1", False)]
        assert of(now(session), "guardrail_tripped")[0].response_id == "r1"


async def test_words_after_the_end_are_checked_at_once(autojump_clock: Any) -> None:
    async with scripted_session(agent=_agent(guard())) as (session, model):
        await model.emit(begin(), end(), words("bad"))
        assert len(of(now(session), "guardrail_tripped")) == 1
        await model.emit(begin("r2"), end("r2"), final("bad", "r2", "i2"))
        assert len(of(now(session), "guardrail_tripped")) == 1


async def test_a_model_that_announces_nothing_is_checked(autojump_clock: Any) -> None:
    async with scripted_session(agent=_agent(guard()), guardrails_settings=DEBOUNCE) as (session, model):
        await model.emit(words("so bad"))
        assert len(of(now(session), "guardrail_tripped")) == 1


async def test_without_guardrails_nothing_is_collected(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        now(session)
        await model.emit(words("bad"), final("bad"), begin("r2"), final("bad", "r2"), end("r2"))
        assert kinds(now(session)) == ["transcript", "transcript", "agent_start", "transcript", "agent_end"]


async def test_several_items_of_a_response(autojump_clock: Any) -> None:
    log: list[str] = []
    async with scripted_session(agent=_agent(guard(log=log))) as (session, model):
        await model.emit(begin(), final("one", item_id="i1"), final("so bad", item_id="i2"))
        await model.emit(final("three", item_id="i3"), end())
        assert log == ["one", "so bad"]  # what is stopped is not checked further
        assert len(of(now(session), "guardrail_tripped")) == 1


async def test_the_newest_words_replace_older_ones_that_wait(autojump_clock: Any) -> None:
    log: list[str] = []
    slow = guard("never", log=log, seconds=1)
    async with scripted_session(agent=_agent(slow), guardrails_settings=DEBOUNCE) as (_, model):
        await model.emit(begin(), words("12345"))
        await model.emit(words("67890"), words("abcde"))
        await trio.sleep(5)
        assert log == ["12345", "1234567890abcde"]


@pytest.mark.parametrize("leave", [True, False])
async def test_the_end_of_the_session_lets_everything_go(autojump_clock: Any, leave: bool) -> None:
    model = scripted()
    session = await make(model, agent=_agent(guard("never", seconds=500)), guardrails_settings={"timeout": None})

    async def read(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        seen.extend([event.type async for event in session])

    seen: list[str] = []
    async with trio.open_nursery() as nursery:
        async with session:
            await nursery.start(read)
            await model.emit(begin(), final("fine"), end(), begin("r2"), final("more", "r2"), end("r2"))
            if not leave:
                await model.end()
    ends: Callable[[str], int] = seen.count
    assert (ends("agent_end"), seen[-1]) == (2, "connection")


async def test_the_session_ends_while_a_check_trips(autojump_clock: Any) -> None:
    sessions: list[Any] = []

    async def check(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
        sessions[0]._hub.finish()
        return GuardrailFunctionOutput(None, True)

    async with scripted_session(agent=_agent(OutputGuardrail(check))) as (session, model):
        sessions.append(session)
        await model.emit(begin(), final("text"), end())
        assert commands(model) == []
