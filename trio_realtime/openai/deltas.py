"""Pieces of speech and of words, which are nearly all that a server sends: from the message to the model event at once.

What it gives is what the general way gives, by way of a dict and a typed server event, for less than half. A message
that it cannot read, or that does not begin with its type as the service's do, is left to that way, which also knows
what is wrong with it. Only what it does not look at is not found wrong here: a number out of range in a field that this
library has no use for, a second type.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final, TypeAlias

import msgspec
import pybase64

from trio_realtime.model_events import (
    RealtimeModelAudioEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelTranscriptDeltaEvent,
)
from trio_realtime.openai._strict import MAX_INDEX

__all__ = ["Delta", "decode_delta"]

Delta: TypeAlias = RealtimeModelAudioEvent | RealtimeModelTranscriptDeltaEvent | RealtimeModelOutputTextDeltaEvent


class _Fields(msgspec.Struct):
    """What they all have. Strict, as :mod:`trio_realtime.openai._strict` is; unknown fields pass."""

    response_id: str
    item_id: str
    output_index: int
    content_index: Annotated[int, msgspec.Meta(ge=0, le=MAX_INDEX)]
    delta: str
    event_id: str | None = None


def _audio(fields: _Fields, now: float) -> RealtimeModelAudioEvent:
    return RealtimeModelAudioEvent(
        received_at=now,
        data=pybase64.b64decode(fields.delta, validate=True),
        response_id=fields.response_id,
        item_id=fields.item_id,
        content_index=fields.content_index,
    )


def _words(
    kind: type[RealtimeModelTranscriptDeltaEvent | RealtimeModelOutputTextDeltaEvent], fields: _Fields, now: float
) -> RealtimeModelTranscriptDeltaEvent | RealtimeModelOutputTextDeltaEvent:
    return kind(
        received_at=now,
        item_id=fields.item_id,
        delta=fields.delta,
        response_id=fields.response_id,
        content_index=fields.content_index,
    )


_type: Final = re.compile(r'\{\s*"type"\s*:\s*"([^"\\]*)"').match
_MAKE: Final[dict[str, Callable[[_Fields, float], Delta]]] = {
    "response.output_audio.delta": _audio,
    "response.output_audio_transcript.delta": partial(_words, RealtimeModelTranscriptDeltaEvent),
    "response.output_text.delta": partial(_words, RealtimeModelOutputTextDeltaEvent),
}
_decode: Final = msgspec.json.Decoder(_Fields).decode


def decode_delta(message: str, now: float) -> Delta | None:
    """Give what a message means that arrived at ``now``, if it is such a piece; None leaves it to the general way."""
    found = _type(message)
    make = None if found is None else _MAKE.get(found[1])
    if make is None:
        return None
    try:
        return make(_decode(message), now)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
