from __future__ import annotations

import os
import socket
from typing import Any

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from tests.transport.support import PipeStream, Timer, pipe_pair
from trio_realtime.transport import stream_proxy
from trio_realtime.transport.stream_proxy import StreamProxy

BIG = 64 * 1024  # as much as may be on its way before a sender waits


def make(capacity: int, **options: Any) -> tuple[StreamProxy, PipeStream, list[str]]:
    ours, theirs = pipe_pair(capacity)
    stalls: list[str] = []
    settings = {"send_timeout": 3, "linger": 2, "on_stall": lambda: stalls.append("stalled")} | options
    return StreamProxy(ours, **settings), theirs, stalls


async def test_counts_and_clock(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, _ = make(100)
    nursery.start_soon(proxy.write_frames)
    await proxy.send_all(b"12345")
    with assert_checkpoints():
        await proxy.flush()
    await proxy.wait_send_all_might_not_block()
    await theirs.send_all(b"123")
    await trio.sleep(2)
    assert await proxy.receive_some() == b"123"
    assert (proxy.bytes_sent, proxy.bytes_received) == (5, 3)
    assert proxy.last_received == trio.current_time()
    assert await theirs.receive_some() == b"12345"


async def test_frames_of_cancelled_senders_are_written_whole_and_in_order(
    autojump_clock: Any, nursery: trio.Nursery
) -> None:
    proxy, theirs, _ = make(10)
    nursery.start_soon(proxy.write_frames)
    await proxy.send_all(b"a" * BIG)
    with trio.move_on_after(1) as scope:
        await proxy.send_all(b"never")
    assert scope.cancelled_caught
    nursery.start_soon(proxy.send_all, b"b" * 5)
    await wait_all_tasks_blocked()
    with trio.CancelScope() as scope:
        scope.cancel()
        await proxy.send_all(b"never")
    got = b""
    while len(got) < BIG + 5:
        got += await theirs.receive_some()
    assert got == b"a" * BIG + b"b" * 5


async def test_burst_is_one_write(autojump_clock: Any, nursery: trio.Nursery) -> None:
    sizes: list[int] = []

    class Watched(PipeStream):
        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            sizes.append(len(data))
            await super().send_all(data)

    ours, _ = pipe_pair(1 << 20)
    proxy = StreamProxy(Watched(ours._out, ours._into), send_timeout=None, linger=1, on_stall=list)
    for _ in range(10):
        await proxy.send_all(b"frame")
    nursery.start_soon(proxy.write_frames)
    await proxy.flush()
    assert sizes == [50]


async def test_stall(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, stalls = make(10)
    nursery.start_soon(proxy.write_frames)
    timer = Timer()
    over: list[float] = []
    proxy.on_over = lambda: over.append(timer.seconds)
    await proxy.send_all(b"a" * BIG)
    with pytest.raises(trio.ClosedResourceError):
        await proxy.send_all(b"x")
    assert timer.seconds == 3
    assert stalls == ["stalled"]
    with pytest.raises(trio.ClosedResourceError, match="is closed"):
        await proxy.send_all(b"x")
    await proxy.over.wait()
    assert over == [3]
    assert await theirs.receive_some() == b"a" * 10
    assert await theirs.receive_some() == b""


async def test_idle_is_no_stall(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, _, stalls = make(100)
    nursery.start_soon(proxy.write_frames)
    for _ in range(3):
        await proxy.send_all(b"x")
        await proxy.flush()
        await trio.sleep(100)
    assert stalls == []


async def test_reading_goes_on_for_a_while_after_a_failed_write(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, _ = make(100)
    nursery.start_soon(proxy.write_frames)
    await theirs.send_all(b"last words")
    theirs._into.reader_closed = True  # they read no more, and do not close either
    await proxy.send_all(b"x")
    await proxy.flush()
    assert proxy.write_failed
    assert await proxy.receive_some() == b"last words"
    await proxy.send_all(b"swallowed")
    timer = Timer()
    with pytest.raises(trio.ClosedResourceError):
        await proxy.receive_some()
    assert timer.seconds == 2
    assert proxy.over.is_set()
    assert proxy.bytes_sent == 0


@pytest.mark.parametrize("error", [LookupError, OSError, trio.BrokenResourceError])
async def test_failures_of_the_stream_below(autojump_clock: Any, error: type[Exception]) -> None:
    class Failing(PipeStream):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise error

    ours, _ = pipe_pair(10)
    proxy = StreamProxy(Failing(ours._out, ours._into), send_timeout=None, linger=1, on_stall=list)
    with pytest.raises(trio.BrokenResourceError):
        await proxy.receive_some()
    assert proxy.over.is_set()


async def test_end_of_the_stream(autojump_clock: Any) -> None:
    proxy, theirs, _ = make(10)
    await theirs.send_all(b"x")
    await theirs.aclose()
    assert await proxy.receive_some() == b"x"
    assert not proxy.over.is_set()
    assert await proxy.receive_some() == b""
    assert proxy.over.is_set()


async def test_what_is_sifted_out_is_not_given(autojump_clock: Any) -> None:
    """A read goes on until something is left; the sieve sees the end too, and is asked to wait before each read."""
    proxy, theirs, _ = make(10)
    seen: list[bytes] = []
    waits: list[int] = []

    def sift(data: bytes) -> bytes:
        seen.append(data)
        return data.replace(b"x", b"")

    async def wait_to_read() -> None:
        await trio.lowlevel.checkpoint()
        waits.append(len(seen))

    proxy.sift, proxy.wait_to_read = sift, wait_to_read
    for data in (b"xx", b"xyx", b"x"):
        await theirs.send_all(data)
    await theirs.aclose()
    assert await proxy.receive_some(2) == b"y"
    assert not proxy.over.is_set()
    assert await proxy.receive_some(2) == b""
    assert proxy.over.is_set()
    assert seen == [b"xx", b"xy", b"xx", b""]
    assert waits == [0, 1, 2, 3]
    assert proxy.bytes_received == 6


async def test_close(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, _, _ = make(10)
    nursery.start_soon(proxy.write_frames)
    failed = []

    async def sender() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await proxy.send_all(b"x")
        failed.append(True)

    await proxy.send_all(b"x" * BIG)
    nursery.start_soon(sender)
    await wait_all_tasks_blocked()
    timer = Timer()
    await proxy.aclose()
    assert timer.seconds == 2
    await wait_all_tasks_blocked()
    assert failed
    assert proxy.over.is_set()


async def test_close_writes_what_is_left(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, _ = make(100)
    nursery.start_soon(proxy.write_frames)
    await proxy.send_all(b"close frame")
    await proxy.aclose()
    assert await theirs.receive_some() == b"close frame"
    assert await theirs.receive_some() == b""


async def test_cancelled_close_closes_at_once(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, _ = make(10)
    nursery.start_soon(proxy.write_frames)
    await proxy.send_all(b"x" * BIG)
    timer = Timer()
    await trio.aclose_forcefully(proxy)
    assert timer.seconds == 0
    assert theirs._into.writer_closed


async def test_drain(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, _ = make(10)

    async def finish() -> None:
        await theirs.send_all(b"x" * 100)
        await theirs.aclose()

    nursery.start_soon(finish)
    await proxy.drain()
    await proxy.aclose()
    await proxy.drain()


# Sockets


def plug(stream: trio.SocketStream) -> None:
    """Make a socket's buffers small and fill them."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(stream.socket.fileno(), b"x" * 4096)


async def socket_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    ours, theirs = trio.socket.socketpair()
    # What is not TCP is none of SocketStream's business; these behave as TCP does.
    return trio.SocketStream(ours), trio.SocketStream(theirs)


async def read(stream: trio.SocketStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.receive_some()
    return data


async def test_socket_is_written_to_at_once() -> None:
    ours, theirs = await socket_pair()
    proxy = StreamProxy(ours, send_timeout=None, linger=1, on_stall=list)
    async with ours, theirs:
        proxy.hand_over(b"before any other task runs")
        assert proxy.bytes_sent == 26
        assert await theirs.receive_some() == b"before any other task runs"
        await proxy.flush()


async def test_what_a_socket_does_not_take_at_once_keeps_its_order(nursery: trio.Nursery) -> None:
    ours, theirs = await socket_pair()
    plug(ours)
    proxy = StreamProxy(ours, send_timeout=None, linger=1, on_stall=list)
    nursery.start_soon(proxy.write_frames)
    await wait_all_tasks_blocked()
    proxy.hand_over(b"a" * 100)  # nothing of it fits
    assert proxy.bytes_sent == 0
    async with theirs:
        while b"a" not in await theirs.receive_some():
            pass
        with trio.fail_after(10):
            await proxy.flush()
        assert proxy.bytes_sent == 100
        proxy.hand_over(b"b" * 1_000_000)  # the beginning of it fits
        assert 0 < proxy.bytes_sent < 1_000_100
        data = os.read(theirs.socket.fileno(), 1_000_000)
        proxy.hand_over(b"c")  # there is room for it now, but it does not go ahead
        with trio.fail_after(10):
            data += await read(theirs, 1_000_001 - len(data))
        assert data == b"b" * 1_000_000 + b"c"
        await proxy.aclose()


async def test_broken_socket_is_found_out_by_the_writer(nursery: trio.Nursery) -> None:
    ours, theirs = await socket_pair()
    proxy = StreamProxy(ours, send_timeout=None, linger=0, on_stall=list)
    nursery.start_soon(proxy.write_frames)
    await theirs.aclose()
    proxy.hand_over(b"x")
    with trio.fail_after(10):
        await proxy.over.wait()
    assert proxy.write_failed
    proxy.hand_over(b"after the end")
    assert proxy.bytes_sent == 0


async def test_other_systems_leave_sockets_to_the_writer(
    monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    ours, theirs = await socket_pair()
    with monkeypatch.context() as patch:
        patch.setattr(stream_proxy.os, "name", "nt")
        proxy = StreamProxy(ours, send_timeout=None, linger=1, on_stall=list)
    proxy.hand_over(b"x")
    assert proxy.bytes_sent == 0
    nursery.start_soon(proxy.write_frames)
    async with theirs:
        assert await theirs.receive_some() == b"x"
        await proxy.aclose()
