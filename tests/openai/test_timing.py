from __future__ import annotations

import json

import pytest

from trio_realtime.model_events import RealtimeModelOtherEvent, RealtimeModelTranscriptTimingEvent
from trio_realtime.openai.protocol import OpenAIProtocol

EVENT = {
    "type": "response.audio_timestamp.delta",
    "response_id": "r",
    "item_id": "a",
    "content_index": 1,
    "audio_offset_ms": 490,
    "audio_duration_ms": 387.5,
    "text": "end",
    "timestamp_type": "word",
}


def receive(event):
    return OpenAIProtocol().receive(json.dumps(event), 3.0)


def test_times_of_words():
    other, timing = receive(EVENT)
    assert isinstance(other, RealtimeModelOtherEvent)
    assert timing == RealtimeModelTranscriptTimingEvent(
        received_at=3.0, item_id="a", text="end", audio_start_ms=490, audio_end_ms=877.5, content_index=1
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("item_id", 5), ("text", None), ("content_index", "x"), ("audio_offset_ms", -1), ("audio_duration_ms", True)],
)
def test_what_is_not_as_expected_passes_through(field, value):
    (other,) = receive({**EVENT, field: value})
    assert isinstance(other, RealtimeModelOtherEvent)
