"""A server of tools, as an agent sees it: what every kind of MCP server has."""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.mcp.approval import ApprovalPolicy, RequireApproval, approval_policy
from trio_realtime.mcp.block import Block
from trio_realtime.tools._shape import is_array
from trio_realtime.tools.guardrails import ToolInputGuardrail, ToolOutputGuardrail
from trio_realtime.tools.invoke import ToolErrorFunction

if TYPE_CHECKING:
    from mcp.types import CallToolResult, Tool

    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper

__all__ = ["MCPServer", "MCPToolMetaContext", "MCPToolMetaResolver", "check_bool", "server_label"]


@attrs.frozen
class MCPToolMetaContext:
    """What a ``tool_meta_resolver`` is given.

    Attributes:
        run_context: the context of the call.
        server_name: the server.
        tool_name: the tool, as the server calls it.
        arguments: a copy of the call's arguments.
    """

    run_context: RunContextWrapper[Any]
    server_name: str
    tool_name: str
    arguments: dict[str, Any] | None


MCPToolMetaResolver = Callable[[MCPToolMetaContext], "Awaitable[dict[str, Any] | None] | dict[str, Any] | None"]
"""Gives the ``_meta`` that goes with a call, or None; may be async."""


class MCPServer(abc.ABC):
    """A server of tools. Use one of the three that speak MCP, or write your own: a name, and two methods.

    ``async with server:`` enters it. There is no ``connect()`` and no ``cleanup()``: a connection has tasks, and in
    trio they live in a nursery, which is left in the task that has entered it, in the reverse order of entering. So
    two methods that anyone may call at any time could not be sound. ``contextlib.AsyncExitStack`` holds a server open
    without a block, and :class:`MCPServerManager` holds many. A server may be entered again after it was left, and be
    shared by any number of agents and sessions.

    A subclass that holds something while it is in use writes :meth:`lifespan`.

    Args:
        use_structured_content: give the model a result's structured content, if it has some, instead of its parts.
        require_approval: which tools a human must allow; see ``RequireApproval``.
        failure_error_function: makes the text for the model when a tool fails, instead of the agent's ``mcp_config``;
            None: the exception is reported by the session, which tells the model itself.
        tool_meta_resolver: gives the ``_meta`` that goes with each call.
        custom_data_extractor: not available in realtime sessions.
        tool_input_guardrails: checks before each tool of the server runs.
        tool_output_guardrails: checks of each tool's result.

    Raises:
        UserError: an argument has no good value; of a wrong type: UserTypeError.
    """

    _block: Block | None = None  # a subclass may forget our __init__

    def __init__(
        self,
        use_structured_content: bool = False,
        require_approval: RequireApproval = None,
        failure_error_function: ToolErrorFunction | NotGiven | None = NOT_GIVEN,
        tool_meta_resolver: MCPToolMetaResolver | None = None,
        custom_data_extractor: Any = None,
        *,
        tool_input_guardrails: list[ToolInputGuardrail] | None = None,
        tool_output_guardrails: list[ToolOutputGuardrail] | None = None,
    ) -> None:
        if custom_data_extractor is not None:
            raise UserError("MCP server: custom_data_extractor is not available in realtime sessions")
        for option, value in {
            "failure_error_function": None if failure_error_function is NOT_GIVEN else failure_error_function,
            "tool_meta_resolver": tool_meta_resolver,
        }.items():
            if value is not None and not callable(value):
                raise UserTypeError(f"MCP server: {option} must be a function or None, not {type(value).__name__}")
        check_bool("use_structured_content", use_structured_content)
        _check_guardrails("tool_input_guardrails", tool_input_guardrails, ToolInputGuardrail)
        _check_guardrails("tool_output_guardrails", tool_output_guardrails, ToolOutputGuardrail)
        self.use_structured_content = use_structured_content
        self.approval_policy: ApprovalPolicy = approval_policy(require_approval)
        self.failure_error_function: ToolErrorFunction | NotGiven | None = failure_error_function
        self.tool_meta_resolver: MCPToolMetaResolver | None = tool_meta_resolver
        self.tool_input_guardrails = tool_input_guardrails
        self.tool_output_guardrails = tool_output_guardrails
        self._block = Block()

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What it is called in errors, and in front of its tools' names where that is asked for."""

    @abc.abstractmethod
    async def list_tools(
        self, run_context: RunContextWrapper[Any] | None = None, agent: RealtimeAgent[Any] | None = None
    ) -> list[Tool]:
        """Give the tools that an agent gets.

        Args:
            run_context: the session's context.
            agent: the agent.
        """

    @abc.abstractmethod
    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Call a tool.

        Args:
            tool_name: the tool, as the server calls it.
            arguments: its arguments.
            meta: goes with the call as ``_meta``; given only if there is some.
        """

    @property
    def entered(self) -> bool:
        """Whether it is in use: inside of its ``async with`` block, not while it is being entered or left."""
        return self._block is not None and self._block.entered

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Hold what the server needs while it is in use; for subclasses. Nothing unless overridden."""
        yield

    async def __aenter__(self) -> Self:
        """Enter the server.

        Raises:
            UserError: it is in use already, or a subclass does not call ``super().__init__()``.
            Exception: it cannot be used; for the three that speak MCP RealtimeConnectionError, RealtimeTimeoutError,
                or ServerError.
        """
        if self._block is None:
            raise UserError(f"{server_label(self)} does not call super().__init__()")
        if not isinstance(cast("Any", self.name), str):
            raise UserTypeError(f"{server_label(self)} the name must be text, not {type(self.name).__name__}")
        await self._block.enter(self.lifespan, server_label(self))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Leave it: shielded, and in bounded time for the three that speak MCP."""
        block = Block() if self._block is None else self._block
        return await block.leave(server_label(self), kind, error, traceback)


def server_label(server: MCPServer) -> str:
    """Give the beginning of an error's text about a server: with its name, or its class if that does not work."""
    try:
        return f"MCP server {server.name!r}:"
    except Exception:  # noqa: BLE001  a subclass's own
        return f"MCP server {type(server).__name__}:"


def check_bool(name: str, value: Any) -> None:
    """Raise UserTypeError unless ``value``, which is called ``name``, is a bool."""
    if not isinstance(value, bool):
        raise UserTypeError(f"{name}: must be a bool, not {type(value).__name__}")


def _check_guardrails(name: str, value: Any, kind: type[Any]) -> None:
    if value is None:
        return
    if not is_array(value):
        raise UserTypeError(f"{name}: must be a list of {kind.__name__} or None, not {type(value).__name__}")
    for guardrail in value:
        if not isinstance(guardrail, kind):
            raise UserTypeError(f"{name}: must be a list of {kind.__name__}, not of {type(guardrail).__name__}")
