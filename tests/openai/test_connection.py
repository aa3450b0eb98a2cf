"""A connection over wires in memory: what it gives, how it ends, and what a cancellation leaves."""

import json
from contextlib import asynccontextmanager
from math import inf

import pytest
import trio

from tests.openai.examples import EXAMPLES
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, ServerError, SessionExpired, UserError
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendUserInput,
)
from trio_realtime.openai.connection import OpenAIRealtimeConnection
from trio_realtime.openai.protocol import OpenAIProtocol
from trio_realtime.transport.base import TransportConfig
from trio_realtime.transport.memory import memory_wire_pair

SETTINGS = RealtimeSessionModelSettings(instructions="Hi")


class Server:
    def __init__(self, wire):
        self.wire = wire

    async def say(self, type_, **changes):
        await self.wire.send(json.dumps({**EXAMPLES[type_], **changes}))

    async def hear(self):
        return json.loads(await self.wire.receive())


@asynccontextmanager
async def connected(**config):
    """Give a configured connection and the server's end."""
    client, wire = memory_wire_pair(config=TransportConfig(**config))
    server, connection = Server(wire), OpenAIRealtimeConnection(client, OpenAIProtocol())
    await server.say("session.created")
    await server.say("session.updated")
    await connection.configure(SETTINGS, confirm=False)
    await server.hear()
    assert (await anext(connection)).type == "session_updated"
    yield connection, server
    await connection.aclose()


async def test_events_in_order_and_at_once(autojump_clock):
    async with connected() as (connection, server):
        assert connection.next_nowait() is None
        await server.say("conversation.created")  # means nothing to a session
        await server.say("input_audio_buffer.speech_stopped")
        await server.say("response.output_audio.done")
        assert connection.next_nowait().type == "speech_stopped"
        assert (await anext(connection)).type == "audio_done"
        assert connection.statistics().messages_received == 5
        assert connection.output_audio_format.to_wire()["type"] == "audio/pcm"


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (1000, "", StopAsyncIteration),
        (1001, "session expired", SessionExpired),
        (1001, "Maximum Duration reached", SessionExpired),
        (1001, "restart", RealtimeConnectionError),
        (1011, "session expired", RealtimeConnectionError),
    ],
)
async def test_how_it_ends(autojump_clock, code, reason, expected):
    async with connected() as (connection, server):
        await server.say("input_audio_buffer.speech_stopped")
        await server.wire.aclose(code, reason)
        assert (await anext(connection)).type == "speech_stopped"
        for _ in range(2):
            with pytest.raises(expected) as caught:
                await connection.__anext__()
            assert type(caught.value) is expected
            assert getattr(caught.value, "code", code) == code


async def test_it_expires_when_the_server_says_so(autojump_clock):
    async with connected() as (connection, server):
        await server.say("error", error={"type": "invalid_request_error", "code": "session_expired", "message": "x"})
        await server.wire.aclose(1001)
        with pytest.raises(SessionExpired) as caught:
            await connection.__anext__()
        assert isinstance(caught.value.__cause__, RealtimeConnectionError)


async def test_a_request_has_a_deadline_and_the_end_forgets_it(autojump_clock):
    async with connected() as (connection, server):
        assert connection.next_deadline() == inf
        await connection.send_event(RealtimeModelSendUserInput(user_input="Hi"))
        assert [(await server.hear())["type"] for _ in range(2)] == ["conversation.item.create", "response.create"]
        deadline = connection.next_deadline()
        assert deadline == trio.current_time() + 30
        assert connection.expire(trio.current_time()) == []
        assert [event.error.name for event in connection.expire(deadline)] == ["response"]
        await connection.send_event(RealtimeModelSendUserInput(user_input="Hi"))
        await server.wire.aclose()
        with pytest.raises(StopAsyncIteration):
            await connection.__anext__()
        assert connection.next_deadline() == inf


