import json

from trio_realtime.audio import PCM16, PCMA
from trio_realtime.server.settings import audio_format, default_session, merge_session, section


def session(**options):
    return default_session("sess_1", model="gpt-realtime", expires_at=10, **options)


def test_the_defaults_have_the_fields_of_a_recorded_session():
    made = session()
    assert list(made) == [
        "type", "object", "id", "model", "output_modalities", "instructions", "tools", "tool_choice",
        "max_output_tokens", "tracing", "truncation", "prompt", "expires_at", "audio", "include",
    ]  # fmt: skip
    assert made["audio"] == {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
    }
    assert json.loads(json.dumps(made)) == made


def test_an_update_changes_what_it_names_and_nothing_else():
    before = session()
    kept = json.dumps(before)
    after = merge_session(
        before,
        {
            "type": "realtime",
            "instructions": "Be brief.",
            "audio": {"output": {"voice": "ash"}, "input": {"transcription": {"model": "whisper-1"}}},
        },
    )
    assert json.dumps(before) == kept
    assert after["instructions"] == "Be brief."
    assert after["audio"]["output"] == {**before["audio"]["output"], "voice": "ash"}
    assert after["audio"]["input"] == {**before["audio"]["input"], "transcription": {"model": "whisper-1"}}
    assert {key for key in after if after[key] != before[key]} == {"instructions", "audio"}


def test_null_clears_only_what_can_be_cleared():
    before = merge_session(
        session(), {"tracing": "auto", "audio": {"input": {"noise_reduction": {"type": "far_field"}}}}
    )
    assert before["tracing"] == "auto"
    after = merge_session(
        before,
        {
            "tracing": None,
            "instructions": None,
            "audio": {"input": {"turn_detection": None, "noise_reduction": None, "format": None}, "output": None},
        },
    )
    assert after["tracing"] is None
    assert after["instructions"] == before["instructions"]
    assert after["audio"]["input"] == {
        "format": before["audio"]["input"]["format"],
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": None,
    }


def test_turn_detection_gets_its_defaults_and_tools_their_type():
    after = merge_session(
        session(),
        {
            "tools": [{"name": "f"}],
            "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": None}}},
        },
    )
    assert after["tools"] == [{"type": "function", "name": "f"}]
    assert after["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_g711_has_no_rate():
    after = merge_session(session(), {"audio": {"input": {"format": {"type": "audio/pcma"}}}})
    assert after["audio"]["input"]["format"] == {"type": "audio/pcma"}
    assert audio_format(after["audio"]["input"]["format"]) == PCMA
    assert audio_format({"type": "audio/pcm"}) == PCM16


def test_a_transcription_session_has_ears_only():
    made = session(transcription=True)
    assert "output" not in made["audio"]
    after = merge_session(made, {"type": "transcription", "include": ["item.input_audio_transcription.logprobs"]})
    assert after["include"] == ["item.input_audio_transcription.logprobs"]
    assert "tools" not in after


def test_a_section_that_is_missing_or_null_is_empty():
    assert section({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert section({"a": None}, "a", "b") == {}
    assert section({}, "a") == {}
