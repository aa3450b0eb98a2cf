"""What all commands share of the terminal: consoles, safe text, errors as one line, and an orderly end at a signal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from rich.console import Console
from rich.text import Text

from trio_realtime import HandshakeRejected, SessionClosed
from trio_realtime._urls import scrubbed

__all__ = ["error_line", "forgive_encoding", "make_console", "one_line", "plain", "until_signalled"]

T = TypeVar("T")


class _Console(Console):
    """A console that tells when nobody reads any more, as ``print`` does."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console(*, stderr: bool = False) -> Console:
    """Give a console that takes text as it is: no markup, no highlighting, no emoji codes."""
    return _Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def plain(text: str) -> str:
    """Give a text without the characters that could steer a terminal."""
    return "".join(
        char if char.isprintable() else " " if char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def one_line(error: BaseException) -> str:
    """Give an expected error as one line, with the cause where that says more, and without what looks like a secret."""
    if isinstance(error, SessionClosed) and error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(scrubbed(plain(str(error))).split()) or type(error).__name__
    if isinstance(error, HandshakeRejected):
        if error.status in {401, 403}:
            text += "; is the key right?"
        elif error.status == 429:
            text += "; too many requests, or no quota left"
    return text


def error_line(text: str) -> None:
    """Write an error to stderr, on one line however narrow the terminal is; what looks like a secret is left out."""
    make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), scrubbed(plain(text))), soft_wrap=True)


async def until_signalled(run: Callable[[], Awaitable[T]]) -> T | None:
    """Run ``run`` until it is done, or until SIGINT or SIGTERM comes, which cancels it.

    To be called in the main thread: Python gives signals to no other.

    Returns:
        what ``run`` returned; None if a signal came first.

    Raises:
        Exception: what ``run`` raised, as it is.
    """
    result: T | None = None
    failure: Exception | None = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                result = await run()
            except Exception as error:  # noqa: BLE001  parked: raised outside of the nursery, which would wrap it
                failure = error
            nursery.cancel_scope.cancel()
    try:
        if failure is not None:
            raise failure
    finally:
        del failure
    return result


def forgive_encoding() -> None:
    """Let characters that the terminal's encoding lacks be written as ``?`` instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
