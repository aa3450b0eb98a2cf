"""Needs 29 and 35: a long conversation stays small."""

from __future__ import annotations

import gc

import pytest
import trio

from tests.session_tasks.support import audio, begin, call, end, final, scripted, words
from tests.talk import collect, count, talk
from trio_realtime import AssistantMessageItem, InputAudio, RealtimeAgent, RealtimeRunner, ServerError, UserError
from trio_realtime import model_events as m
from trio_realtime.items import RealtimeToolCallItem, UserMessageItem
from trio_realtime.server import Refuse, Say, ScriptEngine


def texts(session):
    return [part.text for item in session.history for part in item.content]


async def test_need_35_a_slot_that_is_updated_twice_is_one_live_item(autojump_clock):
    async with talk(ScriptEngine([Say("Ann and Bob.")])) as (session, server):
        first = await session.set_context("roster", "On duty: Ann.")
        await session.set_context("weather", "It rains.")
        second = await session.set_context("roster", "On duty: Ann and Bob.")
        third = await session.set_context("roster", "On duty: Bob.")
        assert texts(session) == ["It rains.", "On duty: Bob."]
        assert len({first, second, third}) == 3
        assert [item.item_id for item in session.history][-1] == third
        assert server.state.conversation.get(second) is None
        assert len(server.state.conversation) == 2
        assert await session.set_context("roster", None) is None
        assert await session.set_context("roster", None) is None
        assert texts(session) == ["It rains."]
        assert count(server, "response.create") == 0


async def test_need_35_a_slot_whose_item_somebody_else_deleted(autojump_clock):
    async with talk() as (session, _):
        old = await session.set_context("roster", "Ann.")
        await session.delete_item(old)
        await session.set_context("roster", "Bob.")
        assert texts(session) == ["Bob."]


async def test_need_35_slots_that_are_changed_at_once_do_not_mix(autojump_clock):
    async with talk() as (session, _):
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(session.set_context, "roster", f"Version {number}")
        assert len(session.history) == 1


async def test_need_35_a_refusal_raises_and_the_old_text_stays(autojump_clock):
    async with talk() as (session, server):
        await session.set_context("roster", "Ann.")
        server._plan.add(Refuse("conversation.item.create", code="invalid_value", message="No.", param="item.content"))
        with pytest.raises(ServerError):
            await session.set_context("roster", "Bob.")
        assert texts(session) == ["Ann."]


@pytest.mark.parametrize("key", ["", 5, None])
async def test_need_35_a_slot_needs_a_key(key, autojump_clock):
    async with talk() as (session, _):
        with pytest.raises(UserError):
            await session.set_context(key, "x")


@pytest.mark.parametrize("text", ["", 5, b"x"])
async def test_need_35_a_slot_needs_a_text_or_none(text, autojump_clock):
    async with talk() as (session, server):
        with pytest.raises(UserError, match="text"):
            await session.set_context("roster", text)
        assert count(server, "conversation.item.create") == 0


@pytest.mark.parametrize("new", ["New.", None])
async def test_need_35_a_slot_that_the_history_has_forgotten_is_replaced_on_the_server(new, autojump_clock):
    engine = ScriptEngine([Say(f"Answer {number}.") for number in range(3)])
    async with talk(engine, config={"max_history_items": 2}) as (session, server):
        old = await session.set_context("roster", "Old.")
        for number in range(3):
            async with session.respond(f"Question {number}") as turn:
                await turn.text()
        assert old not in [item.item_id for item in session.history]
        await session.set_context("roster", new)
        assert server.state.conversation.get(old) is None
        assert count(server, "conversation.item.delete") == 1


