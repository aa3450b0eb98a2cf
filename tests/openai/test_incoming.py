import json

import pytest

from tests.openai.examples import (
    ASSISTANT_ITEM,
    AUDIO,
    CALL_ITEM,
    EXAMPLES,
    OUTPUT_ITEM,
    SESSION,
    TRACE,
    USAGE,
    USER_ITEM,
)
from tests.openai.support import Talk
from trio_realtime.audio import PCM16, PCMU
from trio_realtime.errors import ModelBehaviorError, ServerError
from trio_realtime.items import AssistantMessageItem, InputAudio, RealtimeToolCallItem, UserMessageItem
from trio_realtime.model_events import (
    RateLimit,
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelDtmfEvent,
    RealtimeModelErrorEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelInputAudioTranscriptionDeltaEvent,
    RealtimeModelInputAudioTranscriptionFailedEvent,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemTruncatedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOtherEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelOutputTextDoneEvent,
    RealtimeModelRateLimitsEvent,
    RealtimeModelSessionUpdatedEvent,
    RealtimeModelSpeechStartedEvent,
    RealtimeModelSpeechStoppedEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTranscriptDoneEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    ResponseError,
)
from trio_realtime.usage import TranscriptionUsage

NOTHING_TO_A_SESSION = {
    "session.created",
    "conversation.created",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
    "response.content_part.added",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
}


@pytest.fixture
def talk():
    made = Talk()
    made.now = 5.0
    return made


@pytest.mark.parametrize("type_", sorted(NOTHING_TO_A_SESSION))
def test_what_means_nothing_to_a_session(talk, type_):
    assert talk.hear(type_) == []


@pytest.mark.parametrize("type_", sorted(set(EXAMPLES) - NOTHING_TO_A_SESSION))
def test_everything_else_means_something_and_has_the_time_of_its_reading(talk, type_):
    events = talk.hear(type_)
    assert events
    assert {event.received_at for event in events} == {5.0}


AT = {"received_at": 5.0}
WHERE = {"item_id": "item_a", "content_index": 0, "response_id": "resp_1"}


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("response.output_audio.delta", RealtimeModelAudioEvent(**AT, **WHERE, data=AUDIO)),
        ("response.output_audio.done", RealtimeModelAudioDoneEvent(**AT, **WHERE)),
        ("response.output_audio_transcript.delta", RealtimeModelTranscriptDeltaEvent(**AT, **WHERE, delta="Hel")),
        ("response.output_audio_transcript.done", RealtimeModelTranscriptDoneEvent(**AT, **WHERE, transcript="Hello")),
        ("response.output_text.delta", RealtimeModelOutputTextDeltaEvent(**AT, **WHERE, delta="Hel")),
        ("response.output_text.done", RealtimeModelOutputTextDoneEvent(**AT, **WHERE, text="Hello")),
        ("conversation.item.deleted", RealtimeModelItemDeletedEvent(**AT, item_id="item_a")),
        (
            "conversation.item.truncated",
            RealtimeModelItemTruncatedEvent(**AT, item_id="item_a", content_index=0, audio_end_ms=1500),
        ),
        (
            "conversation.item.input_audio_transcription.delta",
            RealtimeModelInputAudioTranscriptionDeltaEvent(**AT, item_id="item_u", delta="Hi"),
        ),
        (
            "conversation.item.input_audio_transcription.completed",
            RealtimeModelInputAudioTranscriptionCompletedEvent(
                **AT, item_id="item_u", transcript="Hi there", usage=TranscriptionUsage(requests=1, seconds=1.5)
            ),
        ),
        (
            "conversation.item.input_audio_transcription.failed",
            RealtimeModelInputAudioTranscriptionFailedEvent(
                **AT,
                item_id="item_u",
                error=ResponseError(type="server_error", code="audio_unintelligible", message="What?", retryable=True),
            ),
        ),
        (
            "input_audio_buffer.speech_started",
            RealtimeModelSpeechStartedEvent(**AT, item_id="item_u", audio_start_ms=100, interrupts=True),
        ),
        (
            "input_audio_buffer.speech_stopped",
            RealtimeModelSpeechStoppedEvent(**AT, item_id="item_u", audio_end_ms=900),
        ),
        (
            "input_audio_buffer.timeout_triggered",
            RealtimeModelInputAudioTimeoutTriggeredEvent(**AT, item_id="item_u", audio_start_ms=100, audio_end_ms=5100),
        ),
        ("input_audio_buffer.dtmf_event_received", RealtimeModelDtmfEvent(**AT, event="9")),
        (
            "rate_limits.updated",
            RealtimeModelRateLimitsEvent(
                **AT,
                rate_limits=(RateLimit(name="tokens", limit=40000, remaining=38490, reset_seconds=2.265),),
            ),
        ),
        ("session.updated", RealtimeModelSessionUpdatedEvent(**AT, event_id=None)),
    ],
)
def test_one_event_for_one(talk, type_, expected):
    assert talk.hear(type_) == [expected]


