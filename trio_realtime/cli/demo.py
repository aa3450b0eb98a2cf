"""The ``demo`` command: one whole conversation, watched and checked."""

from __future__ import annotations

import os
from functools import partial
from typing import Final

import attrs
import trio

from trio_realtime import OpenAIRealtimeWebSocketModel
from trio_realtime.cli.call_steps import SPOKEN, Voice
from trio_realtime.cli.conversation import (
    LIVE,
    LOCAL,
    demo_server,
    recorded_voice,
    run_conversation,
    synthetic_voice,
)
from trio_realtime.cli.output import error_line, make_console, until_signalled
from trio_realtime.cli.steps import Outcome
from trio_realtime.cli.view import DemoView
from trio_realtime.server import LocalServer
from trio_realtime.server.voice import VoiceEngine, voice_available

__all__ = ["VOICE_SPEED", "run_demo"]

VOICE_SPEED: Final = 6.0
"""How many times faster than real time the voice engine goes: it has to listen and think on the way."""
_CALLER: Final = "echo"


def run_demo(*, live: bool = False, speed: float | None = None) -> int:
    """Run the conversation and print it.

    Args:
        live: on OpenAI's service, with the environment's key; else on a local server, whatever the environment says.
        speed: how many times faster than real time it goes on the local server; by default 12, and 6 with real speech.

    Returns:
        the exit code: 0 if everything happened as expected, 1 if not, 2 without a key, 130 if it was interrupted.
    """
    if live and not os.environ.get("OPENAI_API_KEY"):
        error_line("--live needs a key in OPENAI_API_KEY")
        return 2
    view = DemoView(console := make_console())
    console.print("A phone call to the Harbour Hotel", style="bold")
    outcome = trio.run(until_signalled, partial(_live, view) if live else partial(_local, view, speed))
    if outcome is None:
        error_line("interrupted")
        return 130
    view.summary(outcome)
    return 0 if outcome.ok else 1


async def _live(view: DemoView) -> Outcome:
    view.note("on OpenAI's service, in real time; the caller's voice is the agent's own, played back")
    return await run_conversation(OpenAIRealtimeWebSocketModel(), {}, view, pace=LIVE, voice=recorded_voice)


async def _local(view: DemoView, speed: float | None) -> Outcome:
    if voice_available():
        return await _spoken(view, speed or VOICE_SPEED)
    view.note("the voices are tones; with the extra 'voice' they would speak")
    return await _hold(view, speed or LOCAL.speed, demo_server(speed or LOCAL.speed), synthetic_voice)


async def _spoken(view: DemoView, speed: float) -> Outcome:
    view.note("with the voice engine: what is said aloud is real speech, and understood")
    engine = VoiceEngine()
    aloud = {words: (await engine.speak(words, voice=_CALLER)).pcm for words in SPOKEN}
    return await _hold(view, speed, demo_server(speed, engine=engine), lambda words, _: aloud[words])


async def _hold(view: DemoView, speed: float, server: LocalServer, voice: Voice) -> Outcome:
    slower = max(1.0, LOCAL.speed / speed)
    pace = attrs.evolve(
        LOCAL, speed=speed, step_seconds=LOCAL.step_seconds * slower, total_seconds=LOCAL.total_seconds * slower
    )
    async with server.serve() as address:
        view.note(f"on the local server {address.url}, at {speed:g} times real time")
        config = {"url": address.url, "api_key": "local"}
        return await run_conversation(OpenAIRealtimeWebSocketModel(), config, view, pace=pace, voice=voice)
