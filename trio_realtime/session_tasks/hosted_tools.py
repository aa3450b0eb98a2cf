"""Calls that the service makes itself: who decides on them, and what the application sees of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import attrs
import trio

from trio_realtime._awaitable import maybe_await
from trio_realtime.errors import ServerError, UserTypeError
from trio_realtime.events import RealtimeToolEnd, RealtimeToolStart
from trio_realtime.ids import new_id
from trio_realtime.model_events import (
    RealtimeModelMcpApprovalRequestedEvent,
    RealtimeModelMcpCallEvent,
    RealtimeModelMcpListToolsEvent,
)
from trio_realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage
from trio_realtime.session_tasks.approvals import PendingApproval
from trio_realtime.session_tasks.tool_approval import ask_person, is_approved, policy_name, refusal_text
from trio_realtime.tools import HostedMCPTool, MCPApprovalRequest, MCPToolApprovalRequest, unlisted_tool

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["HostedToolRequest", "answer_request", "publish_call", "publish_listing", "request_of"]


@attrs.frozen
class HostedToolRequest:
    """A call that the service asks about, with the agent that was current then."""

    event: RealtimeModelMcpApprovalRequestedEvent
    agent: RealtimeAgent[Any]
    tool: HostedMCPTool


@attrs.frozen
class _Decision:
    approve: bool
    reason: str | None = None


def request_of(hub: SessionHub, event: RealtimeModelMcpApprovalRequestedEvent) -> HostedToolRequest:
    """Give the request with the agent whose response it came from."""
    return HostedToolRequest(event, *_owner(hub, event.response_id, event.server_label))


def publish_listing(hub: SessionHub, event: RealtimeModelMcpListToolsEvent) -> None:
    """Tell the application if a server's tools could not be listed: the model goes on without them."""
    if event.status == "failed":
        server = repr(event.server_label) if event.server_label else f"of item {event.item_id}"
        error = ServerError(f"the tools of the MCP server {server} could not be listed", type="mcp_list_tools")
        hub.report(error, event.received_at)


def publish_call(hub: SessionHub, event: RealtimeModelMcpCallEvent) -> None:
    """Tell the application that a call begins, or how it ended."""
    agent, tool = _owner(hub, event.response_id, event.server_label)
    common: dict[str, Any] = {
        "info": hub.info,
        "agent": agent,
        "tool": tool,
        "tool_name": event.name,
        "arguments": event.arguments,
        "call_id": event.item_id,
        "received_at": event.received_at,
    }
    if event.status == "in_progress":
        hub.publish(RealtimeToolStart(**common))
        return
    fault = event.error
    error = (
        ServerError(fault.message or "the call of the tool failed", type=fault.type or "mcp_call", code=fault.code)
        if fault is not None
        else None
    )
    output = event.output if event.output is not None else ""
    hub.publish(RealtimeToolEnd(**common, output=output, error=error), len(output))


async def answer_request(hub: SessionHub, request: HostedToolRequest) -> None:
    """Get a decision on a call and tell the service, unless the connection is lost meanwhile on which it has asked.

    Raises:
        SessionClosed: the session has ended.
    """
    event, generation = request.event, hub.supervisor.generation
    decision = await _decide(hub, request)
    if hub.supervisor.generation != generation:
        return  # who asked is gone with its connection
    item: dict[str, Any] = {
        "id": new_id("item"),
        "type": "mcp_approval_response",
        "approval_request_id": event.item_id,
        "approve": decision.approve,
    }
    if decision.reason is not None:
        item["reason"] = decision.reason
    message = RealtimeModelRawClientMessage(type="conversation.item.create", other_data={"item": item})
    await hub.outbox.send(RealtimeModelSendRawMessage(message=message))


async def _decide(hub: SessionHub, request: HostedToolRequest) -> _Decision:
    event = request.event
    policy = policy_name(request.agent, request.tool, event.name)
    approved = is_approved(hub, event.name, policy, event.item_id)
    timed_out = False
    if approved is None and request.tool.on_approval_request is not None:
        return await _ask_function(hub, request)
    if approved is None:
        pending = PendingApproval(
            call_id=event.item_id,
            tool=request.tool,
            tool_name=event.name,
            agent=request.agent,
            arguments=event.arguments,
            since=trio.current_time(),
            policy=policy,
        )
        timed_out = not await ask_person(hub, pending, event.received_at)
        approved = is_approved(hub, event.name, policy, event.item_id)
    if approved:
        return _Decision(approve=True)
    text = await refusal_text(hub, policy, event.name, event.item_id, timed_out=timed_out)
    return _Decision(approve=False, reason=text)


async def _ask_function(hub: SessionHub, request: HostedToolRequest) -> _Decision:
    """Let the user's function decide. One that fails has not approved."""
    event = request.event
    data = MCPApprovalRequest(
        id=event.item_id, server_label=event.server_label, name=event.name, arguments=event.arguments
    )
    try:
        function: Any = request.tool.on_approval_request
        return _decision(await maybe_await(function(MCPToolApprovalRequest(hub.wrapper, data))))
    except Exception as error:  # noqa: BLE001  the user's own
        hub.report(error)
        return _Decision(approve=False, reason="The call could not be approved.")


def _decision(result: Any) -> _Decision:
    given: Any = cast("Any", result) if isinstance(result, Mapping) else {}
    approve: Any = given.get("approve")
    reason: Any = given.get("reason")
    if not isinstance(approve, bool):
        raise UserTypeError("an on_approval_request function gives a dict with 'approve': True or False")
    return _Decision(approve=approve, reason=reason if isinstance(reason, str) else None)


def _owner(hub: SessionHub, response_id: str | None, server_label: str) -> tuple[RealtimeAgent[Any], HostedMCPTool]:
    """Give whose call it is; a server that no agent named (a raw update did) has a tool that says no more."""
    agent, tools = hub.owner(response_id)
    for tool in tools.hosted:
        if tool.name == server_label:
            return agent, tool
    return agent, unlisted_tool(server_label)
