"""Holds conversations with a local server through the reference's runner; run by test_official_clients.py."""

import asyncio
import json
import sys

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner

asked: list[str] = []


@function_tool
def get_weather(city: str) -> str:
    """Get the weather of a city."""
    asked.append(city)
    return f"18 degrees in {city}"


async def turn(session, events, message: str, ends: int) -> str:
    """Send a message and give what was said until the ``ends``-th end of a turn."""
    await session.send_message(message)
    audio = 0
    async for event in events:
        assert event.type != "error", event.error
        if event.type == "audio":
            audio += len(event.audio.data)
        if event.type == "agent_end":
            ends -= 1
            if not ends:
                break
    assert audio > 0
    last = session._history[-1]
    return last.content[0].transcript


async def main(url: str) -> None:
    agent = RealtimeAgent(name="Clerk", instructions="Be kind.", tools=[get_weather])
    runner = RealtimeRunner(agent)
    async with await runner.run(model_config={"url": url, "api_key": "test"}) as session:
        events = aiter(session)
        text = await turn(session, events, "say good morning", 1)
        tool = await turn(session, events, "What is the weather in Paris?", 2)
    print(json.dumps({"text": text, "tool": tool, "asked": asked}))


asyncio.run(main(*sys.argv[1:]))
