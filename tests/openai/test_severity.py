import pytest

from tests.openai.support import Talk
from tests.talk import collect, kinds, talk
from trio_realtime.errors import ConfigRejected, ServerError
from trio_realtime.openai.server_values import ErrorDetails, ServerErrorDetails
from trio_realtime.openai.severity import (
    ACTIVE_RESPONSE,
    ERROR_TYPES,
    ERRORS,
    SESSION_EXPIRED,
    active_response_id,
    config_rejected,
    is_active_response,
    is_fatal,
    is_item_gone,
    is_retryable,
    refuses_configuration,
    refuses_response,
    server_error,
    severity_of,
)


def error(**fields):
    return ServerErrorDetails(**{"type": "invalid_request_error", "message": "No.", **fields})


@pytest.mark.parametrize(
    ("code", "type_", "severity"),
    [
        ("response_cancel_not_active", "invalid_request_error", "benign"),
        ("input_audio_buffer_commit_empty", "invalid_request_error", "recoverable"),
        ("item_truncate_invalid_item_id", "invalid_request_error", "recoverable"),
        ("invalid_value", "invalid_request_error", "recoverable"),
        ("session_expired", "invalid_request_error", "recoverable"),
        ("rate_limit_exceeded", "invalid_request_error", "recoverable"),
        ("server_error", "server_error", "recoverable"),
        (None, "invalid_request_error", "recoverable"),
        (None, None, "recoverable"),
        ("of_tomorrow", "of_tomorrow", "recoverable"),
        ("insufficient_quota", "invalid_request_error", "fatal"),
        (None, "insufficient_quota", "fatal"),
        ("invalid_api_key", "invalid_request_error", "fatal"),
        ("model_not_found", "invalid_request_error", "fatal"),
        ("billing_not_active", "invalid_request_error", "fatal"),
        ("account_deactivated", "invalid_request_error", "fatal"),
        (None, "authentication_error", "fatal"),
    ],
)
def test_the_table(code, type_, severity):
    assert severity_of(code, type_) == severity
    assert is_fatal(code, type_) == (severity == "fatal")


BENIGN = ["response_cancel_not_active"]
RECOVERABLE = [
    "cannot_update_voice",
    "input_audio_buffer_commit_empty",
    "invalid_type",
    "invalid_value",
    "item_delete_invalid_item_id",
    "item_retrieve_invalid_item_id",
    "item_truncate_invalid_item_id",
    "missing_required_parameter",
    "rate_limit_exceeded",
    "server_error",
    "unknown_parameter",
]
FATAL = [
    "access_terminated",
    "account_deactivated",
    "billing_hard_limit_reached",
    "billing_not_active",
    "incorrect_api_key",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_organization",
    "invalid_project",
    "model_not_found",
    "organization_deactivated",
    "quota_exceeded",
    "unsupported_country_region_territory",
]


def test_every_row_is_tested_below():
    assert sorted(ERRORS) == sorted([*BENIGN, *RECOVERABLE, *FATAL, ACTIVE_RESPONSE, SESSION_EXPIRED])
    assert all(row.when for row in [*ERRORS.values(), *ERROR_TYPES.values()])
    assert {kind for kind, row in ERROR_TYPES.items() if row.severity == "fatal"} == {
        "authentication_error",
        "insufficient_quota",
        "permission_error",
    }


def says(talk, code):
    return [(event.type, getattr(event, "context", None)) for event in talk.error(code)]


@pytest.mark.parametrize("code", BENIGN)
def test_a_benign_row_is_nobodys_business(code):
    assert says(Talk(), code) == []
    assert severity_of(code) == "benign"


@pytest.mark.parametrize("code", RECOVERABLE)
def test_a_recoverable_row_is_an_error_event(code):
    (event,) = Talk().error(code)
    assert (event.type, event.error.code, event.error.severity) == ("error", code, "recoverable")


@pytest.mark.parametrize("code", [ACTIVE_RESPONSE, SESSION_EXPIRED])
def test_two_recoverable_rows_have_a_remedy_of_their_own(code):
    assert says(Talk(), code) == []
    assert severity_of(code) == "recoverable"


@pytest.mark.parametrize("code", FATAL)
def test_a_fatal_row_is_the_end_as_an_error_and_in_a_failed_response(code):
    (event,) = Talk().error(code)
    assert (event.type, event.exception.code, event.exception.severity) == ("exception", code, "fatal")
    failed = Talk()
    failed.created("r1")
    details = {"type": "failed", "error": {"type": "invalid_request_error", "code": code, "message": "No."}}
    events = failed.done("r1", "failed", status_details=details)
    assert [event.exception.code for event in events if event.type == "exception"] == [code]


