"""Needs 8 and 9: the history says what was heard."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.talk import collect, count, of, outputs, talk
from trio_realtime import AssistantAudio, LocalPlaybackTracker, MarkPlaybackTracker
from trio_realtime.server import CallTool, Pause, Say, ScriptEngine

TEN_SECONDS = ("word " * 32).strip() + "."  # 160 characters, sixteen a second
FIVE_SECONDS = "other " * 13 + "ok"


def client_events(server, *types):
    fields = ("type", "item_id", "content_index", "audio_end_ms", "response_id")
    return [
        {name: event[name] for name in fields if name in event} for event in server.received if event["type"] in types
    ]


CUTS = ("conversation.item.truncate", "conversation.item.delete", "response.cancel")


async def listen(session):
    async for _ in session:
        pass


async def test_need_8_ten_seconds_generated_two_played(autojump_clock):
    async with talk(ScriptEngine([Say(TEN_SECONDS), Say("Yes?")])) as (session, server):
        await session.send_message("Tell")
        events = await collect(session, "agent_end")
        await trio.sleep(2)
        await session.interrupt()
        interrupted = await collect(session, "audio_interrupted")
        assert len(interrupted) == 1
        item_id = of(events, "audio")[0].item_id
        assert client_events(server, *CUTS[:2]) in (
            [],
            [
                {
                    "type": "conversation.item.truncate",
                    "item_id": item_id,
                    "content_index": 0,
                    "audio_end_ms": 2000,
                }
            ],
        )
        item = session.history[-1]
        heard = item.content[0].transcript
        assert item.status == "incomplete"
        assert heard == ("word " * 6).strip()
        assert item.content == (AssistantAudio(transcript=heard, generated_transcript=TEN_SECONDS, heard_ms=2000),)
        await collect(session, "history_updated")
        await trio.sleep(1)
        assert count(server, "conversation.item.truncate") == 1
        assert count(server, "response.cancel") == 0  # it had ended
        assert session.history[-1] == item


@pytest.mark.parametrize("tracked", [False, True])
async def test_need_8_what_comes_of_the_response_after_the_barge_in_stays_unheard(tracked, autojump_clock):
    tracker = LocalPlaybackTracker() if tracked else None
    engine = ScriptEngine([Say(TEN_SECONDS)])
    async with talk(engine, pace=2.0, model_config={"playback_tracker": tracker}) as (session, server):
        await session.send_message("Tell")
        begun = None
        async for event in session:
            if event.type == "audio":
                begun = trio.current_time() if begun is None else begun
                if tracker is not None:
                    tracker.played(len(tracker.sent(event)) // 2)
                if trio.current_time() - begun >= 2:
                    break
        heard_ms = tracker.get_state().elapsed_ms if tracker else (trio.current_time() - begun) * 1000
        await session.interrupt()
        events = await collect(session, "agent_end")
        assert events[0].type == "audio_interrupted"
        assert of(events, "audio") == []
        await trio.sleep(1)
        (cut,) = client_events(server, "conversation.item.truncate")
        assert cut["audio_end_ms"] == int(heard_ms)
        (part,) = session.history[-1].content
        assert part.heard_ms == int(heard_ms)
        assert part.generated_transcript.startswith(part.transcript)
        assert len(part.transcript) < len(part.generated_transcript)
        # sixteen characters a second, whole words: within two words of what was played
        assert abs(len(part.transcript) - heard_ms * 0.016) < 16


def two_items():
    return ScriptEngine([[Say(FIVE_SECONDS), Say(TEN_SECONDS)]])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, [("conversation.item.delete", 0, None), ("conversation.item.delete", 1, None)]),
        (2, [("conversation.item.truncate", 0, 2000), ("conversation.item.delete", 1, None)]),
        (7, [("conversation.item.truncate", 1, 2000)]),
        (60, []),
    ],
    ids=["before the first frame", "in item 1 of 2", "in item 2 of 2", "after the end"],
)
async def test_need_9_every_item_is_cut_where_it_was_heard(seconds, expected, autojump_clock):
    async with talk(two_items()) as (session, server):
        await session.send_message("Tell")
        events = await collect(session, "agent_end")
        items = list(dict.fromkeys(event.item_id for event in of(events, "audio")))
        await trio.sleep(seconds)
        await session.interrupt()
        await trio.sleep(1)
        got = [(e["type"], items.index(e["item_id"]), e.get("audio_end_ms")) for e in client_events(server, *CUTS)]
        assert got == expected
        deleted = {items[index] for kind, index, _ in expected if kind == "conversation.item.delete"}
        assert [item.item_id for item in session.history[1:]] == [item for item in items if item not in deleted]
        rest = []
        with trio.move_on_after(5):
            async for event in session:
                rest.append(event)
        assert of(rest, "error") == []  # no refusal by the server
        shown = of(rest, "history_updated")
        assert not expected or [item.item_id for item in shown[-1].history] == [
            item.item_id for item in session.history
        ]


async def test_need_9_an_item_that_has_words_but_no_sound_yet_is_deleted(autojump_clock):
    async with talk(ScriptEngine([[Say("Hello there."), Pause(60), Say("Never.")]])) as (session, server):
        await session.send_message("Tell")
        events = await collect(session, "audio")
        response_id, first = events[-1].response_id, events[-1].item_id
        await trio.sleep(5)
        item = {"id": "item_late", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        place = {"response_id": response_id, "item_id": "item_late", "output_index": 1, "content_index": 0}
        await server.send_event({"type": "conversation.item.added", "previous_item_id": first, "item": item})
        await server.send_event({"type": "response.output_audio_transcript.delta", **place, "delta": "Unheard"})
        await collect(session, "transcript", delta="Unheard")
        assert session.history[-1].item_id == "item_late"
        await session.interrupt()
        assert [item.item_id for item in session.history[1:]] == [first]
        await server.wait_received("conversation.item.delete")
        # and one that comes only now
        late = {**place, "item_id": "item_later", "output_index": 2}
        await server.send_event(
            {"type": "conversation.item.added", "previous_item_id": first, "item": {**item, "id": "item_later"}}
        )
        await server.send_event({"type": "response.output_audio_transcript.delta", **late, "delta": "x"})
        await server.send_event({"type": "response.output_audio_transcript.done", **late, "transcript": "x y"})
        await server.send_event({"type": "response.output_audio.delta", **late, "delta": "AAAA"})
        await trio.sleep(1)
        assert [item.item_id for item in session.history[1:]] == [first]
        deleted = [event["item_id"] for event in client_events(server, "conversation.item.delete")]
        assert deleted == ["item_late", "item_later"]


async def test_need_9_a_tracker_that_has_not_begun_means_that_nothing_was_heard(autojump_clock):
    tracker = MarkPlaybackTracker()
    async with talk(two_items(), model_config={"playback_tracker": tracker}) as (session, server):
        await session.send_message("Tell")
        marks = [tracker.mark(event) for event in of(await collect(session, "agent_end"), "audio")]
        await trio.sleep(3)
        await session.interrupt()
        await trio.sleep(1)
        assert [event["type"] for event in client_events(server, *CUTS)] == ["conversation.item.delete"] * 2
        for mark in marks:
            tracker.marked(mark)  # the provider echoes what it has cleared
        assert tracker.get_state().current_item_id is None
        assert len(session.history) == 1


async def test_need_8_the_words_are_cut_by_their_times_where_the_service_gives_them(autojump_clock):
    async with talk(ScriptEngine([Say(TEN_SECONDS)])) as (session, server):
        await session.send_message("Tell")
        events = await collect(session, "agent_end")
        item_id = of(events, "audio")[0].item_id
        for number in range(32):
            await server.send_event(
                {
                    "type": "response.audio_timestamp.delta",
                    "response_id": events[-1].response_id,
                    "item_id": item_id,
                    "output_index": 0,
                    "content_index": 0,
                    "audio_offset_ms": number * 100,
                    "audio_duration_ms": 100,
                    "text": "word",
                    "timestamp_type": "word",
                }
            )
        await trio.sleep(2)
        await session.interrupt()
        assert session.history[-1].content[0].transcript == ("word " * 20).strip()  # not six of them


async def test_need_8_what_the_server_cuts_by_itself_is_mirrored(autojump_clock):
    async with talk(ScriptEngine([Say(TEN_SECONDS)])) as (session, server):
        await session.send_message("Tell")
        events = await collect(session, "agent_end")
        cut = {
            "type": "conversation.item.truncated",
            "item_id": of(events, "audio")[0].item_id,
            "content_index": 0,
            "audio_end_ms": 5000,
        }
        await server.send_event(cut)
        await collect(session, "history_updated")
        (part,) = session.history[-1].content
        assert part == AssistantAudio(
            transcript=("word " * 16).strip(), generated_transcript=TEN_SECONDS, heard_ms=5000
        )
        await server.send_event({**cut, "item_id": "gone"})
        await server.send_event(cut)
        with trio.move_on_after(5):
            await collect(session, "history_updated")
            pytest.fail("nothing was new")


async def test_need_8_a_tool_call_of_an_interrupted_response_stays(autojump_clock):
    engine = ScriptEngine([[Say(TEN_SECONDS), CallTool("get_weather", {"city": "Oslo"}, "c1")], Say("Sunny.")])
    async with talk(engine) as (session, server):
        await session.send_message("Weather")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, session)
            await trio.sleep(1)
            await session.interrupt()
            await trio.sleep(5)
            nursery.cancel_scope.cancel()
        assert outputs(server) == [("c1", "It is sunny in Oslo.")]
        assert "function_call" in [item.type for item in session.history]


async def test_need_8_times_of_words_that_come_after_the_cut_count(autojump_clock):
    async with talk(ScriptEngine([Say(TEN_SECONDS)])) as (session, server):
        await session.send_message("Tell")
        events = await collect(session, "agent_end")
        item_id = of(events, "audio")[0].item_id
        await trio.sleep(2)
        await session.interrupt()
        assert session.history[-1].content[0].transcript == ("word " * 6).strip()
        times = {
            "type": "response.audio_timestamp.delta",
            "response_id": events[-1].response_id,
            "item_id": item_id,
            "output_index": 0,
            "content_index": 0,
            "audio_offset_ms": 1900,
            "audio_duration_ms": 300,
            "text": "word",
            "timestamp_type": "word",
        }
        await server.send_event(times)
        for number in range(70):  # of others: what is remembered is bounded
            await server.send_event({**times, "item_id": f"item_{number}"})
        await collect(session, "history_updated", 2)
        assert session.history[-1].content[0].transcript == ""  # the first word had not ended at 2 s
        await trio.testing.wait_all_tasks_blocked()
        assert len(session._hub.heard._timings) == 64