@pytest.mark.parametrize("truncation", ["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.8}])
async def test_need_35_the_services_own_truncation_can_be_set(truncation, autojump_clock):
    async with talk(config={"model_settings": {"truncation": truncation}}) as (_, server):
        assert server.received[0]["session"]["truncation"] == truncation


async def test_need_35_old_items_can_be_deleted(autojump_clock):
    async with talk() as (session, server):
        item_id = await session.add_item("user", "A long text.")
        await session.delete_item(item_id)
        assert len(session.history) == 0
        assert server.state.conversation.get(item_id) is None


async def test_need_29_the_history_keeps_so_many_items(autojump_clock):
    engine = ScriptEngine([Say(f"Answer {number}.") for number in range(6)])
    async with talk(engine, config={"max_history_items": 4}) as (session, server):
        for number in range(6):
            await session.send_message(f"Question {number}")
            await collect(session, "agent_end")
            assert len(session.history) <= 4
        spoken = [getattr(item.content[0], "text", None) or item.content[0].transcript for item in session.history]
        assert spoken == ["Question 4", "Answer 4.", "Question 5", "Answer 5."]
        assert len(server.state.conversation) == 12  # the service's context is bounded by its own truncation


def sizes(hub):
    """How much of everything a session remembers."""
    conversation = hub.conversation
    return {
        "items": len(conversation),
        "deleted": len(conversation._deleted),
        **{name: len(getattr(conversation, name)) for name in ("_place", "_anchor", "_weak", "_followers", "_words")},
        **{name: len(getattr(conversation, name)) for name in ("_unfolded", "_calls", "_cuts")},
        "tracks": len(hub.playback._tracks),
        "lengths": len(hub.playback._lengths),
        "responses": len(hub.responses._responses),
        "gate": len(hub.gate._texts),
        "turns": len(hub.turns._open) + len(hub.turns._waiting) + len(hub.turns._left),
        "aside": len(hub._aside),
    }


async def test_need_29_ten_thousand_turns_leave_nothing_behind(autojump_clock):
    model = scripted()
    config = {"max_history_items": 50, "output_guardrails": []}
    async with await RealtimeRunner(RealtimeAgent("A"), model=model, config=config).run() as session:
        hub = session._hub
        measured = {}

        async with trio.open_nursery() as nursery:

            async def read():
                async for _ in session:
                    pass

            nursery.start_soon(read)
            for number in range(10_000):
                said, answer, response = f"u{number}", f"a{number}", f"r{number}"
                user = UserMessageItem(item_id=said, content=(InputAudio(),))
                model._connection.put(
                    m.RealtimeModelItemUpdatedEvent(item=user),
                    m.RealtimeModelInputAudioTranscriptionCompletedEvent(item_id=said, transcript="Hi"),
                    begin(response),
                    words("Hel", response, answer),
                    audio(20, response, answer),
                    final("Hello", response, answer),
                    end(response),
                )
                if number % 50 == 0:
                    await trio.testing.wait_all_tasks_blocked()
                    await trio.sleep(1)
                if number in {2_000, 9_999}:
                    await trio.testing.wait_all_tasks_blocked()
                    await trio.sleep(1)
                    gc.collect()
                    measured[number] = sizes(hub)
            nursery.cancel_scope.cancel()
        early, late = measured.values()
        assert late["items"] == 50
        assert {name: size for name, size in late.items() if size > early[name]} == {}


async def test_need_29_audio_is_not_stored(autojump_clock):
    config = {"model_settings": {"turn_detection": {"type": "server_vad"}}}
    from trio_realtime.server import Turn, silence, synthesize

    async with talk(ScriptEngine([Turn("Hello!", user="Hi")]), config=config) as (session, _):
        await session.send_audio(synthesize("Hi there, you") + silence(1.0))
        await collect(session, "agent_end")
        assert [item.content[0].audio for item in session.history] == [None, None]


async def test_need_29_a_call_that_is_forgotten_gets_its_output(autojump_clock):
    model = scripted()
    async with await RealtimeRunner(RealtimeAgent("A"), model=model, config={"max_history_items": 1}).run() as session:
        item = RealtimeToolCallItem(item_id="i1", call_id="c1", name="x", arguments="{}")
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=item), call("x", "c1", id="i1"))
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=AssistantMessageItem(item_id="a")))
        assert [item.item_id for item in session.history] == ["a"]


@pytest.mark.parametrize(("code", "raises"), [("item_delete_invalid_item_id", False), ("server_error", True)])
async def test_need_35_a_refusal_of_the_deletion(code, raises, autojump_clock):
    async with talk() as (session, server):
        await session.set_context("roster", "Ann.")
        server._plan.add(Refuse("conversation.item.delete", code=code, message="No."))
        if raises:
            with pytest.raises(ServerError):
                await session.set_context("roster", "Bob.")
        else:
            await session.set_context("roster", "Bob.")
        await session.set_context("roster", "Eve.")
        assert texts(session)[-1] == "Eve."
