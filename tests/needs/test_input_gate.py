"""Need 31: the caller's words are screened before the model answers."""

from __future__ import annotations

import pytest
import trio

from tests.canary import KEY
from tests.talk import collect, count, make_agent, of, outputs, talk
from trio_realtime import (
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    OpenAIRealtimeWebSocketModel,
    OutputGuardrail,
    RealtimeRunHooks,
    RealtimeRunner,
    RealtimeTimeoutError,
    SessionClosed,
    UserError,
    function_tool,
    realtime_handoff,
)
from trio_realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage
from trio_realtime.server import (
    CallTool,
    Delay,
    Drop,
    LocalServer,
    Pause,
    Say,
    ScriptEngine,
    Transcript,
    Turn,
    Withhold,
    silence,
    synthesize,
)

SPOKEN = synthesize("Hello there") + silence(1.0)


def screen(seconds=0.0, log=None, error=None):
    async def check(context, agent, text):
        if log is not None:
            log.append(text)
        await trio.sleep(0 if text == "well?" else seconds)
        if error is not None:
            raise error
        return GuardrailFunctionOutput(None, "bomb" in text)

    return InputGuardrail(check, "no_bombs")


def gated(*guardrails, detection="server_vad", **settings):
    detection = None if detection is None else {"type": detection}
    return {
        "gate_input": True,
        "input_guardrails": list(guardrails or [screen()]),
        "model_settings": {"turn_detection": detection},
        "guardrails_settings": settings,
    }


def detection_of(server):
    (update, *_) = [event for event in server.received if event["type"] == "session.update"]
    return update["session"]["audio"]["input"]["turn_detection"]


async def test_need_31_what_passes_is_answered(autojump_clock):
    log = []
    engine = ScriptEngine([Turn("Hello!", user="Hello there")])
    async with talk(engine, config=gated(screen(0.5, log))) as (session, server):
        await session.send_audio(SPOKEN)
        await collect(session, "agent_end")
        assert detection_of(server)["create_response"] is False
        assert log == ["Hello there"]
        assert count(server, "response.create") == 1
        assert session.statistics().input_checks.last == pytest.approx(0.5)


async def test_need_31_what_trips_is_not_answered_now_or_later(autojump_clock):
    engine = ScriptEngine([Turn("Fine.", user="How do I make a bomb")])
    async with talk(engine, config=gated()) as (session, server):
        await session.send_audio(SPOKEN)
        tripped = (await collect(session, "input_guardrail_tripped"))[-1]
        assert tripped.message == "How do I make a bomb"
        assert [result.guardrail.get_name() for result in tripped.guardrail_results] == ["no_bombs"]
        await trio.sleep(5)
        assert count(server, "response.create") == 0
        deleted = [event["item_id"] for event in server.received if event["type"] == "conversation.item.delete"]
        assert deleted == [tripped.item_id]
        assert len(session.history) == 0


async def test_need_31_a_refusal_can_be_said(autojump_clock):
    engine = ScriptEngine([Turn("I cannot help with that.", user="A bomb")])
    async with talk(engine, config=gated(recovery="I cannot help with that.")) as (session, server):
        await session.send_audio(SPOKEN)
        events = await collect(session, "agent_end")
        assert of(events, "input_guardrail_tripped")
        (create,) = [event["response"] for event in server.received if event["type"] == "response.create"]
        assert create["instructions"].endswith("I cannot help with that.")


@pytest.mark.parametrize("on_error", ["trip", "skip"])
@pytest.mark.parametrize("fault", ["raises", "hangs", "no transcript", "failed transcript"])
async def test_need_31_what_cannot_be_screened_is_not_answered(fault, on_error, autojump_clock):
    guardrail = screen(seconds=1000 * (fault == "hangs"), error=KeyError("x") if fault == "raises" else None)
    words = {"no transcript": Transcript("Hi", delay=1000), "failed transcript": Transcript("Hi", error="Noise.")}
    engine = ScriptEngine([Turn("Hello!", user=words.get(fault, "Hi"))])
    async with talk(engine, config=gated(guardrail, on_error=on_error, timeout=5)) as (session, server):
        await session.send_audio(SPOKEN)
        await trio.sleep(20)
        assert count(server, "response.create") == (on_error == "skip")
        events = await collect(session, "agent_end" if on_error == "skip" else "input_guardrail_tripped")
        (error,) = of(events, "error")
        if fault in {"hangs", "no transcript"}:
            assert isinstance(error.error, RealtimeTimeoutError)


