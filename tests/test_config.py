from __future__ import annotations

import inspect
import re
import types
import typing

import attrs
import pytest

from trio_realtime import config as module
from trio_realtime._structure import NOT_GIVEN, given, structure
from trio_realtime.audio import PCM16, RealtimePlaybackTracker
from trio_realtime.config import (
    DeliverySettings,
    Limits,
    RealtimeAudioConfig,
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeCustomVoice,
    RealtimeGuardrailRecovery,
    RealtimeGuardrailsSettings,
    RealtimeInputAudioNoiseReductionConfig,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeModelConfig,
    RealtimeModelTracingConfig,
    RealtimePrompt,
    RealtimeReasoningConfig,
    RealtimeRunConfig,
    RealtimeSessionModelSettings,
    RealtimeToolExecutionConfig,
    RealtimeTurnDetectionConfig,
    RealtimeUserInputImage,
    RealtimeUserInputMessage,
    RealtimeUserInputText,
    ReconnectPolicy,
    Timeouts,
)
from trio_realtime.dialect import Dialect
from trio_realtime.errors import UserError


class AudioPCM:
    """An audio format as other libraries have it."""

    type = "audio/pcm"
    rate = 24_000


def make_key():
    return "key"


async def make_headers():
    return {}


def format_error(_):
    return None


TRACKER = RealtimePlaybackTracker()
FORMAT = AudioPCM()
TOOL, HANDOFF, GUARDRAIL, HOOKS = object(), object(), object(), object()
TRANSCRIPTION = RealtimeInputAudioTranscriptionConfig(language="de")
NOISE = RealtimeInputAudioNoiseReductionConfig(type="far_field")
TURN = RealtimeTurnDetectionConfig(type="server_vad")
FORMATS = [("pcm16", "pcm16"), ({"type": "audio/pcmu"}, {"type": "audio/pcmu"}), (PCM16, PCM16), (FORMAT, FORMAT)]
VOICES = [("ash", "ash"), ({"id": "v"}, RealtimeCustomVoice(id="v")), ({"name": "v"}, {"name": "v"})]


def same(*values):
    return [(value, value) for value in values]


