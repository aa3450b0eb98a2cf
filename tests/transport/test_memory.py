"""What wires in memory have beyond the contract: the pair, cutting, stalling, and the server's task beside the client."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from tests.transport.support import Timer, request
from trio_realtime.errors import HandshakeRejected, RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.transport.base import TransportConfig, Wire, WireRequest
from trio_realtime.transport.memory import connector, memory_wire_pair


async def test_pair() -> None:
    client, server = memory_wire_pair()
    await client.send("ping")
    await server.send_binary(b"pong")
    assert await server.receive() == "ping"
    assert await client.receive() == b"pong"
    statistics = client.statistics()
    assert (statistics.bytes_sent, statistics.bytes_received, statistics.latency) == (4, 4, None)
    await server.aclose(4001, "bye")
    with pytest.raises(RealtimeConnectionError, match="4001: bye"):
        await client.receive()
    assert client.ended
    assert server.ended


@pytest.mark.parametrize("side", [0, 1])
async def test_cut(side: int) -> None:
    wires = memory_wire_pair()
    await wires[0].send("a")
    await wires[1].send("b")
    wires[side].cut()
    assert await wires[0].receive() == "b"
    assert await wires[1].receive() == "a"
    for wire in wires:
        for call in (wire.receive, lambda wire=wire: wire.send("x")):
            with pytest.raises(RealtimeConnectionError) as info:
                await call()
            assert info.value.code == 1006
        await wire.aclose()


async def test_stalled_peer_times_the_send_out(autojump_clock: Any) -> None:
    client, server = memory_wire_pair(config=TransportConfig(send_timeout=3))
    server.stall()
    timer = Timer()
    for call in (lambda: client.send("x"), lambda: client.send("x"), client.receive):
        with pytest.raises(RealtimeTimeoutError) as info:
            await call()
        assert (info.value.name, info.value.seconds) == ("send", 3)
    assert timer.seconds == 3
    with pytest.raises(RealtimeConnectionError) as lost:
        await server.receive()
    assert lost.value.code == 1006


async def test_stalled_peer_that_resumes(autojump_clock: Any, nursery: trio.Nursery) -> None:
    client, server = memory_wire_pair()
    server.stall()
    nursery.start_soon(client.send, "x")
    await trio.sleep(5)
    assert server.receive_nowait() is None
    server.resume()
    assert await server.receive() == "x"


async def test_send_waits_without_a_timeout_and_a_cancelled_one_sends_nothing(autojump_clock: Any) -> None:
    client, server = memory_wire_pair(config=TransportConfig(send_timeout=None))
    server.stall()
    with trio.move_on_after(1000) as scope:
        await client.send("x")
    assert scope.cancelled_caught
    server.resume()
    assert server.receive_nowait() is None
    await client.send("y")
    assert await server.receive() == "y"


async def test_bounded_queue(autojump_clock: Any, nursery: trio.Nursery) -> None:
    client, server = memory_wire_pair(max_buffered=10)
    await client.send("12345")
    await client.send("67890")
    with trio.move_on_after(1) as scope:
        await client.send("x")
    assert scope.cancelled_caught
    nursery.start_soon(client.send, "y")
    await wait_all_tasks_blocked()
    assert [await server.receive() for _ in range(3)] == ["12345", "67890", "y"]


async def test_close_releases_a_waiting_send(autojump_clock: Any, nursery: trio.Nursery) -> None:
    client, server = memory_wire_pair(max_buffered=1)
    await client.send("1")
    codes = []

    async def sender() -> None:
        with pytest.raises(RealtimeConnectionError) as info:
            await client.send("2")
        codes.append(info.value.code)

    nursery.start_soon(sender)
    await wait_all_tasks_blocked()
    await client.aclose(4000)
    await wait_all_tasks_blocked()
    assert codes == [4000]
    assert await server.receive() == "1"


async def test_close_of_a_stalled_peer_costs_close_timeout(autojump_clock: Any) -> None:
    client, server = memory_wire_pair(config=TransportConfig(close_timeout=2))
    server.stall()
    timer = Timer()
    await client.aclose()
    assert timer.seconds == 2
    with pytest.raises(RealtimeConnectionError) as info:
        await server.receive()
    assert info.value.code == 1006


async def test_close_of_a_stalled_peer_that_resumes(autojump_clock: Any, nursery: trio.Nursery) -> None:
    client, server = memory_wire_pair(config=TransportConfig(close_timeout=2))
    server.stall()
    timer = Timer()
    nursery.start_soon(client.aclose)
    await trio.sleep(1)
    server.resume()
    with pytest.raises(RealtimeConnectionError) as info:
        await server.receive()
    assert info.value.code == 1000
    assert timer.seconds == 1


async def test_calls_are_checkpoints() -> None:
    client, server = memory_wire_pair()
    with assert_checkpoints():
        await client.send("x")
    with assert_checkpoints():
        await server.receive()
    with assert_checkpoints():
        await server.aclose()


# The connector


async def test_server_refuses_before_it_uses_the_wire(autojump_clock: Any) -> None:
    async def serve(wire: Wire, got: WireRequest) -> None:
        await trio.sleep(1)
        raise HandshakeRejected("no", status=403, headers={"set-cookie": "c", "x": "y"}, body="b" * 5000)

    timer = Timer()
    with pytest.raises(HandshakeRejected) as info:
        async with connector(serve)(request()):
            pytest.fail("not reached")
    assert timer.seconds == 1
    assert (info.value.status, info.value.headers, len(info.value.body)) == (403, {"x": "y"}, 4096)
    assert info.value.__cause__ is None


async def test_server_fails_before_it_uses_the_wire(autojump_clock: Any) -> None:
    bug = RuntimeError("bug")

    async def serve(wire: Wire, got: WireRequest) -> None:
        raise bug

    with pytest.raises(HandshakeRejected) as info:
        async with connector(serve)(request()):
            pytest.fail("not reached")
    assert info.value.status == 500
    assert info.value.__cause__ is bug


@pytest.mark.parametrize("use", ["send", "receive", "receive_nowait", "aclose"])
async def test_server_accepts_by_using_the_wire(autojump_clock: Any, use: str) -> None:
    async def serve(wire: Wire, got: WireRequest) -> None:
        await trio.sleep(2)
        if use == "send":
            await wire.send("x")
        elif use == "receive":
            await wire.receive()
        elif use == "receive_nowait":
            wire.receive_nowait()
            await trio.sleep_forever()
        else:
            await wire.aclose()

    timer = Timer()
    async with connector(serve)(request()):
        assert timer.seconds == 2


async def test_server_that_just_returns_has_accepted_and_closed(autojump_clock: Any) -> None:
    async def serve(wire: Wire, got: WireRequest) -> None: ...

    async with connector(serve)(request()) as wire:
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.receive()
        assert info.value.code == 1000


async def test_server_that_never_accepts(autojump_clock: Any) -> None:
    ended = []

    async def serve(wire: Wire, got: WireRequest) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    timer = Timer()
    with pytest.raises(RealtimeTimeoutError) as info:
        async with connector(serve)(request(handshake_timeout=3)):
            pytest.fail("not reached")
    assert (info.value.name, info.value.seconds) == ("connect", 3)
    assert timer.seconds == 3
    assert len(ended) == 1


async def test_failure_of_the_server_is_the_cause_of_the_clients_error(autojump_clock: Any) -> None:
    bug = AssertionError("what the test's server found")

    async def serve(wire: Wire, got: WireRequest) -> None:
        await wire.send("x")
        raise bug

    async with connector(serve)(request()) as wire:
        assert await wire.receive() == "x"
        for _ in range(2):
            with pytest.raises(RealtimeConnectionError) as info:
                await wire.receive()
            assert info.value.code == 1011
            assert info.value.__cause__ is bug


async def test_late_refusal_is_a_failure(autojump_clock: Any) -> None:
    async def serve(wire: Wire, got: WireRequest) -> None:
        await wire.send("x")
        raise HandshakeRejected("too late", status=401)

    async with connector(serve)(request()) as wire:
        await wire.receive()
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.receive()
        assert info.value.code == 1011


async def test_server_works_on_until_the_block_has_ended(autojump_clock: Any) -> None:
    """A cancellation reaches the client's block first; what it still sends then is served."""

    async def serve(wire: Wire, got: WireRequest) -> None:
        while True:
            await wire.send(f"echo {await wire.receive()!s}")

    answers = []
    with trio.move_on_after(1):
        async with connector(serve)(request()) as wire:
            await wire.send("a")
            await wire.receive()
            try:
                await trio.sleep_forever()
            finally:
                with trio.move_on_after(1, shield=True):
                    await wire.send("b")
                    answers.append(await wire.receive())
    assert answers == ["echo b"]


