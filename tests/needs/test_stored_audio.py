"""Need 29: audio is stored in the history if the run asks for it, and only then."""

from __future__ import annotations

import json

import pybase64
import pytest
import trio

from tests.canary import KEY
from tests.talk import collect, make_agent, of, talk
from trio_realtime import (
    GuardrailFunctionOutput,
    MarkPlaybackTracker,
    OpenAIRealtimeWebSocketModel,
    OutputGuardrail,
    RealtimeAudio,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeRunner,
    UserError,
)
from trio_realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage
from trio_realtime.server import LocalServer, Pause, Say, ScriptEngine, Turn, silence, synthesize
from trio_realtime.stores import SessionStore

SPOKEN = synthesize("Hi there, you") + silence(1.0)
STORE = {"store_audio": True}
PUSH = {**STORE, "model_settings": {"turn_detection": None}}


def stored(session):
    """The audio of each spoken part of the history."""
    audio = [part.audio for item in session.history for part in getattr(item, "content", ()) if hasattr(part, "audio")]
    return [None if one is None else pybase64.b64decode(one, validate=True) for one in audio]


def given(events):
    return b"".join(event.audio.data for event in of(events, "audio"))


async def test_need_29_audio_of_both_sides_is_stored_on_request(autojump_clock):
    config = {**STORE, "model_settings": {"turn_detection": {"type": "server_vad"}}}
    async with talk(ScriptEngine([Turn("Hello!", user="Hi")]), config=config) as (session, _):
        for at in range(0, len(SPOKEN), 4800):
            await session.send_audio(SPOKEN[at : at + 4800])
        events = await collect(session, "agent_end")
        started, stopped = of(events, "user_speech_started")[0], of(events, "user_speech_stopped")[0]
        user, agent = stored(session)
        assert user == SPOKEN[started.audio_start_ms * 48 : stopped.audio_end_ms * 48]
        assert len(user) > 24_000
        assert agent == given(events)
        assert len(agent) > 4800
        first = next(event.item for event in of(events, "history_added") if event.item.role == "user")
        assert first.content[0].audio is None  # an event that waits would keep it alive
        assert session.statistics().stored_audio_bytes == len(user) + len(agent)


@pytest.mark.parametrize("way", ["commit_audio", "send_audio", "raw"])
async def test_need_29_push_to_talk_is_stored(way, autojump_clock):
    def raw(kind, **data):
        return RealtimeModelSendRawMessage(message=RealtimeModelRawClientMessage(type=kind, other_data=data))

    engine = ScriptEngine([Turn("One.", user="Hi"), Turn("Two.", user="Hi again")])
    async with talk(engine, config=PUSH) as (session, _):
        await session.send_audio(b"xx" * 24_000)
        await session.clear_audio()
        spoken = [SPOKEN, SPOKEN[:40_000]]
        for one in spoken:
            if way == "commit_audio":
                await session.send_audio(one)
                await session.commit_audio(respond=False)
            elif way == "send_audio":
                await session.send_audio(one, commit=True)
                await collect(session, "transcript", role="user", final=True)
            else:
                audio = pybase64.b64encode(one).decode()
                with pytest.raises(UserError):
                    await session.model.send_event(raw("input_audio_buffer.append", audio="?"))
                await session.model.send_event(raw("input_audio_buffer.append", audio=audio))
                await session.model.send_event(raw("input_audio_buffer.commit"))
                await collect(session, "transcript", role="user", final=True)
        assert stored(session) == spoken


@pytest.mark.parametrize("way", ["commit_audio", "send_audio"])
async def test_need_29_a_refused_commit_does_not_stand_for_the_next(way, autojump_clock):
    async with talk(ScriptEngine([Turn("One.", user="Hi")]), config=PUSH) as (session, _):
        if way == "commit_audio":
            with pytest.raises(Exception, match="buffer"):
                await session.commit_audio()
        else:
            await session.send_audio(b"", commit=True)
            await collect(session, "error")
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await collect(session, "agent_end")
        assert stored(session)[0] == SPOKEN


