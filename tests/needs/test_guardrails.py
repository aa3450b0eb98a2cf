"""Needs 11 and 12: guardrails act before the caller hears."""

from __future__ import annotations

import random

import pytest
import trio

from tests.session_tasks.support import audio, begin, end, final, scripted, words
from tests.talk import collect, count, kinds, make_agent, of, talk
from trio_realtime import (
    GuardrailFunctionOutput,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeRunner,
    RealtimeTimeoutError,
)
from trio_realtime.server import Delay, Pause, Say, ScriptEngine

BAD = "swordfish"


def no_bad(seconds=0.0, log=None):
    async def check(context, agent, text):
        if log is not None:
            log.append(text)
        if seconds:
            await trio.sleep(seconds)
        return GuardrailFunctionOutput(None, BAD in text)

    return OutputGuardrail(check, "no_bad")


def gated(debounce=10, **settings):
    return {"debounce_text_length": debounce, "hold_audio": True, **settings}


class Listener:
    """Reads a session all the time and notes when each piece of audio was given."""

    def __init__(self, session):
        self.session = session
        self.events = []
        self.times = []

    async def __call__(self, *, task_status=trio.TASK_STATUS_IGNORED):
        task_status.started()
        async for event in self.session:
            self.events.append(event)
            self.times.append(trio.current_time())

    @property
    def frames(self):
        return [event.audio.data for event in self.events if event.type == "audio"]


async def play(pieces, *, gate, bad_at, debounce, seed, check_seconds):
    """Play pieces of text and audio to a session; give the frames that came through, in order."""
    checked = []
    model = scripted()
    settings = {"debounce_text_length": debounce, "hold_audio": gate, "recovery": {}}
    runner = RealtimeRunner(
        RealtimeAgent("A", output_guardrails=[no_bad(check_seconds, checked)]),
        model=model,
        config={"guardrails_settings": settings},
    )
    async with await runner.run() as session, trio.open_nursery() as nursery:
        listener = Listener(session)
        await nursery.start(listener)
        await model.emit(begin())
        pause = random.Random(seed)
        for kind, value in pieces:
            if kind == "words":
                await model.emit(words(value))
            else:
                event = audio(20)
                object.__setattr__(event, "data", value)
                await model.emit(event)
            if pause.random() < 0.3:
                await trio.sleep(0.05)
        await model.emit(final("".join(value for kind, value in pieces if kind == "words")), end())
        await trio.sleep(30)
        nursery.cancel_scope.cancel()
    return listener, checked


def split(seed):
    """A random text with a forbidden word somewhere (or nowhere), in random pieces between random audio."""
    chance = random.Random(seed)
    length = chance.randrange(0, 200)
    text = "".join(chance.choice("abc ") for _ in range(length))
    bad_at = chance.choice([None, chance.randrange(0, length + 1)])
    if bad_at is not None:
        text = text[:bad_at] + BAD + text[bad_at:]
    pieces, place, number = [], 0, 0
    while place < len(text) or chance.random() < 0.5:
        if place < len(text) and chance.random() < 0.5:
            size = chance.randrange(1, 40)
            pieces.append(("words", text[place : place + size]))
            place += size
        else:
            number += 1
            pieces.append(("audio", number.to_bytes(2, "little") * 480))
    return text, bad_at, pieces


def number_of(frame):
    return int.from_bytes(frame[:2], "little")