def test_a_transcription_delta_without_words_is_nothing(talk):
    assert talk.hear("conversation.item.input_audio_transcription.delta", delta=None) == []
    assert talk.hear("conversation.item.input_audio_transcription.delta", content_index=...)[0].content_index == 0


def test_an_unknown_event_passes(talk):
    data = {"type": "response.telepathy", "x": 1}
    assert talk.protocol.receive(json.dumps(data), 5.0) == [RealtimeModelOtherEvent(**AT, data=data)]


# Interruption by speech


def session(detection):
    return {**SESSION, "audio": {"input": {"turn_detection": detection}}}


@pytest.mark.parametrize("type_", ["session.created", "session.updated"])
@pytest.mark.parametrize(
    ("detection", "interrupts"),
    [
        ({"type": "server_vad", "interrupt_response": True}, True),
        ({"type": "server_vad", "interrupt_response": False}, False),
        ({"type": "semantic_vad"}, True),
        ({"type": "semantic_vad", "interrupt_response": None}, True),
        (None, False),
    ],
)
def test_whether_speech_interrupts_is_what_the_server_says(talk, type_, detection, interrupts):
    talk.hear(type_, session=session(detection))
    assert talk.hear("input_audio_buffer.speech_started")[0].interrupts is interrupts


def test_whether_speech_interrupts_stays_as_it_was_where_the_server_says_nothing(talk):
    talk.hear("session.created", session=session(None))
    talk.hear("session.updated", session={"type": "realtime", "audio": None})
    assert talk.hear("input_audio_buffer.speech_started")[0].interrupts is False


def test_the_older_place_of_turn_detection(talk):
    talk.hear("session.created", session={"turn_detection": {"type": "server_vad", "interrupt_response": False}})
    assert talk.hear("input_audio_buffer.speech_started")[0].interrupts is False


def test_the_output_format_is_what_the_server_says(talk):
    assert talk.protocol.output_audio_format == PCM16
    talk.hear("session.updated", session={"audio": {"output": {"format": {"type": "audio/pcmu"}}}})
    assert talk.protocol.output_audio_format == PCMU
    talk.hear("session.updated", session={"audio": {"output": {"format": {"type": "audio/odd"}}}})
    assert talk.protocol.output_audio_format == PCMU


def test_the_session_has_begun(talk):
    assert not talk.protocol.session_created
    talk.hear("session.created")
    assert talk.protocol.session_created


# Items


@pytest.mark.parametrize("type_", ["conversation.item.created", "conversation.item.added", "conversation.item.done"])
def test_items_of_the_conversation_have_their_place(talk, type_):
    (event,) = talk.hear(type_, item=ASSISTANT_ITEM, previous_item_id="item_x")
    assert event == RealtimeModelItemUpdatedEvent(**AT, item=event.item, anchored=True)
    assert isinstance(event.item, AssistantMessageItem)
    assert event.item.previous_item_id == "item_x"


