from __future__ import annotations

from math import inf
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_realtime import RealtimeConnectionError, SessionClosed
from trio_realtime.model_inputs import RealtimeModelSendAudio, RealtimeModelSendInterrupt, RealtimeModelSendUserInput
from trio_realtime.session_tasks.outbox import Outbox


def message(text: str = "x") -> RealtimeModelSendUserInput:
    return RealtimeModelSendUserInput(user_input=text)


async def test_in_order_and_what_may_not_wait_first(autojump_clock) -> None:
    outbox = Outbox()
    async with trio.open_nursery() as nursery:
        await outbox.send_audio(b"1")
        nursery.start_soon(outbox.send, message("2"))
        await wait_all_tasks_blocked()
        await outbox.send_audio(b"3")
        outbox.send_first(message("0"))
        given = [await outbox.next(inf) for _ in range(4)]
    assert [command and command.event for command in given] == [
        message("0"),
        RealtimeModelSendAudio(audio=b"1"),
        message("2"),
        RealtimeModelSendAudio(audio=b"3"),
    ]


async def test_waiting_for_a_command(autojump_clock, nursery) -> None:
    outbox = Outbox()
    assert await outbox.next(trio.current_time() + 5) is None
    assert trio.current_time() == 5
    nursery.start_soon(outbox.send, message())
    assert await outbox.next(inf) is None  # there may be one
    command = await outbox.next(inf)
    assert command is not None
    assert command.event == message()


async def test_more_audio_ends_before_anything_else() -> None:
    outbox = Outbox()
    await outbox.send_audio(b"1")
    await outbox.send_audio(b"2")
    outbox.send_first(message())
    assert outbox.more_audio() == []
    assert (await outbox.next(inf)).event == message()
    assert [command.event.audio for command in outbox.more_audio()] == [b"1", b"2"]
    assert outbox.more_audio() == []


async def test_others_get_a_turn_among_many_pieces() -> None:
    outbox = Outbox()
    turns: list[int] = []

    async def other() -> None:
        while len(turns) < 2:
            turns.append(len(outbox._queue))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for _ in range(96):
            await outbox.send_audio(b"x")
    assert all(turn < 96 for turn in turns)


async def test_a_piece_that_is_too_large_goes_alone(autojump_clock, nursery) -> None:
    outbox = Outbox()
    await outbox.send_audio(bytes(100_000))
    with trio.move_on_after(1) as scope:
        await outbox.send_audio(b"x")
    assert scope.cancelled_caught
    nursery.start_soon(outbox.send_audio, b"y")
    await wait_all_tasks_blocked()
    await outbox.next(inf)
    await wait_all_tasks_blocked()
    assert [command.event.audio for command in outbox.more_audio()] == [b"y"]


async def test_the_end_of_those_who_wait(autojump_clock) -> None:
    outbox = Outbox()
    errors: list[Exception] = []

    async def send(call, *args) -> None:
        with pytest.raises(SessionClosed) as caught:
            await call(*args)
        errors.append(caught.value)

    async with trio.open_nursery() as nursery:
        await outbox.send_audio(bytes(64 * 1024))
        nursery.start_soon(send, outbox.send_audio, b"x")
        nursery.start_soon(send, outbox.send, message())
        nursery.start_soon(send, outbox.send_and_wait, message())
        await wait_all_tasks_blocked()
        outbox.finish()
    assert len(errors) == 3
    assert (await outbox.next(inf)).event.audio == bytes(64 * 1024)  # it was handed over
    with pytest.raises(trio.EndOfChannel):
        await outbox.next(inf)


async def test_a_close_drops_what_was_handed_over() -> None:
    outbox = Outbox()
    await outbox.send_audio(b"x")
    outbox.close(None)
    with pytest.raises(trio.EndOfChannel):
        await outbox.next(inf)


async def test_outbox_after_its_end() -> None:
    outbox = Outbox()
    outbox.finish()
    outbox.finish()
    outbox.send_first(message())
    with pytest.raises(SessionClosed):
        await outbox.send(message())
    outbox.close(ValueError("why"))
    outbox.close(None)  # the first cause counts
    with pytest.raises(SessionClosed) as caught:
        await outbox.send_and_wait(message())
    assert isinstance(caught.value.__cause__, ValueError)
    with trio.CancelScope() as scope:
        scope.cancel()
        await outbox.send(message())
    assert scope.cancelled_caught


async def test_outbox_gives_what_may_not_wait_also_after_its_end() -> None:
    outbox = Outbox()
    outbox.send_first(message("first"))
    outbox.finish()
    command = await outbox.next(inf)
    assert command is not None
    assert command.event == message("first")
    with pytest.raises(trio.EndOfChannel):
        await outbox.next(inf)


async def test_audio_that_comes_alone_is_sent_at_once_where_it_can_be(autojump_clock, nursery) -> None:
    outbox, sent = Outbox(), []
    takes = True

    def send_audio_nowait(audio: bytes) -> bool:
        if takes:
            sent.append(audio)
        return takes

    outbox.send_audio_nowait = send_audio_nowait
    await outbox.send_audio(b"0")  # nobody writes yet
    nursery.start_soon(outbox.next, inf)
    await wait_all_tasks_blocked()
    nursery.start_soon(outbox.next, inf)
    await wait_all_tasks_blocked()
    assert sent == []
    await trio.sleep(1)
    await outbox.send_audio(b"1")
    await outbox.send_audio(b"2")  # one burst with the one before
    assert sent == [b"1"]
    assert [command.event.audio for command in outbox.more_audio()] == [b"2"]
    nursery.start_soon(outbox.next, inf)
    await trio.sleep(1)
    takes = False
    await outbox.send_audio(b"3")
    assert sent == [b"1"]


