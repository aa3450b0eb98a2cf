import random
import ssl

import pytest
import trio
import trio.testing
import trustme

from tests.server.helpers import Client, connected
from trio_realtime.errors import HandshakeRejected, RealtimeConnectionError, RealtimeTimeoutError, UserError
from trio_realtime.server import (
    Drop,
    EchoEngine,
    LocalServer,
    RejectHandshake,
    ScriptEngine,
    StallHandshake,
)
from trio_realtime.transport.base import TransportConfig, WireRequest
from trio_realtime.transport.trio_websocket import connect, stream_connector


async def test_a_text_turn_in_memory(autojump_clock):
    server = LocalServer()
    async with connected(server) as client:
        await client.say("say hello")
        events = await client.until("response.done")
    assert events[0]["type"] == "session.created"
    assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "hello"
    (connection,) = server.connections
    assert connection.received_types() == ["conversation.item.create", "response.create"]
    assert repr(server) == "<LocalServer RulesEngine, 0 open of 1 connections>"


@pytest.mark.parametrize(("pace", "seconds"), [(1.0, 2.0), (8.0, 0.25), (None, 0.0)])
async def test_audio_is_paced(autojump_clock, pace, seconds):
    server = LocalServer(ScriptEngine(["x" * 32]), pace=pace)
    async with connected(server) as client:
        await client.send({"type": "response.create"})
        await client.until("response.created")
        start = trio.current_time()
        await client.until("response.done")
        assert trio.current_time() - start == pytest.approx(seconds)


async def test_the_query_names_the_model_the_call_and_the_intent(autojump_clock):
    server = LocalServer()
    for query, expected in [
        ("?model=gpt-x", ("realtime", "gpt-x")),
        ("?call_id=rtc_1", ("realtime", "gpt-realtime")),
        ("?intent=transcription", ("transcription", None)),
        ("", ("realtime", "gpt-realtime")),
    ]:
        async with connected(server, f"ws://anywhere/v1/realtime{query}") as client:
            session = (await client.read())["session"]
            assert (session["type"], session.get("model")) == expected


async def test_expires_at_is_in_unix_seconds(autojump_clock):
    server = LocalServer(session_seconds=60, wall_clock=lambda: 1000.0)
    async with connected(server) as client:
        assert (await client.read())["session"]["expires_at"] == 1060


async def test_a_hundred_clients_at_once(autojump_clock):
    server = LocalServer(EchoEngine())
    texts: dict[int, str] = {}

    async def talk(number):
        async with connected(server) as client:
            await client.say(f"number {number}")
            done = (await client.until("response.done"))[-1]
            texts[number] = done["response"]["output"][0]["content"][0]["transcript"]

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(talk, number)
    assert texts == {number: f"number {number}" for number in range(100)}
    assert len(server.connections) == 100
    assert all(connection.closed for connection in server.connections)
    assert len({connection.number for connection in server.connections}) == 100


async def test_a_connection_can_be_awaited(autojump_clock):
    server = LocalServer()
    async with trio.open_nursery() as nursery:

        async def look():
            connection = await server.wait_connection(2)
            assert connection.number == 2
            await connection.wait_closed()

        nursery.start_soon(look)
        for _ in range(2):
            async with connected(server) as client:
                await client.read()


async def test_old_connections_are_forgotten(autojump_clock, monkeypatch):
    monkeypatch.setattr("trio_realtime.server.local_server._CONNECTIONS_KEPT", 2)
    server = LocalServer()
    for _ in range(3):
        async with connected(server) as client:
            await client.read()
        await server.connections[-1].wait_closed()
    assert [connection.number for connection in server.connections] == [2, 3]


@pytest.mark.parametrize("options", [{"pace": 0}, {"session_seconds": 0}, {"max_queued_events": 0}])
def test_numbers_that_make_no_sense(options):
    with pytest.raises(UserError):
        LocalServer(**options)


# Handshakes


