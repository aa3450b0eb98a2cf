"""Whole conversations with an agent that has an MCP server."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from tests.mcp.peers import HANG, HANG_UP, STDIO, Fault, HandServer, OwnServer, make_tool, text_result
from tests.talk import collect, of, outputs, talk
from trio_realtime import RealtimeAgent, default_tool_error_function, function_tool
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, ServerError, UserError
from trio_realtime.mcp import MCPServerStdio
from trio_realtime.server import CallTool, Say, ScriptEngine


@function_tool
async def local() -> str:
    """A tool that runs here."""
    return "here"


def agent_with(*servers, **fields) -> RealtimeAgent:
    return RealtimeAgent("Assistant", mcp_servers=list(servers), tools=[local], **fields)


def tools_of(connection) -> list[list[str]]:
    updates = [event for event in connection.received if event["type"] == "session.update"]
    return [[tool["name"] for tool in update["session"]["tools"]] for update in updates if "tools" in update["session"]]


async def test_a_process_s_tool_is_called_and_the_model_gets_its_output() -> None:
    engine = ScriptEngine([CallTool("picture", {}), Say("A pixel."), CallTool("fail", {}), Say("No.")])
    with trio.fail_after(30):
        async with MCPServerStdio(STDIO) as server:
            async with talk(engine, agent=agent_with(server)) as (session, connection):
                assert tools_of(connection)[0][:2] == ["add", "weather"]
                assert tools_of(connection)[0][-1] == "local"
                await session.send_message("Draw!")
                events = await collect(session, "agent_end", 2)
                await session.send_message("Fail!")
                failed = of(await collect(session, "agent_end", 2), "tool_end")[0]
    text, image = json.loads(outputs(connection)[0][1])
    assert text == {"type": "text", "text": "a pixel"}
    assert image["image_url"].startswith("data:image/gif;base64,R0lGOD")
    end = of(events, "tool_end")[0]
    assert end.output == [text, image]
    assert end.error is None
    assert json.loads(outputs(connection)[1][1])["text"] == "Error executing tool fail: there is no such thing"
    assert isinstance(failed.error, ServerError)


@pytest.mark.parametrize("allow", [True, False])
async def test_a_human_decides(allow, autojump_clock) -> None:
    server = OwnServer("pay", "look", require_approval={"always": {"tool_names": ["pay"]}})
    engine = ScriptEngine([CallTool("pay", {"x": "5"}), Say("Done."), CallTool("look", {}), Say("Seen.")])
    async with server, talk(engine, agent=agent_with(server)) as (session, connection):
        await session.send_message("Pay!")
        (asked,) = of(await collect(session, "tool_approval_required"), "tool_approval_required")
        assert asked.tool.name == "pay"
        assert server.calls == []
        if allow:
            await session.approve_tool_call(asked.call_id)
        else:
            await session.reject_tool_call(asked.call_id, rejection_message="Not today.")
        await collect(session, "transcript", final=True, text="Done.")
        await session.send_message("Look!")
        await collect(session, "tool_end")
    assert [name for name, *_ in server.calls] == (["pay", "look"] if allow else ["look"])
    assert outputs(connection)[0][1] == ('{"type": "text", "text": "done"}' if allow else "Not today.")


async def test_a_function_decides_who_has_to_ask(autojump_clock) -> None:
    def policy(context, agent, tool) -> bool:
        return context.context == "guest" and tool.name == "pay"

    for who, asked in (("guest", 1), ("owner", 0)):
        server = OwnServer("pay", require_approval=policy)
        engine = ScriptEngine([CallTool("pay", {}), Say("Done.")])
        config = {"tool_execution": {"approval_timeout": 1}}
        async with server, talk(engine, agent=agent_with(server), context=who, config=config) as (session, _):
            await session.send_message("Pay!")
            assert len(of(await collect(session, "agent_end", 2), "tool_approval_required")) == asked


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (HANG_UP, RealtimeConnectionError, "the connection is lost"),
        (HANG, RealtimeTimeoutError, "was not done within 5 seconds"),
        (Fault(-32603, "out of paper"), ServerError, "out of paper"),
        ({"content": "nonsense"}, ServerError, "not as the protocol has it"),
    ],
)
async def test_a_server_that_fails_in_the_middle_of_a_call_ends_nothing(answer, kind, text, autojump_clock) -> None:
    good = {"content": [{"type": "text", "text": "again"}]}
    server = HandServer({"tools/call": [answer, good]})
    engine = ScriptEngine([CallTool("one", {}), Say("Sorry."), CallTool("one", {}), Say("Now.")])
    async with server, talk(engine, agent=agent_with(server)) as (session, connection):
        await session.send_message("Go!")
        end = of(await collect(session, "agent_end", 2), "tool_end")[0]
        await session.send_message("Again!")
        await collect(session, "agent_end", 2)
    assert isinstance(end.error, kind)
    assert text in str(end.error)
    assert outputs(connection)[0][1] == default_tool_error_function(session.context, end.error)
    assert outputs(connection)[1][1] == '{"type": "text", "text": "again"}'


async def test_leaving_the_session_cancels_the_call(autojump_clock) -> None:
    server = HandServer({"tools/call": HANG}, client_session_timeout_seconds=None)
    async with server:
        async with talk(ScriptEngine([CallTool("one", {})]), agent=agent_with(server)) as (session, _):
            await session.send_message("Go!")
            await collect(session, "tool_start")
            await trio.testing.wait_all_tasks_blocked()
            began = trio.current_time()
        assert trio.current_time() - began < 1
        assert "notifications/cancelled" in server.seen


async def test_tools_are_listed_at_connect_at_a_handoff_and_at_an_update(autojump_clock) -> None:
    shared, other = OwnServer("one", name="shared"), OwnServer("two", name="other")
    second = RealtimeAgent("Second", mcp_servers=[shared, other])
    first = agent_with(shared, handoffs=[second])
    engine = ScriptEngine([CallTool("transfer_to_second", {}), Say("Hello.")])
    async with shared, other, talk(engine, agent=first) as (session, connection):
        await session.send_message("Go!")
        await collect(session, "handoff")
        shared.tools.append(make_tool("three"))
        await session.update_agent(first)
    assert tools_of(connection) == [
        ["one", "local", "transfer_to_second"],
        ["one", "two"],
        ["one", "three", "local", "transfer_to_second"],
    ]


async def test_a_server_that_is_not_entered_is_told_at_connect(autojump_clock) -> None:
    with pytest.raises(UserError, match="MCP server 'own': was not entered"):
        async with talk(agent=agent_with(OwnServer("one"))):
            pytest.fail("entered")


async def test_one_that_fails_at_connect_is_told_as_it_is(autojump_clock) -> None:
    server = HandServer({"tools/list": HANG_UP})
    async with server:
        with pytest.raises(RealtimeConnectionError, match="MCP server 'by hand': listing tools failed"):
            async with talk(agent=agent_with(server)):
                pytest.fail("entered")


async def test_many_sessions_share_a_server(autojump_clock) -> None:
    server = OwnServer("one", answer=lambda name, arguments: text_result(arguments["x"]))
    found = []

    async def converse(number: int) -> None:
        engine = ScriptEngine([CallTool("one", {"x": str(number)}), Say("Done.")])
        async with talk(engine, agent=agent_with(server)) as (session, connection):
            await session.send_message("Go!")
            await collect(session, "agent_end", 2)
            found.append(json.loads(outputs(connection)[0][1])["text"])

    async with server, trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(converse, number)
    assert sorted(found) == list("01234")


async def test_a_decision_for_always_holds_for_that_server_only(autojump_clock) -> None:
    sandbox = OwnServer("delete", name="sandbox", require_approval="always")
    production = OwnServer("delete", name="production", require_approval="always")
    engine = ScriptEngine([CallTool("delete", {}), Say("Gone."), CallTool("delete", {}), Say("Gone.")])
    async with sandbox, production, talk(engine, agent=agent_with(sandbox)) as (session, _):
        await session.send_message("Clean up!")
        (asked,) = of(await collect(session, "tool_approval_required"), "tool_approval_required")
        await session.approve_tool_call(asked.call_id, always=True)
        await collect(session, "transcript", final=True)
        await session.update_agent(agent_with(production))
        await session.send_message("Clean up!")
        await collect(session, "tool_approval_required")
        assert (len(sandbox.calls), len(production.calls)) == (1, 0)
