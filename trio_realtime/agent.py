"""The agent: a voice's instructions, its tools, its guardrails, and whom it may hand the conversation to."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypedDict, cast

import attrs

from trio_realtime._awaitable import maybe_await
from trio_realtime.config import RealtimeCustomVoice
from trio_realtime.context import RunContextWrapper, TContext
from trio_realtime.errors import UserTypeError
from trio_realtime.mcp.tools import collect_mcp_tools, mcp_options
from trio_realtime.tools.collect import enabled_tools

if TYPE_CHECKING:
    from trio_realtime.guardrails import OutputGuardrail
    from trio_realtime.handoffs import Handoff
    from trio_realtime.hooks import RealtimeAgentHooks
    from trio_realtime.mcp.server import MCPServer
    from trio_realtime.tools.function_tool import FunctionTool
    from trio_realtime.tools.hosted import HostedMCPTool
    from trio_realtime.tools.invoke import ToolErrorFunction

__all__ = ["Instructions", "MCPConfig", "RealtimeAgent"]

Instructions = str | Callable[[RunContextWrapper[Any], Any], "Awaitable[str | None] | str | None"] | None
"""A text, or a function of the context and the agent that gives one; it may be async."""


class MCPConfig(TypedDict, total=False):
    """Options for all MCP servers of an agent.

    Attributes:
        convert_schemas_to_strict: use the strict form of a tool's schema where it has one; False unless given.
        failure_error_function: makes the text for the model when a tool fails; a server's own comes first. None: the
            exception is reported by the session, which tells the model itself.
        include_server_in_tool_names: call a tool ``mcp_<server>__<tool>``; False unless given.
    """

    convert_schemas_to_strict: bool
    failure_error_function: ToolErrorFunction | None
    include_server_in_tool_names: bool


def _tool_name(other: Any) -> str:
    """Give the name that a tool, or a handoff to an agent, has for the model."""
    from trio_realtime.handoffs import Handoff

    if isinstance(other, RealtimeAgent):
        return Handoff.default_tool_name(cast("Any", other))
    return str(getattr(other, "tool_name", None) or getattr(other, "name", ""))


def _repr_size(value: list[Any]) -> str:
    return f"<{len(value)}>"  # agents that hand over to each other would print each other


@attrs.define(eq=False)
class RealtimeAgent(Generic[TContext]):
    """An agent.

    Mutable (agents that hand over to each other need each other first), compared by identity. A session reads an agent
    when it begins, at a handoff to it and at ``update_agent``; changes in between are seen then.

    Turn detection and audio formats belong to the session (``RealtimeRunConfig``), not to the agent.

    Attributes:
        name: for events, handoffs and traces.
        handoff_description: what other agents are told about it.
        tools: its tools: function tools, and hosted MCP servers.
        mcp_servers: MCP servers whose tools it has too. They must be entered before a session with it begins, and are
            asked for their tools whenever the session reads the agent.
        mcp_config: options for these; see :class:`MCPConfig`.
        instructions: the system prompt, or a function of the context and the agent that gives it.
        prompt: a prompt that the service stores: ``id``, optionally ``version`` and ``variables``.
        handoffs: agents, or what :func:`~trio_realtime.realtime_handoff` gives.
        output_guardrails: checks of what it says.
        hooks: callbacks about it.
        voice: its voice, instead of the session's. The service fixes the voice with the first sound; a handoff to an
            agent with another one takes a fresh connection then, with the whole conversation, if ``reconnect`` is on.
        model_name: its model, instead of the session's; a handoff to an agent with another one takes a fresh
            connection.
        opening_line: what it says first when the conversation is handed over to it; without one the model goes on in
            its own words.
    """

    name: str
    handoff_description: str | None = None
    tools: list[Any] = attrs.field(factory=list[Any])
    mcp_servers: list[MCPServer] = attrs.field(factory=list[Any], repr=False)
    mcp_config: MCPConfig = attrs.field(factory=MCPConfig, repr=False)
    instructions: Instructions = attrs.field(default=None, repr=False)
    prompt: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    handoffs: list[RealtimeAgent[Any] | Handoff] = attrs.field(factory=list[Any], repr=_repr_size)
    output_guardrails: list[OutputGuardrail[Any]] = attrs.field(factory=list[Any], repr=False)
    hooks: RealtimeAgentHooks[Any] | None = attrs.field(default=None, repr=False)
    voice: str | Mapping[str, Any] | RealtimeCustomVoice | None = attrs.field(default=None, repr=False, kw_only=True)
    model_name: str | None = attrs.field(default=None, repr=False, kw_only=True)
    opening_line: str | None = attrs.field(default=None, repr=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check the types of the fields.

        Raises:
            UserTypeError: a field is of the wrong type (it is a TypeError).
            UserError: ``mcp_config`` has an unknown key.
        """
        if not isinstance(cast("Any", self.name), str):
            raise UserTypeError(f"an agent's name must be a string, not {type(self.name).__name__}")
        owner = f"agent {self.name!r}"
        if not isinstance(cast("Any", self.handoff_description), str | None):
            raise UserTypeError(f"{owner}: handoff_description must be a string or None")
        for field in ("tools", "handoffs", "mcp_servers", "output_guardrails"):
            value = getattr(self, field)
            if not isinstance(value, list):
                raise UserTypeError(f"{owner}: {field} must be a list, not {type(value).__name__}")
        for field in ("opening_line", "model_name"):
            if not isinstance(getattr(self, field), str | None):
                raise UserTypeError(f"{owner}: {field} must be a string or None")
        if not isinstance(cast("Any", self.voice), str | Mapping | RealtimeCustomVoice | None):
            raise UserTypeError(f"{owner}: voice must be a name, or a voice of your own by its id")
        if self.instructions is not None and not isinstance(self.instructions, str) and not callable(self.instructions):
            raise UserTypeError(f"{owner}: instructions must be a string, a function or None")
        if self.prompt is not None and not isinstance(cast("Any", self.prompt), Mapping):
            raise UserTypeError(f"{owner}: prompt must be a dict with an id")
        mcp_options(self)

    def clone(self, **changes: Any) -> RealtimeAgent[TContext]:
        """Give a copy with some fields changed; lists that are not changed are shared with the original.

        Args:
            **changes: fields and their new values.

        Raises:
            UserTypeError: there is no such field, or a value is of the wrong type.
        """
        known = {field.name for field in attrs.fields(RealtimeAgent)}
        if unknown := sorted(changes.keys() - known):
            raise UserTypeError(f"an agent has no field {', '.join(map(repr, unknown))}")
        return attrs.evolve(self, **changes)

    async def get_system_prompt(self, run_context: RunContextWrapper[TContext]) -> str | None:
        """Give the instructions as a text.

        A checkpoint only if the instructions' function is.

        Args:
            run_context: the session's context.

        Returns:
            The text, or None.

        Raises:
            UserTypeError: the function does not take the context and the agent, or gives something else than a text.
            Exception: what the function raised.
        """
        instructions = self.instructions
        if instructions is None or isinstance(instructions, str):
            return instructions
        self._check_instructions(instructions)
        text: Any = await maybe_await(instructions(run_context, self))
        if text is not None and not isinstance(text, str):
            raise UserTypeError(f"agent {self.name!r}: instructions gave {type(text).__name__}, not a string")
        return text

    def _check_instructions(self, instructions: Callable[..., Any]) -> None:
        try:
            inspect.signature(instructions).bind("context", "agent")
        except TypeError:
            message = f"agent {self.name!r}: an instructions function takes the context and the agent"
            raise UserTypeError(message) from None
        except ValueError:
            return  # a builtin without a signature: tried when it is called

    async def get_mcp_tools(self, run_context: RunContextWrapper[TContext]) -> list[FunctionTool]:
        """Give the tools of the MCP servers, as function tools. All servers are asked at once.

        A checkpoint if there are any.

        Args:
            run_context: the session's context.

        Raises:
            UserError: a server was not entered, or two have tools of the same name.
            AgentsException: a server cannot be reached, or fails.
            Exception: what a server of your own, or a filter function raised.
        """
        others = [*self.tools, *self.handoffs]
        return await collect_mcp_tools(self, run_context, reserved=[_tool_name(other) for other in others])

    async def get_all_tools(self, run_context: RunContextWrapper[TContext]) -> list[FunctionTool | HostedMCPTool]:
        """Give the tools that are enabled now, in order, with their names checked: first those of MCP servers.

        A checkpoint if there are MCP servers, or an ``is_enabled`` function is.

        Args:
            run_context: the session's context.

        Raises:
            UserError: an MCP server was not entered, something is not a tool for a session, or names do not fit.
            Exception: what an MCP server or an ``is_enabled`` function raised.
        """
        tools = await self.get_mcp_tools(run_context)
        return await enabled_tools([*tools, *self.tools], run_context, self)