@pytest.mark.parametrize("when", ["while it comes", "when it has come"])
async def test_need_29_of_interrupted_speech_what_was_heard_is_stored(when, autojump_clock):
    tracker = MarkPlaybackTracker()
    script = [[Say("word " * 40), *([Pause(10)] if when == "while it comes" else [])]]
    async with talk(ScriptEngine(script), config=STORE, model_config={"playback_tracker": tracker}) as (session, _):
        await session.send_message("Speak")
        events = await collect(session, "audio", 20)
        if when == "when it has come":
            events += await collect(session, "agent_end")
        for event in of(events, "audio")[:5]:
            tracker.marked(tracker.mark(event))
        heard = b"".join(event.audio.data for event in of(events, "audio")[:5])
        before = session.history
        await session.interrupt()
        await collect(session, "audio_interrupted")
        (audio,) = stored(session)
        assert session.history[-1].content[0].heard_ms == len(heard) / 48
        assert audio == heard
        assert session.statistics().stored_audio_bytes == len(heard)
        await trio.sleep(1)
        assert stored(session) == [heard]
        assert (before[-1].content[0].audio is None) == (when == "while it comes")  # a snapshot never changes


async def test_need_29_what_nobody_heard_is_not_stored(autojump_clock):
    async def check(context, agent, text):
        return GuardrailFunctionOutput(None, True)

    agent = make_agent(output_guardrails=[OutputGuardrail(check)])
    config = {**STORE, "guardrails_settings": {"hold_audio": True, "recovery": {}}}
    async with talk(ScriptEngine([Say("Swordfish.")]), agent=agent, config=config) as (session, _):
        await session.send_message("Speak")
        async for event in session:
            if event.type == "guardrail_tripped":
                break
        await trio.sleep(1)
        assert session.statistics().stored_audio_bytes == 0


async def test_need_29_the_oldest_audio_is_dropped_first(autojump_clock):
    engine = ScriptEngine([Say("One one one one."), Say("Two two two two."), Say("Three three.")])
    config = {**STORE, "max_stored_audio_bytes": 110_000}
    async with talk(engine, config=config) as (session, _):
        sizes = []
        for _ in range(3):
            await session.send_message("Speak")
            sizes.append(len(given(await collect(session, "agent_end"))))
        assert sizes == [48_000, 48_000, 36_000]
        assert [len(audio or b"") for audio in stored(session)] == [0, *sizes[1:]]
        counted = session.statistics()
        assert (counted.stored_audio_bytes, counted.forgotten_audio_bytes) == (84_000, 48_000)
        last = session.history[-1].item_id
        await session.delete_item(last)
        assert session.statistics().stored_audio_bytes == 48_000


async def test_need_29_speech_that_is_longer_than_all_is_not_stored_in_part(autojump_clock):
    config = {**PUSH, "max_stored_audio_bytes": 40_000}
    async with talk(ScriptEngine([Turn("One one one one.", user="Hi"), Say("Two.")]), config=config) as (session, _):
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await collect(session, "agent_end")
        assert stored(session) == [None, None]
        await session.send_message("Speak")
        await collect(session, "agent_end")
        assert [len(audio or b"") for audio in stored(session)] == [0, 0, 12_000]


async def test_need_29_a_history_that_is_bounded_bounds_the_audio(autojump_clock):
    engine = ScriptEngine([Say("Two.")] * 5)
    async with talk(engine, config={**STORE, "max_history_items": 2}) as (session, _):
        for _ in range(5):
            await session.send_message("Speak")
            await collect(session, "agent_end")
        assert session.statistics().stored_audio_bytes == sum(len(audio or b"") for audio in stored(session)) == 12_000


async def test_need_29_stored_audio_stays_when_the_connection_is_lost(autojump_clock):
    engine = ScriptEngine([Turn("Hello!", user="Hi"), Turn("Again.", user="Hi again")], restart=False)
    server = LocalServer(engine, pace=None)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(make_agent(), model=model, config=PUSH)
    async with await runner.run(model_config={"api_key": KEY}) as session:
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        first = given(await collect(session, "agent_end"))
        await session.send_audio(SPOKEN[:24_000])
        await trio.sleep(0.1)
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnected")
        assert stored(session) == [SPOKEN, first]
        sent = json.dumps(list(server.connections[1].received))
        assert pybase64.b64encode(first).decode() not in sent
        await session.send_audio(SPOKEN[24_000:48_000])
        await session.commit_audio()
        second = given(await collect(session, "agent_end"))
        assert stored(session) == [SPOKEN, first, SPOKEN[:48_000], second]