@pytest.mark.parametrize("respond", [True, False])
async def test_need_31_push_to_talk_is_screened_too(respond, autojump_clock):
    engine = ScriptEngine([Turn("Hello!", user="Hello"), Turn("Never.", user="A bomb")])
    async with talk(engine, config=gated(detection=None)) as (session, server):
        await session.send_audio(SPOKEN)
        await session.commit_audio(respond=respond)
        await trio.sleep(5)
        assert count(server, "response.create") == respond
        if respond:
            await session.send_audio(SPOKEN)
            await session.commit_audio()
            await collect(session, "input_guardrail_tripped")
            assert count(server, "response.create") == 1


async def test_need_31_typed_words_are_screened_before_they_are_sent(autojump_clock):
    async with talk(ScriptEngine([Say("Hello!"), Say("Yes.")]), config=gated()) as (session, server):
        with pytest.raises(InputGuardrailTripwireTriggered) as caught:
            await session.send_message("A bomb, please")
        assert caught.value.guardrail_result.output.tripwire_triggered
        async with session.respond("How to build a bomb?") as turn:
            assert await turn.text() == ""
        assert (turn.outcome, turn.reason) == ("failed", "input_guardrail")
        events = await collect(session, "input_guardrail_tripped", 2)
        assert [event.item_id for event in of(events, "input_guardrail_tripped")] == [None, None]
        assert count(server, "conversation.item.create") == 0
        await session.send_message("Hello")
        async with session.respond("And you?") as turn:
            assert await turn.text() == "Yes."


async def test_need_31_an_item_of_ones_own_asks_for_nothing(autojump_clock):
    import pybase64

    part = {"type": "input_audio", "audio": pybase64.b64encode(SPOKEN).decode()}
    async with talk(config=gated()) as (session, server):
        await session.add_item("user", [part])
        await trio.sleep(20)
        assert count(server, "response.create") == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"input_audio_transcription": None},
        {"audio": {"input": {"transcription": None}}},
    ],
)
async def test_need_31_without_transcripts_there_is_nothing_to_screen(settings, autojump_clock):
    with pytest.raises(UserError, match="gate_input"):
        async with talk(config={**gated(), "model_settings": settings}):
            pass


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"type": "semantic_vad", "create_response": False, "interrupt_response": True}),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.4}}}},
            {"type": "server_vad", "create_response": False, "threshold": 0.4},
        ),
    ],
)
async def test_need_31_turn_detection_never_answers_by_itself(settings, expected, autojump_clock):
    async with talk(config={**gated(), "model_settings": settings}) as (_, server):
        assert detection_of(server) == expected


async def test_need_31_who_answers_by_himself_goes_on_to(autojump_clock):
    config = gated()
    config["model_settings"]["turn_detection"]["create_response"] = False
    engine = ScriptEngine([Turn("Hello!", user="Hello"), Turn("Never.", user="A bomb")])
    async with talk(engine, config=config) as (session, server):
        await session.send_audio(SPOKEN)
        await trio.sleep(5)
        assert count(server, "response.create") == 0
        async with session.respond() as turn:
            assert await turn.text() == "Hello!"
        await session.send_audio(SPOKEN)
        await collect(session, "input_guardrail_tripped")


async def test_need_31_audio_that_is_committed_without_a_wish_is_not_answered(autojump_clock):
    async with talk(ScriptEngine([Turn("Hello!", user="Hello")]), config=gated(detection=None)) as (session, server):
        await session.send_audio(SPOKEN, commit=True)
        await trio.sleep(5)
        assert count(server, "response.create") == 0


BOMB = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a bomb"}]}


async def test_need_31_push_to_talk_with_a_turn_of_its_own_is_screened_first(autojump_clock):
    engine = ScriptEngine([Turn("Hello!", user="Hello"), Turn("Never.", user="A bomb")])
    async with talk(engine, config=gated(screen(1), detection=None)) as (session, server):
        for commit in (False, True):
            before = count(server, "response.create")
            if commit:
                await session.send_audio(SPOKEN, commit=True)
            else:
                await session.send_audio(SPOKEN)
                await session.commit_audio(respond=False)
            async with session.respond() as turn:
                said = await turn.text()
            if commit:
                assert (said, turn.outcome, turn.reason) == ("", "failed", "input_guardrail")
                assert isinstance(turn.error, InputGuardrailTripwireTriggered)
                await trio.sleep(0.1)
                assert len(session.history) == 2
            else:
                assert (said, turn.outcome) == ("Hello!", "completed")
            assert count(server, "response.create") - before == (not commit)


