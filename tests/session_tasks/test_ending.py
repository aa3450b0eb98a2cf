from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.session_tasks.support import make, scripted
from tests.talk import collect, count, make_agent, of, outputs, talk
from trio_realtime import (
    GuardrailFunctionOutput,
    HostedMCPTool,
    InputGuardrail,
    OutputGuardrail,
    RealtimeAgent,
    ToolContext,
    function_tool,
)
from trio_realtime import model_events as m
from trio_realtime.server import CallTool, Drop, Pause, RejectHandshake, Say, ScriptEngine, Turn

GOODBYE = "Goodbye, and thank you for calling us."
PCM = b"\x00\x10" * 24_000


@function_tool
async def bye(context: ToolContext) -> str:
    await context.session.end("turn")
    return "bye"


@function_tool
async def slow() -> str:
    await trio.sleep(3)
    return "done"


def output_check(seconds: float) -> Any:
    async def check(context: Any, agent: Any, text: str) -> Any:
        await trio.sleep(seconds)
        return GuardrailFunctionOutput(None, "BAD" in text)

    return OutputGuardrail(check, "check")


def input_check(seconds: float) -> Any:
    async def check(context: Any, agent: Any, text: str) -> Any:
        await trio.sleep(seconds)
        return GuardrailFunctionOutput(None, "bomb" in text)

    return InputGuardrail(check, "check")


def gated(*guardrails: Any, **settings: Any) -> dict[str, Any]:
    return {
        "gate_input": True,
        "input_guardrails": list(guardrails),
        "model_settings": {"turn_detection": None},
        "guardrails_settings": settings,
    }


async def read(session: Any) -> list[Any]:
    with trio.fail_after(120):
        return [event async for event in session]


def said(session: Any) -> list[str]:
    return [item.content[0].transcript for item in session.history if getattr(item, "role", "") == "assistant"]


# -- what guardrails look at -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold_audio", [True, False])
async def test_a_goodbye_that_is_checked_is_heard(hold_audio: bool, autojump_clock: Any) -> None:
    agent = make_agent(tools=[bye], output_guardrails=[output_check(0.5)])
    config = {"guardrails_settings": {"hold_audio": hold_audio}}
    async with talk(ScriptEngine([CallTool("bye", {}, "c1"), Say(GOODBYE)]), agent=agent, config=config) as (
        session,
        _,
    ):
        await session.send_message("Bye")
        events = await read(session)
    length = sum(len(event.audio.data) for event in of(events, "audio")) / 48_000
    assert length == pytest.approx(len(GOODBYE) / 16)
    assert not of(events, "guardrail_tripped")
    assert not of(events, "error")
    assert [event.status for event in of(events, "agent_end")] == ["completed", "completed"]


async def test_the_recovery_from_a_trip_is_spoken(autojump_clock: Any) -> None:
    agent = make_agent(output_guardrails=[output_check(2)])
    config = {"guardrails_settings": {"hold_audio": True, "recovery": "Sorry."}}
    async with talk(ScriptEngine([Say("This is BAD."), Say("Sorry.")]), agent=agent, config=config) as (session, _):
        await session.send_message("Go on")
        await session.end("turn")
        events = await read(session)
    (tripped,) = of(events, "guardrail_tripped")
    assert "BAD" in tripped.message
    assert of(events, "audio")
    assert said(session)[-1] == "Sorry."


async def test_speech_that_is_screened_is_answered(autojump_clock: Any) -> None:
    engine = ScriptEngine([Turn("Hello!", user="Hello there")])
    async with talk(engine, config=gated(input_check(2))) as (session, server):
        await session.send_audio(PCM)
        await session.commit_audio()
        await session.end("turn")
        assert count(server, "response.create") == 1
        assert said(session) == ["Hello!"]


async def test_speech_that_must_not_be_answered_is_screened_too(autojump_clock: Any) -> None:
    engine = ScriptEngine([Turn("Sorry.", user="a bomb")])
    async with talk(engine, config=gated(input_check(2), recovery="Sorry.")) as (session, _):
        await session.send_audio(PCM)
        await session.commit_audio(respond=False)
        await session.end("turn")
        assert said(session) == ["Sorry."]
        assert of(await read(session), "input_guardrail_tripped")


async def test_a_message_that_is_screened_is_answered(autojump_clock: Any) -> None:
    async with talk(ScriptEngine([Say("Hello!")]), config=gated(input_check(2))) as (session, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.send_message, "Hello")
            await trio.sleep(1)
            await session.end("turn")
        assert said(session) == ["Hello!"]


async def test_speech_that_was_screened_does_not_put_it_off(autojump_clock: Any) -> None:
    async with talk(ScriptEngine([Turn("Hello!", user="Hello there")]), config=gated(input_check(2))) as (session, _):
        await session.send_audio(PCM)
        await session.commit_audio()
        await collect(session, "agent_end")
        began = trio.current_time()
        await session.end("turn")
        assert trio.current_time() - began < 0.1


