from __future__ import annotations

from math import inf
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.session_tasks.support import FakeConnection, FakeModel, audio, begin, drain, kinds, make, now, of
from trio_realtime import RealtimeConnectionError, RealtimeTimeoutError, SessionClosed, UserError
from trio_realtime import model_events as m
from trio_realtime.model_inputs import (
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendUserInput,
)


def message(text: str = "x") -> RealtimeModelSendUserInput:
    return RealtimeModelSendUserInput(user_input=text)


BIG = bytes(64 * 1024)


async def test_a_blocked_connection_holds_senders_up(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session, trio.open_nursery() as nursery:
        model.connection.open = trio.Event()
        await session.send_audio(b"1")
        await wait_all_tasks_blocked()  # taken by the writer, which is stuck with it
        await session.send_audio(BIG)  # waits in the outbox
        times: list[float] = []

        async def send() -> None:
            await session.send_audio(b"2")
            times.append(trio.current_time())

        nursery.start_soon(send)
        await trio.sleep(3)
        assert times == []
        model.connection.open.set()
        await wait_all_tasks_blocked()
        assert times == [3]
        assert [event.audio for event in model.connection.sent] == [b"1", BIG, b"2"]


async def test_a_cancelled_sender_sent_nothing(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session:
        model.connection.open = trio.Event()
        await session.send_audio(b"1")
        await wait_all_tasks_blocked()
        await session.send_audio(BIG)
        for send in (session.send_audio(b"2"), session.send_message("no"), session.send_audio(b"3", commit=True)):
            with trio.move_on_after(1) as scope:
                await send
            assert scope.cancelled_caught
        model.connection.open.set()
        await session.send_audio(b"4")
        await wait_all_tasks_blocked()
        assert [event.audio for event in model.connection.sent] == [b"1", BIG, b"4"]


async def test_audio_that_waits_goes_out_together(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session, trio.open_nursery() as nursery:
        model.connection.open = trio.Event()
        await session.send_audio(b"1")
        await wait_all_tasks_blocked()
        for piece in (b"2", b"3", b"4"):
            await session.send_audio(piece)
        nursery.start_soon(session.send_message, "then")
        await wait_all_tasks_blocked()
        await session.send_audio(b"5")
        model.connection.open.set()
        await wait_all_tasks_blocked()
        kinds_sent = [getattr(event, "audio", "message") for event in model.connection.sent]
        assert kinds_sent == [b"1", b"2", b"3", b"4", "message", b"5"]
        assert model.connection.bursts == [1, 3, 1]


async def test_what_was_handed_over_is_sent_before_the_end(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session:
        for piece in (b"1", b"2", b"3"):
            await session.send_audio(piece)
    assert [event.audio for event in model.connection.sent] == [b"1", b"2", b"3"]


async def test_an_interruption_goes_first(autojump_clock: Any) -> None:
    model = FakeModel()
    async with await make(model) as session:
        await model.connection.put(begin(), audio())
        model.connection.open = trio.Event()
        await session.send_audio(b"1")
        await wait_all_tasks_blocked()
        await session.send_audio(b"2")
        await session.interrupt()
        model.connection.open.set()
        await wait_all_tasks_blocked()
        assert [type(event) for event in model.connection.sent] == [
            RealtimeModelSendAudio,
            RealtimeModelSendInterrupt,
            RealtimeModelSendAudio,
        ]


async def test_refused_events(autojump_clock: Any) -> None:
    """Who waits for it gets the error; for who does not wait it becomes an event."""
    model = FakeModel()
    async with await make(model) as session:
        now(session)
        model.connection.send_error = UserError("no such thing")
        with pytest.raises(UserError, match="no such thing"):
            await session.model.send_event(message())
        assert now(session) == []
        await session.send_message("x")
        await wait_all_tasks_blocked()
        (reported,) = of(now(session), "error")
        assert reported.error is model.connection.send_error
        model.connection.send_error = None
        await session.model.send_event(message("fine"))
        assert [event.user_input for event in model.connection.sent] == ["fine"]


@pytest.mark.parametrize(
    "error", [RealtimeConnectionError("lost"), RealtimeTimeoutError("slow", name="send", seconds=1)]
)
async def test_a_lost_connection(autojump_clock: Any, error: Exception) -> None:
    model = FakeModel()
    async with await make(model, timeouts={"close": 3}) as session:
        model.connection.send_error = error
        with pytest.raises(SessionClosed) as caught:
            await session.model.send_event(message())
        assert caught.value.__cause__ is error
        assert session.status == "connected"  # the reader may know better
        await trio.sleep(4)
        assert session.status == "closed"
        assert (await drain(session))[1] is error


async def test_the_reader_knows_better(autojump_clock: Any) -> None:
    model = FakeModel()
    better = RealtimeConnectionError("closed", code=1001)
    async with await make(model) as session:
        model.connection.send_error = RealtimeConnectionError("lost")
        await session.send_message("x")
        await model.connection.put(better)
        assert (await drain(session))[1] is better


async def test_a_custom_models_own_error_reaches_the_sender_and_the_application(autojump_clock: Any) -> None:
    model = FakeModel()
    error = ZeroDivisionError("custom")
    async with await make(model) as session:
        model.connection.send_error = error
        with pytest.raises(ZeroDivisionError):
            await session.model.send_event(message())
        assert (await drain(session))[1] is error


async def test_the_end_fails_who_waits(autojump_clock: Any) -> None:
    model = FakeModel()
    lost = RealtimeConnectionError("lost")
    errors: list[BaseException | None] = []
    async with await make(model) as session, trio.open_nursery() as nursery:
        model.connection.open = trio.Event()

        async def send(wait: bool) -> None:
            with pytest.raises(SessionClosed) as caught:
                await (session.model.send_event(message()) if wait else session.send_message("x"))
            errors.append(caught.value.__cause__)

        nursery.start_soon(send, True)
        await wait_all_tasks_blocked()
        nursery.start_soon(send, False)
        nursery.start_soon(send, True)
        await wait_all_tasks_blocked()
        await model.connection.put(lost)
        await wait_all_tasks_blocked()
        assert errors == [lost] * 3
        await drain(session)
        with pytest.raises(SessionClosed):
            await session.send_message("x")
        model.connection.open.set()


async def test_time_makes_events(autojump_clock: Any) -> None:
    class Timed(FakeConnection):
        deadline = inf

        def next_deadline(self) -> float:
            return self.deadline

        def expire(self, now: float) -> Any:
            if now < self.deadline:
                return ()
            self.deadline = inf
            return [m.RealtimeModelDtmfEvent(event="#")]

    connection = Timed()
    async with await make(FakeModel(connection)) as session:
        connection.deadline = 5
        await session.send_message("x")  # the writer looks at the deadline before it waits again
        now(session)
        await trio.sleep(4)
        assert now(session) == []
        connection_events = session.events()
        await trio.sleep(2)
        assert kinds(now(session)) == ["dtmf"]
        del connection_events
