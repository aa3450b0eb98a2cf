"""Tools that the service calls itself: MCP servers that it can reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, cast

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven, structure
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError

__all__ = [
    "HostedMCPConfig",
    "HostedMCPTool",
    "MCPApprovalRequest",
    "MCPToolApprovalFunction",
    "MCPToolApprovalFunctionResult",
    "MCPToolApprovalRequest",
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


def _config(value: HostedMCPConfig | Mapping[str, Any]) -> HostedMCPConfig:
    config = structure(value, HostedMCPConfig, name="tool_config")
    if isinstance(cast("object", value), Mapping) and not any(
        isinstance(place, str) for place in (config.server_url, config.connector_id, config.tunnel_id)
    ):
        raise UserError(f"tool_config: {config.server_label!r} needs a server_url, a connector_id or a tunnel_id")
    return config


@attrs.define(eq=False)
class HostedMCPTool:
    """An MCP server whose tools the service itself lists and calls, for ``RealtimeAgent(tools=[...])``.

    Calls that need approval come as ``tool_approval_required`` and are decided on with ``approve_tool_call`` and
    ``reject_tool_call``, unless ``on_approval_request`` decides. Calls show as ``tool_start`` and ``tool_end``; a
    server whose tools cannot be listed is an ``error`` event.

    Attributes:
        tool_config: the server, as a HostedMCPConfig or a dict of its keys.
        on_approval_request: decides on calls instead of a person; it gets an MCPToolApprovalRequest.

    Raises:
        UserError: a key is misspelled or has a wrong value, or nothing says where the server is.
    """

    tool_config: HostedMCPConfig = attrs.field(converter=_config)
    on_approval_request: MCPToolApprovalFunction | None = attrs.field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The server's label."""
        return self.tool_config.server_label
