"""Give an agent tools, one of them with the application's own context.

Run with ``python -m trio_realtime.examples.tool``: without a key, a local server answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from trio_realtime import (
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSession,
    RunContextWrapper,
    function_tool,
)
from trio_realtime.examples._shared import run_example, words_of


@dataclass
class Caller:
    """Who calls: tools see it, the model does not."""

    name: str
    table: int


@function_tool
async def get_weather(city: str) -> str:
    """Say what the weather is like.

    Args:
        city: The city to look at.
    """
    await trio.sleep(0.01)
    return f"It is sunny in {city}."


@function_tool(name_override="find_reservation", description_override="Find the caller's reservation")
def reservation(context: RunContextWrapper[Caller]) -> str:
    """Look the caller's table up; a plain function runs in a thread."""
    return f"{context.context.name} has table {context.context.table}."


agent: RealtimeAgent[Caller] = RealtimeAgent(
    name="Host", instructions="Answer with your tools.", tools=[get_weather, reservation]
)


async def ask(session: RealtimeSession[Caller], question: str) -> None:
    """Ask, and print what happens until the agent has answered."""
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
        elif event.type == "agent_end" and words_of(last) is not None:  # a response that only calls has no words
            print(f"{event.info.context.context.name} hears:", words_of(last))
            return


async def main(model_config: RealtimeModelConfig) -> None:
    """Ask two questions."""
    caller = Caller(name="Robin", table=4)
    async with await RealtimeRunner(agent).run(context=caller, model_config=model_config) as session:
        await ask(session, "What is the weather in Oslo?")
        await ask(session, "Can you find my reservation?")


if __name__ == "__main__":
    run_example(main)