# for every key of every class: the values that a dict may have, and what they become
KEYS: dict[type, dict[str, list[tuple[object, object]]]] = {
    RealtimeCustomVoice: {"id": same("voice_1")},
    RealtimePrompt: {"id": same("p"), "version": same("2", None), "variables": same({"name": "Ada"}, None)},
    RealtimeInputAudioTranscriptionConfig: {
        "language": same("de"),
        "model": same("gpt-4o-transcribe"),
        "prompt": same("names: Ada"),
        "keywords": [(["a", "b"], ("a", "b"))],
        "languages": [(["de", "en"], ("de", "en"))],
        "delay": same("minimal", "low", "medium", "high", "xhigh"),
    },
    RealtimeInputAudioNoiseReductionConfig: {
        "type": same("near_field", "far_field"),
        "strength": same(0.5, None),
    },
    RealtimeTurnDetectionConfig: {
        "type": same("semantic_vad", "server_vad"),
        "create_response": same(True, False),
        "eagerness": same("auto", "low", "medium", "high"),
        "interrupt_response": same(True, False),
        "prefix_padding_ms": same(300),
        "silence_duration_ms": same(500),
        "threshold": same(0.5, 1),
        "idle_timeout_ms": same(5000, None),
        "model_version": same("v1"),
    },
    RealtimeAudioInputConfig: {
        "format": FORMATS,
        "noise_reduction": [({"type": "far_field"}, NOISE), (None, None)],
        "transcription": [({"language": "de"}, TRANSCRIPTION), (None, None)],
        "turn_detection": [({"type": "server_vad"}, TURN), (None, None)],
    },
    RealtimeAudioOutputConfig: {"format": FORMATS, "voice": VOICES, "speed": same(1.25)},
    RealtimeAudioConfig: {
        "input": [({"noise_reduction": None}, RealtimeAudioInputConfig(noise_reduction=None)), (None, None)],
        "output": [({"speed": 1.0}, RealtimeAudioOutputConfig(speed=1.0)), (None, None)],
    },
    RealtimeReasoningConfig: {"effort": same("minimal", "a new word", None)},
    RealtimeModelTracingConfig: {"workflow_name": same("w"), "group_id": same("g"), "metadata": same({"a": 1})},
    RealtimeSessionModelSettings: {
        "model_name": same("gpt-realtime", "a-new-model"),
        "instructions": same("Be brief.", ""),
        "prompt": [({"id": "p"}, RealtimePrompt(id="p")), (None, None)],
        "modalities": [(["text"], ("text",))],
        "output_modalities": [(["text", "audio"], ("text", "audio"))],
        "audio": [({"input": None}, RealtimeAudioConfig(input=None))],
        "voice": VOICES,
        "speed": same(0.25, 1),
        "max_output_tokens": same(100, "inf"),
        "input_audio_format": FORMATS,
        "output_audio_format": FORMATS,
        "input_audio_transcription": [({"language": "de"}, TRANSCRIPTION), (None, None)],
        "input_audio_noise_reduction": [({"type": "far_field"}, NOISE), (None, None)],
        "turn_detection": [({"type": "server_vad"}, TURN), (None, None)],
        "tool_choice": same("auto", "my_tool", {"type": "mcp", "server_label": "x"}, None),
        "parallel_tool_calls": same(False),
        "reasoning": [({"effort": "low"}, RealtimeReasoningConfig(effort="low"))],
        "tools": [([TOOL], (TOOL,))],
        "handoffs": [([HANDOFF], (HANDOFF,))],
        "tracing": [({"group_id": "g"}, RealtimeModelTracingConfig(group_id="g")), *same("auto", None)],
        "truncation": same("auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.5}),
        "include": [(["item.input_audio_transcription.logprobs"], ("item.input_audio_transcription.logprobs",))],
        "extra": same({"new_field": {"a": [1]}}),
    },
    RealtimeUserInputText: {"type": same("input_text"), "text": same("hi", "")},
    RealtimeUserInputImage: {
        "type": same("input_image"),
        "image_url": same("https://example.org/x.png"),
        "detail": same("auto", "low", "high", None),
    },
    RealtimeUserInputMessage: {
        "type": same("message"),
        "role": same("user"),
        "content": [
            (
                [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "data:x"}],
                (RealtimeUserInputText(text="hi"), RealtimeUserInputImage(image_url="data:x")),
            )
        ],
    },
    RealtimeModelConfig: {
        "api_key": same("sk-1", make_key, make_headers, None),
        "url": same("wss://example.org", None),
        "headers": same({"X": "y"}, None),
        "initial_model_settings": [({"voice": "ash"}, RealtimeSessionModelSettings(voice="ash"))],
        "playback_tracker": same(TRACKER, None),
        "call_id": same("rtc_1", None),
        "auth": same(make_headers, None),
        "dialect": [
            *same("beta", {"response.audio.delta": "response.output_audio.delta"}, None),
            ({"session": "flat"}, Dialect(session="flat")),
        ],
    },
    ReconnectPolicy: {
        "max_attempts": same(1),
        "initial_delay": same(0.1),
        "max_delay": same(1),
        "jitter": same(0, 1.0),
        "before_expiry": same(0, 30.0),
    },
    DeliverySettings: {
        "max_buffered_ms": same(1),
        "max_buffered_bytes": same(1),
        "overflow": same("drop_oldest", "error", "block"),
        "max_block_ms": same(0),
    },
    RealtimeGuardrailRecovery: {
        "say": same("Sorry.", None),
        "instructions": same("Apologise.", None),
    },
    RealtimeGuardrailsSettings: {
        "debounce_text_length": same(1),
        "on_error": same("trip", "skip"),
        "hold_audio": same(True),
        "max_hold_ms": same(100, None),
        "recovery": same("Let us talk of something else.", None),
        "timeout": same(1.5, None),
    },
    RealtimeToolExecutionConfig: {
        "pre_approval_tool_input_guardrails": same(True),
        "max_concurrency": same(1, None),
        "default_timeout": same(1.5, None),
        "on_interrupt": same("keep", "cancel"),
        "on_handoff": same("keep", "cancel"),
        "on_resume": same("fail", "run"),
        "approval_timeout": same(60, None),
        "deadline": same(60, None),
    },
    Limits: {
        "max_seconds": same(60, None),
        "max_tokens": same(1000, None),
        "max_idle": same(10.0, None),
        "goodbye": same("Bye.", None, print),
        "goodbye_timeout": same(5, 0.5),
    },
    Timeouts: {
        "connect": same(1),
        "close": same(1.0),
        "configure": same(1.0, None),
        "response": same(1.0, None),
        "heartbeat": same(20, None),
        "hook": same(1),
        "store": same(1),
        "lease": same(1),
    },
    RealtimeRunConfig: {
        "model_settings": [({"voice": "ash"}, RealtimeSessionModelSettings(voice="ash"))],
        "output_guardrails": [([GUARDRAIL], (GUARDRAIL,))],
        "guardrails_settings": [({"on_error": "skip"}, RealtimeGuardrailsSettings(on_error="skip"))],
        "tracing_disabled": same(True),
        "async_tool_calls": same(False),
        "tool_execution": [({"max_concurrency": 2}, RealtimeToolExecutionConfig(max_concurrency=2))],
        "tool_error_formatter": same(format_error, None),
        "raw_events": same(True),
        "reconnect": [({"max_attempts": 2}, ReconnectPolicy(max_attempts=2)), (None, None)],
        "delivery": [({"overflow": "error"}, DeliverySettings(overflow="error"))],
        "hooks": same(HOOKS, None),
        "input_guardrails": [([GUARDRAIL], (GUARDRAIL,))],
        "gate_input": same(True),
        "max_history_items": same(1, None),
        "store_audio": same(True),
        "max_stored_audio_bytes": same(1000, None),
        "limits": [({"max_tokens": 5}, Limits(max_tokens=5))],
        "timeouts": [({"connect": 5}, Timeouts(connect=5))],
    },
}
CLASSES = list(KEYS)
CASES = [
    pytest.param(cls, key, value, result, id=f"{cls.__name__}-{key}-{number}")
    for cls, keys in KEYS.items()
    for key, values in keys.items()
    for number, (value, result) in enumerate(values)
]


