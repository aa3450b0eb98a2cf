"""The server's objects as this library's: items, token counts, errors. Pure functions of one object each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Final, cast

import attrs

from trio_realtime.errors import ModelBehaviorError
from trio_realtime.items import (
    AssistantAudio,
    AssistantContent,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    ItemStatus,
    RealtimeItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserContent,
    UserMessageItem,
)
from trio_realtime.model_events import (
    RateLimit,
    RealtimeModelCachedTokensDetails,
    RealtimeModelInputTokensDetails,
    RealtimeModelOutputTokensDetails,
    RealtimeModelTurnEndedEvent,
    RealtimeModelUsageEvent,
    ResponseError,
    ResponseStatus,
)
from trio_realtime.openai.server_values import (
    CachedTokensDetails,
    ContentPart,
    ConversationItem,
    ErrorDetails,
    InputTokenDetails,
    OutputTokenDetails,
    RateLimitDetails,
    Response,
    ResponseUsage,
    TranscriptUsage,
)
from trio_realtime.openai.severity import is_retryable
from trio_realtime.usage import InputTokensDetails, ModalityTokens, TranscriptionUsage, Usage

__all__ = [
    "RESERVED_METADATA_KEY",
    "item_of",
    "rate_limits_of",
    "response_error_of",
    "tag_of",
    "transcription_usage_of",
    "turn_ended_of",
    "usage_event_of",
    "user_metadata",
    "with_images",
]

RESERVED_METADATA_KEY: Final = "trio_realtime_request"
"""The metadata key by which a response is matched with its request; the application never sees it."""

_STATUSES: Final[Mapping[str, ItemStatus]] = {
    "in_progress": "in_progress",
    "completed": "completed",
    "incomplete": "incomplete",
}
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_TEXTS: Final = frozenset({"text", "output_text", "input_text"})
_AUDIOS: Final = frozenset({"audio", "output_audio", "input_audio"})


def item_of(item: ConversationItem, previous_item_id: str | None = None) -> RealtimeItem | None:
    """Give the item of the history, or None for a kind of item that a history does not hold.

    Raises:
        ModelBehaviorError: it is of a kind that needs an id, and has none.
    """
    if item.type not in {"message", "function_call"}:
        return None
    if not item.id:
        raise ModelBehaviorError("the server sent an item without an id", param="item.id")
    status = _STATUSES.get(item.status) if item.status else None
    if item.type == "function_call":
        return RealtimeToolCallItem(
            item_id=item.id,
            previous_item_id=previous_item_id,
            call_id=item.call_id,
            status="incomplete" if status == "incomplete" else "in_progress",  # complete is a call with its output
            arguments=item.arguments or "",
            name=item.name or "",
        )
    return _message(item, item.id, previous_item_id, status)


def with_images(item: RealtimeItem, sent: Mapping[str, Any]) -> RealtimeItem:
    """Give a user's item with the images that it was ``sent`` with; the server need not repeat them."""
    if not isinstance(item, UserMessageItem):
        return item
    parts: Sequence[Mapping[str, Any]] = sent.get("content") or ()
    content = [
        attrs.evolve(part, image_url=given.get("image_url"), detail=part.detail or given.get("detail"))
        if isinstance(part, InputImage) and not part.image_url
        else part
        for part, given in zip_longest(item.content, parts[: len(item.content)], fillvalue=_NOTHING)
    ]
    return attrs.evolve(item, content=tuple(cast("list[UserContent]", content)))


def _message(
    item: ConversationItem, item_id: str, previous_item_id: str | None, status: ItemStatus | None
) -> RealtimeItem | None:
    parts = item.content or ()
    match item.role:
        case "user":
            given = tuple(found for part in parts if (found := _user_part(part)) is not None)
            return UserMessageItem(item_id=item_id, previous_item_id=previous_item_id, status=status, content=given)
        case "assistant":
            said = tuple(one for part in parts if (one := _assistant_part(part)) is not None)
            return AssistantMessageItem(item_id=item_id, previous_item_id=previous_item_id, status=status, content=said)
        case "system":
            texts = tuple(InputText(text=part.text) for part in parts if part.type in _TEXTS)
            return SystemMessageItem(item_id=item_id, previous_item_id=previous_item_id, status=status, content=texts)
        case _:
            return None


def _user_part(part: ContentPart) -> UserContent | None:
    if part.type in _TEXTS:
        return InputText(text=part.text)
    if part.type in _AUDIOS:
        return InputAudio(transcript=part.transcript)
    if part.type == "input_image":
        return InputImage(image_url=part.image_url, detail=part.detail)
    return None