async def test_need_31_typed_words_wait_for_spoken_ones_that_are_looked_at(autojump_clock):
    engine = ScriptEngine([Turn("Well.", user="A bomb")])
    async with talk(engine, config=gated(screen(2), detection=None)) as (session, server):
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await session.send_message("well?")
        await collect(session, "agent_end")
        kinds = server.received_types()
        assert kinds[-3:] == ["conversation.item.delete", "conversation.item.create", "response.create"]
        assert kinds.count("response.create") == 1


async def test_need_31_a_guardrail_may_ask_the_model_itself(autojump_clock):
    async def ask(context, agent, text):
        async with talked[0].respond("Is it bad? " + text) as turn:
            return GuardrailFunctionOutput(None, "yes" in await turn.text())

    talked = []
    engine = ScriptEngine([Turn("No.", user="Hello"), Say("Hello!")])
    async with talk(engine, config=gated(InputGuardrail(ask, "ask"), detection=None)) as (session, server):
        talked.append(session)
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await collect(session, "agent_end", 2)
        assert count(server, "response.create") == 2


async def test_need_31_who_waits_for_the_screening_is_failed_at_the_end(autojump_clock):
    async with talk(ScriptEngine([Turn("x", user="Hi")]), config=gated(screen(1000), detection=None, timeout=None)) as (
        session,
        _,
    ):
        await session.send_audio(SPOKEN)
        await session.commit_audio(respond=False)
        async with trio.open_nursery() as nursery:

            async def ask():
                with pytest.raises(SessionClosed):
                    await session.send_message("well?")

            nursery.start_soon(ask)
            await trio.sleep(1)
            await session.close()


@pytest.mark.parametrize("before", [0, 10])
async def test_need_31_who_waits_for_a_commit_that_nobody_answers_has_a_deadline(before, autojump_clock):
    config = {**gated(detection=None), "timeouts": {"configure": 3}}
    heard = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    faults = [Withhold(event=kind) for kind in heard]
    async with talk(ScriptEngine([Turn("x", user="Hi")]), config=config, faults=faults) as (session, _):
        await session.send_audio(SPOKEN, commit=True)
        start = trio.current_time()
        await trio.sleep(before)
        if not before:
            with pytest.raises(RealtimeTimeoutError):
                await session.send_message("well?")
            assert trio.current_time() - start == pytest.approx(3)
        await session.send_message("well?")
        await collect(session, "agent_end")


@pytest.mark.parametrize("anonymous", [frozenset(), {"input_audio_buffer_commit_empty"}])
async def test_need_31_a_refused_commit_does_not_speak_for_the_next(anonymous, autojump_clock):
    engine = ScriptEngine([Turn("Answer.", user="Hello")])
    async with talk(engine, config=gated(detection=None), anonymous_errors=anonymous) as (session, server):
        await session.send_audio(b"", commit=True)
        await collect(session, "error")
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await collect(session, "agent_end")
        assert count(server, "response.create") == 1


@pytest.mark.parametrize("after", [0, 0.5])
async def test_need_31_a_cancelled_commit_asks_for_nothing(after, autojump_clock):
    engine = ScriptEngine([Turn("Answer.", user="Hello"), Turn("Answer.", user="Hello")])
    faults = [Delay(event="input_audio_buffer.committed", seconds=1)]
    async with talk(engine, config=gated(detection=None), faults=faults) as (session, server):
        await session.send_audio(SPOKEN)
        with trio.move_on_after(after):
            await session.commit_audio()
        await trio.sleep(5)
        assert count(server, "response.create") == 0
        assert len(session.history) == (after > 0)
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await collect(session, "agent_end")
        assert count(server, "response.create") == 1


async def test_need_31_added_items_and_those_of_a_turn_are_screened(autojump_clock):
    async with talk(ScriptEngine([Say("Never.")] * 3), config=gated()) as (session, server):
        with pytest.raises(InputGuardrailTripwireTriggered):
            await session.add_item("user", "a bomb", respond=True)
        async with session.respond([BOMB], conversation="none") as turn:
            assert await turn.text() == ""
        assert turn.reason == "input_guardrail"
        assert await session.add_item("system", "They say bomb here.")
        assert count(server, "conversation.item.create") == 1
        assert count(server, "response.create") == 0


# -- what the session itself asks for -----------------------------------------------------------------------------------


def slow_tool(seconds):
    @function_tool
    async def look_up(word: str) -> str:
        await trio.sleep(seconds)
        return f"{word}: a bird"

    return look_up


