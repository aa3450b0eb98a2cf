"""Connections that are lost, or run out of time: the same session goes on, with the whole conversation."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import trio

from tests.talk import KEY, collect, kinds, make_agent, of, talk
from trio_realtime import (
    AssistantMessageItem,
    HandshakeRejected,
    OpenAIRealtimeSIPModel,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeConnectionError,
    RealtimeRunner,
    SessionClosed,
    SessionExpired,
    function_tool,
)
from trio_realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage
from trio_realtime.server import (
    CallTool,
    CloseWith,
    Drop,
    EchoEngine,
    LocalServer,
    RejectHandshake,
    Say,
    ScriptEngine,
    StallHandshake,
    Transcript,
    synthesize,
)

HELLO = "Hello! How can I help you?"


def wall_clock():
    """Unix seconds that go as trio's clock does: the service tells its sessions' ends in whole ones."""
    return 1_700_000_000.0 + trio.current_time()


@pytest.fixture(autouse=True)
def one_clock(monkeypatch):
    """The client's wall clock is the server's, and stands still with trio's."""
    monkeypatch.setattr("trio_realtime.openai.connection.time", SimpleNamespace(time=wall_clock))


@asynccontextmanager
async def calling(engine=None, *, agent=None, config=None, model_config=None, model=None, **options):
    """A session and the server behind it, with all its connections."""
    server = LocalServer(engine, **{"pace": None, "wall_clock": wall_clock, **options})
    model = (model or OpenAIRealtimeWebSocketModel)(transport=server.connector)
    runner = RealtimeRunner(agent or make_agent(), model=model, config={"reconnect": {"jitter": 0}, **(config or {})})
    async with await runner.run(model_config={"api_key": KEY, **(model_config or {})}) as session:
        yield session, server


def created(connection):
    """What the client has put into the conversation, in order."""
    return [event for event in connection.received if event["type"] == "conversation.item.create"]


def words(session):
    said = []
    for item in session.history:
        if item.type == "message":
            text = "".join(getattr(p, "text", None) or getattr(p, "transcript", None) or "" for p in item.content)
            said.append((item.role, text))
        else:
            said.append((item.name, item.output))
    return said


async def again(session):
    """Read until the connection is made again, and let the server take what it is told."""
    events = await collect(session, "connection", status="reconnected")
    await trio.sleep(0.01)
    return events


async def turn(session, text="Hello"):
    await session.send_message(text)
    return await collect(session, "agent_end", status="completed")


# -- losing and making again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [CloseWith(code, after=0) for code in (1001, 1011, 1012, 1013)] + [Drop(after=0)])
async def test_the_same_iterator_goes_on_and_the_next_turn_knows_what_was_said(fault, autojump_clock):
    async with calling() as (session, server):
        await turn(session)
        code = getattr(fault, "code", None)
        await (server.connections[0].drop() if code is None else server.connections[0].close(code, "x"))
        events = await again(session)
        assert [(e.status, e.attempt) for e in of(events, "connection")] == [("reconnecting", 1), ("reconnected", 1)]
        assert of(events, "connection")[0].reason
        assert session.status == "connected"
        await turn(session, "Goodbye")
        assert words(session) == [
            ("user", "Hello"),
            ("assistant", HELLO),
            ("user", "Goodbye"),
            ("assistant", "Goodbye, and thank you for calling."),
        ]
        texts = [item.wire["content"][0] for item in server.connections[1].state.conversation]
        assert [part.get("text") or part.get("transcript") for part in texts] == [text for _, text in words(session)]
        assert session.statistics().reconnects == 1


async def test_1000_is_the_servers_orderly_end(autojump_clock):
    async with calling() as (session, server):
        await server.connections[0].close(1000)
        events = [event async for event in session]
        assert events[-1].status == "closed"
        assert not [e for e in of(events, "connection") if e.status == "reconnecting"]
    assert len(server.connections) == 1


@pytest.mark.parametrize(("status", "body"), [(401, ""), (403, ""), (404, ""), (429, '{"code":"insufficient_quota"}')])
async def test_a_fatal_answer_is_not_tried_again(status, body, autojump_clock):
    with pytest.raises(HandshakeRejected) as caught:
        async with calling() as (session, server):
            server.fault(RejectHandshake(status, body=body, times=None))
            await server.connections[0].drop()
            async for _ in session:
                pass
    assert caught.value.status == status
    assert caught.value.attempts == 1


