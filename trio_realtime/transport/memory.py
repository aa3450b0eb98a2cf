"""Wires inside the process: no socket, no frames, no trio-websocket, and exact in virtual time.

They behave as a WebSocket wire does: messages in order, the peer's close code behind them, 1009 over the limit, 1006
when cut, errors from a closed wire, a send that waits for a peer that does not read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import trio

from trio_realtime.errors import (
    AgentsException,
    HandshakeRejected,
    RealtimeTimeoutError,
)
from trio_realtime.transport.base import (
    Authorize,
    Connector,
    Handler,
    TransportConfig,
    Wire,
    WireRequest,
    WireStatistics,
)
from trio_realtime.transport.endings import TOO_BIG, Ending, check_close, only_tells_of_an_end
from trio_realtime.transport.handshakes import rejection
from trio_realtime.transport.inbox import MAX_BUFFERED, Inbox, as_text, text_bytes
from trio_realtime.transport.lifetimes import beside
from trio_realtime.transport.request_check import check_request

__all__ = ["Authorize", "Handler", "MemoryWire", "connector", "memory_wire_pair"]

_DEFAULTS = TransportConfig()


class MemoryWire(Wire):
    """One end of a pair; made by :func:`memory_wire_pair`.

    What it lacks of a WebSocket wire is what needs a network: there are no pings and no latency.

    Attributes:
        on_use: called whenever this end is used; a server accepts by that.
    """

    def __init__(self, config: TransportConfig, max_buffered: int) -> None:
        self._config = config
        self._inbox = Inbox(max_buffered)
        self._stalled = False
        self._peer = self
        self.on_use: Callable[[], object] | None = None
        self._bytes_sent = 0
        self._bytes_received = 0
        self._messages_sent = 0
        self._messages_received = 0
        self._last_received = trio.current_time()

    @classmethod
    def pair(cls, config: TransportConfig, max_buffered: int) -> tuple[MemoryWire, MemoryWire]:
        """Make two connected wires; see :func:`memory_wire_pair`."""
        client, server = cls(config, max_buffered), cls(config, max_buffered)
        client._peer, server._peer = server, client
        return client, server

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return self._inbox.ending is not None

    async def send(self, message: str | bytes) -> None:
        """See :meth:`Wire.send`."""
        text = as_text(message)
        await self._send(text, text_bytes(text))

    async def send_binary(self, message: bytes) -> None:
        """Send a binary message; for tests, the Realtime API has none. As :meth:`send` otherwise."""
        await self._send(message, len(message))

    async def receive(self) -> str | bytes:
        """See :meth:`Wire.receive`."""
        self._use()
        return await self._inbox.receive()

    def receive_nowait(self) -> str | bytes | None:
        """See :meth:`Wire.receive_nowait`."""
        self._use()
        return self._inbox.receive_nowait()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """See :meth:`Wire.aclose`. Only a peer that is stalled takes time: ``close_timeout``."""
        check_close(code, reason)
        self._use()
        first = self._inbox.end(Ending.closed_here(code, reason))
        ending = Ending.closed(code, reason)
        try:
            await trio.lowlevel.checkpoint()
            if first:
                with trio.move_on_after(self._config.close_timeout):
                    while self._peer._stalled and not self._peer.ended:
                        await self._peer._inbox.changed()
        finally:
            self._peer._inbox.end(Ending.lost() if self._peer._stalled else ending)

    def statistics(self) -> WireStatistics:
        """See :meth:`Wire.statistics`."""
        return WireStatistics(
            bytes_sent=self._bytes_sent,
            bytes_received=self._bytes_received,
            messages_sent=self._messages_sent,
            messages_received=self._messages_received,
            last_received=self._last_received,
        )

    def cut(self) -> None:
        """Break the connection off, as a lost network does: both ends see 1006 behind what has arrived."""
        self._inbox.end(Ending.lost("cut"))
        self._peer._inbox.end(Ending.lost("cut"))

    def stall(self) -> None:
        """Accept no more data: the peer's sends wait, and time out after its ``send_timeout``."""
        self._stalled = True

    def resume(self) -> None:
        """Accept data again after :meth:`stall`."""
        self._stalled = False
        self._inbox.wake_writers()

    def end_both(self, ending: Ending, peer_ending: Ending) -> None:
        """End the connection at once, each side with an ending of its own. The first ending of a side counts."""
        self._inbox.end(ending)
        self._peer._inbox.end(peer_ending)

    def _use(self) -> None:
        if self.on_use is not None:
            self.on_use()

    async def _send(self, message: str | bytes, size: int) -> None:
        self._use()
        await trio.lowlevel.checkpoint()
        peer = self._peer
        if self._must_wait():
            timeout = self._config.send_timeout
            with trio.CancelScope() as scope:
                if timeout is not None:
                    scope.deadline = trio.current_time() + timeout
                while self._must_wait():
                    await peer._inbox.changed()
            if scope.cancelled_caught and timeout is not None:
                self.end_both(Ending.stalled(timeout), Ending.lost("the peer gave up sending"))
        if self._inbox.ending is not None:
            raise self._inbox.ending.error()
        self._bytes_sent += size
        self._messages_sent += 1
        peer._take(message, size)

    def _must_wait(self) -> bool:
        return not self.ended and (self._peer._stalled or self._peer._inbox.full)

    def _take(self, message: str | bytes, size: int) -> None:
        limit = self._config.max_size
        self._last_received = trio.current_time()
        self._bytes_received += size
        if limit is not None and size > limit:
            self.end_both(Ending.too_big(limit), Ending.closed(TOO_BIG, "message too big"))
            return
        self._messages_received += 1
        self._inbox.put(message)


