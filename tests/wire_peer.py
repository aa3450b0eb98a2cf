"""A WebSocket server of its own kind, on the bytes: it pings while the client's application sleeps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
import trio.testing
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Pong, TextMessage

from trio_realtime.transport import trio_websocket
from trio_realtime.transport.base import Connector
from trio_realtime.transport.dialing import OpenStream

StreamConnector = Callable[[OpenStream], Connector]


@asynccontextmanager
async def pinging_server(
    *, interval: float, frames: int, stream_connector: StreamConnector = trio_websocket.stream_connector
) -> AsyncIterator[tuple[Connector, list[float]]]:
    """Yield a connector and the times at which pings were answered; the server also sends audio nobody reads."""
    answered: list[float] = []

    async def serve(stream: trio.abc.Stream) -> None:
        connection = WSConnection(ConnectionType.SERVER)
        connection.receive_data(await stream.receive_some())
        list(connection.events())
        await stream.send_all(connection.send(AcceptConnection()))

        async def say(event: dict) -> None:
            await stream.send_all(connection.send(TextMessage(data=json.dumps({"event_id": "event_1", **event}))))

        async def ping() -> None:
            while True:
                await trio.sleep(interval)
                await stream.send_all(connection.send(Ping(payload=b"are you there")))

        async def read() -> None:
            async for data in stream:
                connection.receive_data(data)
                for event in connection.events():
                    if isinstance(event, Pong):
                        answered.append(trio.current_time())
                    elif isinstance(event, TextMessage) and "session.update" in event.data:
                        await say({"type": "session.updated", "session": {"type": "realtime", "id": "sess_1"}})
                        await flood()
                    elif isinstance(event, CloseConnection):
                        await stream.send_all(connection.send(event.response()))
                        nursery.cancel_scope.cancel()

        async def flood() -> None:
            for _ in range(frames):
                ids = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
                await say({"type": "response.output_audio.delta", "delta": "AAAA" * 1_000, **ids})

        await say({"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ping)
            await read()

    async with trio.open_nursery() as nursery:

        async def open_stream() -> trio.abc.Stream:
            client, server = trio.testing.memory_stream_pair()
            nursery.start_soon(serve, server)
            return client

        yield stream_connector(open_stream), answered
        nursery.cancel_scope.cancel()
