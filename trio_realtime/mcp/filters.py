"""Which tools of a server an agent gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, cast

import attrs

from trio_realtime._awaitable import maybe_await
from trio_realtime._structure import structure
from trio_realtime.errors import UserError, UserTypeError

if TYPE_CHECKING:
    from mcp.types import Tool

    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper

__all__ = ["ToolFilter", "ToolFilterContext", "ToolFilterStatic", "create_static_tool_filter", "filter_tools"]


@attrs.frozen
class ToolFilterContext:
    """What a filter function is given besides the tool.

    Attributes:
        run_context: the session's context.
        agent: the agent that would get the tool.
        server_name: the server that has it.
    """

    run_context: RunContextWrapper[Any]
    agent: RealtimeAgent[Any]
    server_name: str


class ToolFilterStatic(TypedDict, total=False):
    """A filter by name: the allowed tools, without the blocked ones."""

    allowed_tool_names: list[str]
    blocked_tool_names: list[str]


ToolFilterCallable = Callable[[ToolFilterContext, "Tool"], "Awaitable[bool] | bool"]
ToolFilter = ToolFilterCallable | ToolFilterStatic | None
"""Names, or a function of a :class:`ToolFilterContext` and the server's tool that says whether to offer it."""


@attrs.frozen(kw_only=True)
class _Names:
    """What a static filter may say."""

    allowed_tool_names: list[str] | None = None
    blocked_tool_names: list[str] | None = None


_Names.__name__ = ToolFilterStatic.__name__  # what errors call it


def create_static_tool_filter(
    allowed_tool_names: list[str] | None = None, blocked_tool_names: list[str] | None = None
) -> ToolFilterStatic | None:
    """Make a filter by name.

    Args:
        allowed_tool_names: only these; None for all.
        blocked_tool_names: not these.

    Returns:
        The filter, or None if nothing is to be filtered.

    Raises:
        UserError: an argument is no list of names.
    """
    made: ToolFilterStatic = {}
    if allowed_tool_names is not None:
        made["allowed_tool_names"] = allowed_tool_names
    if blocked_tool_names is not None:
        made["blocked_tool_names"] = blocked_tool_names
    check_tool_filter(made)
    return made or None


def check_tool_filter(tool_filter: Any) -> ToolFilter:
    """Check a filter.

    Raises:
        UserError: it is neither a function nor a dict of name lists.
    """
    if tool_filter is None or (callable(tool_filter) and not isinstance(tool_filter, Mapping)):
        return cast("ToolFilter", tool_filter)
    if not isinstance(tool_filter, Mapping):
        kind = type(cast("object", tool_filter)).__name__
        raise UserTypeError(f"tool_filter: must be a function, or a dict of lists of names, not {kind}")
    structure(cast("object", tool_filter), _Names, name="tool_filter")
    return cast("ToolFilterStatic", tool_filter)


async def filter_tools(
    tools: list[Tool],
    tool_filter: ToolFilter,
    run_context: RunContextWrapper[Any] | None,
    agent: RealtimeAgent[Any] | None,
    server_name: str,
) -> list[Tool]:
    """Give the tools that a filter lets through, in order.

    A checkpoint only if the filter function is.

    Args:
        tools: a server's tools.
        tool_filter: the filter, or None for all.
        run_context: the session's context; a filter function needs it.
        agent: the agent; a filter function needs it.
        server_name: the server.

    Raises:
        UserError: a filter function would be called without context and agent, or the filter is not one.
        Exception: what the filter function raised.
    """
    if tool_filter is None:
        return tools
    if not callable(tool_filter):
        names = structure(tool_filter, _Names, name="tool_filter")
        allowed, blocked = names.allowed_tool_names, names.blocked_tool_names or ()
        return [tool for tool in tools if (allowed is None or tool.name in allowed) and tool.name not in blocked]
    if run_context is None or agent is None:
        raise UserError(f"MCP server {server_name!r}: a filter function needs run_context and agent")
    context = ToolFilterContext(run_context, agent, server_name)
    return [tool for tool in tools if await maybe_await(tool_filter(context, tool.model_copy(deep=True)))]
