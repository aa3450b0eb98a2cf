"""Ask before a tool runs: small sums are approved, large ones are refused."""

import asyncio
import json
import sys

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner


@function_tool(needs_approval=True)
async def transfer_money(amount: int) -> str:
    """Transfer money.

    Args:
        amount: How much, in euros.
    """
    return f"{amount} euros are on their way."


agent = RealtimeAgent(name="Bank", instructions="Transfer money when asked to.", tools=[transfer_money])


async def ask(session, question):
    print("user:", question)
    await session.send_message(question)
    last = None
    async for event in session:
        if event.type == "tool_approval_required":
            amount = json.loads(event.arguments)["amount"]
            print("may", event.tool.name, "move", amount, "euros?")
            if amount <= 100:
                await session.approve_tool_call(event.call_id)
            else:
                await session.reject_tool_call(event.call_id, rejection_message="That is too much for today.")
        elif event.type == "tool_end":
            print("gets", event.output)
        elif event.type == "history_added":
            last = event.item
        elif event.type == "history_updated" and event.history:
            last = event.history[-1]
        elif event.type == "agent_end" and getattr(last, "role", None) == "assistant":
            print("assistant:", last.content[0].transcript)
            return


async def main(url):
    runner = RealtimeRunner(agent)
    async with await runner.run(model_config={"url": url, "api_key": "local"}) as session:
        await ask(session, "Please transfer money: 50 euros")
        await ask(session, "Please transfer money: 5000 euros")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