async def test_attempts_are_bounded_and_wait_longer_each_time(autojump_clock):
    times = []
    with pytest.raises(RealtimeConnectionError) as caught:
        async with calling() as (session, server):
            server.fault(RejectHandshake(503, times=None))
            await server.connections[0].drop()
            async for event in session:
                if event.type == "connection" and event.status == "reconnecting":
                    times.append((event.attempt, trio.current_time()))
    assert caught.value.attempts == 5
    assert "5 attempts" in str(caught.value)
    assert isinstance(caught.value.__cause__, HandshakeRejected)
    assert times == [(1, 0.0), (2, 0.0), (3, 0.5), (4, 1.5), (5, 3.5)]
    assert trio.current_time() == 7.5


async def test_everything_is_delivered_before_the_failure(autojump_clock):
    seen = []
    with pytest.raises(RealtimeConnectionError):
        async with calling(faults=[Drop(event="rate_limits.updated")]) as (session, server):
            server.fault(RejectHandshake(503, times=None))
            await session.send_message("Hello")
            await trio.sleep(20)
            assert session.status == "closed"
            async for event in session:
                seen.append(event)
    assert [e.status for e in of(seen, "agent_end")] == ["completed"]
    assert seen[-1].status == "closed"


async def test_a_server_that_does_not_answer_is_given_up(autojump_clock):
    with pytest.raises(RealtimeConnectionError) as caught:
        async with calling(config={"reconnect": {"max_attempts": 2}, "timeouts": {"connect": 3}}) as (session, server):
            server.fault(StallHandshake(times=None))
            await server.connections[0].drop()
            async for _ in session:
                pass
    assert caught.value.attempts == 2
    assert trio.current_time() <= 10


async def test_a_connection_that_is_lost_again_and_again_is_bounded_too(autojump_clock):
    with pytest.raises(RealtimeConnectionError) as caught:
        async with calling() as (session, server):
            server.fault(CloseWith(1011, event="conversation.item.done", times=None))
            await session.send_message("Hello")
            async for _ in session:
                pass
    assert caught.value.code == 1011
    assert caught.value.attempts == 5
    assert len(server.connections) == 6


async def test_without_a_policy_a_loss_is_the_end(autojump_clock):
    with pytest.raises(RealtimeConnectionError):
        async with calling(config={"reconnect": None}) as (session, server):
            await server.connections[0].drop()
            async for _ in session:
                pass
    with pytest.raises(SessionExpired):
        async with calling(config={"reconnect": None}, session_seconds=30) as (session, server):
            async for _ in session:
                pass
    assert len(server.connections) == 1


async def test_the_first_connection_is_not_tried_again(autojump_clock):
    with pytest.raises(RealtimeConnectionError):
        async with calling(faults=[Drop(event="session.updated")]):
            raise AssertionError


async def test_auth_is_asked_again(autojump_clock):
    asked = []

    async def auth():
        asked.append(trio.current_time())
        return {"Authorization": f"Bearer {len(asked)}"}

    async with calling(model_config={"auth": auth, "api_key": None}) as (session, server):
        await server.connections[0].drop()
        await again(session)
        assert [
            value
            for connection in server.connections
            for name, value in connection.headers.items()
            if name.lower() == "authorization"
        ] == ["Bearer 1", "Bearer 2"]


# -- the replay -----------------------------------------------------------------------------------------------------------


async def test_items_keep_their_ids_and_each_stands_after_the_one_before(autojump_clock):
    async with calling() as (session, server):
        await turn(session)
        await turn(session, "What is the weather in Paris?")
        await collect(session, "agent_end", status="completed")
        await server.connections[0].drop()
        await again(session)
        sent = created(server.connections[1])
        ids = [event["item"]["id"] for event in sent]
        assert [event["previous_item_id"] for event in sent] == ["root", *ids[:-1]]
        assert [one for one in ids if not one.endswith("_out")] == [item.item_id for item in session.history]
        kinds_sent = [event["item"]["type"] for event in sent]
        assert kinds_sent == ["message", "message", "message", "function_call", "function_call_output", "message"]
        assert server.connections[1].received_types()[0] == "session.update"
        before = session.history
        await trio.sleep(1)
        assert session.history == before  # the echo changes nothing


