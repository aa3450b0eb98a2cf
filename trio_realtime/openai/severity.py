"""What the server's error codes mean: one table, :data:`ERRORS`, and one of error types, :data:`ERROR_TYPES`.

Source: codes seen in public threads; the service documents few of them. A code that is not here is recoverable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from trio_realtime.errors import ConfigRejected, ServerError, Severity
from trio_realtime.openai.server_values import ErrorDetails, ServerErrorDetails

__all__ = [
    "ACTIVE_RESPONSE",
    "COMMIT_EMPTY",
    "ERRORS",
    "ERROR_TYPES",
    "SESSION_EXPIRED",
    "ErrorRow",
    "active_response_id",
    "config_rejected",
    "is_active_response",
    "is_fatal",
    "is_item_gone",
    "is_retryable",
    "refuses_configuration",
    "refuses_response",
    "server_error",
    "severity_of",
]

ACTIVE_RESPONSE: Final = "conversation_already_has_active_response"
COMMIT_EMPTY: Final = "input_audio_buffer_commit_empty"
SESSION_EXPIRED: Final = "session_expired"


@attrs.frozen
class ErrorRow:
    """What a code of the server's means here.

    Attributes:
        severity: ``"benign"``: a line in the debug log only; ``"recoverable"``: an ``error`` event, or the error of the
            call that it answers; ``"fatal"``: the end of the session, without another try.
        when: when the server says it.
        retryable: a response that failed with it may succeed when it is asked for again.
        item_gone: it says that an item is not there, or not what the event needs; benign after an interruption.
        configuration: without an event id, it can be the refusal of a ``session.update``.
    """

    severity: Severity
    when: str
    retryable: bool = False
    item_gone: bool = False
    configuration: bool = False


_ITEM_GONE: Final = "the item is not there any more, or not what the event needs"
_REFUSED: Final = "a client event, most of all a session.update, was refused whole"
_KEY: Final = "the key is not accepted, or not for this"
_MONEY: Final = "the account has no money or quota left"
_ACCOUNT: Final = "the account, its organization or its project is closed"

ERRORS: Final[Mapping[str, ErrorRow]] = MappingProxyType(
    {
        # benign
        "response_cancel_not_active": ErrorRow("benign", "a response was cancelled that had ended by then"),
        # recoverable
        ACTIVE_RESPONSE: ErrorRow("recoverable", "a response was asked for while one was active; it is asked again"),
        SESSION_EXPIRED: ErrorRow("recoverable", "the maximum duration is over; the connection is closed next"),
        COMMIT_EMPTY: ErrorRow("recoverable", "less than 100 ms of audio were committed"),
        "item_delete_invalid_item_id": ErrorRow("recoverable", _ITEM_GONE, item_gone=True),
        "item_retrieve_invalid_item_id": ErrorRow("recoverable", _ITEM_GONE, item_gone=True),
        "item_truncate_invalid_item_id": ErrorRow("recoverable", _ITEM_GONE, item_gone=True),
        "cannot_update_voice": ErrorRow("recoverable", "another voice after the model has spoken", configuration=True),
        "invalid_type": ErrorRow("recoverable", _REFUSED, configuration=True),
        "invalid_value": ErrorRow("recoverable", _REFUSED, configuration=True),
        "missing_required_parameter": ErrorRow("recoverable", _REFUSED, configuration=True),
        "unknown_parameter": ErrorRow("recoverable", _REFUSED, configuration=True),
        "rate_limit_exceeded": ErrorRow("recoverable", "too much in too short a time", retryable=True),
        "server_error": ErrorRow("recoverable", "something failed at the server", retryable=True),
        # fatal
        "incorrect_api_key": ErrorRow("fatal", _KEY),
        "invalid_api_key": ErrorRow("fatal", _KEY),
        "invalid_organization": ErrorRow("fatal", _KEY),
        "invalid_project": ErrorRow("fatal", _KEY),
        "model_not_found": ErrorRow("fatal", "there is no such model, or not for this key"),
        "unsupported_country_region_territory": ErrorRow("fatal", "the service is not offered where the client is"),
        "billing_hard_limit_reached": ErrorRow("fatal", _MONEY),
        "billing_not_active": ErrorRow("fatal", _MONEY),
        "insufficient_quota": ErrorRow("fatal", _MONEY),
        "quota_exceeded": ErrorRow("fatal", _MONEY),
        "access_terminated": ErrorRow("fatal", _ACCOUNT),
        "account_deactivated": ErrorRow("fatal", _ACCOUNT),
        "organization_deactivated": ErrorRow("fatal", _ACCOUNT),
    }
)
"""The codes that are known. Any other code is recoverable, unless its type says more."""

ERROR_TYPES: Final[Mapping[str, ErrorRow]] = MappingProxyType(
    {
        "authentication_error": ErrorRow("fatal", _KEY),
        "insufficient_quota": ErrorRow("fatal", _MONEY),
        "permission_error": ErrorRow("fatal", _KEY),
        "rate_limit_exceeded": ErrorRow("recoverable", "too much in too short a time", retryable=True),
        "server_error": ErrorRow("recoverable", "something failed at the server", retryable=True),
    }
)
"""What the ``type`` of an error means, where its code says nothing."""

_OTHER: Final = ErrorRow("recoverable", "nothing is known of it")
_OTHER_PARAMS: Final = frozenset(
    {"audio_end_ms", "content_index", "conversation", "item", "item_id", "previous_item_id", "response", "type"}
) | {"response_id"}
_ACTIVE_MESSAGE: Final = re.compile(r"already has an active response", re.IGNORECASE)
_ACTIVE_ID: Final = re.compile(r"in progress: *([\w-]+)|\b(resp_[\w-]+)")
_HEAD: Final = re.compile(r"[^.\[]*")


def severity_of(code: str | None, type: str | None = None) -> Severity:
    """Give the severity of an error by its code, and by its type where the code says nothing worse."""
    row = ERRORS.get(code or "", _OTHER)
    return "fatal" if ERROR_TYPES.get(type or "", _OTHER).severity == "fatal" else row.severity


def is_fatal(code: str | None, type: str | None = None) -> bool:
    """Whether an error is the end of the session: trying again cannot help (the key, the account, the quota)."""
    return severity_of(code, type) == "fatal"


def is_retryable(error: ErrorDetails) -> bool:
    """Whether the response that failed with ``error`` may succeed when it is asked for again."""
    return ERRORS.get(error.code or "", _OTHER).retryable or ERROR_TYPES.get(error.type or "", _OTHER).retryable


def is_item_gone(code: str | None) -> bool:
    """Whether an error says that an item is not there, or not what the event needs; benign after an interruption."""
    return ERRORS.get(code or "", _OTHER).item_gone


def is_active_response(error: ServerErrorDetails) -> bool:
    """Whether a ``response.create`` came while a response was active. Older dialects say so in the message only."""
    return error.code == ACTIVE_RESPONSE or (
        error.code is None and _ACTIVE_MESSAGE.search(error.message or "") is not None
    )


def active_response_id(error: ServerErrorDetails) -> str | None:
    """Give the id of the active response, which the message names."""
    found = _ACTIVE_ID.search(error.message or "")
    return (found[1] or found[2]) if found else None


def refuses_configuration(error: ServerErrorDetails) -> bool:
    """Whether an error without an event id can be the refusal of a ``session.update``."""
    head = _head(error.param)
    if head == "session":
        return True
    return ERRORS.get(error.code or "", _OTHER).configuration and head not in _OTHER_PARAMS


def refuses_response(error: ServerErrorDetails) -> bool:
    """Whether an error without an event id can be the refusal of a ``response.create``."""
    return _head(error.param) == "response"


def _head(param: str | None) -> str | None:
    found = _HEAD.match(param) if param else None
    return found[0] if found else None


def server_error(error: ServerErrorDetails, severity: Severity | None = None) -> ServerError:
    """Give the exception for an error event."""
    return ServerError(
        error.message or "the server reported an error",
        type=error.type or "",
        code=error.code,
        param=error.param,
        event_id=error.event_id,
        severity=severity or severity_of(error.code, error.type),
    )


def config_rejected(error: ServerErrorDetails, event_id: str) -> ConfigRejected:
    """Give the exception for the refusal of the session update ``event_id``."""
    return ConfigRejected(
        error.message or "the server refused the configuration",
        code=error.code,
        param=error.param,
        event_id=event_id,
    )
