"""Needs 20 and 21: tools in a conversation."""

from __future__ import annotations

import pytest
import trio

from tests.talk import collect, count, kinds, make_agent, of, outputs, talk
from trio_realtime import (
    GuardrailFunctionOutput,
    OpenAIRealtimeWebSocketModel,
    RealtimeRunner,
    ToolContext,
    ToolResult,
    ToolTimeoutError,
    function_tool,
    output_guardrail,
)
from trio_realtime.server import CallTool, LocalServer, Pause, Say, ScriptEngine, silence, synthesize

STORY = "word " * 40


def slow(log, **options):
    @function_tool(**options)
    async def look_up(word: str) -> str:
        try:
            await trio.sleep(30)
        except trio.Cancelled:
            log.append("cancelled")
            raise
        log.append("done")
        return f"{word}: a bird"

    return look_up


def engine(*more):
    return ScriptEngine([[CallTool("look_up", {"word": "wren"}, "c1")], *more, *[Say("Yes?")] * 3])


async def speak(session):
    await session.send_audio(synthesize("Stop please") + silence(1.0))


DETECTED = {"model_settings": {"turn_detection": {"type": "server_vad", "create_response": False}}}


async def test_need_20_a_tool_that_says_nothing(autojump_clock):
    @function_tool
    async def note(text: str) -> ToolResult:
        return ToolResult("noted", respond=False)

    async with talk(ScriptEngine([CallTool("note", {"text": "x"}, "c1")]), agent=make_agent(tools=[note])) as (
        session,
        server,
    ):
        await session.send_message("Note x")
        await collect(session, "tool_end")
        await trio.sleep(0.1)
        await trio.sleep(5)
        assert outputs(server) == [("c1", "noted")]
        assert count(server, "response.create") == 1


async def test_need_20_a_tool_that_reports_progress(autojump_clock):
    @function_tool
    async def look_up(context: ToolContext, word: str) -> str:
        await context.progress("I am still looking.")
        await trio.sleep(10)
        return f"{word}: a bird"

    script = ScriptEngine(
        [CallTool("look_up", {"word": "wren"}, "c1"), Say("One moment, still looking."), Say("A wren is a bird.")]
    )
    async with talk(script, agent=make_agent(tools=[look_up])) as (session, server):
        await session.send_message("What is a wren?")
        events = await collect(session, "transcript", role="assistant", final=True)
        assert events[-1].text == "One moment, still looking."
        assert outputs(server) == []  # it still runs
        events = await collect(session, "transcript", role="assistant", final=True)
        assert events[-1].text == "A wren is a bird."
        assert outputs(server) == [("c1", "wren: a bird")]
        (told,) = [item for item in session.history if getattr(item, "role", None) == "system"]
        assert "I am still looking." in told.content[0].text
        assert count(server, "response.create") == 3


@pytest.mark.parametrize("by", ["speech", "interrupt"])
@pytest.mark.parametrize("where", ["tool", "run"])
async def test_need_21_an_interruption_cancels_a_pointless_tool(by, where, autojump_clock):
    log = []
    tool = slow(log, **({"on_interrupt": "cancel"} if where == "tool" else {}))
    config = {**DETECTED, "tool_execution": {"on_interrupt": "cancel"} if where == "run" else {}}
    async with talk(engine(), agent=make_agent(tools=[tool]), config=config) as (session, server):
        await session.send_message("What is a wren?")
        await collect(session, "tool_start")
        await trio.sleep(0.1)
        await (speak(session) if by == "speech" else session.interrupt())
        end = (await collect(session, "tool_end"))[-1]
        await trio.sleep(0.1)
        assert log == ["cancelled"]
        ((call_id, output),) = outputs(server)
        assert call_id == end.call_id == "c1"
        assert "cancelled" in output
        assert end.output == output
        await trio.sleep(60)
        assert count(server, "response.create") == 1
        assert len(outputs(server)) == 1


