"""The local server: many clients, one engine, over memory or real sockets."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import attrs
import trio

from trio_realtime.errors import HandshakeRejected, UserError
from trio_realtime.server._link import Cut
from trio_realtime.server.connection import ConnectionOptions, ServerConnection
from trio_realtime.server.engines.base import Engine
from trio_realtime.server.engines.rules import RulesEngine
from trio_realtime.server.faults import Fault, FaultPlan, RejectHandshake, StallHandshake
from trio_realtime.transport.base import Connector, TransportConfig, Wire, WireRequest
from trio_realtime.transport.memory import MemoryWire, connector
from trio_realtime.transport.trio_websocket import serve_stream

__all__ = ["LocalAddress", "LocalServer"]

PATH: Final = "/v1/realtime"
_CONNECTIONS_KEPT: Final = 1_000


@attrs.frozen
class LocalAddress:
    """Where a server listens.

    Attributes:
        host, port: what is bound.
        url: the WebSocket URL for clients, ``ws://127.0.0.1:54321/v1/realtime`` for instance.
    """

    host: str
    port: int
    url: str


class LocalServer:
    """A development and test server that speaks the server side of the OpenAI Realtime API (GA event names).

    It is not a model and not meant for production: an :class:`Engine` says the words, the voice is a synthetic signal,
    turn detection goes by loudness (unless the engine is a :class:`~trio_realtime.server.voice.VoiceEngine`), any key
    and any model name are accepted. The protocol (events, their order and fields, errors, truncation, turn detection,
    cancellation) is the service's, as far as it is known.

    ::

        server = LocalServer()
        async with server.serve() as address:       # real sockets: any client can connect to address.url
            ...
        runner.run(...)                              # or in memory, in virtual time, with server.connector

    Any number of clients may be connected at once, over both ways. The object is for one trio run.

    Args:
        engine: what is said and heard; by default :class:`RulesEngine`.
        faults: things that shall go wrong; see :mod:`trio_realtime.server.faults`.
        pace: how many times faster than real time audio is produced (8: about what the service does); None sends all of
            a response at once. Pauses are sleeps of the trio clock, so a mock clock governs them.
        session_seconds: how long a session may live (3600, as the service's); then error ``session_expired``, close
            1001.
        anonymous_errors: codes of errors whose ``event_id`` stays null, as the service often leaves it; ``"*"`` is all.
        max_queued_events: how many events may wait for a slow client before its session waits (256).
        config: limits and deadlines of the connections that :meth:`serve` accepts.
        wall_clock: gives unix seconds, for ``expires_at``.

    Attributes:
        connections: the clients in the order in which they came, those that have gone included (the last 1,000).

    Raises:
        UserError: a number that makes no sense.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        faults: Iterable[Fault] = (),
        pace: float | None = 8.0,
        session_seconds: float = 3600.0,
        anonymous_errors: Iterable[str] = (),
        max_queued_events: int = 256,
        config: TransportConfig | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if (pace is not None and pace <= 0) or session_seconds <= 0 or max_queued_events < 1:
            raise UserError("pace, session_seconds and max_queued_events must be positive")
        self.engine: RulesEngine | Engine = RulesEngine() if engine is None else engine
        self.connections: list[ServerConnection] = []
        self._options = ConnectionOptions(
            pace=pace,
            session_seconds=session_seconds,
            max_queued_events=max_queued_events,
            anonymous_errors=frozenset(anonymous_errors),
        )
        self._plan = FaultPlan(faults)
        self._config = config or TransportConfig()
        self._wall_clock = wall_clock
        self._count = 0
        self._arrival = trio.Event()
        self._connector = connector(self._serve_memory, authorize=self._authorize)

    def __repr__(self) -> str:
        open_now = sum(not connection.closed for connection in self.connections)
        return f"<LocalServer {type(self.engine).__name__}, {open_now} open of {self._count} connections>"

    def fault(self, *faults: Fault) -> None:
        """Make more things go wrong, from now on."""
        for fault in faults:
            self._plan.add(fault)

    def clear_faults(self) -> None:
        """Let nothing more go wrong."""
        self._plan.clear()

    @property
    def connector(self) -> Connector:
        """Opens connections to this server in memory, exact in virtual time. The URL's host does not matter."""
        return self._connector

    async def wait_connection(self, number: int = 1) -> ServerConnection:
        """Wait for the ``number``-th client, and give its connection.

        A checkpoint; a cancellation leaves nothing behind. Bound it with a scope of your own.
        """
        await trio.lowlevel.checkpoint()
        while True:
            for connection in self.connections:
                if connection.number == number:
                    return connection
            await self._arrival.wait()

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, ssl_context: ssl.SSLContext | None = None
    ) -> AsyncGenerator[LocalAddress, None]:
        """Accept WebSocket clients for the length of a block.

        Leaving it closes all connections with 1001; no task outlives it. Entering and leaving are checkpoints. The
        exception of the block leaves it as the same object.

        Args:
            host: the address to bind: loopback unless you say otherwise (there is no access control).
            port: the port, or 0 for a free one.
            ssl_context: serve ``wss://`` with it.

        Raises:
            OSError: the address cannot be bound.
            UserError: the engine lacks something.
        """
        await self.engine.prepare()
        listeners = await trio.open_tcp_listeners(port, host=host)
        first, *others = listeners
        bound: tuple[str, int] = first.socket.getsockname()[:2]
        if port == 0:
            # A name with two addresses would be given two ports; one server has one.
            for other in others:
                await other.aclose()
            listeners = [first]
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        scheme = "ws" if ssl_context is None else "wss"
        address = LocalAddress(bound[0], bound[1], f"{scheme}://{name}:{bound[1]}{PATH}")
        parked: BaseException | None = None
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_listeners, partial(self._serve_socket, ssl_context), listeners))
            try:
                yield address
            except BaseException as exc:  # noqa: BLE001 - raised again behind the nursery, which would wrap it
                parked = exc
            nursery.cancel_scope.cancel()
        try:
            if parked is not None:
                raise parked
        finally:
            del parked

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one WebSocket client over a stream that is open already, until it has gone.

        Over ``trio.testing.memory_stream_pair`` this is real WebSocket traffic in virtual time. A checkpoint; when
        cancelled it closes the connection with 1001.
        """
        await self._serve_websocket(stream, stream)

    async def _serve_socket(self, ssl_context: ssl.SSLContext | None, stream: trio.SocketStream) -> None:
        if ssl_context is None:
            await self._serve_websocket(stream, stream)
            return
        secure = trio.SSLStream(stream, ssl_context, server_side=True, https_compatible=True)
        await self._serve_websocket(secure, stream)

    async def _serve_websocket(self, stream: trio.abc.Stream, transport: trio.abc.Stream) -> None:
        async def handler(wire: Wire, request: WireRequest) -> None:
            await self._run(wire, request, partial(_cut_stream, transport))

        await serve_stream(stream, handler, config=self._config, authorize=self._authorize)

    async def _serve_memory(self, wire: Wire, request: WireRequest) -> None:
        await self._run(wire, request, partial(_cut_memory, wire))

    async def _authorize(self, request: WireRequest) -> None:
        """Accept every client, unless a fault says otherwise."""
        del request
        number = self._count + 1
        if self._plan.take(StallHandshake, number) is not None:
            self._count = number
            await trio.sleep_forever()
        refusal = self._plan.take(RejectHandshake, number)
        if refusal is not None:
            self._count = number
            raise HandshakeRejected(
                f"the server refused the connection with status {refusal.status}",
                status=refusal.status,
                headers=refusal.headers,
                body=refusal.body,
            )

    async def _run(self, wire: Wire, request: WireRequest, cut: Cut) -> None:
        await self.engine.prepare()
        self._count += 1
        connection = ServerConnection(
            number=self._count,
            wire=wire,
            request=request,
            cut=cut,
            engine=self.engine,
            plan=self._plan,
            options=self._options,
            unix_time=self._wall_clock(),
        )
        gone = [old for old in self.connections if old.closed]
        if len(self.connections) >= _CONNECTIONS_KEPT and gone:
            self.connections.remove(gone[0])
        self.connections.append(connection)
        self._arrival.set()
        self._arrival = trio.Event()
        await connection.run()


def _cut_memory(wire: Wire, reset: bool) -> None:
    del reset
    if isinstance(wire, MemoryWire):
        wire.cut()


def _cut_stream(stream: trio.abc.Stream, reset: bool) -> None:
    if isinstance(stream, trio.SocketStream):
        if reset:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()
        return
    for half in {getattr(stream, "send_stream", stream), getattr(stream, "receive_stream", stream)}:
        close = getattr(half, "close", None)  # streams in memory have it; what has not is closed behind its last words
        if close is not None:
            close()