CALL = CallTool("look_up", {"word": "wren"}, "c1")


def after_the_item(server):
    """The kinds of client events that decide what the model answers, but for the audio."""
    wanted = {"conversation.item.create", "conversation.item.delete", "response.create"}
    return [kind for kind in server.received_types() if kind in wanted]


@pytest.mark.parametrize("words", ["And a crow?", "A bomb"])
async def test_need_31_an_answer_to_tool_outputs_waits_for_the_screening(words, autojump_clock):
    engine = ScriptEngine([CALL, Turn("It is a bird.", user=words), Say("Never.")])
    async with talk(engine, agent=make_agent(tools=[slow_tool(3)]), config=gated(screen(4))) as (session, server):
        await session.send_message("well?")
        await collect(session, "tool_start")
        await session.send_audio(SPOKEN)
        await collect(session, "tool_end")
        await trio.sleep(0.5)
        assert outputs(server) == [("c1", "wren: a bird")]
        assert count(server, "response.create") == 1
        await collect(session, "agent_end", reason=None)
        await trio.sleep(20)
        order = ["conversation.item.create", "response.create", "conversation.item.create"]
        deleted = ["conversation.item.delete"] if words == "A bomb" else []
        assert after_the_item(server) == [*order, *deleted, "response.create"]  # both are answered at once


@pytest.mark.parametrize("recovery", [None, "I cannot say that."])
async def test_need_31_what_follows_a_trip_waits_for_the_screening(recovery, autojump_clock):
    async def check(context, agent, text):
        await trio.sleep(2)
        return GuardrailFunctionOutput(None, "swordfish" in text)

    script = [[Say("It is swordfish."), Pause(20)], Turn("I cannot say that.", user="A bomb"), *[Say("Never.")] * 2]
    engine = ScriptEngine(script)
    agent = make_agent(output_guardrails=[OutputGuardrail(check)])
    config = gated(screen(5), detection=None, recovery=recovery, debounce_text_length=5)
    async with talk(engine, agent=agent, config=config) as (session, server):
        await session.send_message("well?")
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await collect(session, "guardrail_tripped")
        await trio.sleep(0.5)
        assert count(server, "response.create") == 1
        await collect(session, "input_guardrail_tripped")
        await trio.sleep(20)
        kinds = after_the_item(server)
        assert kinds[2] == "conversation.item.delete"
        assert kinds.count("response.create") == 2  # the recovery; or the refusal, which comes in its place


async def test_need_31_what_waited_for_another_response_waits_for_the_screening_too(autojump_clock):
    engine = ScriptEngine([[Say("Well, "), Pause(4)], Turn("Hello.", user="A bomb"), Say("Never.")])
    async with talk(engine, config=gated(screen(5), detection=None)) as (session, server):
        await session.send_message("well?")
        await collect(session, "agent_start")
        await session.send_message("well?")
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await collect(session, "agent_end")
        await trio.sleep(0.5)
        assert count(server, "response.create") == 1
        await collect(session, "agent_end")
        assert after_the_item(server)[-2:] == ["conversation.item.delete", "response.create"]


async def test_need_31_a_guardrail_that_asks_the_model_does_not_wait_for_itself(autojump_clock):
    async def ask(context, agent, text):
        if text != "Hello":
            return GuardrailFunctionOutput(None, False)
        async with talked[0].respond("Is it bad? " + text) as turn:
            return GuardrailFunctionOutput(None, "yes" in await turn.text())

    talked = []
    engine = ScriptEngine([[Say("Well, "), Pause(4)], Turn("No.", user="Hello"), Say("Hello!")])
    config = gated(InputGuardrail(ask, "ask"), detection=None)
    async with talk(engine, config=config) as (session, server):
        talked.append(session)
        await session.send_message("well?")
        await collect(session, "agent_start")
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        events = await collect(session, "agent_end", 3)
        assert of(events, "error") == []
        assert count(server, "response.create") == 3


@pytest.mark.parametrize("on_error", ["trip", "skip"])
async def test_need_31_what_waits_for_words_that_never_come_has_a_deadline(on_error, autojump_clock):
    words = Transcript("Hi", delay=1000)
    engine = ScriptEngine([CALL, Turn("It is a bird.", user=words), Say("Never.")])
    config = gated(on_error=on_error, timeout=5)
    async with talk(engine, agent=make_agent(tools=[slow_tool(2)]), config=config) as (session, server):
        await session.send_message("well?")
        await collect(session, "tool_start")
        await session.send_audio(SPOKEN)
        start = trio.current_time()
        await collect(session, "agent_start")
        assert 5 <= trio.current_time() - start < 9
        assert count(server, "response.create") == 2


