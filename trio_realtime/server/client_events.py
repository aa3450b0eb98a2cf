"""The shapes of the client events of the GA Realtime API, as tables.

Source of the shapes: the official ``openai`` package, ``openai.types.realtime.RealtimeClientEvent``. Beyond those types
the service refuses a tool without a name, both output modalities at once, and more than 16 metadata keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from trio_realtime.server import _schema as s

__all__ = ["CLIENT_EVENTS", "MAX_AUDIO_EVENT_CHARACTERS", "check_client_event"]

MAX_AUDIO_EVENT_CHARACTERS: Final = 20 * 1024 * 1024
"""The longest base64 text of one ``input_audio_buffer.append``: 15 MiB of audio."""

_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_type = s.text(1)
_id = s.text(1, 64)
_flag = s.boolean
_strings = s.array(s.text())


def _tool_name(value: object, path: str) -> None:
    s.text(1)(value, path)
    if not _TOOL_NAME.match(cast("str", value)):
        message = f"Invalid '{path}': string does not match pattern. Expected '^[a-zA-Z0-9_-]{{1,64}}$'."
        raise s.RefusedError("invalid_value", message, path)


def _modalities(value: object, path: str) -> None:
    s.array(s.choice("text", "audio"))(value, path)
    if value not in (["text"], ["audio"]):
        message = f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
        raise s.RefusedError("invalid_value", message, path)


_format = s.tagged(
    {
        "audio/pcm": s.record({"type": _type}, {"rate": s.integer(24_000, 24_000)}),
        "audio/pcmu": s.record({"type": _type}),
        "audio/pcma": s.record({"type": _type}),
    }
)
_transcription = s.record(
    optional={
        "model": s.text(1),
        "language": s.text(),
        "prompt": s.text(),
        "keywords": _strings,
        "languages": _strings,
        "delay": s.choice("minimal", "low", "medium", "high", "xhigh"),
    }
)
_noise_reduction = s.record(optional={"type": s.choice("near_field", "far_field"), "strength": s.number(0, 1)})
_turn_detection = s.tagged(
    {
        "server_vad": s.record(
            {"type": _type},
            {
                "threshold": s.number(0, 1),
                "prefix_padding_ms": s.integer(0, 10_000),
                "silence_duration_ms": s.integer(0, 10_000),
                "idle_timeout_ms": s.integer(1_000, 600_000),
                "create_response": _flag,
                "interrupt_response": _flag,
            },
        ),
        "semantic_vad": s.record(
            {"type": _type},
            {
                "eagerness": s.choice("low", "medium", "high", "auto"),
                "create_response": _flag,
                "interrupt_response": _flag,
            },
        ),
    }
)
_voice = s.either(string=s.text(1), object=s.record({"id": s.text(1)}))
_input_audio = s.record(
    optional={
        "format": _format,
        "transcription": _transcription,
        "noise_reduction": _noise_reduction,
        "turn_detection": _turn_detection,
    }
)
_output_audio = s.record(optional={"format": _format, "voice": _voice, "speed": s.number(0.25, 1.5)})

_prompt = s.record({"id": s.text(1)}, {"version": s.text(), "variables": s.mapping()})
_reasoning = s.record(optional={"effort": s.choice("minimal", "low", "medium", "high", "xhigh")})
_max_tokens = s.either(string=s.choice("inf"), integer=s.integer(1, 4096))
_tool_filter = s.either(array=_strings, object=s.record(optional={"read_only": _flag, "tool_names": _strings}))
_approval_filter = s.record(optional={"read_only": _flag, "tool_names": _strings})
_tool = s.tagged(
    {
        "function": s.record({"name": _tool_name}, {"type": _type, "description": s.text(), "parameters": s.mapping()}),
        "mcp": s.record(
            {"type": _type, "server_label": s.text(1)},
            {
                "allowed_callers": _strings,
                "allowed_tools": _tool_filter,
                "authorization": s.text(),
                "connector_id": s.text(1),
                "defer_loading": _flag,
                "headers": s.mapping(s.text()),
                "require_approval": s.either(
                    string=s.choice("always", "never"),
                    object=s.record(optional={"always": _approval_filter, "never": _approval_filter}),
                ),
                "server_description": s.text(),
                "server_url": s.text(1),
                "tunnel_id": s.text(1),
            },
        ),
    },
    default="function",
)
_tool_choice = s.either(
    string=s.choice("none", "auto", "required"),
    object=s.tagged(
        {
            "function": s.record({"type": _type, "name": s.text(1)}),
            "mcp": s.record({"type": _type, "server_label": s.text(1)}, {"name": s.text()}),
        }
    ),
)
_truncation = s.either(
    string=s.choice("auto", "disabled"),
    object=s.record(
        {"type": s.choice("retention_ratio"), "retention_ratio": s.number(0, 1)},
        {"token_limits": s.record(optional={"post_instructions": s.integer()})},
    ),
)
_tracing = s.either(
    string=s.choice("auto"),
    object=s.record(optional={"workflow_name": s.text(), "group_id": s.text(), "metadata": s.anything}),
)
_include = s.array(s.choice("item.input_audio_transcription.logprobs"))
_generation: Mapping[str, s.Check] = {
    "instructions": s.text(),
    "max_output_tokens": _max_tokens,
    "output_modalities": _modalities,
    "parallel_tool_calls": _flag,
    "prompt": _prompt,
    "reasoning": _reasoning,
    "tool_choice": _tool_choice,
    "tools": s.array(_tool),
}

_session = s.tagged(
    {
        "realtime": s.record(
            {"type": _type},
            {
                **_generation,
                "audio": s.record(optional={"input": _input_audio, "output": _output_audio}),
                "include": _include,
                "model": s.text(1),
                "tracing": _tracing,
                "truncation": _truncation,
            },
        ),
        "transcription": s.record(
            {"type": _type}, {"audio": s.record(optional={"input": _input_audio}), "include": _include}
        ),
    }
)


def _part(allowed: tuple[str, ...], fields: Mapping[str, s.Check]) -> s.Check:
    shape = s.record(optional={"type": s.choice(*allowed), **fields})
    return s.array(shape)


_image_detail = s.choice("auto", "low", "high")
_item_base: Mapping[str, s.Check] = {
    "id": _id,
    "object": s.choice("realtime.item"),
    "status": s.choice("completed", "incomplete", "in_progress"),
}
_message = s.tagged(
    {
        "system": s.record(
            {"type": _type, "role": _type, "content": _part(("input_text",), {"text": s.text()})}, _item_base
        ),
        "user": s.record(
            {
                "type": _type,
                "role": _type,
                "content": _part(
                    ("input_text", "input_audio", "input_image"),
                    {
                        "text": s.text(),
                        "audio": s.text(),
                        "transcript": s.text(),
                        "image_url": s.text(),
                        "detail": _image_detail,
                    },
                ),
            },
            _item_base,
        ),
        "assistant": s.record(
            {
                "type": _type,
                "role": _type,
                "content": _part(
                    ("output_text", "output_audio"), {"text": s.text(), "audio": s.text(), "transcript": s.text()}
                ),
            },
            _item_base,
        ),
    },
    tag="role",
)
_item_shapes: Mapping[str, s.Check] = {
    "message": _message,
    "function_call": s.record(
        {"type": _type, "name": s.text(1), "arguments": s.text()}, {**_item_base, "call_id": s.text(1)}
    ),
    "function_call_output": s.record({"type": _type, "call_id": s.text(1), "output": s.text()}, _item_base),
    "mcp_approval_response": s.record(
        {"type": _type, "id": _id, "approval_request_id": s.text(1), "approve": _flag}, {"reason": s.text()}
    ),
    "mcp_list_tools": s.record({"type": _type, "server_label": s.text(), "tools": s.array(s.mapping())}, {"id": _id}),
    "mcp_call": s.record(
        {"type": _type, "id": _id, "arguments": s.text(), "name": s.text(1), "server_label": s.text()},
        {"approval_request_id": s.text(), "error": s.mapping(), "output": s.text()},
    ),
    "mcp_approval_request": s.record(
        {"type": _type, "id": _id, "arguments": s.text(), "name": s.text(1), "server_label": s.text()}
    ),
}
_item = s.tagged(_item_shapes)
_input_item = s.tagged({**_item_shapes, "item_reference": s.record({"type": _type, "id": _id})})
_response = s.record(
    optional={
        **_generation,
        "audio": s.record(optional={"output": s.record(optional={"format": _format, "voice": _voice})}),
        "conversation": s.choice("auto", "none"),
        "input": s.array(_input_item),
        "metadata": s.mapping(s.text(0, 512), maximum=16, key_length=64),
    }
)


def _event(required: Mapping[str, s.Check] | None = None, optional: Mapping[str, s.Check] | None = None) -> s.Check:
    return s.record({"type": _type, **(required or {})}, {"event_id": s.text(0, 512), **(optional or {})})


CLIENT_EVENTS: Final[Mapping[str, s.Check]] = {
    "session.update": _event({"session": _session}),
    "input_audio_buffer.append": _event({"audio": s.text(0, MAX_AUDIO_EVENT_CHARACTERS)}),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "output_audio_buffer.clear": _event(),
    "conversation.item.create": _event({"item": _item}, {"previous_item_id": s.text()}),
    "conversation.item.delete": _event({"item_id": s.text(1)}),
    "conversation.item.retrieve": _event({"item_id": s.text(1)}),
    "conversation.item.truncate": _event(
        {"item_id": s.text(1), "content_index": s.integer(), "audio_end_ms": s.integer()}
    ),
    "response.create": _event(optional={"response": _response}),
    "response.cancel": _event(optional={"response_id": s.text(1)}),
}
"""The check of each client event type."""


def check_client_event(event: Mapping[str, Any]) -> str:
    """Check the shape of a client event and give its type.

    Raises:
        RefusedError: with the code, message and path that the ``error`` event should carry.
    """
    kind = event.get("type")
    if kind is None:
        raise s.RefusedError("missing_required_parameter", "Missing required parameter: 'type'.", "type")
    s.choice(*CLIENT_EVENTS)(kind, "type")
    CLIENT_EVENTS[kind](event, "")
    return cast("str", kind)
