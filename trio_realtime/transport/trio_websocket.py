"""Wires over WebSockets, made with trio-websocket: the client's connector and the server's side.

:func:`connect` opens a client's wire over TCP or TLS, :func:`stream_connector` over any trio stream; :func:`serve` and
:func:`serve_stream` are the other end of the two. Neither compression nor redirects are supported: trio-websocket has
neither.
"""

from __future__ import annotations

import functools
import logging
import math
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

import attrs
import trio
from trio_websocket import WebSocketConnection, WebSocketRequest, wrap_client_stream, wrap_server_stream

from trio_realtime.errors import (
    AgentsException,
    HandshakeRejected,
)
from trio_realtime.transport.base import Authorize, Connector, Handler, TransportConfig, Wire, WireRequest
from trio_realtime.transport.dialing import OpenStream, dial, open_within
from trio_realtime.transport.endings import only_tells_of_an_end
from trio_realtime.transport.handshakes import HandshakeAnswer
from trio_realtime.transport.request_check import Target, check_request
from trio_realtime.transport.stream_proxy import StreamProxy
from trio_realtime.transport.stream_wire import running
from trio_realtime.transport.websocket_wire import WebSocketWire

__all__ = ["Authorize", "Handler", "ServerAddress", "connect", "serve", "serve_stream", "stream_connector"]

_logger = logging.getLogger("trio_realtime.transport")

# Messages are handed straight to the wire's own task, which holds them in its inbox. A queue between the two would
# only be a place to lose messages in: trio-websocket throws its queue away when it closes with 1009.
_NO_QUEUE = 0

_SUBPROTOCOL = "realtime"


@asynccontextmanager
async def connect(request: WireRequest) -> AsyncGenerator[Wire, None]:
    """Open a wire to a WebSocket server for the length of a block.

    ``wss://`` checks the certificate and the host's name unless ``config.ssl_context`` says otherwise. Entering and
    leaving are checkpoints. The exception of the block leaves it as the same object. A cancelled block still sends
    Close 1000, which takes ``close_timeout`` at most.

    Args:
        request: where to, with which headers, limits and deadlines.

    Raises:
        HandshakeRejected: the server answered with a status other than 101.
        RealtimeConnectionError: refused, no such host, TLS failure, closed during the handshake.
        RealtimeTimeoutError: no wire within ``handshake_timeout`` (name ``"connect"``).
        UserError: a header value or URL part that cannot be sent.
    """
    target = check_request(request)
    async with _client(lambda: dial(target, request.config), target, request.config) as wire:
        yield wire


def stream_connector(open_stream: OpenStream) -> Connector:
    """Make a connector whose WebSocket runs over a stream of the caller.

    Everything but the socket is as in :func:`connect`, so over ``trio.testing.memory_stream_pair`` and a mock clock it
    runs in virtual time, and over a stream of one's own through a proxy or a tunnel.

    Args:
        open_stream: opens the stream; called anew for each connection. The wire closes it. TLS is its own affair.
    """

    @asynccontextmanager
    async def connect_over_stream(request: WireRequest) -> AsyncGenerator[Wire, None]:
        target = check_request(request)
        async with _client(open_stream, target, request.config) as wire:
            yield wire

    return connect_over_stream


@asynccontextmanager
async def _client(open_stream: OpenStream, target: Target, config: TransportConfig) -> AsyncGenerator[Wire, None]:
    stream, deadline = await open_within(open_stream, target, config)

    async def handshake(nursery: trio.Nursery, proxy: StreamProxy) -> WebSocketConnection:
        return await wrap_client_stream(
            nursery,
            cast("trio.SocketStream", proxy),  # its annotation is too narrow: any stream will do
            target.host_header,
            target.resource,
            subprotocols=target.subprotocols,
            extra_headers=list(target.headers),
            message_queue_size=_NO_QUEUE,
            max_message_size=config.max_size or sys.maxsize,
            receive_buffer_size=None,
        )

    wire = WebSocketWire(stream, config=config, opener=handshake, deadline=deadline, answer=HandshakeAnswer())
    async with running(wire):
        yield wire


