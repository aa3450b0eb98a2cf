from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_realtime.errors import RealtimeConnectionError, UserError, UserTypeError
from trio_realtime.transport.endings import Ending
from trio_realtime.transport.inbox import Inbox, as_utf8, text_bytes


async def test_order_up_to_the_end() -> None:
    inbox = Inbox()
    inbox.put("a")
    inbox.put(b"b")
    assert inbox.end(Ending.closed(1000))
    assert not inbox.end(Ending.closed(1001))
    inbox.put("after")
    assert [await inbox.receive(), await inbox.receive()] == ["a", b"b"]
    for _ in range(2):
        with pytest.raises(RealtimeConnectionError) as info:
            await inbox.receive()
        assert info.value.code == 1000


async def test_bound_counts_bytes() -> None:
    inbox = Inbox(10)
    inbox.put("x" * 9)
    assert not inbox.full
    inbox.put("x" * 100)
    assert inbox.full
    inbox.receive_nowait()
    assert inbox.full
    inbox.receive_nowait()
    assert not inbox.full


async def test_reader_that_was_woken_for_nothing_waits_on(nursery: trio.Nursery, autojump_clock: Any) -> None:
    inbox = Inbox()
    got = []

    async def reader() -> None:
        got.append(await inbox.receive())

    nursery.start_soon(reader)
    await wait_all_tasks_blocked()
    inbox.put("a")
    assert inbox.receive_nowait() == "a"
    await wait_all_tasks_blocked()
    assert got == []
    inbox.put("b")
    await wait_all_tasks_blocked()
    assert got == ["b"]


async def test_cancelled_reader_does_not_take_the_wake_up_with_it(nursery: trio.Nursery, autojump_clock: Any) -> None:
    inbox = Inbox()
    got = []

    async def reader() -> None:
        got.append(await inbox.receive())

    with trio.move_on_after(1):
        await inbox.receive()
    nursery.start_soon(reader)
    await wait_all_tasks_blocked()
    inbox.put("a")
    await wait_all_tasks_blocked()
    assert got == ["a"]


def test_text_bytes() -> None:
    assert text_bytes("abc") == 3
    assert text_bytes("é🎈") == 6


def test_text_as_utf8() -> None:
    given = b"ascii"
    assert as_utf8(given) is given
    assert as_utf8("\u00fc") == as_utf8("\u00fc".encode()) == b"\xc3\xbc"


@pytest.mark.parametrize(("bad", "error"), [(b"\xff", UserError), ("\ud800", UserError), (None, UserTypeError)])
def test_what_is_no_utf8(bad: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        as_utf8(bad)


async def test_empty_messages_have_a_bound_too() -> None:
    inbox = Inbox()
    for _ in range(64 * 1024):
        assert not inbox.full
        inbox.put("")
    assert inbox.full
