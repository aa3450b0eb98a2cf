"""Holds conversations with a local server through the official openai client; run by test_official_clients.py."""

import asyncio
import base64
import json
import sys
from pathlib import Path

from openai import AsyncOpenAI


async def until(connection, kind: str) -> list:
    events = []
    async for event in connection:
        events.append(event)
        if event.type == kind:
            return events
        assert event.type != "error", event
    raise AssertionError(f"the connection ended before {kind}")


async def text_turn(connection) -> str:
    await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say good morning"}]}
    )
    await connection.response.create()
    events = await until(connection, "response.done")
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


async def audio_turn(connection, speech: bytes) -> dict:
    await connection.session.update(
        session={
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}},
        }
    )
    for start in range(0, len(speech), 4800):
        piece = base64.b64encode(speech[start : start + 4800]).decode()
        await connection.input_audio_buffer.append(audio=piece)
    events = await until(connection, "response.done")
    audio = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")
    return {
        "types": list(dict.fromkeys(event.type for event in events)),
        "heard": [e.transcript for e in events if e.type == "conversation.item.input_audio_transcription.completed"],
        "said": [e.transcript for e in events if e.type == "response.output_audio_transcript.done"],
        "audio_seconds": len(audio) / 48_000,
    }


async def tool_turn(connection) -> dict:
    await connection.session.update(
        session={
            "type": "realtime",
            "tools": [
                {
                    "type": "function",
                    "name": "get_weather",
                    "description": "Get the weather of a city",
                    "parameters": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                }
            ],
        }
    )
    await connection.conversation.item.create(
        item={
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "What is the weather in Paris?"}],
        }
    )
    await connection.response.create()
    done = (await until(connection, "response.done"))[-1]
    call = done.response.output[0]
    await connection.conversation.item.create(
        item={"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"}
    )
    await connection.response.create()
    done = (await until(connection, "response.done"))[-1]
    return {
        "name": call.name,
        "arguments": json.loads(call.arguments),
        "said": done.response.output[0].content[0].transcript,
    }


async def main(url: str, speech_path: str) -> None:
    client = AsyncOpenAI(api_key="test", websocket_base_url=url.rsplit("/", 1)[0])
    speech = Path(speech_path).read_bytes()  # noqa: ASYNC240
    async with client.realtime.connect(model="gpt-realtime") as connection:
        first = await connection.recv()
        result = {
            "first": first.type,
            "text": await text_turn(connection),
            "audio": await audio_turn(connection, speech),
            "tool": await tool_turn(connection),
        }
    print(json.dumps(result))


asyncio.run(main(*sys.argv[1:]))
