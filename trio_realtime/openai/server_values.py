"""The objects inside server events, with the fields that this library reads; others are ignored.

Source: the protocol's reference and the official ``openai`` types. The service leaves out and nulls fields freely, so
that only what identifies an object is required.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven

__all__ = [
    "CachedTokensDetails",
    "ContentPart",
    "ConversationItem",
    "ErrorDetails",
    "InputTokenDetails",
    "McpError",
    "McpTool",
    "OutputTokenDetails",
    "RateLimitDetails",
    "Response",
    "ResponseStatusDetails",
    "ResponseUsage",
    "ServerErrorDetails",
    "TranscriptUsage",
]


@attrs.frozen(kw_only=True)
class ErrorDetails:
    """Why a response or a transcription failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


@attrs.frozen(kw_only=True)
class ServerErrorDetails:
    """The body of an ``error`` event. ``event_id`` is the client event that it answers, often null."""

    type: str | None = None
    message: str | None = None
    code: str | None = None
    param: str | None = None
    event_id: str | None = None


@attrs.frozen(kw_only=True)
class ContentPart:
    """A part of a message; which of its fields are there depends on its type. Audio is not read.

    The protocol does not promise the type; a part without one means nothing to a history.
    """

    type: str | None = None
    text: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: str | None = None


@attrs.frozen(kw_only=True)
class McpTool:
    """A tool that an MCP server has."""

    name: str


@attrs.frozen(kw_only=True)
class McpError:
    """Why a call of an MCP server's tool failed: in the tool, in its protocol, or on the way (an HTTP status)."""

    type: str | None = None
    code: int | str | None = None
    message: str | None = None


@attrs.frozen(kw_only=True)
class ConversationItem:
    """An item of any kind; which of its fields are there depends on its type."""

    type: str
    id: str | None = None
    status: str | None = None
    role: str | None = None
    content: tuple[ContentPart, ...] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    server_label: str | None = None
    tools: tuple[McpTool, ...] | None = None
    error: McpError | None = None


@attrs.frozen(kw_only=True)
class CachedTokensDetails:
    """Cached input tokens by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


@attrs.frozen(kw_only=True)
class InputTokenDetails:
    """Input tokens by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: CachedTokensDetails | None = None


@attrs.frozen(kw_only=True)
class OutputTokenDetails:
    """Output tokens by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@attrs.frozen(kw_only=True)
class ResponseUsage:
    """The token counts of a response."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_token_details: InputTokenDetails | None = None
    output_token_details: OutputTokenDetails | None = None


@attrs.frozen(kw_only=True)
class TranscriptUsage:
    """What a transcript cost: tokens, or with ``type`` ``"duration"`` the seconds of its audio."""

    type: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_token_details: InputTokenDetails | None = None
    seconds: float | None = None


@attrs.frozen(kw_only=True)
class ResponseStatusDetails:
    """How a response ended, in detail."""

    type: str | None = None
    reason: str | None = None
    error: ErrorDetails | None = None


@attrs.frozen(kw_only=True)
class Response:
    """A response.

    Attributes:
        conversation_id: the conversation that it belongs to; None if it is out-of-band.
    """

    id: str
    status: str | None = None
    status_details: ResponseStatusDetails | None = None
    conversation_id: str | NotGiven | None = NOT_GIVEN
    metadata: Mapping[str, Any] | None = None
    output_modalities: tuple[str, ...] | None = None
    max_output_tokens: int | str | None = None
    output: tuple[Mapping[str, Any], ...] | None = None
    usage: ResponseUsage | None = None


@attrs.frozen(kw_only=True)
class RateLimitDetails:
    """One of the account's limits."""

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None