def settable(cls):
    return {field.name: field for field in attrs.fields(cls) if not field.metadata.get("internal")}


def complete(cls):
    """A dict with every key, and the object that it means."""
    value = {key: values[0][0] for key, values in KEYS[cls].items()}
    return value, cls(**{key: values[0][1] for key, values in KEYS[cls].items()})


class TestEveryKey:
    def test_the_table_is_complete(self):
        classes = {cls for cls in vars(module).values() if isinstance(cls, type) and attrs.has(cls)}
        assert {cls for cls in classes if cls.__module__ == module.__name__} == set(CLASSES)
        for cls in CLASSES:
            assert set(KEYS[cls]) == set(settable(cls)), cls

    @pytest.mark.parametrize(("cls", "key", "value", "result"), CASES)
    def test_alone(self, cls, key, value, result):
        required = {
            name: KEYS[cls][name][0][0] for name, field in settable(cls).items() if field.default is attrs.NOTHING
        }
        made = structure({**required, key: value}, cls, name="it")
        assert getattr(made, key) == result
        assert type(getattr(made, key)) is type(result)

    @pytest.mark.parametrize("cls", CLASSES)
    def test_all_at_once(self, cls):
        value, result = complete(cls)
        assert structure(value, cls, name="it") == result
        assert structure(result, cls, name="it") is result

    @pytest.mark.parametrize("cls", CLASSES)
    def test_what_was_given_says_the_same_again(self, cls):
        _, result = complete(cls)
        again = {key: value for key, value in given(result).items() if key in settable(cls)}
        assert structure(again, cls, name="it") == result

    @pytest.mark.parametrize("cls", CLASSES)
    def test_a_misspelled_key_is_named_with_the_right_one(self, cls):
        value, _ = complete(cls)
        for key in KEYS[cls]:
            with pytest.raises(UserError) as caught:
                structure({**value, key + "x": 1}, cls, name="it")
            assert str(caught.value).startswith(f"it.{key}x: is not a key of {cls.__name__}")
            if len(key) > 2:
                assert re.search(r"did you mean '\w+'", str(caught.value))

    @pytest.mark.parametrize(
        ("path", "meant"),
        [
            (["model_setings"], "model_settings"),
            (["model_settings", "turn_dection"], "turn_detection"),
            (["model_settings", "audio", "inptu"], "input"),
            (["model_settings", "audio", "input", "turn_detection", "eagernes"], "eagerness"),
            (["model_settings", "turn_detection", "idle_timeout"], "idle_timeout_ms"),
            (["model_settings", "tracing", "groupid"], "group_id"),
            (["model_settings", "reasoning", "efort"], "effort"),
            (["reconnect", "max_atempts"], "max_attempts"),
            (["delivery", "overfow"], "overflow"),
            (["guardrails_settings", "debounce_text_lenght"], "debounce_text_length"),
            (["tool_execution", "default_timout"], "default_timeout"),
            (["limits", "max_token"], "max_tokens"),
            (["timeouts", "conect"], "connect"),
        ],
    )
    def test_at_every_depth(self, path, meant):
        value: dict = {path[-1]: 1}
        for key in reversed(path[:-1]):
            value = {key: value}
        with pytest.raises(UserError) as caught:
            structure(value, RealtimeRunConfig, name="config")
        assert str(caught.value).startswith("config." + ".".join(path) + ": is not a key of ")
        assert str(caught.value).endswith(f"did you mean {meant!r}?")

    def test_what_the_session_sets_itself_is_no_key(self):
        for key in ("timeouts", "raw_events"):
            with pytest.raises(UserError, match=f"model_config.{key}: is not a key"):
                structure({key: True}, RealtimeModelConfig, name="model_config")


