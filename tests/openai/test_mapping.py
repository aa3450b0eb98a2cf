import pytest

from tests.openai.examples import ASSISTANT_ITEM, CALL_ITEM, OUTPUT_ITEM, RESPONSE, USAGE, USER_ITEM
from trio_realtime.errors import ModelBehaviorError
from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from trio_realtime.model_events import (
    RateLimit,
    RealtimeModelCachedTokensDetails,
    RealtimeModelInputTokensDetails,
    RealtimeModelOutputTokensDetails,
    ResponseError,
)
from trio_realtime.openai._strict import hook_for
from trio_realtime.openai.mapping import (
    item_of,
    rate_limits_of,
    response_error_of,
    tag_of,
    transcription_usage_of,
    turn_ended_of,
    usage_event_of,
    user_metadata,
)
from trio_realtime.openai.server_values import (
    ConversationItem,
    ErrorDetails,
    RateLimitDetails,
    Response,
    ResponseUsage,
    TranscriptUsage,
)
from trio_realtime.usage import InputTokensDetails, ModalityTokens, TranscriptionUsage, Usage


def item(previous=None, **fields):
    return item_of(hook_for(ConversationItem)(fields, ConversationItem), previous)


def response(**fields):
    return hook_for(Response)({**RESPONSE, **fields}, Response)


def test_a_user_message():
    content = [
        {"type": "input_text", "text": "Look"},
        {"type": "input_audio", "transcript": "Hi", "audio": "AAAA"},
        {"type": "input_image", "image_url": "data:x", "detail": "low"},
        {"type": "input_smell"},
    ]
    assert item("before", **{**USER_ITEM, "content": content}) == UserMessageItem(
        item_id="item_u",
        previous_item_id="before",
        status="completed",
        content=(
            InputText(text="Look"),
            InputAudio(transcript="Hi"),
            InputImage(image_url="data:x", detail="low"),
        ),
    )


@pytest.mark.parametrize("kind", ["", "output_"])
def test_an_assistant_message(kind):
    content = [
        {"type": f"{kind}audio", "transcript": "Hello", "audio": "AAAA"},
        {"type": f"{kind}text", "text": "Hello"},
        {"type": "output_smell"},
    ]
    assert item(**{**ASSISTANT_ITEM, "content": content}) == AssistantMessageItem(
        item_id="item_a", status="completed", content=(AssistantAudio(transcript="Hello"), AssistantText(text="Hello"))
    )


def test_a_system_message():
    content = [{"type": "input_text", "text": "Be kind."}, {"type": "input_audio"}]
    assert item(id="i", type="message", role="system", content=content) == SystemMessageItem(
        item_id="i", content=(InputText(text="Be kind."),)
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("in_progress", "in_progress"),
        ("completed", "completed"),
        ("incomplete", "incomplete"),
        ("odd", None),
        (None, None),
    ],
)
def test_the_status_is_the_servers(status, expected):
    assert item(**{**ASSISTANT_ITEM, "status": status}).status == expected


@pytest.mark.parametrize(
    ("status", "expected"), [("in_progress", "in_progress"), ("completed", "in_progress"), ("incomplete", "incomplete")]
)
def test_a_call_is_in_progress_until_it_has_its_output(status, expected):
    assert item(**{**CALL_ITEM, "status": status}) == RealtimeToolCallItem(
        item_id="item_c", call_id="call_1", name="get_weather", arguments='{"city":"Rome"}', status=expected
    )


def test_a_call_that_has_only_begun():
    assert item(id="c", type="function_call") == RealtimeToolCallItem(item_id="c")


@pytest.mark.parametrize(
    "fields",
    [OUTPUT_ITEM, {"id": "m", "type": "mcp_call"}, {"id": "d", "type": "message", "role": "developer"}, {"type": "x"}],
)
def test_what_a_history_does_not_hold(fields):
    assert item(**fields) is None


@pytest.mark.parametrize("fields", [USER_ITEM, CALL_ITEM])
def test_an_item_needs_an_id(fields):
    with pytest.raises(ModelBehaviorError) as caught:
        item(**{**fields, "id": None})
    assert caught.value.param == "item.id"