@pytest.mark.parametrize("type_", ["authentication_error", "insufficient_quota", "permission_error"])
def test_a_fatal_type_is_the_end_whatever_the_code(type_):
    (event,) = Talk().error(None, type=type_)
    assert (event.type, event.exception.severity) == ("exception", "fatal")


@pytest.mark.parametrize(
    "code", ["response_cancel_not_active", "input_audio_buffer_commit_empty", "insufficient_quota"]
)
async def test_one_row_of_each_severity_at_the_application(code, autojump_clock):
    async with talk() as (session, server):
        error = {"type": "invalid_request_error", "code": code, "message": "No.", "param": None, "event_id": None}
        await server.send_event({"type": "error", "error": error})
        if severity_of(code) == "fatal":
            with pytest.raises(ServerError) as caught:
                await collect(session, "never")
            assert (caught.value.code, caught.value.severity) == (code, "fatal")
            return
        await session.send_message("Hello")
        events = await collect(session, "agent_end")
        assert kinds(events).count("error") == (severity_of(code) == "recoverable")


@pytest.mark.parametrize("code", ["item_truncate_invalid_item_id", "item_delete_invalid_item_id"])
def test_items_that_are_gone(code):
    assert is_item_gone(code)
    assert not is_item_gone("invalid_value")


@pytest.mark.parametrize(
    ("details", "retryable"),
    [
        (ErrorDetails(code="rate_limit_exceeded"), True),
        (ErrorDetails(type="server_error"), True),
        (ErrorDetails(code="insufficient_quota"), False),
        (ErrorDetails(), False),
    ],
)
def test_what_may_be_tried_again(details, retryable):
    assert is_retryable(details) is retryable


MESSAGE = "Conversation already has an active response in progress: {}. Wait until the response is finished."


@pytest.mark.parametrize("code", ["conversation_already_has_active_response", None])
@pytest.mark.parametrize("name", ["resp_Ct1OZ5ukp", "resp-1", "42"])
def test_an_active_response_is_found_by_code_or_message(code, name):
    details = error(code=code, message=MESSAGE.format(name))
    assert is_active_response(details)
    assert active_response_id(details) == name


def test_a_message_may_name_the_response_elsewhere_or_not():
    assert active_response_id(error(message="The response resp_7 is not done")) == "resp_7"
    assert active_response_id(error(message="already")) is None
    assert active_response_id(ServerErrorDetails()) is None
    assert not is_active_response(error(code="other", message=MESSAGE.format("r")))
    assert not is_active_response(ServerErrorDetails())


@pytest.mark.parametrize(
    ("code", "param", "configuration"),
    [
        ("invalid_value", "session.audio.input.format", True),
        ("invalid_value", "session", True),
        ("unheard_of", "session.tools[0].name", True),
        (None, "session.tools", True),
        ("unknown_parameter", None, True),
        ("missing_required_parameter", "tools[0].name", True),
        ("invalid_type", "instructions", True),
        ("cannot_update_voice", None, True),
        ("invalid_value", "item.content[0].type", False),
        ("invalid_value", "response.tools", False),
        ("unknown_parameter", "response", False),
        ("invalid_value", "type", False),
        ("rate_limit_exceeded", None, False),
        (None, None, False),
        ("input_audio_buffer_commit_empty", None, False),
    ],
)
def test_which_errors_refuse_a_configuration(code, param, configuration):
    assert refuses_configuration(error(code=code, param=param)) is configuration


def test_which_errors_refuse_a_response():
    assert refuses_response(error(param="response.tools[0]"))
    assert not refuses_response(error(param="session.tools"))
    assert not refuses_response(error())


def test_the_exceptions():
    details = error(code="invalid_value", param="session.voice", event_id="e")
    raised = server_error(details)
    assert isinstance(raised, ServerError)
    assert (raised.type, raised.code, raised.param, raised.event_id, raised.severity, raised.message) == (
        "invalid_request_error",
        "invalid_value",
        "session.voice",
        "e",
        "recoverable",
        "No.",
    )
    assert server_error(error(code="invalid_api_key")).severity == "fatal"
    assert server_error(details, "fatal").severity == "fatal"
    assert server_error(ServerErrorDetails()).message
    rejected = config_rejected(details, "update_1")
    assert isinstance(rejected, ConfigRejected)
    assert (rejected.code, rejected.param, rejected.event_id) == ("invalid_value", "session.voice", "update_1")
    assert config_rejected(ServerErrorDetails(), "e").message