class TestValues:
    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"model_settings": {"speed": "1"}}, "model_settings.speed: must be a number, not str"),
            ({"model_settings": {"speed": float("nan")}}, "model_settings.speed: must be a finite number"),
            ({"model_settings": {"speed": None}}, "model_settings.speed: must be a number, not None"),
            ({"model_settings": {"instructions": None}}, "model_settings.instructions: must be text, not None"),
            ({"model_settings": {"voice": None}}, "must be text or a RealtimeCustomVoice or a dict, not None"),
            ({"model_settings": {"max_output_tokens": "100"}}, "must be 'inf', not '100'"),
            ({"model_settings": {"max_output_tokens": 1.0}}, "must be a whole number or 'inf', not float"),
            ({"model_settings": {"modalities": "audio"}}, "model_settings.modalities: must be a list, not str"),
            ({"model_settings": {"modalities": ["audio", "video"]}}, "modalities[1]: must be 'text' or 'audio'"),
            (
                {"model_settings": {"tracing": False}},
                "must be a RealtimeModelTracingConfig or a dict or 'auto' or None",
            ),
            (
                {"model_settings": {"input_audio_format": 8}},
                "must be text or a dict or an AudioFormat or an AudioFormatObject",
            ),
            ({"tracing_disabled": 1}, "tracing_disabled: must be true or false, not int"),
            ({"async_tool_calls": "no"}, "async_tool_calls: must be true or false, not str"),
            ({"output_guardrails": GUARDRAIL}, "output_guardrails: must be a list, not object"),
            ({"reconnect": False}, "reconnect: must be a ReconnectPolicy or a dict or None, not bool"),
            ({"tool_error_formatter": "x"}, "tool_error_formatter: must be a function or None, not str"),
            ({"delivery": {"overflow": "drop"}}, "overflow: must be 'drop_oldest' or 'error' or 'block', not 'drop'"),
        ],
    )
    def test_wrong_ones(self, value, message):
        with pytest.raises(UserError) as caught:
            structure(value, RealtimeRunConfig, name="config")
        assert message in str(caught.value)
        assert str(caught.value).startswith("config.")

    @pytest.mark.parametrize(
        ("camel", "snake", "value"),
        [
            ("createResponse", "create_response", False),
            ("interruptResponse", "interrupt_response", False),
            ("prefixPaddingMs", "prefix_padding_ms", 300),
            ("silenceDurationMs", "silence_duration_ms", 500),
            ("idleTimeoutMs", "idle_timeout_ms", None),
            ("modelVersion", "model_version", "v"),
        ],
    )
    def test_turn_detection_in_camel_case(self, camel, snake, value):
        turn = structure({camel: value}, RealtimeTurnDetectionConfig, name="turn_detection")
        assert turn == RealtimeTurnDetectionConfig(**{snake: value})

    @pytest.mark.parametrize(
        ("part", "message"),
        [
            ({"type": "input_text"}, "message.content[0].text: is missing"),
            ({"type": "input_image"}, "message.content[0].image_url: is missing"),
            ({"type": "input_image", "image_url": 3}, "message.content[0].image_url: must be text, not int"),
            ({"type": "input_audio", "audio": "x"}, "message.content[0].type: must be 'input_text' or 'input_image'"),
            ({"type": "input_text", "text": None}, "message.content[0].text: must be text, not None"),
            ("hi", "message.content[0]: must be a RealtimeUserInputText or a dict or a RealtimeUserInputImage"),
        ],
    )
    def test_a_part_of_a_message_that_cannot_be_used(self, part, message):
        with pytest.raises(UserError) as caught:
            structure({"content": [part]}, RealtimeUserInputMessage, name="message")
        assert message in str(caught.value)

    @pytest.mark.parametrize("direct", [True, False])
    @pytest.mark.parametrize(
        ("cls", "key", "value"),
        [
            *[(DeliverySettings, key, 0) for key in ("max_buffered_ms", "max_buffered_bytes")],
            (DeliverySettings, "max_block_ms", -1),
            *[(ReconnectPolicy, key, 0) for key in ("max_attempts", "initial_delay", "max_delay")],
            *[(ReconnectPolicy, key, -0.1) for key in ("jitter", "before_expiry")],
            (ReconnectPolicy, "jitter", 1.1),
            (RealtimeGuardrailsSettings, "debounce_text_length", -1),
            *[(RealtimeGuardrailsSettings, key, 0) for key in ("max_hold_ms", "timeout")],
            *[
                (RealtimeToolExecutionConfig, key, 0)
                for key in ("max_concurrency", "default_timeout", "approval_timeout", "deadline")
            ],
            *[(Limits, key, 0) for key in ("max_seconds", "max_tokens", "max_idle", "goodbye_timeout")],
            *[
                (Timeouts, key, 0)
                for key in ("connect", "close", "configure", "response", "heartbeat", "hook", "store", "lease")
            ],
            (Timeouts, "connect", float("nan")),
            (Timeouts, "close", float("inf")),
            (Timeouts, "hook", "5"),
            (Timeouts, "response", True),
        ],
    )
    def test_out_of_range(self, cls, key, value, direct):
        with pytest.raises(UserError, match=key):
            cls(**{key: value}) if direct else structure({key: value}, cls, name="it")

    def test_nothing_can_be_changed(self):
        for cls in CLASSES:
            _, instance = complete(cls)
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(instance, next(iter(KEYS[cls])), None)


