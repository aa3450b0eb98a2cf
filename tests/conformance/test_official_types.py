"""The protocol's official types and ours: what may come is understood, what is sent is right, and nothing is unknown."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any, get_args, get_origin

import attrs
import openai.types.realtime as official
import pytest
import trio
from pydantic import BaseModel, TypeAdapter

from tests.conformance.official_types import (
    CLIENT_TYPES,
    SERVER_TYPES,
    Generator,
    ask_reference,
    everything_sent_is_checked,
    fields_of,
    members,
    validate_client_event,
)
from trio_realtime._structure import NOT_GIVEN, structure
from trio_realtime.agent import RealtimeAgent
from trio_realtime.audio import PCM16, PCMA
from trio_realtime.config import (
    RealtimeAudioConfig,
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeCustomVoice,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeSessionModelSettings,
    RealtimeTurnDetectionConfig,
)
from trio_realtime.handoffs import realtime_handoff
from trio_realtime.model_events import RealtimeModelFollowUpEvent, RealtimeModelToolCallEvent
from trio_realtime.model_inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelUserInputMessage,
    TruncationPoint,
)
from trio_realtime.openai import OpenAIRealtimeWebSocketModel
from trio_realtime.openai.client_events import CLIENT_EVENTS, INSIDE
from trio_realtime.openai.codec import decode
from trio_realtime.openai.protocol import OpenAIProtocol
from trio_realtime.openai.server_events import SERVER_EVENTS
from trio_realtime.openai.severity import SESSION_EXPIRED, severity_of
from trio_realtime.runner import RealtimeRunner
from trio_realtime.server import CallTool, LocalServer, Say, ScriptEngine
from trio_realtime.tools import function_tool
from trio_realtime.tools.hosted import HostedMCPConfig, HostedMCPTool

EACH = 60


def same(decoded: Any, sent: Any) -> bool:
    """Whether what was decoded is what was sent, as far as it is read."""
    if attrs.has(type(decoded)):
        return all(
            same(getattr(decoded, field.name), sent[field.name])
            if field.name in sent
            else getattr(decoded, field.name) in (None, NOT_GIVEN)
            for field in attrs.fields(type(decoded))
        )
    if isinstance(decoded, bytes):
        return base64.b64encode(decoded).decode() == sent
    if isinstance(decoded, tuple):
        return len(decoded) == len(sent) and all(map(same, decoded, sent))
    return bool(decoded == sent)


# What may come


@pytest.mark.parametrize("type_", sorted(SERVER_TYPES))
def test_any_event_of_an_official_type_is_decoded_with_its_values(type_):
    generator, adapter = Generator(1), TypeAdapter(SERVER_TYPES[type_])
    for _ in range(EACH):
        event = generator.event(type_)
        message = json.dumps(event, ensure_ascii=False)
        adapter.validate_json(message)
        decoded = decode(message)
        assert type(decoded) is SERVER_EVENTS[type_], message
        assert same(decoded, event), message


def test_the_comparison_sees_a_difference():
    event = Generator(1).event("response.output_audio.delta")
    decoded = decode(json.dumps(event))
    assert same(decoded, event)
    assert not same(decoded, {**event, "delta": "AAAA" + event["delta"]})
    assert not same(decoded, {**event, "item_id": "other"})


@pytest.fixture(scope="module")
def heard() -> list[tuple[dict[str, Any], list[dict[str, Any]], list[Any]]]:
    """Events of every type, and what the reference and we make of each."""
    generator = Generator(2, ids=True)
    events = [generator.event(type_) for type_ in sorted(SERVER_TYPES) for _ in range(EACH // 3)]
    printed = ask_reference("model-events", "".join(json.dumps(event) + "\n" for event in events))
    theirs = [json.loads(line) for line in printed.splitlines()]
    ours = [OpenAIProtocol().receive(json.dumps(event), 0.0) for event in events]
    return list(zip(events, theirs, ours, strict=True))


def excused(event: dict[str, Any], type_: str) -> bool:
    """Whether we need not say what the reference says; each is a line of the README's table, or a fault of its types."""
    if type_ in {"error", "exception"}:
        error = event.get("error") or {}
        harmless = severity_of(error.get("code"), error.get("type")) == "benign"
        waits = error.get("code") in {SESSION_EXPIRED, "conversation_already_has_active_response"}
        return event["type"] != "error" or harmless or waits
    # A call is run once, when it is done; the service never sends a new one as completed.
    begun_call = event["type"] == "response.output_item.added" and event["item"]["type"] == "function_call"
    return begun_call and type_ == "function_call"


