import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.openai.examples import EXAMPLES
from tests.openai.support import Talk
from trio_realtime.errors import ModelBehaviorError, RealtimeTimeoutError
from trio_realtime.model_events import RealtimeModelErrorEvent, RealtimeModelRawServerEvent
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
