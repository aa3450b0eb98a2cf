"""The demo's whole conversation, in memory and in virtual time, and what becomes of it when things go wrong."""

from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from trio_realtime import OpenAIRealtimeWebSocketModel
from trio_realtime.cli.call_steps import STEPS
from trio_realtime.cli.conversation import (
    LIVE,
    LOCAL,
    demo_server,
    recorded_voice,
    run_conversation,
    synthetic_voice,
)
from trio_realtime.cli.steps import Noted, Said, StepBegun, StepEnded
from trio_realtime.server import (
    MALFORMED_JSON,
    CloseWith,
    Drop,
    EchoEngine,
    Inject,
    LocalServer,
    Refuse,
    RejectHandshake,
    RulesEngine,
    Stall,
)

TITLES = ["connecting", *(title for title, _ in STEPS), "end of the call"]


async def call(server=None, report=lambda _: None, **options):
    server = server or demo_server()
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    return await run_conversation(model, {"api_key": "local"}, report, **options)


def failed(outcome):
    return {step.title: step.detail for step in outcome.steps if not step.ok}


async def test_everything_happens_as_expected(autojump_clock):
    reports = []
    outcome = await call(report=reports.append)
    assert outcome.ok, failed(outcome)
    assert [step.title for step in outcome.steps] == TITLES
    assert [r.title for r in reports if isinstance(r, StepBegun)] == TITLES
    assert [r.number for r in reports if isinstance(r, StepBegun)] == list(range(1, 11))
    assert [r.result for r in reports if isinstance(r, StepEnded)] == list(outcome.steps)
    assert 3 < outcome.numbers.seconds < 6


async def test_the_numbers(autojump_clock):
    numbers = (await call()).numbers
    assert numbers.turns == 17  # ten questions and answers, five calls, one answer that was stopped and one cut
    assert (numbers.handoffs, numbers.guardrail_trips, numbers.late_audio) == (1, 1, 0)
    assert len(numbers.tools) == 4
    assert numbers.tools[0] == pytest.approx(0.15)
    assert len(numbers.first_audio) == 4
    assert len(numbers.interruptions) == 1
    assert 0 < numbers.audio_in < numbers.audio_heard < numbers.audio_out
    assert numbers.events > 200
    assert numbers.history_items > 20
    assert numbers.input_tokens > numbers.output_tokens > 100


async def test_what_is_told(autojump_clock):
    reports = []
    await call(report=reports.append)
    said = [(r.speaker, r.text, r.spoken, r.cut) for r in reports if isinstance(r, Said)]
    assert ("Front Desk", "Welcome to the Harbour Hotel. What can I do for you?", True, False) in said
    assert ("Caller", "Good evening, is anybody there?", True, False) in said
    assert ("Caller", "What is on the menu today?", False, False) in said
    cut = [text for _, text, _, was_cut in said if was_cut]
    assert len(cut) == 2
    assert cut[0].startswith("With pleasure")
    assert "secret ingredient" not in cut[0]
    assert cut[1].startswith("Here is what I found: The soup is older")
    assert "filled to the brim" not in cut[1]
    notes = [r.kind for r in reports if isinstance(r, Noted)]
    assert notes.count("approval") == 4
    assert {"connection", "tool", "handoff", "guardrail", "interruption"} == set(notes) - {"approval"}


async def test_over_a_socket_nothing_is_different(autojump_clock):
    server = demo_server()

    @asynccontextmanager
    async def websocket(request):
        from trio_realtime.transport.trio_websocket import stream_connector

        near, far = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve_stream, far)

            async def open_stream():
                return near

            async with stream_connector(open_stream)(request) as wire:
                yield wire
            nursery.cancel_scope.cancel()

    model = OpenAIRealtimeWebSocketModel(transport=websocket)
    config = {"url": "ws://localhost/v1/realtime", "api_key": "local"}
    outcome = await run_conversation(model, config, lambda _: None)
    assert outcome.ok, failed(outcome)


async def test_at_the_pace_of_a_real_service(autojump_clock):
    outcome = await call(demo_server(pace=4.0), pace=LIVE, voice=recorded_voice)
    assert outcome.ok, failed(outcome)
    assert 30 < outcome.numbers.seconds < 90


def test_the_voices():
    assert synthetic_voice("a b", b"x") == synthetic_voice("a b", b"")
    assert recorded_voice("a b", b"x") == b"x"


async def test_a_lost_connection_is_a_failed_step_and_the_rest_is_not_reached(autojump_clock):
    outcome = await call(demo_server(faults=[Drop(event="response.done", skip=2)]))
    broken = failed(outcome)
    assert "connection was lost" in broken["tool call"]
    assert "connection was lost" in broken["end of the call"]
    assert {broken[title] for title in TITLES[4:-1]} == {"not reached"}
    assert [step.title for step in outcome.steps if step.ok] == TITLES[:3]