async def test_speech_is_told_as_its_transcript_and_left_out_without(autojump_clock):
    silent = {"model_settings": {"input_audio_transcription": None, "turn_detection": None}}
    async with calling(EchoEngine(), config=silent) as (session, server):
        await session.send_audio(synthesize("Good morning"))
        await session.commit_audio()
        await collect(session, "agent_end")
        await server.connections[0].drop()
        await again(session)
        assert session.statistics().left_out_items == 1
        assert [event["item"]["role"] for event in created(server.connections[1])] == ["assistant"]
        await session.send_message("Hello")
        await collect(session, "agent_end")
        assert [item.role for item in session.history] == ["user", "assistant", "user", "assistant"]
    heard = {"model_settings": {"input_audio_transcription": {"model": "whisper-1"}, "turn_detection": None}}
    async with calling(EchoEngine(), config=heard) as (session, server):
        await session.send_audio(synthesize("Good morning"))
        await session.commit_audio()
        await collect(session, "agent_end")
        transcript = session.history[0].content[0].transcript
        await server.connections[0].drop()
        await again(session)
        assert session.statistics().left_out_items == 0
        assert created(server.connections[1])[0]["item"]["content"] == [{"type": "input_text", "text": transcript}]


async def test_what_the_server_was_not_told_of_keeps_its_place_in_the_history(autojump_clock):
    silent = {"model_settings": {"input_audio_transcription": None, "turn_detection": None}}
    async with calling(config=silent) as (session, server):
        await turn(session)
        await session.send_audio(synthesize("Good morning"))
        await session.commit_audio(respond=False)
        await trio.sleep(1)
        await server.connections[0].drop()
        await again(session)
        await turn(session, "Goodbye")
        assert [text for _, text in words(session)] == [
            "Hello", HELLO, "", "Goodbye", "Goodbye, and thank you for calling.",
        ]  # fmt: skip


async def test_images_are_told_again(autojump_clock):
    image = "data:image/png;base64,iVBORw0KGgo="
    async with calling() as (session, server):
        parts = [{"type": "input_text", "text": "Hello"}, {"type": "input_image", "image_url": image, "detail": "low"}]
        await session.send_message({"type": "message", "role": "user", "content": parts})
        await collect(session, "agent_end")
        await server.connections[0].drop()
        await again(session)
        assert created(server.connections[1])[0]["item"]["content"] == parts


@pytest.mark.parametrize("when", ["running", "approval"])
async def test_a_pending_call_goes_on_and_its_one_output_goes_to_the_replayed_call(when, autojump_clock):
    ran = []

    @function_tool(needs_approval=when == "approval")
    async def look_up(name: str) -> str:
        """Look something up."""
        ran.append(name)
        await trio.sleep(5)
        return "It is blue."

    engine = ScriptEngine([[CallTool("look_up", {"name": "sky"})], [Say("Blue.")]], restart=False)
    async with calling(engine, agent=make_agent(tools=[look_up])) as (session, server):
        await session.send_message("Go")
        await collect(session, "tool_approval_required" if when == "approval" else "tool_start")
        await trio.sleep(1)
        await server.connections[0].drop()
        await again(session)
        assert [event["item"]["type"] for event in created(server.connections[1])] == ["message", "function_call"]
        if when == "approval":
            (pending,) = session.pending_approvals
            await session.approve_tool_call(pending.call_id)
        await collect(session, "agent_end", status="completed")
        assert ran == ["sky"]
        items = [item.wire for item in server.connections[1].state.conversation]
        assert [item["output"] for item in items if item["type"] == "function_call_output"] == ["It is blue."]
        assert words(session) == [("user", "Go"), ("look_up", "It is blue."), ("assistant", "Blue.")]
        assert [e for e in created(server.connections[0]) if e["item"]["type"] == "function_call_output"] == []


