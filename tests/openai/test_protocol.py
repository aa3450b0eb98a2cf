import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.openai.examples import EXAMPLES
from tests.openai.support import Talk
from trio_realtime.errors import ModelBehaviorError, RealtimeTimeoutError
from trio_realtime.items import InputImage
from trio_realtime.model import Unfinished
from trio_realtime.model_events import RealtimeModelErrorEvent, RealtimeModelRawServerEvent
from trio_realtime.model_inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendUserInput,
    RealtimeModelUserInputMessage,
)
from trio_realtime.openai.protocol import OpenAIProtocol


@pytest.mark.parametrize(
    "message",
    ["", "nope", "[1]", "{}", b"\x00", '{"type":"response.done"}', '{"type":"response.done","response":{"id":1}}'],
)
def test_a_bad_message_is_one_error_and_the_protocol_lives(message):
    talk = Talk()
    talk.now = 2.0
    (event,) = talk.protocol.receive(message, 2.0)
    assert event == RealtimeModelErrorEvent(received_at=2.0, error=event.error)
    assert isinstance(event.error, ModelBehaviorError)
    assert talk.hear("response.output_audio.delta")


def test_raw_events_come_first_and_only_if_wanted():
    assert "raw_server_event" not in [event.type for event in Talk().hear("response.output_audio.delta")]
    talk = Talk(raw=True)
    raw, audio = talk.hear("response.output_audio.delta")
    assert raw == RealtimeModelRawServerEvent(received_at=0.0, data=EXAMPLES["response.output_audio.delta"])
    assert audio.type == "audio"
    assert [event.type for event in talk.hear("input_audio_buffer.cleared")] == ["raw_server_event"]
    assert [event.type for event in talk.hear("response.done", response=3)] == ["raw_server_event", "error"]
    assert [event.type for event in talk.protocol.receive("nope", 0.0)] == ["error"]


def test_a_request_without_an_answer_fails_at_its_deadline_and_the_next_goes():
    talk = Talk(timeout=20.0)
    assert talk.protocol.next_deadline() == inf
    talk.raw("response.create", event_id="a")
    talk.raw("response.create", event_id="b")
    assert talk.protocol.next_deadline() == 20.0
    assert talk.protocol.expire(19.0) == []
    talk.now = 20.0
    events = talk.protocol.expire(20.0)
    assert [event.type for event in events] == ["error", "follow_up"]
    error = events[0].error
    assert isinstance(error, RealtimeTimeoutError)
    assert (error.name, error.seconds) == ("response", 20.0)
    assert talk.follow(events)[0]["event_id"] == "b"
    assert talk.protocol.next_deadline() == 40.0


def test_deltas_are_signs_of_life_of_their_response():
    talk = Talk()
    talk.created("resp_1")
    talk.raw("response.create", event_id="a")
    talk.now = 25.0
    talk.hear("response.output_audio.delta")
    assert talk.protocol.next_deadline() == 55.0


def test_no_deadline():
    talk = Talk(timeout=None)
    talk.raw("response.create")
    assert talk.protocol.next_deadline() == inf


def test_the_end_names_what_got_no_answer():
    talk = Talk()
    talk.raw("response.create", event_id="a")
    talk.raw("response.create", event_id="b")
    assert talk.protocol.end() == ["a", "b"]
    assert talk.protocol.end() == []
    assert talk.protocol.active_response_id is None


def test_ids_are_random_and_short():
    protocol = OpenAIProtocol()
    from trio_realtime.model_inputs import RealtimeModelSendUserInput

    first, second = (
        json.loads(protocol.send(RealtimeModelSendUserInput(user_input="Hi"), 0.0).frames[0]) for _ in range(2)
    )
    assert first["item"]["id"] != second["item"]["id"]
    assert len(first["item"]["id"]) <= 32


@given(st.lists(st.sampled_from(sorted(EXAMPLES)), max_size=12), st.booleans())
def test_any_order_of_events_is_borne(types, raw):
    talk = Talk(raw=raw)
    for type_ in types:
        for event in talk.hear(type_):
            assert event.received_at == 0.0


@given(st.text() | st.binary())
def test_any_message_is_borne(message):
    assert all(event.received_at == 1.0 for event in Talk().protocol.receive(message, 1.0))