async def test_need_29_a_reply_that_is_cut_by_a_lost_connection_keeps_what_came(autojump_clock):
    engine = ScriptEngine([[Say("word " * 10), Pause(30)], Say("Again.")], restart=False)
    server = LocalServer(engine, pace=None)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(make_agent(), model=model, config=STORE)
    async with await runner.run(model_config={"api_key": KEY}) as session:
        reader = session.events(RealtimeAudio)
        await session.send_message("Speak")
        with trio.move_on_after(1):
            async for _ in reader:
                pass
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnected")
        (cut, *_) = stored(session)
        assert len(cut) == session.history[1].content[0].heard_ms * 48 > 0


class Kept(SessionStore):
    """Keeps the last snapshot of the one session that it has."""

    def __init__(self):
        self.snapshot = None

    async def acquire(self, session_id, owner, lease):
        return self.snapshot

    async def renew(self, session_id, owner, lease):
        pass

    async def save(self, session_id, owner, snapshot, lease):
        self.snapshot = snapshot

    async def release(self, session_id, owner):
        pass

    async def delete(self, session_id):
        pass


@pytest.mark.parametrize("resumed", [False, True])
async def test_need_29_snapshots_and_stores_have_no_audio(resumed, autojump_clock):
    store = Kept()
    own = {"type": "message", "role": "user", "item_id": "own", "content": [{"type": "input_audio", "audio": "AAAA"}]}
    run = {"history": [own]} if resumed else {"store": store, "session_id": "s"}
    async with talk(ScriptEngine([Turn("Hello!", user="Hi")]), config=PUSH, run=run) as (session, _):
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await collect(session, "agent_end")
        assert stored(session)[-2:] != [None, None]
        for _ in range(2):
            history = session.snapshot()["history"]
            audio = [part["audio"] for item in history for part in item["content"]]
            assert audio == ([None, None] if not resumed else ["AAAA", None, None])
            assert [item["item_id"] for item in history] == [item.item_id for item in session.history]
        await trio.sleep(1)
    if not resumed:
        async with talk(config=PUSH, run=run) as (session, _):
            assert stored(session) == [None, None]
            assert session.history[0].content[0].transcript == "Hi"


async def test_need_29_what_is_not_stored_costs_nothing(autojump_clock):
    async with talk(ScriptEngine([Say("Hello!")])) as (session, _):
        hub = session._hub
        assert hub.stored is None
        assert type(hub.connection).__module__ == "trio_realtime.openai.connection"
        assert hub.handle.__self__._table is None  # the handlers of all sessions
        assert session.statistics().stored_audio_bytes == 0


async def test_need_29_audio_beside_the_conversation_is_not_stored(autojump_clock):
    async with talk(ScriptEngine([Say("Hello!")]), config=STORE) as (session, _):
        async with session.respond("Say hello", conversation="none") as turn:
            await turn.text()
        assert session.statistics().stored_audio_bytes == 0


async def test_need_29_events_that_wait_keep_no_stored_audio(autojump_clock):
    config = {**STORE, "max_stored_audio_bytes": 100_000}
    async with talk(ScriptEngine([Say("Hello there, my friend.")] * 5), config=config) as (session, _):
        waiting = session.events(RealtimeHistoryUpdated, RealtimeHistoryAdded)
        for _ in range(5):
            await session.send_message("Hi")
            await collect(session, "agent_end")
        assert session.statistics().stored_audio_bytes > 0
        assert any(stored(session))
        told = [waiting.buffer.pop() for _ in range(len(waiting.buffer))]
        items = [item for event in told for item in getattr(event, "history", None) or [event.item]]
        assert len(items) > 20
        assert {getattr(part, "audio", None) for item in items for part in item.content} == {None}
