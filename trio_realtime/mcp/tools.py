"""The tools of MCP servers as function tools of an agent."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import attrs
import trio

from trio_realtime._awaitable import maybe_await
from trio_realtime._structure import NotGiven, structure
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.mcp.approval import needs_approval
from trio_realtime.mcp.names import prefixed_names
from trio_realtime.mcp.params import MCPOptions
from trio_realtime.mcp.results import check_result, result_error, tool_output
from trio_realtime.mcp.server import MCPServer, MCPToolMetaContext, server_label
from trio_realtime.tools._shape import is_array
from trio_realtime.tools.context import ToolContext
from trio_realtime.tools.function_tool import FunctionTool
from trio_realtime.tools.invoke import ToolErrorFunction, default_tool_error_function
from trio_realtime.tools.schema import parse_arguments

if TYPE_CHECKING:
    from mcp.types import Tool

    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper

__all__ = ["collect_mcp_tools", "mcp_options", "to_function_tool"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # what the service takes
_PREFIXES = "mcp_config={'include_server_in_tool_names': True}"


def mcp_options(agent: RealtimeAgent[Any]) -> MCPOptions:
    """Give what an agent's ``mcp_config`` says.

    Raises:
        UserError: a key is unknown, or its value wrong.
    """
    return structure(agent.mcp_config, MCPOptions, name=f"agent {agent.name!r}: mcp_config")


async def collect_mcp_tools(
    agent: RealtimeAgent[Any], context: RunContextWrapper[Any], *, reserved: Iterable[str]
) -> list[FunctionTool]:
    """Give the tools of an agent's MCP servers; all servers are asked at once.

    A checkpoint if there are servers.

    Args:
        agent: the agent.
        context: the session's context.
        reserved: names that its other tools and its handoffs have.

    Returns:
        Function tools, in the order of the servers and of their lists.

    Raises:
        UserError: something is not a server, was not entered, has a tool of a name that the service does not take, or
            two servers have tools of the same name; a server does not give tools: UserTypeError.
        Exception: what a server raised; the first that did.
    """
    options = mcp_options(agent)
    servers: list[MCPServer] = []
    for server in cast("Sequence[Any]", agent.mcp_servers):
        if not isinstance(server, MCPServer):
            raise UserTypeError(f"agent {agent.name!r}: mcp_servers are of MCPServer, not {type(server).__name__}")
        if not server.entered:
            raise UserError(
                f"agent {agent.name!r}: {server_label(server)} was not entered; "
                f"run the session inside of 'async with server:'"
            )
        servers.append(server)
    found = await _list_all(servers, context, agent) if servers else []
    tools = [(server, tool) for server, listed in zip(servers, found, strict=True) for tool in listed]
    if options.include_server_in_tool_names:
        names = prefixed_names([(server.name, tool.name) for server, tool in tools], reserved)
    else:
        names = [tool.name for _, tool in tools]
        _check_names(tools)
        _check_unique(tools)
    return [
        to_function_tool(tool, server, agent, options=options, name=name)
        for name, (server, tool) in zip(names, tools, strict=True)
    ]


async def _list_all(
    servers: Sequence[MCPServer], context: RunContextWrapper[Any], agent: RealtimeAgent[Any]
) -> list[list[Tool]]:
    """Ask all servers at once; the first failure ends the asking."""
    found: list[list[Tool]] = [[] for _ in servers]
    failures: list[Exception] = []

    async def ask(index: int, server: MCPServer) -> None:
        try:
            found[index] = _checked(await server.list_tools(context, agent), server)
        except Exception as error:  # noqa: BLE001  raised below, in no group
            failures.append(error)
            nursery.cancel_scope.cancel(reason="another MCP server failed")

    async with trio.open_nursery() as nursery:
        for index, server in enumerate(servers):
            nursery.start_soon(ask, index, server)
    if failures:
        try:
            raise failures[0]
        finally:
            failures.clear()  # no reference cycle through this frame
    return found


def _checked(listed: Any, server: MCPServer) -> list[Tool]:
    """What a server of the application's own has listed might be anything."""
    from mcp.types import Tool

    if not is_array(listed):
        raise UserTypeError(f"{server_label(server)} list_tools must give a list, not {type(listed).__name__}")
    for tool in listed:
        if not isinstance(tool, Tool):
            kind = type(tool).__name__
            raise UserTypeError(f"{server_label(server)} list_tools must give a list of mcp.types.Tool, not of {kind}")
    return list(listed)


