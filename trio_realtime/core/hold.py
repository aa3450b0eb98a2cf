"""Audio that waits for its words to be checked.

A *passage* is the audio that came between two pieces of text. It may be heard once a check has passed on text that
came after it, or when the final check has passed. Pure: times are handed in, in seconds; what keeps a passage back is a
token of whoever uses this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final, Generic, TypeVar

import attrs

__all__ = ["AudioHold"]

TokenT = TypeVar("TokenT")

_EARLY: Final = 0.5
"""The share of the longest hold after which a check is made without waiting for more text: the rest is for it."""


@attrs.define(eq=False)
class _Passage(Generic[TokenT]):
    """token: keeps it back. text: the place of the first text after it. since: when that came."""

    token: TokenT
    text: int | None = None
    since: float = inf


class AudioHold(Generic[TokenT]):
    """The passages of one response that may not be heard yet.

    Args:
        longest: seconds that a passage whose text is there may wait; None for as long as its check takes.
        hold: makes the token that keeps back a new passage and what follows it.
    """

    def __init__(self, longest: float | None, hold: Callable[[], TokenT]) -> None:
        self._longest = inf if longest is None else longest
        self._hold = hold
        self._passages: deque[_Passage[TokenT]] = deque()
        self._texts = 0
        self._asked = 0
        self._open = False

    def __bool__(self) -> bool:
        return bool(self._passages)

    def audio(self) -> None:
        """Audio has come: it belongs to the passage that goes on, or begins one."""
        if not self._open:
            self._open = True
            self._passages.append(_Passage(self._hold()))

    def words(self, now: float) -> None:
        """Text has come: the passage before it is complete, and may be heard when this text has passed."""
        self._texts += 1
        self._open = False
        if self._passages and self._passages[-1].text is None:
            self._passages[-1].text, self._passages[-1].since = self._texts, now

    def ask(self) -> int:
        """A check of all text up to now begins; give the place that it will have reached."""
        self._asked = self._texts
        return self._texts

    def passed(self, place: int) -> list[TokenT]:
        """A check that reached ``place`` has passed: give the tokens of what may be heard now, in order."""
        tokens: list[TokenT] = []
        while self._passages and (text := self._passages[0].text) is not None and text <= place:
            tokens.append(self._passages.popleft().token)
        return tokens

    def drop(self) -> list[TokenT]:
        """Give up all passages, passed by the final check or not wanted any more: give their tokens, in order."""
        tokens = [passage.token for passage in self._passages]
        self._passages.clear()
        self._open = False
        return tokens

    def due_at(self) -> float:
        """Give the time at which a check must be made of what no check has been asked for; ``inf`` for never."""
        waiting = (p.since for p in self._passages if p.text is not None and p.text > self._asked)
        return next(waiting, inf) + self._longest * _EARLY

    def expires_at(self) -> float:
        """Give the time by which the check of the passage that waits longest must have passed; ``inf`` for none."""
        return (self._passages[0].since if self._passages else inf) + self._longest
