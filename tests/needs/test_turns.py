"""Needs 22 and 23: a request and its reply, as a block."""

from __future__ import annotations

import pytest
import trio

from tests.talk import collect, count, get_weather, kinds, make_agent, of, outputs, talk
from trio_realtime import (
    GuardrailFunctionOutput,
    OpenAIRealtimeWebSocketModel,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeRunner,
    RealtimeTimeoutError,
    ServerError,
    SessionClosed,
    UserError,
    function_tool,
)
from trio_realtime.server import (
    CallTool,
    Drop,
    Fail,
    Incomplete,
    LocalServer,
    RaceResponse,
    Refuse,
    Say,
    ScriptEngine,
    Withhold,
)

STORY = ("word " * 32).strip() + "."


def creates(server):
    return [event.get("response", {}) for event in server.received if event["type"] == "response.create"]


def cancels(server):
    return [event["response_id"] for event in server.received if event["type"] == "response.cancel"]


async def test_need_23_a_turn_is_asked_for_when_its_block_is_entered(autojump_clock):
    async with talk(ScriptEngine([Say("Yes.")])) as (session, _):
        block = session.respond("Really?")
        await trio.sleep(3)
        entered = trio.current_time()
        async with block as turn:
            assert turn.timings.asked == entered


async def test_need_23_a_turn_whose_question_is_refused_has_failed(autojump_clock):
    faults = [Refuse("conversation.item.create", code="nope")]
    async with talk(ScriptEngine([Say("Wrong."), Say("Right.")]), pace=1.0, faults=faults) as (session, server):
        async with session.respond("Really?") as turn:
            assert await turn.text() == ""
        assert (turn.outcome, turn.reason) == ("failed", "nope")
        assert isinstance(turn.error, ServerError)
        async with session.respond("And now?") as turn:
            assert await turn.text() == "Right."
        assert len(cancels(server)) == 1


async def test_need_23_a_turn_has_every_event_when_its_first_end_was_held_back(autojump_clock):
    async def slow(context, agent, output):
        await trio.sleep(3)
        return GuardrailFunctionOutput(None, False)

    agent = make_agent(output_guardrails=[OutputGuardrail(slow, "slow")])
    engine = ScriptEngine([Say("Hello there my friend.")] * 2)
    faults = [Drop(event="response.output_audio.delta", skip=2)]
    config = {"guardrails_settings": {"hold_audio": True}}
    async with talk(engine, agent=agent, config=config, pace=1.0, faults=faults) as (session, _):
        async with session.respond("Hello") as turn:
            events = [event async for event in turn]
            assert await turn.text() == "Hello there my friend."
        ends = [(event.type, event.status) for event in of(events, "agent_end")]
        assert ends == [("agent_end", "incomplete"), ("agent_end", "completed")]
        assert [kind for kind in kinds(events) if kind.startswith("agent")] == ["agent_start", "agent_end"] * 2
        assert turn.outcome == "completed"


async def test_need_23_a_request_and_its_reply(autojump_clock):
    async with talk(ScriptEngine([Say("It is on its way.")]), pace=1.0) as (session, server):
        asked = trio.current_time()
        async with session.respond("Where is my order?") as turn:
            assert turn.response_id is None
            assert turn.outcome is None
            events = [event async for event in turn]
            assert await turn.text() == "It is on its way."
        assert turn.outcome == "completed"
        assert (turn.reason, turn.error) == (None, None)
        assert turn.usage.total_tokens > 0
        times = turn.timings
        assert times.asked == asked
        assert asked <= times.began <= times.first_words <= times.first_audio < times.ended
        assert kinds(events)[0] == "agent_start"
        assert kinds(events)[-1] == "agent_end"
        assert set(kinds(events)) == {"agent_start", "transcript", "audio", "audio_end", "agent_end"}
        assert {event.response_id for event in events} == {turn.response_id}
        assert [event.seq for event in events] == [*range(1, len(events) + 1)]
        assert cancels(server) == []
        # the session's own reader has seen all of it as well
        assert "".join(kinds(await collect(session, "agent_end"))).count("audio") >= 1
        assert [item.role for item in session.history] == ["user", "assistant"]


LEAVES = ["return", "error", "timeout", "cancel"]


async def leave_early(session, how, seconds):
    async def body():
        async with session.respond("Tell me a story") as turn:
            async for _ in turn:
                first = turn.timings.first_audio
                if first is not None and trio.current_time() >= first + seconds and how in {"return", "error"}:
                    if how == "return":
                        return turn
                    raise KeyError("x")
        return turn

    if how == "error":
        with pytest.raises(KeyError):
            await body()
    elif how == "return":
        return await body()
    else:
        with trio.CancelScope() as scope:
            if how == "timeout":
                scope.deadline = trio.current_time() + seconds
                await body()
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(body)
                    await trio.sleep(seconds)
                    scope.cancel()
    return None


