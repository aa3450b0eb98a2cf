"""Tool calls that wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.tools import FunctionTool, HostedMCPTool

__all__ = ["Approvals", "PendingApproval"]


@attrs.frozen(kw_only=True)
class PendingApproval:
    """A tool call that waits for ``approve_tool_call`` or ``reject_tool_call``.

    Attributes:
        call_id: the call; of a hosted tool, the service's request.
        tool, agent: whose tool.
        tool_name: its name; with a HostedMCPTool, that of the server's tool.
        arguments: a JSON object as text.
        since: trio clock, in seconds.
        policy: what a decision with ``always`` holds for: this tool of this agent and server.
    """

    call_id: str
    tool: FunctionTool | HostedMCPTool = attrs.field(repr=lambda tool: repr(tool.name))
    tool_name: str
    agent: RealtimeAgent[Any] = attrs.field(repr=lambda agent: repr(agent.name))
    arguments: str
    since: float
    policy: str = attrs.field(default="", repr=False)


class Approvals:
    """The calls of a session that wait, in order."""

    def __init__(self) -> None:
        self._pending: dict[str, tuple[PendingApproval, trio.Event]] = {}

    @property
    def pending(self) -> tuple[PendingApproval, ...]:
        """Those that wait now."""
        return tuple(pending for pending, _ in self._pending.values())

    def add(self, pending: PendingApproval) -> trio.Event:
        """Begin to wait; the event is set when somebody has decided."""
        decided = trio.Event()
        self._pending[pending.call_id] = (pending, decided)
        return decided

    def take(self, call_id: str) -> PendingApproval | None:
        """Take a call that waits, or None."""
        entry = self._pending.get(call_id)
        return None if entry is None else entry[0]

    def decide(self, call_id: str) -> None:
        """Wake the call: the decision is in the session's context."""
        entry = self._pending.pop(call_id, None)
        if entry is not None:
            entry[1].set()

    def drop(self, call_id: str) -> None:
        """Forget a call: its time is over."""
        self._pending.pop(call_id, None)
