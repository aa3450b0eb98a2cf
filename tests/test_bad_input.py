"""Whatever a server may send or fail to do ends as documented, in bounded time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from tests.talk import KEY, collect, make_agent, of, talk
from trio_realtime import (
    HandshakeRejected,
    ModelBehaviorError,
    OpenAIRealtimeWebSocketModel,
    RealtimeConnectionError,
    RealtimeRunner,
    RealtimeTimeoutError,
    SessionClosed,
    SessionExpired,
    UserError,
)
from trio_realtime.server import (
    BINARY_FRAME,
    MALFORMED_JSON,
    NOT_AN_OBJECT,
    UNKNOWN_EVENT,
    WRONG_SHAPE,
    CloseWith,
    Drop,
    Inject,
    LocalServer,
    RejectHandshake,
    Say,
    ScriptEngine,
    Stall,
    StallHandshake,
    big_message,
)
from trio_realtime.transport.memory import MemoryWire

MISSING = {"type": "response.output_audio.delta", "event_id": "e", "delta": "AAAA"}
BASE64 = {
    "type": "response.output_audio.delta",
    "event_id": "e",
    "response_id": "r",
    "item_id": "i",
    "output_index": 0,
    "content_index": 0,
    "delta": "!!!!",
}


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (MALFORMED_JSON, "JSON"),
        (NOT_AN_OBJECT, "object"),
        ("{}", "type"),
        ('{"type": 3}', "type"),
        ("", "JSON"),
        (WRONG_SHAPE, "response.output_audio.delta"),
        (MISSING, "response_id"),
        (BASE64, "delta"),
        (BINARY_FRAME, "binary"),
        ({"type": "response.done", "event_id": "e", "response": 5}, "response"),
        ({"type": "error", "event_id": "e"}, "error"),
    ],
)
async def test_a_bad_message_is_one_error_event_and_the_session_lives(frame, words, autojump_clock):
    async with talk(ScriptEngine([Say("Hello."), Say("Again.")]), faults=[Inject(frame, event="response.created")]) as (
        session,
        _,
    ):
        await session.send_message("Go")
        events = await collect(session, "agent_end")
        (error,) = of(events, "error")
        assert isinstance(error.error, ModelBehaviorError)
        assert words in str(error.error)
        assert events[-1].status == "completed"
        await session.send_message("Again")
        await collect(session, "agent_end")


async def test_an_unknown_type_is_no_error(autojump_clock):
    async with talk(ScriptEngine([Say("Hello.")]), faults=[Inject(UNKNOWN_EVENT, event="response.created")]) as (
        session,
        _,
    ):
        await session.send_message("Go")
        assert of(await collect(session, "agent_end"), "error") == []


async def say_too_much(server, model, url):
    server.fault(Inject(big_message(17 * 1024 * 1024), event="response.created"))
    with pytest.raises(RealtimeConnectionError) as caught:
        async with await RealtimeRunner(make_agent(), model=model).run(
            model_config={"api_key": KEY, "url": url}
        ) as session:
            await session.send_message("Go")
            await collect(session, "agent_end")
    assert caught.value.code == 1009


async def test_a_message_over_the_limit_ends_with_1009(autojump_clock):
    server = LocalServer(ScriptEngine([Say("Hello.")]), pace=None)
    await say_too_much(server, OpenAIRealtimeWebSocketModel(transport=server.connector), None)


async def test_a_message_over_the_limit_ends_with_1009_over_a_socket():
    server = LocalServer(ScriptEngine([Say("Hello.")]), pace=None)
    async with server.serve() as address:
        await say_too_much(server, None, address.url)


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        pytest.param(Drop, "session.created", marks=pytest.mark.wire_in_memory),
        (Drop, "session.updated"),
        (CloseWith, "session.created"),
        (CloseWith, "session.updated"),
    ],
)
async def test_a_close_while_connecting(event, fault, autojump_clock):
    with pytest.raises(RealtimeConnectionError) as caught:
        async with talk(faults=[fault(event=event)]):
            raise AssertionError
    assert caught.value.code == (1006 if fault is Drop else 1001)


async def test_a_close_in_the_handshake():
    async def slam(stream):
        await stream.receive_some()
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, slam, 0, host="127.0.0.1"))
        url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/"
        with trio.fail_after(5), pytest.raises(RealtimeConnectionError):
            async with await RealtimeRunner(make_agent()).run(model_config={"api_key": KEY, "url": url}):
                raise AssertionError
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("status", [401, 500])
async def test_another_answer_than_101(status, autojump_clock):
    with pytest.raises(HandshakeRejected) as caught:
        async with talk(faults=[RejectHandshake(status=status, body="words")]):
            raise AssertionError
    assert (caught.value.status, caught.value.body) == (status, "words")


async def test_nobody_listens():
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(RealtimeConnectionError) as caught:
        async with await RealtimeRunner(make_agent()).run(
            model_config={"api_key": KEY, "url": f"ws://127.0.0.1:{port}/"}
        ):
            raise AssertionError
    assert KEY not in str(caught.value)


async def test_a_server_that_never_answers_the_handshake(autojump_clock):
    with pytest.raises(RealtimeTimeoutError) as caught:
        async with talk(faults=[StallHandshake()]):
            raise AssertionError
    assert caught.value.name == "connect"
    assert trio.current_time() <= 15


async def test_a_server_that_falls_silent_before_it_confirms(autojump_clock):
    with pytest.raises(RealtimeTimeoutError) as caught:
        async with talk(faults=[Stall(event="session.updated")]):
            raise AssertionError
    assert caught.value.name == "connect"
    assert trio.current_time() <= 20


@pytest.mark.wire_in_memory
async def test_a_server_that_stops_reading(autojump_clock):
    """Audio waits while the socket stalls, a stall that lasts is the end, and leaving does not hang."""
    wires: list[MemoryWire] = []

    server = LocalServer(pace=None)

    @asynccontextmanager
    async def connector(request):
        async with server.connector(request) as wire:
            wires.append(wire)
            yield wire

    model = OpenAIRealtimeWebSocketModel(transport=connector)
    sent = 0
    with pytest.raises(RealtimeTimeoutError) as caught:
        runner = RealtimeRunner(make_agent(), model=model, config={"reconnect": None})
        async with await runner.run(model_config={"api_key": KEY}) as session:
            server.connections[0]._wire.stall()
            start = trio.current_time()
            with pytest.raises(SessionClosed):
                for _ in range(100_000):
                    await session.send_audio(bytes(24_000))
                    sent += 1
            assert 5 <= trio.current_time() - start <= 20
    assert caught.value.name == "send"
    assert 0 < sent < 10_000


async def test_expiry_is_a_typed_end(autojump_clock):
    with pytest.raises(SessionExpired):
        async with talk(session_seconds=30, config={"reconnect": None}) as (session, _):
            await collect(session, "connection", status="closed")
            async for _ in session:
                pass


async def test_a_normal_close_just_ends_iteration(autojump_clock):
    async with talk() as (session, server):
        await server.close(1000, "bye")
        events = [event async for event in session]
        assert events[-1].type == "connection"
        assert [event async for event in session] == []
        with pytest.raises(SessionClosed):
            await session.send_audio(b"00")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"headers": {"X-Test": f"{KEY}\r\nX: y"}}, "X-Test"),
        ({"headers": {"X-\nTest": KEY}}, "header"),
        ({"url": "http://example.com/"}, "ws"),
        ({"url": "ws://example.com/v1"}, "wss"),
        ({"url": "wss://example.com/\r\n"}, "URL"),
        ({"api_key": 5}, "api_key"),
        ({"api_keys": KEY}, "api_key"),
    ],
)
async def test_bad_configuration_is_an_error_at_the_call(config, words):
    with pytest.raises(UserError) as caught:
        async with await RealtimeRunner(make_agent()).run(model_config={"api_key": KEY, **config}):
            raise AssertionError
    assert words.lower() in str(caught.value).lower()
    assert KEY not in str(caught.value)
