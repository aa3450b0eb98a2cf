"""Where an MCP server is: the parameters of each transport, and the options of an agent for all its servers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven

__all__ = ["MCPOptions", "MCPServerSseParams", "MCPServerStdioParams", "MCPServerStreamableHttpParams"]

if TYPE_CHECKING:
    AnyPath = os.PathLike[str]
else:
    AnyPath = os.PathLike  # what a value is checked against


def _how_many(value: Mapping[str, str] | None) -> str:
    return "None" if value is None else f"<{len(value)}>"


@attrs.frozen(kw_only=True)
class MCPServerStdioParams:
    """A server that is started here, and spoken to over its standard input and output.

    Attributes:
        command: the program.
        args: its arguments.
        env: environment variables, besides the few harmless ones that it inherits (``PATH``, ``HOME`` ...). Not shown.
        cwd: the directory that it is started in; None for the current one.
        encoding: of its messages.
        encoding_error_handler: what to do with bytes that are not of that encoding.
    """

    command: str
    args: list[str] = attrs.field(factory=list[str], repr=False)
    env: Mapping[str, str] | None = attrs.field(default=None, repr=_how_many)
    cwd: str | AnyPath | None = None
    encoding: str = "utf-8"
    encoding_error_handler: Literal["strict", "ignore", "replace"] = "strict"


@attrs.frozen(kw_only=True)
class MCPServerSseParams:
    """A server of the older HTTP transport: one stream of events, and requests beside it.

    Attributes:
        url: where the stream is. Keep secrets out of it: put them into ``headers``.
        headers: sent with every request. Not shown.
        timeout: seconds for connecting and for one request.
        sse_read_timeout: seconds without an event after which the stream counts as lost.
        auth: an ``httpx2.Auth``. Not shown.
        httpx_client_factory: makes the ``httpx2.AsyncClient`` from ``headers``, ``timeout`` and ``auth``.
    """

    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] | None = attrs.field(default=None, repr=_how_many)
    timeout: float | timedelta = 5
    sse_read_timeout: float | timedelta = 300
    auth: Any = attrs.field(default=None, repr=False)
    httpx_client_factory: Callable[..., Any] | None = None


@attrs.frozen(kw_only=True)
class MCPServerStreamableHttpParams(MCPServerSseParams):
    """A server of the HTTP transport: each request has its own answer, or stream of answers.

    Attributes:
        terminate_on_close: tell the server that its session is over.
        ignore_initialized_notification_failure: must stay False; the MCP SDK does not tell of such a failure.
    """

    terminate_on_close: bool = True
    ignore_initialized_notification_failure: bool = False


@attrs.frozen(kw_only=True)
class MCPOptions:
    """What ``RealtimeAgent.mcp_config`` may say.

    Attributes:
        convert_schemas_to_strict: use the strict form of a tool's schema where it has one.
        failure_error_function: makes the text for the model when an MCP tool fails; None: the exception is reported by
            the session, which tells the model itself. Not given: the default text.
        include_server_in_tool_names: put the server's name in front of its tools' names, so that they differ.
    """

    convert_schemas_to_strict: bool = False
    failure_error_function: Callable[..., Any] | NotGiven | None = NOT_GIVEN
    include_server_in_tool_names: bool = False