class TestUnfinished:
    """What a connection leaves behind, for the one that takes its place."""

    def protocol(self):
        numbers = iter(range(100))
        return OpenAIProtocol(restorable=True, new_id=lambda word: f"{word}_{next(numbers)}")

    def say(self, protocol, type_, **changes):
        return protocol.receive(json.dumps({**EXAMPLES[type_], **changes}), 0.0)

    def test_nothing_at_first_and_nothing_if_nobody_will_ask(self):
        assert self.protocol().unfinished() == Unfinished()
        silent = OpenAIProtocol()
        silent.send(RealtimeModelSendUserInput(user_input="Hi", item_id="item_1"), 0.0)
        assert silent.unfinished().inputs == ()

    def test_a_message_and_the_response_to_it(self):
        protocol = self.protocol()
        assert protocol.idle
        protocol.send(RealtimeModelSendUserInput(user_input="Hi", item_id="item_1"), 0.0)
        left = protocol.unfinished()
        assert not protocol.idle
        assert left.inputs[0].message.other_data["item"]["id"] == "item_1"
        (asked,) = left.responses
        assert asked.response_id is None
        assert asked.again.message.automatic
        self.say(
            protocol, "conversation.item.added", item={**EXAMPLES["conversation.item.added"]["item"], "id": "item_1"}
        )
        assert protocol.unfinished().inputs == ()
        assert protocol.unfinished().responses == (asked,)

    def test_an_active_response_is_asked_for_with_its_own_wishes(self):
        protocol = self.protocol()
        wish = RealtimeModelRawClientMessage(
            type="response.create", other_data={"event_id": "mine", "response": {"instructions": "Sing."}}
        )
        protocol.send(RealtimeModelSendRawMessage(message=wish), 0.0)
        created = EXAMPLES["response.created"]["response"]
        metadata = {"trio_realtime_request": "mine"}
        self.say(protocol, "response.created", response={**created, "id": "resp_1", "metadata": metadata})
        (left,) = protocol.unfinished().responses
        assert left.response_id == "resp_1"
        assert left.again.message == wish
        protocol.send(RealtimeModelSendInterrupt(response_id="resp_1", force_response_cancel=True), 0.0)
        assert not protocol.unfinished().responses  # it is being cancelled
        assert not protocol.idle

    def test_turn_detections_response_is_asked_for_anew(self):
        protocol = self.protocol()
        created = EXAMPLES["response.created"]["response"]
        self.say(protocol, "response.created", response={**created, "id": "resp_1", "metadata": None})
        (left,) = protocol.unfinished().responses
        assert left.response_id == "resp_1"
        assert left.again.message.automatic
        assert set(left.again.message.other_data) == {"event_id"}

    def test_audio_commits_and_speech(self):
        protocol = self.protocol()
        self.say(protocol, "input_audio_buffer.speech_started")
        assert not protocol.idle
        self.say(protocol, "input_audio_buffer.cleared")
        assert protocol.idle
        protocol.send(RealtimeModelSendAudio(audio=b"ab"), 0.0)
        assert protocol.idle  # turn detection commits it, or never
        protocol.send(RealtimeModelSendAudio(audio=b"cd", commit=True), 0.0)
        assert not protocol.idle
        assert [event.type for event in map(_message, protocol.unfinished().inputs) if event] == [
            "input_audio_buffer.commit"
        ]
        self.say(protocol, "input_audio_buffer.committed")
        assert protocol.unfinished() == Unfinished()

    def test_audio_without_turn_detection_waits_for_its_commit(self):
        protocol = self.protocol()
        session = {"type": "realtime", "audio": {"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}}}
        self.say(protocol, "session.updated", session=session)
        for raw in ({"type": "input_audio_buffer.append", "audio": "//8="}, {"type": "input_audio_buffer.append"}):
            message = RealtimeModelRawClientMessage(type=raw["type"], other_data={"audio": raw.get("audio", "//8=")})
            protocol.send(RealtimeModelSendRawMessage(message=message), 0.0)
        assert not protocol.idle
        assert protocol.unfinished().inputs == (RealtimeModelSendAudio(audio=b"\xff\xff\xff\xff"),)
        clear = RealtimeModelRawClientMessage(type="input_audio_buffer.clear")
        protocol.send(RealtimeModelSendRawMessage(message=clear), 0.0)
        assert protocol.idle

    @pytest.mark.parametrize(
        ("code", "param", "kind", "fields"),
        [
            ("input_audio_buffer_commit_empty", None, "input_audio_buffer.commit", {}),
            ("item_delete_invalid_item_id", "item_id", "conversation.item.delete", {"item_id": "item_1"}),
            (
                "invalid_value",
                "item.content[0].type",
                "conversation.item.create",
                {"item": {"id": "item_1", "type": "message", "role": "user", "content": []}},
            ),
        ],
    )
    @pytest.mark.parametrize("named", [True, False])
    def test_what_was_refused_is_not_left(self, code, param, kind, fields, named):
        protocol = self.protocol()
        message = RealtimeModelRawClientMessage(type=kind, other_data={"event_id": "mine", **fields})
        protocol.send(RealtimeModelSendRawMessage(message=message), 0.0)
        assert len(protocol.unfinished().inputs) == 1
        error = {"type": "x", "code": code, "param": param, "message": "m", "event_id": "mine" if named else None}
        self.say(protocol, "error", error=error)
        assert not protocol.unfinished().inputs

    def test_a_deleted_item(self):
        protocol = self.protocol()
        message = RealtimeModelRawClientMessage(type="conversation.item.delete", other_data={"item_id": "item_1"})
        protocol.send(RealtimeModelSendRawMessage(message=message), 0.0)
        self.say(protocol, "conversation.item.deleted", item_id="item_1")
        assert protocol.idle

    def test_images_stay_in_the_history_though_the_server_does_not_repeat_them(self):
        protocol = self.protocol()
        image = RealtimeModelInputImageContent(image_url="data:image/png;base64,AA", detail="low")
        message = RealtimeModelUserInputMessage(content=[RealtimeModelInputTextContent(text="See"), image])
        protocol.send(RealtimeModelSendUserInput(user_input=message, item_id="item_1"), 0.0)
        shown = [{"type": "input_text", "text": "See"}, {"type": "input_image"}]
        item = {"id": "item_1", "type": "message", "role": "user", "content": shown}
        (event,) = self.say(protocol, "conversation.item.added", item=item)
        assert event.item.content[1] == InputImage(image_url="data:image/png;base64,AA", detail="low")

    def test_when_the_time_is_over(self):
        protocol = self.protocol()
        assert protocol.expires_at is None
        self.say(protocol, "session.created", session={"type": "realtime", "expires_at": 1_767_000_000})
        assert protocol.expires_at == 1_767_000_000


def _message(event):
    return getattr(event, "message", None)
