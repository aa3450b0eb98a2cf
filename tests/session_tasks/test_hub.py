from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.session_tasks.support import FakeModel, audio, begin, drain, kinds, make, now, scripted, scripted_session
from trio_realtime import RealtimeAgent, RealtimeDtmf, SessionClosed
from trio_realtime.audio import PCMU, RealtimePlaybackTracker
from trio_realtime.model_inputs import RealtimeModelSendInterrupt
from trio_realtime.session_tasks.hub import describe_error


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "text"), [(ValueError("x"), "x"), (ValueError(), "ValueError"), (Unspeakable(), "Unspeakable")]
)
def test_describe_error(error: Exception, text: str) -> None:
    assert describe_error(error) == text


async def test_the_first_end_counts(autojump_clock: Any) -> None:
    first = ValueError("first")
    async with scripted_session() as (session, _):
        hub = session._hub
        hub.finish(first)
        hub.finish(ValueError("second"))
        hub.fail(ValueError("third"))
        hub.leave("too late")
        assert hub.status == "closed"
        events, error = await drain(session)
        assert error is first
        assert events[-1].reason == "first"
        with pytest.raises(SessionClosed) as caught:
            hub.check_open()
        assert caught.value.__cause__ is first


async def test_a_failure_after_a_good_end_is_kept_for_leaving(autojump_clock: Any) -> None:
    late = ValueError("late")
    session = await make(scripted())

    async def body() -> None:
        async with session:
            session._hub.finish()
            session._hub.fail(late)

    with pytest.raises(ValueError, match="late") as caught:
        await body()
    assert caught.value is late


async def test_an_unspeakable_failure_still_ends_the_session(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session:
        await model.connection.put(Unspeakable())
        events, error = await drain(session)
        assert isinstance(error, Unspeakable)
        assert events[-1].reason == "Unspeakable"


async def test_publish_first_and_before(autojump_clock: Any) -> None:
    async with scripted_session() as (session, _):
        hub = session._hub
        now(session)
        keys = [RealtimeDtmf(info=hub.info, event=str(i)) for i in range(4)]
        hold = hub.delivery.hold()
        hub.publish(keys[2])
        hub.publish_before(hold, keys[1])
        hub.publish_before(None, keys[3])
        hub.publish_first(keys[0])
        assert [event.event for event in now(session)] == ["0", "1"]
        hub.delivery.release(hold)
        assert [event.event for event in now(session)] == ["2", "3"]
        assert session.statistics().events == 6


async def test_interrupt_with_a_tracker(autojump_clock: Any) -> None:
    tracker = RealtimePlaybackTracker()
    async with scripted_session(model_config={"playback_tracker": tracker}) as (session, model):
        stream = session.events()
        await model.emit(begin(), audio(1000))
        await anext(stream)
        await anext(stream)
        tracker.on_play_ms("i1", 0, 120)
        now(session)
        await session.interrupt()
        await trio.testing.wait_all_tasks_blocked()
        (sent,) = model.sent_events
        assert isinstance(sent, RealtimeModelSendInterrupt)
        assert [point.audio_end_ms for point in sent.truncations] == [120]
        assert tracker.get_state().elapsed_ms is None
        assert kinds(now(session)) == ["audio_interrupted"]


async def test_the_audio_format_follows_the_connection(autojump_clock: Any) -> None:
    tracker = RealtimePlaybackTracker()
    model = FakeModel()
    model.connection = type("G711", (type(model.connection),), {"output_audio_format": PCMU})()
    async with await make(model, model_config={"playback_tracker": tracker}) as session:
        assert session._hub.playback.format == PCMU
        tracker.on_play_bytes("i", 0, bytes(8000))
        assert tracker.get_state().elapsed_ms == 1000


async def test_the_end_fails_who_waits_for_a_configuration(autojump_clock: Any) -> None:
    class Silent(type(FakeModel().connection)):  # type: ignore[misc]
        confirms_configuration = True

    model = FakeModel(Silent())
    async with await make(model) as session, trio.open_nursery() as nursery:

        async def change() -> None:
            with pytest.raises(SessionClosed):
                await session.update_agent(RealtimeAgent("B"))

        nursery.start_soon(change)
        await trio.testing.wait_all_tasks_blocked()
        await session.close()
    assert session.current_agent.name == "Assistant"
    assert trio.current_time() == 0
