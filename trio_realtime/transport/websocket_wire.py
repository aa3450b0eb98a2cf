"""A wire over trio-websocket, through its public interface alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, cast

import trio
from trio_websocket import CloseReason, ConnectionClosed, ConnectionRejected, WebSocketConnection
from wsproto.utilities import LocalProtocolError

from trio_realtime.transport.base import TransportConfig
from trio_realtime.transport.endings import TOO_BIG, Ending
from trio_realtime.transport.handshakes import HandshakeAnswer
from trio_realtime.transport.stream_proxy import StreamProxy
from trio_realtime.transport.stream_wire import StreamWire

__all__ = ["Opener", "WebSocketWire"]

Opener: TypeAlias = Callable[[trio.Nursery, StreamProxy], Awaitable[WebSocketConnection]]
"""Makes the WebSocket handshake, as a client or as a server."""

_UTF8_MAX = 4  # bytes of a character at most


class WebSocketWire(StreamWire):
    """One connection of trio-websocket over one stream.

    Args:
        stream: an open stream; the wire closes it.
        config: limits and deadlines.
        opener: makes the handshake.
        deadline: when the handshake has to be done, on the trio clock.
        answer: reads the server's answer along; None on the server's side.
        write_through: whether a send returns when its message is written, not when it is handed over to be written. It
            costs a switch of tasks for each message, and then what is done next to the socket comes after it.
    """

    __slots__ = ("_connection", "_opener", "_write_through")

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
        super().__init__(stream, config=config, deadline=deadline, answer=answer)
        self._opener = opener
        self._write_through = write_through
        self._connection: WebSocketConnection | None = None

    async def send_many(self, messages: Sequence[str | bytes]) -> None:
        """See :meth:`Wire.send_many`."""
        await super().send_many(messages)
        if self._write_through:
            await self._proxy.flush()

    async def send_binary(self, message: bytes) -> None:
        """Send a binary message; for servers and tests, the Realtime API has none. As :meth:`send` otherwise."""
        try:
            await self._open_connection.send_message(message)
        except (ConnectionClosed, LocalProtocolError):
            raise (self._inbox.ending or _ending(self._open_connection.closed)).error() from None
        await self._proxy.flush()
        self._messages_sent += 1

    def send_nowait(self, message: bytes | str) -> bool:
        """See :meth:`Wire.send_nowait`."""
        if self._write_through or self._open_connection.closed is not None:
            return False
        return super().send_nowait(message)

    def _closed_by_peer(self) -> Ending | None:
        reason = self._open_connection.closed
        return None if reason is None else _ending(reason)

    async def _handshake(self, nursery: trio.Nursery) -> None:
        self._connection = await self._opener(nursery, self._proxy)

    @property
    def _open_connection(self) -> WebSocketConnection:
        return cast("WebSocketConnection", self._connection)  # the handshake comes first

    async def _pump(self) -> None:
        connection, inbox, limit = self._open_connection, self._inbox, self._config.max_size
        try:
            while True:
                message = await connection.get_message()
                if limit is not None and _longer(message, limit):
                    self._end(Ending.too_big(limit))
                    self._close_frame = (TOO_BIG, "message too big")
                    return
                self._messages_received += 1
                inbox.put(message)
                self._sieve.delivered()
                while inbox.full and inbox.ending is None:
                    await inbox.changed()
        except ConnectionClosed as exc:
            self._end(_ending(exc.reason))

    def _ping(self, nursery: trio.Nursery, answered: trio.Event) -> None:
        nursery.start_soon(self._ping_and_wait, answered)

    async def _ping_and_wait(self, answered: trio.Event) -> None:
        sent = trio.current_time()
        try:
            await self._open_connection.ping()
        except (ConnectionClosed, LocalProtocolError):
            return
        self._latency = trio.current_time() - sent
        answered.set()

    async def _close_connection(self) -> None:
        await self._open_connection.aclose(*self._close_frame)

    def _refused_with(self, exc: BaseException) -> int | None:
        return exc.status_code if isinstance(exc, ConnectionRejected) else None


def _ending(reason: CloseReason | None) -> Ending:
    if reason is None:
        return Ending.lost("the peer broke the WebSocket protocol")
    return Ending.closed(reason.code, reason.reason)


def _longer(message: str | bytes, limit: int) -> bool:
    """Whether a message has more bytes than the limit; trio-websocket has counted characters."""
    if isinstance(message, bytes) or message.isascii() or len(message) * _UTF8_MAX <= limit:
        return len(message) > limit
    return len(message.encode()) > limit
