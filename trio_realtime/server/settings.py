"""The session object: its defaults, and how a ``session.update`` changes it.

Source: the session object of a recorded GA session, and the field documentation of the official types.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from trio_realtime.audio import PCM16, AudioFormat, parse_audio_format

__all__ = ["DEFAULT_MODEL", "Json", "audio_format", "default_session", "merge_session", "section"]

Json: TypeAlias = dict[str, Any]
"""A JSON object."""

DEFAULT_MODEL: Final = "gpt-realtime"
"""The model of a connection whose query names none."""

_INSTRUCTIONS: Final = "Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI."
_VAD: Final[Mapping[str, Json]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}
_CLEARABLE: Final = frozenset({"tracing", "prompt", "include", "reasoning"})
_CLEARABLE_INPUT: Final = frozenset({"transcription", "noise_reduction", "turn_detection"})


def _default_input() -> Json:
    return {
        "format": PCM16.to_wire(),
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": dict(_VAD["server_vad"]),
    }


def default_session(session_id: str, *, model: str, expires_at: int, transcription: bool = False) -> Json:
    """Give the session object of a new connection; ``expires_at`` is in unix seconds."""
    if transcription:
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": session_id,
            "expires_at": expires_at,
            "audio": {"input": _default_input()},
            "include": None,
        }
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": _INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": _default_input(),
            "output": {"format": PCM16.to_wire(), "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def merge_session(session: Mapping[str, Any], update: Mapping[str, Any]) -> Json:
    """Give a new session object with the fields of a (checked) update in it.

    What the update leaves out stays. Null clears ``transcription``, ``noise_reduction``, ``turn_detection``,
    ``tracing``, ``prompt``, ``include`` and ``reasoning``, and changes nothing anywhere else.
    """
    merged = copy.deepcopy(dict(session))
    for key, value in update.items():
        if key in {"type", "audio"} or (value is None and key not in _CLEARABLE):
            continue
        merged[key] = copy.deepcopy(value)
    if "tools" in merged:
        merged["tools"] = [_tool(tool) for tool in merged["tools"]]
    for side in ("input", "output"):
        for key, value in section(update, "audio", side).items():
            if value is not None or key in _CLEARABLE_INPUT:
                merged["audio"][side][key] = _audio_field(key, value)
    return merged


def section(value: Mapping[str, Any], *path: str) -> Json:
    """Give the object at a path of an object; an empty one where it is missing or null."""
    found: Any = value
    for key in path:
        found = found.get(key) or {}
    section: Json = found
    return section


def _tool(tool: Mapping[str, Any]) -> Json:
    return {"type": "function", **copy.deepcopy(dict(tool))}


def _audio_field(key: str, value: Any) -> Any:
    if key == "format":
        return audio_format(value).to_wire()
    if key == "turn_detection" and value is not None:
        given = {name: field for name, field in value.items() if field is not None}
        return {**_VAD[value["type"]], **given}
    return copy.deepcopy(value)


def audio_format(value: Mapping[str, Any]) -> AudioFormat:
    """Give the format that a format object of the protocol names; PCM is always 24 kHz."""
    return parse_audio_format(value) or PCM16
