from __future__ import annotations

import gc
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from tests.session_tasks.support import FakeModel, audio, drain, kinds, make, scripted, scripted_session
from trio_realtime import (
    RealtimeAudio,
    RealtimeConnectionEvent,
    RealtimeDtmf,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeRawModelEvent,
    RealtimeTranscript,
    UserError,
    UserTypeError,
)
from trio_realtime import model_events as m
from trio_realtime.config import DeliverySettings
from trio_realtime.core.delivery import EventBuffer, Unbuilt
from trio_realtime.core.playback import Playback
from trio_realtime.session_tasks.streams import EventStream


def dtmf(key: Any) -> m.RealtimeModelDtmfEvent:
    return m.RealtimeModelDtmfEvent(event=str(key))


async def test_readers_are_independent_and_number_for_themselves(autojump_clock: Any) -> None:
    model = scripted()
    async with await make(model) as session:
        everything, keys = session.events(), session.events(RealtimeDtmf)
        several = session.events(RealtimeDtmf, RealtimeConnectionEvent)
        await model.emit(dtmf(1), audio(), dtmf(2))
        await session.close()
        for stream, expected in [
            (session, ["connection", "history_updated", "dtmf", "audio", "dtmf", "connection"]),
            (everything, ["dtmf", "audio", "dtmf", "connection"]),
            (keys, ["dtmf", "dtmf"]),
            (several, ["dtmf", "dtmf", "connection"]),
        ]:
            events, error = await drain(stream)
            assert error is None
            assert kinds(events) == expected
            assert [event.seq for event in events] == list(range(1, len(events) + 1))


async def test_a_reader_made_after_the_end(autojump_clock: Any) -> None:
    lost = ValueError("lost")
    model = FakeModel()
    async with await make(model) as session:
        await model.connection.put(lost)
        assert (await drain(session.events()))[1] is lost
        assert (await drain(session.events(RealtimeAudio)))[1] is lost


async def test_two_tasks_share_one_reader(autojump_clock: Any) -> None:
    model = scripted()
    seen: dict[str, list[Any]] = {"a": [], "b": []}
    async with await make(model) as session, trio.open_nursery() as nursery:

        async def read(name: str) -> None:
            async for event in session:
                seen[name].append(event.seq)
                await trio.lowlevel.checkpoint()

        nursery.start_soon(read, "a")
        nursery.start_soon(read, "b")
        for key in range(5):
            await model.emit(dtmf(key), dtmf(key))
        await session.close()
    assert sorted(seen["a"] + seen["b"]) == list(range(1, 14))
    assert seen["a"]
    assert seen["b"]


async def test_breaking_off_and_going_on(autojump_clock: Any) -> None:
    model = scripted()
    async with await make(model) as session:
        await model.emit(dtmf(1), dtmf(2))
        async for event in session:
            assert event.seq == 1
            break
        async for event in session:
            assert event.seq == 2
            break
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(aiter(session))
        assert scope.cancelled_caught
        assert (await anext(aiter(session))).seq == 3  # the cancellation lost nothing
        assert aiter(session) is aiter(session)


