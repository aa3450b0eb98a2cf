"""A server of tools, as an agent sees it: what every kind of MCP server has."""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.mcp.approval import ApprovalPolicy, RequireApproval, approval_policy
from trio_realtime.tools.invoke import ToolErrorFunction

if TYPE_CHECKING:
    from mcp.types import CallToolResult, Tool

    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper
    from trio_realtime.tools.guardrails import ToolInputGuardrail, ToolOutputGuardrail

__all__ = ["MCPServer", "MCPToolMetaContext", "MCPToolMetaResolver"]


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
        UserError: an argument has no good value.
    """

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
        self.use_structured_content = use_structured_content
        self.approval_policy: ApprovalPolicy = approval_policy(require_approval)
        self.failure_error_function: ToolErrorFunction | NotGiven | None = failure_error_function
        self.tool_meta_resolver: MCPToolMetaResolver | None = tool_meta_resolver
        self.tool_input_guardrails = tool_input_guardrails
        self.tool_output_guardrails = tool_output_guardrails
        self._entered: AbstractAsyncContextManager[None] | None = None

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
        """Whether it is in use: inside of its ``async with`` block."""
        return self._entered is not None

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Hold what the server needs while it is in use; for subclasses. Nothing unless overridden."""
        yield

    async def __aenter__(self) -> Self:
        """Enter the server.

        Raises:
            UserError: it is in use already.
            Exception: it cannot be used; for the three that speak MCP RealtimeConnectionError, RealtimeTimeoutError,
                or ServerError.
        """
        if self._entered is not None:
            raise UserError(f"MCP server {self.name!r}: is entered already; agents and sessions can share it")
        self._entered = lifespan = self.lifespan()
        try:
            await lifespan.__aenter__()
        except BaseException:
            self._entered = None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Leave it: shielded, and in bounded time for the three that speak MCP."""
        lifespan, self._entered = self._entered, None
        if lifespan is None:
            raise UserError(f"MCP server {self.name!r}: was not entered")
        return await lifespan.__aexit__(kind, error, traceback)