class TestDefaults:
    FIGURES = {
        DeliverySettings: {"max_buffered_ms": 180_000, "max_buffered_bytes": 16 * 1024 * 1024, "max_block_ms": 5_000},
        ReconnectPolicy: {
            "max_attempts": 5,
            "initial_delay": 0.5,
            "max_delay": 8,
            "jitter": 0.25,
            "before_expiry": 60,
        },
        RealtimeGuardrailsSettings: {"debounce_text_length": 100, "timeout": 10},
        Timeouts: {"connect": 15, "close": 5, "configure": 10, "response": 30, "hook": 5, "store": 10, "lease": 30},
    }

    @pytest.mark.parametrize("cls", list(FIGURES))
    def test_are_the_ones_that_the_docstring_states(self, cls):
        text = inspect.getdoc(cls).replace("16 MiB", str(16 * 1024 * 1024)).replace(",000", "000")
        for key, figure in self.FIGURES[cls].items():
            assert getattr(cls(), key) == figure
            if key == "max_delay":
                assert "0.5 and 8:" in text
                continue
            described = re.search(
                rf"^ *[\w, ]*\b{key}\b[\w, ]*:(.*?)(?=\n\w|\n    \w+:|\Z)", text, re.DOTALL | re.MULTILINE
            )
            assert described is not None, key
            assert re.search(rf"[( ]{figure:g}\b|[( ]{figure}\b", described[1]), (key, described[1])

    def test_of_a_run(self):
        config = RealtimeRunConfig()
        assert config.async_tool_calls
        assert not config.tracing_disabled
        assert not config.raw_events
        assert config.delivery.overflow == "drop_oldest"
        assert config.guardrails_settings.on_error == "trip"
        assert config.guardrails_settings.recovery is None
        assert config.tool_execution == RealtimeToolExecutionConfig(
            pre_approval_tool_input_guardrails=False, max_concurrency=None, on_interrupt="keep", on_handoff="keep"
        )
        assert config.reconnect == ReconnectPolicy()
        assert config.limits == Limits()
        assert config.model_settings == RealtimeSessionModelSettings()

    def test_settings_that_were_left_out_are_not_none(self):
        settings = RealtimeSessionModelSettings()
        assert given(settings) == {}
        assert all(getattr(settings, field.name) is NOT_GIVEN for field in attrs.fields(type(settings)))


