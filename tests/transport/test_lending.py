"""Reading a socket in the place of the task that waits for it: over socket pairs, since it is about sockets."""

from __future__ import annotations

import select
import socket
import struct
import sys
from collections.abc import AsyncGenerator, Awaitable
from contextvars import ContextVar
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from trio_realtime.transport.lending import SocketLending, lending_of
from trio_realtime.transport.stream_proxy import StreamProxy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has an epoll")
whose: ContextVar[str] = ContextVar("whose")


class Lent:
    """A lending with a reader, which notes who has read what."""

    def __init__(self, ours: socket.socket) -> None:
        self.free = True
        self.reads: list[tuple[str, str, bytes]] = []
        self.woken = 0
        self._ours = ours
        self.lending = SocketLending(ours.fileno(), lambda: self.free, lambda: self.read("another"))

    def read(self, who: str) -> None:
        self.reads.append((who, whose.get(), self._ours.recv(100)))

    async def run(self) -> None:
        whose.set("the reader's")
        while True:
            self.lending.offer()
            try:
                await trio.lowlevel.wait_readable(self.lending.guard)
            finally:
                self.lending.offered = False
            self.woken += 1
            self.read("reader")


@pytest.fixture
async def lent(nursery: trio.Nursery) -> AsyncGenerator[tuple[Lent, socket.socket], None]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        lent = Lent(ours)
        nursery.start_soon(lent.run)
        await wait_all_tasks_blocked()
        yield lent, theirs
        nursery.cancel_scope.cancel()
        await trio.lowlevel.cancel_shielded_checkpoint()
        lent.lending.close()


Fixture = tuple[Lent, socket.socket]


async def borrow(lent: Lent) -> None:
    wait = lent.lending.wait()
    assert wait is not None
    await wait


async def test_who_waits_does_the_reader_s_work_and_the_reader_sleeps_on(lent: Fixture, nursery: trio.Nursery) -> None:
    reader, theirs = lent
    whose.set("somebody else's")
    for data in (b"one", b"two"):
        async with trio.open_nursery() as borrowers:
            borrowers.start_soon(borrow, reader)
            await wait_all_tasks_blocked()
            assert reader.lending.lent
            theirs.send(data)
        assert not reader.lending.lent
    await wait_all_tasks_blocked()
    assert reader.reads == [("another", "the reader's", b"one"), ("another", "the reader's", b"two")]
    assert reader.woken == 0
    assert whose.get() == "somebody else's"


async def test_the_reader_is_on_guard_while_nobody_else_waits(lent: Fixture, nursery: trio.Nursery) -> None:
    reader, theirs = lent
    theirs.send(b"before")
    await wait_all_tasks_blocked()
    nursery.start_soon(borrow, reader)
    await wait_all_tasks_blocked()
    theirs.send(b"lent")
    await wait_all_tasks_blocked()
    theirs.send(b"after")
    await wait_all_tasks_blocked()
    assert [(who, data) for who, _, data in reader.reads] == [
        ("reader", b"before"),
        ("another", b"lent"),
        ("reader", b"after"),
    ]


async def test_a_cancelled_wait_loses_nothing_and_the_reader_is_on_guard_again(lent: Fixture) -> None:
    reader, theirs = lent
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as borrowers:
            borrowers.start_soon(borrow, reader)
            await wait_all_tasks_blocked()
            theirs.send(b"just then")
            scope.cancel()
    await wait_all_tasks_blocked()
    assert [(who, data) for who, _, data in reader.reads] == [("reader", b"just then")]


async def test_recalled_it_ends_without_a_read(lent: Fixture) -> None:
    reader, theirs = lent
    reader.lending.recall()  # nobody waits
    async with trio.open_nursery() as borrowers:
        borrowers.start_soon(borrow, reader)
        await wait_all_tasks_blocked()
        reader.lending.recall()
        reader.lending.recall()
    assert not reader.reads
    theirs.send(b"later")
    await wait_all_tasks_blocked()
    assert reader.woken == 1


