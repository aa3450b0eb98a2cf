import openai.types.realtime as official
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from trio_realtime._structure import structure
from trio_realtime.audio import PCMU
from trio_realtime.config import (
    RealtimeAudioConfig,
    RealtimeAudioOutputConfig,
    RealtimeCustomVoice,
    RealtimeModelTracingConfig,
    RealtimeSessionModelSettings,
)
from trio_realtime.errors import UserError
from trio_realtime.openai.settings import (
    DEFAULT_MODEL_SETTINGS,
    DEFAULT_REALTIME_MODEL,
    changed,
    merged,
    session_object,
)


class Tool:
    def __init__(self, name="get_weather", **fields):
        self.name = name
        self.description = "The weather."
        self.params_json_schema = {"type": "object", "properties": {}}
        self.on_invoke_tool = None
        self.__dict__.update(fields)


class Handoff:
    tool_name = "transfer_to_billing"
    tool_description = "Bills."
    input_json_schema = {"type": "object"}


def session(*, attached=False, **settings):
    whole = structure(settings, RealtimeSessionModelSettings, name="settings")
    return session_object(whole, attached=attached)


PCM = {"type": "audio/pcm", "rate": 24000}
DEFAULT_INPUT = {
    "format": PCM,
    "transcription": {"model": "gpt-4o-mini-transcribe"},
    "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
}
DEFAULT_OUTPUT = {"format": PCM, "voice": "ash"}
DEFAULT = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "output_modalities": ["audio"],
    "audio": {"input": DEFAULT_INPUT, "output": DEFAULT_OUTPUT},
    "tools": [],
    "tracing": "auto",
}


def default_but(*, into=None, out=None, **top):
    """The default with some fields changed; ... takes one out."""

    def but(base, change):
        return {name: value for name, value in {**base, **(change or {})}.items() if value is not ...}

    return but(DEFAULT, {"audio": {"input": but(DEFAULT_INPUT, into), "output": but(DEFAULT_OUTPUT, out)}, **top})


def test_the_defaults():
    assert session() == DEFAULT
    assert session_object(DEFAULT_MODEL_SETTINGS) == DEFAULT
    assert DEFAULT_REALTIME_MODEL == "gpt-realtime-2.1"


