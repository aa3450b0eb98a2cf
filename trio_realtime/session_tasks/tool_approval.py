"""The part of a tool call's way where a person decides."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import trio

from trio_realtime.errors import RealtimeTimeoutError
from trio_realtime.events import RealtimeToolApprovalRequired
from trio_realtime.model_events import RealtimeModelToolCallEvent
from trio_realtime.session_tasks.approvals import PendingApproval
from trio_realtime.tools import FunctionTool, HostedMCPTool, ToolContext, rejection_text, tool_needs_approval

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["ask_person", "is_approved", "policy_name", "refusal_text", "wait_for_approval"]


def policy_name(agent: RealtimeAgent[Any], tool: FunctionTool | HostedMCPTool, tool_name: str) -> str:
    """Name what a decision with ``always`` holds for: a tool of one name is another with another agent or server."""
    server = tool.name if isinstance(tool, HostedMCPTool) else getattr(tool.on_invoke_tool, "server_name", None)
    return f"{tool_name} of agent {agent.name!r}, server {server!r}"


def is_approved(hub: SessionHub, tool_name: str, policy: str, call_id: str) -> bool | None:
    """Say what was decided about a call: about exactly this one, or for always; None for nothing."""
    approved = hub.wrapper.is_tool_approved(tool_name, call_id)
    return hub.wrapper.is_tool_approved(policy, call_id) if approved is None else approved


async def wait_for_approval(
    hub: SessionHub,
    call: RealtimeModelToolCallEvent,
    agent: RealtimeAgent[Any],
    tool: FunctionTool,
    context: ToolContext[Any],
) -> str | None:
    """Wait until the call may run.

    Returns:
        None if it may; the text for the model if it may not: rejected, or nobody decided in time.
    """
    policy = policy_name(agent, tool, tool.name)
    approved = is_approved(hub, tool.name, policy, call.call_id)
    if approved is None and not await tool_needs_approval(tool, context, call.arguments, call.call_id):
        return None
    timed_out = False
    if approved is None:
        if hub.ledger.suspend(call.call_id):  # the other calls of the response have their outputs already
            hub.tool_runner.go_on()
        pending = PendingApproval(
            call_id=call.call_id,
            tool=tool,
            tool_name=tool.name,
            agent=agent,
            arguments=call.arguments,
            since=trio.current_time(),
            policy=policy,
        )
        timed_out = not await ask_person(hub, pending, call.received_at)
        approved = is_approved(hub, tool.name, policy, call.call_id)
    return None if approved else await refusal_text(hub, policy, tool.name, call.call_id, timed_out=timed_out)


async def refusal_text(hub: SessionHub, policy: str, tool_name: str, call_id: str, *, timed_out: bool) -> str:
    """Give what the model is told of a call that may not run."""
    message = hub.wrapper.get_rejection_message(tool_name, call_id)
    if message is None:
        message = hub.wrapper.get_rejection_message(policy, call_id)
    if timed_out and message is None:
        message = f"The tool {tool_name!r} was not run: nobody approved it in time."
    return await rejection_text(
        hub.wrapper, tool_name, call_id, message=message, formatter=hub.run_config.tool_error_formatter
    )


async def ask_person(hub: SessionHub, pending: PendingApproval, received_at: float | None) -> bool:
    """Ask, and wait for the answer; False if none came in time."""
    seconds = hub.run_config.tool_execution.approval_timeout
    decided = hub.approvals.add(pending)
    event = RealtimeToolApprovalRequired(
        info=hub.info,
        agent=pending.agent,
        tool=pending.tool,
        tool_name=pending.tool_name,
        call_id=pending.call_id,
        arguments=pending.arguments,
        received_at=received_at,
    )
    hub.publish(event)
    try:
        with trio.move_on_after(inf if seconds is None else seconds):
            await decided.wait()
            return True
    finally:
        hub.approvals.drop(pending.call_id)
    message = f"nobody approved the call of {pending.tool_name!r} within {seconds:g} seconds"
    hub.report(RealtimeTimeoutError(message, name="approval", seconds=seconds or 0.0))
    return False
