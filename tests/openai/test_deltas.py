import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.openai.examples import TRACE
from trio_realtime.model_events import (
    RealtimeModelAudioEvent,
    RealtimeModelErrorEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelTranscriptDeltaEvent,
)
from trio_realtime.openai.deltas import decode_delta
from trio_realtime.openai.protocol import OpenAIProtocol

KINDS = {
    "response.output_audio.delta": RealtimeModelAudioEvent,
    "response.output_audio_transcript.delta": RealtimeModelTranscriptDeltaEvent,
    "response.output_text.delta": RealtimeModelOutputTextDeltaEvent,
}
GOOD = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0, "delta": "aGk="}


def general(message):
    """What the general way gives."""
    protocol = OpenAIProtocol()
    protocol._plain = False
    return protocol.receive(message, 3.0)


@pytest.mark.parametrize("type_", KINDS)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", " :\t")])
def test_a_piece_is_read(type_, separators):
    message = json.dumps({"type": type_, "event_id": "event_1", **GOOD, "obfuscation": "x"}, separators=separators)
    event = decode_delta(message, 3.0)
    assert type(event) is KINDS[type_]
    assert [event] == general(message)
    content = event.data if isinstance(event, RealtimeModelAudioEvent) else event.delta
    assert content == (b"hi" if isinstance(event, RealtimeModelAudioEvent) else "aGk=")


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{}",
        "[1]",
        '{"event_id":"a","type":"response.output_text.delta"}',
        '{"type":"response.created"}',
        '{"type":"response.output_text.delta"',
        '{"type":"response.output_text.delta"}',
        '{"type":"response\\u002eoutput_text.delta"}',
        json.dumps({"type": "response.output_audio.delta", **GOOD, "delta": "no base64"}),
    ],
)
def test_the_rest_is_left_to_the_general_way(message):
    assert decode_delta(message, 0.0) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 1001) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(
    type_=st.sampled_from(sorted(KINDS)),
    changed=st.dictionaries(st.sampled_from(["event_id", *sorted(GOOD), "more"]), json_values, max_size=3),
    missing=st.sets(st.sampled_from(sorted(GOOD)), max_size=1),
    ascii_only=st.booleans(),
)
@example("response.output_audio.delta", {"content_index": 999}, set(), True)
@example("response.output_audio.delta", {"content_index": 1000}, set(), True)
@example("response.output_audio.delta", {"output_index": 10**30}, set(), True)
@example("response.output_text.delta", {"delta": "\ud800"}, set(), True)
def test_it_gives_what_the_general_way_gives(type_, changed, missing, ascii_only):
    fields = {name: value for name, value in {**GOOD, **changed}.items() if name not in missing}
    message = json.dumps({"type": type_, **fields}, ensure_ascii=ascii_only)
    found, expected = OpenAIProtocol().receive(message, 3.0), general(message)
    if isinstance(expected[0], RealtimeModelErrorEvent):
        assert [(type(e), str(e.error)) for e in found] == [(type(e), str(e.error)) for e in expected]
    else:
        assert found == expected


@given(st.binary(max_size=64), st.sampled_from([0, 1, 2]))
def test_audio_is_what_was_encoded(audio, cut):
    encoded = base64.b64encode(audio).decode()
    message = json.dumps({"type": "response.output_audio.delta", **GOOD, "delta": encoded[: len(encoded) - cut]})
    (found,), (expected,) = OpenAIProtocol().receive(message, 3.0), general(message)
    assert type(found) is type(expected)
    if isinstance(found, RealtimeModelAudioEvent):
        assert found == expected
        assert cut or found.data == audio


@pytest.mark.parametrize("line", TRACE)
def test_every_frame_of_the_service_means_the_same(line):
    event = decode_delta(line, 3.0)
    assert (event is not None) == (json.loads(line)["type"] in KINDS)
    if event is not None:
        assert [event] == general(line)


def test_pieces_keep_a_response_alive_and_fix_the_voice():
    protocol = OpenAIProtocol()
    created = {"id": "resp_1", "object": "realtime.response", "status": "in_progress", "output": []}
    protocol.receive(json.dumps({"type": "response.created", "response": created}), 1.0)
    quiet = protocol.next_deadline()
    assert not protocol.voice_fixed
    protocol.receive(json.dumps({"type": "response.output_audio_transcript.delta", **GOOD}), 5.0)
    assert protocol.next_deadline() == quiet + 4.0
    assert not protocol.voice_fixed
    protocol.receive(json.dumps({"type": "response.output_audio.delta", **GOOD}), 6.0)
    assert protocol.next_deadline() == quiet + 5.0
    assert protocol.voice_fixed


def test_with_raw_events_every_message_is_given_as_it_came():
    message = json.dumps({"type": "response.output_text.delta", **GOOD})
    assert [event.type for event in OpenAIProtocol(raw=True).receive(message, 1.0)] == [
        "raw_server_event",
        "output_text_delta",
    ]