SERVER_VAD = {"type": "server_vad", "create_response": False, "idle_timeout_ms": 5}
CASES = [
    ({"turn_detection": None}, default_but(into={"turn_detection": None})),
    ({"audio": {"input": {"turn_detection": None}}}, default_but(into={"turn_detection": None})),
    ({"input_audio_noise_reduction": None}, default_but(into={"noise_reduction": None})),
    ({"audio": {"input": {"noise_reduction": None}}}, default_but(into={"noise_reduction": None})),
    (
        {"input_audio_noise_reduction": {"type": "near_field"}},
        default_but(into={"noise_reduction": {"type": "near_field"}}),
    ),
    ({"input_audio_transcription": None}, default_but(into={"transcription": None})),
    ({"audio": {"input": {"transcription": None}}}, default_but(into={"transcription": None})),
    ({"input_audio_transcription": {"language": "de"}}, default_but(into={"transcription": {"language": "de"}})),
    ({"audio": {"input": None}}, DEFAULT),
    ({"audio": {"output": None}}, DEFAULT),
    ({"audio": {}}, DEFAULT),
    ({"voice": {"id": "v1"}}, default_but(out={"voice": {"id": "v1"}})),
    ({"voice": RealtimeCustomVoice(id="v1")}, default_but(out={"voice": {"id": "v1"}})),
    (
        {"audio": {"output": {"voice": "x"}}, "voice": "y", "speed": 1.5},
        default_but(out={"voice": "x", "speed": 1.5}),
    ),
    ({"modalities": ["text"]}, default_but(output_modalities=["text"])),
    ({"modalities": ["text"], "output_modalities": ["audio"]}, DEFAULT),
    ({"input_audio_format": "g711_ulaw"}, default_but(into={"format": {"type": "audio/pcmu"}})),
    ({"input_audio_format": PCMU}, default_but(into={"format": {"type": "audio/pcmu"}})),
    ({"output_audio_format": "g711_alaw"}, default_but(out={"format": {"type": "audio/pcma"}})),
    ({"input_audio_format": "weird"}, default_but(into={"format": ...})),
    ({"input_audio_format": {"type": "audio/pcm", "rate": 8000}}, DEFAULT),
    ({"input_audio_format": {"type": "audio/pcma"}}, default_but(into={"format": {"type": "audio/pcma"}})),
    ({"audio": {"input": {"format": "weird"}}, "input_audio_format": "pcmu"}, default_but(into={"format": ...})),
    ({"tool_choice": "auto"}, default_but(tool_choice="auto")),
    ({"tool_choice": "none"}, default_but(tool_choice="none")),
    ({"tool_choice": "required"}, default_but(tool_choice="required")),
    ({"tool_choice": None}, default_but(tool_choice=None)),
    ({"tool_choice": "get_weather"}, default_but(tool_choice={"type": "function", "name": "get_weather"})),
    (
        {"tool_choice": {"type": "mcp", "server_label": "x"}},
        default_but(tool_choice={"type": "mcp", "server_label": "x"}),
    ),
    ({"instructions": ""}, default_but(instructions="")),
    ({"instructions": "Be kind."}, default_but(instructions="Be kind.")),
    (
        {"prompt": {"id": "p", "version": "1", "variables": {"a": "b"}}},
        default_but(prompt={"id": "p", "version": "1", "variables": {"a": "b"}}),
    ),
    ({"prompt": None}, default_but(prompt=None)),
    ({"max_output_tokens": "inf"}, default_but(max_output_tokens="inf")),
    ({"max_output_tokens": 5}, default_but(max_output_tokens=5)),
    ({"reasoning": {"effort": "low"}}, default_but(reasoning={"effort": "low"})),
    ({"parallel_tool_calls": False}, default_but(parallel_tool_calls=False)),
    (
        {"turn_detection": {"type": "server_vad", "createResponse": False, "idleTimeoutMs": 5}},
        default_but(into={"turn_detection": SERVER_VAD}),
    ),
    ({"turn_detection": SERVER_VAD}, default_but(into={"turn_detection": SERVER_VAD})),
    ({"model_name": "foo"}, default_but(model="foo")),
    ({"tracing": None}, default_but(tracing=None)),
    ({"tracing": "auto"}, DEFAULT),
    (
        {"tracing": RealtimeModelTracingConfig(workflow_name="w", metadata={"a": 1})},
        default_but(tracing={"workflow_name": "w", "metadata": {"a": 1}}),
    ),
    ({"truncation": "disabled"}, default_but(truncation="disabled")),
    (
        {"truncation": {"type": "retention_ratio", "retention_ratio": 0.8}},
        default_but(truncation={"type": "retention_ratio", "retention_ratio": 0.8}),
    ),
    (
        {"include": ["item.input_audio_transcription.logprobs"]},
        default_but(include=["item.input_audio_transcription.logprobs"]),
    ),
]


@pytest.mark.parametrize(("settings", "expected"), CASES, ids=range(len(CASES)))
def test_settings_become_the_session_object(settings, expected):
    assert session(**settings) == expected
    TypeAdapter(official.RealtimeSessionCreateRequest).validate_python(expected)


@pytest.mark.parametrize(
    ("detection", "type_"),
    [({"interrupt_response": False}, "semantic_vad"), ({"threshold": 0.3}, "server_vad")],
)
def test_turn_detection_without_a_type_is_of_the_kind_that_its_keys_are(detection, type_):
    assert session(turn_detection=detection)["audio"]["input"]["turn_detection"] == {"type": type_, **detection}