async def test_a_lost_connection_while_the_caller_speaks(autojump_clock):
    outcome = await call(demo_server(faults=[Drop(event="input_audio_buffer.speech_started")]))
    assert "connection was lost" in failed(outcome)["audio turn"]


async def test_a_server_that_ends_the_call_early(autojump_clock):
    outcome = await call(demo_server(faults=[CloseWith(1000, event="input_audio_buffer.speech_stopped")]))
    broken = failed(outcome)
    assert "the session has ended" in broken["audio turn"]
    assert broken["end of the call"] == "not all steps were reached"


async def test_a_server_that_falls_silent(autojump_clock):
    began = trio.current_time()
    outcome = await call(demo_server(faults=[Stall(event="conversation.item.added", skip=2)]))
    broken = failed(outcome)
    assert list(broken) == TITLES[2:]
    assert "not done after 5.0 s" in broken["audio turn"]
    assert broken["tool call"] == "not done after 5.0 s, in which the service said nothing"
    assert broken["tool call, approved"] == "not reached"
    assert trio.current_time() - began < 15


async def test_the_limit_for_the_whole_call(autojump_clock):
    outcome = await call(pace=attrs.evolve(LOCAL, total_seconds=0.5))
    broken = failed(outcome)
    assert broken["audio turn"].startswith("not done after")
    assert broken["interruption"] == "not reached"
    assert broken["end of the call"] == "not all steps were reached"


async def test_an_error_event_fails_its_step_only(autojump_clock):
    outcome = await call(demo_server(faults=[Inject(MALFORMED_JSON, event="response.done")]))
    assert list(failed(outcome)) == ["text turn"]
    assert "not JSON" in failed(outcome)["text turn"]


async def test_a_refused_handoff_fails_its_step_only(autojump_clock):
    server = demo_server()
    refusal = Refuse("session.update", code="invalid_value", message="No restaurant here.")

    def report(what):
        if what == StepBegun(TITLES.index("handoff") + 1, "handoff"):
            server.fault(refusal)

    broken = failed(await call(server, report))
    assert "handoff" in broken
    assert "end of the call" not in broken
    assert "tool call" not in broken


async def test_a_refused_configuration(autojump_clock):
    outcome = await call(demo_server(faults=[Refuse("session.update", message="Not like this.")]))
    assert "Not like this." in failed(outcome)["connecting"]
    assert list(failed(outcome)) == TITLES


async def test_a_refused_handshake(autojump_clock):
    outcome = await call(demo_server(faults=[RejectHandshake(401)]))
    assert "401" in failed(outcome)["connecting"]
    assert outcome.numbers.events == 0


async def test_an_agent_that_only_repeats(autojump_clock):
    pace = attrs.evolve(LOCAL, step_seconds=2.0)
    outcome = await call(LocalServer(EchoEngine(), pace=30.0), pace=pace)
    broken = failed(outcome)
    assert "text turn" not in broken
    assert broken["tool call"].startswith("not done after 2.0 s")
    assert "heard '(" in broken["audio turn"]


async def test_other_words_than_expected(autojump_clock):
    server = LocalServer(RulesEngine(transcripts=["Hello?", "Goodbye."]), pace=36.0)
    assert failed(await call(server)) == {"audio turn": "heard 'Hello?'"}


class Oops(Exception):
    pass


@pytest.mark.parametrize("kind", [StepBegun, Said, StepEnded])
async def test_what_report_raises_comes_out_as_it_is(autojump_clock, kind):
    error = Oops()

    def report(what):
        if isinstance(what, kind):
            raise error

    with pytest.raises(Oops) as caught:
        await call(report=report)
    assert caught.value is error


async def test_what_report_raises_while_the_session_is_read(autojump_clock):
    error = Oops()

    def report(what):
        if isinstance(what, Noted) and what.kind == "tool":
            raise error

    with pytest.raises(Oops) as caught:
        await call(report=report)
    assert caught.value is error


async def test_what_report_raises_at_the_very_end(autojump_clock):
    error = Oops()

    def report(what):
        if isinstance(what, Noted) and what.text.startswith("closed"):
            raise error

    with pytest.raises(Oops) as caught:
        await call(report=report)
    assert caught.value is error


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.4, 0.9, 1.3, 2.0, 2.7, 3.0, 3.4])
async def test_a_cancelled_call_ends_at_once_and_leaves_nothing(autojump_clock, seconds):
    server = demo_server()
    with trio.move_on_after(seconds) as scope:
        await call(server)
    assert scope.cancelled_caught
    assert trio.current_time() == pytest.approx(seconds, abs=0.5)
    assert all(connection.closed for connection in server.connections)
