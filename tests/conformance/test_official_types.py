"""The protocol's official types and ours: what may come is understood, what is sent is right, and nothing is unknown."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from pydantic import TypeAdapter

from tests.conformance.official_types import CLIENT_TYPES, SERVER_TYPES, Generator
from trio_realtime._structure import NOT_GIVEN
from trio_realtime.openai.client_events import CLIENT_EVENTS
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