def test_extra_is_merged_as_given_and_wins():
    assert session(extra={"mood": "good", "audio": {"output": {"voice": "v", "pitch": 1}}}) == default_but(
        mood="good", out={"voice": "v", "pitch": 1}
    )


def test_tools_and_handoffs_are_function_tools_in_order():
    settings = RealtimeSessionModelSettings(tools=[Tool()], handoffs=[Handoff()])
    assert session_object(settings)["tools"] == [
        {
            "type": "function",
            "name": "get_weather",
            "description": "The weather.",
            "parameters": {"type": "object", "properties": {}},
        },
        {
            "type": "function",
            "name": "transfer_to_billing",
            "description": "Bills.",
            "parameters": {"type": "object"},
        },
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (RealtimeSessionModelSettings(tools=[object()]), "'object' is not a function tool"),
        (RealtimeSessionModelSettings(tools=[Handoff()]), "is not a function tool"),
        (RealtimeSessionModelSettings(tools=[Tool(defer_loading=True)]), "defer_loading"),
        (RealtimeSessionModelSettings(tools=[Tool(allowed_callers=["direct"])]), "allowed_callers"),
        (RealtimeSessionModelSettings(tools=[Tool(output_json_schema={"a": 1})]), "output_json_schema"),
        (RealtimeSessionModelSettings(tools=[Tool(), Tool()]), "'get_weather'"),
        (RealtimeSessionModelSettings(tools=[Tool("transfer_to_billing")], handoffs=[Handoff()]), "transfer_to"),
        (RealtimeSessionModelSettings(handoffs=[Tool()]), "not a Handoff"),
        (RealtimeSessionModelSettings(tool_choice="programmatic_tool_calling"), "programmatic"),
    ],
)
def test_what_realtime_sessions_do_not_have_is_a_user_error(settings, message):
    with pytest.raises(UserError, match=message):
        session_object(settings)


# A running call


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"instructions": ""}, {}),
        ({"instructions": "Hi"}, {"instructions": "Hi"}),
        ({"voice": "ash"}, {"audio": {"output": {"voice": "ash"}}}),
        ({"turn_detection": None}, {"audio": {"input": {"turn_detection": None}}}),
        ({"output_audio_format": "pcmu"}, {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}),
        ({"modalities": ["text"]}, {"output_modalities": ["text"]}),
        ({"tracing": None}, {"tracing": None}),
        ({"model_name": "x"}, {"model": "x"}),
    ],
)
def test_a_running_call_is_told_only_what_was_set(settings, expected):
    assert session(attached=True, **settings) == {"type": "realtime", **expected}


def test_a_running_call_gets_its_tools():
    settings = RealtimeSessionModelSettings(tools=[Tool()])
    assert [tool["name"] for tool in session_object(settings, attached=True)["tools"]] == ["get_weather"]


# Differences


def test_nothing_changed_is_no_update():
    assert changed(DEFAULT, DEFAULT) is None
    assert changed({}, {"type": "realtime"}) is None


@pytest.mark.parametrize(
    ("settings", "update"),
    [
        ({"instructions": "Hi"}, {"instructions": "Hi"}),
        ({"voice": "marin"}, {"audio": {"output": {"voice": "marin"}}}),
        ({"turn_detection": None}, {"audio": {"input": {"turn_detection": None}}}),
        ({"turn_detection": SERVER_VAD}, {"audio": {"input": {"turn_detection": SERVER_VAD}}}),
        (
            {"input_audio_format": "pcmu", "output_audio_format": "pcmu", "speed": 1.2},
            {
                "audio": {
                    "input": {"format": {"type": "audio/pcmu"}},
                    "output": {"format": {"type": "audio/pcmu"}, "speed": 1.2},
                }
            },
        ),
        ({"tracing": None}, {"tracing": None}),
    ],
)
def test_only_changed_fields_are_sent(settings, update):
    assert changed(DEFAULT, session(**settings)) == {"type": "realtime", **update}


