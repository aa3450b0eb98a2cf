"""The values inside model events: statuses, failures, limits, token counts."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = [
    "McpCallStatus",
    "McpListToolsStatus",
    "RateLimit",
    "RealtimeConnectionStatus",
    "RealtimeModelCachedTokensDetails",
    "RealtimeModelInputTokensDetails",
    "RealtimeModelOutputTokensDetails",
    "ResponseError",
    "ResponseStatus",
]

RealtimeConnectionStatus: TypeAlias = Literal["connecting", "connected", "reconnecting", "disconnected"]
ResponseStatus: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]
"""How a response ended."""
McpListToolsStatus: TypeAlias = Literal["in_progress", "completed", "failed"]
"""How far the service is with asking a hosted MCP server for its tools."""
McpCallStatus: TypeAlias = Literal["in_progress", "completed", "failed"]
"""How far a call of a hosted MCP server's tool is."""


@attrs.frozen(kw_only=True)
class ResponseError:
    """Why a response failed.

    Attributes:
        type, code, message: the server's words.
        retryable: the same request may succeed later.
    """

    type: str | None = None
    code: str | None = None
    message: str | None = None
    retryable: bool = False


@attrs.frozen(kw_only=True)
class RealtimeModelCachedTokensDetails:
    """Cached input tokens by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelInputTokensDetails:
    """Input tokens by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: RealtimeModelCachedTokensDetails | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelOutputTokensDetails:
    """Output tokens by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@attrs.frozen(kw_only=True)
class RateLimit:
    """One of the account's limits: its name, its size, what remains, and the seconds until it is whole again."""

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None
