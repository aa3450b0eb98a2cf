"""What the state machine gives back: server events, and actions for whoever drives it."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from trio_realtime.server.audio import AudioClip
from trio_realtime.server.engines.base import EngineStep
from trio_realtime.server.settings import Json

__all__ = ["Action", "Close", "Consider", "StartResponse", "Step", "StopResponse", "Transcribe"]


@attrs.frozen
class StartResponse:
    """Ask the engine to fill this response; or take ``steps`` where they are given."""

    response_id: str
    steps: tuple[EngineStep, ...] | None = None


@attrs.frozen
class StopResponse:
    """This response has ended: stop the engine."""

    response_id: str


@attrs.frozen
class Transcribe:
    """Ask the engine for the words in this item; ``announce`` if the client wants to see them.

    ``pause``: the words were asked for at this pause already.
    """

    item_id: str
    clip: AudioClip
    announce: bool
    pause: int | None = None


@attrs.frozen
class Consider:
    """Ask the engine what it thinks of a turn that may be over."""

    pause: int
    clip: AudioClip


@attrs.frozen
class Close:
    """Close the connection after what was sent."""

    code: int
    reason: str


Action: TypeAlias = StartResponse | StopResponse | Transcribe | Consider | Close
"""What the state machine wants done."""


@attrs.define
class Step:
    """What one input causes.

    Attributes:
        events: server events, to be sent in this order.
        actions: to be done when the events are on their way.
    """

    events: list[Json] = attrs.field(factory=list[Json])
    actions: list[Action] = attrs.field(factory=list["Action"])