def test_what_the_reference_tells_an_application_we_tell_it_too(heard):
    compared = set()
    for event, theirs, ours in heard:
        types = {one.type for one in ours}
        types |= {"error"} if "exception" in types and event["type"] == "error" else set()
        missing = [one["type"] for one in theirs if one["type"] not in types and not excused(event, one["type"])]
        assert not missing, (event, theirs, ours)
        compared |= {one["type"] for one in theirs}
    assert compared >= {
        "audio",
        "audio_done",
        "error",
        "function_call",
        "input_audio_timeout_triggered",
        "input_audio_transcription_completed",
        "item_deleted",
        "item_updated",
        "output_text_delta",
        "transcript_delta",
        "turn_ended",
        "turn_started",
        "usage",
    }


def test_and_with_the_same_words(heard):
    for event, theirs, ours in heard:
        for said in theirs:
            for one in ours:
                if one.type == said["type"] and said["type"] not in {"error", "exception"}:
                    values = {name: getattr(one, name) for name in said}
                    values = {name: len(value) if isinstance(value, bytes) else value for name, value in values.items()}
                    assert values == said, event


# Nothing is unknown


def test_every_event_of_the_official_types_is_known():
    assert set(SERVER_EVENTS) == set(SERVER_TYPES)
    assert set(CLIENT_EVENTS) == set(CLIENT_TYPES)
    assert (len(SERVER_TYPES), len(CLIENT_TYPES)) == (46, 11)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The official classes that a value of an annotation can hold."""
    for one in members(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one
        elif get_origin(one) in {list, dict}:
            yield from models_in(get_args(one)[-1])


def classes_in(annotation: Any) -> list[type] | None:
    """Our classes that a value of an annotation can hold; None if it can hold anything."""
    found: list[type] = []
    for one in members(annotation):
        if one in {Any, object} or get_origin(one) is Mapping:
            return None
        if get_origin(one) in {tuple, Sequence}:
            inner = classes_in(get_args(one)[0])
            if inner is None:
                return None
            found += inner
        elif attrs.has(one):
            found.append(one)
    return found


OTHER_NAMES = {"session.model": "model_name"}
ELSEWHERE = {
    "session.type": "settings are of realtime sessions; `extra` can say another",
    "session.tools": "made of FunctionTool, Handoff, and tools of the service, which say anything",
}
NOT_READ = {
    "RealtimeConversationItem*.object": "says nothing",
    "RealtimeResponse.object": "says nothing",
    "RealtimeResponse.audio": "the session's",
    "RealtimeMcpApprovalResponse.*": "an item that only a client makes",
    "RealtimeMcpToolCall.approval_request_id": "the request was told by itself",
    "Tool.*": "of the tools of a hosted server only the names are told",
    "Content.audio": "audio comes in deltas; again in a retrieved item, where nobody wants it",
    "Part.audio": "audio comes in deltas",
    "ResponseMcpCallArgumentsDelta.obfuscation": "padding",
}
"""What the official types say and nothing here looks at; raw_events shows it."""


def missing(official: type[BaseModel], classes: Sequence[type], path: str) -> Iterator[tuple[str, str]]:
    """The fields of an official class, and of those in it, that none of our classes has: by path, and by class."""
    ours: dict[str, list[Any]] = {}
    for cls in classes:
        attrs.resolve_types(cls)
        for field in attrs.fields(cls):
            ours.setdefault(field.name, []).append(field.type)
    for name, annotation in fields_of(official).items():
        place = f"{path}.{name}"
        mine = name if name in ours else OTHER_NAMES.get(place, name)
        if place in ELSEWHERE or (name == "type" and any(hasattr(cls, "type") for cls in classes)):
            continue
        if mine not in ours:
            yield place, f"{official.__name__}.{name}"
            continue
        inside = [classes_in(one) for one in ours[mine]]
        if None not in inside:
            found = [cls for one in inside for cls in one or ()]
            for model in models_in(annotation):
                yield from missing(model, found, place)


@pytest.mark.parametrize("type_", sorted(SERVER_TYPES))
def test_every_field_of_a_server_event_is_read_or_known_not_to_be(type_):
    found = {name for _, name in missing(SERVER_TYPES[type_], [SERVER_EVENTS[type_]], type_)}
    assert not {name for name in found if not any(fnmatch(name, pattern) for pattern in NOT_READ)}


def test_what_is_said_not_to_be_read_is_not():
    found = {name for type_, cls in SERVER_TYPES.items() for _, name in missing(cls, [SERVER_EVENTS[type_]], type_)}
    assert not {pattern for pattern in NOT_READ if not any(fnmatch(name, pattern) for name in found)}


def test_every_setting_of_a_session_can_be_said():
    found = {
        path for path, _ in missing(official.RealtimeSessionCreateRequest, [RealtimeSessionModelSettings], "session")
    }
    assert not found


@pytest.mark.parametrize("type_", sorted(INSIDE))
def test_every_field_of_a_raw_client_event_is_checked(type_):
    name, cls = INSIDE[type_]
    for model in models_in(CLIENT_TYPES[type_].model_fields[name].annotation):
        assert not list(missing(model, [cls], name))


@pytest.mark.parametrize("type_", sorted(CLIENT_TYPES))
def test_every_field_of_a_client_event_is_known(type_):
    assert not list(missing(CLIENT_TYPES[type_], [CLIENT_EVENTS[type_]], type_))


def test_a_missing_field_is_found():
    @attrs.frozen
    class Little:
        audio: RealtimeAudioConfig

    found = {path for path, _ in missing(official.RealtimeSessionCreateRequest, [Little], "session")}
    assert "session.model" in found
    assert "session.truncation" in found
    assert "session.audio.input.turn_detection.threshold" not in found


def test_every_field_of_a_hosted_mcp_server_can_be_said():
    tools = CLIENT_TYPES["session.update"].model_fields["session"].annotation
    hosted = next(cls for session in models_in(tools) for cls in tools_of(session) if cls.__name__ == "Mcp")
    assert not list(missing(hosted, [HostedMCPConfig], "tools"))


def tools_of(session: type[BaseModel]) -> Iterator[type[BaseModel]]:
    return models_in(fields_of(session).get("tools"))


# What is sent


@function_tool
async def look_up(word: str, times: int = 1) -> str:
    """Look a word up."""
    return word * times


async def hand_over(context: Any) -> None: ...


OTHER = RealtimeAgent(name="Other", handoff_description="Knows.")
VAD = {
    "type": "server_vad",
    "create_response": True,
    "interrupt_response": False,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "threshold": 0.5,
    "idle_timeout_ms": 6000,
}
TRANSCRIPTION = {
    "language": "en",
    "model": "gpt-4o-transcribe",
    "prompt": "Names.",
    "keywords": ["wren"],
    "languages": ["en", "de"],
    "delay": "low",
}
FORMATS: list[Any] = ["pcm16", "g711_ulaw", "g711_alaw", "audio/pcm", {"type": "audio/pcmu"}, PCM16, PCMA]
VALUES: dict[str, list[Any]] = {
    "model_name": ["gpt-realtime", "a-model-of-tomorrow"],
    "instructions": ["", "Be kind."],
    "prompt": [{"id": "p"}, {"id": "p", "version": "1", "variables": {"a": "b"}}, {"id": "p", "variables": None}, None],
    "modalities": [["text"], ["audio"]],
    "output_modalities": [["text"], ["audio"]],
    "voice": ["ash", "a-new-voice", {"id": "voice_1"}, RealtimeCustomVoice(id="voice_1")],
    "speed": [0.25, 1, 1.5],
    "max_output_tokens": [1, 4096, "inf"],
    "input_audio_format": FORMATS,
    "output_audio_format": FORMATS,
    "input_audio_transcription": [TRANSCRIPTION, None, {}],
    "input_audio_noise_reduction": [{"type": "near_field", "strength": 0.5}, {"type": "far_field"}, {}, None],
    "turn_detection": [
        VAD,
        {name: value for name, value in VAD.items() if name != "type"},
        {"type": "semantic_vad", "eagerness": "low", "create_response": False, "interrupt_response": True},
        {"type": "semantic_vad", "modelVersion": "2", "createResponse": True},
        {"type": "server_vad", "idle_timeout_ms": None},
        {"interruptResponse": True},
        None,
    ],
    "tool_choice": ["auto", "none", "required", "look_up", {"type": "mcp", "server_label": "s", "name": "n"}, None],
    "parallel_tool_calls": [True, False],
    "reasoning": [{"effort": "high"}, {"effort": None}, {}],
    "tools": [
        [],
        [look_up],
        [look_up, HostedMCPTool(tool_config={"server_label": "s", "server_url": "https://a.b/c"})],
    ],
    "handoffs": [[], [realtime_handoff(OTHER)], [realtime_handoff(OTHER, on_handoff=hand_over)]],
    "tracing": ["auto", None, {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}}, {}],
    "truncation": ["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.8}],
    "include": [["item.input_audio_transcription.logprobs"], []],
    "extra": [{"max_output_tokens": 5, "audio": {"output": {"speed": 1.25}}}, {}],
}
NESTED = {
    "format": ("input_audio_format", "output_audio_format"),
    "noise_reduction": ("input_audio_noise_reduction",),
    "transcription": ("input_audio_transcription",),
    "turn_detection": ("turn_detection",),
    "voice": ("voice",),
    "speed": ("speed",),
}


def settings_table() -> Iterator[Any]:
    for name, values in VALUES.items():
        for index, value in enumerate(values):
            yield pytest.param({name: value}, id=f"{name}-{index}")
    for side, cls in {"input": RealtimeAudioInputConfig, "output": RealtimeAudioOutputConfig}.items():
        for field in attrs.fields(cls):
            flat = [name for name in NESTED[field.name] if len(NESTED[field.name]) == 1 or name.startswith(side)]
            for index, value in enumerate(VALUES[flat[0]]):
                yield pytest.param({"audio": {side: {field.name: value}}}, id=f"audio-{side}-{field.name}-{index}")
    yield pytest.param({"audio": {"input": None, "output": None}}, id="audio-none")
    yield pytest.param({name: values[0] for name, values in VALUES.items()}, id="all")
    yield pytest.param({}, id="nothing")


def test_the_table_has_every_setting():
    assert {field.name for field in attrs.fields(RealtimeSessionModelSettings)} == {*VALUES, "audio"}
    assert {field.name for field in attrs.fields(RealtimeInputAudioTranscriptionConfig)} == set(TRANSCRIPTION)
    detections = [given for given in VALUES["turn_detection"] if given]
    said = {name for given in detections for name in given} | {"model_version"}
    assert {field.name for field in attrs.fields(RealtimeTurnDetectionConfig)} <= said


class Wire:
    """A protocol whose client events are all checked."""

    def __init__(self, **options: Any) -> None:
        self.protocol = OpenAIProtocol(**options)
        self.sent: list[dict[str, Any]] = []

    def say(self, event: Any) -> list[dict[str, Any]]:
        frames = [json.loads(frame) for frame in self.protocol.send(event, 0.0).frames]
        for frame in frames:
            validate_client_event(frame)
        self.sent += frames
        return frames

    def hear(self, type_: str, **fields: Any) -> None:
        for event in self.protocol.receive(json.dumps({"type": type_, "event_id": "e", **fields}), 0.0):
            if isinstance(event, RealtimeModelFollowUpEvent):
                self.say(event.event)

    def update(self, **settings: Any) -> list[dict[str, Any]]:
        whole = structure(settings, RealtimeSessionModelSettings, name="settings")
        return self.say(RealtimeModelSendSessionUpdate(session_settings=whole))

    def raw(self, type_: str, **fields: Any) -> list[dict[str, Any]]:
        message = RealtimeModelRawClientMessage(type=type_, other_data=fields)
        return self.say(RealtimeModelSendRawMessage(message=message))


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("settings", list(settings_table()))
def test_any_setting_is_sent_as_the_official_types_say_and_so_is_taking_it_back(settings, attached):
    wire = Wire(attached=attached)
    wire.update(**settings)
    wire.hear("session.updated", session={"type": "realtime"})
    wire.update()
    wire.hear("session.updated", session={"type": "realtime"})
    wire.update(**settings)
    assert {frame["type"] for frame in wire.sent} <= {"session.update"}
    assert wire.sent or attached


MESSAGE = RealtimeModelUserInputMessage(
    content=[
        RealtimeModelInputTextContent(text="Look"),
        RealtimeModelInputImageContent(image_url="data:image/png;base64,AAAA", detail="low"),
        RealtimeModelInputImageContent(image_url="https://example.com/a.png"),
    ]
)
CALL = RealtimeModelToolCallEvent(name="look_up", call_id="call_1", arguments="{}", id="item_c", response_id="r")
CUTS = [TruncationPoint(item_id="i", content_index=0, audio_end_ms=ms) for ms in (0, 700)]
INPUTS = [
    RealtimeModelSendUserInput(user_input="Hi"),
    RealtimeModelSendUserInput(user_input="", item_id="x" * 32),
    RealtimeModelSendUserInput(user_input=MESSAGE),
    RealtimeModelSendAudio(audio=b"\x01\x02\x03"),
    RealtimeModelSendAudio(audio=b"", commit=True),
    RealtimeModelSendAudio(audio=b"\x00" * 4800, commit=True),
    RealtimeModelSendToolOutput(tool_call=CALL, output="sunny", start_response=True),
    RealtimeModelSendToolOutput(tool_call=CALL, output="", start_response=False),
    RealtimeModelSendInterrupt(),
    RealtimeModelSendInterrupt(truncations=CUTS),
    RealtimeModelSendInterrupt(response_id="r1", cancel_response_only=True),
    RealtimeModelSendInterrupt(playback_only=True, truncations=CUTS),
    RealtimeModelSendInterrupt(force_response_cancel=True, response_id="r1", truncations=CUTS),
]


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("event", INPUTS)
def test_any_input_is_sent_as_the_official_types_say(event, active):
    wire = Wire()
    if active:
        wire.hear("response.created", response={"id": "r1", "object": "realtime.response", "status": "in_progress"})
    wire.say(event)
    wire.say(RealtimeModelSendInterrupt())
    wire.hear("response.done", response={"id": "r1", "status": "completed"})
    assert wire.sent or isinstance(event, RealtimeModelSendInterrupt)


def test_requests_keep_within_the_limits_of_metadata():
    wire = Wire()
    response = {
        "metadata": {f"{index:02}" + "k" * 62: "v" * 512 for index in range(15)},
        "conversation": "none",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {}}],
        "tool_choice": {"type": "function", "name": "f"},
        "output_modalities": ["text"],
        "max_output_tokens": 10,
        "audio": {"output": {"voice": "ash", "format": {"type": "audio/pcm", "rate": 24000}}},
    }
    (frame,) = wire.raw("response.create", event_id="mine", response=response)
    assert len(frame["response"]["metadata"]) == 16
    assert wire.raw("response.create")[0]["response"]["metadata"]
    assert wire.raw("response.create") == []
    wire.hear("response.created", response={"id": "r", "metadata": wire.sent[-1]["response"]["metadata"]})
    wire.hear("response.done", response={"id": "r", "status": "completed"})
    assert len(wire.sent) == 3


@pytest.mark.parametrize("type_", sorted(CLIENT_EVENTS))
def test_every_class_of_a_client_event_makes_what_the_official_types_say(type_):
    values: dict[str, Any] = {
        "session": {"type": "realtime", "instructions": "Be kind."},
        "audio": b"\x01\x02",
        "item": {"id": "i", "type": "function_call_output", "call_id": "c", "output": "o"},
        "response": {"instructions": "Be brief."},
        "content_index": 0,
        "audio_end_ms": 10,
    }
    names = [field.name for field in attrs.fields(CLIENT_EVENTS[type_])]
    validate_client_event(CLIENT_EVENTS[type_](**{name: values.get(name, name) for name in names}).to_wire())
    required = [field.name for field in attrs.fields(CLIENT_EVENTS[type_]) if field.default is attrs.NOTHING]
    validate_client_event(CLIENT_EVENTS[type_](**{name: values.get(name, name) for name in required}).to_wire())


SESSION = {"type": "session.update", "session": {"type": "realtime"}}
RESPONSE = {"type": "response.create", "response": {}}


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({"type": "response.telepathy"}, "is no client event"),
        ({}, "is no client event"),
        ({"type": "response.cancel", "id": "x"}, "id: the types do not know it"),
        ({"type": "conversation.item.delete"}, "item_id: Field required"),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": "0", "audio_end_ms": 1},
            "content_index",
        ),
        ({**SESSION, "session": {"type": "realtime", "voice": "ash"}}, "session.voice: the types"),
        (
            {
                **SESSION,
                "session": {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "x": 1}}}},
            },
            "session.audio.input.turn_detection.x: the types",
        ),
        (
            {**SESSION, "session": {"type": "realtime", "tools": [{"type": "function", "name": "f", "strict": True}]}},
            r"session.tools\[0\].strict: the types",
        ),
        ({**RESPONSE, "response": {"metadata": {f"{n}": "x" for n in range(17)}}}, "17 keys"),
        ({**RESPONSE, "response": {"metadata": {"x": "y" * 513}}}, "512"),
        ({**RESPONSE, "response": {"metadata": {"x": 1}}}, "response.metadata.x"),
        ({"type": "input_audio_buffer.append", "audio": "AA"}, "no base64"),
        (
            {
                "type": "conversation.item.create",
                "item": {"id": "x" * 33, "type": "function_call_output", "call_id": "c", "output": ""},
            },
            "33 characters",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "txt": ""}]},
            },
            r"item.content\[0\].txt: the types",
        ),
    ],
)
def test_the_check_finds_faults(event, fault):
    with pytest.raises(AssertionError, match=fault):
        validate_client_event(event)


async def test_a_whole_conversation_sends_what_the_official_types_say(autojump_clock):
    script = [
        CallTool("look_up", {"word": "wren"}),
        Say("A wren is a small bird. " * 20),
        CallTool("transfer_to_other", {}),
        Say("Hi."),
    ]
    server = LocalServer(ScriptEngine(script))
    agent = RealtimeAgent(name="One", instructions="Be kind.", tools=[look_up], handoffs=[OTHER])
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    with everything_sent_is_checked() as sent:
        async with await RealtimeRunner(agent, model=model).run(model_config={"api_key": "any"}) as session:
            await session.send_message("What is a wren?")
            ends = 0
            async for event in session:
                if event.type == "audio" and ends == 1:
                    await trio.sleep(0.3)
                    await session.interrupt()
                    await session.add_item("system", "Be brief.", after="root")
                    await session.send_message("And now?")
                elif event.type == "agent_end":
                    ends += 1
                    if ends == 4:
                        break
            await session.delete_item(session.history[0].item_id)
            await session.send_audio(b"\x00" * 9600, commit=True)
    received = list(server.connections[0].received)
    for message in received:
        validate_client_event(message)
    assert sent == Counter(message["type"] for message in received)
    assert set(sent) >= set(CLIENT_EVENTS) - {
        "conversation.item.retrieve",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
    }
