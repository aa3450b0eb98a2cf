"""A task that waits for an event reads the socket itself: whole sessions over real sockets, on each transport."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from trio_realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeDtmf,
    RealtimeRunner,
    RealtimeSession,
    RealtimeUserSpeechStarted,
)
from trio_realtime.transport.base import Wire, WireRequest
from trio_realtime.transport.trio_websocket import serve

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the session's reader reads")
IDS = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}


def event(type: str, **fields: Any) -> str:
    return json.dumps({"type": type, "event_id": "event_1", **fields})


def sound(number: int) -> str:
    return event("response.output_audio.delta", delta=base64.b64encode(bytes([number, 0]) * 480).decode(), **IDS)


class Service:
    """Says hello, begins an answer, and then what it is told to."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []

    async def serve(self, wire: Wire, _: WireRequest) -> None:
        self.wires.append(wire)
        await wire.send(event("session.created", session={"type": "realtime"}))
        while True:
            message = json.loads(await wire.receive())
            if message["type"] == "session.update":
                await wire.send(event("session.updated", session={"type": "realtime"}))
                response = {"id": "resp_1", "object": "realtime.response", "status": "in_progress", "output": []}
                item = {"id": "item_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
                await wire.send(event("response.created", response=response))
                added = event("response.output_item.added", response_id="resp_1", output_index=0, item=item)
                await wire.send(added)

    async def say(self, *messages: str) -> None:
        await self.wires[-1].send_many(messages)


Call = tuple[RealtimeSession[None], Service]


@pytest.fixture(params=["trio-websocket", "websockets"])
async def call(request: pytest.FixtureRequest, nursery: trio.Nursery) -> AsyncGenerator[Call, None]:
    service = Service()
    address = await nursery.start(serve, service.serve)
    agent: RealtimeAgent[None] = RealtimeAgent("A")
    runner = RealtimeRunner(agent, model=OpenAIRealtimeWebSocketModel(transport=request.param))
    with trio.fail_after(20):
        async with await runner.run(model_config={"url": address.url(), "api_key": "none"}) as session:
            async for first in session:
                if first.type == "history_added":
                    break
            yield session, service
    nursery.cancel_scope.cancel()


def reads_itself(session: RealtimeSession[None]) -> bool:
    lending = session._hub.connection.lending
    assert lending is not None
    return lending.lent


async def test_who_waits_for_an_event_reads_it(call: Call, nursery: trio.Nursery) -> None:
    session, service = call
    got: list[int] = []

    async def listen() -> None:
        async for heard in session:
            if isinstance(heard, RealtimeAudio):
                got.append(heard.audio.data[0])

    nursery.start_soon(listen)
    for number in range(5):
        await wait_all_tasks_blocked(0.01)
        assert reads_itself(session)
        await service.say(sound(2 * number), sound(2 * number + 1))
    await service.say(*(sound(number) for number in range(10, 110)))
    while len(got) < 110:
        await trio.lowlevel.checkpoint()
    assert got == list(range(110))


async def test_nobody_listens_and_the_reader_is_on_guard(call: Call) -> None:
    session, service = call
    await service.say(sound(1), sound(2))
    while session.statistics().buffered_events < 2:
        await trio.lowlevel.checkpoint()
    assert not reads_itself(session)
    await service.say(event("input_audio_buffer.speech_started", audio_start_ms=9, item_id="item_2"))
    while session.statistics().buffered_ms:
        await trio.lowlevel.checkpoint()
    assert (await anext(aiter(session))).type == "audio_interrupted"


async def test_what_comes_from_elsewhere_wakes_who_reads(call: Call, nursery: trio.Nursery) -> None:
    session, _ = call
    got: list[str] = []

    async def listen() -> None:
        got.append((await anext(aiter(session))).type)

    nursery.start_soon(listen)
    await wait_all_tasks_blocked(0.01)
    assert reads_itself(session)
    session._hub.publish(RealtimeDtmf(info=session._hub.info, event="1"))
    await wait_all_tasks_blocked()
    assert got == ["dtmf"]


async def test_given_up_waiting_loses_nothing(call: Call) -> None:
    session, service = call
    events = aiter(session)
    for number in range(20):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(anext, events)
                await wait_all_tasks_blocked(0.01)
                assert reads_itself(session)
                scope.cancel()
        await service.say(sound(number))
        heard = await anext(events)
        assert isinstance(heard, RealtimeAudio)
        assert heard.audio.data[0] == number


async def test_several_readers_each_get_what_they_want(call: Call, nursery: trio.Nursery) -> None:
    session, service = call
    got: dict[str, list[str]] = {"audio": [], "speech": [], "all": []}

    async def listen(name: str, stream: Any) -> None:
        async for one in stream:
            got[name].append(one.type)

    nursery.start_soon(listen, "speech", session.events(RealtimeUserSpeechStarted))
    nursery.start_soon(listen, "audio", session.events(RealtimeAudio))
    nursery.start_soon(listen, "all", session)
    await wait_all_tasks_blocked(0.01)
    for _ in range(3):
        await service.say(sound(1))
        await wait_all_tasks_blocked(0.01)
        await service.say(event("input_audio_buffer.speech_started", audio_start_ms=9, item_id="item_2"))
        await wait_all_tasks_blocked(0.01)
    await service.say(event("input_audio_buffer.dtmf_event_received", event="7", received_at=1))
    while "dtmf" not in got["all"]:
        await trio.lowlevel.checkpoint()
    assert got["speech"] == ["user_speech_started"] * 3
    assert got["audio"] == ["audio"]  # the response was interrupted by the first
    assert got["all"].count("user_speech_started") == 3


async def test_the_end_of_the_session_ends_the_wait(call: Call, nursery: trio.Nursery) -> None:
    session, _ = call
    got: list[str] = []

    async def listen() -> None:
        async for one in session:
            got.append(one.type)
        got.append("over")

    nursery.start_soon(listen)
    await wait_all_tasks_blocked(0.01)
    assert reads_itself(session)
    await session.close()
    await wait_all_tasks_blocked(0.01)
    assert got[-1] == "over"


async def test_another_connection_is_read_in_the_same_way(call: Call, nursery: trio.Nursery) -> None:
    session, service = call
    got: list[Any] = []

    async def listen() -> None:
        async for one in session:
            got.append(one)

    nursery.start_soon(listen)
    await wait_all_tasks_blocked(0.01)
    await service.wires[0].aclose(1011, "again, please")
    while not any(one.type == "connection" and one.status == "reconnected" for one in got):
        await trio.sleep(0.01)
    assert len(service.wires) == 2
    await service.say(sound(77))
    while not any(isinstance(one, RealtimeAudio) for one in got):
        await trio.lowlevel.checkpoint()
    await wait_all_tasks_blocked(0.01)
    assert reads_itself(session)
