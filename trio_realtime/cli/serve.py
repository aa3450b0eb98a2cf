"""The ``serve`` command: the local server in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Final

import trio

from trio_realtime import TransportConfig
from trio_realtime.cli.output import error_line, plain, until_signalled
from trio_realtime.cli.watch import watch_server
from trio_realtime.server import EchoEngine, Engine, LocalServer, RulesEngine

__all__ = ["EngineName", "run_serve"]

_CLOSE_SECONDS: Final = 0.5


class EngineName(StrEnum):
    """The engines that can be chosen by name."""

    RULES = "rules"
    ECHO = "echo"
    VOICE = "voice"


def _voice() -> Engine:
    from trio_realtime.server.voice import VoiceEngine

    return VoiceEngine()


_ENGINES: Final[Mapping[EngineName, Callable[[], Engine]]] = {
    EngineName.RULES: RulesEngine,
    EngineName.ECHO: EchoEngine,
    EngineName.VOICE: _voice,
}


def run_serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    engine: EngineName = EngineName.RULES,
    pace: float | None = 8.0,
    verbose: bool = False,
) -> int:
    """Serve until SIGINT or SIGTERM comes.

    Args:
        host: the address to bind.
        port: the port, or 0 for a free one.
        engine: what answers.
        pace: how many times faster than real time it speaks; None is as fast as possible.
        verbose: write every event to stderr.

    Returns:
        the exit code: 0 after a signal, 1 if the address cannot be used.

    Raises:
        UserError: the voice engine is asked for and its extra is not installed.
    """
    config = TransportConfig(close_timeout=_CLOSE_SECONDS)
    server = LocalServer(_ENGINES[engine](), pace=pace, config=config)
    try:
        trio.run(until_signalled, partial(_serve, server, host, port, verbose))
    except OSError as error:
        error_line(f"cannot listen on {host}, port {port}: {error.strerror or error}")
        return 1
    return 0


async def _serve(server: LocalServer, host: str, port: int, verbose: bool) -> None:
    async with server.serve(host, port) as address:
        # The first line is for programs too: its end is the URL, whatever the terminal is.
        print(f"trio_realtime local server: {address.url}", flush=True)
        print("Any key and any model name will do. Ctrl-C ends.", flush=True)
        if verbose:
            await watch_server(server, _write)
        await trio.sleep_forever()


def _write(line: str) -> None:
    print(plain(line), file=sys.stderr, flush=True)
