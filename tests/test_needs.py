"""What users of realtime agents ask for: one test or more for each need, its number in the name."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import trio

from tests.talk import KEY, collect, count, get_weather, kinds, make_agent, of, outputs, talk
from trio_realtime import (
    AssistantMessageItem,
    ConfigRejected,
    GuardrailFunctionOutput,
    HandshakeRejected,
    InputAudio,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgentHooks,
    RealtimeConnectionError,
    RealtimeRunHooks,
    RealtimeRunner,
    RealtimeTimeoutError,
    RealtimeTranscript,
    ServerError,
    SessionClosed,
    ToolGuardrailFunctionOutput,
    ToolResult,
    UserError,
    UserMessageItem,
    function_tool,
    output_guardrail,
    realtime_handoff,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime.server import (
    UNKNOWN_EVENT,
    CallTool,
    CloseWith,
    Fail,
    Incomplete,
    Inject,
    LocalServer,
    Pause,
    RaceResponse,
    Refuse,
    RejectHandshake,
    Say,
    ScriptEngine,
    StallHandshake,
    Transcript,
    Turn,
    Withhold,
    silence,
    synthesize,
)

SECOND = 48_000


def failing_tools():
    @function_tool
    async def raises(city: str) -> str:
        raise RuntimeError(f"no data for {city}")

    @function_tool(failure_error_function=None)
    async def raises_plainly(city: str) -> str:
        raise RuntimeError(f"no data for {city}")

    @function_tool(timeout=1, timeout_behavior="raise_exception")
    async def hangs(city: str) -> str:
        await trio.sleep_forever()

    @tool_input_guardrail
    def explodes(data):
        return ToolGuardrailFunctionOutput.raise_exception()

    @function_tool(tool_input_guardrails=[explodes])
    async def guarded(city: str) -> str:
        return city

    async def broken(context):
        raise RuntimeError("callback")

    handoff = realtime_handoff(make_agent(name="Other"), on_handoff=broken)
    return [raises, raises_plainly, hangs, guarded], [handoff]


@pytest.mark.parametrize("name", ["raises", "raises_plainly", "hangs", "guarded", "transfer_to_other", "unknown"])
async def test_need_2_a_failing_tool_is_answered_and_the_session_lives(name, autojump_clock):
    tools, handoffs = failing_tools()
    arguments = {} if name == "transfer_to_other" else {"city": "Oslo"}
    engine = ScriptEngine([CallTool(name, arguments, "call_1"), Say("Sorry."), Say("Still here.")])
    async with talk(engine, agent=make_agent(tools=tools, handoffs=handoffs)) as (session, server):
        await session.send_message("Go")
        await collect(session, "agent_end", 2)
        assert [call_id for call_id, _ in outputs(server)] == ["call_1"]
        assert count(server, "response.create") == 2
        assert session.current_agent.name == "Assistant"
        await session.send_message("And now?")
        await collect(session, "agent_end")
        assert "Still here." in str(session.history[-1])


async def test_need_3_interrupt_cancels_by_id_truncates_and_drops_late_audio(autojump_clock):
    async with talk(ScriptEngine([Say("A long story. " * 20)]), pace=4.0) as (session, server):
        await session.send_message("Tell")
        events = await collect(session, "audio", 5)
        response_id = events[-1].response_id
        await trio.sleep(0.5)
        await session.interrupt()
        await server.wait_received("response.cancel")
        for _ in range(20):
            await server.send_event(
                {
                    "type": "response.output_audio.delta",
                    "response_id": response_id,
                    "item_id": events[-1].item_id,
                    "output_index": 0,
                    "content_index": 0,
                    "delta": "AAAA",
                }
            )
        rest = await collect(session, "agent_end")
        assert rest[0].type == "audio_interrupted"
        assert of(rest, "audio") == []
        assert rest[-1].status == "cancelled"
        cancels = [event for event in server.received if event["type"] == "response.cancel"]
        truncates = [event for event in server.received if event["type"] == "conversation.item.truncate"]
        assert [cancel["response_id"] for cancel in cancels] == [response_id]
        assert [truncate["item_id"] for truncate in truncates] == [events[-1].item_id]
        assert 0 < truncates[0]["audio_end_ms"] <= 2_000


@pytest.mark.parametrize("anonymous", [True, False])
async def test_need_5_a_response_of_turn_detection_does_not_swallow_ours(anonymous, autojump_clock):
    @function_tool
    async def weather(city: str) -> str:
        await trio.sleep(1)
        return "sunny"

    engine = ScriptEngine([CallTool("weather", {"city": "Oslo"}, "call_1"), Say("It is sunny.")])
    options = {"anonymous_errors": ["conversation_already_has_active_response"]} if anonymous else {}
    async with talk(engine, agent=make_agent(tools=[weather]), **options) as (session, server):
        await session.send_message("Weather in Oslo?")
        await collect(session, "agent_end")
        server._plan.add(RaceResponse((Pause(1), Say("Go on."))))
        events = await collect(session, "agent_end", 2)
        assert [event.status for event in of(events, "agent_end")] == ["completed"] * 2
        assert of(events, "error") == []
        creates = [event for event in server.received if event["type"] == "response.create"]
        assert len(creates) == 3  # the message's, the tool's, and the tool's again behind the one that was faster
        texts = [words.text for words in of(events, "transcript") if words.final]
        assert texts == ["Go on.", "It is sunny."]


async def test_need_5_a_server_that_never_answers_fails_the_request_and_frees_the_way(autojump_clock):
    engine = ScriptEngine([Say("First."), Say("Second.")])
    faults = [Withhold(event="response.created"), Withhold(event="response.done")]
    async with talk(engine, faults=faults, config={"timeouts": {"response": 5}}) as (session, _):
        await session.send_message("One")
        error = (await collect(session, "error"))[-1].error
        assert isinstance(error, RealtimeTimeoutError)
        assert error.name == "response"
        await session.send_message("Two")
        assert (await collect(session, "agent_end"))[-1].status == "completed"


@pytest.mark.parametrize("reason", ["content_filter", "max_output_tokens"])
async def test_need_6_an_incomplete_response_says_so(reason, autojump_clock):
    async with talk(ScriptEngine([[Say("I was"), Incomplete(reason)]])) as (session, _):
        await session.send_message("Go")
        end = (await collect(session, "agent_end"))[-1]
        assert (end.status, end.reason, end.error) == ("incomplete", reason, None)


async def test_need_6_a_failed_response_says_so_and_why(autojump_clock):
    async with talk(ScriptEngine([Fail("try later", "server_error")])) as (session, _):
        await session.send_message("Go")
        events = await collect(session, "agent_end")
        assert events[-1].status == "failed"
        assert (events[-1].error.code, events[-1].error.message) == ("server_error", "try later")
        assert events[-1].error.retryable
        (error,) = of(events, "error")
        assert isinstance(error.error, ServerError)
        assert error.error.code == "server_error"


def forbid(word):
    @output_guardrail(name="no_" + word)
    async def guardrail(context, agent, text):
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=word in text)

    return guardrail


@pytest.mark.parametrize(
    ("text", "audio"),
    [("Tell no secret here.", True), ("Tell no secret here.", False), ("Harmless words. " * 10 + "secret", True)],
)
async def test_need_11_short_replies_and_tails_are_checked(text, audio, autojump_clock):
    agent = make_agent(output_guardrails=[forbid("secret")])
    modalities = {"model_settings": {"output_modalities": ["audio" if audio else "text"]}}
    async with talk(
        ScriptEngine([Say(text), Say("Let us talk of something else.")]), agent=agent, config=modalities
    ) as (
        session,
        server,
    ):
        await session.send_message("Go")
        events = await collect(session, "agent_end")
        (tripped,) = of(events, "guardrail_tripped")
        assert [result.guardrail.get_name() for result in tripped.guardrail_results] == ["no_secret"]
        assert tripped.message == text
        await collect(session, "agent_end")
        messages = [e["item"] for e in server.received if e["type"] == "conversation.item.create"]
        assert "no_secret" in str(messages[-1])


async def test_need_11_a_guardrail_that_raises_blocks(autojump_clock):
    @output_guardrail
    def broken(context, agent, text):
        raise RuntimeError("no answer")

    agent = make_agent(output_guardrails=[broken])
    async with talk(ScriptEngine([Say("Hello."), Say("Other.")]), agent=agent) as (session, _):
        await session.send_message("Go")
        events = await collect(session, "agent_end")
        assert len(of(events, "guardrail_tripped")) == 1
        assert str(of(events, "error")[0].error) == "no answer"


async def test_need_11_a_guardrail_that_raises_can_be_skipped(autojump_clock):
    @output_guardrail
    def broken(context, agent, text):
        raise RuntimeError("no answer")

    config = {"output_guardrails": [broken], "guardrails_settings": {"on_error": "skip"}}
    async with talk(ScriptEngine([Say("Hello.")]), config=config) as (session, _):
        await session.send_message("Go")
        events = await collect(session, "agent_end")
        assert of(events, "guardrail_tripped") == []
        assert len(of(events, "error")) == 1


async def test_need_13_tool_output_guardrails_run_before_anything_leaves(autojump_clock):
    @tool_output_guardrail
    def redact(data):
        assert data.output == "It is sunny in Oslo."
        return ToolGuardrailFunctionOutput.reject_content("withheld")

    @function_tool(tool_output_guardrails=[redact])
    async def weather(city: str) -> str:
        return f"It is sunny in {city}."

    engine = ScriptEngine([CallTool("weather", {"city": "Oslo"}, "call_1"), Say("No data.")])
    async with talk(engine, agent=make_agent(tools=[weather])) as (session, server):
        await session.send_message("Go")
        events = await collect(session, "agent_end", 2)
        assert outputs(server) == [("call_1", "withheld")]
        assert of(events, "tool_end")[0].output == "withheld"
        assert "sunny" not in str([event for event in events if event.type != "raw_model_event"])


class Recorder(RealtimeRunHooks):
    def __init__(self):
        self.calls = []

    async def on_agent_start(self, context, agent):
        self.calls.append(f"start {agent.name}")

    async def on_agent_end(self, context, agent, output):
        self.calls.append(f"end {agent.name}: {output}")

    async def on_handoff(self, context, from_agent, to_agent):
        self.calls.append(f"handoff {from_agent.name} {to_agent.name}")

    async def on_tool_start(self, context, agent, tool):
        self.calls.append(f"tool start {tool.name} {context.tool_call_id}")

    async def on_tool_end(self, context, agent, tool, result):
        self.calls.append(f"tool end {tool.name}: {result}")


async def test_need_14_hooks_are_called_in_order(autojump_clock):
    seen = []

    class AgentHooks(RealtimeAgentHooks):
        async def on_handoff(self, context, agent, source):
            seen.append((agent.name, source.name))

    recorder = Recorder()
    other = make_agent(name="Other", hooks=AgentHooks())
    engine = ScriptEngine(
        [
            [CallTool("get_weather", {"city": "Oslo"}, "c1"), Pause(1)],  # the tool starts while its response goes on
            Say("Sunny."),
            CallTool("transfer_to_other", {}),
            Say("Hi."),
        ]
    )
    async with talk(engine, agent=make_agent(handoffs=[other]), config={"hooks": recorder}) as (session, _):
        await session.send_message("Weather?")
        await collect(session, "agent_end", 2)
        await session.send_message("Transfer me")
        await collect(session, "agent_end", 2)
    assert recorder.calls == [
        "start Assistant",
        "tool start get_weather c1",
        "tool end get_weather: It is sunny in Oslo.",
        "end Assistant: ",
        "start Assistant",
        "end Assistant: Sunny.",
        "start Assistant",
        "end Assistant: ",
        "handoff Assistant Other",
        "start Other",
        "end Other: Hi.",
    ]
    assert seen == [("Other", "Assistant")]


async def test_need_14_a_hook_that_raises_is_an_event(autojump_clock):
    class Broken(RealtimeRunHooks):
        async def on_agent_start(self, context, agent):
            raise RuntimeError("hook")

        async def on_agent_end(self, context, agent, output):
            await trio.sleep_forever()

    async with talk(ScriptEngine([Say("Hi.")]), config={"hooks": Broken()}) as (session, _):
        await session.send_message("Go")
        events = await collect(session, "error", 2)
        first, second = of(events, "error")
        assert str(first.error) == "hook"
        assert isinstance(second.error, RealtimeTimeoutError)
        assert second.error.name == "hook"


async def test_need_16_what_came_before_the_end_is_delivered_first(autojump_clock):
    events = []
    with pytest.raises(RealtimeConnectionError) as caught:
        async with talk(
            ScriptEngine([Say("One two three.")]),
            config={"reconnect": None},
            faults=[CloseWith(1011, event="rate_limits.updated")],
        ) as (
            session,
            _,
        ):
            await session.send_message("Go")
            await trio.sleep(5)
            assert session.status == "closed"
            async for event in session:
                events.append(event)
    assert caught.value.code == 1011
    assert "audio" in kinds(events)
    assert "agent_end" in kinds(events)
    assert events[-1].type == "connection"
    assert events[-1].status == "closed"


async def test_need_16_leaving_ends_everything_in_bounded_time(autojump_clock):
    started = trio.Event()

    @function_tool
    async def forever(city: str) -> str:
        started.set()
        await trio.sleep_forever()

    engine = ScriptEngine([CallTool("forever", {"city": "Oslo"})])
    async with trio.open_nursery() as nursery:
        async with talk(engine, agent=make_agent(tools=[forever])) as (session, server):

            async def listen():
                async for _ in session:
                    pass

            nursery.start_soon(listen)
            await session.send_message("Go")
            await started.wait()
        assert server.close_code == 1000
        assert trio.current_time() < 5
    assert session.status == "closed"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("response_cancel_not_active", "nothing"),
        ("item_truncate_invalid_item_id", "event"),  # it is benign after an interruption only
        ("input_audio_buffer_commit_empty", "event"),
        ("rate_limit_exceeded", "event"),
        ("something_new", "event"),
        ("insufficient_quota", "end"),
        ("invalid_api_key", "end"),
        ("model_not_found", "end"),
    ],
)
async def test_need_18_errors_by_severity(code, outcome, autojump_clock):
    error = {"type": "invalid_request_error", "code": code, "message": "words", "param": None, "event_id": None}
    script = ScriptEngine([Say("Hello.")])
    ended = None
    try:
        async with talk(
            script, faults=[Inject({"type": "error", "event_id": "e1", "error": error}, event="response.created")]
        ) as (
            session,
            _,
        ):
            await session.send_message("Go")
            events = await collect(session, "agent_end")
            errors = of(events, "error")
            assert [event.error.code for event in errors] == ([code] if outcome == "event" else [])
            assert outcome != "end"
    except ServerError as caught:
        ended = caught
    assert (ended is not None) == (outcome == "end")
    if ended is not None:
        assert (ended.code, ended.severity) == (code, "fatal")


async def test_need_18_unknown_events_pass_and_are_seen_with_raw_events(autojump_clock):
    faults = [Inject(UNKNOWN_EVENT, event="response.created")]
    async with talk(ScriptEngine([Say("Hello.")]), faults=faults, config={"raw_events": True}) as (session, _):
        await session.send_message("Go")
        events = await collect(session, "agent_end")
        assert of(events, "error") == []
        other = [event.data for event in of(events, "raw_model_event") if event.data.type == "other"]
        assert [event.data["type"] for event in other] == ["response.hologram.delta"]


@pytest.mark.parametrize("anonymous", [False, True])
async def test_need_19_a_refused_configuration_raises_at_the_call(anonymous, autojump_clock):
    refusal = Refuse(client_event="session.update", param="session.tools[0].name", anonymous=anonymous)
    async with talk(ScriptEngine([Say("Hello.")])) as (session, server):
        server._plan.add(refusal)
        with pytest.raises(ConfigRejected) as caught:
            await session.update_agent(make_agent(name="Other", instructions="Different."))
        assert caught.value.param == "session.tools[0].name"
        assert session.current_agent.name == "Assistant"
        await session.update_agent(make_agent(name="Third", instructions="Different again."))
        assert session.current_agent.name == "Third"


@pytest.mark.parametrize("anonymous", [False, True])
async def test_need_19_connecting_with_a_refused_configuration_raises(anonymous, autojump_clock):
    refusal = Refuse(client_event="session.update", param="session.tools[0].name", anonymous=anonymous)
    with pytest.raises(ConfigRejected):
        async with talk(faults=[refusal]):
            raise AssertionError


async def test_need_19_a_refused_handoff_leaves_the_agent_and_tells_the_model(autojump_clock):
    other = make_agent(name="Other", instructions="Different.")
    engine = ScriptEngine([CallTool("transfer_to_other", {}, "c1"), Say("I could not.")])
    async with talk(engine, agent=make_agent(handoffs=[other])) as (session, server):
        server._plan.add(Refuse(client_event="session.update", code="invalid_value", param="session.tools"))
        await session.send_message("Transfer me")
        events = await collect(session, "agent_end", 2)
        assert isinstance(of(events, "error")[0].error, ConfigRejected)
        assert of(events, "handoff") == []
        assert session.current_agent.name == "Assistant"
        assert "failed" in outputs(server)[0][1]


async def test_need_20_a_tool_that_should_not_make_the_agent_speak(autojump_clock):
    @function_tool
    async def note(text: str) -> ToolResult:
        return ToolResult("noted", respond=False)

    engine = ScriptEngine([CallTool("note", {"text": "x"}, "c1"), Say("Never.")])
    async with talk(engine, agent=make_agent(tools=[note])) as (session, server):
        await session.send_message("Note x")
        events = await collect(session, "tool_end")
        await trio.sleep(5)
        assert outputs(server) == [("c1", "noted")]
        assert count(server, "response.create") == 1
        assert events[-1].output == "noted"


async def test_need_20_outputs_of_one_response_ask_for_one_reply(autojump_clock):
    @function_tool
    async def slow(city: str, seconds: float) -> str:
        await trio.sleep(seconds)
        return city

    calls = [CallTool("slow", {"city": f"c{n}", "seconds": n}, f"call_{n}") for n in (3, 1, 2)]
    async with talk(ScriptEngine([calls, Say("Done.")]), agent=make_agent(tools=[slow])) as (session, server):
        await session.send_message("Go")
        await collect(session, "agent_end", 2)
        assert [output for _, output in outputs(server)] == ["c1", "c2", "c3"]
        assert count(server, "response.create") == 2


async def test_need_26_parallel_calls_of_one_tool_pair_up_by_call_id(autojump_clock):
    @function_tool
    async def weather(city: str) -> str:
        await trio.sleep(2 if city == "Oslo" else 1)
        return f"{city}: sun"

    calls = [CallTool("weather", {"city": "Oslo"}, "c1"), CallTool("weather", {"city": "Rome"}, "c2")]
    async with talk(ScriptEngine([calls, Say("Done.")]), agent=make_agent(tools=[weather])) as (session, _):
        await session.send_message("Go")
        events = await collect(session, "agent_end", 2)
        starts = {event.call_id: json.loads(event.arguments)["city"] for event in of(events, "tool_start")}
        ends = {event.call_id: event.output for event in of(events, "tool_end")}
        assert starts == {"c1": "Oslo", "c2": "Rome"}
        assert ends == {"c1": "Oslo: sun", "c2": "Rome: sun"}
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert {event.response_id for event in of(events, "agent_start")} == {
            event.response_id for event in of(events, "agent_end")
        }


def spoken(engine_turns, delay):
    return ScriptEngine([Turn(turn, user=Transcript(words, delay=delay)) for words, turn in engine_turns])


VAD = {
    "model_settings": {
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
        "input_audio_transcription": {"model": "whisper-1"},
    }
}


def utterance(text="Hello there my friend"):
    return synthesize(text) + silence(1.0)


async def speak(session, audio):
    for start in range(0, len(audio), 4_800):
        await session.send_audio(audio[start : start + 4_800])


async def test_need_27_a_late_transcript_stands_before_the_answer(autojump_clock):
    engine = spoken([("What is up?", Say("Not much."))], delay=10)
    async with talk(engine, config=VAD) as (session, _):
        await speak(session, utterance())
        await collect(session, "agent_end")
        await collect(session, "transcript", role="user", final=True)
        user, assistant = session.history
        assert isinstance(user, UserMessageItem)
        assert user.content == (InputAudio(transcript="What is up?"),)
        assert isinstance(assistant, AssistantMessageItem)


async def test_need_28_no_retrieve_traffic_and_no_status_going_back(autojump_clock):
    turns = 100
    statuses = {}
    async with talk(spoken([("Hm?", Say("Yes."))] * turns, delay=0), config=VAD) as (session, server):
        audio = utterance("Hm hm")
        for _ in range(turns):
            await trio.sleep(5)  # the last answer has been heard
            await speak(session, audio)
            await collect(session, "transcript", role="user", final=True)
            for event in await collect(session, "agent_end"):
                if event.type == "history_updated":
                    for item in event.history:
                        before = statuses.get(item.item_id)
                        assert before in (None, "in_progress", item.status)
                        statuses[item.item_id] = item.status
        assert count(server, "conversation.item.retrieve") == 0
        assert len(session.history) == 2 * turns
        assert Counter(item.status for item in session.history) == {"completed": 2 * turns}


async def test_need_32_one_runner_many_calls(autojump_clock):
    server = LocalServer(pace=None)
    runner = RealtimeRunner(make_agent(), model=OpenAIRealtimeWebSocketModel(transport=server.connector))
    done = []

    async def call(number):
        async with await runner.run(model_config={"api_key": KEY}) as session:
            await session.send_message(f"What is the weather in City{number}?")
            events = await collect(session, "agent_end", 2)
            done.append((number, of(events, "tool_end")[0].output))

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(call, number)
    assert sorted(done) == [(number, f"It is sunny in City{number}.") for number in range(100)]
    assert all(connection.close_code == 1000 for connection in server.connections)


async def test_need_32_sending_after_a_drop_is_session_closed(autojump_clock):
    with pytest.raises(RealtimeConnectionError):
        async with talk(config={"reconnect": None}) as (session, server):
            await server.drop()
            await trio.sleep(1)
            with pytest.raises(SessionClosed) as caught:
                await session.send_message("Hello?")
            assert isinstance(caught.value.__cause__, RealtimeConnectionError)


@pytest.mark.parametrize(
    ("fault", "name", "within"),
    [
        (StallHandshake(), "connect", 10),
        (Withhold(event="session.created"), "connect", 15),
        (Withhold(event="session.updated"), "connect", 15),
    ],
)
async def test_need_33_connecting_has_one_deadline(fault, name, within, autojump_clock):
    with pytest.raises(RealtimeTimeoutError) as caught:
        async with talk(faults=[fault]):
            raise AssertionError
    assert caught.value.name == name
    assert trio.current_time() <= within + 5


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_need_33_a_refused_key_is_tried_once(status, autojump_clock):
    server = LocalServer(faults=[RejectHandshake(status=status, body="no", times=None)])
    runner = RealtimeRunner(make_agent(), model=OpenAIRealtimeWebSocketModel(transport=server.connector))
    with pytest.raises(HandshakeRejected) as caught:
        async with await runner.run(model_config={"api_key": KEY}):
            raise AssertionError
    assert (caught.value.status, caught.value.body, caught.value.attempts) == (status, "no", 1)
    assert KEY not in repr(caught.value) + str(caught.value)
    assert server._count == 1


async def test_need_38_pings_are_answered_while_the_application_sleeps(autojump_clock):
    from tests.wire_peer import pinging_server

    async with pinging_server(interval=5.0, frames=500) as (connector, answered):
        runner = RealtimeRunner(make_agent(), model=OpenAIRealtimeWebSocketModel(transport=connector))
        async with await runner.run(model_config={"api_key": KEY}) as session:
            await trio.sleep(60)
            assert len(answered) >= 11
            assert session.status == "connected"


async def test_need_38_a_message_of_three_mebibytes_is_accepted(autojump_clock):
    big = Inject({"type": "response.big", "event_id": "e", "padding": "x" * 3 * 1024 * 1024}, event="response.created")
    async with talk(ScriptEngine([Say("Hello.")]), faults=[big], config={"raw_events": True}) as (session, _):
        await session.send_message("Go")
        events = await collect(session, "agent_end")
        others = [event.data.data for event in of(events, "raw_model_event") if event.data.type == "other"]
        assert [len(other["padding"]) for other in others] == [3 * 1024 * 1024]


async def test_need_39_an_approval_that_never_comes_is_a_rejection(autojump_clock):
    @function_tool(needs_approval=True)
    async def pay(amount: int) -> str:
        raise AssertionError

    engine = ScriptEngine([CallTool("pay", {"amount": 5}, "c1"), Say("Nobody answered.")])
    config = {"tool_execution": {"approval_timeout": 30}}
    async with talk(engine, agent=make_agent(tools=[pay]), config=config) as (session, server):
        await session.send_message("Pay")
        await collect(session, "tool_approval_required")
        assert [pending.call_id for pending in session.pending_approvals] == ["c1"]
        asked = trio.current_time()
        events = await collect(session, "transcript", text="Nobody answered.", final=True)
        assert session.pending_approvals == ()
        assert trio.current_time() - asked == pytest.approx(30, abs=1)
        assert [call_id for call_id, _ in outputs(server)] == ["c1"]
        assert isinstance(of(events, "error")[0].error, RealtimeTimeoutError)


async def test_need_39_a_call_that_waits_does_not_hold_up_the_others(autojump_clock):
    @function_tool(needs_approval=True)
    async def pay(amount: int) -> str:
        return "paid"

    engine = ScriptEngine(
        [
            [CallTool("get_weather", {"city": "Oslo"}, "c1"), Pause(1), CallTool("pay", {"amount": 5}, "c2"), Pause(1)],
            Say("It is sunny; the payment waits."),
            Say("It is paid."),
        ]
    )
    async with talk(engine, agent=make_agent(tools=[get_weather, pay])) as (session, server):
        await session.send_message("Weather, and pay")
        await collect(session, "transcript", text="It is sunny; the payment waits.", final=True)
        assert [call_id for call_id, _ in outputs(server)] == ["c1"]
        await session.approve_tool_call("c2")
        await collect(session, "transcript", text="It is paid.", final=True)
        assert outputs(server) == [("c1", "It is sunny in Oslo."), ("c2", "paid")]


async def test_need_9_an_application_without_audio_loses_no_items_to_an_interruption(autojump_clock):
    async with talk(ScriptEngine([Say("A long story. " * 20)]), pace=4.0) as (session, server):
        words = session.events(RealtimeTranscript)
        await session.send_message("Tell")
        async for event in words:
            if event.role == "assistant":
                break
        await session.interrupt()
        await server.wait_received("response.cancel")
        await trio.sleep(5)
        assert count(server, "conversation.item.delete") == 0
        assert len(session.history) == 2


async def test_need_7_a_long_reply_into_a_reader_that_pauses_is_kept(autojump_clock):
    words = "word " * 6_000
    config = {"model_settings": {"output_modalities": ["text"]}}
    async with talk(ScriptEngine([Say(words)]), config=config) as (session, _):
        await session.send_message("Go")
        await trio.sleep(30)
        assert session.statistics().peak_bytes < 8 * 1024 * 1024
        events = await collect(session, "agent_end")
        assert of(events, "transcript")[-1].text == words
        assert "".join(event.delta for event in of(events, "transcript")) == words


@pytest.mark.parametrize("timeout", [10, None])
async def test_need_16_a_guardrail_that_hangs_does_not_keep_a_closed_session_open(timeout, autojump_clock):
    @output_guardrail
    async def hangs(context, agent, text):
        await trio.sleep_forever()

    config = {"output_guardrails": [hangs], "guardrails_settings": {"timeout": timeout}, "reconnect": None}
    async with talk(ScriptEngine([Say("Hello.")]), config=config) as (session, _):
        await session.send_message("Go")
        await trio.sleep(1)
        await session.close()
        began = trio.current_time()
        events = [event async for event in session]
        assert trio.current_time() - began < 1
        assert "agent_end" in kinds(events)
    with pytest.raises(RealtimeConnectionError):
        async with talk(
            ScriptEngine([Say("Hello.")]), config=config, faults=[CloseWith(1011, event="rate_limits.updated")]
        ) as (session, _):
            await session.send_message("Go")
            with trio.fail_after(10):
                async for _ in session:
                    pass


async def test_need_11_a_guardrail_that_objects_to_everything_is_no_endless_loop(autojump_clock):
    @output_guardrail
    def never(context, agent, text):
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    async with talk(agent=make_agent(output_guardrails=[never])) as (session, server):
        for turn in (1, 2):
            await session.send_message("Hello there")
            await trio.sleep(600)
            assert count(server, "response.create") == 2 * turn  # the user's, and one recovery


@pytest.mark.parametrize(
    "message", ["a\ud800b", {"content": [{"type": "input_text", "text": "\ud800"}]}, {"content": []}, {"content": [{}]}]
)
async def test_need_22_a_message_that_cannot_be_sent_raises_at_the_call(message, autojump_clock):
    async with talk() as (session, server):
        with pytest.raises(UserError):
            await session.send_message(message)
        for role, content in (("user", 5), ("user", None), (["user"], "x"), ("user", b"x"), ("user", "\ud800")):
            with pytest.raises(UserError):
                await session.add_item(role, content)
        assert server.received_types() == ["session.update"]