def test_null_is_the_first_place_and_nothing_is_none(talk):
    (first,) = talk.hear("conversation.item.added", previous_item_id=None)
    assert (first.anchored, first.item.previous_item_id) == (True, None)
    (somewhere,) = talk.hear("conversation.item.added", previous_item_id=...)
    assert (somewhere.anchored, somewhere.item.previous_item_id) == (False, None)


def test_a_retrieved_item_has_no_place(talk):
    (event,) = talk.hear("conversation.item.retrieved")
    assert not event.anchored
    assert talk.hear("conversation.item.retrieved", item=OUTPUT_ITEM) == []


def test_a_committed_buffer_is_an_item_with_a_place(talk):
    assert talk.hear("input_audio_buffer.committed") == [
        RealtimeModelItemUpdatedEvent(
            **AT,
            item=UserMessageItem(item_id="item_u", previous_item_id="item_x", content=(InputAudio(),)),
            anchored=True,
        )
    ]
    assert talk.hear("input_audio_buffer.committed", previous_item_id=...) == []


def test_items_that_no_history_holds_are_stepped_over(talk):
    assert talk.hear("conversation.item.added", item=OUTPUT_ITEM, previous_item_id="item_c") == []
    hidden = {"id": "item_m", "type": "mcp_call"}
    assert talk.hear("conversation.item.added", item=hidden, previous_item_id="item_o") == []
    (event,) = talk.hear("conversation.item.added", item=ASSISTANT_ITEM, previous_item_id="item_m")
    assert event.item.previous_item_id == "item_c"
    (event,) = talk.hear("input_audio_buffer.committed", previous_item_id="item_o")
    assert event.item.previous_item_id == "item_c"


def test_a_hidden_item_in_the_first_place(talk):
    talk.hear("conversation.item.added", item=OUTPUT_ITEM, previous_item_id=None)
    (event,) = talk.hear("conversation.item.added", previous_item_id="item_o")
    assert (event.anchored, event.item.previous_item_id) == (True, None)


def test_hidden_items_without_a_place_or_behind_themselves_do_no_harm(talk):
    talk.hear("conversation.item.added", item=OUTPUT_ITEM, previous_item_id=...)
    talk.hear("conversation.item.added", item=OUTPUT_ITEM, previous_item_id="item_o")
    talk.hear("conversation.item.added", item={"type": "mcp_list_tools"}, previous_item_id="item_o")
    (event,) = talk.hear("conversation.item.added", previous_item_id="item_o")
    assert event.item.previous_item_id == "item_o"


def test_only_so_many_hidden_items_are_remembered(talk):
    for number in range(1030):
        talk.hear("conversation.item.added", item={**OUTPUT_ITEM, "id": f"o{number}"}, previous_item_id=f"c{number}")
    assert talk.hear("conversation.item.added", previous_item_id="o0")[0].item.previous_item_id == "o0"
    assert talk.hear("conversation.item.added", previous_item_id="o1029")[0].item.previous_item_id == "c1029"


def test_an_item_without_an_id_is_an_error_and_the_protocol_lives(talk):
    (event,) = talk.hear("conversation.item.added", item={**USER_ITEM, "id": None})
    assert isinstance(event, RealtimeModelErrorEvent)
    assert isinstance(event.error, ModelBehaviorError)
    assert event.error.param == "item.id"
    assert talk.hear("conversation.item.added")


# Tool calls


def test_a_completed_call_is_an_item_and_a_call(talk):
    assert talk.hear("response.output_item.done") == [
        RealtimeModelItemUpdatedEvent(
            **AT,
            item=RealtimeToolCallItem(
                item_id="item_c", call_id="call_1", name="get_weather", arguments='{"city":"Rome"}'
            ),
            response_id="resp_1",
        ),
        RealtimeModelToolCallEvent(
            **AT,
            name="get_weather",
            call_id="call_1",
            arguments='{"city":"Rome"}',
            id="item_c",
            response_id="resp_1",
        ),
    ]


@pytest.mark.parametrize("status", ["in_progress", "incomplete"])
def test_a_call_that_is_not_complete_is_not_made(talk, status):
    events = talk.hear("response.output_item.done", item={**CALL_ITEM, "status": status})
    assert [event.type for event in events] == ["item_updated"]


