"""Which tools and handoffs an agent offers right now, and whether their names can be told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs

from trio_realtime._awaitable import maybe_await
from trio_realtime.errors import UserError
from trio_realtime.tools.function_tool import FunctionTool
from trio_realtime.tools.hosted import HostedMCPTool

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper
    from trio_realtime.handoffs import Handoff

__all__ = ["AgentTools", "check_names", "collect_tools", "enabled_tools", "is_tool_enabled"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@attrs.frozen
class AgentTools:
    """What an agent offers at one moment; a call keeps the one that it began with.

    Attributes:
        tools: its enabled tools, in order: those that run here, and MCP servers that the service calls.
        handoffs: its enabled handoffs, in order.
    """

    tools: tuple[FunctionTool | HostedMCPTool, ...] = ()
    handoffs: tuple[Handoff, ...] = ()

    @property
    def functions(self) -> tuple[FunctionTool, ...]:
        """The tools that run here."""
        return tuple(tool for tool in self.tools if isinstance(tool, FunctionTool))

    @property
    def hosted(self) -> tuple[HostedMCPTool, ...]:
        """The MCP servers that the service calls."""
        return tuple(tool for tool in self.tools if isinstance(tool, HostedMCPTool))

    def find(self, name: str) -> FunctionTool | Handoff | None:
        """Give the tool that runs here, or the handoff, of a name, or None."""
        for tool in self.functions:
            if tool.name == name:
                return tool
        for handoff in self.handoffs:
            if handoff.tool_name == name:
                return handoff
        return None


async def is_tool_enabled(
    tool: FunctionTool | Handoff, context: RunContextWrapper[Any], agent: RealtimeAgent[Any]
) -> bool:
    """Tell whether a tool or handoff is to be offered now.

    A checkpoint only if its ``is_enabled`` function is.

    Args:
        tool: the tool or handoff.
        context: the session's context.
        agent: the agent that offers it.

    Raises:
        Exception: what its ``is_enabled`` function raised.
    """
    if isinstance(tool.is_enabled, bool):
        return tool.is_enabled
    return bool(await maybe_await(tool.is_enabled(context, agent)))


async def enabled_tools(
    tools: Iterable[Any], context: RunContextWrapper[Any], agent: RealtimeAgent[Any]
) -> list[FunctionTool | HostedMCPTool]:
    """Give the tools that are enabled now, in order, with their names checked.

    Args:
        tools: an agent's tools.
        context: the session's context.
        agent: the agent.

    Raises:
        UserError: something is no tool for a session, or a name is empty, malformed or there twice.
        Exception: what an ``is_enabled`` function raised.
    """
    found: list[FunctionTool | HostedMCPTool] = []
    for tool in tools:
        if not isinstance(tool, FunctionTool | HostedMCPTool):
            hint = "; decorate it with function_tool" if callable(tool) else ""
            raise UserError(
                f"agent {agent.name!r}: realtime sessions take function tools and hosted MCP servers only, "
                f"not {type(tool).__name__}{hint}"
            )
        if isinstance(tool, HostedMCPTool) or await is_tool_enabled(tool, context, agent):
            found.append(tool)
    check_names(found, ())
    return found


def check_names(tools: Iterable[FunctionTool | HostedMCPTool], handoffs: Iterable[Handoff]) -> None:
    """Check that names are well formed, and that each is there once among tools and handoffs, and each MCP server.

    Args:
        tools: the tools.
        handoffs: the handoffs.

    Raises:
        UserError: they are not; the message lists every such name with its sources.
    """
    sources: dict[str, list[str]] = {}
    servers: dict[str, int] = {}
    for tool in tools:
        if isinstance(tool, HostedMCPTool):
            servers[tool.name] = servers.get(tool.name, 0) + 1
        else:
            sources.setdefault(tool.name, []).append("a tool")
    for handoff in handoffs:
        sources.setdefault(handoff.tool_name, []).append(f"the handoff to {handoff.agent_name!r}")
    if bad := [name for name in sources if not _NAME.fullmatch(name)]:
        names = ", ".join(f"{name!r} ({', '.join(sources[name])})" for name in bad)
        raise UserError(f"tool names are 1 to 64 letters, digits, '_' or '-' (ASCII); these are not: {names}")
    if twice := {name: origins for name, origins in sources.items() if len(origins) > 1}:
        names = "; ".join(f"{name!r}: {', '.join(origins)}" for name, origins in twice.items())
        raise UserError(f"tool names must be unique: {names}")
    if labels := [label for label, count in servers.items() if count > 1]:
        raise UserError(f"the labels of MCP servers must be unique: {', '.join(map(repr, labels))}")


async def collect_tools(agent: RealtimeAgent[Any], context: RunContextWrapper[Any]) -> AgentTools:
    """Give what an agent offers now: its enabled tools and handoffs, with their names checked.

    A checkpoint only if an ``is_enabled`` function is.

    Args:
        agent: the agent.
        context: the session's context.

    Raises:
        UserError: a tool or handoff is of the wrong kind, or the names do not fit.
        Exception: what an ``is_enabled`` function raised.
    """
    from trio_realtime.handoffs import enabled_handoffs

    tools = await agent.get_all_tools(context)
    handoffs = await enabled_handoffs(agent.handoffs, context, agent)
    check_names(tools, handoffs)
    return AgentTools(tuple(tools), tuple(handoffs))