@pytest.mark.parametrize("own", [None, "keep"])
async def test_need_21_a_tool_that_is_kept_goes_on(own, autojump_clock):
    log = []
    config = {**DETECTED, "tool_execution": {"on_interrupt": "cancel" if own else "keep"}}
    async with talk(engine(), agent=make_agent(tools=[slow(log, on_interrupt=own)]), config=config) as (
        session,
        server,
    ):
        await session.send_message("What is a wren?")
        await collect(session, "tool_start")
        await trio.sleep(0.1)
        await session.interrupt()
        await collect(session, "tool_end")
        await trio.sleep(0.1)
        assert log == ["done"]
        assert outputs(server) == [("c1", "wren: a bird")]


async def test_need_21_a_result_that_comes_in_spite_of_it_is_not_spoken(autojump_clock):
    @function_tool(on_interrupt="cancel")
    async def look_up(word: str) -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
        return "a bird"

    async with talk(engine(), agent=make_agent(tools=[look_up])) as (session, server):
        await session.send_message("What is a wren?")
        await collect(session, "tool_start")
        await trio.sleep(0.1)
        await session.interrupt()
        await collect(session, "tool_end")
        await trio.sleep(0.1)
        await trio.sleep(5)
        assert outputs(server) == [("c1", "a bird")]
        assert count(server, "response.create") == 1


@pytest.mark.parametrize("kept", [True, False])
async def test_need_21_a_handoff_cancels_a_pointless_tool(kept, autojump_clock):
    log = []
    other = make_agent(name="Other")
    agent = make_agent(tools=[slow(log, on_handoff="keep" if kept else None)], handoffs=[other])
    script = ScriptEngine(
        [
            [CallTool("look_up", {"word": "wren"}, "c1"), Pause(1), CallTool("transfer_to_other", {}, "c2")],
            *[Say("I am the other.")] * 3,
        ]
    )
    async with talk(script, agent=agent, config={"tool_execution": {"on_handoff": "cancel"}}) as (session, server):
        await session.send_message("Wren, and transfer me")
        await collect(session, "tool_end")
        await trio.sleep(0.1)
        assert log == ["done" if kept else "cancelled"]
        found = dict(outputs(server))
        assert set(found) == {"c1", "c2"}
        assert ("cancelled" in found["c1"]) != kept
        assert session.current_agent is other


async def test_need_21_leaving_a_turn_cancels_its_tools_only(autojump_clock):
    log = []
    tool = slow(log, on_interrupt="cancel")
    script = ScriptEngine(
        [
            [CallTool("look_up", {"word": "one"}, "c1"), Pause(5)],
            [CallTool("look_up", {"word": "two"}, "c2"), Pause(50)],
            *[Say("Yes?")] * 3,
        ]
    )
    async with talk(script, agent=make_agent(tools=[tool])) as (session, server):
        async with session.respond("One") as first:
            await first.wait()
        async with session.respond("Two"):
            await trio.sleep(5)
        await collect(session, "tool_end")
        await trio.sleep(0.1)
        assert [call_id for call_id, _ in outputs(server)] == ["c2"]
        assert log == ["cancelled"]
        await collect(session, "tool_end")
        await trio.sleep(0.1)
        assert log == ["cancelled", "done"]


@pytest.mark.parametrize("stage", ["approval", "queue", "tool"])
async def test_need_21_a_deadline_for_the_whole_call(stage, autojump_clock):
    log = []
    tool = slow(log, needs_approval=stage == "approval")
    config = {"tool_execution": {"deadline": 20, "max_concurrency": 1}}
    calls = [CallTool("look_up", {"word": "wren"}, "c1")]
    if stage == "queue":
        calls.append(CallTool("look_up", {"word": "robin"}, "c2"))
    async with talk(ScriptEngine([calls, Say("Sorry.")]), agent=make_agent(tools=[tool]), config=config) as (
        session,
        server,
    ):
        await session.send_message("What is a wren?")
        began = trio.current_time()
        events = await collect(session, "tool_end", len(calls))
        await trio.sleep(0.1)
        assert trio.current_time() - began == pytest.approx(20, abs=0.7)
        assert all(isinstance(event.error, ToolTimeoutError) for event in of(events, "tool_end"))
        assert len(outputs(server)) == len(calls)
        await collect(session, "transcript", role="assistant", final=True)
        assert count(server, "response.create") == 2  # the model speaks about it
        assert session.pending_approvals == ()


