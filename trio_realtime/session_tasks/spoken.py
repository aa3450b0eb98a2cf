"""What the application gives to say, checked and in the model layer's own form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import attrs

from trio_realtime._structure import structure
from trio_realtime.config import (
    RealtimeUserInput,
    RealtimeUserInputImage,
    RealtimeUserInputMessage,
    RealtimeUserInputText,
)
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.ids import new_id
from trio_realtime.model_inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelUserInput,
    RealtimeModelUserInputMessage,
)

__all__ = ["item_content", "user_item", "user_message", "words_in", "words_of", "words_of_items"]


def user_message(message: RealtimeUserInput) -> RealtimeModelUserInput:
    """Check a user message and turn it into the model layer's own."""
    if isinstance(message, str):
        return _encodable(message, "message")
    checked = structure(message, RealtimeUserInputMessage, name="message")
    if not checked.content:
        raise UserError("message.content: must have at least one part")
    parts: list[RealtimeModelInputTextContent | RealtimeModelInputImageContent] = []
    for index, part in enumerate(checked.content):
        if isinstance(part, RealtimeUserInputText):
            parts.append(RealtimeModelInputTextContent(text=_encodable(part.text, f"message.content[{index}].text")))
        elif part.image_url:
            parts.append(
                RealtimeModelInputImageContent(
                    image_url=_encodable(part.image_url, f"message.content[{index}].image_url"), detail=part.detail
                )
            )
        else:
            raise UserError(f"message.content[{index}].image_url: must not be empty")
    return RealtimeModelUserInputMessage(content=tuple(parts))


def user_item(message: RealtimeUserInput) -> dict[str, Any]:
    """Check a user message and give it as an item in the protocol's form, with an id."""
    made = user_message(message)
    given = [RealtimeModelInputTextContent(text=made)] if isinstance(made, str) else made.content
    parts = [{name: value for name, value in attrs.asdict(part).items() if value is not None} for part in given]
    return {"id": new_id("item"), "type": "message", "role": "user", "content": parts}


def words_of(user_input: RealtimeModelUserInput) -> str:
    """Give the text of a user message."""
    if isinstance(user_input, str):
        return user_input
    return "\n".join(part.text for part in user_input.content if isinstance(part, RealtimeModelInputTextContent))


def words_in(parts: Sequence[Any]) -> str:
    """Give the text of content parts in the protocol's form."""
    texts: list[Any] = [part["text"] for part in parts if isinstance(part, Mapping) and "text" in part]
    return "\n".join(text for text in texts if isinstance(text, str))


def words_of_items(items: Sequence[Mapping[str, Any]]) -> str:
    """Give the user's text in items in the protocol's form."""
    contents: list[Any] = [item.get("content") for item in items if item.get("role") == "user"]
    return "\n".join(words_in(content) for content in contents if type(content) in {list, tuple})


_TEXT_PART = {"user": "input_text", "system": "input_text", "assistant": "output_text"}


def item_content(role: str, content: str | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Check the content of a message and give it in the protocol's form."""
    if not isinstance(cast("Any", role), str) or role not in _TEXT_PART:
        raise UserError(f"role must be 'user', 'system' or 'assistant', not {role!r}")
    if isinstance(content, str):
        return [{"type": _TEXT_PART[role], "text": content}]
    given: Any = content
    if isinstance(given, (bytes, bytearray)) or not isinstance(given, Sequence):
        raise UserTypeError(f"content must be text or a list of parts, not {type(given).__name__}")
    entries: Sequence[Any] = content
    parts: list[dict[str, Any]] = []
    for index, part in enumerate(entries):
        if isinstance(part, (RealtimeUserInputText, RealtimeUserInputImage)):
            parts.append({name: value for name, value in attrs.asdict(part).items() if value is not None})
            continue
        if not isinstance(part, Mapping) or not isinstance(cast("Any", part).get("type"), str):
            raise UserError(f"content[{index}] must be a dict with a 'type'")
        parts.append(dict(cast("Any", part)))
    if not parts:
        raise UserError("content must have at least one part")
    return parts


def _encodable(text: str, name: str) -> str:
    """Give ``text``, which must be sendable: a lone surrogate is no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{name}: has a character that cannot be encoded (a lone surrogate)") from None
    return text
