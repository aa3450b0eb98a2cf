"""Ask an agent that has a tool, and print what it says.

Run with ``python -m trio_realtime.examples.quickstart``: a local server answers, and no key is needed.
"""

from __future__ import annotations

from typing import Any

import trio

from trio_realtime import RealtimeAgent, RealtimeRunner, function_tool
from trio_realtime.server import LocalServer


@function_tool
async def get_weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f"It is sunny in {city}."


async def main() -> None:
    """Hold a conversation of one question."""
    agent: RealtimeAgent[Any] = RealtimeAgent(name="Assistant", instructions="Be brief.", tools=[get_weather])
    runner = RealtimeRunner(agent)
    async with LocalServer().serve() as address:
        config = {"url": address.url, "api_key": "local"}  # without it: OpenAI, with OPENAI_API_KEY
        async with await runner.run(model_config=config) as session:
            await session.send_message("What is the weather in Lisbon?")
            with trio.fail_after(10):
                async for event in session:
                    if event.type == "tool_end":
                        print(f"[{event.tool.name} says: {event.output}]")
                    elif event.type == "transcript" and event.role == "assistant" and event.final:
                        print(event.text)
                        break


if __name__ == "__main__":
    trio.run(main)