async def test_what_sending_causes_is_given_by_expire(autojump_clock):
    async with connected() as (connection, _):
        assert connection.next_deadline() == inf
        await connection.send_event(RealtimeModelSendSessionUpdate(session_settings=SETTINGS, event_id="mine"))
        assert connection.next_deadline() == -inf
        assert [event.event_id for event in connection.expire(trio.current_time())] == ["mine"]
        assert connection.next_deadline() == inf
        assert list(connection.expire(trio.current_time())) == []


async def test_a_cancellation_sends_nothing_and_loses_nothing(autojump_clock):
    async with connected() as (connection, server):
        with trio.CancelScope() as scope:
            scope.cancel()
            await connection.send_event(RealtimeModelSendUserInput(user_input="Hi"))
        assert scope.cancelled_caught
        assert server.wire.receive_nowait() is None
        await server.say("input_audio_buffer.speech_stopped")
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(connection)
        assert scope.cancelled_caught
        assert (await anext(connection)).type == "speech_stopped"


async def test_a_fault_of_the_user_sends_nothing(autojump_clock):
    async with connected() as (connection, server):
        message = RealtimeModelRawClientMessage(type="conversation.item.delete")
        with pytest.raises(UserError, match="item_id is missing"):
            await connection.send_event(RealtimeModelSendRawMessage(message=message))
        assert server.wire.receive_nowait() is None


async def test_a_server_that_accepts_no_data(autojump_clock):
    async with connected(send_timeout=3) as (connection, server):
        server.wire.stall()
        with pytest.raises(RealtimeTimeoutError) as caught:
            await connection.send_event(RealtimeModelSendUserInput(user_input="Hi"))
        assert caught.value.name == "send"
        with pytest.raises(RealtimeTimeoutError):
            await anext(connection)


async def test_what_comes_while_it_is_configured_is_kept(autojump_clock):
    client, wire = memory_wire_pair()
    server, connection = Server(wire), OpenAIRealtimeConnection(client, OpenAIProtocol())
    await server.say("rate_limits.updated")
    await server.say("session.created")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: connection.configure(SETTINGS, confirm=True))
        assert (await server.hear())["type"] == "session.update"
        await server.say("input_audio_buffer.speech_stopped")
        await server.say("session.updated")
    assert [connection.next_nowait().type for _ in range(2)] == ["rate_limits", "speech_stopped"]
    assert connection.next_nowait() is None
    await connection.aclose()
    await connection.aclose()


async def test_an_error_before_the_configuration_holds_is_raised(autojump_clock):
    client, wire = memory_wire_pair()
    server, connection = Server(wire), OpenAIRealtimeConnection(client, OpenAIProtocol())
    await server.say("error", error={"type": "server_error", "code": "server_error", "message": "Busy."})
    with pytest.raises(ServerError, match="Busy") as caught:
        await connection.configure(SETTINGS, confirm=True)
    assert caught.value.severity == "recoverable"
    await connection.aclose()


async def test_a_cancellation_in_the_middle_leaves_everything_sent(autojump_clock, nursery):
    async with connected() as (connection, server):
        server.wire.stall()

        async def accept_later():
            await trio.sleep(3)
            server.wire.resume()

        nursery.start_soon(accept_later)
        with trio.move_on_after(1):
            await connection.send_event(RealtimeModelSendUserInput(user_input="Hi"))
        assert trio.current_time() == 3
        assert [(await server.hear())["type"] for _ in range(2)] == ["conversation.item.create", "response.create"]


async def test_audio_can_be_sent_without_waiting(autojump_clock):
    async with connected() as (connection, _):
        assert not connection.send_audio_nowait(b"ab")  # a wire that cannot
        sent = []
        connection._wire.send_nowait = lambda frame: sent.append(frame) is None
        assert connection.send_audio_nowait(b"ab")
        assert connection.send_audio_nowait(b"")  # nothing to send
        assert [json.loads(frame)["audio"] for frame in sent] == ["YWI="]


async def test_several_events_at_once(autojump_clock):
    async with connected() as (connection, server):
        await connection.send_events([RealtimeModelSendAudio(audio=b"a"), RealtimeModelSendAudio(audio=b"b")])
        heard = [json.loads(await server.wire.receive())["audio"] for _ in range(2)]
        assert heard == ["YQ==", "Yg=="]