async def test_it_is_lent_to_one_and_only_while_the_reader_waits_and_may_be_replaced(
    lent: Fixture, nursery: trio.Nursery
) -> None:
    reader, theirs = lent
    reader.free = False
    assert reader.lending.wait() is None
    reader.free = True
    nursery.start_soon(borrow, reader)
    await wait_all_tasks_blocked()
    assert reader.lending.wait() is None
    reader.lending.offered = False  # its reader is awake, and will read
    theirs.send(b"whose?")
    await wait_all_tasks_blocked()
    assert [who for who, *_ in reader.reads] == ["reader"]


async def test_closed_it_ends_both_waits(nursery: trio.Nursery) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = Lent(ours)
        outcome: list[str] = []

        async def run() -> None:
            try:
                await reader.run()
            except trio.ClosedResourceError:
                outcome.append("reader")

        async def other() -> None:
            await borrow(reader)
            outcome.append("other")

        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        nursery.start_soon(other)
        await wait_all_tasks_blocked()
        reader.lending.close()
        reader.lending.close()
        trio.lowlevel.notify_closing(ours)
        await wait_all_tasks_blocked()
        assert sorted(outcome) == ["other", "reader"]
        assert reader.lending.wait() is None


def test_without_an_epoll_nothing_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> Any:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(select, "epoll", none_left)
    assert lending_of(0, lambda: True, lambda: None) is None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert lending_of(0, lambda: True, lambda: None) is None


# -- and in the stream under a WebSocket library ---------------------------------------------------------------------


@pytest.fixture
async def connected(nursery: trio.Nursery) -> AsyncGenerator[tuple[StreamProxy, trio.SocketStream], None]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    ours = await trio.open_tcp_stream("127.0.0.1", listeners[0].socket.getsockname()[1])
    theirs = await listeners[0].accept()
    await listeners[0].aclose()
    proxy = StreamProxy(ours, send_timeout=3, linger=0, on_stall=list)
    async with theirs:
        yield proxy, theirs
        await trio.aclose_forcefully(proxy)


async def read_aside(proxy: StreamProxy) -> None:
    with proxy.aside():
        await proxy.read_aside(lambda: True)


Connected = tuple[StreamProxy, trio.SocketStream]


async def done(wait: Awaitable[None]) -> None:
    await wait


async def lend(proxy: StreamProxy, nursery: trio.Nursery) -> None:
    """Let a reader wait, and another task in its place."""
    nursery.start_soon(read_aside, proxy)
    await wait_all_tasks_blocked()
    assert proxy.lending is not None
    wait = proxy.lending.wait()
    assert wait is not None
    nursery.start_soon(done, wait)
    await wait_all_tasks_blocked()
    assert proxy.lending.lent


async def test_what_is_read_in_its_place_goes_where_it_goes_else(connected: Connected, nursery: trio.Nursery) -> None:
    proxy, theirs = connected
    await lend(proxy, nursery)
    await theirs.send_all(b"for the library")
    assert await proxy.receive_some() == b"for the library"


async def test_nobody_else_reads_while_the_library_has_something_to_take(
    connected: Connected, nursery: trio.Nursery
) -> None:
    proxy, theirs = connected
    await lend(proxy, nursery)
    await theirs.send_all(b"for the library")
    await wait_all_tasks_blocked()
    assert proxy.lending is not None
    assert proxy.lending.wait() is None, "what the library makes of it would end the wait"
    await proxy.receive_some()
    wait = proxy.lending.wait()
    assert wait is not None
    nursery.start_soon(done, wait)


async def test_the_end_that_somebody_else_reads_is_the_library_s(connected: Connected, nursery: trio.Nursery) -> None:
    proxy, theirs = connected
    await lend(proxy, nursery)
    await theirs.aclose()
    assert await proxy.receive_some() == b""
    assert proxy.over.is_set()
    await wait_all_tasks_blocked()
    assert proxy.lending is not None
    assert proxy.lending.wait() is None, "there is nothing more to read"


