"""What the user's own code is given about the session it runs in: the wrapper around the application's context.

One :class:`RunContextWrapper` exists per session. It carries the application's object, the usage so far, and the
decisions about tools that need an approval. Decisions can be made here or through the session's methods.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import attrs

from trio_realtime.errors import UserError
from trio_realtime.usage import Usage

__all__ = ["RunContextWrapper", "TContext"]

TContext = TypeVar("TContext")


@attrs.frozen
class _Decision:
    """A human's answer about one tool call, or about a tool."""

    approved: bool
    message: str | None = None


@attrs.define(eq=False)
class Approvals:
    """Decisions about tool calls; internal, shared by a session's wrapper and the contexts of its tool calls."""

    by_tool: dict[str, _Decision] = attrs.field(factory=dict[str, _Decision])
    by_call: dict[tuple[str, str], _Decision] = attrs.field(factory=dict[tuple[str, str], _Decision])

    def find(self, tool_name: str, call_id: str) -> _Decision | None:
        """Give the decision that holds for a call: its own, else the tool's, else None."""
        return self.by_call.get((tool_name, call_id)) or self.by_tool.get(tool_name)

    def record(self, tool_name: str, call_id: str, decision: _Decision, *, always: bool) -> None:
        """Keep a decision for a call or, if it is to hold always, for the tool (and forget the call's own)."""
        if not tool_name or not call_id:
            raise UserError("an approval needs the name of the tool and the id of the call")
        if always:
            self.by_tool[tool_name] = decision
            self.by_call.pop((tool_name, call_id), None)
        else:
            self.by_call[tool_name, call_id] = decision


@attrs.define(eq=False)
class RunContextWrapper(Generic[TContext]):
    """The application's context, and what the session adds to it.

    Mutable, compared by identity; its repr shows the type of the context only. Nothing of it is sent to the model.

    Attributes:
        context: the object given to ``RealtimeRunner.run(context=...)``, or None.
        usage: the tokens used so far in the session.
        turn_input: kept for code written for the reference; a session leaves it empty.
        tool_input: kept for code written for the reference; a session leaves it None.
    """

    context: TContext = attrs.field(repr=lambda value: f"<{type(value).__name__}>")
    usage: Usage = attrs.field(factory=Usage)
    turn_input: list[Any] = attrs.field(factory=list[Any], repr=False)
    tool_input: Any = attrs.field(default=None, repr=False)
    _approvals: Approvals = attrs.field(factory=Approvals, repr=False, kw_only=True, alias="_approvals")

    def is_tool_approved(self, tool_name: str, call_id: str) -> bool | None:
        """Tell whether a call may run.

        A decision about exactly this call goes before one that was made for the tool with ``always``.

        Args:
            tool_name: the tool.
            call_id: the call.

        Returns:
            True if approved, False if rejected, None if nobody has decided.
        """
        decision = self._approvals.find(tool_name, call_id)
        return None if decision is None else decision.approved

    def get_approval_status(self, tool_name: str, call_id: str) -> bool | None:
        """Do the same as :meth:`is_tool_approved`, under the reference's other name."""
        return self.is_tool_approved(tool_name, call_id)

    def get_rejection_message(self, tool_name: str, call_id: str) -> str | None:
        """Give the text that came with the rejection of a call.

        Args:
            tool_name: the tool.
            call_id: the call.

        Returns:
            The text, or None if the call is not rejected or was rejected without one.
        """
        decision = self._approvals.find(tool_name, call_id)
        return None if decision is None else decision.message

    def standing_decisions(self) -> list[tuple[str, bool, str | None]]:
        """Give the decisions that were made with ``always``: the tool, whether it may run, and the text if not."""
        return [(tool, made.approved, made.message) for tool, made in self._approvals.by_tool.items()]

    def approve_tool(self, tool_name: str, call_id: str, *, always: bool = False) -> None:
        """Allow a call to run.

        Args:
            tool_name: the tool.
            call_id: the call.
            always: allow all later calls of this tool in this session too.

        Raises:
            UserError: one of the two is empty.
        """
        self._approvals.record(tool_name, call_id, _Decision(approved=True), always=always)

    def reject_tool(
        self, tool_name: str, call_id: str, *, always: bool = False, rejection_message: str | None = None
    ) -> None:
        """Forbid a call.

        Args:
            tool_name: the tool.
            call_id: the call.
            always: reject all later calls of this tool in this session too, with the same text.
            rejection_message: what the model is told, instead of the default text.

        Raises:
            UserError: the name or the id is empty.
        """
        self._approvals.record(tool_name, call_id, _Decision(False, rejection_message), always=always)
