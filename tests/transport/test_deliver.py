"""Messages handed to a function as they come: the same for all wires; and what it is to a wire over a stream."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from tests.transport.support import Peer, PipeStream, opened, peer_connector, pipe_pair, request
from tests.transport.test_base import Make, make, pause, sending
from trio_realtime.errors import RealtimeConnectionError, UserError
from trio_realtime.transport.base import Wire, WireRequest

__all__ = ["make"]  # the fixture


class Taker:
    """Collects messages, and has enough at certain ones."""

    def __init__(self, *enough: str | bytes) -> None:
        self.got: list[str | bytes] = []
        self.enough = enough

    def __call__(self, message: str | bytes) -> bool:
        self.got.append(message)
        return message in self.enough


async def test_all_messages_come_and_then_the_end(autojump_clock: Any, make: Make) -> None:
    async def end(wire: Wire) -> None:
        await trio.sleep(1)
        await wire.send("late")
        await wire.aclose(1001, "bye")

    taker = Taker()
    numbers = [str(number) for number in range(100)]
    async with make(sending(*numbers, then=end))(request()) as wire:
        with pytest.raises(RealtimeConnectionError, match="bye") as info:
            await wire.deliver(taker)
        assert info.value.code == 1001
        with pytest.raises(RealtimeConnectionError, match="bye"):
            await wire.deliver(taker)
    assert taker.got == [*numbers, "late"]


async def test_what_comes_behind_enough_waits(autojump_clock: Any, make: Make) -> None:
    taker = Taker("b", "d")
    async with make(sending("a", "b", "c", "d", "e", "f", then=pause))(request()) as wire:
        await wire.deliver(taker)
        assert taker.got == ["a", "b"]
        await wait_all_tasks_blocked()
        await wire.deliver(taker)
        assert taker.got == ["a", "b", "c", "d"]
        assert await wire.receive() == "e"
        assert await wire.receive() == "f"


async def test_others_have_a_turn_in_a_burst(autojump_clock: Any, make: Make, nursery: trio.Nursery) -> None:
    turns: list[int] = []
    taker = Taker("last")

    async def other() -> None:
        while "last" not in taker.got:
            turns.append(len(taker.got))
            await trio.lowlevel.checkpoint()

    async with make(sending(*(["x"] * 200), "last", then=pause))(request()) as wire:
        await trio.sleep(0.5)  # all of it is there
        nursery.start_soon(other)
        await wire.deliver(taker)
    # trio runs the tasks of one round in any order, so two bursts may come between two turns
    assert max(later - earlier for earlier, later in pairwise(turns)) <= 2 * 33
    assert len(turns) >= 4


async def test_cancelled_it_loses_nothing(autojump_clock: Any, make: Make) -> None:
    async def handler(wire: Wire, _: WireRequest) -> None:
        for number in range(20):
            await trio.sleep(0.1)
            await wire.send(str(number))
        await trio.sleep(10)

    taker = Taker("19")
    async with make(handler)(request()) as wire:
        while "19" not in taker.got:
            with trio.move_on_after(0.025):
                await wire.deliver(taker)
            with trio.CancelScope() as scope:
                scope.cancel()
                await wire.deliver(taker)
                raise AssertionError("not a checkpoint")
    assert taker.got == [str(number) for number in range(20)]


async def test_a_flood_does_not_keep_it_from_being_cancelled(autojump_clock: Any, make: Make) -> None:
    async def handler(wire: Wire, _: WireRequest) -> None:
        while True:
            await wire.send("x")

    got = 0

    def take(_: str | bytes) -> bool:
        nonlocal got
        got += 1
        if got == 500:
            scope.cancel()
        return got > 20_000

    async with make(handler)(request()) as wire:
        with trio.CancelScope() as scope:
            await wire.deliver(take)
        assert scope.cancelled_caught
        await wire.aclose()
    assert got < 1000


async def test_our_own_close_ends_it(autojump_clock: Any, make: Make, nursery: trio.Nursery) -> None:
    async with make(sending("a", then=pause))(request()) as wire:

        async def close() -> None:
            await trio.sleep(0.5)
            await wire.aclose()

        nursery.start_soon(close)
        taker = Taker()
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.deliver(taker)
        assert info.value.code == 1000
        assert taker.got == ["a"]


@pytest.mark.usefixtures("transport")
async def test_everything_else_is_still_the_librarys(nursery: trio.Nursery, autojump_clock: Any) -> None:
    """Pings are answered, and messages in parts and binary ones come in their place, while and between deliveries."""
    pongs: list[bytes] = []

    async def serve(peer: Peer) -> None:
        await peer.accept()
        for turn in range(6):
            await peer.send(TextMessage(data=f"text {turn}"))
            await peer.send(Ping(payload=b"%d" % turn))
            await peer.send(TextMessage(data=f"parts {turn}, ", message_finished=False))
            await peer.send(TextMessage(data="and more"))
            await peer.send(BytesMessage(data=b"%d" % turn))
            await peer.send(TextMessage(data=f"behind {turn}"))
            event = await peer.event()
            assert isinstance(event, Pong)
            pongs.append(bytes(event.payload))
            await trio.sleep(1)
        await peer.send(CloseConnection(code=1001, reason="bye"))

    expected: list[str | bytes] = []
    for turn in range(6):
        expected += [f"text {turn}", f"parts {turn}, and more", b"%d" % turn, f"behind {turn}"]
    taker = Taker("behind 0", "parts 2, and more", b"3")
    async with opened(nursery, serve, ping_interval=None) as wire:
        await wire.deliver(taker)
        assert taker.got == expected[:4]
        await trio.sleep(1.5)
        assert len(pongs) == 2, "without anybody who reads"
        await wire.deliver(taker)
        await wire.deliver(taker)
        assert taker.got == expected[:15]
        with pytest.raises(RealtimeConnectionError, match="bye"):
            await wire.deliver(taker)
    assert taker.got == expected
    assert pongs == [b"%d" % turn for turn in range(6)]
    assert wire.statistics().messages_received == len(expected)


@pytest.mark.usefixtures("transport")
async def test_our_heartbeat_sees_pongs_meanwhile(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        async for _ in peer.messages():
            pass

    async with opened(nursery, serve, ping_interval=1, ping_timeout=1) as wire:
        with trio.move_on_after(59.5):
            await wire.deliver(Taker())
        assert wire.statistics().latency is not None
        await wire.send("it lives")


@pytest.mark.usefixtures("transport")
async def test_a_lost_connection(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.send(TextMessage(data="a"))
        await trio.sleep(1)
        await peer.stream.aclose()

    taker = Taker()
    async with opened(nursery, serve) as wire:
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.deliver(taker)
        assert info.value.code == 1006
    assert taker.got == ["a"]


@pytest.mark.usefixtures("transport")
async def test_a_peer_that_pings_and_does_not_read_fills_no_memory(nursery: trio.Nursery, autojump_clock: Any) -> None:
    """Answers wait for the peer, so its pings wait too, and the stall is noticed."""
    sent = 0

    async def serve(peer: Peer) -> None:
        nonlocal sent
        await peer.accept()
        try:
            while True:
                await peer.send(Ping(payload=b"x" * 100))
                sent += 1
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    connector = peer_connector(nursery, serve, lambda: pipe_pair(2000))
    async with connector(request(send_timeout=5, ping_interval=None)) as wire:
        with pytest.raises(Exception, match="accepted no data") as info:
            await wire.deliver(Taker())
    assert sent < 5000
    assert info.type.__name__ == "RealtimeTimeoutError"


@pytest.mark.usefixtures("transport")
async def test_a_stream_that_was_given_up_ends_it(nursery: trio.Nursery, autojump_clock: Any) -> None:
    """Writing has failed and nothing comes in: the end of the stream is this side's own, at any moment."""

    class Deaf(PipeStream):
        broken = False

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            if self.broken:
                await trio.lowlevel.checkpoint()
                raise trio.BrokenResourceError
            await super().send_all(data)

    streams: list[Deaf] = []

    def pair() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        ours, theirs = pipe_pair(1 << 20)
        streams.append(Deaf(ours._out, ours._into))
        return streams[-1], theirs

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await trio.sleep_forever()

    for steps in range(12):
        async with peer_connector(nursery, serve, pair)(request(ping_interval=None, close_timeout=1)) as wire:
            streams[-1].broken = True
            await wire.send("lost")
            await trio.sleep(1)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            with trio.fail_after(60), pytest.raises(RealtimeConnectionError):
                await wire.deliver(Taker())


@pytest.mark.usefixtures("transport")
async def test_one_at_a_time(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        async for _ in peer.messages():
            pass

    async with opened(nursery, serve) as wire, trio.open_nursery() as inner:
        inner.start_soon(wire.deliver, Taker())
        await wait_all_tasks_blocked()
        with pytest.raises(UserError, match="somebody else"):
            await wire.deliver(Taker())
        inner.cancel_scope.cancel()
