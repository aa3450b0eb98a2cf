"""What waits between a page and its session."""

import pytest
import trio

from trio_realtime.cli.playground.queues import Outbox, Pieces


async def taken(outbox):
    outbox.close()
    found = []
    while (message := await outbox.take()) is not None:
        found.append(message)
    return found


async def test_the_oldest_sound_goes_and_all_else_stays_in_order():
    outbox = Outbox(pytest.fail, most_loose=3)
    outbox.put_loose(b"1")
    outbox.put("approve")
    outbox.put_loose(b"2")
    outbox.put_loose(b"3")
    outbox.put("interrupted")
    outbox.put_loose(b"4")
    assert await taken(outbox) == ["approve", b"2", b"3", "interrupted", b"4"]


async def test_what_was_taken_makes_place():
    outbox = Outbox(pytest.fail, most_loose=2, most_kept=2)
    for _ in range(5):
        outbox.put_loose(b"12")
        outbox.put("ab")
        assert [await outbox.take(), await outbox.take()] == [b"12", "ab"]


async def test_of_one_name_only_the_newest_waits_and_at_the_end():
    outbox = Outbox(pytest.fail, most_kept=7)
    for number in range(5):
        outbox.put_newest("history", f"h{number}")
        outbox.put(str(number))
    assert await taken(outbox) == ["0", "1", "2", "3", "h4", "4"]


async def test_who_takes_nothing_is_given_up_once():
    calls = []
    outbox = Outbox(lambda: calls.append(1), most_kept=3)
    for _ in range(3):
        outbox.put("ab")
        outbox.put_loose(b"x")
    assert calls == [1]
    assert await taken(outbox) == ["ab", b"x", "ab"]


async def test_waiting_for_the_next(autojump_clock, nursery):
    outbox, pieces = Outbox(pytest.fail), Pieces()
    found = []

    async def take(queue):
        found.append(await queue.take())

    nursery.start_soon(take, outbox)
    nursery.start_soon(take, pieces)
    await trio.sleep(1)
    outbox.put("a")
    pieces.put(b"b")
    await trio.sleep(1)
    assert sorted(found, key=str) == ["a", b"b"]


async def test_five_seconds_of_the_microphone_wait():
    pieces = Pieces()
    for number in range(500):
        pieces.put(bytes([number % 256]) * 960)
    assert (await pieces.take())[0] == (500 - 250) % 256
    pieces.put(bytes(480_000))
    assert len(await pieces.take()) == 480_000
