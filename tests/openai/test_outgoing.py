import base64
import json

import openai.types.realtime as official
import pytest
from pydantic import TypeAdapter

from tests.openai.support import TAG, Talk
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import UserError
from trio_realtime.model_events import RealtimeModelSessionUpdatedEvent, RealtimeModelToolCallEvent
from trio_realtime.model_inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelUserInputMessage,
    TruncationPoint,
)


class CheckedTalk(Talk):
    """Checks every client event against the official types."""

    def say(self, event):
        frames = super().say(event)
        for frame in frames:
            if frame["type"] != "response.telepathy":
                TypeAdapter(official.RealtimeClientEvent).validate_python(frame)
        return frames


@pytest.fixture
def talk():
    return CheckedTalk()


def types(frames):
    return [frame["type"] for frame in frames]


CALL = RealtimeModelToolCallEvent(name="f", call_id="call_1", arguments="{}", id="item_c", response_id="resp_1")


def test_a_user_message_is_an_item_with_an_id_of_ours_and_a_request(talk):
    assert talk.say(RealtimeModelSendUserInput(user_input="Hi")) == [
        {
            "type": "conversation.item.create",
            "event_id": "event2",
            "item": {
                "id": "item1",
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hi"}],
            },
        },
        {"type": "response.create", "event_id": "event3", "response": {"metadata": {TAG: "event3"}}},
    ]


def test_a_user_message_of_parts_with_an_id_of_the_callers(talk):
    message = RealtimeModelUserInputMessage(
        content=[
            RealtimeModelInputTextContent(text="Look"),
            RealtimeModelInputImageContent(image_url="data:x"),
            RealtimeModelInputImageContent(image_url="data:y", detail="low"),
        ]
    )
    create = talk.say(RealtimeModelSendUserInput(user_input=message, item_id="item_mine"))[0]
    assert create["item"]["id"] == "item_mine"
    assert create["item"]["content"] == [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "data:x"},
        {"type": "input_image", "image_url": "data:y", "detail": "low"},
    ]


def test_an_item_id_has_a_limit_and_nothing_happens_beyond_it(talk):
    with pytest.raises(UserError, match="item_id"):
        talk.say(RealtimeModelSendUserInput(user_input="Hi", item_id="x" * 33))
    assert types(talk.say(RealtimeModelSendUserInput(user_input="Hi", item_id="x" * 32)))[1] == "response.create"


def test_text_that_cannot_be_sent_changes_nothing(talk):
    with pytest.raises(UserError):
        talk.say(RealtimeModelSendUserInput(user_input="\ud800"))
    assert "response.create" in types(talk.say(RealtimeModelSendUserInput(user_input="Hi")))


def test_audio_is_an_append_and_perhaps_a_commit(talk):
    encoded = base64.b64encode(b"\x01\x02").decode()
    assert talk.say(RealtimeModelSendAudio(audio=b"\x01\x02")) == [
        {"type": "input_audio_buffer.append", "audio": encoded}
    ]
    assert types(talk.say(RealtimeModelSendAudio(audio=b"\x01\x02", commit=True))) == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
    ]
    assert types(talk.say(RealtimeModelSendAudio(audio=b"", commit=True))) == ["input_audio_buffer.commit"]
    assert talk.say(RealtimeModelSendAudio(audio=b"")) == []


def test_a_tool_output_is_an_item_and_a_request(talk):
    item, create = talk.say(RealtimeModelSendToolOutput(tool_call=CALL, output="sunny"))
    output = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
    assert item["item"] == {"id": "item_c_out", **output}  # found again by its call
    assert create["type"] == "response.create"
    nameless = RealtimeModelToolCallEvent(name="f", call_id="call_1", arguments="{}")
    (item,) = talk.say(RealtimeModelSendToolOutput(tool_call=nameless, output="sunny", start_response=False))
    assert item["item"] == {"id": item["item"]["id"], **output}
    assert item["item"]["id"].startswith("item")


def test_a_tool_output_without_a_request(talk):
    frames = talk.say(RealtimeModelSendToolOutput(tool_call=CALL, output="sunny", start_response=False))
    assert types(frames) == ["conversation.item.create"]


def test_three_outputs_while_a_response_is_active_are_three_items_and_one_request_after_it(talk):
    talk.created("resp_1")
    for _ in range(3):
        assert types(talk.say(RealtimeModelSendToolOutput(tool_call=CALL, output="x"))) == ["conversation.item.create"]
    events = talk.done("resp_1")
    assert types(talk.follow(events)) == ["response.create"]
    assert talk.follow(events) == []  # once


# Raw client events


def test_raw_events_are_sent_as_they_are(talk):
    assert talk.raw("input_audio_buffer.clear") == [{"type": "input_audio_buffer.clear"}]
    assert talk.raw("response.telepathy", x=1) == [{"type": "response.telepathy", "x": 1}]
    assert talk.raw("conversation.item.delete", item_id="i", later=1) == [
        {"type": "conversation.item.delete", "item_id": "i", "later": 1}
    ]


