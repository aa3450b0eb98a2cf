import base64
import contextlib
import json

import pytest
import trio
import trio.testing

from tests.server.helpers import connected, types, update, user_message, valid_server_event
from trio_realtime.errors import RealtimeConnectionError
from trio_realtime.server import (
    BINARY_FRAME,
    MALFORMED_JSON,
    NOT_AN_OBJECT,
    UNKNOWN_EVENT,
    WRONG_SHAPE,
    CallTool,
    CloseWith,
    Delay,
    Drop,
    EchoEngine,
    Engine,
    Inject,
    LocalServer,
    Pause,
    RaceResponse,
    Refuse,
    Rewrite,
    RulesEngine,
    Say,
    ScriptEngine,
    Stall,
    Transcript,
    Turn,
    Withhold,
    big_message,
    silence,
    synthesize,
)

CREATE = {"type": "response.create"}
WHISPER = {"audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}}
SPEECH = silence(0.5) + synthesize("hello over there") + silence(0.5)


async def test_a_rich_conversation_has_valid_events_only(autojump_clock):
    """Speech, tools, interruptions, errors: every event is one of the official types."""
    turns = [
        Turn("Hello, what can I do?", user="hello over there"),
        [Say("One moment."), CallTool("f", {"a": 1}), CallTool("g", {"b": [1, 2]})],
        Turn("A long answer, which will be interrupted before its end. " * 3),
        Turn("Second answer.", user=Transcript("wait", error="noise")),
        Turn(Pause(10)),
    ]
    server = LocalServer(ScriptEngine(turns))
    async with connected(server) as client:
        await client.send(update(**WHISPER))
        await client.append(SPEECH)
        await client.until("rate_limits.updated")
        await client.send(user_message("use your tools"), CREATE)
        done = (await client.until("response.done"))[-1]
        calls = [item["call_id"] for item in done["response"]["output"] if item["type"] == "function_call"]
        for call_id in calls:
            item = {"type": "function_call_output", "call_id": call_id, "output": "ok"}
            await client.send({"type": "conversation.item.create", "item": item})
        await client.send(CREATE)
        await client.until("response.output_audio.delta")
        await client.append(SPEECH)
        await client.until("response.created")
        await client.until("rate_limits.updated")
        await client.send(CREATE, CREATE, {"type": "response.cancel"}, {"type": "nonsense"}, "no json")
        for _ in range(3):
            await client.until("error")
    for event in client.events:
        valid_server_event(event)
    assert {"turn_detected", "client_cancelled"} == {
        event["response"]["status_details"]["reason"]
        for event in client.events
        if event["type"] == "response.done" and event["response"]["status"] == "cancelled"
    }
    kinds = set(types(client.events))
    assert "conversation.item.input_audio_transcription.failed" in kinds
    assert "conversation.item.input_audio_transcription.completed" in kinds
    server_items = [item.id for item in server.connections[0].state.conversation]
    assert len(set(server_items)) == len(server_items)


async def test_cancelling_stops_the_engine_at_once(autojump_clock):
    stopped: list[str] = []

    class Endless(Engine):
        async def respond(self, request):
            try:
                while True:
                    yield Say("word " * 20)
            finally:
                stopped.append(request.response_id)

    server = LocalServer(Endless())
    async with connected(server) as client:
        await client.send(CREATE)
        created = (await client.until("response.output_audio.delta"))[1]
        at = trio.current_time()
        await client.send({"type": "response.cancel", "response_id": created["response"]["id"]})
        done = (await client.until("response.done"))[-1]
        assert trio.current_time() == at
        assert done["response"]["status"] == "cancelled"
        await trio.testing.wait_all_tasks_blocked()
        assert stopped == [created["response"]["id"]]
        with trio.move_on_after(5) as scope:
            assert (await client.read())["type"] == "rate_limits.updated"
            await client.read()
        assert scope.cancelled_caught


async def test_a_response_that_is_cancelled_before_it_began(autojump_clock, caplog):
    for _ in range(10):  # the order of the tasks is random
        async with connected(LocalServer(ScriptEngine(["x"]))) as client:
            await client.send(CREATE, {"type": "response.cancel"}, update())
            await client.until("session.updated")
    assert caplog.text == ""


async def test_a_pause_is_taken_in_full_whatever_the_pace(autojump_clock):
    async with connected(LocalServer(ScriptEngine([[Pause(3), "x"]]), pace=None)) as client:
        await client.send(CREATE)
        await client.until("response.done")
        assert trio.current_time() == 3


async def test_the_words_of_the_user_reach_the_engine_before_it_answers(autojump_clock):
    server = LocalServer(RulesEngine(transcripts=["say pineapple"]))
    async with connected(server) as client:
        await client.append(SPEECH)
        done = (await client.until("response.done"))[-1]
    assert done["response"]["output"][0]["content"][0]["transcript"] == "pineapple"
    assert "conversation.item.input_audio_transcription.completed" not in types(client.events)


async def test_a_transcript_can_be_late(autojump_clock):
    engine = ScriptEngine([Turn("ok", user=Transcript("the words", delay=5))])
    async with connected(LocalServer(engine)) as client:
        await client.send(update(**WHISPER))
        await client.append(SPEECH)
        events = types(await client.until("conversation.item.input_audio_transcription.completed"))
        assert events.index("response.done") < events.index("conversation.item.input_audio_transcription.delta")
        assert trio.current_time() == 5


async def test_echo_gives_the_audio_back(autojump_clock):
    async with connected(LocalServer(EchoEngine())) as client:
        await client.append(SPEECH)
        events = await client.until("response.done")
    audio = b"".join(base64.b64decode(e["delta"]) for e in events if e["type"] == "response.output_audio.delta")
    assert synthesize("hello over there") in audio


class Broken(Engine):
    async def respond(self, request):
        yield Say("Half.")
        raise ValueError("broken")

    async def transcribe(self, audio):
        raise ValueError("deaf")


async def test_an_engine_that_raises_fails_what_it_was_asked_for_only(autojump_clock, caplog):
    async with connected(LocalServer(Broken())) as client:
        await client.send(update(**WHISPER))
        await client.append(SPEECH)
        done = (await client.until("response.done"))[-1]
        assert done["response"]["status_details"]["error"]["type"] == "server_error"
        assert "conversation.item.input_audio_transcription.failed" in types(client.events)
        await client.send(update())
        await client.until("session.updated")
    assert "the engine failed" in caplog.text


async def test_an_engine_may_give_any_async_iterator(autojump_clock):
    class Once:
        def __init__(self):
            self.left = [Say("x")]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    class Plain(Engine):
        def respond(self, request):
            return Once()

    async with connected(LocalServer(Plain())) as client:
        await client.send(CREATE)
        assert (await client.until("response.done"))[-1]["response"]["status"] == "completed"


async def test_expiry_ends_with_an_error_and_1001(autojump_clock):
    async with connected(LocalServer(session_seconds=3600)) as client:
        await client.until("session.created")
        (expired,) = await client.until("error")
        assert expired["error"]["code"] == "session_expired"
        assert trio.current_time() == 3600
        with pytest.raises(RealtimeConnectionError) as caught:
            await client.read()
        assert caught.value.code == 1001


async def test_the_idle_timeout_speaks_up(autojump_clock):
    idle = {"type": "server_vad", "idle_timeout_ms": 5000}
    async with connected(LocalServer(ScriptEngine(["x" * 16, "Are you still there?"]))) as client:
        await client.send(update(audio={"input": {"turn_detection": idle}}), CREATE)
        await client.until("response.done")
        ended = trio.current_time()
        await client.until("input_audio_buffer.timeout_triggered")
        assert trio.current_time() - ended == pytest.approx(6)
        done = (await client.until("response.done"))[-1]
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Are you still there?"


@pytest.mark.wire_in_memory
async def test_a_client_that_does_not_read_holds_its_session_back(autojump_clock):
    server = LocalServer(ScriptEngine(["word " * 2000]), pace=None, max_queued_events=10)
    async with connected(server, send_timeout=None) as client:
        await client.until("session.created")
        client.wire.stall()
        await client.send(CREATE)
        await trio.sleep(60)
        assert server.connections[0].state.active_response_id is not None
        assert len(server.connections[0]._out._queue) < 30
        client.wire.resume()
        done = (await client.until("response.done"))[-1]
        assert done["response"]["status"] == "completed"


@pytest.mark.wire_in_memory
async def test_a_client_that_never_reads_is_given_up(autojump_clock):
    server = LocalServer(ScriptEngine(["word " * 2000]), pace=None)
    async with connected(server, send_timeout=10) as client:
        client.wire.stall()
        await client.send(CREATE)
        await server.connections[0].wait_closed()
        assert trio.current_time() == 10


# For tests: what was received, and interference


async def test_what_the_client_sent_can_be_looked_at(autojump_clock):
    server = LocalServer()
    async with connected(server) as client:
        connection = await server.wait_connection()
        assert repr(connection) == "<ServerConnection 1 open>"
        await client.append(silence(0.2))
        await client.send(update(instructions="x"))
        assert (await connection.wait_received("session.update"))["session"]["instructions"] == "x"
        assert connection.received_types() == ["session.update"]
        assert connection.received_types(audio=True) == ["input_audio_buffer.append"] * 2 + ["session.update"]
        await client.until("session.updated")
        await trio.testing.wait_all_tasks_blocked()
        assert connection.events_sent == 2
    await connection.wait_closed()
    assert (connection.close_code, repr(connection)) == (1000, "<ServerConnection 1 closed>")
    with pytest.raises(RealtimeConnectionError):
        await connection.wait_received("response.create")


async def test_waiting_for_what_comes_later_or_not_at_all(autojump_clock):
    server = LocalServer()
    async with trio.open_nursery() as nursery:
        failed = trio.Event()

        async def wait():
            connection = await server.wait_connection()
            await connection.wait_received("session.update", 2)
            with pytest.raises(RealtimeConnectionError):
                await connection.wait_received("session.update", 3)
            failed.set()

        nursery.start_soon(wait)
        async with connected(server) as client:
            await client.send(update(), update())
            await client.until("session.updated")
        await failed.wait()


async def test_recorded_audio_is_limited(autojump_clock, monkeypatch):
    monkeypatch.setattr("trio_realtime.server.connection._RECORDED_AUDIO", 20_000)
    server = LocalServer()
    async with connected(server) as client:
        await client.append(silence(5))
        await client.send(update())
        await client.until("session.updated")
    assert server.connections[0].received_types(audio=True).count("input_audio_buffer.append") == 3


async def test_events_frames_and_the_end_can_be_sent_by_hand(autojump_clock):
    server = LocalServer()
    async with trio.open_nursery() as nursery:
        async with connected(server) as client:
            await client.read()
            connection = await server.wait_connection()
            await connection.send_event({"type": "conversation.created", "conversation": {"id": "c"}})
            assert valid_server_event(await client.read()) is None
            await connection.send_frame(b"\x00\xff")
            assert await client.wire.receive() == b"\x00\xff"
            nursery.start_soon(connection.close, 4000, "enough")
            with pytest.raises(RealtimeConnectionError) as caught:
                await client.read()
        assert (caught.value.code, caught.value.reason) == (4000, "enough")


async def test_a_connection_can_be_dropped_by_hand(autojump_clock):
    server = LocalServer()
    async with connected(server) as client:
        await client.read()
        await server.connections[0].drop()
        with pytest.raises(RealtimeConnectionError) as caught:
            await client.read()
        assert caught.value.code == 1006
    await server.connections[0].drop(reset=True)


@pytest.mark.wire_in_memory
async def test_a_binary_frame_of_the_client_is_an_error(autojump_clock):
    async with connected(LocalServer()) as client:
        await client.wire.send_binary(b"\x00")
        assert (await client.until("error"))[-1]["error"]["code"] == "invalid_json"


# Faults


@pytest.mark.parametrize("after", [pytest.param(0, marks=pytest.mark.wire_in_memory), *range(1, 6)])
async def test_the_connection_is_cut_after_the_nth_event(autojump_clock, after):
    server = LocalServer(ScriptEngine(["Hello."]), faults=[Drop(after=after)])
    async with connected(server) as client:
        with contextlib.suppress(RealtimeConnectionError):
            await client.say("hi")
        with pytest.raises(RealtimeConnectionError) as caught:
            await client.until("response.done")
    assert caught.value.code == 1006
    assert len(client.events) == after


async def test_the_connection_is_closed_before_an_event(autojump_clock):
    server = LocalServer(ScriptEngine(["Hello."]), faults=[CloseWith(1011, "oops", event="response.done")])
    async with connected(server) as client:
        await client.say("hi")
        with pytest.raises(RealtimeConnectionError) as caught:
            await client.until("response.done")
    assert (caught.value.code, caught.value.reason) == (1011, "oops")
    assert client.events[-1]["type"] == "conversation.item.done"


async def test_closed_after_an_event(autojump_clock):
    async with connected(LocalServer(faults=[CloseWith(after=1)])) as client:
        with pytest.raises(RealtimeConnectionError) as caught:
            await client.until("session.updated")
        assert caught.value.code == 1001


async def test_events_can_be_delayed(autojump_clock):
    server = LocalServer(faults=[Delay(7, event="session.updated")])
    async with connected(server) as client:
        await client.send(update())
        await client.until("session.updated")
        assert trio.current_time() == 7


@pytest.mark.parametrize("event", ["session.created", "session.updated", "response.created"])
async def test_a_server_that_falls_silent(autojump_clock, event):
    server = LocalServer(faults=[Stall(event=event)])
    async with connected(server) as client:
        await client.send(update(), user_message("hi"), CREATE)
        with trio.move_on_after(100):
            await client.until("never")
        assert event not in types(client.events)
        assert (await server.connections[0].wait_received("response.create"))["type"] == "response.create"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.connections[0].close, 1000)
            with pytest.raises(RealtimeConnectionError):
                await client.read()


