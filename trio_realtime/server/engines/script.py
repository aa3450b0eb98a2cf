"""An engine that follows a written conversation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeAlias

import attrs

from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.server.audio import AudioClip
from trio_realtime.server.engines.base import (
    CallTool,
    Engine,
    EngineRequest,
    EngineStep,
    Fail,
    Incomplete,
    Pause,
    Say,
    Transcript,
)

__all__ = ["ScriptEngine", "ScriptTurn", "Turn"]


@attrs.frozen(init=False)
class Turn:
    """One response of a script: its steps in order.

    Attributes:
        steps: what the response does; none at all is a response that completes with no output.
        user: the words of the user's audio that this turn answers.
    """

    steps: tuple[EngineStep, ...]
    user: Transcript | None

    def __init__(self, *steps: EngineStep | str, user: str | Transcript | None = None) -> None:
        made = tuple(Say(step) if isinstance(step, str) else step for step in steps)
        for step in made:
            if not isinstance(step, (Say, CallTool, Pause, Fail, Incomplete)):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise UserTypeError(f"a step of a script must be a string or an engine step, not {step!r}")
        object.__setattr__(self, "steps", made)
        object.__setattr__(self, "user", Transcript(user) if isinstance(user, str) else user)


ScriptTurn: TypeAlias = "Turn | EngineStep | str | Sequence[EngineStep | str]"
"""A turn, or what makes one: a reply, one step, or several steps (parallel tool calls, for instance)."""


def _turn(value: ScriptTurn) -> Turn:
    if isinstance(value, Turn):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Turn(*value)
    return Turn(value)


class ScriptEngine(Engine):
    """Answers the first response with the first turn, the second with the second, and so on.

    Responses outside of the conversation take their turn as well. After the last turn every response fails with code
    ``script_exhausted``.

    Args:
        turns: the written conversation.
        restart: True: each connection begins at the first turn; False: all connections share one course, so that a
            conversation can go on after a reconnect.

    Raises:
        UserError: no turns. UserTypeError: something that is no step.
    """

    def __init__(self, turns: Iterable[ScriptTurn], *, restart: bool = True) -> None:
        self._turns = [_turn(value) for value in turns]
        if not self._turns:
            raise UserError("a script needs at least one turn")
        self._restart = restart
        self._next = 0
        self._next_user = 0

    def open(self) -> Engine:
        """Give an engine at the first turn, or this one if the course is shared."""
        return ScriptEngine(self._turns) if self._restart else self

    @property
    def remaining(self) -> int:
        """How many turns were not taken yet."""
        return len(self._turns) - self._next

    async def respond(self, request: EngineRequest) -> AsyncIterator[EngineStep]:
        """Take the next turn, whatever is asked."""
        del request
        if not self.remaining:
            yield Fail("The script has no more turns.", code="script_exhausted")
            return
        turn = self._turns[self._next]
        self._next += 1
        for step in turn.steps:
            yield step

    async def transcribe(self, audio: AudioClip) -> str | Transcript:
        """Give the ``user`` words of the next turn that has any."""
        position = max(self._next_user, self._next)
        for index in range(position, len(self._turns)):
            words = self._turns[index].user
            if words is not None:
                self._next_user = index + 1
                return words
        return await super().transcribe(audio)