@attrs.frozen
class ServerAddress:
    """Where a server listens.

    Attributes:
        host: the address that is bound.
        port: the port, also where the system has chosen it.
    """

    host: str
    port: int

    def url(self, path: str = "/", *, secure: bool = False) -> str:
        """Give the WebSocket URL of a path (with its query, if any)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if secure else 'ws'}://{host}:{self.port}{path}"


_MEMORY = ServerAddress("localhost", 80)
_DEFAULTS = TransportConfig()


async def serve(
    handler: Handler,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    config: TransportConfig = _DEFAULTS,
    authorize: Authorize | None = None,
    task_status: trio.TaskStatus[ServerAddress] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept WebSocket clients until cancelled, each in a task of its own.

    Start it with ``address = await nursery.start(serve, handler)``. A handler that returns closes its connection with
    1000, one that raises with 1011 (the others go on), one that is cancelled with 1001.

    Args:
        handler: serves one client. It may let the error escape that tells of the client's end.
        host: the address to bind.
        port: the port, or 0 for a free one.
        config: limits and deadlines of each connection; with an ``ssl_context`` it serves ``wss://``.
        authorize: looks at each request first; :exc:`HandshakeRejected` becomes the HTTP answer. Its time counts into
            ``handshake_timeout``.
        task_status: gets the address when clients can connect.

    Raises:
        OSError: the address cannot be bound.
    """
    first, *others = await trio.open_tcp_listeners(port, host=host)
    if port == 0:
        # A name with two addresses would be given two ports; one server has one.
        for other in others:
            await other.aclose()
        others = []
    bound_host, bound_port, *_ = first.socket.getsockname()
    address = ServerAddress(str(bound_host), int(bound_port))

    async def client(stream: trio.SocketStream) -> None:
        await serve_stream(_with_tls(stream, config), handler, config=config, authorize=authorize, address=address)

    async with trio.open_nursery() as nursery:
        await nursery.start(functools.partial(trio.serve_listeners, client, [first, *others]))
        task_status.started(address)


def _with_tls(stream: trio.SocketStream, config: TransportConfig) -> trio.abc.Stream:
    if config.ssl_context is None:
        return stream
    return trio.SSLStream(stream, config.ssl_context, server_side=True, https_compatible=True)


async def serve_stream(
    stream: trio.abc.Stream,
    handler: Handler,
    *,
    config: TransportConfig = _DEFAULTS,
    authorize: Authorize | None = None,
    address: ServerAddress = _MEMORY,
) -> None:
    """Serve one WebSocket client over a stream that is open already; what :func:`serve` does for each connection.

    Returns when the connection is over, and raises nothing but a cancellation: a client that makes no handshake and a
    handler that fails are logged.

    Args:
        stream: the stream; it is closed at the end.
        handler, config, authorize: as for :func:`serve`.
        address: what the request's URL shows as host and port.
    """
    requests: list[WireRequest] = []

    async def handshake(nursery: trio.Nursery, proxy: StreamProxy) -> WebSocketConnection:
        offered = await wrap_server_stream(
            nursery,
            proxy,
            message_queue_size=_NO_QUEUE,
            max_message_size=config.max_size or sys.maxsize,
            receive_buffer_size=None,
        )
        request = _request_of(offered, address, config)
        await _judge(offered, request, authorize, proxy)
        requests.append(request)
        return await offered.accept(subprotocol=_SUBPROTOCOL if _SUBPROTOCOL in offered.proposed_subprotocols else None)

    timeout = math.inf if config.handshake_timeout is None else config.handshake_timeout
    deadline = trio.current_time() + timeout
    wire = WebSocketWire(stream, config=config, opener=handshake, deadline=deadline, answer=None, write_through=True)
    try:
        async with running(wire):
            await _handle(handler, wire, requests[0])
    except AgentsException as exc:
        _logger.debug("no WebSocket connection: %s", exc)


async def _handle(handler: Handler, wire: WebSocketWire, request: WireRequest) -> None:
    try:
        await handler(wire, request)
    except Exception as exc:
        if not (wire.ended and only_tells_of_an_end(exc)):
            _logger.exception("the handler of a WebSocket connection failed")
            wire.begin_close(1011, "internal error")
    except BaseException:
        wire.begin_close(1001, "server is shutting down")
        raise


async def _judge(
    offered: WebSocketRequest, request: WireRequest, authorize: Authorize | None, proxy: StreamProxy
) -> None:
    if authorize is None:
        return
    try:
        await authorize(request)
    except HandshakeRejected as refusal:
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in refusal.headers.items()]
        await offered.reject(refusal.status, extra_headers=headers, body=refusal.body.encode() or None)
        await proxy.flush()
        raise
    except Exception:
        _logger.exception("the check of a WebSocket request failed")
        await offered.reject(500)
        await proxy.flush()
        raise


def _request_of(offered: WebSocketRequest, address: ServerAddress, config: TransportConfig) -> WireRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in offered.headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if offered.proposed_subprotocols:
        headers["sec-websocket-protocol"] = ", ".join(offered.proposed_subprotocols)
    secure = config.ssl_context is not None
    return WireRequest(url=address.url(offered.path, secure=secure), headers=headers, config=config)


# A check for readers and type checkers: this is a connector.
_CONNECTOR: Callable[[WireRequest], AbstractAsyncContextManager[Wire]] = connect
