"""The events of input audio transcription."""

from __future__ import annotations

import re
from typing import Any

from trio_realtime.server.audio import AudioClip
from trio_realtime.server.conversation import text_tokens
from trio_realtime.server.engines.base import Transcript
from trio_realtime.server.settings import Json

__all__ = ["transcription_events"]

_PREFIX = "conversation.item.input_audio_transcription"


def transcription_events(
    transcript: Transcript, item_id: str, clip: AudioClip, *, model: str | None
) -> list[tuple[str, dict[str, Any]]]:
    """Give type and fields of the events for a transcript: deltas of a few words and ``completed``, or ``failed``.

    ``whisper-1`` gives no deltas and counts seconds, the other models count tokens.
    """
    place: Json = {"item_id": item_id, "content_index": 0}
    if transcript.error is not None:
        error = {
            "type": "transcription_error",
            "code": "audio_unintelligible",
            "message": transcript.error,
            "param": None,
        }
        return [(f"{_PREFIX}.failed", {**place, "error": error})]
    pieces = [] if model == "whisper-1" else re.findall(r"\s*\S+(?:\s+\S+)?", transcript.text)
    events: list[tuple[str, dict[str, Any]]] = [
        (f"{_PREFIX}.delta", {**place, "delta": piece, "obfuscation": piece[::-1].strip()[:8]}) for piece in pieces
    ]
    usage = _usage(transcript.text, clip, model)
    events.append((f"{_PREFIX}.completed", {**place, "transcript": transcript.text, "usage": usage}))
    return events


def _usage(text: str, clip: AudioClip, model: str | None) -> Json:
    if model == "whisper-1":
        return {"type": "duration", "seconds": round(clip.seconds, 3)}
    heard, said = round(clip.seconds * 10), text_tokens(text)
    return {
        "type": "tokens",
        "total_tokens": heard + said,
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": said,
    }
