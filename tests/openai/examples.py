"""One example of every server event, as the service sends them; ids are short."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

USER_ITEM = {
    "id": "item_u",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_audio", "transcript": None}],
}
ASSISTANT_ITEM = {
    "id": "item_a",
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_audio", "transcript": "Hello"}],
}
CALL_ITEM = {
    "id": "item_c",
    "type": "function_call",
    "status": "completed",
    "name": "get_weather",
    "call_id": "call_1",
    "arguments": '{"city":"Rome"}',
}
OUTPUT_ITEM = {"id": "item_o", "type": "function_call_output", "call_id": "call_1", "output": "sunny"}
USAGE = {
    "total_tokens": 30,
    "input_tokens": 10,
    "output_tokens": 20,
    "input_token_details": {
        "text_tokens": 4,
        "audio_tokens": 6,
        "image_tokens": 0,
        "cached_tokens": 3,
        "cached_tokens_details": {"text_tokens": 1, "audio_tokens": 2, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 5, "audio_tokens": 15},
}
SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime",
    "audio": {
        "input": {"turn_detection": {"type": "server_vad", "interrupt_response": True}},
        "output": {"voice": "alloy"},
    },
    "expires_at": 1767233035,
}
AUDIO = b"\x01\x00\x02\x00\x03\x00"

PART = {"response_id": "resp_1", "item_id": "item_a", "output_index": 0, "content_index": 0}
CALL = {"response_id": "resp_1", "item_id": "item_c", "output_index": 0}
RESPONSE = {
    "object": "realtime.response",
    "id": "resp_1",
    "status": "in_progress",
    "status_details": None,
    "output": [],
    "conversation_id": "conv_1",
    "usage": None,
    "metadata": None,
}

_BODIES: dict[str, dict[str, Any]] = {
    "error": {
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "No.",
            "param": "item.content",
            "event_id": None,
        }
    },
    "session.created": {"session": SESSION},
    "session.updated": {"session": SESSION},
    "conversation.created": {"conversation": {"id": "conv_1", "object": "realtime.conversation"}},
    "conversation.item.created": {"previous_item_id": None, "item": USER_ITEM},
    "conversation.item.added": {"previous_item_id": "item_x", "item": USER_ITEM},
    "conversation.item.done": {"previous_item_id": "item_x", "item": ASSISTANT_ITEM},
    "conversation.item.retrieved": {"item": ASSISTANT_ITEM},
    "conversation.item.deleted": {"item_id": "item_a"},
    "conversation.item.truncated": {"item_id": "item_a", "content_index": 0, "audio_end_ms": 1500},
    "conversation.item.input_audio_transcription.delta": {
        "item_id": "item_u",
        "content_index": 0,
        "delta": "Hi",
        "logprobs": None,
        "obfuscation": "abc",
    },
    "conversation.item.input_audio_transcription.completed": {
        "item_id": "item_u",
        "content_index": 0,
        "transcript": "Hi there",
        "usage": {"type": "duration", "seconds": 1.5},
        "languages": [{"code": "en"}],
        "logprobs": None,
    },
    "conversation.item.input_audio_transcription.failed": {
        "item_id": "item_u",
        "content_index": 0,
        "error": {"type": "server_error", "code": "audio_unintelligible", "message": "What?", "param": None},
    },
    "conversation.item.input_audio_transcription.segment": {
        "item_id": "item_u",
        "content_index": 0,
        "id": "seg_1",
        "speaker": "A",
        "text": "Hi",
        "start": 0,
        "end": 0.5,
    },
    "input_audio_buffer.committed": {"previous_item_id": "item_x", "item_id": "item_u"},
    "input_audio_buffer.cleared": {},
    "input_audio_buffer.speech_started": {"audio_start_ms": 100, "item_id": "item_u"},
    "input_audio_buffer.speech_stopped": {"audio_end_ms": 900, "item_id": "item_u"},
    "input_audio_buffer.timeout_triggered": {"audio_start_ms": 100, "audio_end_ms": 5100, "item_id": "item_u"},
    "input_audio_buffer.dtmf_event_received": {"event": "9", "received_at": 1763605109},
    "output_audio_buffer.started": {"response_id": "resp_1"},
    "output_audio_buffer.stopped": {"response_id": "resp_1"},
    "output_audio_buffer.cleared": {"response_id": "resp_1"},
    "rate_limits.updated": {
        "rate_limits": [{"name": "tokens", "limit": 40000, "remaining": 38490, "reset_seconds": 2.265}]
    },
    "response.created": {"response": RESPONSE},
    "response.done": {
        "response": {
            **RESPONSE,
            "status": "completed",
            "status_details": {"type": "completed"},
            "output": [ASSISTANT_ITEM],
            "usage": USAGE,
        }
    },
    "response.output_item.added": {
        "response_id": "resp_1",
        "output_index": 0,
        "item": {**ASSISTANT_ITEM, "status": "in_progress", "content": []},
    },
    "response.output_item.done": {"response_id": "resp_1", "output_index": 0, "item": CALL_ITEM},
    "response.content_part.added": {**PART, "part": {"type": "audio", "transcript": ""}},
    "response.content_part.done": {**PART, "part": {"type": "audio", "transcript": "Hello"}},
    "response.output_text.delta": {**PART, "delta": "Hel", "obfuscation": "x"},
    "response.output_text.done": {**PART, "text": "Hello"},
    "response.output_audio.delta": {**PART, "delta": base64.b64encode(AUDIO).decode()},
    "response.output_audio.done": {**PART},
    "response.output_audio_transcript.delta": {**PART, "delta": "Hel"},
    "response.output_audio_transcript.done": {**PART, "transcript": "Hello"},
    "response.function_call_arguments.delta": {**CALL, "call_id": "call_1", "delta": "{"},
    "response.function_call_arguments.done": {**CALL, "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
    "mcp_list_tools.in_progress": {"item_id": "item_m"},
    "mcp_list_tools.completed": {"item_id": "item_m"},
    "mcp_list_tools.failed": {"item_id": "item_m"},
    "response.mcp_call_arguments.delta": {**CALL, "delta": "{", "obfuscation": None},
    "response.mcp_call_arguments.done": {**CALL, "arguments": "{}"},
    "response.mcp_call.in_progress": {"item_id": "item_m", "output_index": 0},
    "response.mcp_call.completed": {"item_id": "item_m", "output_index": 0},
    "response.mcp_call.failed": {"item_id": "item_m", "output_index": 0},
}

EXAMPLES: dict[str, dict[str, Any]] = {
    type_: {"type": type_, "event_id": "event_1", **body} for type_, body in _BODIES.items()
}
"""The whole event of each type."""

TRACE = Path(__file__).with_name("service_frames.jsonl").read_text(encoding="utf-8").splitlines()
"""Frames of one session of the service, in order, with gaps."""