def test_our_tag_is_kept_from_the_application():
    tagged = response(metadata={"trio_realtime_request": "event_1", "topic": "a", "odd": 3})
    assert tag_of(tagged) == "event_1"
    assert user_metadata(tagged) == {"topic": "a"}
    assert user_metadata(response(metadata={"trio_realtime_request": "event_1"})) is None
    assert user_metadata(response()) is None
    assert tag_of(response()) is None
    assert tag_of(response(metadata={"trio_realtime_request": 3})) is None


def test_token_counts():
    event = usage_event_of(response(), hook_for(ResponseUsage)(USAGE, ResponseUsage), 5.0)
    assert event.received_at == 5.0
    assert event.response_id == "resp_1"
    assert event.usage == Usage(
        requests=1,
        input_tokens=10,
        output_tokens=20,
        total_tokens=30,
        input_tokens_details=InputTokensDetails(cached_tokens=3),
        input_modalities=ModalityTokens(text_tokens=4, audio_tokens=6),
        cached_modalities=ModalityTokens(text_tokens=1, audio_tokens=2),
        output_modalities=ModalityTokens(text_tokens=5, audio_tokens=15),
    )
    assert event.input_tokens_details == RealtimeModelInputTokensDetails(
        text_tokens=4,
        audio_tokens=6,
        image_tokens=0,
        cached_tokens=3,
        cached_tokens_details=RealtimeModelCachedTokensDetails(text_tokens=1, audio_tokens=2, image_tokens=0),
    )
    assert event.output_tokens_details == RealtimeModelOutputTokensDetails(text_tokens=5, audio_tokens=15)


def test_token_counts_without_details_and_without_a_total():
    event = usage_event_of(response(), ResponseUsage(input_tokens=2, output_tokens=3), 0.0)
    assert event.usage == Usage(requests=1, input_tokens=2, output_tokens=3, total_tokens=5)
    assert event.input_tokens_details is None
    assert event.output_tokens_details is None
    details = {"input_token_details": {"text_tokens": 1}}
    event = usage_event_of(response(), hook_for(ResponseUsage)(details, ResponseUsage), 0.0)
    assert event.input_tokens_details.cached_tokens_details is None
    assert event.usage.total_tokens == 0


def test_what_a_transcript_costs():
    tokens = {"type": "tokens", "input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
    usage = hook_for(TranscriptUsage)({**tokens, "input_token_details": {"audio_tokens": 9}}, TranscriptUsage)
    assert transcription_usage_of(usage) == TranscriptionUsage(
        requests=1,
        input_tokens=9,
        output_tokens=2,
        total_tokens=11,
        input_modalities=ModalityTokens(audio_tokens=9),
    )
    assert transcription_usage_of(TranscriptUsage(input_tokens=1, output_tokens=2)).total_tokens == 3
    assert transcription_usage_of(TranscriptUsage(type="duration", seconds=2.5)) == TranscriptionUsage(
        requests=1, seconds=2.5
    )


@pytest.mark.parametrize(
    ("fields", "status", "reason", "error"),
    [
        ({"status": "completed", "status_details": {"type": "completed"}}, "completed", None, None),
        ({"status": None}, "completed", None, None),
        ({"status": "odd"}, "odd", None, None),
        (
            {"status": "cancelled", "status_details": {"type": "cancelled", "reason": "turn_detected"}},
            "cancelled",
            "turn_detected",
            None,
        ),
        (
            {"status": "incomplete", "status_details": {"type": "incomplete", "reason": "content_filter"}},
            "incomplete",
            "content_filter",
            None,
        ),
        (
            {
                "status": "failed",
                "status_details": {
                    "type": "failed",
                    "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Wait."},
                },
            },
            "failed",
            None,
            ResponseError(type="tokens", code="rate_limit_exceeded", message="Wait.", retryable=True),
        ),
    ],
)
def test_how_a_response_ended(fields, status, reason, error):
    ended = turn_ended_of(response(**fields), 2.0)
    assert (ended.response_id, ended.status, ended.reason, ended.error) == ("resp_1", status, reason, error)
    assert ended.usage is None
    assert ended.received_at == 2.0


def test_the_end_of_a_response_has_its_token_counts():
    assert turn_ended_of(response(usage=USAGE), 0.0).usage.total_tokens == 30


def test_a_failure_that_will_happen_again():
    assert response_error_of(ErrorDetails(code="insufficient_quota")) == ResponseError(
        code="insufficient_quota", retryable=False
    )


def test_limits():
    assert rate_limits_of([RateLimitDetails(name="tokens", limit=5)]) == (RateLimit(name="tokens", limit=5),)