async def test_need_21_at_most_so_many_at_once(autojump_clock):
    running, most = 0, 0

    @function_tool
    async def look_up(word: str) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(1)
        running -= 1
        return word

    calls = [CallTool("look_up", {"word": str(number)}, f"c{number}") for number in range(6)]
    config = {"tool_execution": {"max_concurrency": 2}}
    async with talk(ScriptEngine([calls, Say("Six.")]), agent=make_agent(tools=[look_up]), config=config) as (
        session,
        server,
    ):
        await session.send_message("Six words")
        await collect(session, "tool_end", 6)
        await trio.sleep(0.1)
        assert most == 2
        assert len(outputs(server)) == 6


async def test_need_21_a_call_that_waits_its_turn_is_cancelled_before_it_begins(autojump_clock):
    log = []
    calls = [CallTool("look_up", {"word": word}, word) for word in ("one", "two")]
    config = {"async_tool_calls": False}
    async with talk(
        ScriptEngine([calls, Say("Yes?")]), agent=make_agent(tools=[slow(log, on_interrupt="cancel")]), config=config
    ) as (session, server):
        await session.send_message("Go")
        await collect(session, "tool_start")
        await trio.sleep(1)
        await session.interrupt()
        events = await collect(session, "tool_end", 2)
        await trio.sleep(0.1)
        assert kinds(events).count("tool_start") == 0
        assert log == ["cancelled"]
        assert [call_id for call_id, _ in outputs(server)] == ["one", "two"]


async def test_need_21_a_timeout_covers_the_body_and_not_the_waiting(autojump_clock):
    @function_tool(timeout=2, needs_approval=True)
    async def look_up(word: str) -> str:
        await trio.sleep(1)
        return "a bird"

    async with talk(engine(), agent=make_agent(tools=[look_up])) as (session, server):
        await session.send_message("What is a wren?")
        asked = (await collect(session, "tool_approval_required"))[-1]
        await trio.sleep(60)
        await session.approve_tool_call(asked.call_id)
        await collect(session, "tool_end")
        await trio.sleep(0.1)
        assert outputs(server) == [("c1", "a bird")]


async def test_need_21_a_guardrail_or_a_lost_connection_is_no_interruption(autojump_clock):
    @output_guardrail
    def no_birds(context, agent, text):
        return GuardrailFunctionOutput(None, "bird" in text)

    log = []
    script = [[Say("A bird, said slowly, " * 3), CallTool("look_up", {"word": "wren"}, "c1"), Pause(5)], Say("Yes?")]
    tool = slow(log, on_interrupt="cancel")
    agent = make_agent(tools=[tool], output_guardrails=[no_birds])
    config = {"guardrails_settings": {"debounce_text_length": 1000, "recovery": {}}}
    async with talk(ScriptEngine(script), agent=agent, config=config) as (session, server):
        await session.send_message("What is a wren?")
        events = await collect(session, "tool_end")
        assert of(events, "guardrail_tripped")
        assert log == ["done"]
    log.clear()
    server = LocalServer(ScriptEngine(script, restart=False), pace=1.0)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    async with await RealtimeRunner(make_agent(tools=[tool]), model=model).run(
        model_config={"api_key": "any"}
    ) as session:
        await session.send_message("What is a wren?")
        await collect(session, "tool_start")
        await trio.sleep(1)
        await (await server.wait_connection()).drop()
        await collect(session, "tool_end")
        assert log == ["done"]
