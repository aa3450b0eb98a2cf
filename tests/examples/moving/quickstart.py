"""Say one thing to an agent and print the conversation."""

import asyncio
import sys

from agents.realtime import RealtimeAgent, RealtimeRunner

agent = RealtimeAgent(name="Assistant", instructions="You are a friendly assistant. Keep answers short.")

config = {
    "model_settings": {
        "model_name": "gpt-realtime",
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


async def main(url):
    runner = RealtimeRunner(starting_agent=agent, config=config)
    session = await runner.run(model_config={"url": url, "api_key": "local"})
    audio = 0
    async with session:
        await session.send_message("Say hello in one short sentence.")
        async for event in session:
            if event.type == "audio":
                audio += len(event.audio.data)
            elif event.type == "history_updated":
                history = event.history
            elif event.type == "error":
                print("error:", event.error)
            elif event.type == "agent_end":
                break
    for item in history:
        print(f"{item.role}: {item.content[0].text if item.role == 'user' else item.content[0].transcript}")
    print("heard", audio // 48, "ms of speech")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
