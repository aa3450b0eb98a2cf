"""The fast client's wire: WebSockets with the sans-I/O protocol of ``websockets``. Needs the extra ``[fast]``.

``pip install 'trio-realtime[fast]'``, and ``OpenAIRealtimeWebSocketModel(transport="websockets")``. A received message
costs a fraction of what it costs over :mod:`trio_realtime.transport.trio_websocket`; what a wire promises is the same.
Redirects are not followed. There is no server's side: any wire talks to any server.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from trio_realtime.transport.base import Connector, TransportConfig, Wire, WireRequest
from trio_realtime.transport.dialing import OpenStream, dial, open_within
from trio_realtime.transport.protocol_wire import ProtocolWire, silent_logger
from trio_realtime.transport.request_check import Target, check_request
from trio_realtime.transport.stream_wire import running

__all__ = ["compressed", "connect", "stream_connector"]


def connect(request: WireRequest) -> AbstractAsyncContextManager[Wire]:
    """Open a wire to a WebSocket server for the length of a block.

    ``wss://`` checks the certificate and the host's name unless ``config.ssl_context`` says otherwise. Entering and
    leaving are checkpoints. The exception of the block leaves it as the same object. A cancelled block still sends
    Close 1000, which takes ``close_timeout`` at most.

    Args:
        request: where to, with which headers, limits and deadlines.

    Raises (on entering):
        HandshakeRejected: the server answered with a status other than 101.
        RealtimeConnectionError: refused, by the server or by a proxy, no such host, TLS failure, closed during the
            handshake.
        RealtimeTimeoutError: no wire within ``handshake_timeout`` (name ``"connect"``).
        UserError: a header value, URL part or proxy that cannot be used.
    """
    return _client(request, None, compression=False)


def compressed(request: WireRequest) -> AbstractAsyncContextManager[Wire]:
    """Open a wire as :func:`connect` does, and offer compression (permessage-deflate, RFC 7692).

    It saves bytes, fewer than one would hope, for base64 of audio is mostly noise to it, and it costs a multiple of the
    time: worth it on a slow or an expensive line only. ``max_size`` counts the bytes of the message, not of what came
    over the line.

    Args:
        request: where to, with which headers, limits and deadlines.

    Raises (on entering): as :func:`connect`.
    """
    return _client(request, None, compression=True)


def stream_connector(open_stream: OpenStream, *, compression: bool = False) -> Connector:
    """Make a connector whose WebSocket runs over a stream of the caller.

    Everything but the socket is as in :func:`connect`, so over ``trio.testing.memory_stream_pair`` and a mock clock it
    runs in virtual time, and over a stream of one's own through a tunnel or a proxy of any kind.

    Args:
        open_stream: opens the stream; called anew for each connection. The wire closes it. TLS is its own affair.
        compression: whether to offer permessage-deflate.
    """

    def connect_over_stream(request: WireRequest) -> AbstractAsyncContextManager[Wire]:
        return _client(request, open_stream, compression=compression)

    return connect_over_stream


@asynccontextmanager
async def _client(
    request: WireRequest, open_stream: OpenStream | None, *, compression: bool
) -> AsyncGenerator[Wire, None]:
    target, config = check_request(request), request.config
    stream, deadline = await open_within(open_stream or (lambda: dial(target, config)), target, config)
    protocol = _protocol(target, config, compression=compression)
    wire = ProtocolWire(stream, config=config, protocol=protocol, deadline=deadline)
    async with running(wire):
        yield wire


def _protocol(target: Target, config: TransportConfig, *, compression: bool) -> ClientProtocol:
    path, _, query = target.resource.partition("?")
    protocol = ClientProtocol(
        WebSocketURI(target.secure, target.host, target.port, path, query),
        extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)] if compression else None,
        subprotocols=cast("tuple[Subprotocol, ...]", target.subprotocols) or None,
        max_size=config.max_size,
        logger=silent_logger(),
    )
    headers = Headers()
    headers["Host"] = target.host_header
    for name, value in protocol.connect().headers.raw_items():
        if name != "Host":
            headers[name] = value
    for raw_name, raw_value in target.headers:
        headers[raw_name.decode("ascii")] = raw_value.decode("ascii")
    protocol.send_request(Request(target.resource, headers))
    return protocol
