"""The transport seam: whole messages in, whole messages out, nothing of the protocol above.

A *wire* is one open connection. A *connector* opens one: it is an async context manager function of a
:class:`WireRequest`. Built in are :func:`trio_realtime.transport.trio_websocket.connect`,
:func:`trio_realtime.transport.websockets.connect` and :func:`trio_realtime.transport.memory.connector`; any function of
the same shape can take their place.
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs
import trio

from trio_realtime._urls import shown_url
from trio_realtime.transport.lending import Lending

__all__ = ["BURST", "Authorize", "Connector", "Handler", "TransportConfig", "Wire", "WireRequest", "WireStatistics"]

BURST: Final = 32
"""How many messages are taken from a full wire before other tasks get a turn."""


@attrs.frozen(kw_only=True)
class TransportConfig:
    """Limits and deadlines of one connection. Times are in seconds; None turns a deadline off.

    Attributes:
        handshake_timeout: TCP, TLS and WebSocket handshake together (10: a healthy service answers in one).
        ping_interval: pause between our own pings (20, the value that servers commonly use).
        ping_timeout: how long the peer may be silent after a ping (20).
        close_timeout: how long the closing handshake may take (2: a close must not delay a shutdown).
        send_timeout: how long the peer may accept no data (10) before the connection counts as lost.
        max_size: largest incoming message in bytes (16 MiB); a larger one closes the connection with 1009.
        ssl_context: used for ``wss://``; None makes the default one, which checks certificates.
        proxy: True (the default) goes through the HTTP proxy that the environment names for the host (``HTTPS_PROXY``,
            ``HTTP_PROXY``, ``NO_PROXY``; never for loopback), False through none, a URL through that one.
        allow_insecure_key: let credentials go over plain ``ws://`` to another host than loopback.
    """

    handshake_timeout: float | None = 10.0
    ping_interval: float | None = 20.0
    ping_timeout: float | None = 20.0
    close_timeout: float = 2.0
    send_timeout: float | None = 10.0
    max_size: int | None = 16 * 1024 * 1024
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    proxy: str | bool = attrs.field(default=True, repr=False)
    allow_insecure_key: bool = False


@attrs.frozen(kw_only=True)
class WireRequest:
    """What a connector needs to open a wire.

    Attributes:
        url: ``ws://`` or ``wss://``, with its query (a repr leaves that out, and a user name).
        headers: extra request headers; never shown in a repr.
        config: limits and deadlines.
    """

    url: str = attrs.field(repr=lambda url: repr(shown_url(url)))
    headers: Mapping[str, str] = attrs.field(default=MappingProxyType({}), repr=False)
    config: TransportConfig = TransportConfig()


@attrs.frozen(kw_only=True)
class WireStatistics:
    """Counters of a wire.

    Attributes:
        bytes_sent, bytes_received: on the socket, framing included (in memory: of the messages).
        messages_sent, messages_received: whole messages.
        last_received: trio clock of the last read, in seconds.
        latency: the last ping's round trip in seconds, or None.
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    last_received: float = 0.0
    latency: float | None = None


class Wire(ABC):
    """One open connection that carries whole messages both ways."""

    @abstractmethod
    async def send(self, message: str | bytes) -> None:
        """Send one text message (``bytes`` is UTF-8 that is sent as text).

        It returns when the message is handed over to be written, and waits before that while too much is on its way.

        A checkpoint. A cancellation ends it at once and leaves the message unsent or wholly sent, never cut.

        Raises:
            RealtimeConnectionError: the connection has ended; ``code`` says how.
            RealtimeTimeoutError: the peer accepted no data for ``send_timeout`` (name ``"send"``), or is silent
                (``"heartbeat"``); the wire is dead from then on.
            UserError: the message cannot be sent as UTF-8 text; the wire lives.
        """

    async def send_many(self, messages: Sequence[str | bytes]) -> None:
        """Send text messages in order; as :meth:`send`, but a wire may do it in one write and yield only to wait.

        A cancellation may leave the later ones unsent.
        """
        for message in messages:
            await self.send(message)

    def send_nowait(self, message: bytes | str) -> bool:
        """Send a text message at once, if the wire is open and nothing is in the way. Not a checkpoint.

        Returns:
            whether it was sent; if not, nothing of it was.

        Raises:
            UserError: the message cannot be sent as UTF-8 text.
        """
        del message
        return False

    @abstractmethod
    async def receive(self) -> str | bytes:
        """Give the next whole message: ``str`` for a text message, ``bytes`` for a binary one.

        A checkpoint. A cancellation loses nothing. What arrived before the end is given before the error.

        Raises:
            RealtimeConnectionError: the connection has ended; ``code`` is the close code of the peer
                (1005 where its close frame had none, 1006 where there was no close frame, 1009 after a message over
                the limit), or our own after :meth:`aclose`. 1000 is an error here too.
            RealtimeTimeoutError: the peer is silent (name ``"heartbeat"``), or accepted no data (``"send"``).
        """

    @abstractmethod
    def receive_nowait(self) -> str | bytes | None:
        """Give the next message if one is there already, else None. Not a checkpoint; raises nothing."""

    async def deliver(self, take: Callable[[str | bytes], bool]) -> None:
        """Give the messages to ``take``, each as it comes, until it gives True.

        As calling :meth:`receive` again and again, for less: a wire may read the socket in the task of the caller,
        which saves a turn of another task for each message. Other tasks get a turn after 32 messages at least.

        A checkpoint. A cancellation loses nothing.

        Args:
            take: takes a message; True means that the caller wants no more for now. Must not raise, nor wait. It may be
                called in a task of the wire.

        Raises:
            RealtimeConnectionError, RealtimeTimeoutError: as :meth:`receive`.
            UserError: another task is at it, where a wire cannot serve two.
        """
        while not take(await self.receive()):
            for _ in range(BURST - 1):
                message = self.receive_nowait()
                if message is None:
                    break
                if take(message):
                    return

    @property
    def lending(self) -> Lending | None:
        """What lets another task read in the place of the one that waits in :meth:`deliver`; None if nothing does."""
        return None

    @property
    def read_at(self) -> float:
        """The time of the last read, in seconds on trio's clock; where a wire does not know it, the time now."""
        return trio.current_time()

    @abstractmethod
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Close with the closing handshake, within ``close_timeout``. Idempotent: the first end of a connection counts.

        Callers that wait in :meth:`receive` or :meth:`send` get a RealtimeConnectionError with this code at once. What
        had arrived before can still be received.

        A checkpoint. When cancelled it closes at once, without waiting for the peer.

        Raises:
            UserError: the code or the reason cannot be sent (see RFC 6455, 7.4 and 5.5).
        """

    @abstractmethod
    def statistics(self) -> WireStatistics:
        """The counters now."""


Connector: TypeAlias = Callable[[WireRequest], AbstractAsyncContextManager[Wire]]
"""Opens a wire for the length of an ``async with`` block and closes it at its end.

Raises:
    HandshakeRejected: the server answered with a status other than 101.
    RealtimeConnectionError: refused, no such host, TLS failure, closed during the handshake.
    RealtimeTimeoutError: no wire within ``handshake_timeout`` (name ``"connect"``).
    UserError: a header value or URL part that cannot be sent.
"""

Handler: TypeAlias = Callable[[Wire, WireRequest], Awaitable[None]]
"""The server's part of a connection: gets its end of the wire, and what the client asked for."""

Authorize: TypeAlias = Callable[[WireRequest], Awaitable[None]]
"""Looks at a request before it is accepted; raises :exc:`HandshakeRejected` to refuse it."""
