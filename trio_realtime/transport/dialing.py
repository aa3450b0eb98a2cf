"""Opening the stream below a WebSocket: TCP, TLS, and the tunnel through a proxy."""

from __future__ import annotations

import functools
import math
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.transport.base import TransportConfig
from trio_realtime.transport.endings import leaves
from trio_realtime.transport.proxies import Proxy, proxy_for, tunnel
from trio_realtime.transport.request_check import Target

__all__ = ["OpenStream", "default_context", "dial", "open_within"]

OpenStream: TypeAlias = Callable[[], Awaitable[trio.abc.Stream]]
"""Opens a stream for one connection."""


async def dial(target: Target, config: TransportConfig) -> trio.abc.Stream:
    """Open a stream to a server: TCP, through a proxy where there is one for it, and TLS for ``wss://``.

    A checkpoint. A cancellation leaves nothing open. What it raises is for :func:`open_within` to tell.
    """
    proxy = proxy_for(target, config.proxy)
    stream: trio.abc.Stream
    if proxy is None:
        stream = await trio.open_tcp_stream(target.host, target.port)
    else:
        stream = await _through(proxy, target, config)
    return await _with_tls(stream, target.host, config) if target.secure else stream


async def open_within(
    open_stream: OpenStream, target: Target, config: TransportConfig
) -> tuple[trio.abc.Stream, float]:
    """Open a stream within ``handshake_timeout``.

    Args:
        open_stream: opens it.
        target: what is being connected to, for messages.
        config: holds the deadline.

    Returns:
        The stream, and when on the trio clock the handshake over it has to be done.

    Raises:
        RealtimeConnectionError: it cannot be opened.
        RealtimeTimeoutError: the deadline passed (name ``"connect"``).
    """
    timeout = math.inf if config.handshake_timeout is None else config.handshake_timeout
    deadline = trio.current_time() + timeout
    stream: trio.abc.Stream | None = None
    with trio.CancelScope(deadline=deadline):
        try:
            stream = await open_stream()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise RealtimeConnectionError(f"could not connect to {target.host}:{target.port}: {_plain(exc)}") from exc
    if stream is None:
        raise RealtimeTimeoutError(
            f"no connection to {target.host}:{target.port} within {timeout:g} seconds", name="connect", seconds=timeout
        )
    return stream, deadline


@functools.cache
def default_context() -> ssl.SSLContext:
    """Give the TLS settings of those who give none: certificates and names are checked."""
    # Cached because loading the certificates takes tens of milliseconds, during which nothing else runs.
    return ssl.create_default_context()


async def _through(proxy: Proxy, target: Target, config: TransportConfig) -> trio.abc.Stream:
    stream: trio.abc.Stream
    try:
        stream = await trio.open_tcp_stream(proxy.host, proxy.port)
        if proxy.secure:
            stream = await _with_tls(stream, proxy.host, config)
    except (OSError, trio.BrokenResourceError) as exc:
        message = f"could not connect to the proxy {proxy.host}:{proxy.port}: {_plain(exc)}"
        raise RealtimeConnectionError(message) from exc
    try:
        await tunnel(stream, proxy, target)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def _with_tls(stream: trio.abc.Stream, host: str, config: TransportConfig) -> trio.abc.Stream:
    context = config.ssl_context or default_context()
    tls = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        await tls.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(tls)
        raise
    return tls


def _plain(exc: BaseException) -> str:
    """Say in a few words what lies at the bottom of a failed connection attempt."""
    while exc.__cause__ is not None:
        exc = leaves(exc.__cause__)[0]
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the TLS certificate is not accepted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"TLS failed: {(exc.reason or 'unknown reason').replace('_', ' ').lower()}"
    if isinstance(exc, socket.gaierror):
        return f"the host name could not be resolved ({exc.strerror})"
    if isinstance(exc, OSError) and exc.errno:
        return os.strerror(exc.errno).lower()
    return "the connection was closed" if isinstance(exc, trio.BrokenResourceError) else type(exc).__name__