async def test_need_31_what_waits_for_a_commit_that_nobody_answers_has_a_deadline(autojump_clock):
    heard = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    faults = [Withhold(event=kind, skip=2 if "item" in kind else 0) for kind in heard]
    engine = ScriptEngine([CALL, Turn("It is a bird.", user="Hi"), Say("Never.")])
    config = {**gated(detection=None), "timeouts": {"configure": 6}}
    async with talk(engine, agent=make_agent(tools=[slow_tool(2)]), config=config, faults=faults) as (session, server):
        await session.send_message("well?")
        await collect(session, "tool_start")
        await session.send_audio(SPOKEN, commit=True)
        await collect(session, "tool_end")
        await trio.sleep(1)
        assert count(server, "response.create") == 1
        await trio.sleep(10)
        assert count(server, "response.create") == 2


async def test_need_31_what_waits_for_the_screening_ends_with_the_session(autojump_clock):
    engine = ScriptEngine([CALL, Turn("It is a bird.", user="Hi")])
    config = gated(screen(1000), timeout=None)
    async with talk(engine, agent=make_agent(tools=[slow_tool(3)]), config=config) as (session, server):
        await session.send_message("well?")
        await collect(session, "tool_start")
        await session.send_audio(SPOKEN)
        await collect(session, "tool_end")
        await session.close()
        assert count(server, "response.create") == 1


async def test_need_31_a_goodbye_waits_for_the_screening(autojump_clock):
    engine = ScriptEngine([Turn("The time is over.", user="A bomb"), Say("Never.")])
    config = {**gated(screen(4)), "limits": {"max_seconds": 2}}
    async with talk(engine, config=config) as (session, server):
        await session.send_audio(SPOKEN)
        await collect(session, "agent_end")
        assert after_the_item(server) == ["conversation.item.delete", "response.create"]


@pytest.mark.parametrize("role", ["user", "system"])
async def test_need_31_what_takes_the_place_of_a_users_message_is_screened(role, autojump_clock):
    async with talk(config=gated()) as (session, server):
        item_id = await session.add_item(role, "Hello")
        if role == "user":
            with pytest.raises(InputGuardrailTripwireTriggered):
                await session.replace_item(item_id, [{"type": "input_text", "text": "a bomb"}])
            (tripped,) = of(await collect(session, "input_guardrail_tripped"), "input_guardrail_tripped")
            assert tripped.message == "a bomb"
            assert [item.item_id for item in session.history] == [item_id]
            assert count(server, "conversation.item.create") == 1
            assert count(server, "conversation.item.delete") == 0
        assert await session.replace_item(item_id, "Hello again" if role == "user" else "They say bomb here.")
        assert count(server, "conversation.item.delete") == 1


@pytest.mark.parametrize("left", [False, True])
async def test_need_31_a_turn_that_is_asked_for_again_waits_for_the_screening(left, autojump_clock):
    engine = ScriptEngine([[Say("Well, "), Pause(30)], Turn("Yes.", user="Hi"), Say("Never.")], restart=False)
    detection = {"type": "server_vad", "interrupt_response": False, "create_response": False}
    config = {**gated(screen(6)), "model_settings": {"turn_detection": detection}}
    server = LocalServer(engine, pace=None)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(make_agent(), model=model, config=config)
    async with await runner.run(model_config={"api_key": KEY}) as session:
        async with session.respond("well?") as turn:
            await collect(session, "agent_start")
            await session.send_audio(SPOKEN)
            await collect(session, "transcript", role="user", final=True)
            await server.connections[0].drop()
            await collect(session, "connection", status="reconnected")
            await trio.sleep(1)
            assert count(server.connections[1], "response.create") == 0
            if not left:
                assert await turn.text() == "Yes."
        await trio.sleep(20)
        assert count(server.connections[1], "response.create") == (not left)


async def test_need_31_after_a_lost_connection_nothing_is_asked_again_before_the_screening(autojump_clock):
    engine = ScriptEngine(
        [[Say("Well, "), Pause(30)], Turn("Well, well.", user="A bomb"), Say("Never.")], restart=False
    )
    detection = {"type": "server_vad", "interrupt_response": False}
    config = {**gated(screen(6)), "model_settings": {"turn_detection": detection}}
    server = LocalServer(engine, pace=None)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(make_agent(), model=model, config=config)
    async with await runner.run(model_config={"api_key": KEY}) as session:
        await session.send_message("well?")
        await collect(session, "agent_start")
        await session.send_audio(SPOKEN)
        await collect(session, "transcript", role="user", final=True)
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnected")
        await trio.sleep(1)
        second = server.connections[1]
        assert count(second, "response.create") == 0
        await collect(session, "agent_end")
        await trio.sleep(1)
        assert second.received_types()[-2:] == ["conversation.item.delete", "response.create"]