async def test_a_cancelled_sender_has_sent_nothing_even_if_the_writer_runs_first(autojump_clock) -> None:
    for _ in range(20):  # which of two tasks runs first is chance
        outbox = Outbox()
        taken: list[object] = []

        async def write(outbox=outbox, taken=taken) -> None:
            while (command := await outbox.next(trio.current_time() + 10)) is not None:
                taken.append(command.event)

        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()

            async def send(outbox=outbox, scope=scope) -> None:
                with scope:
                    await outbox.send(message())

            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            scope.cancel()
            nursery.start_soon(write)
        assert scope.cancelled_caught
        assert taken == []


async def test_together_or_not_at_all(autojump_clock, nursery) -> None:
    outbox = Outbox()

    async def send(scope: trio.CancelScope) -> None:
        with scope:
            await outbox.send_and_wait(message("1"), message("2"))

    before, during = trio.CancelScope(), trio.CancelScope()
    nursery.start_soon(send, before)
    await wait_all_tasks_blocked()
    before.cancel()
    await wait_all_tasks_blocked()
    nursery.start_soon(send, during)
    await wait_all_tasks_blocked()
    first = await outbox.next(inf)
    during.cancel()
    await wait_all_tasks_blocked()
    second = await outbox.next(inf)
    assert [first.event, second.event] == [message("1"), message("2")]


async def test_what_comes_after_a_refused_command_is_dropped(autojump_clock, nursery) -> None:
    outbox, errors = Outbox(), []

    async def send() -> None:
        with pytest.raises(ValueError, match="no") as caught:
            await outbox.send_and_wait(message("1"), message("2"))
        errors.append(caught.value)

    nursery.start_soon(send)
    await wait_all_tasks_blocked()
    first = await outbox.next(inf)
    first.finish(ValueError("no"))
    outbox.drop_rest(first, ValueError("no"))
    await wait_all_tasks_blocked()
    assert len(errors) == 1
    assert await outbox.next(trio.current_time() + 1) is None


async def test_the_end_in_the_middle_of_what_goes_together(autojump_clock, nursery) -> None:
    outbox = Outbox()

    async def send() -> None:
        with pytest.raises(SessionClosed):
            await outbox.send_and_wait(message("1"), message("2"))

    nursery.start_soon(send)
    await wait_all_tasks_blocked()
    await outbox.next(inf)
    outbox.close(None)
    await wait_all_tasks_blocked()
    with pytest.raises(trio.EndOfChannel):
        await outbox.next(inf)


# -- without a connection ------------------------------------------------------------------------------------------------


async def test_a_held_outbox_gives_nothing_and_keeps_its_order(autojump_clock, nursery) -> None:
    outbox = Outbox()
    outbox.hold(1_000)
    nursery.start_soon(outbox.send, RealtimeModelSendUserInput(user_input="a"))
    await wait_all_tasks_blocked()
    await outbox.send_audio(b"x")
    assert outbox.has_commands
    assert outbox.waiting_audio > 0
    assert await outbox.next(inf) is None
    outbox.release()
    first, second = await outbox.next(inf), await outbox.next(inf)
    assert (first.event.user_input, second.event.audio) == ("a", b"x")
    assert not outbox.has_commands


async def test_audio_beyond_the_bound_is_dropped_from_the_front_and_counted(autojump_clock) -> None:
    outbox = Outbox()
    outbox.hold(1_000)
    for number in range(4):
        await outbox.send_audio(bytes([number]) * 300)
    assert outbox.dropped_audio == 600
    outbox.release()
    assert [(await outbox.next(inf)).event.audio[0] for _ in range(2)] == [2, 3]


async def test_what_is_not_kept_is_dropped_whole_and_its_senders_told(autojump_clock, nursery) -> None:
    outbox, told = Outbox(), []
    kept = RealtimeModelSendUserInput(user_input="a")

    async def send(*events: Any) -> None:
        try:
            await outbox.send_and_wait(*events)
        except RealtimeConnectionError as error:
            told.append(str(error))

    outbox.hold(1_000)
    nursery.start_soon(send, kept, RealtimeModelSendInterrupt())
    nursery.start_soon(outbox.send, kept)
    outbox.send_first(RealtimeModelSendInterrupt())
    await wait_all_tasks_blocked()
    dropped = outbox.discard(lambda event: event is kept, RealtimeConnectionError("gone"))
    await wait_all_tasks_blocked()
    assert len(dropped) == 3
    assert told == ["gone"]
    outbox.release()
    assert (await outbox.next(inf)).event is kept


async def test_what_concerns_a_connection_is_nothing_without_one() -> None:
    outbox, seen = Outbox(), []
    outbox.stopped_meanwhile = seen.append
    outbox.hold(1_000, gap=True)
    outbox.send_first(RealtimeModelSendInterrupt())
    outbox.send_first(RealtimeModelSendUserInput(user_input="a"))
    assert seen == [RealtimeModelSendInterrupt()]
    outbox.end_gap()
    outbox.send_first(RealtimeModelSendInterrupt())
    outbox.release()
    assert [type((await outbox.next(inf)).event).__name__ for _ in range(2)] == [
        "RealtimeModelSendUserInput",
        "RealtimeModelSendInterrupt",
    ]
