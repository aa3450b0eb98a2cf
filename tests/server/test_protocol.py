"""Order and fields of what the server sends, against frames that the service was seen to send."""

import pytest

from tests.server.helpers import Talk, squeezed, tool, types, update, user_message
from trio_realtime.server import CallTool, Say, Transcript, silence, synthesize
from trio_realtime.server.actions import Transcribe

RESPONSE = {
    "object", "id", "status", "status_details", "output", "conversation_id", "output_modalities",
    "max_output_tokens", "audio", "usage", "metadata",
}  # fmt: skip
PART = {"type", "event_id", "response_id", "item_id", "output_index", "content_index"}
ITEM = {"type", "event_id", "previous_item_id", "item"}
FIELDS = {
    "session.updated": {"type", "event_id", "session"},
    "input_audio_buffer.speech_started": {"type", "event_id", "audio_start_ms", "item_id"},
    "input_audio_buffer.speech_stopped": {"type", "event_id", "audio_end_ms", "item_id"},
    "input_audio_buffer.committed": {"type", "event_id", "previous_item_id", "item_id"},
    "conversation.item.added": ITEM,
    "conversation.item.done": ITEM,
    "response.created": {"type", "event_id", "response"},
    "response.output_item.added": {"type", "event_id", "response_id", "output_index", "item"},
    "response.content_part.added": {*PART, "part"},
    "response.output_audio_transcript.delta": {*PART, "delta", "obfuscation"},
    "response.content_part.done": {*PART, "part"},
    "rate_limits.updated": {"type", "event_id", "rate_limits"},
}


def spoken_turn(talk):
    """The user speaks, the server answers."""
    events = talk.append(silence(1) + synthesize("hello over there") + silence(0.5))
    heard = [action for action in talk.actions if isinstance(action, Transcribe)][-1]
    transcript = Transcript("hello over there")
    talk.state.hear(heard.item_id, transcript)
    if heard.announce:
        events += talk._take(talk.state.transcribed(heard.item_id, transcript, heard.clip))
    events += talk.produce(Say("Sure! I can tell you a story."))
    return events + talk._take(talk.state.finish(talk.response_id, talk.now))


def test_a_spoken_turn_has_the_order_and_the_fields_of_the_service():
    talk = Talk()
    talk(update(instructions="Keep answers short."))
    first = spoken_turn(talk)
    assert squeezed(first)[:9] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
    ]
    assert types(first)[9:11] == ["response.output_audio_transcript.delta", "response.output_audio.delta"]
    assert types(first)[-7:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    second = spoken_turn(talk)
    for event in talk.log:
        if event["type"] in FIELDS:
            assert set(event) == FIELDS[event["type"]]
    ids = [event["event_id"] for event in talk.log]
    assert len(set(ids)) == len(ids)

    started, stopped, committed, added, done, created = first[:6]
    assert len({started["item_id"], stopped["item_id"], committed["item_id"], added["item"]["id"]}) == 1
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (700, 2200)
    assert (
        added["item"]
        == done["item"]
        == {
            "id": started["item_id"],
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
    )
    assert committed["previous_item_id"] is added["previous_item_id"] is None
    response = created["response"]
    assert set(response) == RESPONSE
    assert response["status"] == "in_progress"
    assert response["output"] == []
    assert response["usage"] is response["metadata"] is response["status_details"] is None
    assert response["audio"] == {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}}
    assistant = first[6]["item"]
    assert assistant == {
        "id": assistant["id"], "type": "message", "status": "in_progress", "role": "assistant", "content": [],
    }  # fmt: skip
    assert first[7]["previous_item_id"] == started["item_id"]
    assert first[8]["part"] == {"type": "audio", "transcript": ""}
    assert second[2]["previous_item_id"] == assistant["id"]
    assert second[0]["audio_start_ms"] == 3200


def test_transcripts_of_the_user_come_if_asked_for():
    talk = Talk()
    talk(update(audio={"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}))
    events = types(spoken_turn(talk))
    done = events.index("conversation.item.input_audio_transcription.completed")
    assert events.index("conversation.item.added") < events.index("response.created") < done
    assert "conversation.item.input_audio_transcription.delta" in events[:done]


def test_the_words_of_deltas_and_of_the_ends_agree():
    talk = Talk()
    events = talk.answer("Hello, this is a longer answer.  With two spaces. ")
    text = "Hello, this is a longer answer.  With two spaces. "
    deltas = "".join(e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta")
    by_type = {event["type"]: event for event in events}
    assert deltas == text
    assert by_type["response.output_audio_transcript.done"]["transcript"] == text
    assert by_type["response.content_part.done"]["part"] == {"type": "audio", "transcript": text}
    output = by_type["response.done"]["response"]["output"]
    assert output[0]["content"] == [{"type": "output_audio", "transcript": text}]
    assert output[0]["status"] == "completed"
    assert by_type["response.output_item.done"]["item"] == output[0]


def test_a_written_answer():
    talk = Talk()
    talk(update(output_modalities=["text"]))
    events = talk.answer("Hello, this is a longer answer.")
    assert squeezed(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert types(events).count("response.output_text.delta") == 2
    assert events[-2]["response"]["output"][0]["content"] == [
        {"type": "output_text", "text": "Hello, this is a longer answer."}
    ]


def test_parallel_tool_calls():
    talk = Talk()
    talk(update(tools=[tool()]))
    talk(user_message("weather?"))
    events = talk.answer(CallTool("get_weather", {"city": "Paris"}, "call_a"), CallTool("get_weather", "{broken"))
    assert squeezed(events)[:6] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    done = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert [event["output_index"] for event in done] == [0, 1]
    assert (done[0]["call_id"], done[0]["arguments"]) == ("call_a", '{"city":"Paris"}')
    assert done[1]["arguments"] == "{broken"
    output = events[-2]["response"]["output"]
    assert [item["type"] for item in output] == ["function_call"] * 2
    assert output[0] == {
        "id": output[0]["id"],
        "type": "function_call",
        "status": "completed",
        "name": "get_weather",
        "call_id": "call_a",
        "arguments": '{"city":"Paris"}',
    }


@pytest.mark.parametrize("format", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_audio_in_every_format(format):
    from pybase64 import b64decode

    talk = Talk()
    talk(update(audio={"output": {"format": {"type": format}}}))
    events = talk.answer("Hello there")
    audio = b"".join(b64decode(event["delta"]) for event in events if event["type"] == "response.output_audio.delta")
    per_second = 48_000 if format == "audio/pcm" else 8_000
    assert len(audio) / per_second == len("Hello there") / 16
    lengths = [len(b64decode(e["delta"])) / per_second for e in events if e["type"] == "response.output_audio.delta"]
    assert lengths[:3] == [0.05, 0.1, 0.2]
    assert max(lengths) <= 0.4
