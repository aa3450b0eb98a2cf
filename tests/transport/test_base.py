"""The contract of wires, held by all kinds: in memory, and WebSockets of each library over streams in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import assert_checkpoints, memory_stream_pair, wait_all_tasks_blocked

from tests.transport.support import TRANSPORTS, Timer, request
from trio_realtime.errors import (
    HandshakeRejected,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    UserError,
    UserTypeError,
)
from trio_realtime.transport import memory
from trio_realtime.transport.base import Connector, TransportConfig, Wire, WireRequest
from trio_realtime.transport.trio_websocket import Authorize, Handler, serve_stream

Make = Callable[..., Connector]


@pytest.fixture(params=["memory", *TRANSPORTS])
def make(request: Any, nursery: trio.Nursery) -> Make:
    """Gives a function that makes a connector out of a handler."""

    def over_memory(handler: Handler, authorize: Authorize | None = None) -> Connector:
        async def accept(_: WireRequest) -> None: ...

        return memory.connector(handler, authorize=authorize or accept)

    def over_websocket(handler: Handler, authorize: Authorize | None = None) -> Connector:
        async def open_stream() -> trio.abc.Stream:
            client, server = memory_stream_pair()

            async def serve() -> None:
                await serve_stream(server, handler, authorize=authorize, config=limits)

            nursery.start_soon(serve)
            return client

        limits = TransportConfig(max_size=1000)
        connector: Connector = TRANSPORTS[request.param].stream_connector(open_stream)
        return connector

    return over_memory if request.param == "memory" else over_websocket


async def echo(wire: Wire, _: WireRequest) -> None:
    while True:
        message = await wire.receive()
        await wire.send(message)


async def quiet(wire: Wire, _: WireRequest) -> None:
    """A server that only waits for the end."""
    while True:
        await wire.receive()


async def pause(_: Wire) -> None:
    await trio.sleep(1)


def sending(*messages: str, then: Callable[[Wire], Awaitable[None]] | None = None) -> Handler:
    async def handler(wire: Wire, _: WireRequest) -> None:
        for message in messages:
            await wire.send(message)
        if then is not None:
            await then(wire)

    return handler


async def test_text_goes_there_and_back(autojump_clock: Any, make: Make) -> None:
    async with make(echo)(request()) as wire:
        await wire.send("hello")
        await wire.send("grüße 🎈".encode())
        assert await wire.receive() == "hello"
        assert await wire.receive() == "grüße 🎈"


async def test_binary_messages_arrive_as_bytes(autojump_clock: Any, make: Make) -> None:
    async def handler(wire: Any, _: WireRequest) -> None:
        await wire.send_binary(b"\x00\xff")
        await wire.send("text")

    async with make(handler)(request()) as wire:
        assert await wire.receive() == b"\x00\xff"
        assert await wire.receive() == "text"


async def test_request_reaches_the_server(autojump_clock: Any, make: Make) -> None:
    seen: list[WireRequest] = []

    async def handler(wire: Wire, got: WireRequest) -> None:
        seen.append(got)

    headers = {"Authorization": "Bearer sk-test-canary", "X-Two": "2"}
    async with make(handler)(request(url="ws://localhost/a/b?model=m&x=1", headers=headers)) as wire:
        with pytest.raises(RealtimeConnectionError):
            await wire.receive()
    assert seen[0].url.removeprefix("ws://localhost").removeprefix(":80") == "/a/b?model=m&x=1"
    lower = {name.lower(): value for name, value in seen[0].headers.items()}
    assert lower["authorization"] == "Bearer sk-test-canary"
    assert lower["x-two"] == "2"


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4004])
async def test_close_code_of_the_peer_comes_after_all_messages(autojump_clock: Any, make: Make, code: int) -> None:
    connect = make(sending("a", "b", "c", then=lambda wire: wire.aclose(code, "because")))
    async with connect(request()) as wire:
        await trio.sleep(1)
        assert [await wire.receive() for _ in range(3)] == ["a", "b", "c"]
        for _ in range(2):
            with pytest.raises(RealtimeConnectionError) as info:
                await wire.receive()
            assert (info.value.code, info.value.reason) == (code, "because")
            assert str(code) in str(info.value)
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.send("too late")
        assert info.value.code == code


async def test_each_error_is_an_object_of_its_own(autojump_clock: Any, make: Make) -> None:
    async with make(sending())(request()) as wire:
        errors = []
        for _ in range(2):
            with pytest.raises(RealtimeConnectionError) as info:
                await wire.receive()
            errors.append(info.value)
    assert errors[0] is not errors[1]


async def test_server_sees_the_clients_close(autojump_clock: Any, make: Make) -> None:
    codes = []

    async def handler(wire: Wire, _: WireRequest) -> None:
        try:
            await wire.receive()
        except RealtimeConnectionError as exc:
            codes.append((exc.code, exc.reason))
            raise

    connect = make(handler)
    async with connect(request()):
        pass
    async with connect(request()) as wire:
        await wire.aclose(3001, "done")
    assert codes == [(1000, None), (3001, "done")]


async def test_cancelled_block_still_sends_close_1000(autojump_clock: Any, make: Make) -> None:
    codes = []

    async def handler(wire: Wire, _: WireRequest) -> None:
        try:
            await wire.receive()
        except RealtimeConnectionError as exc:
            codes.append(exc.code)

    timer = Timer()
    with trio.move_on_after(5) as scope:
        async with make(handler)(request()):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert timer.seconds == 5
    await trio.sleep(1)
    assert codes == [1000]


async def test_exception_of_the_block_leaves_it_as_the_same_object(autojump_clock: Any, make: Make) -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as info:
        async with make(quiet)(request()):
            raise error
    assert info.value is error
    assert error.__context__ is None


async def test_group_of_the_block_passes_untouched(autojump_clock: Any, make: Make) -> None:
    group = ExceptionGroup("mine", [ValueError(), ExceptionGroup("inner", [KeyError()])])
    with pytest.raises(ExceptionGroup) as info:
        async with make(quiet)(request()):
            raise group
    assert info.value is group


async def test_exception_of_the_block_wins_over_a_lost_connection(autojump_clock: Any, make: Make) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with make(sending())(request()):
            await trio.sleep(1)
            raise ValueError("mine")


async def test_block_that_does_not_look_is_not_told_of_the_end(autojump_clock: Any, make: Make) -> None:
    reached = False
    async with make(sending(then=lambda wire: wire.aclose(1011)))(request()):
        await trio.sleep(1)
        reached = True
    assert reached


async def test_close_on_this_side_ends_waiting_receives(autojump_clock: Any, make: Make, nursery: trio.Nursery) -> None:
    async with make(quiet)(request()) as wire:
        codes = []

        async def reader() -> None:
            with pytest.raises(RealtimeConnectionError) as info:
                await wire.receive()
            codes.append(info.value.code)

        nursery.start_soon(reader)
        nursery.start_soon(reader)
        await wait_all_tasks_blocked()
        await wire.aclose(4000)
        await wire.aclose(4001)
        await wait_all_tasks_blocked()
        assert codes == [4000, 4000]
        with pytest.raises(RealtimeConnectionError, match="on this side"):
            await wire.send("x")


async def test_what_arrived_before_our_close_can_still_be_received(autojump_clock: Any, make: Make) -> None:
    async with make(sending("a", then=pause))(request()) as wire:
        await wait_all_tasks_blocked()
        await wire.aclose()
        assert await wire.receive() == "a"
        with pytest.raises(RealtimeConnectionError):
            await wire.receive()


async def test_message_over_the_limit_closes_with_1009_after_the_earlier_ones(autojump_clock: Any, make: Make) -> None:
    codes = []

    async def handler(wire: Wire, _: WireRequest) -> None:
        await wire.send("before")
        await wire.send("é" * 26)  # 26 characters, 52 bytes
        try:
            await wire.send("after")
            await wire.receive()
        except RealtimeConnectionError as exc:
            codes.append(exc.code)
            raise

    async with make(handler)(request(max_size=50)) as wire:
        assert await wire.receive() == "before"
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.receive()
        assert info.value.code == 1009
    await trio.sleep(1)
    assert codes == [1009]


@pytest.mark.parametrize(("text", "binary"), [("é" * 25, False), ("a" * 50, False), ("\0" * 50, True)])
async def test_message_of_the_limit_passes(autojump_clock: Any, make: Make, text: str, binary: bool) -> None:
    async def handler(wire: Any, _: WireRequest) -> None:
        await (wire.send_binary(text.encode()) if binary else wire.send(text))

    async with make(handler)(request(max_size=50)) as wire:
        assert len(await wire.receive()) in (25, 50)


async def test_no_limit(autojump_clock: Any, make: Make) -> None:
    async with make(sending("x" * 3_000_000))(request(max_size=None)) as wire:
        assert len(await wire.receive()) == 3_000_000


async def test_sender_learns_that_its_message_was_too_big(autojump_clock: Any, make: Make) -> None:
    async with make(quiet)(request(max_size=1000)) as wire:
        await wire.send("x" * 1001)
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.receive()
        assert info.value.code == 1009


async def test_receive_nowait_drains_a_burst(autojump_clock: Any, make: Make) -> None:
    async with make(sending("a", "b", "c", then=pause))(request()) as wire:
        assert await wire.receive() == "a"
        await wait_all_tasks_blocked()
        assert wire.receive_nowait() == "b"
        assert wire.receive_nowait() == "c"
        assert wire.receive_nowait() is None
        await trio.sleep(5)
        assert wire.receive_nowait() is None


async def test_cancelled_receive_loses_nothing(autojump_clock: Any, make: Make) -> None:
    async def handler(wire: Wire, _: WireRequest) -> None:
        for number in range(20):
            await trio.sleep(0.1)
            await wire.send(str(number))
        await trio.sleep(10)

    async with make(handler)(request()) as wire:
        got: list[str | bytes] = []
        while len(got) < 20:
            with trio.move_on_after(0.025):
                got.append(await wire.receive())
            with trio.CancelScope() as scope:
                scope.cancel()
                got.append(await wire.receive())
    assert got == [str(number) for number in range(20)]


async def test_two_receivers_share_the_messages(autojump_clock: Any, make: Make, nursery: trio.Nursery) -> None:
    got: list[str | bytes] = []

    async def reader(wire: Wire) -> None:
        try:
            while True:
                got.append(await wire.receive())
        except RealtimeConnectionError:
            pass

    async with make(sending(*"abcdefgh"))(request()) as wire:
        nursery.start_soon(reader, wire)
        nursery.start_soon(reader, wire)
        await trio.sleep(1)
    assert sorted(got) == list("abcdefgh")


async def test_concurrent_sends_keep_messages_whole(autojump_clock: Any, make: Make) -> None:
    async with make(echo)(request()) as wire, trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(wire.send, str(number) * 50)
        got = [await wire.receive() for _ in range(20)]
    assert sorted(got) == sorted(str(number) * 50 for number in range(20))


async def test_calls_are_checkpoints(autojump_clock: Any, make: Make) -> None:
    async with make(echo)(request()) as wire:
        with assert_checkpoints():
            await wire.send("x")
        await wait_all_tasks_blocked()
        with assert_checkpoints():
            await wire.receive()
        with assert_checkpoints():
            await wire.aclose()
        with assert_checkpoints(), pytest.raises(RealtimeConnectionError):
            await wire.receive()
        with assert_checkpoints(), pytest.raises(RealtimeConnectionError):
            await wire.send("x")
        with assert_checkpoints():
            await wire.aclose()


async def test_cancelled_calls_in_a_cancelled_scope(autojump_clock: Any, make: Make) -> None:
    async with make(echo)(request()) as wire:
        for call in (lambda: wire.send("never"), wire.receive):
            with trio.CancelScope() as scope:
                scope.cancel()
                await call()
            assert scope.cancelled_caught
        await wire.send("next")
        assert await wire.receive() == "next"


async def test_cancelled_close_closes_at_once(autojump_clock: Any, make: Make) -> None:
    ends = []

    async def handler(wire: Wire, _: WireRequest) -> None:
        try:
            await wire.receive()
        except RealtimeConnectionError as exc:
            ends.append(exc.code)

    async with make(handler)(request(close_timeout=30)) as wire:
        timer = Timer()
        with trio.CancelScope() as scope:
            scope.cancel()
            await wire.aclose(4000)
        assert scope.cancelled_caught
        assert timer.seconds == 0
        with pytest.raises(RealtimeConnectionError):
            await wire.receive()
    assert timer.seconds <= 0.1
    assert ends == [4000]


@pytest.mark.parametrize(
    ("bad", "error", "shown"),
    [(b"\xff\xfe", UserError, "byte 0"), ("x\ud800", UserError, "position 1"), (7, UserTypeError, "int")],
)
async def test_message_that_cannot_be_sent_leaves_the_wire_alive(
    autojump_clock: Any, make: Make, bad: Any, error: type[Exception], shown: str
) -> None:
    async with make(echo)(request()) as wire:
        with pytest.raises(error, match=shown) as info:
            await wire.send(bad)
        assert info.value.__cause__ is None
        await wire.send("good")
        assert await wire.receive() == "good"


@pytest.mark.parametrize(
    ("code", "reason"), [(1005, ""), (1006, ""), (1015, ""), (999, ""), (5000, ""), (1000, "é" * 62), (1000, "\ud800")]
)
async def test_close_code_and_reason_are_checked(autojump_clock: Any, make: Make, code: int, reason: str) -> None:
    async with make(echo)(request()) as wire:
        with pytest.raises(UserError):
            await wire.aclose(code, reason)
        await wire.send("still open")
        assert await wire.receive() == "still open"


async def test_statistics(autojump_clock: Any, make: Make) -> None:
    async with make(echo)(request()) as wire:
        assert wire.statistics().messages_sent == 0
        await trio.sleep(3)
        now = trio.current_time()
        await wire.send("12345")
        await wire.receive()
        before = wire.statistics()
        assert (before.messages_sent, before.messages_received) == (1, 1)
        assert before.bytes_sent >= 5
        assert before.bytes_received >= 5
        assert before.last_received == now
        await trio.sleep(1)
        await wire.send("12345")
        await wire.receive()
        assert wire.statistics().last_received == now + 1


async def test_refusal(autojump_clock: Any, make: Make) -> None:
    async def authorize(got: WireRequest) -> None:
        assert got.url.endswith("?model=m")
        raise HandshakeRejected(
            "no", status=401, headers={"x-why": "key", "Set-Cookie": "secret"}, body='{"error": "ü"}' + "x" * 9000
        )

    connect = make(echo, authorize)
    with pytest.raises(HandshakeRejected) as info:
        async with connect(request()):
            pytest.fail("not reached")
    error = info.value
    assert error.status == 401
    assert error.headers["x-why"] == "key"
    assert "set-cookie" not in error.headers
    assert error.body.startswith('{"error": "ü"}')
    assert len(error.body.encode()) <= 4098
    assert str(error) == "the server refused the WebSocket handshake with HTTP status 401 (Unauthorized)"


async def test_refusal_without_body_and_with_a_status_of_its_own(autojump_clock: Any, make: Make) -> None:
    async def authorize(_: WireRequest) -> None:
        raise HandshakeRejected("no", status=499)

    with pytest.raises(HandshakeRejected, match=r"499$") as info:
        async with make(echo, authorize)(request()):
            pytest.fail("not reached")
    assert info.value.body == ""


async def test_check_that_fails_is_a_500(autojump_clock: Any, make: Make) -> None:
    async def authorize(_: WireRequest) -> None:
        raise RuntimeError("bug")

    with pytest.raises(HandshakeRejected) as info:
        async with make(echo, authorize)(request()):
            pytest.fail("not reached")
    assert info.value.status == 500


async def test_server_that_does_not_answer_the_handshake(autojump_clock: Any, make: Make) -> None:
    async def authorize(_: WireRequest) -> None:
        await trio.sleep_forever()

    timer = Timer()
    with pytest.raises(RealtimeTimeoutError) as info:
        async with make(echo, authorize)(request(handshake_timeout=3)):
            pytest.fail("not reached")
    assert timer.seconds == 3
    assert (info.value.name, info.value.seconds) == ("connect", 3)


async def test_cancelled_while_connecting(autojump_clock: Any, make: Make) -> None:
    async def authorize(_: WireRequest) -> None:
        await trio.sleep(100)

    timer = Timer()
    with trio.move_on_after(1) as scope:
        async with make(echo, authorize)(request(handshake_timeout=None)):
            pytest.fail("not reached")
    assert scope.cancelled_caught
    assert timer.seconds <= 3


async def test_handler_that_fails_closes_with_1011(
    autojump_clock: Any, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(wire: Wire, _: WireRequest) -> None:
        await wire.send("one")
        raise ZeroDivisionError

    async with make(handler)(request()) as wire:
        assert await wire.receive() == "one"
        with pytest.raises(RealtimeConnectionError) as info:
            await wire.receive()
        assert info.value.code == 1011


async def test_handler_may_let_the_end_escape_in_a_group(
    autojump_clock: Any, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(wire: Wire, got: WireRequest) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(quiet, wire, got)
            nursery.start_soon(quiet, wire, got)

    async with make(handler)(request()) as wire:
        await wire.send("x")
    await trio.sleep(1)
    assert not caplog.records


class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope when its task is about to make its n-th step."""

    def __init__(self, step: int) -> None:
        self.scope = trio.CancelScope()
        self.steps = step
        self.task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.steps -= 1
            if self.steps == 0:
                self.scope.cancel()