async def test_a_failure_that_somebody_else_reads_is_the_library_s(connected: Connected, nursery: trio.Nursery) -> None:
    proxy, theirs = connected
    await lend(proxy, nursery)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await theirs.aclose()  # a reset
    with pytest.raises(trio.BrokenResourceError):
        await proxy.receive_some()
    assert proxy.over.is_set()


async def test_a_recall_leaves_the_writer_alone(connected: Connected, nursery: trio.Nursery) -> None:
    proxy, theirs = connected
    nursery.start_soon(proxy.write_frames)
    await lend(proxy, nursery)
    size = 16 * 1024 * 1024
    proxy.hand_over(bytes(size))
    await wait_all_tasks_blocked()
    assert proxy.backlog, "the writer waits for the socket"
    assert proxy.lending is not None
    proxy.lending.recall()
    await wait_all_tasks_blocked()
    assert not proxy.write_failed
    got = 0
    while got < size:
        got += len(await theirs.receive_some())
    assert got == size


async def test_recalls_are_no_progress_of_the_writer(
    mock_clock: trio.testing.MockClock, connected: Connected, nursery: trio.Nursery
) -> None:
    proxy, _ = connected
    stalls: list[str] = []
    proxy._on_stall = lambda: stalls.append("stalled")
    nursery.start_soon(proxy.write_frames)
    await lend(proxy, nursery)
    proxy.hand_over(bytes(16 * 1024 * 1024))
    await wait_all_tasks_blocked()
    assert proxy.lending is not None
    for _ in range(4):
        assert not stalls
        wait = proxy.lending.wait()
        if wait is not None:
            nursery.start_soon(done, wait)
            await wait_all_tasks_blocked()
        proxy.lending.recall()
        mock_clock.jump(0.9)
        await wait_all_tasks_blocked()
    assert stalls == ["stalled"], "after its three seconds"


async def test_once_closed_the_number_of_the_socket_is_left_alone(
    connected: Connected, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, _ = connected
    await lend(proxy, nursery)
    lending = proxy.lending
    assert lending is not None
    lending.close()
    told: list[Any] = []
    monkeypatch.setattr(trio.lowlevel, "notify_closing", told.append)
    assert lending.lent
    lending.recall()
    assert not told
    monkeypatch.undo()


async def test_what_the_system_cannot_watch_is_left_to_the_reader(
    lent: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, theirs = lent

    async def no_more(_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        wait = reader.lending.wait()
        patched.setattr(trio.lowlevel, "wait_readable", no_more)
        assert wait is not None
        await wait
    assert reader.lending.wait() is None
    theirs.send(b"still read")
    await wait_all_tasks_blocked()
    assert reader.woken == 1
    assert reader.lending.offered


async def test_closed_while_somebody_else_waits(connected: Connected, nursery: trio.Nursery) -> None:
    proxy, _ = connected
    await lend(proxy, nursery)
    await trio.aclose_forcefully(proxy)
    await wait_all_tasks_blocked()
    assert proxy.lending is not None
    assert not proxy.lending.lent
    with pytest.raises(trio.ClosedResourceError):
        await proxy.receive_some()
    nursery.cancel_scope.cancel()


async def test_the_reader_s_end_lets_go_who_waits_in_its_place(connected: Connected, nursery: trio.Nursery) -> None:
    proxy, _ = connected
    async with trio.open_nursery() as readers:
        readers.start_soon(read_aside, proxy)
        await wait_all_tasks_blocked()
        assert proxy.lending is not None
        wait = proxy.lending.wait()
        assert wait is not None
        async with trio.open_nursery() as borrowers:
            borrowers.start_soon(done, wait)
            await wait_all_tasks_blocked()
            readers.cancel_scope.cancel()
    assert not proxy.lending.lent