class TestOverlaid:
    def test_what_is_given_wins(self):
        base = RealtimeSessionModelSettings(voice="ash", instructions="a", turn_detection=TURN)
        over = RealtimeSessionModelSettings(instructions="", turn_detection=None, speed=1.0)
        assert base.overlaid(over) == RealtimeSessionModelSettings(
            voice="ash", instructions="", turn_detection=None, speed=1.0
        )

    def test_every_setting(self):
        _, all_given = complete(RealtimeSessionModelSettings)
        assert RealtimeSessionModelSettings().overlaid(all_given) == all_given
        assert all_given.overlaid(RealtimeSessionModelSettings()) == all_given


class TestSecrets:
    CANARY = "sk-test-canary-7f3a"

    def test_neither_repr_nor_str_shows_them(self):
        async def auth():
            return {"Authorization": self.CANARY}

        config = RealtimeModelConfig(
            api_key=self.CANARY,
            url=f"wss://example.org?key={self.CANARY}",
            headers={"Authorization": f"Bearer {self.CANARY}"},
            auth=auth,
            initial_model_settings=RealtimeSessionModelSettings(
                extra={"tools": [{"type": "mcp", "authorization": self.CANARY}]}
            ),
        )
        assert self.CANARY not in f"{config!r} {config}"
        assert "tools" in repr(config)
        assert "canary" not in repr(RealtimeModelConfig(api_key=lambda: self.CANARY))

    @pytest.mark.parametrize(
        "value",
        [
            CANARY,
            [CANARY],
            {"api_key": [CANARY]},
            {"api_key": {"key": CANARY}},
            {"api_key": CANARY.encode()},
            {"apikey": CANARY},
            {"headers": CANARY},
            {"headers": [("Authorization", CANARY)]},
            {"headers": {"Authorization": CANARY.encode()}},
            {"headers": {"Authorization": [CANARY]}},
            {"headers": {CANARY.encode(): "x"}},
            {CANARY.encode(): "x"},
            {"auth": CANARY},
            {"auth": {"Authorization": CANARY}},
            {"url": [CANARY]},
            {"api_key": CANARY, "url": 3},
            {"initial_model_settings": CANARY},
            {"initial_model_settings": {"extra": CANARY}},
            {"initial_model_settings": {"extra": {"authorization": CANARY}, "voice": 3}},
            {"initial_model_settings": {"prompt": CANARY}},
        ],
    )
    def test_no_error_shows_them(self, value):
        with pytest.raises(UserError) as caught:
            structure(value, RealtimeModelConfig, name="model_config")
        error: BaseException | None = caught.value
        assert not error.__cause__
        assert error.__suppress_context__
        assert self.CANARY not in f"{error} {error!r} {error.args}"