@pytest.mark.parametrize("how", LEAVES)
async def test_need_23_leaving_early_cancels_exactly_that_response_and_the_session_goes_on(how, autojump_clock):
    async with talk(ScriptEngine([Say(STORY), Say("Still here.")]), pace=1.0) as (session, server):
        turn = await leave_early(session, how, 2)
        events = await collect(session, "agent_end")
        response_id = events[-1].response_id
        assert cancels(server) == [response_id]
        assert (events[-1].status, events[-1].reason) == ("cancelled", "client_cancelled")
        assert events[0].type == "audio_interrupted"
        assert of(events, "audio") == []  # purged
        (cut,) = [event for event in server.received if event["type"] == "conversation.item.truncate"]
        assert 1_500 <= cut["audio_end_ms"] <= 2_500
        assert session.history[-1].content[0].heard_ms == cut["audio_end_ms"]
        if turn is not None:
            assert (turn.outcome, turn.reason) == ("cancelled", "left")
        async with session.respond("Are you there?") as second:
            assert await second.text() == "Still here."
        assert cancels(server) == [response_id]


async def test_need_23_a_turn_that_is_left_before_its_response_began_is_cancelled_when_it_does(autojump_clock):
    engine = ScriptEngine([Say(STORY), Say("Still here.")])
    async with talk(engine, pace=1.0, faults=[]) as (session, server):
        async with session.respond("Tell me a story") as turn:
            pass
        assert turn.response_id is None
        assert turn.outcome == "cancelled"
        end = (await collect(session, "agent_end"))[-1]
        assert cancels(server) == [end.response_id]
        assert end.status == "cancelled"
        await trio.sleep(1)
        assert cancels(server) == [end.response_id]
        async with session.respond() as turn:
            assert await turn.text() == "Still here."


async def test_need_23_a_cancelled_entry_leaves_nothing_behind(autojump_clock):
    async with talk(ScriptEngine([Say("Hello.")])) as (session, server):
        with trio.CancelScope() as scope:
            scope.cancel()
            async with session.respond("Never") as turn:
                pytest.fail("not entered")
        assert scope.cancelled_caught
        async with session.respond() as turn:
            assert await turn.text() == "Hello."
        assert count(server, "response.create") == 1
        assert len(session.history) == 1


async def test_need_23_two_turns_asked_for_at_once_are_run_in_order(autojump_clock):
    engine = ScriptEngine([Say("One."), Say("Two."), Say("Three.")])
    async with talk(engine, pace=1.0) as (session, server):
        said = []

        async def ask(question, wait):
            await trio.sleep(wait)
            async with session.respond(question) as turn:
                said.append((question, await turn.text()))

        async with trio.open_nursery() as nursery:
            for number, question in enumerate(["first", "second", "third"]):
                nursery.start_soon(ask, question, number * 0.001)
        assert said == [("first", "One."), ("second", "Two."), ("third", "Three.")]
        words = [getattr(item.content[0], "text", None) or item.content[0].transcript for item in session.history]
        assert words == ["first", "One.", "second", "Two.", "third", "Three."]
        assert count(server, "response.create") == 3


async def test_need_23_a_turn_in_the_queue_that_is_left_was_never_asked_for(autojump_clock):
    async with talk(ScriptEngine([Say(STORY), Say("Two.")]), pace=1.0) as (session, server):
        async with session.respond("first") as first:
            async with session.respond("never"):
                await trio.sleep(1)
            assert await first.text() == STORY
        async with session.respond("second") as second:
            assert await second.text() == "Two."
        assert cancels(server) == []
        assert count(server, "response.create") == 2
        assert "never" not in str(session.history)


async def test_need_22_one_off_instructions_tools_and_modalities(autojump_clock):
    @function_tool
    async def look_up(word: str) -> str:
        """Look a word up."""
        return f"{word}: a bird"

    engine = ScriptEngine([CallTool("look_up", {"word": "wren"}, "c1"), Say("A bird."), Say("Plain.")])
    async with talk(engine) as (session, server):
        async with session.respond(
            "What is a wren?",
            instructions="Look it up.",
            tools=[look_up],
            tool_choice="look_up",
            metadata={"why": "test"},
            output_modalities=["text"],
        ) as turn:
            await turn.wait()
        await collect(session, "agent_end", 2)
        create = creates(server)[0]
        assert create["instructions"] == "Look it up."
        assert [tool["name"] for tool in create["tools"]] == ["look_up"]
        assert create["tool_choice"] == {"type": "function", "name": "look_up"}
        assert create["metadata"].pop("why") == "test"
        assert create["output_modalities"] == ["text"]
        assert outputs(server) == [("c1", "wren: a bird")]  # run, though the agent has no such tool
        async with session.respond(tools=[]) as turn:
            await turn.wait()
        assert creates(server)[-1]["tools"] == []


