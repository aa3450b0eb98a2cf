"""Turns of servers that do not name the request that a response answers, and of requests that lead nowhere."""

from __future__ import annotations

import json
from typing import Any

import trio

from tests.session_tasks.support import begin, end, final, scripted_session
from tests.talk import talk
from trio_realtime import model_events as m
from trio_realtime.errors import RealtimeTimeoutError, ServerError
from trio_realtime.model_inputs import RealtimeModelSendWithdrawal
from trio_realtime.server import Fail, Rewrite, Say, ScriptEngine


def without_metadata(event: dict[str, Any]) -> str:
    event["response"]["metadata"] = None
    return json.dumps(event)


def plain_server(*turns: Any, **options: Any) -> Any:
    faults = [Rewrite(event=f"response.{name}", change=without_metadata, times=None) for name in ("created", "done")]
    return talk(ScriptEngine(turns), faults=faults, **options)


async def test_a_server_without_metadata_is_found_out_at_the_end_of_the_first_response(autojump_clock: Any) -> None:
    async with plain_server(Say("First."), Say("Second.")) as (session, _):
        async with session.respond("One") as turn:
            assert await turn.text() == "First."
            assert turn.outcome == "completed"
            assert turn.usage is not None
        async with session.respond("Two") as turn:
            assert await turn.text() == "Second."
            assert (await anext(turn)).type == "agent_start"


async def test_written_words_of_such_a_server(autojump_clock: Any) -> None:
    config = {"model_settings": {"output_modalities": ["text"]}}
    async with plain_server(Say("Written."), config=config) as (session, _):
        async with session.respond("One") as turn:
            assert await turn.text() == "Written."


async def test_how_it_ended_on_such_a_server(autojump_clock: Any) -> None:
    async with plain_server(["Well,", Fail("It broke.", "oops")]) as (session, _):
        async with session.respond("One") as turn:
            assert await turn.text() == "Well,"
        assert (turn.outcome, turn.reason) == ("failed", "oops")
        assert isinstance(turn.error, ServerError)


async def test_what_is_settled_for_nobody_changes_nothing(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        async with session.respond("One") as turn:
            await model.emit(m.RealtimeModelRequestSettledEvent(request_id="other", error=ValueError()))
            await model.emit(m.RealtimeModelRequestSettledEvent(request_id=turn.request_id))
            assert turn.outcome is None
            await model.emit(begin("r"), final("Hi", "r"), end("r"))
        async with session.respond("Two") as turn:
            error = RealtimeTimeoutError("late", name="response", seconds=1.0)
            await model.emit(m.RealtimeModelRequestSettledEvent(request_id=turn.request_id, error=error))
            assert (turn.outcome, turn.reason, turn.error) == ("failed", "response", error)
        async with session.respond("Three") as turn:
            failed = m.RealtimeModelRequestSettledEvent(request_id=turn.request_id, error=ValueError("no"))
            await model.emit(failed)
            assert (turn.outcome, turn.reason) == ("failed", "refused")


async def test_requests_that_were_taken_back_are_not_remembered_for_ever(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        for _ in range(70):
            async with session.respond("Never mind"):
                pass
        await trio.sleep(1)
        assert len(session._hub.turns._left) == 64
        taken_back = [event for event in model.sent_events if isinstance(event, RealtimeModelSendWithdrawal)]
        assert len(taken_back) == 70


async def test_a_turn_that_ended_and_was_interrupted_since_is_left_as_it_is(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        async with session.respond("Go") as turn:
            await model.emit(begin("r"), final("Hi", "r"))
            await anext(turn)  # somebody reads it, and not to its end
            await session.interrupt()
            await trio.sleep(1)
            sent = len(model.sent_events)
        await trio.sleep(1)
        assert len(model.sent_events) == sent
        assert (turn.outcome, turn.reason) == ("cancelled", "left")