async def test_server_is_cancelled_after_close_timeout(autojump_clock: Any) -> None:
    ended = []

    async def serve(wire: Wire, got: WireRequest) -> None:
        await wire.send("x")
        try:
            await trio.sleep_forever()
        finally:
            ended.append(timer.seconds)

    timer = Timer()
    async with connector(serve)(request(close_timeout=2)):
        await trio.sleep(1)
    assert ended == [3]


async def test_server_that_ends_late_is_waited_for(autojump_clock: Any) -> None:
    done = []

    async def serve(wire: Wire, got: WireRequest) -> None:
        with pytest.raises(RealtimeConnectionError):
            await wire.receive()
        await trio.sleep(1)
        done.append(timer.seconds)

    timer = Timer()
    async with connector(serve)(request(close_timeout=2)):
        pass
    assert done == [1]


async def test_interrupt_in_the_server_comes_out_bare(autojump_clock: Any) -> None:
    async def serve(wire: Wire, got: WireRequest) -> None:
        await wire.send("x")
        await trio.sleep(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with connector(serve)(request()):
            await trio.sleep_forever()


async def test_client_without_a_handshake_timeout(autojump_clock: Any) -> None:
    async def serve(wire: Wire, got: WireRequest) -> None:
        await trio.sleep(1000)
        await wire.send("x")

    async with connector(serve)(request(handshake_timeout=None)) as wire:
        assert await wire.receive() == "x"
