"""What the application gives to say, checked and in the model layer's own form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from trio_realtime._structure import structure
from trio_realtime.config import RealtimeUserInput, RealtimeUserInputMessage, RealtimeUserInputText
from trio_realtime.errors import UserError
from trio_realtime.model_inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelUserInput,
    RealtimeModelUserInputMessage,
)

__all__ = ["item_content", "user_message"]


def user_message(message: RealtimeUserInput) -> RealtimeModelUserInput:
    """Check a user message and turn it into the model layer's own."""
    if isinstance(message, str):
        return message
    checked = structure(message, RealtimeUserInputMessage, name="message")
    if not checked.content:
        raise UserError("message.content: must have at least one part")
    parts: list[RealtimeModelInputTextContent | RealtimeModelInputImageContent] = []
    for index, part in enumerate(checked.content):
        if isinstance(part, RealtimeUserInputText):
            parts.append(RealtimeModelInputTextContent(text=part.text))
        elif part.image_url:
            parts.append(RealtimeModelInputImageContent(image_url=part.image_url, detail=part.detail))
        else:
            raise UserError(f"message.content[{index}].image_url: must not be empty")
    return RealtimeModelUserInputMessage(content=tuple(parts))


_TEXT_PART = {"user": "input_text", "system": "input_text", "assistant": "output_text"}


def item_content(role: str, content: str | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Check the content of a message and give it in the protocol's form."""
    if role not in _TEXT_PART:
        raise UserError(f"role must be 'user', 'system' or 'assistant', not {role!r}")
    if isinstance(content, str):
        return [{"type": _TEXT_PART[role], "text": content}]
    parts: list[dict[str, Any]] = []
    given: Any = content
    for index, part in enumerate(given):
        if not isinstance(part, Mapping) or not isinstance(cast("Any", part).get("type"), str):
            raise UserError(f"content[{index}] must be a dict with a 'type'")
        parts.append(dict(cast("Any", part)))
    if not parts:
        raise UserError("content must have at least one part")
    return parts
