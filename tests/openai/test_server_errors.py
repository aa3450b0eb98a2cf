import logging

import pytest

from tests.openai.support import Talk
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import ConfigRejected, ServerError
from trio_realtime.model_inputs import (
    RealtimeModelSendInterrupt,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendUserInput,
    TruncationPoint,
)

ACTIVE = "conversation_already_has_active_response"
MESSAGE = "Conversation already has an active response in progress: {}. Wait until the response is finished."


@pytest.fixture
def talk():
    return Talk()


def types(events):
    return [event.type for event in events]


def ask(talk):
    """Send a message; its request is event3."""
    assert talk.say(RealtimeModelSendUserInput(user_input="Hi"))[1]["event_id"] == "event3"


@pytest.mark.parametrize("code", [ACTIVE, None])
@pytest.mark.parametrize("event_id", ["event3", None])
def test_a_request_that_lost_the_race_is_sent_again_and_nobody_hears_of_it(talk, code, event_id):
    ask(talk)
    talk.created("vad")
    assert talk.error(code, event_id=event_id, message=MESSAGE.format("vad")) == []
    (create,) = talk.follow(talk.done("vad"))
    assert create["event_id"] == "event3"


def test_a_response_that_was_over_by_then(talk):
    ask(talk)
    talk.created("vad")
    talk.done("vad")
    assert len(talk.follow(talk.error(ACTIVE, event_id="event3", message=MESSAGE.format("vad")))) == 1


def test_nobody_asked(talk):
    assert talk.error(ACTIVE, message=MESSAGE.format("vad")) == []


def test_an_out_of_band_request_that_is_refused_so_is_lost_and_told(talk):
    (create,) = talk.raw("response.create", response={"conversation": "none"})
    (event,) = talk.error(ACTIVE, event_id=create["event_id"])
    assert event.error.event_id == create["event_id"]


@pytest.mark.parametrize("fields", [{"event_id": "event3"}, {"param": "response.tools[0]"}])
def test_any_other_refusal_of_a_request_is_told_and_the_next_goes(talk, fields):
    ask(talk)
    talk.raw("response.create", event_id="b")
    events = talk.error("invalid_value", **fields)
    assert types(events) == ["error", "follow_up"]
    assert isinstance(events[0].error, ServerError)
    assert events[0].error.code == "invalid_value"
    assert talk.follow(events)[0]["event_id"] == "b"


def update(talk, event_id="u1", instructions="A"):
    settings = RealtimeSessionModelSettings(instructions=instructions)
    return talk.say(RealtimeModelSendSessionUpdate(session_settings=settings, event_id=event_id))


@pytest.mark.parametrize(
    "fields",
    [
        {"event_id": "u1"},
        {"event_id": "u1", "code": "something"},
        {"code": "invalid_value", "param": "session.tools[0].name"},
        {"code": "unknown_parameter"},
        {"code": "cannot_update_voice"},
    ],
)
def test_the_refusal_of_a_configuration_is_matched_and_undone(talk, fields):
    update(talk)
    (event,) = talk.error(fields.pop("code", "invalid_value"), **fields)
    assert event.type == "config_rejected"
    assert isinstance(event.error, ConfigRejected)
    assert event.error.event_id == "u1"
    (again,) = update(talk, "u2")
    assert again["session"]["instructions"] == "A"
    assert talk.hear("session.updated")[0].event_id == "u2"


def test_a_refusal_without_a_name_is_that_of_the_oldest(talk):
    update(talk, "u1", "A")
    update(talk, "u2", "B")
    assert talk.error("invalid_value", param="session")[0].error.event_id == "u1"
    assert talk.error("invalid_value", param="session")[0].error.event_id == "u2"
    (event,) = talk.error("invalid_value", param="session")
    assert event.type == "error"


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "invalid_value", "param": "item.content[0].type"},
        {"code": "invalid_value", "event_id": "event99"},
        {"code": "rate_limit_exceeded"},
        {"code": "server_error", "type": "server_error"},
        {"code": "input_audio_buffer_commit_empty"},
    ],
)
def test_other_errors_are_not_taken_for_a_refused_configuration(talk, fields):
    update(talk)
    (event,) = talk.error(**fields)
    assert event.type == "error"
    assert event.error.severity == "recoverable"
    assert talk.hear("session.updated")[0].event_id == "u1"


def test_benign_errors_are_only_logged(talk, caplog):
    with caplog.at_level(logging.DEBUG, logger="trio_realtime"):
        assert talk.error("response_cancel_not_active") == []
    assert "response_cancel_not_active" in caplog.text


@pytest.mark.parametrize("code", ["insufficient_quota", "invalid_api_key", "model_not_found"])
def test_fatal_errors_are_the_end(talk, code):
    (event,) = talk.error(code)
    assert event.type == "exception"
    assert (event.exception.code, event.exception.severity) == (code, "fatal")


def test_a_fatal_refusal_of_a_request_is_the_end_too(talk):
    ask(talk)
    assert types(talk.error("insufficient_quota", event_id="event3")) == ["exception"]


def test_expiry_is_remembered_and_not_told(talk):
    assert not talk.protocol.session_expired
    assert talk.error("session_expired") == []
    assert talk.protocol.session_expired


def interrupt(talk):
    """Truncate item_a by event1."""
    point = TruncationPoint(item_id="item_a", content_index=0, audio_end_ms=10)
    assert talk.say(RealtimeModelSendInterrupt(truncations=[point]))[0]["event_id"] == "event1"


GONE = "item_truncate_invalid_item_id"


@pytest.mark.parametrize(
    "fields",
    [
        {"code": GONE, "event_id": "event1"},
        {"code": "invalid_value", "event_id": "event1", "param": "audio_end_ms"},
        {"code": GONE, "message": "Item item_a not found"},
        {"code": GONE, "message": "not found"},
        {"code": GONE, "message": None},
        {"code": "invalid_value", "param": "audio_end_ms"},
    ],
)
def test_what_an_interruption_cannot_cut_does_no_harm(talk, fields):
    interrupt(talk)
    assert talk.error(**fields) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"code": GONE, "event_id": "event9"},
        {"code": GONE, "message": "Item item_z not found"},
        {"code": "invalid_value", "param": "content_index"},
    ],
)
def test_what_others_cannot_cut_is_told(talk, fields):
    interrupt(talk)
    assert types(talk.error(**fields)) == ["error"]


def test_without_an_interruption_a_missing_item_is_told(talk):
    assert types(talk.error(GONE, message="not found")) == ["error"]


@pytest.mark.parametrize("answer", ["conversation.item.truncated", "conversation.item.deleted"])
def test_an_answered_cut_excuses_nothing_more(talk, answer):
    interrupt(talk)
    talk.hear(answer, item_id="item_a")
    assert types(talk.error(GONE, message="Item item_a not found")) == ["error"]
