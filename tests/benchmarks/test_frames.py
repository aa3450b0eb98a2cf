"""What the load generator sends."""

from __future__ import annotations

import base64
import json

import pytest
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import TypeAdapter
from wsproto.frame_protocol import FrameDecoder, Opcode

from benchmarks.frames import (
    NUMBER,
    STREAMS,
    Numbering,
    Stamped,
    Template,
    audio_stamp,
    block,
    frame,
    numbered,
    response_end,
    response_stream,
    session_object,
    text_stamp,
    voice_turn,
)

_EVENT = TypeAdapter(RealtimeServerEvent)


def messages(data: bytes) -> list[dict]:
    decoder = FrameDecoder(client=True)
    decoder.receive_bytes(data)
    found, text = [], b""
    while (part := decoder.process_buffer()) is not None:
        assert part.opcode is Opcode.TEXT
        text += part.payload
        if part.message_finished:
            found.append(json.loads(text))
            text = b""
    return found


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_are_websocket_frames(size):
    decoder = FrameDecoder(client=True)
    decoder.receive_bytes(frame(b"a" * size))
    text = b""
    while (part := decoder.process_buffer()) is not None:
        text += part.payload
        if part.message_finished:
            break
    assert text == b"a" * size


@pytest.mark.parametrize("name", STREAMS)
def test_every_event_of_a_stream_is_one_of_the_protocol(name):
    events = messages(numbered(block(response_stream(name)), 7))
    assert len(events) == len(response_stream(name))
    for event in events:
        _EVENT.validate_python(event)
    assert sum(event["type"] == "response.output_audio.delta" for event in events) == sum(map(bool, STREAMS[name]))
    assert len({event["event_id"] for event in events}) == len(events)


def test_streams_have_the_average_sizes_that_their_names_say():
    average = {name: len(block(response_stream(name))) / len(response_stream(name)) for name in STREAMS}
    assert average == {
        "mixed": pytest.approx(3000, rel=0.02),
        "300 B": pytest.approx(300, rel=0.1),
        "20 KB": pytest.approx(20_000, rel=0.02),
    }


def test_turns_follow_each_other():
    template = block(voice_turn())
    turns = [messages(numbered(template, number)) for number in (0, 1, 2)]
    for turn in turns:
        for event in turn:
            _EVENT.validate_python(event)
    added = [event for turn in turns for event in turn if event["type"] == "conversation.item.added"]
    assert [event["previous_item_id"] for event in added][1:] == [event["item"]["id"] for event in added][:-1]
    assert NUMBER not in numbered(template, 5).decode("latin-1")


def test_what_is_not_in_a_stream_is_of_the_protocol_too():
    ids = Numbering()
    created = ids.event("session.created", session=session_object())
    for payload in (created, *response_end(ids, "Words.", cancelled=True)):
        _EVENT.validate_python(json.loads(payload))


@pytest.mark.parametrize("clock", [1, 123_456_789, 10**18])
def test_stamps_come_back(clock):
    [audio] = messages(Stamped(4800, 3).at(clock))
    data = base64.b64decode(audio["delta"])
    assert len(data) == 4800
    assert audio_stamp(data) == clock
    [words] = messages(Stamped(0, 3).at(clock))
    assert text_stamp(words["delta"]) == clock
    assert words["response_id"] == audio["response_id"]


@pytest.mark.parametrize("delta", ["", "words", "12", "1" * 21, "x" * 20])
def test_words_that_are_no_stamp(delta):
    assert text_stamp(delta) == 0


@pytest.mark.parametrize("number", [0, 1, 12_345_678])
def test_a_template_gives_the_same_as_replacing(number):
    whole = block(voice_turn())
    template = Template(whole)
    assert template.numbered(3) != template.numbered(number) == numbered(whole, number)
    assert template.size == len(template.numbered(number))