async def test_silence_from_a_number_of_events_on(autojump_clock):
    async with connected(LocalServer(faults=[Stall(after=1)])) as client:
        await client.send(update())
        await client.read()
        with trio.move_on_after(10) as scope:
            await client.read()
        assert scope.cancelled_caught


async def test_one_event_can_be_withheld(autojump_clock):
    server = LocalServer(faults=[Withhold(event="session.updated")])
    async with connected(server) as client:
        await client.send(update(), update())
        await client.until("session.updated")
        await client.send(update())
        await client.until("session.updated")
    assert types(client.events).count("session.updated") == 2


@pytest.mark.parametrize(
    "frame", [MALFORMED_JSON, NOT_AN_OBJECT, BINARY_FRAME, WRONG_SHAPE, UNKNOWN_EVENT, big_message(100_000)]
)
async def test_other_frames_in_between(autojump_clock, frame):
    server = LocalServer(faults=[Inject(frame, event="session.updated")])
    async with connected(server) as client:
        await client.send(update())
        await client.read()
        got = await client.wire.receive()
        if isinstance(frame, (str, bytes)):
            assert got == frame
        else:
            assert json.loads(got) == frame
        assert (await client.read())["type"] == "session.updated"


async def test_an_event_can_be_rewritten(autojump_clock):
    fault = Rewrite(lambda event: {**event, "delta": "?not base64?"}, event="response.output_audio.delta")
    server = LocalServer(ScriptEngine(["Hello there."]), faults=[fault, Rewrite(dict, after=1)])
    async with connected(server) as client:
        await client.send(CREATE)
        events = await client.until("response.done")
    deltas = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    assert deltas[0] == "?not base64?"
    assert deltas[1] != "?not base64?"