@pytest.mark.parametrize("part", range(10))
async def test_need_12_over_random_splits_no_frame_passes_unchecked(part, autojump_clock):
    for seed in range(part * 50, part * 50 + 50):
        text, bad_at, pieces = split(seed)
        options = {"debounce": seed % 3 * 15, "seed": seed, "check_seconds": seed % 2 * 0.07, "bad_at": bad_at}
        listener, checked = await play(pieces, gate=True, **options)
        frames = [number_of(frame) for frame in listener.frames]
        assert frames == [*range(1, len(frames) + 1)], seed  # in order, from the first
        passed = [one for one in checked if BAD not in one]
        tripped = of(listener.events, "guardrail_tripped")
        if BAD not in text:
            assert not tripped
            assert len(frames) == sum(kind == "audio" for kind, _ in pieces), seed
            continue
        assert len(tripped) == 1, seed
        last = max(map(len, passed), default=0)  # the last text that had passed
        allowed, said, number = 0, 0, 0
        for kind, value in pieces:
            if kind == "words":
                said += len(value)
                if said <= last:
                    allowed = number  # audio before this text
            else:
                number = number_of(value)
        assert not frames or frames[-1] <= allowed, seed
        if not passed:
            assert frames == [], seed
        # without the gate, only what was received before the trip
        listener, _ = await play(pieces, gate=False, **options)
        stopped = kinds(listener.events).index("guardrail_tripped")
        assert all(event.type != "audio" for event in listener.events[stopped:]), seed


@pytest.mark.parametrize("check_seconds", [0.0, 0.2])
async def test_need_12_a_trip_on_the_first_passage_lets_nothing_through(check_seconds, autojump_clock):
    config = {"guardrails_settings": gated(recovery="Let us talk of something else.")}
    engine = ScriptEngine([Say(f"The {BAD} is the word that nobody may hear."), Say("Let us talk of something else.")])
    agent = make_agent(output_guardrails=[no_bad(check_seconds)])
    async with talk(engine, agent=agent, config=config, pace=1.0) as (session, server):
        await session.send_message("Tell me")
        events = await collect(session, "agent_end", 2)
        first, second = (event.response_id for event in of(events, "agent_start"))
        assert [event.response_id for event in of(events, "guardrail_tripped")] == [first]
        assert {event.response_id for event in of(events, "audio")} == {second}
        create = [event["response"] for event in server.received if event["type"] == "response.create"][-1]
        assert create["instructions"].endswith(": Let us talk of something else.")
        assert [item.role for item in session.history] == ["user", "assistant"]  # nothing of the first was heard
        assert "something else" in str(session.history[-1])


async def test_need_12_what_has_passed_is_heard_while_the_rest_is_generated(autojump_clock):
    config = {"guardrails_settings": gated(20)}
    text = "One two three four five six seven eight nine ten. " * 4
    async with talk(
        ScriptEngine([Say(text)]), agent=make_agent(output_guardrails=[no_bad()]), config=config, pace=1.0
    ) as (
        session,
        _,
    ):
        await session.send_message("Count")
        times = []
        async for event in session:
            if event.type == "audio":
                times.append(trio.current_time())
            if event.type == "agent_end":
                break
        assert times[0] < trio.current_time() - 5  # long before the end
        assert sum(event.type == "audio" for event in []) == 0
        assert event.status == "completed"


async def test_need_12_an_interruption_overtakes_what_is_held(autojump_clock):
    config = {"guardrails_settings": gated(10_000)}
    engine = ScriptEngine([Say("Nothing wrong with this. " * 20), Say("Yes?")])
    async with talk(engine, agent=make_agent(output_guardrails=[no_bad()]), config=config, pace=1.0) as (session, _):
        await session.send_message("Go")
        await collect(session, "agent_start")
        await trio.sleep(2)
        await session.interrupt()
        events = await collect(session, "agent_end")
        assert kinds(events)[0] == "audio_interrupted"
        assert of(events, "audio") == []
        async with session.respond("And now?") as turn:
            heard = [event for event in [event async for event in turn] if event.type == "audio"]
        assert heard