async def test_need_22_an_out_of_band_response(autojump_clock):
    engine = ScriptEngine([Say(STORY), Say("SUMMARY"), Say("TITLE")])
    async with talk(engine, pace=1.0) as (session, server):
        async with session.respond("Tell me a story") as story:
            await trio.sleep(1)
            async with session.respond(
                conversation="none", instructions="Summarise.", output_modalities=["text"], metadata={"topic": "x"}
            ) as turn:
                assert await turn.text() == "SUMMARY"  # while the story goes on
                assert story.outcome is None
            async with session.respond("Only this", conversation="none", output_modalities=["text"]) as turn:
                assert await turn.text() == "TITLE"
            assert await story.text() == STORY
        assert len(session.history) == 2
        assert [response.get("conversation") for response in creates(server)] == [None, "none", "none"]
        assert [len(response.get("input", [])) for response in creates(server)] == [0, 0, 1]
        assert cancels(server) == []


async def test_need_22_items_of_the_protocol_are_the_input_of_an_out_of_band_response(autojump_clock):
    items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]
    async with talk(ScriptEngine([Say("Hello.")])) as (session, server):
        async with session.respond(items, conversation="none") as turn:
            assert await turn.text() == "Hello."
        assert creates(server)[0]["input"] == items
        with pytest.raises(UserError):
            session.respond([{"no": "type"}], conversation="none")


@pytest.mark.parametrize(
    "bad",
    [
        {"conversation": "other"},
        {"tools": ["x"]},
        {"tools": "x"},
        {"tools": [get_weather, get_weather]},
        {"metadata": {"x": 1}},
        {"metadata": ["x"]},
        {"output_modalities": ["smell"]},
        {"input": {"content": []}},
        {"input": 5},
    ],
)
async def test_need_22_arguments_at_fault_raise_at_the_call(bad, autojump_clock):
    async with talk() as (session, server):
        with pytest.raises(UserError):
            session.respond(**bad)
        await trio.sleep(1)
        assert server.received_types() == ["session.update"]


async def test_need_22_what_only_the_protocol_refuses_raises_on_entering(autojump_clock):
    async with talk(ScriptEngine([Say("Hello.")])) as (session, server):
        with pytest.raises(UserError, match="at most 15"):
            async with session.respond(metadata={str(number): "x" for number in range(16)}):
                pass
        async with session.respond() as turn:
            assert await turn.text() == "Hello."
        assert count(server, "response.create") == 1


@pytest.mark.parametrize(
    ("step", "outcome", "reason"),
    [
        (Incomplete("content_filter"), "incomplete", "content_filter"),
        (Incomplete("max_output_tokens"), "incomplete", "max_output_tokens"),
        (Fail("It broke.", "oops"), "failed", "oops"),
    ],
)
async def test_need_23_how_it_ended(step, outcome, reason, autojump_clock):
    async with talk(ScriptEngine([["Well,", step]])) as (session, _):
        async with session.respond("Go") as turn:
            assert await turn.text() == "Well,"
        assert (turn.outcome, turn.reason) == (outcome, reason)
        assert isinstance(turn.error, ServerError) == (outcome == "failed")


async def test_need_23_a_turn_that_the_user_interrupts_is_cancelled_by_the_server_alone(autojump_clock):
    from trio_realtime.server import synthesize

    config = {"model_settings": {"turn_detection": {"type": "server_vad"}}}
    async with talk(ScriptEngine([Say(STORY), Say("Yes?")]), pace=1.0, config=config) as (session, server):
        async with session.respond("Tell") as turn:
            async for event in turn:
                if event.type == "audio":
                    break
            await trio.sleep(1)
            await session.send_audio(synthesize("Stop please"))
            await turn.wait()
        assert (turn.outcome, turn.reason) == ("cancelled", "turn_detected")
        await trio.sleep(1)
        assert cancels(server) == []


async def test_need_23_a_request_that_is_refused_has_failed(autojump_clock):
    refusal = Refuse("response.create", code="invalid_value", message="No.", param="response.instructions")
    async with talk(ScriptEngine([Say("Hello.")]), faults=[refusal]) as (session, _):
        async with session.respond(instructions="x") as turn:
            assert await turn.text() == ""
        assert (turn.outcome, turn.reason) == ("failed", "invalid_value")
        assert isinstance(turn.error, ServerError)
        assert [event async for event in turn] == []
        assert len(of(await collect(session, "error"), "error")) == 1
        async with session.respond() as turn:
            assert await turn.text() == "Hello."


