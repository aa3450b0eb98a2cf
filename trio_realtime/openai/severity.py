"""What the server's error codes mean.

Source: codes seen in public threads; the service documents few of them. A code that is not here is recoverable.
"""

from __future__ import annotations

import re
from typing import Final

from trio_realtime.errors import ConfigRejected, ServerError, Severity
from trio_realtime.openai.server_values import ErrorDetails, ServerErrorDetails

__all__ = [
    "ACTIVE_RESPONSE",
    "SESSION_EXPIRED",
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
SESSION_EXPIRED: Final = "session_expired"

_BENIGN: Final = frozenset({"response_cancel_not_active"})
_ITEM_GONE: Final = frozenset(
    {"item_truncate_invalid_item_id", "item_delete_invalid_item_id", "item_retrieve_invalid_item_id"}
)
_FATAL: Final = frozenset(
    {
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
    }
)
_FATAL_TYPES: Final = frozenset({"authentication_error", "insufficient_quota", "permission_error"})
_RETRYABLE: Final = frozenset({"rate_limit_exceeded", "server_error"})
_CONFIGURATION: Final = frozenset(
    {"cannot_update_voice", "invalid_type", "invalid_value", "missing_required_parameter", "unknown_parameter"}
)
_OTHER_PARAMS: Final = frozenset(
    {"audio_end_ms", "content_index", "conversation", "item", "item_id", "previous_item_id", "response", "type"}
) | {"response_id"}
_ACTIVE_MESSAGE: Final = re.compile(r"already has an active response", re.IGNORECASE)
_ACTIVE_ID: Final = re.compile(r"in progress: *([\w-]+)|\b(resp_[\w-]+)")
_HEAD: Final = re.compile(r"[^.\[]*")


def severity_of(code: str | None, type: str | None = None) -> Severity:
    """Give the severity of an error by its code, and by its type where the code says nothing."""
    if code in _BENIGN:
        return "benign"
    return "fatal" if is_fatal(code, type) else "recoverable"


def is_fatal(code: str | None, type: str | None = None) -> bool:
    """Whether an error is the end of the session: trying again cannot help (the key, the account, the quota)."""
    return code in _FATAL or type in _FATAL_TYPES


def is_retryable(error: ErrorDetails) -> bool:
    """Whether the response that failed with ``error`` may succeed when it is asked for again."""
    return error.code in _RETRYABLE or error.type in _RETRYABLE


def is_item_gone(code: str | None) -> bool:
    """Whether an error says that an item is not there, or not what the event needs; benign after an interruption."""
    return code in _ITEM_GONE


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
    return error.code in _CONFIGURATION and head not in _OTHER_PARAMS


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
