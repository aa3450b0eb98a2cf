"""What a conversation reports while it runs, and what it comes to. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

__all__ = ["Noted", "Numbers", "Outcome", "Report", "Said", "StepBegun", "StepEnded", "StepResult", "Unexpected"]


class Unexpected(Exception):
    """Something that a step expected did not happen; the text says what."""


@attrs.frozen
class StepBegun:
    """A step begins."""

    number: int
    title: str


@attrs.frozen(kw_only=True)
class Said:
    """Somebody has said something.

    Attributes:
        speaker: the agent's name, or ``"Caller"``.
        text: the words.
        spoken: aloud; else typed.
        cut: the rest was never heard.
    """

    speaker: str
    text: str
    spoken: bool = True
    cut: bool = False


@attrs.frozen
class Noted:
    """Something has happened."""

    kind: Literal["connection", "tool", "approval", "handoff", "guardrail", "interruption", "error"]
    text: str


@attrs.frozen(kw_only=True)
class StepResult:
    """How a step ended.

    Attributes:
        title: what it was.
        ok: everything happened that was expected.
        detail: what happened, or what did not.
        seconds: how long it took, on the trio clock.
    """

    title: str
    ok: bool
    detail: str
    seconds: float = 0.0


@attrs.frozen
class StepEnded:
    """A step has ended."""

    result: StepResult


Report: TypeAlias = StepBegun | Said | Noted | StepEnded
"""What is told while a conversation runs."""


@attrs.frozen(kw_only=True)
class Numbers:
    """What a conversation came to. Times are seconds.

    Attributes:
        turns: responses that ended.
        events: session events that were read.
        audio_in, audio_out, audio_heard: speech of the caller; of the agents, received and really played.
        first_audio: from each question to the first audio of its answer, where no tool stood between.
        tools: from the start to the end of each tool that was run.
        interruptions: from the caller's first sound to the word that the agent was interrupted.
        late_audio: audio events that followed an interruption of their response (there must be none).
        handoffs, guardrail_trips, history_items: counts.
        input_tokens, output_tokens: counts.
        seconds: the whole conversation.
    """

    turns: int = 0
    events: int = 0
    audio_in: float = 0.0
    audio_out: float = 0.0
    audio_heard: float = 0.0
    first_audio: Sequence[float] = ()
    tools: Sequence[float] = ()
    interruptions: Sequence[float] = ()
    late_audio: int = 0
    handoffs: int = 0
    guardrail_trips: int = 0
    history_items: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of a conversation.

    Attributes:
        steps: every step, those that were not reached included.
        numbers: what it came to.
    """

    steps: tuple[StepResult, ...]
    numbers: Numbers

    @property
    def ok(self) -> bool:
        """Whether everything happened that was expected."""
        return all(step.ok for step in self.steps)