def test_a_call_that_begins_is_not_made(talk):
    events = talk.hear("response.output_item.added", item={**CALL_ITEM, "arguments": "", "status": "in_progress"})
    assert [event.type for event in events] == ["item_updated"]


def test_a_call_without_a_status_arguments_or_id_is_the_sessions_to_judge(talk):
    item = {"id": "item_c", "type": "function_call", "name": "f"}
    call = talk.hear("response.output_item.done", item=item)[1]
    assert (call.call_id, call.arguments) == ("", "")


def test_a_call_of_nothing_is_an_error(talk):
    (event,) = talk.hear("response.output_item.done", item={**CALL_ITEM, "name": None})
    assert event.error.param == "item.name"


def test_an_assistant_message_is_an_item(talk):
    (event,) = talk.hear("response.output_item.done", item=ASSISTANT_ITEM)
    assert event.item.status == "completed"
    assert not event.anchored


# Responses


def test_a_response_begins_and_ends(talk):
    assert talk.created("resp_1", metadata={"topic": "a"}) == [
        RealtimeModelTurnStartedEvent(**AT, response_id="resp_1", metadata={"topic": "a"})
    ]
    assert talk.protocol.active_response_id == "resp_1"
    events = talk.done("resp_1", usage=USAGE)
    assert [event.type for event in events] == ["usage", "turn_ended"]
    assert events[1].usage == events[0].usage
    assert talk.protocol.active_response_id is None


def test_a_response_without_counts(talk):
    assert talk.done("resp_1") == [RealtimeModelTurnEndedEvent(**AT, response_id="resp_1")]


def failed(code):
    return {"type": "failed", "error": {"type": "invalid_request_error", "code": code, "message": "No."}}


def test_a_response_that_failed_for_good_is_the_end_after_its_own(talk):
    ended, end = talk.done("resp_1", "failed", status_details=failed("insufficient_quota"))
    assert (ended.type, ended.status, ended.error.code) == ("turn_ended", "failed", "insufficient_quota")
    assert end.type == "exception"
    assert isinstance(end.exception, ServerError)
    assert (end.exception.code, end.exception.severity) == ("insufficient_quota", "fatal")


def test_any_other_failure_is_only_told(talk):
    (ended,) = talk.done("resp_1", "failed", status_details=failed("server_error"))
    assert ended.error.retryable


def test_a_null_conversation_is_out_of_band_on_a_server_that_names_its_conversation(talk):
    talk.created("resp_1")
    talk.done("resp_1")
    (started,) = talk.created("resp_2", conversation_id=None)
    assert not started.default_conversation
    assert talk.protocol.active_response_id is None


def test_a_null_conversation_is_the_only_one_of_a_server_that_names_none(talk):
    (started,) = talk.created("resp_1", conversation_id=None)
    assert started.default_conversation
    assert talk.protocol.active_response_id == "resp_1"


def test_a_null_conversation_is_out_of_band_where_that_was_asked_for(talk):
    (create,) = talk.raw("response.create", response={"conversation": "none"})
    (started,) = talk.created("resp_1", conversation_id=None)
    assert not started.default_conversation
    assert create["response"]["conversation"] == "none"


def test_items_of_an_out_of_band_response_are_no_items_of_the_history_but_its_calls_are_calls(talk):
    (create,) = talk.raw("response.create", response={"conversation": "none"})
    talk.created("resp_1", create["event_id"], conversation_id=None)
    assert talk.hear("response.output_item.added") == []
    assert [event.type for event in talk.hear("response.output_item.done")] == ["function_call"]


def test_the_frames_of_the_service(talk):
    types = [event.type for line in TRACE for event in talk.protocol.receive(line, 5.0)]
    assert "error" not in types
    assert "other" not in types
    assert types.count("turn_started") == 2
    assert types[:7] == [
        "session_updated",
        "speech_started",
        "speech_stopped",
        "item_updated",
        "item_updated",
        "item_updated",
        "turn_started",
    ]