@pytest.mark.parametrize("words", ["And a crow?", "A bomb"])
@pytest.mark.parametrize("asked", ["message", "turn", "raw"])
async def test_need_31_what_was_asked_for_too_early_is_asked_for_again(asked, words, autojump_clock):
    engine = ScriptEngine([Turn("Unscreened.", user=words), Say("It is a bird."), Say("Never.")])
    faults = [Delay(event="input_audio_buffer.committed", seconds=1)]  # the client does not know of the item yet
    async with talk(engine, config=gated(screen(4)), faults=faults) as (session, server):
        await session.send_audio(SPOKEN)
        await trio.sleep(0.5)
        if asked == "turn":
            async with session.respond() as turn:
                assert await turn.text() == "It is a bird."
            assert turn.outcome == "completed"
        elif asked == "message":
            await session.send_message("well?")
        else:
            await session.model.send_event(
                RealtimeModelSendRawMessage(message=RealtimeModelRawClientMessage(type="response.create"))
            )
        await trio.sleep(20)
        events = await collect(session, "agent_end")
        (last,) = (event.response_id for event in of(events, "agent_start"))
        assert {event.response_id for event in of(events, "audio")} == {last}
        assert "Unscreened" not in str(events)
        sent = [
            event for event in server.received if event["type"].startswith(("response", "conversation.item.delete"))
        ]
        assert [event["type"] for event in sent[:2]] == ["response.create", "response.cancel"]
        assert sent[1]["response_id"] not in {None, last}
        creates = [index for index, event in enumerate(sent) if event["type"] == "response.create"]
        spoken = of(events, "user_speech_started")[0].item_id
        deleted = [index for index, event in enumerate(sent) if event.get("item_id") == spoken]
        assert len(deleted) == (words == "A bomb")
        assert all(index < creates[1] for index in deleted)
        assert len(creates) == (2 if asked == "message" or words == "A bomb" else 3)
        assert "Unscreened" not in str(session.history)
        assert "Unscreened" not in str([item.wire for item in server.state.conversation])


class Noting(RealtimeRunHooks):
    def __init__(self):
        self.called = []

    async def on_agent_start(self, context, agent):
        self.called.append("start")

    async def on_agent_end(self, context, agent, output):
        self.called.append(output)


@pytest.mark.parametrize("words", ["And a crow?", "A bomb"])
@pytest.mark.parametrize("kind", ["tool", "handoff", "words"])
@pytest.mark.parametrize("pace", [None, 8])
async def test_need_31_what_was_asked_for_too_early_has_no_effect(kind, words, pace, autojump_clock):
    ran, checked = [], []

    @function_tool
    async def book(what: str) -> str:
        ran.append(what)
        return "booked"

    async def check(context, agent, text):
        checked.append(text)
        return GuardrailFunctionOutput(None, "swordfish" in text)

    early = {"tool": CallTool("book", {"what": "x"}, "c1"), "handoff": CallTool("transfer_to_b", {}, "c1")}
    again = [CallTool("book", {"what": "x"}, "c1")] if kind == "tool" else []
    script = [Turn(early.get(kind, "It is swordfish."), user=words), *again, Say("Done."), Say("Never.")]
    hooks = Noting()
    other = make_agent(name="B")
    agent = make_agent(tools=[book], handoffs=[realtime_handoff(other)], output_guardrails=[OutputGuardrail(check)])
    faults = [Delay(event="input_audio_buffer.committed", seconds=1)]
    config = {**gated(screen(4)), "hooks": hooks}
    async with talk(ScriptEngine(script), agent=agent, config=config, faults=faults, pace=pace) as (session, server):
        await session.send_audio(SPOKEN)
        await trio.sleep(0.5)
        await session.send_message("well?")
        await trio.sleep(3)
        assert (ran, hooks.called, session.current_agent.name) == ([], [], "Assistant")
        assert outputs(server) == []
        assert all(item.wire["role"] == "user" for item in server.state.conversation)
        await trio.sleep(15)
        events = await collect(session, "agent_end", 1 + len(again))
        assert len(of(events, "agent_start")) == 1 + len(again)
        assert of(events, "error") == of(events, "guardrail_tripped") == []
        assert ran == ["x"] * len(again)
        assert outputs(server) == [("c1", "booked")] * len(again)
        assert checked == ["Done."]
        assert hooks.called[-2:] == ["start", "Done."]
        assert session.history[-1].content[0].transcript == "Done."
        calls = [item for item in session.history if item.type == "function_call"]
        assert [item.output for item in calls] == ["booked"] * len(again)
        shown = [event for event in events if event.type in {"history_added", "history_updated", "transcript"}]
        assert "swordfish" not in str(shown)


