"""The model that talks to OpenAI's Realtime API, or to a server that speaks like it, over a WebSocket."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from difflib import get_close_matches
from math import inf
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

import attrs
import trio

from trio_realtime.__about__ import __version__
from trio_realtime._awaitable import maybe_await
from trio_realtime._structure import NOT_GIVEN, NotGiven, structure
from trio_realtime._urls import host_of
from trio_realtime.config import KeyCallable, RealtimeModelConfig, Timeouts
from trio_realtime.dialect import Dialect, dialect_of
from trio_realtime.errors import RealtimeTimeoutError, UserError
from trio_realtime.model import RealtimeModel
from trio_realtime.openai.client_events import CLIENT_EVENTS
from trio_realtime.openai.connection import OpenAIRealtimeConnection
from trio_realtime.openai.protocol import OpenAIProtocol
from trio_realtime.openai.server_events import SERVER_EVENTS
from trio_realtime.openai.settings import DEFAULT_REALTIME_MODEL
from trio_realtime.transport.base import Connector, TransportConfig, WireRequest
from trio_realtime.transport.request_check import is_loopback

__all__ = [
    "DEFAULT_URL",
    "OpenAIRealtimeWebSocketModel",
    "TransportName",
    "get_api_key",
]

DEFAULT_URL: Final = "wss://api.openai.com/v1/realtime"
"""Where a connection goes that names no other endpoint."""
_USER_AGENT: Final = f"trio-realtime/{__version__}"
_KEY_VARIABLE: Final = "OPENAI_API_KEY"

TransportName: TypeAlias = Literal["trio-websocket", "websockets"]
"""The transports that are built in, by name: the default, and a faster one that needs the extra ``[fast]``."""


async def get_api_key(key: str | KeyCallable | None) -> str | None:
    """Give the key: as it is, or what the function (sync or async) gives, or the environment's ``OPENAI_API_KEY``."""
    if key is None:
        return os.environ.get(_KEY_VARIABLE)
    return key if isinstance(key, str) else await maybe_await(key())


class OpenAIRealtimeWebSocketModel(RealtimeModel):
    """Connects to the Realtime API over a WebSocket. Holds configuration only; safe to share between sessions.

    Args:
        transport_config: limits and deadlines of the connections, or a dict of them.
        transport: a transport by name, or a connector of your own, such as
            :func:`trio_realtime.transport.memory.connector`.

    Attributes:
        model: the model of connections whose settings name none.
    """

    def __init__(
        self,
        *,
        transport_config: TransportConfig | Mapping[str, Any] | None = None,
        transport: TransportName | Connector = "trio-websocket",
    ) -> None:
        self.model: str = DEFAULT_REALTIME_MODEL
        self._config = structure(transport_config or {}, TransportConfig, name="transport_config")
        self._connector = _connector(transport)

    def connect(self, config: RealtimeModelConfig) -> AbstractAsyncContextManager[OpenAIRealtimeConnection]:
        """Give an async context manager whose block holds a live, configured connection.

        The handshake, the wait for the session, and its confirmed configuration share the deadline
        ``timeouts.connect``. There is one attempt.

        Raises (on entering):
            UserError: no key (a server on loopback needs none), a call id together with a model name, an unusable URL,
                header or setting.
            HandshakeRejected: the server answered with an HTTP status.
            RealtimeConnectionError: no connection could be made, or it was lost again.
            ConfigRejected: the server refused the settings.
            ServerError: the server reported an error instead.
            RealtimeTimeoutError: the deadline passed (name ``"connect"``).
        """
        return self._connect(config)

    @asynccontextmanager
    async def _connect(self, config: RealtimeModelConfig) -> AsyncGenerator[OpenAIRealtimeConnection, None]:
        settings, timeouts = config.initial_model_settings, config.timeouts or Timeouts()
        url, dialect = self._url(config), _dialect(config)
        protocol = OpenAIProtocol(
            model=self._model_name(config),
            attached=config.call_id is not None,
            timeouts=timeouts,
            raw=config.raw_events,
            restorable=config.restorable,
            dialect=dialect,
        )
        confirms = timeouts.configure is not None
        with trio.CancelScope(deadline=trio.current_time() + timeouts.connect) as deadline:
            request = WireRequest(url=url, headers=await _headers(config, url), config=self._transport_config(timeouts))
            async with self._connector(request) as wire:
                connection = OpenAIRealtimeConnection(wire, protocol, confirms_configuration=confirms)
                await connection.configure(settings, confirm=confirms)
                deadline.deadline = inf  # from here on it is only a scope
                yield connection
        if deadline.cancelled_caught:
            raise RealtimeTimeoutError(
                f"no configured connection within {timeouts.connect:g} seconds",
                name="connect",
                seconds=timeouts.connect,
            )

    def _url(self, config: RealtimeModelConfig) -> str:
        if config.call_id is not None and config.initial_model_settings.model_name is not NOT_GIVEN:
            raise UserError("call_id: a running call has its model already; leave out model_name")
        if config.url is not None:
            return config.url
        if config.call_id is not None:
            return f"{DEFAULT_URL}?call_id={quote(config.call_id, safe='')}"
        return f"{DEFAULT_URL}?model={quote(self._model_name(config), safe='')}"

    def _model_name(self, config: RealtimeModelConfig) -> str:
        name = config.initial_model_settings.model_name
        return self.model if isinstance(name, NotGiven) else name

    def _transport_config(self, timeouts: Timeouts) -> TransportConfig:
        if timeouts.heartbeat is None:
            return self._config
        half = timeouts.heartbeat / 2  # a ping after one half of silence, its answer within the other
        return attrs.evolve(self._config, ping_interval=half, ping_timeout=half)


def _connector(transport: TransportName | Connector) -> Connector:
    if callable(transport):
        return transport
    if transport == "trio-websocket":
        from trio_realtime.transport.trio_websocket import connect

        return connect
    if transport == "websockets":
        try:
            from trio_realtime.transport.websockets import connect as fast_connect
        except ImportError:
            raise UserError("transport: 'websockets' needs its library: pip install 'trio-realtime[fast]'") from None
        return fast_connect
    raise UserError(f"transport: must be 'trio-websocket', 'websockets' or a connector, not {transport!r}")


def _dialect(config: RealtimeModelConfig) -> Dialect | None:
    dialect = dialect_of(config.dialect)
    if dialect is not None:
        for name in dialect.server_events.values():
            _check_event("server", name, SERVER_EVENTS)
        for name in dialect.client_events:
            _check_event("client", name, CLIENT_EVENTS)
    return dialect


def _check_event(side: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        near = get_close_matches(name, list(known), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UserError(f"dialect.{side}_events: {name!r} is not a {side} event of the protocol{hint}")


async def _headers(config: RealtimeModelConfig, url: str) -> dict[str, str]:
    if config.auth is not None:
        headers = dict(await config.auth())
    elif config.headers is not None:
        headers = dict(config.headers)
    else:
        key = await get_api_key(config.api_key)
        if key:
            headers = {"Authorization": f"Bearer {key}"}
        elif is_loopback(host_of(url)):
            headers = {}  # a server on this machine, such as the local one, needs none
        else:
            raise UserError(f"api_key: no key; give api_key, auth or headers, or set {_KEY_VARIABLE}")
    dialect = dialect_of(config.dialect)
    given = {name.lower() for name in headers}
    wanted = {"User-Agent": _USER_AGENT, **(dialect.headers if dialect is not None else {})}
    return {**headers, **{name: value for name, value in wanted.items() if name.lower() not in given}}