def plausible(hint):
    """Values for a type of the reference's dicts."""
    import typing_extensions

    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing_extensions.NotRequired, typing_extensions.Required, typing.Required, typing.NotRequired):
        return plausible(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return [value for argument in arguments for value in plausible(argument)]
    if origin is typing.Literal:
        return list(arguments)
    if origin in (list, typing.get_origin(typing.Sequence[int])):
        return [[value] for value in plausible(arguments[0])]
    if origin is typing.get_origin(typing.Callable[[], int]):
        return [make_key]
    if origin in (dict, typing.get_origin(typing.Mapping[str, int])):
        return [{"a": plausible(arguments[1])[0]}]
    if typing_extensions.is_typeddict(hint):
        return [{key: plausible(value)[0] for key, value in typing_extensions.get_type_hints(hint).items()}]
    if isinstance(origin, type):  # a generic class of the reference's: a guardrail, a handoff
        return [object()]
    simple = {str: "x", int: 1, float: 1.5, bool: True, type(None): None, typing.Any: "x"}
    if hint in simple:
        return [simple[hint]]
    if hint.__name__ == "RealtimePlaybackTracker":
        return [TRACKER]
    fields = getattr(hint, "model_fields", {})
    if "type" in fields:
        return [hint(type=typing.get_args(typing.get_args(fields["type"].annotation)[0])[0])]
    return [object()]


@pytest.fixture(scope="module")
def dicts():
    """The dicts of the reference by name."""
    pytest.importorskip("agents")
    import agents.realtime.config
    import agents.realtime.model
    import typing_extensions

    sources = (agents.realtime.config, agents.realtime.model)
    everything = [pair for source in sources for pair in vars(source).items()]
    return {name: value for name, value in everything if typing_extensions.is_typeddict(value)}


class TestReference:
    """The dicts of ``agents.realtime`` are taken as they are."""

    NAMES = {"Prompt": "RealtimePrompt"}
    ELSEWHERE = {
        "RealtimeClientMessage": "never used by the reference; RealtimeModelRawClientMessage is its like",
        "RealtimePlaybackState": "given, not taken",
    }
    REFUSED = {
        ("RealtimeUserInputImage", "detail", "x"): "the reference drops it, here it is an error at the call",
        ("RealtimeSessionModelSettings", "tool_choice", "object"): "an MCP tool is chosen with the protocol's dict",
    }
    REQUIRED = {("RealtimeUserInputImage", "image_url"): "the reference drops a part without one"}

    def test_each_has_a_class_here(self, dicts):
        assert len(dicts) > 15
        for name in dicts:
            assert name in self.ELSEWHERE or hasattr(module, self.NAMES.get(name, name)), name

    def test_every_key_with_every_kind_of_value(self, dicts):
        import typing_extensions

        tried = 0
        for name, source in dicts.items():
            if name in self.ELSEWHERE:
                continue
            cls = getattr(module, self.NAMES.get(name, name))
            hints = typing_extensions.get_type_hints(source)
            required = {
                key: plausible(hints[key])[0] for key, field in settable(cls).items() if field.default is attrs.NOTHING
            }
            for key, hint in hints.items():
                values = plausible(hint)
                assert values
                for value in values:
                    tried += 1
                    if (name, key, value if isinstance(value, str) else type(value).__name__) in self.REFUSED:
                        with pytest.raises(UserError):
                            structure({**required, key: value}, cls, name=name)
                    else:
                        made = structure({**required, key: value}, cls, name=name)
                        assert getattr(made, key) is not NOT_GIVEN
        assert tried > 100

    def test_ours_of_the_same_name_know_no_other_required_key(self, dicts):
        for name, source in dicts.items():
            if name not in self.ELSEWHERE:
                cls = getattr(module, self.NAMES.get(name, name))
                needed = {key for key, field in settable(cls).items() if field.default is attrs.NOTHING}
                more = {(name, key) for key in needed - source.__required_keys__}
                assert more <= self.REQUIRED.keys(), name
