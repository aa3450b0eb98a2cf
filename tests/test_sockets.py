"""Whole conversations over real sockets: few, because everything that can is tested in memory and in virtual time."""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio
import trio.testing

from tests.talk import collect, make_agent, of
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner, function_tool
from trio_realtime.cli.call_steps import Pace
from trio_realtime.cli.conversation import demo_server, run_conversation
from trio_realtime.errors import RealtimeConnectionError, UserError
from trio_realtime.server import Drop, EchoEngine, LocalServer


async def test_the_quickstart_with_nothing_but_the_url_changed(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    agent = RealtimeAgent(name="Assistant", instructions="You are a helpful voice assistant. Keep answers short.")
    runner = RealtimeRunner(
        starting_agent=agent,
        config={"model_settings": {"model_name": "gpt-realtime", "audio": {"output": {"voice": "ash"}}}},
    )
    printed = []
    async with LocalServer().serve() as address:
        with trio.fail_after(20):
            async with await runner.run(model_config={"url": address.url}) as session:
                await session.send_message("Hello")
                async for event in session:
                    printed.append(str(event))
                    if event.type == "agent_end":
                        break
    assert any("RealtimeAudio(" in line for line in printed)
    assert max(len(line) for line in printed) < 2_000


@pytest.fixture(params=["trio-websocket", "websockets"])
def model(request):
    """A model over each transport; the first is the default."""
    return OpenAIRealtimeWebSocketModel(transport=request.param)


async def test_a_hundred_sessions_of_one_runner_each_with_a_tool_call(model):
    @function_tool
    def get_weather(city: str) -> str:
        """Say what the weather is like."""
        return f"It is sunny in {city}."

    server = LocalServer(pace=None)
    runner = RealtimeRunner(make_agent(tools=[get_weather]), model=model)
    before = trio.lowlevel.current_statistics().tasks_living
    answers: dict[int, str] = {}

    async def call(number: int, url: str) -> None:
        async with await runner.run(model_config={"url": url}) as session:
            await session.send_message(f"What is the weather in City{number}?")
            events = await collect(session, "agent_end", 2)
            answers[number] = of(events, "tool_end")[0].output

    with trio.fail_after(60):
        async with server.serve() as address, trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(call, number, address.url)
    assert answers == {number: f"It is sunny in City{number}." for number in range(100)}
    await trio.testing.wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().tasks_living == before
    assert {connection.close_code for connection in server.connections} == {1000}


async def test_a_spoken_turn_and_an_interruption(model):
    server = LocalServer(EchoEngine())
    runner = RealtimeRunner(make_agent(), model=model)
    with trio.fail_after(60):
        async with server.serve() as address, await runner.run(model_config={"url": address.url}) as session:
            for _ in range(10):
                await session.send_audio(b"\x10\x00" * 2_400)
            await session.commit_audio()
            assert b"".join(event.audio.data for event in of(await collect(session, "audio_end"), "audio"))
            await session.send_message("Tell me everything " * 200)
            await collect(session, "audio")
            await session.interrupt()
            await collect(session, "audio_interrupted")
            await collect(session, "agent_end", status="cancelled")
    assert [connection.close_code for connection in server.connections] == [1000]


async def test_the_demo(model):
    pace = Pace(speed=48.0)
    server = demo_server(pace.speed)
    with trio.fail_after(60):
        async with server.serve() as address:
            outcome = await run_conversation(model, {"url": address.url}, lambda _: None, pace=pace)
    assert outcome.ok, [step for step in outcome.steps if not step.ok]


@pytest.mark.parametrize("reset", [False, True])
async def test_a_lost_connection_comes_after_what_was_said(model, reset):
    server = LocalServer(pace=None, faults=[Drop(event="response.done", reset=reset)])
    runner = RealtimeRunner(make_agent(), model=model, config={"reconnect": None})
    seen = []
    with trio.fail_after(60):
        async with server.serve() as address, await runner.run(model_config={"url": address.url}) as session:
            await session.send_message("Hello")
            with pytest.raises(RealtimeConnectionError) as info:
                async for event in session:
                    seen.append(event.type)
    assert info.value.code == 1006
    assert reset or "audio" in seen


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets", None)
    for name in [name for name in sys.modules if name.startswith(("websockets.", "trio_realtime.transport."))]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match=r"pip install 'trio-realtime\[fast\]'"):
        OpenAIRealtimeWebSocketModel(transport="websockets")


def test_the_library_is_imported_late():
    code = "import trio_realtime, trio_realtime.openai.websocket_model, sys; print('websockets' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "False"
