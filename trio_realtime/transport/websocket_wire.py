"""A wire over trio-websocket, through its public interface alone.

The connection lives in one shielded task with a nursery of its own. So a cancellation reaches the block that uses the
wire first, then the closing handshake runs, then the task ends; and nothing that trio-websocket raises leaves that task
other than as a value.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import trio
from trio_websocket import CloseReason, ConnectionClosed, ConnectionRejected, WebSocketConnection
from wsproto.utilities import LocalProtocolError

from trio_realtime.errors import AgentsException, RealtimeConnectionError, RealtimeTimeoutError, UserError
from trio_realtime.transport.base import TransportConfig, Wire, WireStatistics
from trio_realtime.transport.endings import TOO_BIG, Ending, check_close, leaves
from trio_realtime.transport.handshakes import HandshakeAnswer, rejection
from trio_realtime.transport.inbox import Inbox, as_text
from trio_realtime.transport.lifetimes import beside
from trio_realtime.transport.stream_proxy import StreamProxy

__all__ = ["Opener", "WebSocketWire", "running"]

Opener: TypeAlias = Callable[[trio.Nursery, StreamProxy], Awaitable[WebSocketConnection]]
"""Makes the WebSocket handshake, as a client or as a server."""

_HURRY = 0.1  # seconds that a cancelled close still gives its close frame to leave
_UTF8_MAX = 4  # bytes of a character at most


class WebSocketWire(Wire):
    """One WebSocket connection over one stream.

    Args:
        stream: an open stream; the wire closes it.
        config: limits and deadlines.
        opener: makes the handshake.
        deadline: when the handshake has to be done, on the trio clock.
        answer: reads the server's answer along; None on the server's side.
        write_through: whether a send returns when its message is written, not when it is handed over to be written. It
            costs a switch of tasks for each message, and then what is done next to the socket comes after it.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        config: TransportConfig,
        opener: Opener,
        deadline: float,
        answer: HandshakeAnswer | None,
        write_through: bool = False,
    ) -> None:
        self.failure: AgentsException | None = None
        self._config = config
        self._opener = opener
        self._deadline = deadline
        self._proxy = StreamProxy(
            stream, send_timeout=config.send_timeout, linger=config.close_timeout, on_stall=self._stalled
        )
        self._answer = answer
        self._write_through = write_through
        what = "client's request" if answer is None else "server's answer"
        self._invalid = f"the {what} is not a valid WebSocket handshake"
        self._inbox = Inbox()
        self._connection: WebSocketConnection | None = None
        self._scope = trio.CancelScope(shield=True)
        self._settled = trio.Event()
        self._closing = trio.Event()
        self._finished = trio.Event()
        self._close_frame = (1000, "")
        self._close_scope = trio.CancelScope()
        self._messages_sent = 0
        self._messages_received = 0
        self._latency: float | None = None

    @property
    def ended(self) -> bool:
        """Whether the connection is over, or on its way to be."""
        return self._inbox.ending is not None

    async def send(self, message: str | bytes) -> None:
        """See :meth:`Wire.send`."""
        await self._send(as_text(message))

    async def send_binary(self, message: bytes) -> None:
        """Send a binary message; for servers and tests, the Realtime API has none. As :meth:`send` otherwise."""
        await self._send(message)

    async def receive(self) -> str | bytes:
        """See :meth:`Wire.receive`."""
        return await self._inbox.receive()

    def receive_nowait(self) -> str | bytes | None:
        """See :meth:`Wire.receive_nowait`."""
        return self._inbox.receive_nowait()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """See :meth:`Wire.aclose`."""
        check_close(code, reason)
        self.begin_close(code, reason)
        try:
            await self._finished.wait()
        except trio.Cancelled:
            self._close_scope.deadline = min(self._close_scope.deadline, trio.current_time() + _HURRY)
            raise

    def statistics(self) -> WireStatistics:
        """See :meth:`Wire.statistics`."""
        return WireStatistics(
            bytes_sent=self._proxy.bytes_sent,
            bytes_received=self._proxy.bytes_received,
            messages_sent=self._messages_sent,
            messages_received=self._messages_received,
            last_received=self._proxy.last_received,
            latency=self._latency,
        )

    async def wait_open(self) -> None:
        """Wait until the handshake is made. A checkpoint; a cancellation gives the connection up.

        Raises:
            HandshakeRejected, RealtimeConnectionError, RealtimeTimeoutError: there is no connection.
        """
        try:
            await self._settled.wait()
        except trio.Cancelled:
            self._scope.cancel()
            raise
        if self.failure is not None:
            raise self.failure

    def begin_close(self, code: int = 1000, reason: str = "") -> None:
        """Start to close without waiting; the first call, or the peer's own close before it, counts."""
        if self._end(Ending.closed_here(code, reason)):
            self._close_frame = (code, reason)

    async def run(self) -> None:
        """Hold the connection from the handshake to the end. Raises nothing but what interrupts the program."""
        with self._scope:
            try:
                async with trio.open_nursery() as inner:
                    inner.start_soon(self._proxy.write_frames)
                    connection = await self._open(inner)
                    inner.start_soon(self._pump, connection)
                    inner.start_soon(self._heartbeat, connection, inner)
                    await self._closing.wait()
                    await self._close(connection)
                    inner.cancel_scope.cancel()
            except Exception as exc:  # noqa: BLE001 - it leaves this task as a value
                self._crashed(exc)
            finally:
                self._end(Ending.lost())
                self._settled.set()
                if self._inbox.ending is not None and self._inbox.ending.code == TOO_BIG:
                    with trio.move_on_after(self._config.close_timeout):
                        await self._proxy.drain()
                await trio.aclose_forcefully(self._proxy)
                self._finished.set()

    async def _open(self, inner: trio.Nursery) -> WebSocketConnection:
        proxy = self._proxy
        connection: WebSocketConnection | None = None
        with trio.CancelScope(deadline=self._deadline) as scope:
            proxy.on_over = scope.cancel
            if self._answer is not None:
                self._answer.on_settled = scope.cancel
                proxy.on_data = self._answer.feed
            connection = await self._opener(inner, proxy)
        proxy.on_over = proxy.on_data = None
        if connection is None:
            raise self._why_not_open()
        self._connection = connection
        self._settled.set()
        return connection

    def _why_not_open(self) -> AgentsException:
        answer = self._answer
        refusal = answer.refusal() if answer is not None else None
        if refusal is not None:
            return refusal
        if not self._proxy.over.is_set():
            seconds = self._config.handshake_timeout or 0.0
            return RealtimeTimeoutError(
                f"the WebSocket handshake was not done within {seconds:g} seconds", name="connect", seconds=seconds
            )
        return RealtimeConnectionError("the connection was closed during the WebSocket handshake")

    async def _send(self, message: str | bytes) -> None:
        connection = self._connection
        if self._inbox.ending is not None or connection is None:
            await trio.lowlevel.checkpoint()
            raise self._error(None)
        try:
            await connection.send_message(message)
        except (ConnectionClosed, LocalProtocolError):
            error = self._error(connection.closed)
        except UnicodeEncodeError as exc:
            raise UserError(f"the message has a lone surrogate at position {exc.start}, which cannot be sent") from None
        else:
            if self._write_through:
                await self._proxy.flush()
            if not self._proxy.write_failed:
                self._messages_sent += 1
                return
            # Reading goes on for a moment: the peer's close frame says more than our failed write.
            await self._proxy.over.wait()
            error = self._error(connection.closed)
        raise error

    def _error(self, reason: CloseReason | None) -> AgentsException:
        ending = self._inbox.ending or _ending(reason)
        return ending.error()

    async def _pump(self, connection: WebSocketConnection) -> None:
        """Move messages into the inbox, so that pings and the close are seen while nobody calls receive."""
        inbox, limit = self._inbox, self._config.max_size
        try:
            while True:
                message = await connection.get_message()
                if limit is not None and _longer(message, limit):
                    self._end(Ending.too_big(limit))
                    self._close_frame = (TOO_BIG, "message too big")
                    return
                self._messages_received += 1
                inbox.put(message)
                while inbox.full and inbox.ending is None:
                    await inbox.changed()
        except ConnectionClosed as exc:
            self._end(_ending(exc.reason))

    async def _heartbeat(self, connection: WebSocketConnection, inner: trio.Nursery) -> None:
        """Ping at intervals; end the connection when nothing at all came for ``ping_timeout`` after a ping."""
        interval, timeout = self._config.ping_interval, self._config.ping_timeout
        if interval is None:
            return
        while True:
            await trio.sleep(interval)
            answered = trio.Event()
            pinged = trio.current_time()
            inner.start_soon(self._ping, connection, answered)
            while not answered.is_set():
                # A peer that is busy sending is alive, even where its pong has to wait behind the data.
                quiet_since = max(pinged, self._proxy.last_received)
                deadline = math.inf if timeout is None else quiet_since + timeout
                if trio.current_time() >= deadline:
                    self._end(Ending.silent(timeout or 0.0))
                    return
                with trio.move_on_at(deadline):
                    await answered.wait()

    async def _ping(self, connection: WebSocketConnection, answered: trio.Event) -> None:
        sent = trio.current_time()
        try:
            await connection.ping()
        except (ConnectionClosed, LocalProtocolError):
            return
        self._latency = trio.current_time() - sent
        answered.set()

    async def _close(self, connection: WebSocketConnection) -> None:
        ending = self._inbox.ending
        if ending is not None and ending.deadline is not None:
            return  # nobody is there to answer
        self._close_scope.deadline = min(self._close_scope.deadline, trio.current_time() + self._config.close_timeout)
        with self._close_scope:
            await connection.aclose(*self._close_frame)
            await self._proxy.flush()  # a close frame that answers the peer's, or tells of a message over the limit

    def _stalled(self) -> None:
        self._end(Ending.stalled(self._config.send_timeout or 0.0))

    def _end(self, ending: Ending) -> bool:
        first = self._inbox.end(ending)
        self._closing.set()
        return first

    def _crashed(self, exc: Exception) -> None:
        """Make a value of what came out of trio-websocket's reader, or of the handshake."""
        found = leaves(exc)
        if self._settled.is_set():
            # While closing this is noise: a ping that crosses our close frame makes the reader raise.
            self._end(Ending.lost("the WebSocket layer failed", cause=found[0]))
            return
        ours = [leaf for leaf in found if isinstance(leaf, AgentsException)]
        refused = [leaf for leaf in found if isinstance(leaf, ConnectionRejected)]
        if ours:
            self.failure = ours[0]
        elif refused:
            answer = self._answer
            refusal = answer.refusal() if answer is not None else None
            self.failure = refusal or rejection(refused[0].status_code, (), b"")
        else:
            self.failure = RealtimeConnectionError(self._invalid)
            self.failure.__cause__ = found[0]


def running(wire: WebSocketWire) -> AbstractAsyncContextManager[None]:
    """Hold a wire's connection for the length of a block, from the handshake on, and close it at the end.

    The exception of the block leaves it as the same object. The close is shielded and takes ``close_timeout`` at most.

    Raises:
        HandshakeRejected, RealtimeConnectionError, RealtimeTimeoutError: there is no connection.
    """
    return beside(wire.run, ready=wire.wait_open, leave=wire.begin_close)


def _ending(reason: CloseReason | None) -> Ending:
    if reason is None:
        return Ending.lost("the peer broke the WebSocket protocol")
    return Ending.closed(reason.code, reason.reason)


def _longer(message: str | bytes, limit: int) -> bool:
    """Whether a message has more bytes than the limit; trio-websocket has counted characters."""
    if isinstance(message, bytes) or message.isascii() or len(message) * _UTF8_MAX <= limit:
        return len(message) > limit
    return len(message.encode()) > limit
