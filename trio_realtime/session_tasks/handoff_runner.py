"""A handoff: a tool call that makes another agent the current one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trio_realtime.agent import RealtimeAgent
from trio_realtime.errors import ConfigRejected, ModelBehaviorError, RealtimeTimeoutError, SessionClosed, UserError
from trio_realtime.events import RealtimeHandoffEvent
from trio_realtime.handoffs import Handoff
from trio_realtime.model_events import RealtimeModelToolCallEvent
from trio_realtime.session_tasks.configure import apply_agent
from trio_realtime.session_tasks.handoff_history import choose_history
from trio_realtime.session_tasks.handoff_path import next_steps

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.session_tasks.tool_runner import Answer

__all__ = ["run_handoff"]


async def run_handoff(hub: SessionHub, call: RealtimeModelToolCallEvent, handoff: Handoff) -> Answer:
    """Hand over, and give the answer for the model. Whatever goes wrong leaves the agent as it is."""
    from trio_realtime.session_tasks.tool_runner import Answer

    try:
        target = _checked(await handoff.on_invoke_handoff(hub.wrapper, call.arguments), handoff)
        choice = await choose_history(hub, handoff)
        ways_back, path = next_steps(hub, target, way_back=handoff.way_back)
        from_agent = await apply_agent(hub, target, handoffs=ways_back, path=path)
        await choice.apply()
    except Exception as error:
        if isinstance(error, SessionClosed) and hub.status in {"closed", "ending"}:
            raise
        hub.report(error)
        text = f"The handoff to {handoff.agent_name!r} failed: {_reason(error)}. You are still in charge."
        return Answer(text=text, value=text, error=error)
    hub.publish(RealtimeHandoffEvent(info=hub.info, from_agent=from_agent, to_agent=target))
    hub.hooks.handoff(from_agent, target)
    text = handoff.get_transfer_message(target)
    if target.opening_line is None:
        return Answer(text=text, value=text)
    return Answer(text=text, value=text, respond=False, opening=target.opening_line)


def _checked(target: Any, handoff: Handoff) -> RealtimeAgent[Any]:
    agent: RealtimeAgent[Any] = target
    if not isinstance(target, RealtimeAgent):
        raise UserError(f"the handoff {handoff.tool_name!r} must return a RealtimeAgent, not {type(target).__name__}")
    return agent


def _reason(error: Exception) -> str:
    if isinstance(error, ConfigRejected):
        return "the service refused its configuration"
    if isinstance(error, RealtimeTimeoutError):
        return "the service did not confirm its configuration"
    return error.message if isinstance(error, ModelBehaviorError) else "an error occurred"
