"""Calls that the service makes: who decides on them, and what the application sees."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.canary import SECRET
from tests.session_tasks.support import call, kinds, make, now, of, scripted
from tests.session_tasks.test_tool_runner import plain
from tests.talk import make_agent, talk
from trio_realtime import (
    HostedMCPTool,
    MCPToolApprovalRequest,
    RealtimeAgent,
    RealtimeTimeoutError,
    ServerError,
    SessionClosed,
    UserError,
)
from trio_realtime import model_events as m
from trio_realtime.model_inputs import RealtimeModelSendRawMessage

DOCS = {"type": "mcp", "server_label": "docs", "server_url": "https://docs.example/mcp", "authorization": SECRET}


def request(item_id: str = "q", name: str = "find", label: str = "docs") -> m.RealtimeModelMcpApprovalRequestedEvent:
    return m.RealtimeModelMcpApprovalRequestedEvent(
        item_id=item_id, server_label=label, name=name, arguments='{"a":1}', response_id="r"
    )


def called(status: Any, **fields: Any) -> m.RealtimeModelMcpCallEvent:
    return m.RealtimeModelMcpCallEvent(
        item_id="c", server_label="docs", name="find", arguments="{}", status=status, **fields
    )


async def emit(model: Any, *events: Any) -> None:
    """One at a time, so that the order is known: each is handled in a task of its own."""
    for event in events:
        await model.emit(event)
        await wait_all_tasks_blocked()


def answers(model: Any) -> list[tuple[str, bool, Any]]:
    items = [
        event.message.other_data["item"]
        for event in model.sent_events
        if isinstance(event, RealtimeModelSendRawMessage)
    ]
    assert all(item["type"] == "mcp_approval_response" and item["id"] for item in items)
    return [(item["approval_request_id"], item["approve"], item.get("reason")) for item in items]


def agent_with(decide: Any = None) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="A", tools=[HostedMCPTool(DOCS, on_approval_request=decide)])


async def test_need_37_the_servers_are_in_the_session_update(autojump_clock: Any) -> None:
    server = {**DOCS, "allowed_tools": {"tool_names": ["find"]}, "require_approval": {"never": {"read_only": True}}}
    async with talk(agent=make_agent(tools=[HostedMCPTool(server)])) as (_, connection):
        (update,) = [event for event in connection.received if event["type"] == "session.update"]
        assert update["session"]["tools"] == [server]


async def test_labels_are_unique(autojump_clock: Any) -> None:
    agent = make_agent(tools=[HostedMCPTool(DOCS), HostedMCPTool(DOCS)])
    with pytest.raises(UserError, match="labels of MCP servers must be unique: 'docs'"):
        async with talk(agent=agent):
            pytest.fail("must not connect")


async def test_a_person_approves_or_rejects(autojump_clock: Any) -> None:
    model = scripted()
    async with await make(model, agent=agent_with()) as session:
        now(session)
        await emit(model, request("q1"), request("q2"))
        first, second = of(now(session), "tool_approval_required")
        assert (first.call_id, first.tool_name, first.tool.name, first.arguments) == ("q1", "find", "docs", '{"a":1}')
        assert [pending.tool_name for pending in session.pending_approvals] == ["find", "find"]
        await session.reject_tool_call(second.call_id, rejection_message="Not that.")
        await wait_all_tasks_blocked()
        await session.approve_tool_call(first.call_id)
        await wait_all_tasks_blocked()
        assert answers(model) == [("q2", False, "Not that."), ("q1", True, None)]
        assert session.pending_approvals == ()


@pytest.mark.parametrize("approve", [True, False])
async def test_always_holds_for_that_tool_of_that_server(autojump_clock: Any, approve: bool) -> None:
    model = scripted()
    async with await make(model, agent=agent_with()) as session:
        await emit(model, request("q1"))
        if approve:
            await session.approve_tool_call("q1", always=True)
        else:
            await session.reject_tool_call("q1", always=True, rejection_message="Never.")
        await wait_all_tasks_blocked()
        await emit(model, request("q2"), request("q3", name="delete"), request("q4", label="other"))
        await wait_all_tasks_blocked()
        reason = None if approve else "Never."
        assert answers(model) == [("q1", approve, reason), ("q2", approve, reason)]
        assert [pending.call_id for pending in session.pending_approvals] == ["q3", "q4"]


async def test_nobody_decides_in_time(autojump_clock: Any) -> None:
    model = scripted()
    config = {"tool_execution": {"approval_timeout": 30}}
    async with await make(model, agent=agent_with(), **config) as session:
        now(session)
        await emit(model, request())
        await trio.sleep(31)
        _, error = now(session)
        assert isinstance(error.error, RealtimeTimeoutError)
        assert error.error.name == "approval"
        assert answers(model) == [("q", False, "The tool 'find' was not run: nobody approved it in time.")]


async def test_a_rejection_has_a_text_as_with_other_tools(autojump_clock: Any) -> None:
    model = scripted()
    config: Any = {"tool_error_formatter": lambda args: f"{args.kind} {args.tool_name}"}
    async with await make(model, agent=agent_with(), **config) as session:
        await emit(model, request())
        await session.reject_tool_call("q")
        await wait_all_tasks_blocked()
        assert answers(model) == [("q", False, "approval_rejected find")]


async def test_whose_call_it_is_after_a_change_of_agents(autojump_clock: Any) -> None:
    asked: list[str] = []

    def decide(request: MCPToolApprovalRequest) -> Any:
        asked.append(request.data.id)
        return {"approve": True}

    model, first = scripted(), agent_with(decide)
    async with await make(model, agent=first) as session:
        await model.emit(m.RealtimeModelTurnStartedEvent(response_id="r"))
        await session.update_agent(RealtimeAgent("Other"))
        now(session)
        await emit(model, request(), called("completed", output="x", response_id="r"))
        (end,) = now(session)
        assert (end.agent, end.tool) == (first, first.tools[0])
        assert asked == ["q"]
        await emit(model, request("q2").__class__(item_id="q2", server_label="docs", name="f", arguments=""))
        assert [event.agent.name for event in of(now(session), "tool_approval_required")] == ["Other"]


async def test_a_request_does_not_wait_behind_a_tool(autojump_clock: Any) -> None:
    model = scripted()
    async with await make(model, agent=agent_with(), async_tool_calls=False) as session:
        hangs = attrs.evolve(plain, needs_approval=True)
        session.current_agent.tools.append(hangs)
        await session.update_agent(session.current_agent)
        await emit(model, call("plain"), request())
        assert [pending.call_id for pending in session.pending_approvals] == ["c1", "q"]


async def test_a_function_decides(autojump_clock: Any) -> None:
    asked: list[MCPToolApprovalRequest] = []

    async def decide(request: MCPToolApprovalRequest) -> Any:
        asked.append(request)
        await trio.sleep(1)
        return {"approve": request.data.name == "find", "reason": "Only find."}

    model = scripted()
    async with await make(model, agent=agent_with(decide)) as session:
        now(session)
        await emit(model, request("q1"), request("q2", name="delete"))
        await trio.sleep(2)
        assert sorted(answers(model)) == [("q1", True, "Only find."), ("q2", False, "Only find.")]
        assert now(session) == []
        assert asked[0].ctx_wrapper is session.context


@pytest.mark.parametrize("result", [None, {}, {"approve": "yes"}, ValueError("mine")])
async def test_a_function_that_fails_has_not_approved(autojump_clock: Any, result: Any) -> None:
    def decide(_: MCPToolApprovalRequest) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    model = scripted()
    async with await make(model, agent=agent_with(decide)) as session:
        now(session)
        await emit(model, request())
        (error,) = now(session)
        assert isinstance(error.error, ValueError | TypeError)
        assert answers(model) == [("q", False, "The call could not be approved.")]


async def test_what_the_application_sees_of_a_call(autojump_clock: Any) -> None:
    model = scripted()
    agent = agent_with()
    async with await make(model, agent=agent) as session:
        now(session)
        await model.emit(called("in_progress"), called("completed", output="Here."))
        start, end = now(session)
        assert kinds([start, end]) == ["tool_start", "tool_end"]
        assert start.tool is end.tool is agent.tools[0]
        assert (start.tool_name, start.call_id, start.arguments) == ("find", "c", "{}")
        assert (end.output, end.error) == ("Here.", None)


async def test_a_call_that_failed(autojump_clock: Any) -> None:
    model = scripted()
    async with await make(model) as session:  # the agent does not know the server
        now(session)
        fault = m.ResponseError(type="http_error", code="503", message="Gone.")
        await model.emit(called("failed", error=fault), called("failed", error=m.ResponseError()))
        first, second = now(session)
        assert (first.tool.name, first.output) == ("docs", "")
        assert (first.error.message, first.error.type, first.error.code) == ("Gone.", "http_error", "503")
        assert (second.error.message, second.error.type) == ("the call of the tool failed", "mcp_call")


@pytest.mark.parametrize(("label", "words"), [("docs", "'docs'"), ("", "of item l")])
async def test_a_list_that_failed(autojump_clock: Any, label: str, words: str) -> None:
    model = scripted()
    async with await make(model) as session:
        now(session)
        await model.emit(m.RealtimeModelMcpListToolsEvent(item_id="l", server_label=label, status="failed"))
        (event,) = now(session)
        assert isinstance(event.error, ServerError)
        assert words in event.error.message


async def test_the_session_ends_while_somebody_is_asked(autojump_clock: Any) -> None:
    model = scripted()
    async with await make(model, agent=agent_with()) as session:
        await emit(model, request())
        await session.close()
        with pytest.raises(SessionClosed):
            await session.approve_tool_call("q")
    assert answers(model) == []