async def test_an_output_that_was_sent_and_not_confirmed_is_told_once(autojump_clock):
    async with calling(faults=[Drop(event="conversation.item.added", skip=2)]) as (session, server):
        await session.send_message("What is the weather in Paris?")
        await collect(session, "agent_end", status="completed", count=1)
        await again(session)
        await collect(session, "agent_end", status="completed")
        outputs = [e for e in created(server.connections[1]) if e["item"]["type"] == "function_call_output"]
        assert len(outputs) == 1


async def test_a_message_that_was_not_confirmed_is_told_once(autojump_clock):
    async with calling(faults=[Drop(event="conversation.item.added")]) as (session, server):
        await session.send_message("Hello")
        await collect(session, "agent_end", status="completed")
        assert words(session) == [("user", "Hello"), ("assistant", HELLO)]
        (first,), (second,) = created(server.connections[0]), created(server.connections[1])
        assert first["item"] == second["item"]


# -- replies that are cut -------------------------------------------------------------------------------------------------

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"


async def heard(session, ms):
    """Read until so much audio was given, and play it."""
    given = 0.0
    async for event in session:
        if event.type == "audio":
            given += len(event.audio.data) / 48
            if given >= ms:
                break
    await trio.sleep(ms / 1000)


async def test_a_reply_that_was_cut_keeps_what_was_heard_and_is_asked_for_again(autojump_clock):
    engine = ScriptEngine([[Say(LONG)], [Say(LONG)]], restart=False)
    async with calling(engine, pace=2.0) as (session, server):
        await session.send_message("Go")
        await heard(session, 800)
        await server.connections[0].drop()
        events = await again(session)
        (end,) = of(events, "agent_end")
        assert (end.status, end.reason) == ("incomplete", "connection_lost")
        assert "audio_interrupted" in kinds(events)
        assert "audio" not in kinds(events)[kinds(events).index("agent_end") :]
        partial = words(session)[1][1]
        assert partial
        assert LONG.startswith(partial)
        assert partial != LONG
        assert created(server.connections[1])[1]["item"]["content"] == [{"type": "output_text", "text": partial}]
        events = await collect(session, "agent_end")
        assert end.response_id != events[-1].response_id
        assert words(session) == [("user", "Go"), ("assistant", partial), ("assistant", LONG)]
        assert session.history[1].status == "incomplete"


async def test_a_reply_of_which_nothing_was_heard_leaves_nothing(autojump_clock):
    async with calling(faults=[Drop(event="response.done")]) as (session, _server):
        listening = session.events(RealtimeAudio)
        listening.buffer.begun = True  # somebody plays audio, and has not been given any
        await turn(session)
        assert words(session) == [("user", "Hello"), ("assistant", HELLO)]


async def test_text_that_was_read_stays(autojump_clock):
    config = {"model_settings": {"output_modalities": ["text"]}}
    async with calling(faults=[Drop(event="response.done")], config=config) as (session, _):
        await session.send_message("Hello")
        await collect(session, "agent_end", status="completed")
        assert words(session) == [("user", "Hello"), ("assistant", HELLO), ("assistant", HELLO)]
        assert [item.status for item in session.history][1:] == ["completed", "completed"]


async def test_turn_detections_response_is_asked_for_again(autojump_clock):
    async with calling(
        ScriptEngine([[Say(LONG)], [Say("Again.")]], restart=False), faults=[Drop(event="response.done")]
    ) as (
        session,
        server,
    ):
        await session.send_audio(synthesize("Good morning") + bytes(48_000))
        await collect(session, "agent_end", status="incomplete")
        await collect(session, "agent_end", status="completed")
        assert server.connections[1].received_types()[-1] == "response.create"


async def test_an_interrupted_reply_is_not_asked_for_again(autojump_clock):
    async with calling(ScriptEngine([[Say(LONG)], [Say("Again.")]], restart=False), pace=2.0) as (session, server):
        await session.send_message("Go")
        await heard(session, 500)
        server.fault(Drop(event="response.done"))
        await session.interrupt()
        await again(session)
        await trio.sleep(5)
        assert "response.create" not in server.connections[1].received_types()