@pytest.mark.parametrize(("anonymous", "event_id"), [(False, "mine"), (True, None)])
async def test_a_client_event_can_be_refused(autojump_clock, anonymous, event_id):
    server = LocalServer()
    server.fault(Refuse("session.update", code="invalid_value", param="session.tools", anonymous=anonymous))
    async with connected(server) as client:
        await client.send({**update(instructions="new"), "event_id": "mine"})
        error = (await client.until("error"))[-1]
        valid_server_event(error)
        assert (error["error"]["event_id"], error["error"]["param"]) == (event_id, "session.tools")
        assert server.connections[0].state.session["instructions"] != "new"
        await client.send(update(instructions="new"))
        await client.until("session.updated")


async def test_turn_detection_wins_the_race(autojump_clock):
    server = LocalServer(ScriptEngine(["Mine."]), anonymous_errors=["conversation_already_has_active_response"])
    server.fault(RaceResponse((Say("I was first."),)))
    async with connected(server) as client:
        await client.send({**CREATE, "event_id": "mine", "response": {"metadata": {"k": "v"}}})
        created, error = (await client.until("error"))[-2:]
        assert created["response"]["metadata"] is None
        assert error["error"]["code"] == "conversation_already_has_active_response"
        assert error["error"]["event_id"] is None
        done = (await client.until("response.done"))[-1]
        assert done["response"]["output"][0]["content"][0]["transcript"] == "I was first."
        await client.send(CREATE)
        done = (await client.until("response.done"))[-1]
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Mine."


async def test_faults_can_be_cleared(autojump_clock):
    server = LocalServer(faults=[Drop(times=None)])
    server.clear_faults()
    async with connected(server) as client:
        assert (await client.read())["type"] == "session.created"
