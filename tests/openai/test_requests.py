"""Requests for a response that somebody follows: their items, their refusals, and taking them back."""

from __future__ import annotations

import pytest

from tests.openai.support import TAG, Talk
from tests.openai.test_outgoing import CheckedTalk, types
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import RealtimeTimeoutError, ServerError, UserError
from trio_realtime.model_events import RealtimeModelErrorEvent, RealtimeModelRequestSettledEvent
from trio_realtime.model_inputs import RealtimeModelSendResponseRequest, RealtimeModelSendWithdrawal

ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


@pytest.fixture
def talk():
    return CheckedTalk()


def request(request_id="mine", **fields):
    return RealtimeModelSendResponseRequest(request_id=request_id, **fields)


def withdraw(request_id="mine"):
    return RealtimeModelSendWithdrawal(request_id=request_id)


def settled(events):
    return [event for event in events if isinstance(event, RealtimeModelRequestSettledEvent)]


def test_items_go_right_before_the_request_and_once(talk):
    talk.created("busy")
    assert talk.say(request(items=[ITEM])) == []
    item, create = talk.follow(talk.done("busy"))
    assert types([item, create]) == ["conversation.item.create", "response.create"]
    assert item["item"]["id"]
    assert create["event_id"] == "mine"
    assert create["response"] == {"metadata": {TAG: "mine"}}
    refused = talk.error("conversation_already_has_active_response", event_id="mine", message="in progress: vad")
    assert settled(refused) == []
    talk.created("vad")
    again = talk.follow(talk.done("vad"))
    assert types(again) == ["response.create"]
    (started,) = talk.created("r", tag="mine")
    assert started.request_id == "mine"


def test_settings_metadata_and_input_of_an_out_of_band_response(talk):
    settings = RealtimeSessionModelSettings(instructions="Be brief.", output_modalities=["text"], tools=())
    (create,) = talk.say(request(items=[ITEM], conversation="none", settings=settings, metadata={"a": "b"}))
    assert create["response"] == {
        "instructions": "Be brief.",
        "output_modalities": ["text"],
        "tools": [],
        "conversation": "none",
        "input": [ITEM],
        "metadata": {"a": "b", TAG: "mine"},
    }
    (bare,) = talk.say(request("other", conversation="none"))
    assert "input" not in bare["response"]


def test_what_cannot_be_sent_changes_nothing(talk):
    with pytest.raises(UserError, match="reserved"):
        talk.say(request(metadata={TAG: "x"}))
    with pytest.raises(UserError):
        talk.say(request(items=[{"text": "\ud800"}]))
    assert types(talk.say(request())) == ["response.create"]
    with pytest.raises(UserError, match="names another"):
        talk.say(request())


def test_a_refusal_is_told_to_who_follows():
    talk = Talk()
    talk.say(request())
    events = talk.error("invalid_value", event_id="mine", param="response.instructions")
    (told,) = settled(events)
    assert told.request_id == "mine"
    assert isinstance(told.error, ServerError)
    talk.say(request("apart", conversation="none"))
    events = talk.error("conversation_already_has_active_response", event_id="apart")
    assert [event.request_id for event in settled(events)] == ["apart"]


def test_a_deadline_is_told_to_who_follows():
    talk = Talk(timeout=5)
    talk.say(request())
    error, told = talk.protocol.expire(5.0)
    assert isinstance(error, RealtimeModelErrorEvent)
    assert told.request_id == "mine"
    assert isinstance(told.error, RealtimeTimeoutError)


def test_an_answer_that_did_not_name_its_request_is_told_at_its_end():
    talk = Talk()
    talk.say(request())
    (started,) = talk.created("r")
    assert started.request_id is None
    (told,) = settled(talk.done("r"))
    assert (told.request_id, told.response_id, told.error) == ("mine", "r", None)
    talk.say(request("second"))
    (started,) = talk.created("r2")  # now the server is known
    assert started.request_id == "second"


class TestWithdrawing:
    def test_before_it_was_sent(self, talk):
        talk.created("busy")
        talk.say(request(items=[ITEM]))
        assert talk.say(withdraw()) == []
        assert talk.follow(talk.done("busy")) == []

    def test_before_its_response_began(self, talk):
        talk.say(request())
        assert talk.say(withdraw()) == []
        events = talk.created("r", tag="mine")
        assert events[0].cancelled
        (cancel,) = talk.follow(events)
        assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r")
        assert talk.say(withdraw()) == []

    def test_when_its_response_has_begun(self, talk):
        talk.say(request())
        talk.created("r", tag="mine")
        (cancel,) = talk.say(withdraw())
        assert cancel["response_id"] == "r"
        assert talk.say(withdraw()) == []

    def test_when_its_response_has_ended(self, talk):
        talk.say(request())
        talk.created("r", tag="mine")
        talk.done("r")
        assert talk.say(withdraw()) == []

    def test_what_nobody_asked_for(self, talk):
        assert talk.say(withdraw("never")) == []

    def test_the_answers_of_old_requests_are_forgotten(self, talk):
        for number in range(70):
            talk.say(request(f"q{number}"))
            talk.created(f"r{number}", tag=f"q{number}")
            talk.done(f"r{number}")
        assert len(talk.protocol._state.answers) == 64


class TestOnAnotherConnection:
    """What is asked for again names its request again."""

    def test_what_was_not_sent_goes_with_its_items(self, talk):
        talk.created("busy")
        asked = request(items=[ITEM])
        talk.say(asked)
        _, mine = talk.protocol.unfinished().responses
        assert mine.again == asked

    def test_items_that_were_sent_do_not_go_again(self, talk):
        talk.say(request(items=[ITEM]))
        talk.created("r", tag="mine")
        (mine,) = talk.protocol.unfinished().responses
        assert (mine.response_id, mine.again) == ("r", request())

    def test_the_input_of_an_out_of_band_response_does(self, talk):
        asked = request(items=[ITEM], conversation="none")
        talk.say(asked)
        (mine,) = talk.protocol.unfinished().responses
        assert mine.again == asked