def _check_names(tools: Iterable[tuple[MCPServer, Tool]]) -> None:
    if bad := [(server, tool) for server, tool in tools if not _NAME.fullmatch(tool.name)]:
        names = ", ".join(f"{tool.name!r} of {server.name!r}" for server, tool in bad)
        raise UserError(
            f"tool names are 1 to 64 letters, digits, '_' or '-' (ASCII); these of MCP servers are not: {names}; "
            f"{_PREFIXES} makes such names of them"
        )


def _check_unique(tools: Iterable[tuple[MCPServer, Tool]]) -> None:
    servers: dict[str, list[str]] = {}
    for server, tool in tools:
        servers.setdefault(tool.name, []).append(server.name)
    if twice := {name: where for name, where in servers.items() if len(where) > 1}:
        names = "; ".join(f"{name!r}: {', '.join(where)}" for name, where in twice.items())
        raise UserError(
            f"MCP servers have tools of the same name ({names}); {_PREFIXES} puts the server's name in front"
        )


def to_function_tool(
    tool: Tool, server: MCPServer, agent: RealtimeAgent[Any], *, options: MCPOptions, name: str | None = None
) -> FunctionTool:
    """Make a function tool of a server's tool.

    Args:
        tool: the server's tool.
        server: the server.
        agent: whose tool it becomes.
        options: the agent's options for MCP servers.
        name: what the model calls it; None: as the server does.
    """
    on_failure = server.failure_error_function
    if isinstance(on_failure, NotGiven):
        on_failure = options.failure_error_function
    if isinstance(on_failure, NotGiven):
        on_failure = default_tool_error_function
    title = tool.title or (tool.annotations.title if tool.annotations else None)
    made = FunctionTool(
        name=name or tool.name,
        description=tool.description or title or "",
        params_json_schema=_schema(tool),
        on_invoke_tool=_Call(tool, server, on_failure),
        strict_json_schema=False,
        tool_input_guardrails=_copied(server.tool_input_guardrails),
        tool_output_guardrails=_copied(server.tool_output_guardrails),
        needs_approval=needs_approval(server.approval_policy, tool, agent),
    )
    if options.convert_schemas_to_strict:
        try:
            return attrs.evolve(made, strict_json_schema=True)
        except UserError:
            pass  # it has no strict form, and is used as it is
    return made


def _schema(tool: Tool) -> dict[str, Any]:
    """The service wants ``type`` and ``properties``, MCP does not."""
    schema: dict[str, Any] = copy.deepcopy(tool.input_schema)
    schema.setdefault("type", "object")
    schema.setdefault("properties", {})
    return schema


def _copied(guardrails: list[Any] | None) -> list[Any] | None:
    return None if guardrails is None else list(guardrails)


@attrs.frozen(eq=False)
class _Call:
    """``on_invoke_tool`` of a server's tool: reads the arguments, calls the server, words a failure."""

    tool: Tool
    server: MCPServer
    on_failure: ToolErrorFunction | None

    @property
    def server_name(self) -> str:
        """The server: what is decided about its tool holds for no other server's."""
        return self.server.name

    async def __call__(self, context: ToolContext[Any], arguments: str) -> Any:
        """Call the tool once. A checkpoint; a cancellation tells the server."""
        try:
            return await self._call(context, arguments)
        except Exception as error:
            if self.on_failure is None:
                raise
            if isinstance(cast("Any", context), ToolContext):
                context.error = error
            return await maybe_await(self.on_failure(context, error))

    async def _call(self, context: ToolContext[Any], arguments: str) -> Any:
        name = self.tool.name
        given = parse_arguments(arguments, f"tool {name!r}")
        meta = await self._meta(context, given)
        if meta is None:
            result = await self.server.call_tool(name, given)
        else:
            result = await self.server.call_tool(name, given, meta)
        check_result(result, server_label(self.server))
        if isinstance(cast("Any", context), ToolContext):
            context.error = result_error(result, name)
        return tool_output(result, structured=self.server.use_structured_content)

    async def _meta(self, context: RunContextWrapper[Any], arguments: dict[str, Any]) -> dict[str, Any] | None:
        """The resolver's, and over it what the server has listed with the tool."""
        resolved: Any = None
        if self.server.tool_meta_resolver is not None:
            about = MCPToolMetaContext(context, self.server.name, self.tool.name, copy.deepcopy(arguments))
            resolved = await maybe_await(self.server.tool_meta_resolver(about))
            if resolved is not None and not isinstance(resolved, dict):
                kind = type(resolved).__name__
                raise UserTypeError(f"MCP server {self.server.name!r}: tool_meta_resolver gave {kind}, not a dict")
        listed = self.tool.meta
        if resolved is None and listed is None:
            return None
        return copy.deepcopy({**(resolved or {}), **(listed or {})})
