"""The protocol at a glance: what each server event leads to, and what sends each client event.

``python -m trio_realtime.openai.tables`` prints the README's section.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from trio_realtime.openai.client_events import CLIENT_EVENTS
from trio_realtime.openai.server_events import SERVER_EVENTS

__all__ = ["MODEL_EVENTS", "SENT_BY", "SESSION_EVENTS", "protocol_section"]

MODEL_EVENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "error": ("error", "config_rejected", "exception"),
        "session.updated": ("session_updated",),
        "conversation.item.created": ("item_updated",),
        "conversation.item.added": ("item_updated",),
        "conversation.item.done": ("item_updated", "mcp_call", "mcp_approval_requested"),
        "conversation.item.retrieved": ("item_updated",),
        "conversation.item.deleted": ("item_deleted",),
        "conversation.item.truncated": ("item_truncated",),
        "conversation.item.input_audio_transcription.delta": ("input_audio_transcription_delta",),
        "conversation.item.input_audio_transcription.completed": ("input_audio_transcription_completed",),
        "conversation.item.input_audio_transcription.failed": ("input_audio_transcription_failed",),
        "input_audio_buffer.committed": ("item_updated",),
        "input_audio_buffer.speech_started": ("speech_started",),
        "input_audio_buffer.speech_stopped": ("speech_stopped",),
        "input_audio_buffer.timeout_triggered": ("input_audio_timeout_triggered",),
        "input_audio_buffer.dtmf_event_received": ("dtmf",),
        "rate_limits.updated": ("rate_limits",),
        "response.created": ("turn_started",),
        "response.done": ("usage", "turn_ended", "exception"),
        "response.output_item.added": ("item_updated",),
        "response.output_item.done": ("item_updated", "function_call", "mcp_call", "mcp_approval_requested"),
        "response.output_text.delta": ("output_text_delta",),
        "response.output_text.done": ("output_text_done",),
        "response.output_audio.delta": ("audio",),
        "response.output_audio.done": ("audio_done",),
        "response.output_audio_transcript.delta": ("transcript_delta",),
        "response.output_audio_transcript.done": ("transcript_done",),
        "mcp_list_tools.in_progress": ("mcp_list_tools",),
        "mcp_list_tools.completed": ("mcp_list_tools",),
        "mcp_list_tools.failed": ("mcp_list_tools",),
        "response.mcp_call.in_progress": ("mcp_call",),
    }
)
"""The types of the model events that a server event can lead to; none for a type that is not here."""

SESSION_EVENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "audio": ("audio",),
        "audio_done": ("audio_end",),
        "dtmf": ("dtmf",),
        "error": ("error",),
        "function_call": ("tool_approval_required", "tool_start", "tool_end", "handoff"),
        "input_audio_timeout_triggered": ("input_audio_timeout_triggered",),
        "input_audio_transcription_completed": ("transcript", "history_updated", "input_guardrail_tripped"),
        "input_audio_transcription_delta": ("transcript",),
        "input_audio_transcription_failed": ("transcript", "input_guardrail_tripped"),
        "item_deleted": ("history_updated",),
        "item_updated": ("history_added", "history_updated"),
        "mcp_approval_requested": ("tool_approval_required",),
        "mcp_call": ("tool_start", "tool_end"),
        "mcp_list_tools": ("error",),
        "output_text_delta": ("transcript", "guardrail_tripped"),
        "output_text_done": ("transcript", "history_updated"),
        "rate_limits": ("rate_limits",),
        "speech_started": ("audio_interrupted", "user_speech_started"),
        "speech_stopped": ("user_speech_stopped",),
        "transcript_delta": ("transcript", "guardrail_tripped"),
        "transcript_done": ("transcript", "history_updated"),
        "turn_ended": ("agent_end", "error", "guardrail_tripped"),
        "turn_started": ("agent_start",),
    }
)
"""The types of the session events that a model event can lead to; none for a type that is not here."""

_ONLY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "mcp_list_tools.in_progress": (),
        "mcp_list_tools.completed": (),
        "response.mcp_call.in_progress": ("tool_start",),
    }
)
"""Where not every session event of a model event can follow."""

_INSTEAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "session.created": "the session's settings are sent",
        "session.updated": "`run`, `update_agent` and a handoff go on",
        "conversation.item.truncated": "the history was cut at the interruption",
        "response.function_call_arguments.done": "the call is run when its item is done",
        "response.mcp_call_arguments.done": "in the call's `tool_start`",
        "response.mcp_call.failed": "in the call's `tool_end`, when its item is done",
        "response.mcp_call.completed": "in the call's `tool_end`, when its item is done",
    }
)
"""What happens that is no event."""

SENT_BY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "session.update": "entering a session, `update_agent`, a handoff",
        "input_audio_buffer.append": "`send_audio`",
        "input_audio_buffer.commit": "`send_audio(..., commit=True)`, `commit_audio`",
        "input_audio_buffer.clear": "`clear_audio`",
        "output_audio_buffer.clear": "a raw message",
        "conversation.item.create": "`send_message`, `respond`, `add_item`, `set_context`, a tool's output, "
        "a guardrail's message, an approval of a hosted tool",
        "conversation.item.retrieve": "a raw message",
        "conversation.item.truncate": "an interruption: `interrupt`, the user's speech, a guardrail",
        "conversation.item.delete": "`delete_item`, `set_context`, an interruption before anything was heard, "
        "`gate_input`, a handoff's `history_filter`",
        "response.create": "`send_message`, `respond`, `commit_audio`, `add_item(..., respond=True)`, "
        "a tool's output, `progress`, a guardrail's recovery, an opening line",
        "response.cancel": "`interrupt`, leaving a `respond` block early, a guardrail",
    }
)
"""What sends a client event."""


def protocol_section() -> str:
    """Give the README's section on the protocol, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "## The protocol"
    yield ""
    yield "What the service says, and what an application sees of it. With `raw_events=True` each server event also"
    yield "comes as it is. Types that are not here pass as model events of type `other`."
    yield ""
    yield "| server event | meaning | model events | session events |"
    yield "|---|---|---|---|"
    for type_, cls in sorted(SERVER_EVENTS.items()):
        model = MODEL_EVENTS.get(type_, ())
        every = dict.fromkeys(name for event in model for name in SESSION_EVENTS.get(event, ()))
        seen = _names(_ONLY.get(type_, tuple(every))) or _INSTEAD.get(type_, "")
        yield f"| `{type_}` | {_meaning(cls)} | {_names(model)} | {seen} |"
    yield ""
    yield "What is sent, and by what. A raw message, `session.model.send_event(RealtimeModelSendRawMessage(...))`, can"
    yield "be any of these and any that is new."
    yield ""
    yield "| client event | meaning | sent by |"
    yield "|---|---|---|"
    for type_, event in sorted(CLIENT_EVENTS.items()):
        yield f"| `{type_}` | {_meaning(event)} | {SENT_BY[type_]} |"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _meaning(cls: type) -> str:
    """The first sentence of a class's docstring, on one line."""
    words = " ".join((cls.__doc__ or "").split()).replace("``", "`")
    return words.partition(". ")[0].rstrip(".")


if __name__ == "__main__":
    sys.stdout.write(protocol_section())