async def test_a_rejected_handshake(autojump_clock):
    server = LocalServer(faults=[RejectHandshake(429, body="slow down", headers={"retry-after": "3"})])
    with pytest.raises(HandshakeRejected) as caught:
        async with connected(server):
            pass
    assert (caught.value.status, caught.value.body, caught.value.headers["retry-after"]) == (429, "slow down", "3")
    async with connected(server) as client:
        assert (await client.read())["type"] == "session.created"
    assert [connection.number for connection in server.connections] == [2]


async def test_a_handshake_that_is_never_answered(autojump_clock):
    server = LocalServer(faults=[StallHandshake(connection=1)])
    with pytest.raises(RealtimeTimeoutError):
        async with connected(server, handshake_timeout=5):
            pass
    assert trio.current_time() >= 5


# Real sockets


async def test_real_sockets_on_loopback():
    server = LocalServer(pace=None)
    with trio.fail_after(10):
        async with server.serve() as address:
            assert address.url == f"ws://127.0.0.1:{address.port}/v1/realtime"
            async with connect(WireRequest(url=address.url + "?model=gpt-x")) as wire:
                client = Client(wire)
                await client.say("say hello")
                events = await client.until("rate_limits.updated")
    assert events[0]["session"]["model"] == "gpt-x"
    assert server.connections[0].closed
    assert server.connections[0].close_code == 1000


async def test_leaving_the_block_closes_with_1001_and_its_exception_is_untouched():
    server = LocalServer()
    mine = ValueError("mine")
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            ended: list[int | None] = []
            ready = trio.Event()

            async def client(url):
                async with connect(WireRequest(url=url)) as wire:
                    await wire.receive()
                    ready.set()
                    with pytest.raises(RealtimeConnectionError) as caught:
                        await wire.receive()
                    ended.append(caught.value.code)

            async def block():
                async with server.serve() as address:
                    nursery.start_soon(client, address.url)
                    await ready.wait()
                    raise mine

            with pytest.raises(ValueError, match="mine") as caught:
                await block()
    assert caught.value is mine
    assert ended == [1001]


async def test_tls():
    ca = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(server_context)
    client_context = ssl.create_default_context()
    ca.configure_trust(client_context)
    server = LocalServer()
    with trio.fail_after(10):
        async with server.serve(ssl_context=server_context) as address:
            assert address.url.startswith("wss://127.0.0.1:")
            request = WireRequest(url=address.url, config=TransportConfig(ssl_context=client_context))
            async with connect(request) as wire:
                assert (await Client(wire).read())["type"] == "session.created"


@pytest.mark.parametrize("reset", [False, True])
async def test_a_dropped_socket(reset):
    server = LocalServer(faults=[Drop(after=1, reset=reset)])
    with trio.fail_after(10):
        async with server.serve() as address:
            with pytest.raises(RealtimeConnectionError) as caught:
                async with connect(WireRequest(url=address.url)) as wire:
                    await Client(wire).until("response.done")
            assert caught.value.code == 1006
            await server.connections[0].wait_closed()


async def test_a_name_with_several_addresses_is_served_on_one_port():
    server = LocalServer()
    async with server.serve("localhost") as address:
        assert address.host in {"127.0.0.1", "::1"}
        assert str(address.port) in address.url


async def test_ipv6_addresses_are_bracketed():
    server = LocalServer()
    try:
        async with server.serve("::1") as address:
            assert address.url == f"ws://[::1]:{address.port}/v1/realtime"
    except OSError:
        pytest.skip("this machine has no IPv6")


async def test_a_chosen_port_is_used():
    port = random.Random(5).randrange(30_000, 60_000)
    try:
        async with LocalServer().serve(port=port) as address:
            assert address.port == port
    except OSError:
        pytest.skip("the port is taken")


async def test_websocket_frames_in_virtual_time(autojump_clock):
    server = LocalServer(ScriptEngine(["x" * 320]), pace=1)
    async with trio.open_nursery() as nursery:

        async def open_stream():
            client_end, server_end = trio.testing.memory_stream_pair()
            nursery.start_soon(server.serve_stream, server_end)
            return client_end

        async with stream_connector(open_stream)(WireRequest(url="ws://local/v1/realtime")) as wire:
            client = Client(wire)
            await client.send({"type": "response.create"})
            await client.until("response.done")
            assert trio.current_time() == pytest.approx(20, abs=0.01)
