"""Times of words in the model's speech: an event of some compatible services, beside the protocol's own.

Source: the documentation of Azure's voice service, ``response.audio_timestamp.delta`` with ``timestamp_type`` "word".
"""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from trio_realtime.model_events import RealtimeModelEvent, RealtimeModelTranscriptTimingEvent
from trio_realtime.openai.server_event import UnknownServerEvent

__all__ = ["TIMING", "timing_events"]

TIMING: Final = "response.audio_timestamp.delta"


def timing_events(event: UnknownServerEvent, now: float) -> list[RealtimeModelEvent]:
    """Give the times that an event tells; none if it has not the expected fields."""
    data = event.data
    item_id, text, index = data.get("item_id"), data.get("text"), data.get("content_index", 0)
    offset, duration = data.get("audio_offset_ms"), data.get("audio_duration_ms")
    if not (isinstance(item_id, str) and isinstance(text, str) and isinstance(index, int)):
        return []
    if not (_is_length(offset) and _is_length(duration)):
        return []
    times = RealtimeModelTranscriptTimingEvent(
        received_at=now,
        item_id=item_id,
        text=text,
        audio_start_ms=offset,
        audio_end_ms=offset + duration,
        content_index=index,
    )
    return [times]


def _is_length(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
