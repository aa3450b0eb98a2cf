import pytest

from tests.server.helpers import tool, update, user_message, valid_client_event
from trio_realtime.server._schema import RefusedError
from trio_realtime.server.client_events import CLIENT_EVENTS, check_client_event

ITEMS = [
    {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]},
    {
        "type": "message",
        "role": "user",
        "id": "u1",
        "object": "realtime.item",
        "status": "completed",
        "content": [
            {"type": "input_text", "text": "x"},
            {"type": "input_audio", "audio": "AAAA", "transcript": "x"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
        ],
    },
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": "", "transcript": "x"}]},
    {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1"},
    {"type": "function_call_output", "call_id": "c1", "output": "x"},
    {"type": "mcp_approval_response", "id": "a", "approval_request_id": "r", "approve": True, "reason": None},
    {"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "t", "input_schema": {}}]},
    {"type": "mcp_call", "id": "m", "arguments": "{}", "name": "n", "server_label": "s", "output": "x"},
    {"type": "mcp_approval_request", "id": "m", "arguments": "{}", "name": "n", "server_label": "s"},
]
FULL_SESSION = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "x",
    "output_modalities": ["text"],
    "max_output_tokens": "inf",
    "parallel_tool_calls": True,
    "prompt": {"id": "p", "version": "1", "variables": {"a": "b"}},
    "reasoning": {"effort": "low"},
    "tool_choice": {"type": "function", "name": "get_weather"},
    "tools": [
        tool(city={"type": "string"}),
        {"type": "mcp", "server_label": "s", "server_url": "https://x", "require_approval": "never"},
        {
            "type": "mcp",
            "server_label": "s",
            "allowed_tools": {"tool_names": ["a"]},
            "require_approval": {"always": {"tool_names": ["a"]}},
            "headers": {"a": "b"},
        },
    ],
    "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}},
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 100}},
    "include": ["item.input_audio_transcription.logprobs"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1", "language": "en", "prompt": "x", "delay": "low"},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "semantic_vad", "eagerness": "low", "create_response": True},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "voice_1"}, "speed": 1.2},
    },
}
SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.4,
    "prefix_padding_ms": 100,
    "silence_duration_ms": 300,
    "idle_timeout_ms": 5000,
    "create_response": True,
    "interrupt_response": False,
}
RESPONSE = {
    "instructions": "x",
    "metadata": {"a": "b"},
    "conversation": "none",
    "input": [*ITEMS[:1], {"type": "item_reference", "id": "u1"}],
    "output_modalities": ["audio"],
    "audio": {"output": {"voice": "alloy", "format": {"type": "audio/pcma"}}},
    "max_output_tokens": 100,
    "tool_choice": "required",
    "tools": [tool()],
}
ALLOWED = [
    {"type": "session.update", "session": FULL_SESSION},
    {"type": "session.update", "session": {"type": "transcription", "audio": {"input": {}}, "include": None}},
    update(audio={"input": {"turn_detection": SERVER_VAD}}, tracing="auto", truncation="auto", tool_choice="none"),
    update(audio={"input": {"turn_detection": None, "transcription": None, "noise_reduction": None}}, tracing=None),
    update(tools=[{"name": "f", "description": None, "parameters": None}]),
    {"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "e1"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    *({"type": "conversation.item.create", "item": item, "previous_item_id": "root"} for item in ITEMS),
    {"type": "conversation.item.delete", "item_id": "x"},
    {"type": "conversation.item.retrieve", "item_id": "x", "event_id": None},
    {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 10},
    {"type": "response.create"},
    {"type": "response.create", "response": RESPONSE},
    {"type": "response.cancel", "response_id": "r"},
    {"type": "response.cancel"},
]


@pytest.mark.parametrize("event", ALLOWED, ids=lambda event: event["type"])
def test_what_the_official_types_allow_is_accepted(event):
    if "item_reference" not in str(event):  # those types have it apart
        valid_client_event(event)
    assert check_client_event(event) == event["type"]


def test_every_client_event_of_the_official_types_is_known():
    import typing

    from openai.types.realtime import realtime_client_event as official

    union = typing.get_args(typing.get_args(official.RealtimeClientEvent)[0])
    names = {typing.get_args(model.model_fields["type"].annotation)[0] for model in union}
    assert names == set(CLIENT_EVENTS)


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": 3}, "invalid_type", "type"),
        ({"type": "session.destroy"}, "invalid_value", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
        (update(colour="red"), "unknown_parameter", "session.colour"),
        (update(instructions=3), "invalid_type", "session.instructions"),
        (update(output_modalities=["text", "audio"]), "invalid_value", "session.output_modalities"),
        (
            update(audio={"input": {"format": {"type": "audio/mp3"}}}),
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (update(audio={"input": {"pitch": 1}}), "unknown_parameter", "session.audio.input.pitch"),
        (update(audio={"output": {"speed": 9}}), "invalid_value", "session.audio.output.speed"),
        (
            update(audio={"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}),
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (update(tools=[{"type": "function"}]), "missing_required_parameter", "session.tools[0].name"),
        (update(tools=[{"type": "function", "name": "get weather"}]), "invalid_value", "session.tools[0].name"),
        (update(tools=[tool(), {**tool(), "strict": True}]), "unknown_parameter", "session.tools[1].strict"),
        (update(max_output_tokens=0), "invalid_value", "session.max_output_tokens"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.commit", "event_id": 1}, "invalid_type", "event_id"),
        ({"type": "conversation.item.create", "item": {"type": "message"}}, "missing_required_parameter", "item.role"),
        (user_message("x", mood="good"), "unknown_parameter", "item.mood"),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": -1},
            "invalid_value",
            "audio_end_ms",
        ),
        (
            {"type": "response.create", "response": {"metadata": {str(n): "x" for n in range(17)}}},
            "invalid_value",
            "response.metadata",
        ),
        ({"type": "response.create", "response": {"conversation": "other"}}, "invalid_value", "response.conversation"),
    ],
)
def test_what_is_refused_names_code_and_path(event, code, param):
    with pytest.raises(RefusedError) as caught:
        check_client_event(event)
    assert (caught.value.code, caught.value.param) == (code, param)
