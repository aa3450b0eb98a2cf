"""What the examples share: where the conversation is held, and reading an item's words."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import trio

from trio_realtime import AgentsException, AssistantMessageItem, RealtimeItem, RealtimeModelConfig
from trio_realtime._urls import scrubbed
from trio_realtime.server import LocalServer

__all__ = ["place", "run_example", "words_of"]


@asynccontextmanager
async def place(url: str | None = None) -> AsyncGenerator[RealtimeModelConfig, None]:
    """Give what to connect with, for the length of a block.

    Args:
        url: a server's address; without it OpenAI's service if ``OPENAI_API_KEY`` is set, else a local server that
            lives as long as the block.
    """
    if url is not None or os.environ.get("OPENAI_API_KEY"):
        yield RealtimeModelConfig(url=url)
    else:
        async with LocalServer().serve() as address:
            yield RealtimeModelConfig(url=address.url)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(scrubbed(message))  # it repeats what it does not know, which may be an address


def run_example(main: Callable[[RealtimeModelConfig], Awaitable[None]]) -> None:
    """Run an example as a program, which takes ``--url``."""
    about = (sys.modules[main.__module__].__doc__ or "").partition("\n")[0]
    parser = _Parser(description=about)
    parser.add_argument("--url", help="a server's address, such as ws://127.0.0.1:8765/v1/realtime")
    url: str | None = parser.parse_args().url

    async def hold() -> None:
        async with place(url) as model_config:
            await main(model_config)

    try:
        trio.run(hold)
    except AgentsException as error:
        sys.exit(f"error: {scrubbed(str(error))}")
    except KeyboardInterrupt:
        sys.exit(130)


def words_of(item: RealtimeItem | None) -> str | None:
    """Give the words of an agent's message; None for anything else."""
    if not isinstance(item, AssistantMessageItem):
        return None
    parts = [part.text if part.type == "text" else part.transcript for part in item.content]
    return " ".join(filter(None, parts))
