"""The three kinds of MCP servers: a process, and two over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from trio_realtime._urls import shown_origin
from trio_realtime.errors import AgentsException, RealtimeConnectionError, ServerError, UserError, UserTypeError
from trio_realtime.mcp.client import ClientMCPServer
from trio_realtime.mcp.param_checks import as_seconds, check_http, check_stdio
from trio_realtime.mcp.params import MCPServerSseParams, MCPServerStdioParams, MCPServerStreamableHttpParams

if TYPE_CHECKING:
    from typing import TextIO

    import httpx2

__all__ = ["MCPServerSse", "MCPServerStdio", "MCPServerStreamableHttp"]


class MCPServerStdio(ClientMCPServer[MCPServerStdioParams]):
    """An MCP server that is started here, as a process, and spoken to over its standard input and output.

    The process is started on entering, ended on leaving (its input is closed; after 2 seconds it is terminated, after
    2 more killed), and started again if it has died and is needed. What it writes to its standard error goes to ours.
    """

    _params_class = MCPServerStdioParams

    def create_streams(self) -> AbstractAsyncContextManager[Any]:
        """Give the SDK's transport: the process."""
        from mcp.client.stdio import StdioServerParameters, stdio_client

        params = self.params
        parameters = StdioServerParameters(
            command=params.command,
            args=list(params.args),
            env=None if params.env is None else dict(params.env),
            cwd=None if params.cwd is None else os.fspath(params.cwd),
            encoding=params.encoding,
            encoding_error_handler=params.encoding_error_handler,
        )
        return stdio_client(parameters, errlog=cast("TextIO", _stderr()))

    def _check_params(self) -> None:
        check_stdio(self.params)

    def _where(self) -> str:
        return f"stdio: {Path(self.params.command).name}"


class MCPServerSse(ClientMCPServer[MCPServerSseParams]):
    """An MCP server of the older HTTP transport, with one stream of server-sent events."""

    _params_class = MCPServerSseParams

    def create_streams(self) -> AbstractAsyncContextManager[Any]:
        """Give the SDK's transport: the stream, and the requests beside it."""
        from mcp.client.sse import sse_client

        params = self.params

        def client(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:  # noqa: ARG001
            return _http_client(params)

        return sse_client(
            params.url,
            timeout=as_seconds(params.timeout),
            sse_read_timeout=as_seconds(params.sse_read_timeout),
            httpx_client_factory=client,
        )

    def _check_params(self) -> None:
        check_http(self.params)

    def _where(self) -> str:
        return f"sse: {shown_origin(self.params.url)}"


class MCPServerStreamableHttp(ClientMCPServer[MCPServerStreamableHttpParams]):
    """An MCP server of the HTTP transport."""

    _params_class = MCPServerStreamableHttpParams
    _session_id: str | None = None
    _refused: int | None = None

    @property
    def session_id(self) -> str | None:
        """The id that the server gave the connection; None if it gave none, as servers of the newest version do."""
        return self._session_id

    @asynccontextmanager
    async def create_streams(self) -> AsyncGenerator[Any, None]:
        """Give the SDK's transport: a request for each message."""
        from mcp.client.streamable_http import streamable_http_client

        self._session_id = self._refused = None

        async def note(response: httpx2.Response) -> None:
            self._session_id = response.headers.get("mcp-session-id", self._session_id)
            self._refused = response.status_code if response.status_code >= 400 else None

        async with _http_client(self.params) as client:
            client.event_hooks = {**client.event_hooks, "response": [*client.event_hooks.get("response", []), note]}
            async with streamable_http_client(
                self.params.url, http_client=client, terminate_on_close=self.params.terminate_on_close
            ) as streams:
                yield streams

    def _connect_failure(self, error: Exception) -> AgentsException:
        """Say with which status it was refused: the SDK makes an answer without it of that."""
        failure = super()._connect_failure(error)
        if self._refused is None or not isinstance(failure, ServerError):
            return failure
        reason = f"HTTP {self._refused}"
        return RealtimeConnectionError(f"MCP server {self.name!r}: connecting failed: {reason}", reason=reason)

    def _check_params(self) -> None:
        check_http(self.params)
        if self.params.ignore_initialized_notification_failure:
            message = "params.ignore_initialized_notification_failure: the MCP SDK does not tell of such a failure"
            raise UserError(message)

    def _where(self) -> str:
        return f"streamable_http: {shown_origin(self.params.url)}"


def _http_client(params: MCPServerSseParams) -> httpx2.AsyncClient:
    import httpx2

    timeout = httpx2.Timeout(as_seconds(params.timeout), read=as_seconds(params.sse_read_timeout))
    headers = None if params.headers is None else dict(params.headers)
    factory: Any = params.httpx_client_factory or httpx2.AsyncClient
    try:
        client: Any = factory(headers=headers, timeout=timeout, auth=params.auth)
    except Exception as error:  # noqa: BLE001  its text may hold what it was given
        raise UserError(f"params: the HTTP client cannot be made ({type(error).__name__})") from None
    if not isinstance(client, httpx2.AsyncClient):
        kind = type(client).__name__
        raise UserTypeError(f"params.httpx_client_factory: must give an httpx2.AsyncClient, not {kind}")
    return client


def _stderr() -> Any:
    """Give where the process may write its errors to: our standard error if that is a file, else nowhere."""
    try:
        sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return subprocess.DEVNULL
    return sys.stderr
