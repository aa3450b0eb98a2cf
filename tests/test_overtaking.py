"""An interruption overtakes what the application has not taken yet, over each transport."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner
from trio_realtime.transport import memory, trio_websocket, websockets
from trio_realtime.transport.base import Connector, Wire, WireRequest
from trio_realtime.transport.trio_websocket import serve_stream

FRAMES = 500
HEARD = 3
IDS = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
SOUND = base64.b64encode(bytes(4800)).decode()  # 100 ms


def event(type: str, **fields: Any) -> str:
    return json.dumps({"type": type, "event_id": "event_1", **fields})


class Service:
    """Says hello, and an answer of many frames; then, when told to, the user speaks while more of it comes."""

    def __init__(self) -> None:
        self.speak = trio.Event()
        self.received: list[dict[str, Any]] = []

    async def serve(self, wire: Wire, _: WireRequest) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._answer, wire)
            while True:
                message = json.loads(await wire.receive())
                self.received.append(message)
                if message["type"] == "session.update":
                    await wire.send(event("session.updated", session={"type": "realtime"}))
                    nursery.start_soon(self._say, wire)

    async def _answer(self, wire: Wire) -> None:
        await wire.send(event("session.created", session={"type": "realtime"}))

    async def _say(self, wire: Wire) -> None:
        response = {"id": "resp_1", "object": "realtime.response", "status": "in_progress", "output": []}
        item = {"id": "item_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        await wire.send(event("response.created", response=response))
        await wire.send(event("response.output_item.added", response_id="resp_1", output_index=0, item=item))
        for _ in range(HEARD + FRAMES):
            await wire.send(event("response.output_audio.delta", delta=SOUND, **IDS))
        await self.speak.wait()
        await wire.send(event("input_audio_buffer.speech_started", audio_start_ms=900, item_id="item_2"))
        for _ in range(20):
            await wire.send(event("response.output_audio.delta", delta=SOUND, **IDS))
        await wire.send(event("response.output_audio.done", **IDS))
        ended = {**response, "status": "cancelled", "status_details": {"type": "cancelled", "reason": "turn_detected"}}
        await wire.send(event("response.done", response=ended))


@pytest.fixture(params=["memory", "trio-websocket", "websockets"])
def service(request: pytest.FixtureRequest, nursery: trio.Nursery) -> tuple[Service, Connector]:
    served = Service()

    async def open_stream() -> trio.abc.Stream:
        client, server = memory_stream_pair()
        nursery.start_soon(serve_stream, server, served.serve)
        return client

    async def accept(_: WireRequest) -> None: ...

    connectors = {
        "memory": memory.connector(served.serve, authorize=accept),
        "trio-websocket": trio_websocket.stream_connector(open_stream),
        "websockets": websockets.stream_connector(open_stream),
    }
    return served, connectors[request.param]


async def test_the_interruption_is_the_next_event_and_no_audio_follows(
    autojump_clock: Any, service: tuple[Service, Connector]
) -> None:
    served, connector = service
    model = OpenAIRealtimeWebSocketModel(transport=connector)
    async with await RealtimeRunner(RealtimeAgent("A"), model=model).run(model_config={"api_key": "none"}) as session:
        events = aiter(session)
        played = 0
        while played < HEARD:
            played += (await anext(events)).type == "audio"
        await trio.sleep(0.25)  # 250 ms of what was given are heard, and the application looks away
        await wait_all_tasks_blocked()
        assert session.statistics().buffered_ms == FRAMES * 100, "all of it waits"

        served.speak.set()
        await trio.sleep(0.01)
        types: list[str] = []
        with trio.move_on_after(5):
            while "agent_end" not in types:
                types.append((await anext(events)).type)
        await wait_all_tasks_blocked()
        assert types[0] == "audio_interrupted"
        assert [name for name in types if name != "history_updated"][1] == "user_speech_started"
        assert "audio" not in types
        assert types[-1] == "agent_end"
        assert session.statistics().buffered_ms == 0
    cuts = [sent for sent in served.received if sent["type"] == "conversation.item.truncate"]
    assert [cut["audio_end_ms"] for cut in cuts] == [250]
    assert not any(sent["type"] == "response.cancel" for sent in served.received), "the service has cancelled already"
