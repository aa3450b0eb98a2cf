"""What the three servers have in common: one connection, requests over it, and trying again."""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

import attrs
import trio

from trio_realtime._awaitable import maybe_await
from trio_realtime._structure import NOT_GIVEN, NotGiven, structure
from trio_realtime.errors import (
    AgentsException,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    ServerError,
    UserError,
    UserTypeError,
)
from trio_realtime.mcp.approval import RequireApproval
from trio_realtime.mcp.failures import can_retry, failure_of, require_sdk
from trio_realtime.mcp.filters import ToolFilter, check_tool_filter, filter_tools
from trio_realtime.mcp.link import ConnectTimedOut, Link
from trio_realtime.mcp.server import MCPServer, MCPToolMetaResolver, check_bool
from trio_realtime.mcp.watching import watched
from trio_realtime.tools.invoke import ToolErrorFunction
from trio_realtime.transport.lifetimes import beside

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import MessageHandlerFnT
    from mcp.types import (
        CallToolResult,
        GetPromptResult,
        ListPromptsResult,
        ListResourcesResult,
        ListResourceTemplatesResult,
        ListToolsResult,
        ReadResourceResult,
        Tool,
    )

    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper
    from trio_realtime.tools.guardrails import ToolInputGuardrail, ToolOutputGuardrail

__all__ = ["ClientMCPServer"]

T = TypeVar("T")
P = TypeVar("P")
_CONNECT_SECONDS = 30.0


