"""Say one thing to an agent, and print the conversation.

Run with ``python -m trio_realtime.examples.quickstart``: without a key, a local server answers.
"""

from __future__ import annotations

from typing import Any

from trio_realtime import RealtimeAgent, RealtimeModelConfig, RealtimeRunner
from trio_realtime.examples._shared import run_example, words_of

agent: RealtimeAgent[Any] = RealtimeAgent(
    name="Assistant", instructions="You are a friendly assistant. Keep answers short."
)
config: dict[str, Any] = {
    "model_settings": {
        "audio": {
            "input": {
                "format": "pcm16",
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"format": "pcm16", "voice": "ash"},
        },
    }
}


async def main(model_config: RealtimeModelConfig) -> None:
    """Hold a conversation of one turn."""
    runner = RealtimeRunner(starting_agent=agent, config=config)
    audio, last = 0, None
    async with await runner.run(model_config=model_config) as session:
        await session.send_message("Say hello in one short sentence.")
        async for event in session:
            if event.type == "audio":
                audio += len(event.audio.data)  # 16 bit PCM at 24 kHz: a loudspeaker would take it
            elif event.type == "history_updated" and event.history:
                last = event.history[-1]
            elif event.type == "error":
                print("error:", event.error)
            elif event.type == "agent_end":
                break
    print("assistant:", words_of(last))
    print("heard", audio // 48, "ms of speech")


if __name__ == "__main__":
    run_example(main)