async def test_need_12_the_longest_hold_checks_below_the_debounce_length(autojump_clock):
    log = []
    config = {"guardrails_settings": gated(1000, max_hold_ms=400)}
    agent = RealtimeAgent("A", output_guardrails=[no_bad(log=log)])
    model = scripted()
    async with await RealtimeRunner(agent, model=model, config=config).run() as session, trio.open_nursery() as nursery:
        listener = Listener(session)
        await nursery.start(listener)
        await model.emit(begin(), audio(100))
        await trio.sleep(5)
        assert listener.frames == []  # its text is not there
        began = trio.current_time()
        await model.emit(words("short"))
        await trio.sleep(0.1)
        assert listener.frames == []
        await trio.sleep(1)
        assert log == ["short"]
        (frame,) = [index for index, event in enumerate(listener.events) if event.type == "audio"]
        assert 0 < listener.times[frame] - began <= 0.4
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("on_error", ["trip", "skip"])
async def test_need_12_a_guardrail_that_does_not_answer_within_the_longest_hold_has_raised(on_error, autojump_clock):
    config = {"guardrails_settings": gated(5, max_hold_ms=400, on_error=on_error, recovery={})}
    agent = RealtimeAgent("A", output_guardrails=[no_bad(seconds=60)])
    model = scripted()
    async with await RealtimeRunner(agent, model=model, config=config).run() as session, trio.open_nursery() as nursery:
        listener = Listener(session)
        await nursery.start(listener)
        await model.emit(begin(), audio(100), words("harmless"))
        began = trio.current_time()
        await trio.sleep(2)
        (error,) = of(listener.events, "error")
        assert isinstance(error.error, RealtimeTimeoutError)
        assert len(listener.frames) == (on_error == "skip")
        index = kinds(listener.events).index("error")
        assert listener.times[index] - began == pytest.approx(0.4)
        assert len(of(listener.events, "guardrail_tripped")) == (on_error == "trip")
        nursery.cancel_scope.cancel()


async def test_need_12_a_new_reader_does_not_see_what_is_held(autojump_clock):
    config = {"guardrails_settings": gated(10_000)}
    agent = RealtimeAgent("A", output_guardrails=[no_bad()])
    model = scripted()
    async with await RealtimeRunner(agent, model=model, config=config).run() as session, trio.open_nursery() as nursery:
        await model.emit(begin(), audio(100))
        late = session.events(RealtimeAudio)
        listener = Listener(late)
        await nursery.start(listener)
        await model.emit(audio(100))
        assert listener.frames == []
        await model.emit(words("fine"), end())
        await trio.sleep(1)
        assert len(listener.frames) == 1
        nursery.cancel_scope.cancel()


async def test_need_12_what_was_not_checked_when_the_session_ends_is_not_heard(autojump_clock):
    config = {"guardrails_settings": gated(10_000)}
    agent = RealtimeAgent("A", output_guardrails=[no_bad()])
    model = scripted()
    async with await RealtimeRunner(agent, model=model, config=config).run() as session:
        await model.emit(begin(), audio(100), words("fine"))
        await session.close()
        events = [event async for event in session]
    assert of(events, "audio") == []
    assert kinds(events)[-1] == "connection"


async def test_need_12_an_item_below_the_debounce_length_is_checked_before_a_later_one_lets_it_go(autojump_clock):
    config = {"guardrails_settings": gated(20, recovery={})}
    agent = RealtimeAgent("A", output_guardrails=[no_bad()])
    model = scripted()
    async with await RealtimeRunner(agent, model=model, config=config).run() as session, trio.open_nursery() as nursery:
        listener = Listener(session)
        await nursery.start(listener)
        await model.emit(begin(), words(BAD), audio(100), words("a long and harmless text", item_id="i2"))
        await model.emit(audio(100, item_id="i2"), end())
        assert listener.frames == []
        assert len(of(listener.events, "guardrail_tripped")) == 1
        nursery.cancel_scope.cancel()


async def test_need_12_without_guardrails_nothing_is_held(autojump_clock):
    async with talk(ScriptEngine([Say("Hello there.")]), config={"guardrails_settings": gated(10_000)}) as (session, _):
        await session.send_message("Go")
        events = await collect(session, "audio")
        assert of(events, "agent_end") == []


async def test_need_11_a_short_reply_is_held_until_the_final_check(autojump_clock):
    config = {"guardrails_settings": gated(recovery={})}
    engine = ScriptEngine([Say("A swordfish"), Say("A tuna")])
    agent = make_agent(output_guardrails=[no_bad(seconds=1)])
    async with talk(engine, agent=agent, config=config) as (session, server):
        await session.send_message("Name a fish")
        events = await collect(session, "agent_end")
        assert of(events, "audio") == []
        await session.send_message("Another")
        events = await collect(session, "agent_end")
        assert of(events, "audio")
        assert kinds(events)[-1] == "agent_end"
        assert count(server, "response.create") == 2


