"""The protocol's official types and ours: what may come is understood, what is sent is right, and nothing is unknown."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, get_args, get_origin

import attrs
import openai.types.realtime as official
import pytest
from pydantic import BaseModel, TypeAdapter

from tests.conformance.official_types import CLIENT_TYPES, SERVER_TYPES, Generator, fields_of, members
from trio_realtime._structure import NOT_GIVEN
from trio_realtime.config import RealtimeAudioConfig, RealtimeSessionModelSettings
from trio_realtime.openai.client_events import CLIENT_EVENTS, INSIDE
from trio_realtime.openai.codec import decode
from trio_realtime.openai.protocol import OpenAIProtocol
from trio_realtime.openai.server_events import SERVER_EVENTS
from trio_realtime.openai.severity import SESSION_EXPIRED, severity_of

ROOT = Path(__file__).parents[2]
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
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.conformance.official_types"],
        input="".join(json.dumps(event) + "\n" for event in events),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
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
    return begun_call and type_ in {"function_call", "item_updated"}


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
    assert found <= KNOWN_GAPS


KNOWN_GAPS = {"session.audio.input.noise_reduction.strength"}


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