async def test_an_interruption_during_the_gap_counts(autojump_clock):
    async with calling(ScriptEngine([[Say(LONG)], [Say("Again.")]], restart=False), pace=2.0) as (session, server):
        server.fault(RejectHandshake(503))
        await session.send_message("Go")
        await heard(session, 500)
        await server.connections[0].drop()
        await collect(session, "agent_end", status="incomplete")
        assert session.status == "reconnecting"
        await session.interrupt()
        await again(session)
        await trio.sleep(5)
        assert "response.create" not in server.connections[1].received_types()


async def test_a_finished_reply_is_told_whole_though_it_plays_on(autojump_clock):
    async with calling(ScriptEngine([Say(LONG)])) as (session, server):
        await turn(session, "Go")
        await trio.sleep(0.5)
        await server.connections[0].drop()
        events = await again(session)
        assert "audio_interrupted" not in kinds(events)
        assert created(server.connections[1])[1]["item"]["content"] == [{"type": "output_text", "text": LONG}]
        assert words(session) == [("user", "Go"), ("assistant", LONG)]


async def test_a_replayed_item_is_made_again_instead_of_cut(autojump_clock):
    async with calling(ScriptEngine([Say(LONG)])) as (session, server):
        await turn(session, "Go")
        await trio.sleep(0.5)
        await server.connections[0].drop()
        await again(session)
        await session.interrupt()
        await trio.sleep(1)
        partial = words(session)[1][1]
        assert partial
        assert LONG.startswith(partial)
        assert partial != LONG
        types = server.connections[1].received_types()
        assert "conversation.item.truncate" not in types
        assert types[-2:] == ["conversation.item.delete", "conversation.item.create"]
        item = list(server.connections[1].state.conversation)[1].wire
        assert (item["id"], item["content"]) == (
            session.history[1].item_id,
            [{"type": "output_text", "text": partial}],
        )
        assert len(session.history) == 2


async def test_a_replayed_item_that_nobody_heard_is_taken_out(autojump_clock):
    async with calling(ScriptEngine([Say("Short."), Say(LONG)])) as (session, server):
        await session.send_message("Go")
        await collect(session, "agent_end", status="completed")
        await server.connections[0].drop()
        await again(session)
        await session.interrupt()
        await trio.sleep(1)
        assert "conversation.item.truncate" not in server.connections[1].received_types()
        assert all(isinstance(item, AssistantMessageItem) is False for item in session.history[1:]) or words(session)


# -- what is sent meanwhile -----------------------------------------------------------------------------------------------


async def test_a_message_waits_for_the_new_connection(autojump_clock):
    async with calling() as (session, server):
        server.fault(RejectHandshake(503, times=2))
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnecting")
        assert session.status == "reconnecting"
        await session.send_message("Hello")
        assert trio.current_time() == 0.5 + 1.0 - 0.0
        await collect(session, "agent_end", status="completed")
        assert words(session) == [("user", "Hello"), ("assistant", HELLO)]


async def test_a_cancelled_sender_has_sent_nothing(autojump_clock):
    async with calling() as (session, server):
        server.fault(RejectHandshake(503))
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnecting")
        with trio.move_on_after(0.1) as scope:
            await session.send_message("Hello")
        assert scope.cancelled_caught
        await again(session)
        await trio.sleep(1)
        assert not created(server.connections[1])


