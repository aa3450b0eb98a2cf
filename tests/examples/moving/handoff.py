"""Hand a caller over to a specialist, and note why."""

import asyncio
import sys
from dataclasses import dataclass

from agents import RunContextWrapper
from agents.realtime import RealtimeAgent, RealtimeRunner, realtime_handoff


@dataclass
class Reason:
    reason: str


async def note(context: RunContextWrapper, data: Reason) -> None:
    print("noted:", data.reason)


billing = RealtimeAgent(
    name="Billing", handoff_description="Invoices and refunds.", instructions="You answer questions on invoices."
)
support = RealtimeAgent(name="Support", handoff_description="Technical trouble.", instructions="You mend things.")
desk = RealtimeAgent(
    name="Front desk",
    instructions="Find out what it is about, and hand over.",
    handoffs=[realtime_handoff(billing, on_handoff=note, input_type=Reason), support],
)


async def ask(session, question):
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
        elif event.type == "agent_end" and getattr(last, "role", None) == "assistant":
            print(f"{event.agent.name}:", last.content[0].transcript)
            return


async def main(url):
    runner = RealtimeRunner(desk)
    async with await runner.run(model_config={"url": url, "api_key": "local"}) as session:
        await ask(session, "Hello")
        await ask(session, "Please connect me to billing, I have a question on an invoice")
        await ask(session, "Say the invoice is paid")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