async def test_need_12_instructions_after_a_trip(autojump_clock):
    config = {"guardrails_settings": {"recovery": {"instructions": "Apologise and change the subject."}}}
    engine = ScriptEngine([Say(f"It is {BAD}."), Say("I am sorry. Shall we talk of the weather?")])
    async with talk(engine, agent=make_agent(output_guardrails=[no_bad()]), config=config) as (session, server):
        await session.send_message("Tell me")
        await collect(session, "agent_end", 2)
        create = [event["response"] for event in server.received if event["type"] == "response.create"][-1]
        assert create["instructions"] == "Apologise and change the subject."
        assert count(server, "conversation.item.create") == 1  # no message in the user's name


async def test_need_12_words_that_come_only_at_their_end_have_a_longest_hold_too(autojump_clock):
    config = {"guardrails_settings": gated(1000, max_hold_ms=400)}
    agent = RealtimeAgent("A", output_guardrails=[no_bad()])
    model = scripted()
    async with await RealtimeRunner(agent, model=model, config=config).run() as session, trio.open_nursery() as nursery:
        listener = Listener(session)
        await nursery.start(listener)
        await model.emit(begin(), audio(100), final("All at once."))
        assert listener.frames == []
        await trio.sleep(0.4)
        assert len(listener.frames) == 1
        nursery.cancel_scope.cancel()


ELSE = "Let us talk of something else."


def spoken(session):
    items = [item for item in session.history if getattr(item, "role", "") == "assistant"]
    return [item.content[0].transcript for item in items]


def creates(server):
    return [event.get("response", {}) for event in server.received if event["type"] == "response.create"]


@pytest.mark.parametrize("recovery", [ELSE, None])
@pytest.mark.parametrize("asked", ["message", "turn"])
async def test_need_12_a_recovery_comes_before_answers_that_wait(recovery, asked, autojump_clock):
    engine = ScriptEngine([[Say(f"It is {BAD}."), Pause(5)], Say(ELSE), Say("It is noon."), Say("Never.")])
    config = {"guardrails_settings": {"debounce_text_length": 5, "recovery": recovery}}
    agent = make_agent(output_guardrails=[no_bad(1)])
    async with talk(engine, agent=agent, config=config) as (session, server):
        await session.send_message("Password?")
        await collect(session, "agent_start")
        if asked == "turn":
            async with session.respond("What time is it?") as turn:
                await collect(session, "guardrail_tripped")
                assert await turn.text() == "It is noon."
        else:
            await session.send_message("What time is it?")
            await collect(session, "guardrail_tripped")
            await trio.sleep(20)
        together = asked == "message" and recovery is None  # one response answers both messages
        assert spoken(session)[-1 if together else -2 :] == ([ELSE] if together else [ELSE, "It is noon."])
        assert len(creates(server)) == (2 if together else 3)
        if recovery:
            assert creates(server)[1]["instructions"].endswith(recovery)


@pytest.mark.parametrize("recovery", [ELSE, None])
async def test_need_12_a_recovery_is_left_out_when_the_next_answer_was_asked_for(recovery, autojump_clock):
    engine = ScriptEngine([Say(f"It is {BAD}."), Say("It is noon."), Say("Never.")])
    config = {"guardrails_settings": {"recovery": recovery}}
    faults = [Delay(event="response.created", seconds=4, skip=1)]
    agent = make_agent(output_guardrails=[no_bad(2)])
    async with talk(engine, agent=agent, config=config, faults=faults) as (session, server):
        await session.send_message("Password?")
        await collect(session, "agent_start")
        await session.send_message("What time is it?")
        await collect(session, "guardrail_tripped")
        await trio.sleep(20)
        assert len(creates(server)) == 2
        assert count(server, "conversation.item.create") == 2