async def test_need_31_what_follows_an_item_that_was_deleted_finds_its_place(autojump_clock):
    script = [Turn("Early.", user="Hi"), Say("Yes.")]
    faults = [Delay(event="input_audio_buffer.committed", seconds=1)]
    async with talk(ScriptEngine(script), config=gated(screen(4)), faults=faults) as (session, server):
        await session.send_audio(SPOKEN)
        await trio.sleep(0.5)
        await session.send_message("well?")
        await collect(session, "agent_end")
        assert [item.item_id for item in session.history] == [one.wire["id"] for one in server.state.conversation]


# -- items that go -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [None, 5])
@pytest.mark.parametrize("when", ["transcribed", "looked at", "in line"])
@pytest.mark.parametrize("how", ["delete_item", "raw"])
async def test_need_31_nothing_waits_for_an_item_that_was_deleted(how, when, timeout, autojump_clock):
    words = Transcript("A bomb", delay=3 if when == "transcribed" else 0)
    user = ["Hello", words] if when == "in line" else [words]
    engine = ScriptEngine([*(Turn("Never.", user=one) for one in user), Say("Never.")], restart=False)
    config = gated(screen(4), detection=None, recovery="No.", timeout=timeout)
    async with talk(engine, config=config) as (session, server):
        for _ in user:
            await session.send_audio(SPOKEN)
            await session.commit_audio(respond=False)
        item_id = session.history[-1].item_id
        await trio.sleep(0.5)
        if how == "delete_item":
            await session.delete_item(item_id)
        else:
            message = RealtimeModelRawClientMessage(type="conversation.item.delete", other_data={"item_id": item_id})
            await session.model.send_event(RealtimeModelSendRawMessage(message=message))
            await collect(session, "history_updated")
            await trio.sleep(0.1)
        start = trio.current_time()
        await session.send_message("well?")
        assert trio.current_time() - start < 0.1 if when != "in line" else trio.current_time() <= 4
        await trio.sleep(20)
        events = await collect(session, "agent_end")
        assert of(events, "error") == of(events, "input_guardrail_tripped") == []
        assert count(server, "conversation.item.delete") == count(server, "response.create") == 1


@pytest.mark.parametrize("timeout", [None, 5])
async def test_need_31_nothing_waits_for_an_item_that_was_lost_with_its_connection(timeout, autojump_clock):
    engine = ScriptEngine([Turn("Never.", user=Transcript("Hi", delay=3)), Say("Never.")], restart=False)
    server = LocalServer(engine, pace=None)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    config = gated(screen(4), detection=None, recovery="No.", timeout=timeout)
    async with await RealtimeRunner(make_agent(), model=model, config=config).run(
        model_config={"api_key": KEY}
    ) as session:
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnected")
        start = trio.current_time()
        await session.send_message("well?")
        assert trio.current_time() == start
        await trio.sleep(100)
        events = await collect(session, "agent_end")
        assert of(events, "error") == of(events, "input_guardrail_tripped") == []
        assert count(server.connections[1], "response.create") == 1


@pytest.mark.parametrize("words", ["Hi", "A bomb"])
async def test_need_31_the_words_that_a_lost_connection_leaves_are_screened(words, autojump_clock):
    engine = ScriptEngine([Turn("Hello!", user=words), Say("Hello!"), Say("Never.")])
    faults = [Drop(event="conversation.item.input_audio_transcription.completed")]
    async with talk(engine, config=gated(detection=None, timeout=None), faults=faults) as (session, _):
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        if words == "Hi":
            await collect(session, "agent_end")
        else:
            (tripped,) = of(await collect(session, "input_guardrail_tripped"), "input_guardrail_tripped")
            assert tripped.message == words
            await trio.sleep(1)
            assert len(session.history) == 0