async def test_a_guardrail_of_the_agents_words_ends_the_session(autojump_clock: Any) -> None:
    async def check(context: Any, agent: Any, text: str) -> Any:
        await session.end("turn")
        return GuardrailFunctionOutput(None, False)

    agent = make_agent(output_guardrails=[OutputGuardrail(check, "check")])
    async with talk(ScriptEngine([Say(GOODBYE)]), agent=agent) as (session, _):
        await session.send_message("Bye")
        events = await read(session)
        assert trio.current_time() < 1
    assert not of(events, "guardrail_tripped")


@pytest.mark.parametrize("spoken", [True, False])
async def test_a_guardrail_of_the_users_words_ends_the_session(spoken: bool, autojump_clock: Any) -> None:
    async def check(context: Any, agent: Any, text: str) -> Any:
        await session.end("turn")
        return GuardrailFunctionOutput(None, False)

    engine = ScriptEngine([Turn("Hello!", user="Hello there")])
    async with talk(engine, config=gated(InputGuardrail(check, "check"))) as (session, _):
        if spoken:
            await session.send_audio(PCM)
            await session.commit_audio()
        else:
            await session.send_message("Hello there")
        await read(session)
        assert trio.current_time() < 1
        assert said(session) == ["Hello!"]


# -- a lost connection -------------------------------------------------------------------------------------------------


async def test_a_response_that_is_lost_meanwhile_is_given_again(autojump_clock: Any) -> None:
    faults = [
        Drop(event="response.output_audio.delta", skip=5),
        RejectHandshake(503, connection=2, times=2),
    ]
    async with talk(ScriptEngine([Say(GOODBYE)]), pace=1.0, faults=faults) as (session, _):
        await session.send_message("Bye")
        await session.end("turn")
        events = await read(session)
        assert session.statistics().reconnects == 1
    assert [event.status for event in of(events, "agent_end")] == ["incomplete", "completed"]


@pytest.mark.parametrize("event", ["response.created", "response.done"])
async def test_a_response_that_was_lost_before_is_given_again(event: str, autojump_clock: Any) -> None:
    faults = [Drop(event=event), RejectHandshake(503, connection=2, times=2)]
    async with talk(ScriptEngine([Say(GOODBYE)]), pace=1.0, faults=faults) as (session, _):
        await session.send_message("Bye")
        await collect(session, "connection", status="reconnecting")
        await session.end("turn")
        events = await read(session)
        assert session.statistics().reconnects == 1
    assert [event.status for event in of(events, "agent_end")][-1:] == ["completed"]


async def test_without_a_connection_and_with_nothing_to_come_it_leaves_at_once(autojump_clock: Any) -> None:
    faults = [Drop(event="response.created"), RejectHandshake(503, connection=2, times=2)]
    async with talk(ScriptEngine([Say(GOODBYE)]), pace=1.0, faults=faults) as (session, _):
        await session.send_message("Bye")
        await collect(session, "connection", status="reconnecting")
        await session.interrupt()
        began = trio.current_time()
        await session.end("turn")
        assert trio.current_time() - began < 0.1


# -- tools -------------------------------------------------------------------------------------------------------------


async def test_a_hosted_call_that_waits_for_a_person_hides_no_tool_that_runs(autojump_clock: Any) -> None:
    model = scripted()
    agent = RealtimeAgent(name="A", tools=[HostedMCPTool({"server_label": "docs", "server_url": "https://x"}), slow])
    async with await make(model, agent=agent) as session:
        await model.emit(
            m.RealtimeModelMcpApprovalRequestedEvent(item_id="q", server_label="docs", name="find", arguments="{}")
        )
        await model.emit(m.RealtimeModelToolCallEvent(name="slow", call_id="c1", arguments="{}"))
        await wait_all_tasks_blocked()
        assert [pending.call_id for pending in session.pending_approvals] == ["q"]
        began = trio.current_time()
        await session.end("turn")
        assert trio.current_time() - began >= 3
        assert of(await read(session), "tool_end")


async def test_a_task_that_a_tool_has_started_does_not_wait(autojump_clock: Any) -> None:
    returned: list[str] = []

    async with trio.open_nursery() as nursery:

        async def leave(session: Any) -> None:
            await session.end("turn")
            returned.append(session.status)

        @function_tool
        async def later(context: ToolContext) -> str:
            nursery.start_soon(leave, context.session)
            return "ok"

        engine = ScriptEngine([CallTool("later", {}, "c1"), [Pause(1), Say(GOODBYE)]])
        async with talk(engine, agent=make_agent(tools=[later])) as (session, server):
            await session.send_message("Bye")
            await read(session)
            assert returned == ["connected"]
            assert outputs(server) == [("c1", "ok")]
            assert said(session) == [GOODBYE]
