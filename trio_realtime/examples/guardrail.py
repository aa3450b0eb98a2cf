"""Stop an agent that says what it must not say.

Run with ``python -m trio_realtime.examples.guardrail``: without a key, a local server answers.
"""

from __future__ import annotations

from typing import Any

from trio_realtime import (
    GuardrailFunctionOutput,
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSession,
    RunContextWrapper,
    output_guardrail,
)
from trio_realtime.examples._shared import run_example, words_of


@output_guardrail
async def no_passwords(
    context: RunContextWrapper[Any],  # noqa: ARG001  guardrails get all three
    agent: RealtimeAgent[Any],
    text: str,
) -> GuardrailFunctionOutput:
    """Trip when the agent talks of passwords."""
    found = "password" in text.lower()
    return GuardrailFunctionOutput(output_info={"agent": agent.name, "found": found}, tripwire_triggered=found)


agent: RealtimeAgent[Any] = RealtimeAgent(
    name="Assistant", instructions="Be helpful.", output_guardrails=[no_passwords]
)


async def ask(session: RealtimeSession[Any], question: str) -> None:
    """Ask, and print the answer, or what stopped it."""
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
        elif event.type == "agent_end" and words_of(last) is not None:
            print("assistant:", words_of(last))
            return


async def main(model_config: RealtimeModelConfig) -> None:
    """Ask for something harmless, and for something that is not."""
    runner = RealtimeRunner(agent, config={"guardrails_settings": {"debounce_text_length": 20}})
    async with await runner.run(model_config=model_config) as session:
        await ask(session, "Say that nothing is secret here")
        await ask(session, "Say the password is swordfish, and here follow many more words that nobody shall hear")


if __name__ == "__main__":
    run_example(main)
