"""Fakes for the tests of the transports: a pipe with a small buffer, and a WebSocket peer made of bare wsproto."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType

import attrs
import trio
import wsproto
from trio.testing import memory_stream_pair
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Pong, Request, TextMessage

from trio_realtime.transport import trio_websocket, websockets
from trio_realtime.transport.base import Connector, TransportConfig, Wire, WireRequest
from trio_realtime.transport.dialing import OpenStream

TRANSPORTS: dict[str, ModuleType] = {"trio-websocket": trio_websocket, "websockets": websockets}
"""The transports over sockets, by the name that users choose them with."""

URL = "ws://localhost/v1/realtime?model=m"


class _Direction:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.data = bytearray()
        self.writer_closed = self.reader_closed = False
        self.lot = trio.lowlevel.ParkingLot()


class PipeStream(trio.abc.Stream):
    """A stream whose buffer is as small as one likes, so that a send can be stopped in the middle of a frame."""

    def __init__(self, out: _Direction, into: _Direction) -> None:
        self._out, self._into = out, into

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        rest = bytes(data)
        while rest:
            if self._out.writer_closed:
                raise trio.ClosedResourceError
            if self._out.reader_closed:
                raise trio.BrokenResourceError
            room = self._out.capacity - len(self._out.data)
            if room > 0:
                self._out.data += rest[:room]
                rest = rest[room:]
                self._out.lot.unpark_all()
            else:
                await self._out.lot.park()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self._into.data:
            if self._into.reader_closed:
                raise trio.ClosedResourceError
            if self._into.writer_closed:
                return b""
            await self._into.lot.park()
        size = max_bytes or len(self._into.data)
        data = bytes(self._into.data[:size])
        del self._into.data[:size]
        self._into.lot.unpark_all()
        return data

    async def aclose(self) -> None:
        self._out.writer_closed = self._into.reader_closed = True
        self._out.lot.unpark_all()
        self._into.lot.unpark_all()
        await trio.lowlevel.checkpoint()


def pipe_pair(capacity: int) -> tuple[PipeStream, PipeStream]:
    a, b = _Direction(capacity), _Direction(capacity)
    return PipeStream(a, b), PipeStream(b, a)


class Peer:
    """The server's side of a WebSocket, frame by frame."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.ws = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        self.request: Request | None = None
        self._events: list[Event] = []

    async def accept(self, first: bytes = b"") -> None:
        event = await self.event()
        assert isinstance(event, Request)
        self.request = event
        await self.stream.send_all(self.ws.send(AcceptConnection()) + first)

    async def event(self) -> Event | None:
        """The next event, or None at the end of the stream."""
        while not self._events:
            data = await self.stream.receive_some()
            if not data:
                return None
            self.ws.receive_data(data)
            self._events.extend(self.ws.events())
        return self._events.pop(0)

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self.ws.send(event))

    async def messages(self) -> AsyncGenerator[str | bytes, None]:
        """Whole messages; pings are answered, and so is the close, which ends them."""
        parts: list[str | bytes] = []
        while (event := await self.event()) is not None:
            if isinstance(event, TextMessage | BytesMessage):
                parts.append(event.data)
                if event.message_finished:
                    yield type(event.data)().join(parts)  # type: ignore[arg-type]
                    parts = []
            elif isinstance(event, Ping):
                await self.send(Pong(payload=event.payload))
            elif isinstance(event, CloseConnection):
                await self.send(event.response())
                return


ServePeer = Callable[[Peer], Awaitable[None]]


def request(*, url: str = URL, headers: dict[str, str] | None = None, **config: object) -> WireRequest:
    return WireRequest(url=url, headers=headers or {}, config=TransportConfig(**config))  # type: ignore[arg-type]


class Chosen:
    """The transport of the running test; the fixture ``transport`` sets it."""

    module: ModuleType = trio_websocket


def connect(asked: WireRequest) -> AbstractAsyncContextManager[Wire]:
    """Connect with the transport under test."""
    wire: AbstractAsyncContextManager[Wire] = Chosen.module.connect(asked)
    return wire


def stream_connector(open_stream: OpenStream) -> Connector:
    """A connector of the transport under test."""
    connector: Connector = Chosen.module.stream_connector(open_stream)
    return connector


def peer_connector(
    nursery: trio.Nursery,
    serve: ServePeer,
    pair: Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]] = memory_stream_pair,
) -> Connector:
    """A connector over streams in memory; each connection gets a task that plays the server, frame by frame."""

    async def open_stream() -> trio.abc.Stream:
        client, server = pair()
        nursery.start_soon(serve, Peer(server))
        return client

    return stream_connector(open_stream)


@asynccontextmanager
async def opened(nursery: trio.Nursery, serve: ServePeer, **config: object) -> AsyncGenerator[Wire, None]:
    async with peer_connector(nursery, serve)(request(**config)) as wire:  # type: ignore[arg-type]
        yield wire


@attrs.define
class Timer:
    """How long something took on trio's clock."""

    start: float = attrs.field(factory=trio.current_time)

    @property
    def seconds(self) -> float:
        return trio.current_time() - self.start


Opened = AbstractAsyncContextManager[Wire]