async def test_cancelled_at_every_step(autojump_clock: Any, make: Make) -> None:
    """The block is left at once or within close_timeout, and the server gets whole messages and one orderly end."""
    got: list[str | bytes] = []
    ends: list[int | None] = []

    async def handler(wire: Wire, _: WireRequest) -> None:
        try:
            while True:
                message = await wire.receive()
                got.append(message)
                await wire.send(message)
        except RealtimeConnectionError as exc:
            ends.append(exc.code)

    async def scenario() -> None:
        async with make(handler)(request(close_timeout=1)) as wire:
            for number in range(3):
                await wire.send(str(number) * 500)
                assert await wire.receive() == str(number) * 500
            await wire.aclose(4000)

    for step in range(1, 60):
        got.clear()
        ends.clear()
        instrument = CancelAtStep(step)
        trio.lowlevel.add_instrument(instrument)
        timer = Timer()
        with instrument.scope:
            await scenario()
        trio.lowlevel.remove_instrument(instrument)
        assert timer.seconds <= 1
        await trio.sleep(1)
        assert got == [str(number) * 500 for number in range(len(got))]
        assert ends in ([], [1000], [4000])
        assert ends or not got
    assert ends == [4000]
    assert not instrument.scope.cancelled_caught


async def test_many_at_once(autojump_clock: Any, make: Make, nursery: trio.Nursery) -> None:
    connect = make(echo)
    done = []

    async def client(number: int) -> None:
        async with connect(request()) as wire:
            for _ in range(3):
                await wire.send(str(number))
                assert await wire.receive() == str(number)
        done.append(number)

    async with trio.open_nursery() as clients:
        for number in range(20):
            clients.start_soon(client, number)
    assert len(done) == 20


@pytest.mark.parametrize("url", ["http://localhost/", "ws://example.org/"])
async def test_requests_are_checked(autojump_clock: Any, make: Make, url: str) -> None:
    with pytest.raises(UserError):
        async with make(echo)(request(url=url, headers={"Authorization": "secret"})):
            pytest.fail("not reached")


def test_repr_shows_neither_query_nor_headers() -> None:
    shown = repr(request(url="wss://h/p?api-key=canary", headers={"Authorization": "canary"}))
    assert "canary" not in shown
    assert "wss://h/p" in shown
