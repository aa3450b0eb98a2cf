"""Callbacks around a session's life: subclass, override what is of interest, and give an instance.

:class:`RealtimeAgentHooks` belong to one agent (``RealtimeAgent(hooks=...)``), :class:`RealtimeRunHooks` to a whole run
(``hooks`` in the run config). Hooks run in the session's nursery, in the order of what they report, and under a
deadline. A hook that raises or takes too long is reported as an ``error`` event; the session goes on. A hook may be
cancelled when the session ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from trio_realtime.context import TContext

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper
    from trio_realtime.tools.context import ToolContext
    from trio_realtime.tools.function_tool import FunctionTool

__all__ = ["RealtimeAgentHooks", "RealtimeRunHooks"]


class RealtimeAgentHooks(Generic[TContext]):
    """Callbacks about one agent. Every method does nothing until it is overridden."""

    async def on_start(self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext]) -> None:
        """Run when a response of this agent begins."""

    async def on_end(self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext], output: str) -> None:
        """Run when a response of this agent has ended; ``output`` is its text or transcript, maybe empty."""

    async def on_handoff(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext], source: RealtimeAgent[TContext]
    ) -> None:
        """Run when ``source`` has handed the conversation to this agent."""

    async def on_tool_start(
        self, context: ToolContext[TContext], agent: RealtimeAgent[TContext], tool: FunctionTool
    ) -> None:
        """Run before a tool of this agent is invoked; the context is that of the call."""

    async def on_tool_end(
        self, context: ToolContext[TContext], agent: RealtimeAgent[TContext], tool: FunctionTool, result: Any
    ) -> None:
        """Run after a tool of this agent has given ``result``, as the model is going to see it."""

    async def on_interrupt(self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext]) -> None:
        """Run when a response of this agent was interrupted."""

    async def on_error(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext], error: Exception
    ) -> None:
        """Run when an error was reported while this agent was the current one."""


class RealtimeRunHooks(Generic[TContext]):
    """Callbacks about all agents of a run. Every method does nothing until it is overridden."""

    async def on_agent_start(self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext]) -> None:
        """Run when a response begins."""

    async def on_agent_end(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext], output: str
    ) -> None:
        """Run when a response has ended; ``output`` is its text or transcript, maybe empty."""

    async def on_handoff(
        self,
        context: RunContextWrapper[TContext],
        from_agent: RealtimeAgent[TContext],
        to_agent: RealtimeAgent[TContext],
    ) -> None:
        """Run when the conversation went from one agent to another."""

    async def on_tool_start(
        self, context: ToolContext[TContext], agent: RealtimeAgent[TContext], tool: FunctionTool
    ) -> None:
        """Run before a tool is invoked; the context is that of the call."""

    async def on_tool_end(
        self, context: ToolContext[TContext], agent: RealtimeAgent[TContext], tool: FunctionTool, result: Any
    ) -> None:
        """Run after a tool has given ``result``, as the model is going to see it."""

    async def on_interrupt(self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext]) -> None:
        """Run when a response was interrupted."""

    async def on_error(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[TContext], error: Exception
    ) -> None:
        """Run when an error was reported."""
