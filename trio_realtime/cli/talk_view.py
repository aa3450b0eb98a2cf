"""What ``talk`` shows: transcripts as lines, and on a terminal a line with the level and the words of the moment."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Literal

from rich.live import Live
from rich.text import Text

from trio_realtime.cli.output import make_console, plain

__all__ = ["TalkView", "meter"]

_WIDTH: Final = 16
_FULL: Final = 6_000.0
_REFRESH_EVERY: Final = 4
"""Pieces of the microphone's audio, of 20 ms."""
_NAMES: Final = {"user": ("you", "bold blue"), "assistant": ("assistant", "bold green")}


def meter(level: float) -> str:
    """Give a bar for a loudness (root mean square of 16 bit samples)."""
    filled = min(_WIDTH, round(_WIDTH * math.sqrt(level / _FULL)))
    return "\u25ae" * filled + "\u25af" * (_WIDTH - filled)


class TalkView:
    """Prints; within ``with`` it keeps the last line of a terminal for the level."""

    def __init__(self) -> None:
        self._console = make_console()
        self._live: Live | None = None
        self._level = 0.0
        self._levels = 0
        self._state = ""
        self._partial: dict[str, str] = {}
        self._shown: set[str] = set()

    def __enter__(self) -> None:
        if self._console.is_terminal:
            # Refreshed here: a thread of its own would read what this one changes.
            self._live = Live(get_renderable=self._line, console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def _line(self) -> Text:
        words = plain(next(reversed(self._partial.values()), ""))
        line = Text.assemble((meter(self._level), "cyan"), " ", (self._state, "bold"), " ", (words, "dim"))
        line.truncate(max(20, self._console.width - 1))
        return line

    def level(self, level: float, *, playing: bool) -> None:
        """Show how loud the microphone is, and whether the agent speaks."""
        self._level = max(level, 0.7 * self._level)
        if self._state != "you speak":
            self._state = "agent speaks" if playing else ""
        self._levels += 1
        if self._live is not None and self._levels % _REFRESH_EVERY == 0:
            self._live.refresh()

    def hearing(self, *, on: bool) -> None:
        """Show that the service hears the user."""
        self._state = "you speak" if on else ""

    def note(self, text: str) -> None:
        """Say something beside the conversation."""
        self._console.print(Text(plain(text), style="dim"), soft_wrap=True)

    def words(self, item_id: str, text: str, *, final: bool) -> None:
        """Show the words of an item as they come."""
        self._partial[item_id] = text
        if final:
            del self._partial[item_id]

    def partial(self, item_id: str) -> str:
        """Give the words of an item that is not complete yet."""
        return self._partial.get(item_id, "")

    def said(self, role: Literal["user", "assistant"], item_id: str, text: str, *, cut: bool = False) -> None:
        """Print all words of an item, once; ``cut``: they are those that were heard of more."""
        self._partial.pop(item_id, None)
        if item_id in self._shown or not (text or cut):
            return
        self._shown.add(item_id)
        name, style = _NAMES[role]
        mark = ("  (interrupted)", "yellow") if cut else ""
        self._console.print(Text.assemble((f"{name}> ", style), plain(text), mark), soft_wrap=True)

    def latency(self, seconds: float) -> None:
        """Say how long an answer took."""
        self.note(f"  first sound {seconds * 1000:.0f} ms after the end of the turn")

    def summary(self, turns: Sequence[float], interruptions: int) -> None:
        """Say how it went."""
        if turns:
            text = f"{len(turns)} spoken turns, median {statistics.median(turns) * 1000:.0f} ms to the first sound, "
            self.note(f"{text}{interruptions} interruptions")
        else:
            self.note("no spoken turn was answered")
