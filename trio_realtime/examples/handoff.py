"""Hand a caller over to a specialist, and note why.

Run with ``python -m trio_realtime.examples.handoff``: without a key, a local server answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trio_realtime import (
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSession,
    RunContextWrapper,
    realtime_handoff,
)
from trio_realtime.examples._shared import run_example, words_of


@dataclass
class Reason:
    """What the model says when it hands over to billing."""

    reason: str


async def note(context: RunContextWrapper[Any], data: Reason) -> None:  # noqa: ARG001  callbacks get both
    """Keep the reason."""
    print("noted:", data.reason)


billing: RealtimeAgent[Any] = RealtimeAgent(
    name="Billing", handoff_description="Invoices and refunds.", instructions="You answer questions on invoices."
)
support: RealtimeAgent[Any] = RealtimeAgent(
    name="Support", handoff_description="Technical trouble.", instructions="You mend things."
)
desk: RealtimeAgent[Any] = RealtimeAgent(
    name="Front desk",
    instructions="Find out what it is about, and hand over.",
    handoffs=[realtime_handoff(billing, on_handoff=note, input_type=Reason), support],
)


async def ask(session: RealtimeSession[Any], question: str) -> None:
    """Ask, and print who answers."""
    print("user:", question)
    await session.send_message(question)
    last = None
    async for event in session:
        if event.type == "handoff":
            print(event.from_agent.name, "->", event.to_agent.name)
        elif event.type == "history_added":
            last = event.item
        elif event.type == "history_updated" and event.history:
            last = event.history[-1]
        elif event.type == "agent_end" and words_of(last) is not None:  # a response that only calls has no words
            print(f"{event.agent.name}:", words_of(last))
            return


async def main(model_config: RealtimeModelConfig) -> None:
    """Talk to the front desk, and then to billing."""
    async with await RealtimeRunner(desk).run(model_config=model_config) as session:
        await ask(session, "Hello")
        await ask(session, "Please connect me to billing, I have a question on an invoice")
        await ask(session, "Say the invoice is paid")


if __name__ == "__main__":
    run_example(main)
