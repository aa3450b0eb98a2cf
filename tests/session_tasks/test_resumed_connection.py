"""A session that began with a history, or goes on from elsewhere, and loses its connection."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.session_tasks.test_resuming import HISTORY, creates, ids, through_json
from tests.talk import KEY, collect, make_agent, of, outputs
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeRunner, function_tool, realtime_handoff
from trio_realtime.server import CallTool, Delay, LocalServer, Pause, RejectHandshake, Say, ScriptEngine

NEVER = {"item_id": "y", "type": "function_call", "call_id": "c9", "name": "look", "arguments": "{}"}


def make(engine: Any, agent: Any = None, **options: Any) -> tuple[Any, LocalServer]:
    server = LocalServer(engine, pace=None, **options)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    return RealtimeRunner(agent or make_agent(), model=model), server


async def test_a_history_goes_to_the_next_server_too(autojump_clock: Any) -> None:
    runner, server = make(ScriptEngine([Say("Hello.")]))
    async with await runner.run(history=[*HISTORY, NEVER], model_config={"api_key": KEY}) as session:
        new = await session.add_item("user", "So?")
        first = creates(server.connections[0])
        assert "y" not in dict(first)
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnected")
        await trio.sleep(1)
        again = creates(server.connections[1])
        assert [item_id for item_id, _ in again] == ["s", "u", "a", "f", "f_out", new]
        assert ids(session) == ["s", "u", "a", "f", "y", new]
        later = await session.add_item("user", "Well?")
        assert ids(session) == ["s", "u", "a", "f", "y", new, later]


@pytest.mark.parametrize("rerun", [False, True])
async def test_a_call_that_was_cut_gets_one_output_on_each_server(rerun: bool, autojump_clock: Any) -> None:
    @function_tool
    async def pay() -> str:
        await trio.sleep(5)
        return "paid"

    agent = make_agent(tools=[pay])
    runner, server = make(ScriptEngine([CallTool("pay", {}, "c1"), Say("Done.")]), agent)
    async with await runner.run(model_config={"api_key": KEY}) as session:
        await session.send_message("Pay")
        await collect(session, "agent_end")
        await trio.sleep(1)
        snapshot = through_json(session.snapshot())
    runner, server = make(ScriptEngine([[Pause(3), Say("Done.")]]), agent)
    config: Any = {"tool_execution": {"on_resume": "run" if rerun else "fail"}}
    runner = RealtimeRunner(agent, model=runner._model, config=config)
    async with await runner.run(resume=snapshot, model_config={"api_key": KEY}) as session:
        await trio.sleep(1)
        await server.connections[0].drop()
        events = await collect(session, "agent_end", status="completed")
        assert len(of(events, "error")) == (0 if rerun else 1)
        (output,) = outputs(server.connections[1])
        assert output[0] == "c1"
        assert output[1] == "paid" if rerun else "cut off" in output[1]
        calls = [item for item in session.history if item.type == "function_call"]
        assert [call.output for call in calls] == [output[1]]


async def test_a_snapshot_while_there_is_no_connection(autojump_clock: Any) -> None:
    runner, server = make(ScriptEngine([[Pause(60), Say("Late.")]]))
    async with await runner.run(history=HISTORY, model_config={"api_key": KEY}) as session:
        await session.send_message("Hm?")
        await trio.sleep(1)
        server.fault(RejectHandshake(503, times=2))
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnecting")
        snapshot = through_json(session.snapshot())
        assert snapshot["awaits_response"]
        assert len(snapshot["history"]) == 5
        await session.interrupt()
        assert not session.snapshot()["awaits_response"]


async def test_a_snapshot_between_a_request_and_its_answer(autojump_clock: Any) -> None:
    runner, server = make(ScriptEngine([Say("Late.")]), faults=[Delay(5, event="response.created")])
    async with await runner.run(model_config={"api_key": KEY}) as session:
        assert not session.snapshot()["awaits_response"]
        await session.send_message("Hm?")
        await trio.sleep(1)
        assert server.connections[0].received[-1]["type"] == "response.create"
        assert session.snapshot()["awaits_response"]
        await collect(session, "agent_end")
        assert not session.snapshot()["awaits_response"]


async def test_slots_and_ways_back_go_along(autojump_clock: Any) -> None:
    billing = make_agent(name="Billing", instructions="Different.")
    agent = make_agent(handoffs=[realtime_handoff(billing, way_back=True)])
    runner, _ = make(ScriptEngine([CallTool("transfer_to_billing", {}, "c1"), Say("Yes?")]), agent)
    async with await runner.run(model_config={"api_key": KEY}) as session:
        await session.set_context("roster", "Ann, Bob")
        await session.send_message("Billing, please")
        await collect(session, "agent_end", 2)
        snapshot = through_json(session.snapshot())
    assert snapshot["ways_back"] == ["Assistant"]
    assert list(snapshot["slots"]) == ["roster"]
    runner, server = make(ScriptEngine([CallTool("transfer_to_assistant", {}, "c2"), Say("Again?")]), agent)
    async with await runner.run(resume=snapshot, model_config={"api_key": KEY}) as session:
        assert session.snapshot()["ways_back"] == ["Assistant"]
        await session.set_context("roster", "Ann")
        texts = [
            "".join(part.text or "" for part in item.content)
            for item in session.history
            if getattr(item, "role", "") == "system"
        ]
        assert texts == ["Ann"]
        await session.send_message("Back, please")
        await collect(session, "handoff")
        assert session.current_agent is agent
        await collect(session, "agent_end")
        assert session.snapshot()["ways_back"] == []
        assert outputs(server.connections[0])[-1] == ("c2", '{"assistant": "Assistant"}')