def test_the_whole_configuration_is_the_first_update():
    assert changed({}, DEFAULT) == DEFAULT


def test_a_voice_is_not_sent_after_the_model_has_spoken():
    assert changed(DEFAULT, session(voice="marin"), voice_fixed=True) is None
    assert changed(DEFAULT, session(voice="marin", speed=1.5), voice_fixed=True) == {
        "type": "realtime",
        "audio": {"output": {"speed": 1.5}},
    }


@pytest.mark.parametrize(
    ("name", "value", "reset"),
    [
        ("prompt", {"id": "p"}, None),
        ("instructions", "Hi", ""),
        ("tools", [{"name": "x"}], []),
        ("tool_choice", "none", "auto"),
        ("max_output_tokens", 5, "inf"),
        ("parallel_tool_calls", False, True),
        ("reasoning", {"effort": "low"}, None),
        ("truncation", "disabled", "auto"),
        ("include", ["x"], None),
        ("of_tomorrow", 1, None),
    ],
)
def test_what_is_not_wanted_any_more_is_set_back(name, value, reset):
    assert changed({**DEFAULT, name: value}, {key: DEFAULT[key] for key in DEFAULT if key != name}) == {
        "type": "realtime",
        name: reset,
    }


def test_what_is_at_rest_already_is_not_set_back():
    assert changed({**DEFAULT, "prompt": None, "tool_choice": "auto"}, DEFAULT) is None


def test_audio_is_set_back_too_but_for_what_has_no_way_back():
    sent = default_but(into={"noise_reduction": {"type": "near_field"}}, out={"speed": 1.5})
    wanted = {"type": "realtime", "audio": {}, **{key: DEFAULT[key] for key in DEFAULT if key != "audio"}}
    assert changed(sent, wanted) == {
        "type": "realtime",
        "audio": {"input": {"noise_reduction": None, "transcription": None}, "output": {"speed": 1.0}},
    }


def test_an_audio_that_is_no_object_is_none():
    assert changed({"audio": None}, {"type": "realtime", "audio": {"input": None}}) is None


sides = st.dictionaries(st.sampled_from(["format", "voice", "speed", "noise_reduction"]), st.integers(0, 2), max_size=3)
sessions = st.fixed_dictionaries(
    {"type": st.just("realtime")},
    optional={
        "audio": st.fixed_dictionaries({}, optional={"input": sides, "output": sides}),
        "instructions": st.sampled_from(["", "a"]),
        "tools": st.lists(st.integers(), max_size=1),
        "prompt": st.none() | st.integers(0, 1),
    },
)


@given(sessions, sessions)
def test_an_update_leads_to_what_is_wanted(before, wanted):
    update = changed(before, wanted)
    after = merged(before, update) if update else before
    assert changed(after, wanted) is None
    for name in wanted:
        if name != "audio":
            assert after[name] == wanted[name]


def test_merging_keeps_the_neighbours():
    assert merged(
        {"a": 1, "audio": {"input": {"x": 1}, "output": {"y": 1}}}, {"b": 2, "audio": {"input": {"z": 3}}}
    ) == {"a": 1, "b": 2, "audio": {"input": {"x": 1, "z": 3}, "output": {"y": 1}}}
    assert merged({"audio": 1}, {"audio": {"input": 2}}) == {"audio": {"input": 2}}
    assert merged({"audio": {"input": {"x": 1}}}, {"audio": {"input": None}}) == {"audio": {"input": None}}


def test_what_a_mapping_voice_says_is_sent():
    settings = RealtimeSessionModelSettings(
        audio=RealtimeAudioConfig(output=RealtimeAudioOutputConfig(voice={"id": "x", "more": [1]}))
    )
    assert session_object(settings)["audio"]["output"]["voice"] == {"id": "x", "more": [1]}
