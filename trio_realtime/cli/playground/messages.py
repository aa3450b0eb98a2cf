"""What the page is told of a session: events and items as plain JSON."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec.json

from trio_realtime import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeConnectionEvent,
    RealtimeError,
    RealtimeGuardrailTripped,
    RealtimeHandoffEvent,
    RealtimeInputAudioTimeoutTriggered,
    RealtimeItem,
    RealtimeSessionEvent,
    RealtimeToolApprovalRequired,
    RealtimeToolCallItem,
    RealtimeToolEnd,
    RealtimeToolStart,
    RealtimeTranscript,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
)
from trio_realtime._urls import scrubbed
from trio_realtime.cli.output import one_line

__all__ = ["Json", "audio_message", "told", "told_item"]

Json: TypeAlias = dict[str, Any]
"""A JSON object."""

_LONGEST: Final = 2_000
_LONGEST_WORDS: Final = 20_000


def told(event: RealtimeSessionEvent) -> Json | None:
    """Give what the page learns of an event; None for those that it learns of otherwise, or not at all."""
    describe = _DESCRIBED.get(type(event))
    return None if describe is None else {"type": event.type, **describe(event)}


def _transcript(event: RealtimeTranscript) -> Json:
    return {
        "role": event.role,
        "item_id": event.item_id,
        "response_id": event.response_id,
        "text": event.text[:_LONGEST_WORDS],
        "final": event.final,
        "error": None if event.error is None else event.error.message,
    }


def _agent_end(event: RealtimeAgentEndEvent) -> Json:
    return {
        "response_id": event.response_id,
        "agent": event.agent.name,
        "status": event.status,
        "reason": event.reason if event.error is None else event.error.message,
        "tokens": None if event.usage is None else event.usage.total_tokens,
    }


def _call(event: RealtimeToolStart | RealtimeToolApprovalRequired) -> Json:
    return {"call_id": event.call_id, "name": event.tool_name, "arguments": event.arguments[:_LONGEST]}


def _tool_end(event: RealtimeToolEnd) -> Json:
    return {
        "call_id": event.call_id,
        "name": event.tool_name,
        "output": str(event.output)[:_LONGEST],
        "error": None if event.error is None else one_line(event.error)[:_LONGEST],
    }


def _guardrail(event: RealtimeGuardrailTripped) -> Json:
    return {"response_id": event.response_id, "names": [one.guardrail.get_name() for one in event.guardrail_results]}


def _error(event: RealtimeError) -> Json:
    text = one_line(event.error) if isinstance(event.error, BaseException) else scrubbed(str(event.error))
    return {"text": text[:_LONGEST]}


_DESCRIBED: Final[Mapping[type[Any], Callable[[Any], Json]]] = {
    RealtimeTranscript: _transcript,
    RealtimeUserSpeechStarted: lambda event: {"item_id": event.item_id, "ms": event.audio_start_ms},
    RealtimeUserSpeechStopped: lambda event: {"item_id": event.item_id, "ms": event.audio_end_ms},
    RealtimeAudioInterrupted: lambda event: {"item_id": event.item_id, "response_id": event.response_id},
    RealtimeInputAudioTimeoutTriggered: lambda event: {"item_id": event.item_id},
    RealtimeAgentStartEvent: lambda event: {"response_id": event.response_id, "agent": event.agent.name},
    RealtimeAgentEndEvent: _agent_end,
    RealtimeToolStart: _call,
    RealtimeToolApprovalRequired: _call,
    RealtimeToolEnd: _tool_end,
    RealtimeHandoffEvent: lambda event: {"from": event.from_agent.name, "to": event.to_agent.name},
    RealtimeGuardrailTripped: _guardrail,
    RealtimeConnectionEvent: lambda event: {"status": event.status, "reason": event.reason, "attempt": event.attempt},
    RealtimeError: _error,
}


def told_item(item: RealtimeItem) -> Json:
    """Give an item of the history."""
    if isinstance(item, RealtimeToolCallItem):
        return {
            "id": item.item_id,
            "role": "tool",
            "name": item.name,
            "arguments": item.arguments[:_LONGEST],
            "output": None if item.output is None else item.output[:_LONGEST],
            "status": item.status,
        }
    parts: list[Any] = list(item.content)
    words = [getattr(part, "text", None) or getattr(part, "transcript", None) or "" for part in parts]
    return {
        "id": item.item_id,
        "role": item.role,
        "text": " ".join(filter(None, words))[:_LONGEST_WORDS],
        "status": getattr(item, "status", None),
    }


def audio_message(event: RealtimeAudio) -> bytes:
    """Give the agent's audio as a binary message: the size of the header (four bytes), the header, the samples.

    The header is JSON with the item's id and the content index.
    """
    header = msgspec.json.encode({"id": event.item_id, "index": event.content_index})
    return struct.pack("<I", len(header)) + header + event.audio.data
