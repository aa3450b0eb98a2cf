"""Whole conversations over real sockets: few, because everything that can is tested in memory and in virtual time."""

from __future__ import annotations

import trio
import trio.testing

from tests.talk import collect, make_agent, of
from trio_realtime import RealtimeAgent, RealtimeRunner, function_tool
from trio_realtime.server import LocalServer


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


async def test_a_hundred_sessions_of_one_runner_each_with_a_tool_call():
    @function_tool
    def get_weather(city: str) -> str:
        """Say what the weather is like."""
        return f"It is sunny in {city}."

    server = LocalServer(pace=None)
    runner = RealtimeRunner(make_agent(tools=[get_weather]))
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
