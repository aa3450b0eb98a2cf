"""Need 24: words as they are spoken, of both sides."""

from __future__ import annotations

import itertools

import pytest

from tests.talk import collect, of, talk
from trio_realtime import AssistantText
from trio_realtime.server import Say, ScriptEngine, Transcript, Turn, silence, synthesize

DETECTED = {"model_settings": {"turn_detection": {"type": "server_vad"}}}
PLACE = {"item_id": "item_u", "content_index": 0}
PREFIX = "conversation.item.input_audio_transcription"


async def say_something(session):
    await session.send_audio(synthesize("Hello there, how are you") + silence(1.0))


async def test_need_24_partials_and_a_final_of_both_sides(autojump_clock):
    engine = ScriptEngine([Turn("I am well, thank you.", user="Hello there, how are you today")])
    async with talk(engine, config=DETECTED) as (session, _):
        await say_something(session)
        events = await collect(session, "agent_end")
        for role, text in (("user", "Hello there, how are you today"), ("assistant", "I am well, thank you.")):
            words = [event for event in of(events, "transcript") if event.role == role]
            assert len(words) >= 3
            assert [event.final for event in words] == [False] * (len(words) - 1) + [True]
            assert "".join(event.delta for event in words) == text
            assert words[-1].text == text
            for before, after in itertools.pairwise(words[:-1]):
                assert after.text == before.text + after.delta
        assert [item.content[0].transcript for item in session.history] == [
            "Hello there, how are you today",
            "I am well, thank you.",
        ]


async def test_need_24_three_deltas_and_done(autojump_clock):
    async with talk() as (session, server):
        item = {"id": "item_u", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        await server.send_event({"type": "conversation.item.added", "previous_item_id": None, "item": item})
        for delta in ("One ", "two ", "three"):
            await server.send_event({"type": f"{PREFIX}.delta", **PLACE, "delta": delta})
        await server.send_event(
            {"type": f"{PREFIX}.completed", **PLACE, "transcript": "One, two, three.", "usage": None}
        )
        words = of(await collect(session, "transcript", 4), "transcript")
        assert [(event.text, event.final) for event in words] == [
            ("One ", False),
            ("One two ", False),
            ("One two three", False),
            ("One, two, three.", True),
        ]
        assert session.history[0].content[0].transcript == "One, two, three."


@pytest.mark.parametrize("partial", ["", "One "])
async def test_need_24_a_failure_closes_the_partial(partial, autojump_clock):
    async with talk() as (session, server):
        item = {"id": "item_u", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        await server.send_event({"type": "conversation.item.added", "previous_item_id": None, "item": item})
        if partial:
            await server.send_event({"type": f"{PREFIX}.delta", **PLACE, "delta": partial})
        error = {"type": "transcription_error", "code": "audio_unintelligible", "message": "What?", "param": None}
        await server.send_event({"type": f"{PREFIX}.failed", **PLACE, "error": error})
        last = (await collect(session, "transcript", final=True))[-1]
        assert (last.final, last.delta, last.text) == (True, "", partial)
        assert last.error.code == "audio_unintelligible"


async def test_need_24_a_failure_by_the_server_itself(autojump_clock):
    engine = ScriptEngine([Turn("Pardon?", user=Transcript("Hello", error="Too noisy."))])
    async with talk(engine, config=DETECTED) as (session, _):
        await say_something(session)
        last = (await collect(session, "transcript", role="user", final=True))[-1]
        assert last.error.message == "Too noisy."


async def test_need_24_text_deltas_reach_the_history_too(autojump_clock):
    config = {"model_settings": {"output_modalities": ["text"]}}
    async with talk(ScriptEngine([Say("Written in several pieces, one after another.")]), config=config, pace=1.0) as (
        session,
        _,
    ):
        await session.send_message("Write")
        events = await collect(session, "transcript", 2, final=False)
        partial = session.history[-1].content[0]
        assert isinstance(partial, AssistantText)
        assert partial.text == events[-1].text
        assert not partial.text.endswith("another.")
        await collect(session, "agent_end")
        assert session.history[-1].content[0].text == "Written in several pieces, one after another."
