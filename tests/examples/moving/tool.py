"""Give an agent tools, one of them with the application's own context."""

import asyncio
import sys
from dataclasses import dataclass

from agents import RunContextWrapper, function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner


@dataclass
class Caller:
    name: str
    table: int


@function_tool
async def get_weather(city: str) -> str:
    """Say what the weather is like.

    Args:
        city: The city to look at.
    """
    await asyncio.sleep(0.01)
    return f"It is sunny in {city}."


@function_tool(name_override="find_reservation", description_override="Find the caller's reservation")
def reservation(context: RunContextWrapper[Caller]) -> str:
    return f"{context.context.name} has table {context.context.table}."


agent = RealtimeAgent(name="Host", instructions="Answer with your tools.", tools=[get_weather, reservation])


async def ask(session, question):
    print("user:", question)
    await session.send_message(question)
    last = None
    async for event in session:
        if event.type == "tool_start":
            print("calls", event.tool.name)
        elif event.type == "tool_end":
            print("gets", event.output)
        elif event.type == "history_added":
            last = event.item
        elif event.type == "history_updated" and event.history:
            last = event.history[-1]
        elif event.type == "agent_end" and getattr(last, "role", None) == "assistant":
            print(f"{event.info.context.context.name} hears:", last.content[0].transcript)
            return


async def main(url):
    runner = RealtimeRunner(agent)
    caller = Caller(name="Robin", table=4)
    async with await runner.run(context=caller, model_config={"url": url, "api_key": "local"}) as session:
        await ask(session, "What is the weather in Oslo?")
        await ask(session, "Can you find my reservation?")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
