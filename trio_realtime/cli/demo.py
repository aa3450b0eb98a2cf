"""The ``demo`` command: one whole conversation, watched and checked."""

from __future__ import annotations

import os
from functools import partial

import attrs
import trio

from trio_realtime import OpenAIRealtimeWebSocketModel
from trio_realtime.cli.conversation import LIVE, LOCAL, demo_server, recorded_voice, run_conversation
from trio_realtime.cli.output import error_line, make_console, until_signalled
from trio_realtime.cli.steps import Outcome
from trio_realtime.cli.view import DemoView

__all__ = ["run_demo"]


def run_demo(*, live: bool = False, speed: float = LOCAL.speed) -> int:
    """Run the conversation and print it.

    Args:
        live: on OpenAI's service, with the environment's key; else on a local server, whatever the environment says.
        speed: how many times faster than real time it goes on the local server.

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


async def _local(view: DemoView, speed: float) -> Outcome:
    slower = max(1.0, LOCAL.speed / speed)
    pace = attrs.evolve(
        LOCAL, speed=speed, step_seconds=LOCAL.step_seconds * slower, total_seconds=LOCAL.total_seconds * slower
    )
    async with demo_server(speed).serve() as address:
        view.note(f"on the local server {address.url}, at {speed:g} times real time")
        config = {"url": address.url, "api_key": "local"}
        return await run_conversation(OpenAIRealtimeWebSocketModel(), config, view, pace=pace)