def memory_wire_pair(
    *, config: TransportConfig = _DEFAULTS, max_buffered: int = MAX_BUFFERED
) -> tuple[MemoryWire, MemoryWire]:
    """Make two wires that are connected with each other.

    Args:
        config: limits and deadlines of both.
        max_buffered: bytes that may wait in each direction before a send waits (16 MiB).

    Returns:
        The client's end and the server's.
    """
    return MemoryWire.pair(config, max_buffered)


def connector(serve: Handler, *, authorize: Authorize | None = None, max_buffered: int = MAX_BUFFERED) -> Connector:
    """Make a connector that runs the server beside the client, in memory.

    Each connection runs ``serve(wire, request)`` as a task for the length of the client's block. When the block ends
    the client closes with 1000; ``serve`` has ``close_timeout`` to notice and is cancelled then. A ``serve`` that
    returns closes with 1000, one that raises with 1011; what it raised is the ``__cause__`` of the client's error.

    Args:
        serve: the server's part. Without ``authorize`` it accepts the client by its first use of the wire, which has
            ``handshake_timeout``, and may raise :exc:`HandshakeRejected` before.
        authorize: decides on its own; the client is accepted as soon as it returns.
        max_buffered: bytes that may wait in each direction before a send waits.
    """

    @asynccontextmanager
    async def connect(request: WireRequest) -> AsyncGenerator[Wire, None]:
        check_request(request)
        link = _Link(serve, authorize, request, max_buffered)
        async with beside(link.run, ready=link.wait_accepted, leave=link.leave):
            yield link.client

    return connect


class _Link:
    """One connection of :func:`connector`."""

    def __init__(self, serve: Handler, authorize: Authorize | None, request: WireRequest, max_buffered: int) -> None:
        self.client, self.server = memory_wire_pair(config=request.config, max_buffered=max_buffered)
        self._serve = serve
        self._authorize = authorize
        self._request = request
        self._scope = trio.CancelScope(shield=True)
        self._settled = trio.Event()
        self._accepted = False
        self._failure: AgentsException | None = None
        self.server.on_use = self._accept

    async def run(self) -> None:
        with self._scope:
            try:
                await self._run_server()
            except Exception as exc:  # noqa: BLE001 - a server's failure is its client's to see, over the wire
                self._crashed(exc)
        cause = None if not self._scope.cancelled_caught else "the server was cancelled"
        ending = Ending.closed(1000) if cause is None else Ending.closed(1001, cause)
        self.server.end_both(Ending.closed_here(1000), ending)
        self._accept()

    async def wait_accepted(self) -> None:
        timeout = self._request.config.handshake_timeout
        with trio.CancelScope() as scope:
            if timeout is not None:
                scope.deadline = trio.current_time() + timeout
            await self._settled.wait()
        if scope.cancelled_caught:
            self._scope.cancel()
            seconds = timeout or 0.0
            raise RealtimeTimeoutError(
                f"the server did not accept within {seconds:g} seconds", name="connect", seconds=seconds
            )
        if self._failure is not None:
            raise self._failure

    def leave(self) -> None:
        """End the connection from the client's side, and the server's task with it."""
        self.client.end_both(Ending.closed_here(1000), Ending.closed(1000))
        self._scope.deadline = trio.current_time() + self._request.config.close_timeout

    async def _run_server(self) -> None:
        if self._authorize is not None:
            await self._authorize(self._request)
            self._accept()
        await self._serve(self.server, self._request)

    def _accept(self) -> None:
        self._accepted = True
        self._settled.set()

    def _crashed(self, exc: Exception) -> None:
        if not self._accepted:
            refused = exc if isinstance(exc, HandshakeRejected) else None
            status, headers, body = (
                (500, {}, "") if refused is None else (refused.status, refused.headers, refused.body)
            )
            self._failure = rejection(status, headers.items(), body.encode())
            self._failure.__cause__ = None if refused is not None else exc
            return
        if self.client.ended and only_tells_of_an_end(exc):
            return
        ending = Ending(
            message="the connection was closed with code 1011 (internal error): the server failed",
            code=1011,
            reason="the server failed",
            cause=exc,
        )
        self.server.end_both(Ending.closed_here(1011), ending)