async def test_a_cancelled_wait_loses_nothing(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        keys = session.events(RealtimeDtmf)
        with trio.move_on_after(1) as scope:
            await anext(keys)
        assert scope.cancelled_caught
        await model.emit(dtmf(7))
        assert (await anext(keys)).event == "7"


async def test_a_full_buffer_lets_other_tasks_run(autojump_clock: Any) -> None:
    model = scripted()
    steps = 0
    done = False
    async with await make(model) as session, trio.open_nursery() as nursery:
        await model.emit(*(dtmf(i) for i in range(200)))

        async def other() -> None:
            nonlocal steps
            while not done:
                steps += 1
                await trio.lowlevel.checkpoint()

        nursery.start_soon(other)
        keys = 0
        async for event in session:
            keys += event.type == "dtmf"
            if keys == 200:
                break
        done = True
    assert 5 <= steps <= 20


async def test_only_event_classes_are_taken(autojump_clock: Any) -> None:
    session = await make(scripted())
    for wrong in (int, m.RealtimeModelAudioEvent, "audio", object):
        with pytest.raises(UserTypeError, match="takes event classes"):
            session.events(wrong)
    with pytest.raises(UserError, match="enter the session first"):
        aiter(session)


async def test_a_reader_may_be_made_before_entering(autojump_clock: Any) -> None:
    session = await make(scripted())
    early = session.events()
    async with session:
        assert (await anext(early)).status == "connected"


async def test_a_reader_that_is_let_go_is_forgotten(autojump_clock: Any) -> None:
    async with scripted_session() as (session, _):
        stream = session.events(RealtimeAudio)
        assert len(session._hub.delivery.streams) == 2
        del stream
        gc.collect()
        assert len(session._hub.delivery.streams) == 1


async def test_what_nobody_selected_is_not_built(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of audio, words, history and raw events; until the session itself is read, which then gives everything."""
    built: list[type[Any]] = []
    real = Unbuilt.build

    def build(unbuilt: Unbuilt) -> Any:
        built.append(unbuilt.kind)
        return real(unbuilt)

    monkeypatch.setattr(Unbuilt, "build", build)
    async with scripted_session(raw_events=True) as (session, model):
        keys = session.events(RealtimeDtmf)
        hub = session._hub
        most = (RealtimeAudio, RealtimeTranscript, RealtimeHistoryAdded, RealtimeHistoryUpdated, RealtimeRawModelEvent)
        assert [hub.delivery.selects(kind) for kind in (*most, RealtimeDtmf)] == [False] * 5 + [True]

        words = m.RealtimeModelTranscriptDeltaEvent(item_id="item_1", delta="Hi", response_id="resp_1")
        await model.emit(audio(100), words)
        await model.emit(dtmf(5))
        assert (await anext(keys)).type == "dtmf"
        assert built == []
        assert session.statistics().buffered_ms == 100

        sound = session.events(RealtimeAudio)
        await model.emit(audio(100))
        assert hub.delivery.selects(RealtimeAudio)
        assert built == []
        first = await anext(sound)

        own = aiter(session)
        types = [(await anext(own)).type for _ in range(len(session._events.buffer))]
        assert types.count("audio") == 2
        assert types.count("raw_model_event") == 4
        assert {"transcript", "history_added", "dtmf"} < set(types)
        assert built.count(RealtimeAudio) == 1, "the second was built for the other reader, and is the same"
        assert built.count(RealtimeTranscript) == 1
        assert isinstance(first, RealtimeAudio)
        assert all(hub.delivery.selects(kind) for kind in most), "the session is read"

        built.clear()
        await model.emit(audio(100), words)
        assert (await anext(own)).type == "raw_model_event"
        assert (await anext(own)).type == "audio"
        assert built == []


async def test_a_reader_that_is_gone_selects_nothing(autojump_clock: Any) -> None:
    async with scripted_session() as (session, _):
        delivery = session._hub.delivery
        sound = session.events(RealtimeAudio)
        assert delivery.selects(RealtimeAudio)
        del sound
        gc.collect()
        assert not delivery.selects(RealtimeAudio)


async def test_what_was_not_built_can_be_purged(autojump_clock: Any) -> None:
    """An interruption takes audio away that nobody had built, of its response only."""
    async with scripted_session() as (session, model):
        await model.emit(audio(100))
        assert session.statistics().buffered_ms == 100
        session._hub.delivery.purge_audio("another")
        assert session.statistics().buffered_ms == 100
        session._hub.delivery.purge_audio(audio(100).response_id)
        assert session.statistics().buffered_ms == 0


async def test_audio_is_counted_as_given_once(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(Playback, "given", lambda _, *args: given.append(args))
    async with scripted_session() as (session, model):
        first, second = session.events(RealtimeAudio), session.events(RealtimeAudio)
        await model.emit(audio(100))
        await anext(first)
        await anext(second)
        assert [args[2] for args in given] == [100]


async def test_waiting_for_room() -> None:
    settings = DeliverySettings(max_buffered_ms=100)
    buffer = EventBuffer(settings)
    buffer.begun = True
    stream: EventStream[Any] = EventStream(buffer, lambda *_: None, lambda: None)
    await stream.wait_for_room()  # there is room
    stream.finish(None)
    stream.finish(ValueError())  # the first end counts
    await wait_all_tasks_blocked()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
