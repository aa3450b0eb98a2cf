"""What an engine thinks of the pauses of one user: asked for one after another, the newest first of all."""

from __future__ import annotations

import attrs
import trio

from trio_realtime.server.actions import Consider
from trio_realtime.server.engines.base import Considered, Transcript

__all__ = ["Thoughts"]


@attrs.define(eq=False)
class _Thought:
    """One pause; ``done`` is set when there is an answer, or none will come."""

    action: Consider
    done: trio.Event = attrs.field(factory=trio.Event)
    result: Considered | None = None


class Thoughts:
    """At most one pause is being thought about, and at most one waits; a newer one takes its place."""

    def __init__(self) -> None:
        self._current: _Thought | None = None
        self._waiting: _Thought | None = None
        self._busy = False

    def want(self, action: Consider) -> bool:
        """Have a pause thought about; whether somebody must begin (nobody is at it)."""
        thought = _Thought(action)
        if self._waiting is not None:
            self._waiting.done.set()
        self._waiting = thought
        begin, self._busy = not self._busy, True
        return begin

    def next(self) -> Consider | None:
        """Give the pause to think about now; None if there is none."""
        if self._waiting is None:
            self._busy = False
            return None
        self._current, self._waiting = self._waiting, None
        return self._current.action

    def put(self, action: Consider, considered: Considered) -> None:
        """Give the answer for a pause."""
        if self._current is not None and self._current.action is action:
            self._current.result = considered
            self._current.done.set()

    async def wait(self, pause: int | None) -> Transcript | None:
        """Give the words of a pause, waiting for them if they are on their way; None if they must be asked for."""
        for thought in (self._current, self._waiting):
            if thought is not None and thought.action.pause == pause:
                await thought.done.wait()
                return None if thought.result is None or thought.result.transcript.error else thought.result.transcript
        return None
