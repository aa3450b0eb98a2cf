"""Ask before a tool runs: small sums are approved, large ones are refused.

Run with ``python -m trio_realtime.examples.approval``: without a key, a local server answers.
"""

from __future__ import annotations

import json
from typing import Any

from trio_realtime import RealtimeAgent, RealtimeModelConfig, RealtimeRunner, RealtimeSession, function_tool
from trio_realtime.examples._shared import run_example, words_of


@function_tool(needs_approval=True)
async def transfer_money(amount: int) -> str:
    """Transfer money.

    Args:
        amount: How much, in euros.
    """
    return f"{amount} euros are on their way."


agent: RealtimeAgent[Any] = RealtimeAgent(
    name="Bank", instructions="Transfer money when asked to.", tools=[transfer_money]
)


async def ask(session: RealtimeSession[Any], question: str) -> None:
    """Ask, and decide what may be done, until the agent has answered."""
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
        elif event.type == "agent_end" and words_of(last) is not None:  # a response that only calls has no words
            print("assistant:", words_of(last))
            return


async def main(model_config: RealtimeModelConfig) -> None:
    """Ask for two transfers."""
    async with await RealtimeRunner(agent).run(model_config=model_config) as session:
        await ask(session, "Please transfer money: 50 euros")
        await ask(session, "Please transfer money: 5000 euros")


if __name__ == "__main__":
    run_example(main)