async def test_what_belongs_to_the_lost_connection_is_dropped_and_its_sender_told(autojump_clock):
    message = RealtimeModelRawClientMessage(type="conversation.item.retrieve", other_data={"item_id": "x"})
    async with calling() as (session, server):
        errors, connection = [], session._hub.connection
        lost = trio.Event()

        async def send_event(event):
            await lost.wait()
            raise RealtimeConnectionError("gone", code=1006)

        connection.send_event = send_event

        async def retrieve():
            try:
                await session.model.send_event(RealtimeModelSendRawMessage(message=message))
            except RealtimeConnectionError as error:
                errors.append(str(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(retrieve)
            await trio.testing.wait_all_tasks_blocked()
            await server.connections[0].drop()
            lost.set()
            await again(session)
        assert len(errors) == 1
        assert "concerned that connection only" in errors[0]
        assert "conversation.item.retrieve" not in server.connections[1].received_types()


async def test_audio_since_the_last_commit_and_of_the_gap_is_appended_again(autojump_clock):
    config = {"model_settings": {"turn_detection": None}}
    async with calling(EchoEngine(), config=config) as (session, server):
        server.fault(RejectHandshake(503))
        await session.send_audio(b"\x01\x01" * 4800)
        await session.commit_audio(respond=False)
        await session.send_audio(b"\x02\x02" * 4800)
        await trio.sleep(1)
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnecting")
        for _ in range(3):
            await session.send_audio(b"\x03\x03" * 4800)
        await again(session)
        await session.commit_audio(respond=False)
        clip = server.connections[1].state.conversation[-1].clip
        assert clip.pcm == b"\x02\x02" * 4800 + b"\x03\x03" * 3 * 4800
        assert session.statistics().dropped_input_ms == 0


async def test_audio_beyond_thirty_seconds_is_dropped_and_counted(autojump_clock):
    config = {"model_settings": {"turn_detection": None}}
    async with calling(config=config) as (session, server):
        server.fault(RejectHandshake(503, times=2))
        for _ in range(10):
            await session.send_audio(b"\x02\x02" * 24_000)
        await trio.sleep(1)
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnecting")
        for second in range(25):
            await session.send_audio(bytes([second, second]) * 24_000)
        await again(session)
        await session.commit_audio(respond=False)
        clip = server.connections[1].state.conversation[-1].clip
        assert 29_000 <= len(clip.pcm) / 48 <= 30_000
        assert clip.pcm.endswith(bytes([24, 24]) * 24_000)
        assert 5_000 <= session.statistics().dropped_input_ms <= 6_000


async def test_a_turn_goes_on_over_a_loss(autojump_clock):
    async with calling(
        ScriptEngine([[Say(LONG)], [Say("Again.")]], restart=False), faults=[Drop(event="response.done")]
    ) as (
        session,
        _,
    ):
        async with session.respond("Go") as asked:
            assert await asked.text() == "Again."
        assert asked.outcome == "completed"


async def test_a_turn_whose_reply_is_interrupted_in_the_gap_is_over(autojump_clock):
    async with calling(ScriptEngine([[Say(LONG)], [Say("Again.")]], restart=False), pace=2.0) as (session, server):
        server.fault(RejectHandshake(503))
        async with session.respond("Go") as asked:
            await heard(session, 500)
            await server.connections[0].drop()
            await collect(session, "agent_end", status="incomplete")
            await session.interrupt()
            await asked.wait()
            assert (asked.outcome, asked.reason) == ("incomplete", "connection_lost")


async def test_a_turn_that_is_left_in_the_gap_is_not_asked_for_again(autojump_clock):
    async with calling(ScriptEngine([[Say(LONG)], [Say("Again.")]], restart=False), pace=2.0) as (session, server):
        server.fault(RejectHandshake(503))
        async with session.respond("Go") as asked:
            await heard(session, 500)
            await server.connections[0].drop()
            await collect(session, "agent_end", status="incomplete")
        await again(session)
        await trio.sleep(5)
        assert "response.create" not in server.connections[1].received_types()
        assert asked.outcome in {"cancelled", "incomplete"}


async def test_a_deletion_that_was_not_confirmed_is_done(autojump_clock):
    async with calling() as (session, server):
        await turn(session)
        server.fault(Drop(event="conversation.item.deleted"))
        await session.delete_item(session.history[0].item_id)
        assert words(session) == [("assistant", HELLO)]
        await again(session)
        assert len(created(server.connections[1])) == 1


# -- configuration --------------------------------------------------------------------------------------------------------


async def test_the_current_agent_is_configured_and_updates_hold(autojump_clock):
    async with calling() as (session, server):
        await session.update_agent(RealtimeAgent("Other", instructions="Be long."))
        update = {"session": {"type": "realtime", "max_output_tokens": 77}}
        message = RealtimeModelRawClientMessage(type="session.update", other_data=update)
        await session.model.send_event(RealtimeModelSendRawMessage(message=message))
        await trio.sleep(1)
        await server.connections[0].drop()
        await again(session)
        await trio.sleep(1)
        settings = server.connections[1].state.session
        assert (settings["instructions"], settings["tools"]) == ("Be long.", [])
        assert settings["max_output_tokens"] == 77


async def test_an_update_that_was_not_answered_is_asked_for_again(autojump_clock):
    async with calling() as (session, server):
        server.fault(Drop(event="session.updated"))
        await session.update_agent(RealtimeAgent("Other", instructions="Be long."))
        assert session.current_agent.name == "Other"
        assert len(server.connections) == 2
        assert server.connections[1].state.session["instructions"] == "Be long."
        assert session.statistics().reconnects == 1


# -- the time limit -------------------------------------------------------------------------------------------------------


class Steps(trio.abc.Instrument):
    """Counts the turns of all tasks: what waits must not look again and again meanwhile."""

    def __init__(self):
        self.count = 0

    def before_task_step(self, _):
        self.count += 1


@pytest.fixture
async def steps():
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    yield steps
    trio.lowlevel.remove_instrument(steps)


@pytest.mark.wire_in_memory  # for its speed
async def test_three_hours_in_one_iterator(autojump_clock, steps):
    async with calling() as (session, server):
        for hour in range(1, 4):
            await turn(session, f"Say number {hour}")
            events = await collect_for(session, "connection", status="reconnected", seconds=3700)
            assert next(e.reason for e in of(events, "connection")) == "the session's time is nearly over"
            assert 3538 * hour <= trio.current_time() <= 3541 * hour
        await turn(session, "Say the last")
        assert len(words(session)) == 8
        assert session.statistics().reconnects == 3
        assert [connection.close_code for connection in server.connections[:3]] == [1000] * 3
        assert len(server.connections[3].state.conversation) == 8
    assert steps.count < 1_000


async def collect_for(session, kind, *, seconds, **fields):
    seen = []
    with trio.fail_after(seconds):
        async for event in session:
            seen.append(event)
            if event.type == kind and all(getattr(event, name) == value for name, value in fields.items()):
                break
    return seen


@pytest.mark.wire_in_memory  # for its speed
async def test_the_expiry_itself_is_survived_three_times(autojump_clock, steps):
    wrong = {"session_seconds": 3500, "wall_clock": lambda: wall_clock() + 600}  # a clock that is not ours
    async with calling(config={"reconnect": {"before_expiry": 0}}, **wrong) as (session, server):
        for hour in range(1, 4):
            await turn(session, f"Say number {hour}")
            events = await collect_for(session, "connection", status="reconnected", seconds=3700)
            assert "maximum duration" in of(events, "connection")[0].reason
        assert len(words(session)) == 6
        assert len(server.connections) == 4
    assert steps.count < 1_000


async def test_the_change_waits_for_a_turn_boundary(autojump_clock):
    config = {"reconnect": {"before_expiry": 30}, "model_settings": {"turn_detection": None}}
    async with calling(ScriptEngine([Say(LONG)]), config=config, session_seconds=100, pace=0.5) as (
        session,
        server,
    ):
        await trio.sleep(69)
        await session.send_message("Go")  # it lasts beyond the 70 s
        await session.send_audio(bytes(9600))
        await trio.sleep(3)
        assert len(server.connections) == 1
        events = await collect_for(session, "agent_end", seconds=100)
        assert events[-1].status == "completed"
        if trio.current_time() < 95:
            await trio.sleep(1)
            assert len(server.connections) == 1  # audio is uncommitted
        await session.commit_audio(respond=False)
        await collect_for(session, "connection", status="reconnected", seconds=100)
        assert trio.current_time() < 100
        await server.connections[0].wait_closed()
        assert server.connections[0].close_code == 1000


@pytest.mark.parametrize("comes", [True, False])
async def test_the_change_waits_a_little_for_a_transcript(comes, autojump_clock):
    class Slow(EchoEngine):
        async def transcribe(self, clip):
            return Transcript("Good morning", delay=3.0 if comes else 1000.0)

    config = {"reconnect": {"before_expiry": 30}, "model_settings": {"turn_detection": None}}
    async with calling(Slow(), config=config, session_seconds=100) as (session, _server):
        await trio.sleep(69)
        await session.send_audio(synthesize("Good morning"))
        await session.commit_audio(respond=False)
        await collect_for(session, "connection", status="reconnected", seconds=100)
        assert session.statistics().left_out_items == (0 if comes else 1)
        assert trio.current_time() == pytest.approx(72.1 if comes else 75.1, abs=0.2)


async def test_nothing_is_lost_of_what_is_said_during_the_change(autojump_clock):
    async with calling(session_seconds=100) as (session, _server):
        async with trio.open_nursery() as nursery:

            async def speak():
                for number in range(60):
                    await session.send_message(f"Say number {number}")
                    await trio.sleep(0.5)

            await trio.sleep(35)
            nursery.start_soon(speak)
            for _ in range(60):
                await collect_for(session, "agent_end", status="completed", seconds=60)
        said = words(session)
        assert [text for role, text in said if role == "user"] == [f"Say number {number}" for number in range(60)]
        assert session.statistics().reconnects >= 1


async def test_a_planned_connection_that_cannot_be_made_leaves_the_old_one(autojump_clock):
    async with calling(session_seconds=100) as (session, server):
        server.fault(RejectHandshake(503, times=5))
        events = await collect_for(session, "connection", status="connected", seconds=70)
        assert events
        events = await collect_for(session, "connection", status="connected", seconds=70)
        assert "the old one is kept" in of(events, "connection")[-1].reason
        await turn(session)
        await collect_for(session, "connection", status="reconnected", seconds=100)
        assert len(words(session)) == 2


# -- phone calls ----------------------------------------------------------------------------------------------------------


async def test_an_attached_call_is_attached_again_and_told_nothing(autojump_clock):
    async with calling(model=OpenAIRealtimeSIPModel, model_config={"call_id": "rtc_1"}) as (session, server):
        await turn(session)
        await server.connections[0].drop()
        await again(session)
        assert "call_id=rtc_1" in server.connections[1].url
        await trio.sleep(1)
        assert server.connections[1].received_types() == []
        await turn(session, "Goodbye")
        assert len(words(session)) == 4


async def test_an_output_that_an_attached_call_may_not_have_got_is_sent_under_the_same_id(autojump_clock):
    async with calling(model=OpenAIRealtimeSIPModel, model_config={"call_id": "rtc_1"}) as (session, server):
        server.fault(Drop(event="conversation.item.added", skip=2))
        await session.send_message("What is the weather in Paris?")
        await again(session)
        first = [e["item"] for e in created(server.connections[0]) if e["item"]["type"] == "function_call_output"]
        (second,) = created(server.connections[1])
        assert second["item"] == first[0]
        assert "response.create" not in server.connections[1].received_types()


async def test_404_is_the_end_of_the_call(autojump_clock):
    async with calling(model=OpenAIRealtimeSIPModel, model_config={"call_id": "rtc_1"}) as (session, server):
        server.fault(RejectHandshake(404, times=None))
        await server.connections[0].drop()
        events = [event async for event in session]
        assert (events[-1].status, events[-1].reason) == ("closed", "the call is over")
    assert session.status == "closed"


# -- leaving --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["leave", "cancel", "close"])
async def test_leaving_while_it_reconnects_is_bounded(how, autojump_clock):
    config = {"timeouts": {"connect": 1000, "close": 3}}
    with trio.CancelScope() as scope:
        async with calling(config=config) as (session, server):
            server.fault(StallHandshake(times=None))
            await server.connections[0].drop()
            await collect(session, "connection", status="reconnecting")
            await trio.sleep(5)
            left = trio.current_time()
            if how == "cancel":
                scope.cancel()
                await trio.sleep_forever()
            if how == "close":
                await session.close()
                with pytest.raises(SessionClosed):
                    await session.send_message("x")
    assert trio.current_time() - left <= 4
    assert session.status == "closed"


async def test_who_waits_is_told_when_it_is_given_up(autojump_clock):
    with pytest.raises(RealtimeConnectionError):
        async with calling() as (session, server):
            server.fault(RejectHandshake(503, times=None))
            await server.connections[0].drop()
            await collect(session, "connection", status="reconnecting")
            with pytest.raises(SessionClosed):
                await session.send_message("x")
            async for _ in session:
                pass


async def test_a_talk_without_faults_makes_one_connection(autojump_clock):
    async with talk() as (session, connection):
        await session.send_message("Hello")
        await collect(session, "agent_end")
        assert connection.number == 1
        assert session.statistics().reconnects == 0
