import pytest

from trio_realtime.errors import ConfigRejected, ServerError
from trio_realtime.openai.server_values import ErrorDetails, ServerErrorDetails
from trio_realtime.openai.severity import (
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