def _assistant_part(part: ContentPart) -> AssistantContent | None:
    if part.type in _TEXTS:
        return AssistantText(text=part.text)
    if part.type in _AUDIOS:
        return AssistantAudio(transcript=part.transcript)
    return None


def tag_of(response: Response) -> str | None:
    """Give the request that a response's metadata names."""
    tag = response.metadata.get(RESERVED_METADATA_KEY) if response.metadata else None
    return tag if isinstance(tag, str) else None


def user_metadata(response: Response) -> Mapping[str, str] | None:
    """Give the metadata that the application gave, or None if it gave none."""
    metadata = {
        key: value
        for key, value in (response.metadata or {}).items()
        if key != RESERVED_METADATA_KEY and isinstance(value, str)
    }
    return metadata or None


def response_error_of(error: ErrorDetails) -> ResponseError:
    """Give the reason of a failure, with a word on whether trying again makes sense."""
    return ResponseError(type=error.type, code=error.code, message=error.message, retryable=is_retryable(error))


def turn_ended_of(response: Response, now: float) -> RealtimeModelTurnEndedEvent:
    """Give the end of a response. A status that this version does not know passes."""
    details = response.status_details
    error = details.error if details is not None else None
    return RealtimeModelTurnEndedEvent(
        received_at=now,
        response_id=response.id,
        status=cast("ResponseStatus", response.status or "completed"),
        reason=details.reason if details is not None else None,
        error=response_error_of(error) if error is not None else None,
        usage=_usage(response.usage) if response.usage is not None else None,
    )


def _usage(usage: ResponseUsage) -> Usage:
    into, out = usage.input_tokens or 0, usage.output_tokens or 0
    details = usage.input_token_details
    return Usage(
        requests=1,
        input_tokens=into,
        input_tokens_details=InputTokensDetails(cached_tokens=(details.cached_tokens or 0) if details else 0),
        output_tokens=out,
        total_tokens=into + out if usage.total_tokens is None else usage.total_tokens,
        input_modalities=_modalities(details),
        cached_modalities=_modalities(details and details.cached_tokens_details),
        output_modalities=_modalities(usage.output_token_details),
    )


def _modalities(details: InputTokenDetails | CachedTokensDetails | OutputTokenDetails | None) -> ModalityTokens:
    if details is None:
        return ModalityTokens()
    return ModalityTokens(
        text_tokens=details.text_tokens or 0,
        audio_tokens=details.audio_tokens or 0,
        image_tokens=(not isinstance(details, OutputTokenDetails) and details.image_tokens) or 0,
    )


def transcription_usage_of(usage: TranscriptUsage) -> TranscriptionUsage:
    """Give what a transcript cost: tokens, or the seconds of its audio."""
    into, out = usage.input_tokens or 0, usage.output_tokens or 0
    return TranscriptionUsage(
        requests=1,
        input_tokens=into,
        output_tokens=out,
        total_tokens=into + out if usage.total_tokens is None else usage.total_tokens,
        input_modalities=_modalities(usage.input_token_details),
        seconds=usage.seconds or 0.0,
    )


def usage_event_of(response: Response, usage: ResponseUsage, now: float) -> RealtimeModelUsageEvent:
    """Give the token counts of a response, by modality where the server tells."""
    into, out = usage.input_token_details, usage.output_token_details
    cached = into.cached_tokens_details if into else None
    return RealtimeModelUsageEvent(
        received_at=now,
        response_id=response.id,
        usage=_usage(usage),
        input_tokens_details=RealtimeModelInputTokensDetails(
            text_tokens=into.text_tokens,
            audio_tokens=into.audio_tokens,
            image_tokens=into.image_tokens,
            cached_tokens=into.cached_tokens,
            cached_tokens_details=RealtimeModelCachedTokensDetails(
                text_tokens=cached.text_tokens,
                audio_tokens=cached.audio_tokens,
                image_tokens=cached.image_tokens,
            )
            if cached
            else None,
        )
        if into
        else None,
        output_tokens_details=RealtimeModelOutputTokensDetails(
            text_tokens=out.text_tokens, audio_tokens=out.audio_tokens
        )
        if out
        else None,
    )


def rate_limits_of(limits: Sequence[RateLimitDetails]) -> tuple[RateLimit, ...]:
    """Give the account's limits."""
    return tuple(
        RateLimit(name=one.name, limit=one.limit, remaining=one.remaining, reset_seconds=one.reset_seconds)
        for one in limits
    )
