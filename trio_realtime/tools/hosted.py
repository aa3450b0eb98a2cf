"""Tools that the service calls itself: MCP servers that it can reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven, structure
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError

__all__ = [
    "HostedMCPConfig",
    "HostedMCPTool",
    "MCPApprovalRequest",
    "MCPToolApprovalFunction",
    "MCPToolApprovalFunctionResult",
    "MCPToolApprovalRequest",
    "unlisted_tool",
]


@attrs.frozen(kw_only=True)
class HostedMCPConfig:
    """An MCP server that the service connects to; the fields are the protocol's.

    Attributes:
        server_label: the server's name in events.
        server_url, connector_id, tunnel_id: where it is; one of them is needed.
        authorization: an OAuth token for it. Never shown.
        headers: HTTP headers for it. Never shown.
        allowed_tools: names of tools, or ``{"tool_names": [...], "read_only": ...}``; all of them without it.
        require_approval: ``"always"``, ``"never"`` or ``{"always": {...}, "never": {...}}`` with such filters.
        server_description: what the model is told about it.
        defer_loading, allowed_callers: passed on as they are.
    """

    type: Literal["mcp"] = "mcp"
    server_label: str
    server_url: str | NotGiven | None = attrs.field(default=NOT_GIVEN, repr=False)
    connector_id: str | NotGiven | None = NOT_GIVEN
    tunnel_id: str | NotGiven | None = NOT_GIVEN
    authorization: str | NotGiven | None = attrs.field(default=NOT_GIVEN, repr=False)
    headers: Mapping[str, str] | NotGiven | None = attrs.field(default=NOT_GIVEN, repr=False)
    allowed_tools: Sequence[str] | Mapping[str, Any] | NotGiven | None = NOT_GIVEN
    require_approval: Literal["always", "never"] | Mapping[str, Any] | NotGiven | None = NOT_GIVEN
    server_description: str | NotGiven | None = NOT_GIVEN
    defer_loading: bool | NotGiven | None = NOT_GIVEN
    allowed_callers: Sequence[str] | NotGiven | None = NOT_GIVEN


@attrs.frozen(kw_only=True)
class _RequireApproval:
    always: Mapping[str, Any] | NotGiven | None = NOT_GIVEN
    never: Mapping[str, Any] | NotGiven | None = NOT_GIVEN


@attrs.frozen(kw_only=True)
class MCPApprovalRequest:
    """The call that the service asks about.

    Attributes:
        id: the request.
        server_label: the server.
        name: its tool.
        arguments: a JSON object as text.
    """

    id: str
    server_label: str
    name: str
    arguments: str


@attrs.frozen
class MCPToolApprovalRequest:
    """What an ``on_approval_request`` function is given: the session's context and the call."""

    ctx_wrapper: RunContextWrapper[Any]
    data: MCPApprovalRequest


class MCPToolApprovalFunctionResult(TypedDict):
    """What an ``on_approval_request`` function gives: its decision, and a reason that the model is told."""

    approve: bool
    reason: NotRequired[str]


MCPToolApprovalFunction: TypeAlias = Callable[
    [MCPToolApprovalRequest], MCPToolApprovalFunctionResult | Awaitable[MCPToolApprovalFunctionResult]
]
"""Decides on a call; it may be async."""


class _Unlisted(HostedMCPConfig):
    """A server of which only the label is known."""


def _checked(value: HostedMCPConfig | Mapping[str, Any]) -> HostedMCPConfig:
    if isinstance(value, _Unlisted):
        return value
    config = structure(value, HostedMCPConfig, name="tool_config")
    if not config.server_label:
        raise UserError("tool_config: a server needs a server_label")
    if not any(
        isinstance(place, str) and place for place in (config.server_url, config.connector_id, config.tunnel_id)
    ):
        raise UserError(f"tool_config: {config.server_label!r} needs a server_url, a connector_id or a tunnel_id")
    if isinstance(config.require_approval, Mapping):
        structure(config.require_approval, _RequireApproval, name="tool_config.require_approval")
    return config


def _is_function(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise UserTypeError(f"on_approval_request must be a function, not {type(value).__name__}")


@attrs.define(eq=False)
class HostedMCPTool:
    """An MCP server whose tools the service itself lists and calls, for ``RealtimeAgent(tools=[...])``.

    Calls that need approval come as ``tool_approval_required`` and are decided on with ``approve_tool_call`` and
    ``reject_tool_call``, unless ``on_approval_request`` decides. Calls show as ``tool_start`` and ``tool_end``; a
    server whose tools cannot be listed is an ``error`` event. Hooks do not see these calls, and tool guardrails cannot:
    they run at the service. ``on_approval_request`` has no deadline but its own.

    Attributes:
        tool_config: the server, as a HostedMCPConfig or a dict of its keys.
        on_approval_request: decides on calls instead of a person; it gets an MCPToolApprovalRequest.

    Raises:
        UserError: a key is misspelled or has a wrong value, or nothing says where the server is.
    """

    tool_config: HostedMCPConfig = attrs.field(converter=_checked)
    on_approval_request: MCPToolApprovalFunction | None = attrs.field(default=None, repr=False, validator=_is_function)

    @property
    def name(self) -> str:
        """The server's label."""
        return self.tool_config.server_label


def unlisted_tool(server_label: str) -> HostedMCPTool:
    """Give a tool for a server of which only the label is known, because no agent named it."""
    return HostedMCPTool(_Unlisted(server_label=server_label))