class ClientMCPServer(MCPServer, Generic[P]):
    """A server that the MCP SDK speaks to. Not made by itself: see the three kinds.

    A connection that is lost is made again by the next request. A request that failed is sent again only as often as
    ``max_retry_attempts`` says; a call may have had its effect although its answer was lost. But a list, which has no
    effect, is asked for once more if the connection was there before, and its loss is only found by asking.

    Args:
        params: where the server is; a dict, or the class of the same name with ``Params`` behind it.
        cache_tools_list: ask for the tools only once; :meth:`invalidate_tools_cache` forgets them.
        name: what it is called; by default its transport, and its command, or scheme and host of its address.
        client_session_timeout_seconds: for one request, a call of a tool as well; None or 0 for no limit. Connecting
            may take 30 seconds more.
        tool_filter: which tools an agent gets; see ``ToolFilter``. What a filter function raises is raised.
        use_structured_content: see :class:`MCPServer`.
        max_retry_attempts: how often a request is sent again after a failure; -1 for no limit. An answer that says
            that there is no such method or that arguments are wrong is not asked for again.
        retry_backoff_seconds_base: seconds before the first of these; they double each time.
        message_handler: an async function of each notification of the server, and each fault of the transport. What
            it raises is logged by the SDK.
        require_approval: see :class:`MCPServer`.
        failure_error_function: see :class:`MCPServer`.
        tool_meta_resolver: see :class:`MCPServer`.
        custom_data_extractor: not available in realtime sessions.
        retry_backoff_seconds_max: the most seconds between two tries; None for no limit.
        tool_input_guardrails: see :class:`MCPServer`.
        tool_output_guardrails: see :class:`MCPServer`.
        max_list_pages: how many pages a list may have; None for no limit.

    Raises:
        UserError: an argument has no good value (of a wrong type: UserTypeError), or the ``mcp`` package is not
            installed.
    """

    _params_class: ClassVar[type[Any]]

    def __init__(  # noqa: PLR0917  (the reference's signature)
        self,
        params: P | Mapping[str, Any],
        cache_tools_list: bool = False,
        name: str | None = None,
        client_session_timeout_seconds: float | None = 5,
        tool_filter: ToolFilter = None,
        use_structured_content: bool = False,
        max_retry_attempts: int = 0,
        retry_backoff_seconds_base: float = 1.0,
        message_handler: MessageHandlerFnT | None = None,
        require_approval: RequireApproval = None,
        failure_error_function: ToolErrorFunction | NotGiven | None = NOT_GIVEN,
        tool_meta_resolver: MCPToolMetaResolver | None = None,
        custom_data_extractor: Any = None,
        retry_backoff_seconds_max: float | None = None,
        *,
        tool_input_guardrails: list[ToolInputGuardrail] | None = None,
        tool_output_guardrails: list[ToolOutputGuardrail] | None = None,
        max_list_pages: int | None = None,
    ) -> None:
        super().__init__(
            use_structured_content,
            require_approval,
            failure_error_function,
            tool_meta_resolver,
            custom_data_extractor,
            tool_input_guardrails=tool_input_guardrails,
            tool_output_guardrails=tool_output_guardrails,
        )
        require_sdk()
        self.params: P = structure(params, self._params_class, name="params")
        structure(attrs.asdict(cast("Any", self.params), recurse=False), type(self.params), name="params")
        self._check_params()
        check_bool("cache_tools_list", cache_tools_list)
        if name is not None and not isinstance(cast("Any", name), str):
            raise UserTypeError(f"name: must be text or None, not {type(name).__name__}")
        _seconds("client_session_timeout_seconds", client_session_timeout_seconds)
        _seconds("retry_backoff_seconds_base", retry_backoff_seconds_base)
        _seconds("retry_backoff_seconds_max", retry_backoff_seconds_max)
        _whole("max_retry_attempts", max_retry_attempts, at_least=-1)
        _whole("max_list_pages", max_list_pages, at_least=1)
        if message_handler is not None and not callable(cast("Any", message_handler)):
            raise UserTypeError(f"message_handler: must be a function, not {type(message_handler).__name__}")
        self.cache_tools_list = cache_tools_list
        self.client_session_timeout_seconds = client_session_timeout_seconds
        self.tool_filter: ToolFilter = check_tool_filter(tool_filter)
        self.max_retry_attempts = max_retry_attempts
        self.retry_backoff_seconds_base = retry_backoff_seconds_base
        self.retry_backoff_seconds_max = retry_backoff_seconds_max
        self.message_handler: MessageHandlerFnT | None = message_handler
        self.max_list_pages = max_list_pages
        self._name = name
        self._cached: list[Tool] | None = None
        self._listing = object()  # another one for each time that the cache is forgotten
        self._link: Link | None = None

    def _check_params(self) -> None:
        """Raise UserError if ``params`` can be of no use."""

    @abc.abstractmethod
    def create_streams(self) -> AbstractAsyncContextManager[Any]:
        """Give the transport of one connection: entered, it gives the SDK's read and write streams."""

    @abc.abstractmethod
    def _where(self) -> str:
        """Give the transport, and the command or host, without anything secret."""

    @property
    def name(self) -> str:
        """What it is called; by default its transport, and its command, or scheme and host of its address."""
        return self._name or self._where()

    @property
    def cached_tools(self) -> list[Tool] | None:
        """A copy of the tools that are cached, not filtered; None if none are."""
        return None if self._cached is None else [tool.model_copy(deep=True) for tool in self._cached]

    def invalidate_tools_cache(self) -> None:
        """Forget the cached tools: the next list comes from the server. One that is being asked for is not cached."""
        self._cached = None
        self._listing = object()

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Connect, hold the connection, and close it."""
        link = Link(self._client, connect_seconds=self._connect_seconds())

        async def ready() -> None:
            await self._connected(link)
            self._link = link

        def leave() -> None:
            self._link = None
            self.invalidate_tools_cache()
            link.leave()

        async with beside(link.run, ready=ready, leave=leave):
            yield

    async def list_tools(
        self, run_context: RunContextWrapper[Any] | None = None, agent: RealtimeAgent[Any] | None = None
    ) -> list[Tool]:
        """Give the tools that an agent gets: the server's, or the cached ones, filtered.

        A checkpoint if the server is asked.

        Args:
            run_context: the session's context; a filter function needs it.
            agent: the agent; a filter function needs it.

        Raises:
            UserError: the server was not entered, or lists more pages than ``max_list_pages``.
            RealtimeConnectionError: it cannot be reached, or the connection was lost meanwhile.
            RealtimeTimeoutError: it took longer than ``client_session_timeout_seconds``.
            ServerError: it answered with an error, or not as the protocol has it.
            Exception: what a filter function raised.
        """
        self._require_link()
        tools = self.cached_tools if self.cache_tools_list else None
        if tools is None:
            listing = self._listing
            tools = await self._list_all()
            if self.cache_tools_list and self._listing is listing:
                self._cached = [tool.model_copy(deep=True) for tool in tools]
        return await filter_tools(tools, self.tool_filter, run_context, agent, self.name)

    async def _list_all(self) -> list[Tool]:
        tools: list[Tool] = []
        cursors: set[str | None] = {None}
        cursor: str | None = None
        while True:
            page = await self._request("listing tools", partial(_list_page, cursor), lists=True)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                return tools
            if cursor in cursors:
                raise ServerError(f"MCP server {self.name!r}: listing tools goes in a circle", type="mcp_protocol")
            if self.max_list_pages is not None and len(cursors) >= self.max_list_pages:
                raise UserError(f"MCP server {self.name!r}: lists more than {self.max_list_pages} pages of tools")
            cursors.add(cursor)

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Call a tool.

        A checkpoint. A cancellation, and a timeout too, tells the server so: at once, or within 5 seconds if it takes
        nothing any more.

        Args:
            tool_name: the tool, as the server calls it.
            arguments: its arguments.
            meta: goes with the call as ``_meta``.

        Returns:
            The SDK's result; a tool that failed says so in it (``is_error``).

        Raises:
            AgentsException: as :meth:`list_tools`.
        """
        return await self._request(
            f"calling {tool_name!r}",
            lambda client: client.call_tool(tool_name, arguments, meta=cast("Any", meta)),
        )

    async def list_prompts(self) -> ListPromptsResult:
        """Give the first page of the server's prompts; errors as :meth:`list_tools`."""
        return await self._request("listing prompts", lambda client: client.list_prompts(), lists=True)

    async def get_prompt(self, name: str, arguments: dict[str, str] | None = None) -> GetPromptResult:
        """Give one of the server's prompts; errors as :meth:`list_tools`."""
        return await self._request(f"getting the prompt {name!r}", lambda client: client.get_prompt(name, arguments))

    async def list_resources(self, cursor: str | None = None) -> ListResourcesResult:
        """Give a page of the server's resources; errors as :meth:`list_tools`."""
        return await self._request("listing resources", lambda client: client.list_resources(cursor=cursor), lists=True)

    async def list_resource_templates(self, cursor: str | None = None) -> ListResourceTemplatesResult:
        """Give a page of the templates of the server's resources; errors as :meth:`list_tools`."""
        return await self._request(
            "listing resource templates", lambda client: client.list_resource_templates(cursor=cursor), lists=True
        )

    async def read_resource(self, uri: str) -> ReadResourceResult:
        """Read one of the server's resources; errors as :meth:`list_tools`."""
        return await self._request("reading a resource", lambda client: client.read_resource(uri))

    def _require_link(self) -> Link:
        if self._link is None:
            raise UserError(f"MCP server {self.name!r}: was not entered; use it inside of 'async with server:'")
        return self._link

    async def _request(self, doing: str, send: Callable[[Client], Awaitable[T]], *, lists: bool = False) -> T:
        """Send a request, and again after a failure as often as is configured; see the class's text for lists."""
        attempts = 0
        while True:
            try:
                return await (self._try_list if lists else self._try)(doing, send)
            except AgentsException as error:
                attempts += 1
                if isinstance(error, RealtimeConnectionError):
                    error.attempts = attempts
                if not can_retry(error) or -1 < self.max_retry_attempts < attempts:
                    raise
            await trio.sleep(self._backoff(attempts - 1))

    def _backoff(self, retries: int) -> float:
        """Give the seconds before a try; a power of two that is beyond every float is beyond every limit too."""
        most = inf if self.retry_backoff_seconds_max is None else self.retry_backoff_seconds_max
        return min(self.retry_backoff_seconds_base * 2.0 ** min(retries, 1_000), most)

    async def _try_list(self, doing: str, send: Callable[[Client], Awaitable[T]]) -> T:
        was_there = self._require_link().connected
        try:
            return await self._try(doing, send)
        except RealtimeConnectionError:
            if not was_there:
                raise
        return await self._try(doing, send)

    async def _try(self, doing: str, send: Callable[[Client], Awaitable[T]]) -> T:
        link = self._require_link()
        client = await self._connected(link)
        try:
            return await send(client)
        except Exception as error:  # noqa: BLE001  the SDK's, its HTTP client's, its validators'
            failure = self._failure(error, doing)
        if isinstance(failure, RealtimeConnectionError):
            link.drop(client)
        raise failure

    async def _connected(self, link: Link) -> Client:
        try:
            return await link.get()
        except Exception as error:  # noqa: BLE001  the SDK's, or its transport's
            failure = self._connect_failure(error)
        raise failure

    def _connect_seconds(self) -> float:
        return _CONNECT_SECONDS + (self.client_session_timeout_seconds or inf)

    def _connect_failure(self, error: Exception) -> AgentsException:
        if isinstance(error, ConnectTimedOut):
            return failure_of(error, server=self.name, doing="connecting", seconds=self._connect_seconds())
        failure = self._failure(error, "connecting")
        if not isinstance(failure, RealtimeTimeoutError):
            return failure
        message = f"MCP server {self.name!r}: connecting failed: an answer took too long"
        if failure.seconds:
            message = f"{message} (client_session_timeout_seconds is {failure.seconds:g})"
        return RealtimeTimeoutError(message, name=failure.name, seconds=failure.seconds)

    def _failure(self, error: Exception, doing: str) -> AgentsException:
        seconds = self.client_session_timeout_seconds or None
        return failure_of(error, server=self.name, doing=doing, seconds=seconds)

    def _client(self, ended: Callable[[], None]) -> AbstractAsyncContextManager[Client]:
        from mcp import Client

        handler = self.message_handler

        async def handle(message: Any) -> None:
            await maybe_await(cast("Any", handler)(message))

        return Client(
            watched(self.create_streams(), ended),
            read_timeout_seconds=self.client_session_timeout_seconds or None,
            message_handler=None if handler is None else handle,
            cache=None,
        )


async def _list_page(cursor: str | None, client: Client) -> ListToolsResult:
    return await client.list_tools(cursor=cursor)


def _seconds(name: str, value: Any) -> None:
    if value is None and name != "retry_backoff_seconds_base":
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UserTypeError(f"{name}: must be a number of seconds, not {type(value).__name__}")
    if not isfinite(value) or value < 0:
        raise UserError(f"{name}: must be 0 or a positive, finite number of seconds, not {value!r}")


def _whole(name: str, value: Any, *, at_least: int) -> None:
    if value is None and name == "max_list_pages":
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise UserTypeError(f"{name}: must be a whole number, not {type(value).__name__}")
    if value < at_least:
        raise UserError(f"{name}: must be a whole number of at least {at_least}, not {value}")