async def test_need_31_words_that_a_lost_connection_had_still_to_say_are_screened(autojump_clock):
    engine = ScriptEngine([Turn("Never.", user=Transcript("A bomb", delay=3)), Say("Never.")])
    async with talk(engine, config=gated(screen(), detection=None)) as (session, _):
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        gate = session._hub.input_gate
        gate.connection_lost()
        assert not gate.screening
        (tripped,) = of(await collect(session, "input_guardrail_tripped"), "input_guardrail_tripped")
        assert tripped.message == "A bomb"


async def test_need_31_without_a_timeout_words_are_not_waited_for_for_ever(autojump_clock):
    engine = ScriptEngine([Turn("Never.", user=Transcript("Hi", delay=1000)), Say("Never.")])
    async with talk(engine, config=gated(screen(), detection=None, timeout=None)) as (session, _):
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await trio.sleep(30)
        (error,) = of(await collect(session, "error"), "error")
        assert isinstance(error.error, RealtimeTimeoutError)
        await session.send_message("well?")
        assert trio.current_time() == pytest.approx(60)


# -- what is kept back ---------------------------------------------------------------------------------------------------


async def test_need_31_what_is_kept_back_runs_into_no_deadline(autojump_clock):
    engine = ScriptEngine([[Say("Well, "), Pause(2)], Turn("Hello.", user="And?"), Say("Third."), Say("Never.")])
    config = {**gated(screen(9), detection=None), "timeouts": {"response": 4}}
    async with talk(engine, config=config) as (session, server):
        await session.send_message("well?")
        await collect(session, "agent_start")
        await session.send_message("well?")
        await session.send_audio(SPOKEN)
        await session.commit_audio()
        await trio.sleep(20)
        events = await collect(session, "agent_end", 2)
        assert of(events, "error") == []
        assert count(server, "response.create") == 2


@pytest.mark.parametrize("words", ["And a crow?", "A bomb"])
@pytest.mark.parametrize("asked", ["message", "turn"])
async def test_need_31_an_interruption_takes_back_what_would_be_asked_for_again(asked, words, autojump_clock):
    engine = ScriptEngine([Turn("Unscreened.", user=words), Say("It is a bird."), Say("Never.")])
    faults = [Delay(event="input_audio_buffer.committed", seconds=1)]
    async with talk(engine, config=gated(screen(4), recovery={}), faults=faults) as (session, server):
        await session.send_audio(SPOKEN)
        await trio.sleep(0.5)
        if asked == "turn":
            async with session.respond("well?") as turn:
                await trio.sleep(2)
                await session.interrupt()
                await turn.wait()
                assert (turn.outcome, turn.reason) == ("cancelled", "client_cancelled")
        else:
            await session.send_message("well?")
            await trio.sleep(2)
            await session.interrupt()
        assert trio.current_time() < 3
        await trio.sleep(20)
        assert count(server, "response.create") == 1 + (words != "A bomb")  # what the user said is answered


async def test_need_31_an_interruption_leaves_what_is_wanted_for_another_reason_too(autojump_clock):
    engine = ScriptEngine([Turn("Unscreened.", user="And?"), Turn("Yes.", user="A bomb"), Say("Never.")])
    faults = [Delay(event="input_audio_buffer.committed", seconds=1)]
    async with talk(engine, config=gated(screen(4)), faults=faults) as (session, server):
        await session.send_audio(SPOKEN)
        await trio.sleep(0.5)
        await session.send_message("well?")
        await trio.sleep(2)
        await session.send_audio(SPOKEN, commit=True)
        await trio.sleep(4)
        assert session._hub.input_gate.screening
        await session.interrupt()
        await trio.sleep(20)
        assert count(server, "response.create") == 2


async def test_need_31_an_interruption_takes_back_what_a_lost_connection_left(autojump_clock):
    engine = ScriptEngine([[Say("Well, "), Pause(30)], Turn("Never.", user="A bomb"), Say("Never.")], restart=False)
    detection = {"type": "server_vad", "interrupt_response": False}
    config = {**gated(screen(6), recovery={}), "model_settings": {"turn_detection": detection}}
    server = LocalServer(engine, pace=None)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(make_agent(), model=model, config=config)
    async with await runner.run(model_config={"api_key": KEY}) as session:
        await session.send_message("well?")
        await collect(session, "agent_start")
        await session.send_audio(SPOKEN)
        await collect(session, "transcript", role="user", final=True)
        await server.connections[0].drop()
        await collect(session, "connection", status="reconnected")
        await trio.sleep(1)
        await session.interrupt()
        await trio.sleep(20)
        assert count(server.connections[1], "response.create") == 0
