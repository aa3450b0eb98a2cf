"""Runs examples: in memory, or as a program of its own."""

from __future__ import annotations

import os
import sys
from functools import partial

import trio

from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeModelConfig, runner
from trio_realtime.server import LocalServer


async def in_memory(main, monkeypatch, capsys):
    """Give the lines that an example prints when it talks to a local server in memory."""
    server = LocalServer(pace=None)
    model = partial(OpenAIRealtimeWebSocketModel, transport=server.connector)
    monkeypatch.setattr(runner, "OpenAIRealtimeWebSocketModel", model)
    with trio.fail_after(60):
        await main(RealtimeModelConfig(url="ws://localhost/v1/realtime"))
    return capsys.readouterr().out.splitlines()


async def as_program(name, *arguments):
    """Give the lines that ``python -m`` prints, without a key in the environment."""
    environment = {key: value for key, value in os.environ.items() if key != "OPENAI_API_KEY"}
    with trio.fail_after(60):
        done = await trio.run_process(
            [sys.executable, "-m", f"trio_realtime.examples.{name}", *arguments],
            env=environment,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout.decode().splitlines()