def test_a_wrong_raw_event_is_a_user_error(talk):
    with pytest.raises(UserError, match="item_id"):
        talk.raw("conversation.item.delete")


def test_a_raw_request_keeps_what_it_says_and_gets_our_tag(talk):
    assert talk.raw("response.create", event_id="mine", response={"metadata": {"a": "b"}, "instructions": "Hi"}) == [
        {
            "type": "response.create",
            "event_id": "mine",
            "response": {"metadata": {"a": "b", TAG: "mine"}, "instructions": "Hi"},
        }
    ]


def test_a_raw_request_of_nothing_and_with_a_field_of_tomorrow(talk):
    (create,) = talk.raw("response.create", later=1)
    assert create == {
        "type": "response.create",
        "event_id": "event1",
        "later": 1,
        "response": {"metadata": {TAG: "event1"}},
    }
    talk.created("r", "event1")
    talk.done("r")
    assert talk.raw("response.create", response={"metadata": None})


def test_raw_requests_wait_and_are_never_merged(talk):
    talk.created("vad")
    assert talk.raw("response.create", event_id="a") == []
    assert talk.raw("response.create", event_id="b") == []
    (first,) = talk.follow(talk.done("vad"))
    assert first["event_id"] == "a"
    talk.created("r1", "a")
    (second,) = talk.follow(talk.done("r1"))
    assert second["event_id"] == "b"


def test_an_out_of_band_request_does_not_wait(talk):
    talk.created("vad")
    assert types(talk.raw("response.create", response={"conversation": "none"})) == ["response.create"]
    assert types(talk.raw("response.create", response={"conversation": "none", "input": []})) == ["response.create"]


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ({"metadata": {TAG: "x"}}, "reserved"),
        ({"metadata": {f"k{number}": "v" for number in range(16)}}, "15 keys"),
        ({"instructions": "\ud800"}, "JSON"),
    ],
)
def test_a_request_that_cannot_be_sent_changes_nothing(talk, response, message):
    with pytest.raises(UserError, match=message):
        talk.raw("response.create", response=response)
    assert talk.raw("response.create", response={"metadata": {f"k{number}": "v" for number in range(15)}})


def test_the_name_of_a_request_without_an_answer_cannot_be_used_again(talk):
    talk.raw("response.create", event_id="a")
    with pytest.raises(UserError, match="'a'"):
        talk.raw("response.create", event_id="a")
    talk.created("r1", "a")
    talk.done("r1")
    assert talk.raw("response.create", event_id="a")


def test_a_request_that_has_been_withdrawn_is_not_sent_when_it_comes_back(talk):
    talk.created("vad")
    talk.raw("response.create", event_id="a")
    events = talk.done("vad")
    assert talk.say(RealtimeModelSendInterrupt()) == []
    assert talk.follow(events) == []


def test_a_request_that_comes_back_behind_a_new_response_waits_again(talk):
    talk.created("vad")
    talk.raw("response.create", event_id="a")
    events = talk.done("vad")
    talk.created("vad2")
    assert talk.follow(events) == []
    assert types(talk.follow(talk.done("vad2"))) == ["response.create"]


# Interruptions

POINTS = (
    TruncationPoint(item_id="item_a", content_index=0, audio_end_ms=1500),
    TruncationPoint(item_id="item_b", content_index=1, audio_end_ms=0),
)


def test_an_interruption_cuts_what_was_heard_deletes_what_was_not_and_cancels_by_id(talk):
    talk.created("resp_1")
    assert talk.say(RealtimeModelSendInterrupt(truncations=POINTS)) == [
        {
            "type": "conversation.item.truncate",
            "event_id": "event1",
            "item_id": "item_a",
            "content_index": 0,
            "audio_end_ms": 1500,
        },
        {"type": "conversation.item.delete", "event_id": "event2", "item_id": "item_b"},
        {"type": "response.cancel", "event_id": "event3", "response_id": "resp_1"},
    ]


def test_a_response_is_cancelled_once(talk):
    talk.created("resp_1")
    assert types(talk.say(RealtimeModelSendInterrupt())) == ["response.cancel"]
    assert talk.say(RealtimeModelSendInterrupt()) == []
    assert talk.say(RealtimeModelSendInterrupt(response_id="resp_1", cancel_response_only=True)) == []


def test_a_response_that_is_over_is_not_cancelled(talk):
    talk.created("resp_1")
    talk.done("resp_1")
    assert talk.say(RealtimeModelSendInterrupt()) == []
    assert talk.say(RealtimeModelSendInterrupt(response_id="resp_1", truncations=POINTS[:1]))[0]["type"] == (
        "conversation.item.truncate"
    )


def test_a_response_that_nobody_saw_begin_is_cancelled(talk):
    assert types(talk.say(RealtimeModelSendInterrupt(response_id="resp_9"))) == ["response.cancel"]


