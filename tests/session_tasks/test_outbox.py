from __future__ import annotations

from math import inf

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_realtime import SessionClosed
from trio_realtime.model_inputs import RealtimeModelSendAudio, RealtimeModelSendUserInput
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
        for _ in range(48):
            await outbox.send_audio(b"x")
    assert all(turn < 48 for turn in turns)


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

    def send_nowait(event) -> bool:
        if takes:
            sent.append(event.audio)
        return takes

    outbox.send_nowait = send_nowait
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