async def test_need_23_a_request_without_an_answer_has_failed_by_its_deadline(autojump_clock):
    async with talk(faults=[Withhold(event="response.created")], config={"timeouts": {"response": 5}}) as (session, _):
        async with session.respond("Hello") as turn:
            with trio.fail_after(6):
                await turn.wait()
        assert turn.outcome == "failed"
        assert isinstance(turn.error, RealtimeTimeoutError)


async def test_need_23_a_turn_waits_for_the_response_of_turn_detection(autojump_clock):
    engine = ScriptEngine([Say("Mine.")])  # the other one says "Sorry, go on."
    async with talk(engine, faults=[RaceResponse()]) as (session, _):
        async with session.respond("Mine?") as turn:
            assert await turn.text() == "Mine."


async def test_need_23_the_end_of_the_session_ends_its_turns(autojump_clock):
    async with talk(ScriptEngine([Say(STORY)]), pace=1.0) as (session, _):
        async with session.respond("Tell") as turn:
            await trio.sleep(1)
            await session.close()
            with pytest.raises(SessionClosed):
                await turn.text()
            assert (turn.outcome, turn.reason) == ("failed", "session_closed")
            assert isinstance(turn.error, SessionClosed)
            assert kinds([event async for event in turn])[0] == "agent_start"
        with pytest.raises(SessionClosed):
            session.respond("Hello")


async def test_need_23_a_server_that_names_no_metadata_still_answers_the_turn(autojump_clock):
    from tests.session_tasks.support import begin, end, final, scripted, words

    model = scripted()
    async with await RealtimeRunner(RealtimeAgent("A"), model=model).run() as session:
        async with session.respond("Hello") as turn:
            await model.emit(begin("r1"), words("Hi"), final("Hi there"), end("r1"))
            assert await turn.text() == "Hi there"
            assert turn.response_id == "r1"
        async with session.respond(conversation="none") as turn:
            await model.emit(begin("r2"), begin("r3", default_conversation=False), final("X", "r3"), end("r3"))
            assert await turn.text() == "X"


async def test_need_22_the_agent_speaks_first(autojump_clock):
    async with talk(ScriptEngine([Say("Welcome!")])) as (session, server):
        async with session.respond(instructions="Greet the caller.") as turn:
            assert await turn.text() == "Welcome!"
        assert [item.role for item in session.history] == ["assistant"]
        assert count(server, "conversation.item.create") == 0


async def test_need_23_a_turn_goes_on_over_a_lost_connection(autojump_clock):
    engine = ScriptEngine([Say(STORY), Say("Once more, and shorter."), Say("Yes.")], restart=False)
    server = LocalServer(engine, pace=1.0)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(RealtimeAgent("A"), model=model)
    async with await runner.run(model_config={"api_key": "any"}) as session:
        async with session.respond("Tell me a story") as turn:
            await trio.sleep(2)
            first = turn.response_id
            await (await server.wait_connection()).drop()
            assert await turn.text() == "Once more, and shorter."
            assert turn.outcome == "completed"
            assert turn.response_id != first
            assert kinds([event async for event in turn]).count("agent_end") == 2
        async with session.respond("Are you there?") as turn:
            assert await turn.text() == "Yes."
        assert cancels(await server.wait_connection(2)) == []


async def test_need_23_a_turn_that_is_left_while_the_connection_is_made_again_is_not_answered(autojump_clock):
    engine = ScriptEngine([Say(STORY), Say(STORY), Say("Yes.")], restart=False)
    server = LocalServer(engine, pace=1.0)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(RealtimeAgent("A"), model=model)
    async with await runner.run(model_config={"api_key": "any"}) as session:
        async with session.respond("Tell me a story"):
            await trio.sleep(2)
            await (await server.wait_connection()).drop()
            with trio.fail_after(1):
                while session.status == "connected":
                    await trio.lowlevel.checkpoint()
            assert session.status == "reconnecting"
        await trio.sleep(10)
        connection = await server.wait_connection(2)
        asked = count(connection, "response.create")
        assert len(cancels(connection)) == asked <= 1
        async with session.respond("Are you there?") as turn:
            assert await turn.text() in {"Yes.", STORY}
        assert turn.outcome == "completed"


async def test_need_23_a_turn_is_entered_once(autojump_clock):
    async with talk(ScriptEngine([Say("Hello.")])) as (session, server):
        scope = session.respond("Hello")
        async with scope as turn:
            assert await turn.text() == "Hello."
        with pytest.raises(UserError, match="once"):
            async with scope:
                pass
        assert count(server, "response.create") == 1