def test_the_two_halves_of_an_interruption(talk):
    talk.created("resp_1")
    assert types(talk.say(RealtimeModelSendInterrupt(playback_only=True, truncations=POINTS))) == [
        "conversation.item.truncate",
        "conversation.item.delete",
    ]
    only = RealtimeModelSendInterrupt(cancel_response_only=True, response_id="resp_1", truncations=POINTS)
    assert types(talk.say(only)) == ["response.cancel"]


def test_a_request_without_an_answer_is_cancelled_when_its_response_begins(talk):
    talk.say(RealtimeModelSendUserInput(user_input="Hi"))
    assert talk.say(RealtimeModelSendInterrupt()) == []
    events = talk.created("resp_1", "event3")
    assert events[0].cancelled
    (cancel,) = talk.follow(events)
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "resp_1")
    assert talk.say(RealtimeModelSendInterrupt()) == []


def test_a_cancel_that_comes_back_late_is_not_sent(talk):
    talk.say(RealtimeModelSendUserInput(user_input="Hi"))
    talk.say(RealtimeModelSendInterrupt())
    events = talk.created("resp_1", "event3")
    talk.done("resp_1")
    assert talk.follow(events) == []


def test_a_request_can_be_interrupted_by_its_name(talk):
    talk.created("vad")
    talk.raw("response.create", event_id="a")
    assert talk.say(RealtimeModelSendInterrupt(response_id="a", cancel_response_only=True)) == []
    assert talk.follow(talk.done("vad")) == []


def test_the_next_request_goes_when_one_that_was_about_to_is_withdrawn(talk):
    talk.created("vad")
    talk.raw("response.create", event_id="a")
    talk.raw("response.create", event_id="b")
    events = talk.done("vad")
    (create,) = talk.say(RealtimeModelSendInterrupt(response_id="a", cancel_response_only=True))
    assert create["event_id"] == "b"
    assert talk.follow(events) == []


def test_a_raw_cancel_counts(talk):
    talk.created("resp_1")
    assert talk.raw("response.cancel", response_id="resp_1") == [{"type": "response.cancel", "response_id": "resp_1"}]
    assert talk.say(RealtimeModelSendInterrupt()) == []
    assert talk.raw("response.cancel") == [{"type": "response.cancel"}]


# The session


def update(**settings):
    event_id = settings.pop("event_id", None)
    return RealtimeModelSendSessionUpdate(session_settings=RealtimeSessionModelSettings(**settings), event_id=event_id)


def test_the_first_update_is_the_whole_configuration_and_later_ones_the_difference(talk):
    (first,) = talk.say(update(instructions="A", event_id="u1"))
    assert first["event_id"] == "u1"
    assert first["session"]["tracing"] == "auto"
    (second,) = talk.say(update(instructions="B"))
    assert second == {
        "type": "session.update",
        "event_id": "event1",
        "session": {"type": "realtime", "instructions": "B"},
    }
    assert talk.hear("session.updated")[0].event_id == "u1"
    assert talk.hear("session.updated")[0].event_id == "event1"
    assert talk.hear("session.updated")[0].event_id is None


def test_an_update_that_changes_nothing_is_confirmed_at_once(talk):
    talk.say(update(instructions="A"))
    talk.now = 3.0
    out = talk.protocol.send(update(instructions="A", event_id="u2"), 3.0)
    assert list(out.frames) == []
    assert out.events == [RealtimeModelSessionUpdatedEvent(received_at=3.0, event_id="u2")]


def test_a_raw_update_counts_for_the_difference(talk):
    talk.say(update(instructions="A"))
    assert talk.raw("session.update", session={"type": "realtime", "instructions": "B"})[0]["event_id"] == "event2"
    (back,) = talk.say(update(instructions="A"))
    assert back["session"] == {"type": "realtime", "instructions": "A"}
    assert [talk.hear("session.updated")[0].event_id for _ in range(3)] == ["event1", "event2", "event3"]


def test_a_voice_is_not_sent_after_the_model_has_spoken(talk):
    talk.say(update(voice="ash"))
    talk.hear("response.output_audio.delta")
    assert talk.say(update(voice="marin")) == []


def test_settings_that_cannot_be_sent_change_nothing(talk):
    with pytest.raises(UserError):
        talk.say(update(tools=[object()]))
    with pytest.raises(UserError):
        talk.say(update(extra={"x": object()}))
    assert "audio" in talk.say(update())[0]["session"]


def test_a_running_call_is_told_only_what_was_set():
    talk = Talk(attached=True)
    assert talk.say(update()) == []
    (frame,) = talk.say(update(voice="marin"))
    assert frame["session"] == {"type": "realtime", "audio": {"output": {"voice": "marin"}}}


def test_frames_are_text(talk):
    for frame in talk.protocol.send(RealtimeModelSendAudio(audio=b"x", commit=True), 0.0).frames:
        json.loads(frame)
