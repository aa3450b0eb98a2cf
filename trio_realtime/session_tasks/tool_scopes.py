"""The scopes of running tool calls: what an interruption, a handoff or the deadline of a whole call does to them."""

from __future__ import annotations

from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
import trio

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.tools import FunctionTool

__all__ = ["CallScope", "Cause", "ToolScopes", "called_by"]

Cause: TypeAlias = Literal["interrupt", "handoff"]

called_by: ContextVar[SessionHub | None] = ContextVar("trio_realtime.called_by", default=None)
"""The session whose tool call or guardrail the code is, or was started from: it does not end before that has."""

_TEXTS: dict[Cause, str] = {
    "interrupt": "The call was cancelled: the user has interrupted.",
    "handoff": "The call was cancelled: another agent has taken over.",
}


@attrs.define(eq=False)
class CallScope:
    """One call from its arrival to its answer.

    Attributes:
        response_id: the response that made it.
        scope: cancels whatever it is doing.
        causes: what has happened since it came.
        tool: what it calls, once that is known.
    """

    response_id: str | None
    scope: trio.CancelScope
    causes: set[Cause] = attrs.Factory(set[Cause])
    tool: FunctionTool | None = None

    def cancelled_by(self, hub: SessionHub) -> Cause | None:
        """Say what the call is cancelled for, by the tool's own policy or the run's; None if it goes on."""
        if self.tool is None:
            return None
        settings = hub.run_config.tool_execution
        policies: dict[Cause, str] = {
            "interrupt": self.tool.on_interrupt or settings.on_interrupt,
            "handoff": self.tool.on_handoff or settings.on_handoff,
        }
        return next(
            (cause for cause in ("interrupt", "handoff") if cause in self.causes and policies[cause] == "cancel"), None
        )

    def text(self, cause: Cause) -> str:
        """What the model is told of a call that was cancelled."""
        return _TEXTS[cause]


class ToolScopes:
    """The calls of one session that have no answer yet."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._calls: dict[str, CallScope] = {}

    def add(self, call_id: str, response_id: str | None) -> None:
        """A call has come; the deadline of the whole call begins."""
        seconds = self._hub.run_config.tool_execution.deadline
        deadline = inf if seconds is None else trio.current_time() + seconds
        self._calls[call_id] = CallScope(response_id, trio.CancelScope(deadline=deadline))

    def begin(self, call_id: str, tool: FunctionTool) -> CallScope:
        """A call is about to be run, unless it is pointless already."""
        call = self._calls[call_id]
        call.tool = tool
        return call

    def done(self, call_id: str) -> None:
        """A call has its answer."""
        self._calls.pop(call_id, None)

    def happened(self, cause: Cause, response_id: str | None = None) -> None:
        """Cancel the calls (of a response, or all) whose tools do not go on after this."""
        for call in self._calls.values():
            if response_id in {None, call.response_id}:
                call.causes.add(cause)
                if call.cancelled_by(self._hub) is not None:
                    call.scope.cancel()
