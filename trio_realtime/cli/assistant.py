"""The agent of ``talk`` and ``playground``, and where it is found: this machine's voice, or a service."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs

from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeModel, function_tool
from trio_realtime._urls import host_of, shown_url
from trio_realtime.cli.sample_tools import LOOPBACK, roll_dice, tell_time
from trio_realtime.server import LocalServer
from trio_realtime.server.voice import VoiceEngine
from trio_realtime.transport.base import Connector
from trio_realtime.transport.trio_websocket import connect

__all__ = ["Place", "assistant", "speech_settings", "voice_service"]

_PACE: Final = 8.0
_STORY: Final = (
    "A long time ago a small boat came into the harbour in a storm. On board was a cook who had lost everything but a "
    "copper pot. He made a soup for everybody who had helped him, and they liked it so much that he stayed. The pot "
    "still hangs above the door, and on the first night of every winter it is filled to the brim."
)


@function_tool
async def get_weather(city: str) -> str:
    """Look up the weather of a city (invented).

    Args:
        city: where.
    """
    sky = ("sunny", "cloudy", "rainy", "windy")[sum(city.encode()) % 4]
    return f"It is {sky} in {city}."


@function_tool
async def tell_story() -> str:
    """Tell a long story, which can be interrupted."""
    return _STORY


@function_tool(needs_approval=True)
async def book_table(people: int) -> str:
    """Book a table at the restaurant (invented).

    Args:
        people: how many people.
    """
    return f"A table for {people} is booked."


def assistant() -> RealtimeAgent[Any]:
    """Give the agent; booking a table needs an approval."""
    return RealtimeAgent(
        name="Assistant",
        instructions="You are a friendly voice assistant. Answer in a sentence or two. Use your tools where they help.",
        tools=[tell_time, roll_dice, get_weather, tell_story, book_table],
    )


def speech_settings(*, voice: str | None = None) -> dict[str, Any]:
    """Give the model settings of a spoken conversation."""
    settings: dict[str, Any] = {
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 500, "interrupt_response": True},
        "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
    }
    return settings if voice is None else {**settings, "voice": voice}


@attrs.frozen
class Place:
    """Where a conversation is held.

    Attributes:
        words: that, for people.
        connector: what opens connections there.
        config: what to connect with.
        local: in this process.
    """

    words: str
    connector: Connector = connect
    config: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    local: bool = False

    def model(self) -> RealtimeModel:
        """Give what to talk through."""
        return OpenAIRealtimeWebSocketModel(transport=self.connector)


@asynccontextmanager
async def voice_service(
    *, url: str | None = None, local: bool = False, speed: float = 1.0
) -> AsyncGenerator[Place, None]:
    """Choose where to talk; a server in this process, reached over memory, lives as long as the block.

    Args:
        url: this endpoint.
        local: this machine, whatever the environment says.
        speed: how many times faster than real time a local server speaks and hears.

    Raises:
        UserError: there is neither a key nor the extra ``voice``.
    """
    if url is not None:
        config: dict[str, Any] = {"url": url}
        if not os.environ.get("OPENAI_API_KEY"):
            loopback = host_of(url) in LOOPBACK
            config["api_key" if loopback else "headers"] = "local" if loopback else {}
        yield Place(f"Connecting to {shown_url(url)}", config=config)
        return
    if os.environ.get("OPENAI_API_KEY") and not local:
        yield Place("Connecting to OpenAI")
        return
    who = "A voice engine" if local else "OPENAI_API_KEY is not set: a voice engine"
    server = LocalServer(VoiceEngine(), pace=_PACE * speed)
    await server.engine.prepare()
    words = f"{who} on this machine answers, by simple rules. No network is used."
    yield Place(words, server.connector, {"api_key": "local"}, local=True)
