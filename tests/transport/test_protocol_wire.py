"""What is special to the wire over websockets; what it shares with others is in test_base, test_stream_wire and test_dialing."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from tests.transport.support import Chosen, Peer, PipeStream, Timer, opened, peer_connector, pipe_pair, request
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.transport import websockets
from trio_realtime.transport.protocol_wire import ProtocolWire, silent_logger


@pytest.fixture(autouse=True)
def this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chosen, "module", websockets)


def frame(text: bytes, first: int = 0x81) -> bytes:
    size = bytes([len(text)]) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2, "big")
    return bytes([first]) + size + text


async def answer(peer: Peer) -> None:
    """A server that answers the close and nothing else."""
    await peer.accept()
    async for _ in peer.messages():
        pass


async def test_one_read_gives_many_messages_in_one_go(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await trio.sleep(1)
        await peer.stream.send_all(b"".join(frame(b"%d" % number) for number in range(500)))
        await trio.sleep_forever()

    async with opened(nursery, serve, close_timeout=0) as wire:
        assert await wire.receive() == "0"
        got = []
        while (message := wire.receive_nowait()) is not None:
            got.append(message)
        assert got == [f"{number}" for number in range(1, 500)]
        assert wire.statistics().messages_received == 500


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_frames_in_pieces(nursery: trio.Nursery, autojump_clock: Any, size: int) -> None:
    texts = ["", "a", "é" * 60, "x" * 500, "y" * 70 * size]

    async def serve(peer: Peer) -> None:
        await peer.accept()
        data = b"".join(peer.ws.send(TextMessage(data=text)) for text in texts)
        for start in range(0, len(data), size):
            await peer.stream.send_all(data[start : start + size])
        await trio.sleep_forever()

    async with opened(nursery, serve, close_timeout=0) as wire:
        assert [await wire.receive() for _ in texts] == texts


async def test_fragments_of_both_kinds_one_after_another(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        # A character may be cut by the end of a fragment.
        await peer.stream.send_all(
            frame(b"\xc3", 0x01)
            + frame(b"\xbc", 0x00)
            + frame(b"ber", 0x80)
            + frame(b"\x00", 0x02)
            + frame(b"\xff", 0x80)
        )
        await peer.send(BytesMessage(data=b"whole"))
        await trio.sleep_forever()

    async with opened(nursery, serve, close_timeout=0) as wire:
        assert [await wire.receive() for _ in range(3)] == ["über", b"\x00\xff", b"whole"]
        assert wire.statistics().messages_received == 3


async def test_limit_counts_all_fragments(nursery: trio.Nursery, autojump_clock: Any) -> None:
    closes = []

    async def serve(peer: Peer) -> None:
        await peer.accept()
        for _ in range(3):
            await peer.send(TextMessage(data="x" * 40, message_finished=False))
        while (event := await peer.event()) is not None:
            if isinstance(event, CloseConnection):
                closes.append(event.code)

    async with opened(nursery, serve, max_size=100) as wire:
        with pytest.raises(RealtimeConnectionError, match="more than 100 bytes") as info:
            await wire.receive()
        assert info.value.code == 1009
    await wait_all_tasks_blocked()
    assert closes == [1009]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(b"\xff"), 1007),
        (frame(b"\xc3", 0x01) + frame(b"x", 0x80), 1007),
        (frame(b"x", 0x80), 1002),
        (frame(b"x", 0x01) + frame(b"y"), 1002),
        (frame(b"x", 0x83), 1002),
        (b"\x81\x81\0\0\0\0x", 1002),
        (frame(b"x" * 126, 0x89), 1002),
        (frame(b"x", 0x88), 1002),
        (frame(b"\x03\xee", 0x88), 1002),  # 1006 is never sent
    ],
)
async def test_frames_that_are_wrong(nursery: trio.Nursery, autojump_clock: Any, bad: bytes, code: int) -> None:
    """What came before is given, what comes after is not, and the peer is told why."""
    closes = []

    async def serve(peer: Peer) -> None:
        await peer.accept(first=frame(b"before") + bad + frame(b"after"))
        event = await peer.event()
        assert isinstance(event, CloseConnection)
        closes.append(event.code)

    timer = Timer()
    async with opened(nursery, serve) as wire:
        assert await wire.receive() == "before"
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.receive()
        assert info.value.code == code
        assert wire.receive_nowait() is None
    await wait_all_tasks_blocked()
    assert closes == [code]
    assert timer.seconds == 0


async def test_messages_and_nonsense_while_closing(nursery: trio.Nursery, autojump_clock: Any) -> None:
    """They change nothing: this side has closed."""

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.event()
        await peer.stream.send_all(frame(b"late") + frame(b"\xff"))
        await trio.sleep_forever()

    timer = Timer()
    async with opened(nursery, serve, close_timeout=5) as wire:
        await wire.aclose(4000)
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.receive()
        assert info.value.code == 4000
    assert timer.seconds == 0


async def test_close_waits_for_the_peers_close_frame(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        event = await peer.event()
        assert isinstance(event, CloseConnection)
        await trio.sleep(1)
        await peer.stream.send_all(frame(b"late"))
        await peer.send(event.response())
        assert await peer.stream.receive_some() == b""

    timer = Timer()
    async with opened(nursery, serve, close_timeout=5) as wire:
        await wire.aclose()
        assert timer.seconds == 1


async def test_close_of_a_peer_that_hangs_up(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.event()
        await peer.stream.aclose()

    timer = Timer()
    async with opened(nursery, serve, close_timeout=5) as wire:
        await wire.aclose()
    assert timer.seconds == 0


async def test_burst_behind_a_write_goes_out_in_one(nursery: trio.Nursery, autojump_clock: Any) -> None:
    sizes: list[int] = []

    class Watched(PipeStream):
        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            sizes.append(len(data))
            await super().send_all(data)

    def pair() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        client, server = pipe_pair(4096)
        return Watched(client._out, client._into), server

    got: list[str | bytes] = []

    async def slow(peer: Peer) -> None:
        await peer.accept()
        await trio.sleep(1)
        got.extend([message async for message in peer.messages()])

    async with peer_connector(nursery, slow, pair)(request()) as wire:
        sizes.clear()
        await wire.send("A" * 10_000)  # more than the pipe takes
        await wait_all_tasks_blocked()
        for number in range(10):
            await wire.send(f"{number}")
        assert sizes == [10_008]
        await trio.sleep(2)
        assert sizes == [10_008, 70]
        assert wire.statistics().bytes_sent > 10_078
    assert got == ["A" * 10_000, *"0123456789"]


async def test_pongs_for_a_peer_that_does_not_read_do_not_fill_the_memory(
    nursery: trio.Nursery, autojump_clock: Any
) -> None:
    pinged = 0

    async def serve(peer: Peer) -> None:
        nonlocal pinged
        await peer.accept()
        with pytest.raises(trio.BrokenResourceError):
            for _ in range(20_000):
                await peer.stream.send_all(frame(b"x" * 125, 0x89))
                pinged += 1

    async with peer_connector(nursery, serve, lambda: pipe_pair(4096))(request(send_timeout=3)) as wire:
        with pytest.raises(RealtimeTimeoutError) as info:
            await wire.receive()
        assert info.value.name == "send"
    assert pinged < 2_000


async def test_pong_of_its_own_accord_is_no_answer(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.send(Pong(payload=b"1"))
        ping = await peer.event()
        assert isinstance(ping, Ping)
        await peer.send(Pong(payload=b"other"))
        await trio.sleep(2)
        await peer.send(ping.response())
        await peer.send(ping.response())
        await trio.sleep_forever()

    async with opened(nursery, serve, ping_interval=5, close_timeout=0) as wire:
        await trio.sleep(6)
        assert wire.statistics().latency is None
        await trio.sleep(2)
        assert wire.statistics().latency == 2


async def test_no_ping_goes_out_behind_a_close_frame(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        while await peer.stream.receive_some():
            pass

    sent = []
    for interval in (None, 1):
        timer = Timer()
        async with opened(nursery, serve, ping_interval=interval, close_timeout=5) as wire:
            pass
        assert timer.seconds == 5
        sent.append(wire.statistics().bytes_sent)
    assert sent[0] == sent[1]


async def test_end_of_the_stream_in_the_middle_of_a_frame(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept(first=frame(b"whole") + frame(b"cut off")[:-1])
        await peer.stream.aclose()

    async with opened(nursery, serve) as wire:
        assert await wire.receive() == "whole"
        with pytest.raises(RealtimeConnectionError, match="lost") as info:
            await wire.receive()
        assert info.value.code == 1006


async def test_stream_that_breaks_while_the_handshake_is_read(nursery: trio.Nursery, autojump_clock: Any) -> None:
    class Broken(PipeStream):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            await super().receive_some(max_bytes)
            raise trio.BrokenResourceError

    def pair() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        client, server = pipe_pair(1 << 16)
        return Broken(client._out, client._into), server

    timer = Timer()
    with pytest.raises(RealtimeConnectionError, match="closed during the WebSocket handshake"):
        async with peer_connector(nursery, answer, pair)(request()):
            pytest.fail("not reached")
    assert timer.seconds == 0


async def test_sends_neither_a_task_nor_a_scope_of_their_own(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async with opened(nursery, answer) as wire:
        assert isinstance(wire, ProtocolWire)
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(100):
            await wire.send("x")
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert wire.statistics().messages_sent == 100


def test_logger_is_nobodys() -> None:
    logger = silent_logger()
    assert not logger.isEnabledFor(10)
    assert not logger.handlers
    assert logger.parent is None


async def test_memory_streams_of_trio(nursery: trio.Nursery, autojump_clock: Any) -> None:
    async with peer_connector(nursery, answer, memory_stream_pair)(request()) as wire:
        await wire.send(b"bytes are text")
