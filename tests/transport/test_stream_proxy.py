from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from tests.transport.support import PipeStream, Timer, pipe_pair
from trio_realtime.transport.stream_proxy import StreamProxy


def make(capacity: int, **options: Any) -> tuple[StreamProxy, PipeStream, list[str]]:
    ours, theirs = pipe_pair(capacity)
    stalls: list[str] = []
    settings = {"send_timeout": 3, "linger": 2, "on_stall": lambda: stalls.append("stalled")} | options
    return StreamProxy(ours, **settings), theirs, stalls


async def test_counts_and_clock(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, _ = make(100)
    nursery.start_soon(proxy.write_frames)
    with assert_checkpoints():
        await proxy.send_all(b"12345")
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
    with trio.move_on_after(1) as scope:
        await proxy.send_all(b"a" * 25)
    assert scope.cancelled_caught
    nursery.start_soon(proxy.send_all, b"b" * 5)
    await wait_all_tasks_blocked()
    with trio.CancelScope() as scope:
        scope.cancel()
        await proxy.send_all(b"never")
    got = b""
    while len(got) < 30:
        got += await theirs.receive_some()
    assert got == b"a" * 25 + b"b" * 5


async def test_stall(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, stalls = make(10)
    nursery.start_soon(proxy.write_frames)
    timer = Timer()
    over: list[float] = []
    proxy.on_over = lambda: over.append(timer.seconds)
    with pytest.raises(trio.ClosedResourceError, match="while a frame"):
        await proxy.send_all(b"a" * 25)
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
        await trio.sleep(100)
    assert stalls == []


async def test_reading_goes_on_for_a_while_after_a_failed_write(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, _ = make(100)
    nursery.start_soon(proxy.write_frames)
    await theirs.send_all(b"last words")
    theirs._into.reader_closed = True  # they read no more, and do not close either
    await proxy.send_all(b"x")
    assert proxy.write_failed
    assert await proxy.receive_some() == b"last words"
    with assert_checkpoints():
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
    seen: list[bytes] = []
    proxy.on_data = seen.append
    await theirs.send_all(b"x")
    await theirs.aclose()
    assert await proxy.receive_some() == b"x"
    assert not proxy.over.is_set()
    assert await proxy.receive_some() == b""
    assert proxy.over.is_set()
    assert seen == [b"x", b""]


async def test_close(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, _, _ = make(10)
    nursery.start_soon(proxy.write_frames)
    failed = []

    async def sender() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await proxy.send_all(b"x" * 20)
        failed.append(True)

    nursery.start_soon(sender)
    await wait_all_tasks_blocked()
    await proxy.aclose()
    await wait_all_tasks_blocked()
    assert failed
    assert proxy.over.is_set()


async def test_drain(autojump_clock: Any, nursery: trio.Nursery) -> None:
    proxy, theirs, _ = make(10)

    async def finish() -> None:
        await theirs.send_all(b"x" * 100)
        await theirs.aclose()

    nursery.start_soon(finish)
    await proxy.drain()
    await proxy.aclose()
    await proxy.drain()
