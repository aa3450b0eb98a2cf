"""The part of a tool call's way where a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from trio_realtime.errors import RealtimeTimeoutError
from trio_realtime.events import RealtimeToolApprovalRequired
from trio_realtime.model_events import RealtimeModelToolCallEvent
from trio_realtime.session_tasks.approvals import PendingApproval
from trio_realtime.tools import FunctionTool, ToolContext, rejection_text, tool_needs_approval

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["wait_for_approval"]


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
    if not await tool_needs_approval(tool, context, call.arguments, call.call_id):
        return None
    approved = hub.wrapper.is_tool_approved(tool.name, call.call_id)
    timed_out = False
    if approved is None:
        timed_out = not await _ask(hub, call, agent, tool)
        approved = hub.wrapper.is_tool_approved(tool.name, call.call_id)
    if approved:
        return None
    message = hub.wrapper.get_rejection_message(tool.name, call.call_id)
    if timed_out and message is None:
        message = f"The tool {tool.name!r} was not run: nobody approved it in time."
    return await rejection_text(
        hub.wrapper, tool.name, call.call_id, message=message, formatter=hub.run_config.tool_error_formatter
    )


async def _ask(
    hub: SessionHub, call: RealtimeModelToolCallEvent, agent: RealtimeAgent[Any], tool: FunctionTool
) -> bool:
    """Ask, and wait for the answer; False if none came in time."""
    seconds = hub.run_config.tool_execution.approval_timeout
    pending = PendingApproval(
        call_id=call.call_id,
        tool=tool,
        tool_name=tool.name,
        agent=agent,
        arguments=call.arguments,
        since=trio.current_time(),
    )
    decided = hub.approvals.add(pending)
    go_on = hub.ledger.suspend(call.call_id)
    event = RealtimeToolApprovalRequired(
        info=hub.info,
        agent=agent,
        tool=tool,
        tool_name=tool.name,
        call_id=call.call_id,
        arguments=call.arguments,
        received_at=call.received_at,
    )
    hub.publish(event)
    if go_on:  # the other calls of the response have their outputs already
        hub.tool_runner.go_on()
    try:
        with trio.move_on_after(float("inf") if seconds is None else seconds):
            await decided.wait()
            return True
    finally:
        hub.approvals.drop(call.call_id)
    message = f"nobody approved the call of {tool.name!r} within {seconds:g} seconds"
    hub.report(RealtimeTimeoutError(message, name="approval", seconds=seconds or 0.0))
    return False
