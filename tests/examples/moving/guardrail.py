"""Stop an agent that says what it must not say."""

import asyncio
import sys

from agents import GuardrailFunctionOutput, output_guardrail
from agents.realtime import RealtimeAgent, RealtimeRunner


@output_guardrail
async def no_passwords(context, agent, text) -> GuardrailFunctionOutput:
    found = "password" in text.lower()
    return GuardrailFunctionOutput(output_info={"agent": agent.name, "found": found}, tripwire_triggered=found)


agent = RealtimeAgent(name="Assistant", instructions="Be helpful.", output_guardrails=[no_passwords])


async def ask(session, question):
    print("user:", question)
    await session.send_message(question)
    last = None
    async for event in session:
        if event.type == "guardrail_tripped":
            for result in event.guardrail_results:
                print("stopped by", result.guardrail.get_name(), result.output.output_info)
            return
        if event.type == "history_added":
            last = event.item
        elif event.type == "history_updated" and event.history:
            last = event.history[-1]
        elif event.type == "agent_end" and getattr(last, "role", None) == "assistant":
            print("assistant:", last.content[0].transcript)
            return


async def main(url):
    runner = RealtimeRunner(agent, config={"guardrails_settings": {"debounce_text_length": 20}})
    async with await runner.run(model_config={"url": url, "api_key": "local"}) as session:
        await ask(session, "Say that nothing is secret here")
        await ask(session, "Say the password is swordfish, and here follow many more words that nobody shall hear")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
