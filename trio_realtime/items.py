"""The items of a conversation, as the local history holds them.

The server's names ``output_text`` and ``output_audio`` are ``text`` and ``audio`` here. Audio is stored if the
run's ``store_audio`` says so.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = [
    "AssistantAudio",
    "AssistantContent",
    "AssistantMessageItem",
    "AssistantText",
    "InputAudio",
    "InputImage",
    "InputText",
    "ItemStatus",
    "RealtimeItem",
    "RealtimeMessageItem",
    "RealtimeToolCallItem",
    "SystemMessageItem",
    "UserContent",
    "UserMessageItem",
]

ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"]
"""How far an item is. It only moves forward: from ``in_progress`` to one of the other two."""


@attrs.frozen(kw_only=True)
class InputText:
    """Text that a user or the system gave."""

    type: Literal["input_text"] = "input_text"
    text: str | None = None


@attrs.frozen(kw_only=True)
class InputAudio:
    """Audio that a user spoke.

    Attributes:
        audio: base64 of the audio, with ``store_audio`` in the run config; else None.
        transcript: its words, once they have been transcribed.
    """

    type: Literal["input_audio"] = "input_audio"
    audio: str | None = attrs.field(default=None, repr=lambda value: "None" if value is None else f"<{len(value)} B>")
    transcript: str | None = None


@attrs.frozen(kw_only=True)
class InputImage:
    """An image that a user gave, as a ``data:`` or ``https:`` URL."""

    type: Literal["input_image"] = "input_image"
    image_url: str | None = attrs.field(
        default=None, repr=lambda value: repr(value if value is None or len(value) < 80 else value[:77] + "...")
    )
    detail: str | None = None


@attrs.frozen(kw_only=True)
class AssistantText:
    """Text that the model wrote."""

    type: Literal["text"] = "text"
    text: str | None = None


@attrs.frozen(kw_only=True)
class AssistantAudio:
    """Audio that the model spoke.

    Attributes:
        audio: base64 of the audio, with ``store_audio`` in the run config; else None.
        transcript: its words; of speech that was interrupted, those that were heard.
        generated_transcript: all words of speech that was interrupted; None if it was not.
        heard_ms: how much was heard of speech that was interrupted, in milliseconds.
    """

    type: Literal["audio"] = "audio"
    audio: str | None = attrs.field(default=None, repr=lambda value: "None" if value is None else f"<{len(value)} B>")
    transcript: str | None = None
    generated_transcript: str | None = None
    heard_ms: int | None = None


UserContent: TypeAlias = InputText | InputAudio | InputImage
AssistantContent: TypeAlias = AssistantText | AssistantAudio


@attrs.frozen(kw_only=True)
class SystemMessageItem:
    """A message of the system."""

    item_id: str
    previous_item_id: str | None = None
    type: Literal["message"] = "message"
    role: Literal["system"] = "system"
    status: ItemStatus | None = None
    content: tuple[InputText, ...] = ()


@attrs.frozen(kw_only=True)
class UserMessageItem:
    """A message of the user: text, speech, images."""

    item_id: str
    previous_item_id: str | None = None
    type: Literal["message"] = "message"
    role: Literal["user"] = "user"
    status: ItemStatus | None = None
    content: tuple[UserContent, ...] = ()


@attrs.frozen(kw_only=True)
class AssistantMessageItem:
    """A message of the model: text or speech."""

    item_id: str
    previous_item_id: str | None = None
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    status: ItemStatus | None = None
    content: tuple[AssistantContent, ...] = ()


@attrs.frozen(kw_only=True)
class RealtimeToolCallItem:
    """A tool call of the model, with the output that it got.

    Attributes:
        item_id: the item's id.
        call_id: the call's id; it pairs the call with its output and its events.
        arguments: a JSON object as text.
        output: the text that the model was given, or None as long as there is none.
    """

    item_id: str
    previous_item_id: str | None = None
    call_id: str | None = None
    type: Literal["function_call"] = "function_call"
    status: ItemStatus = "in_progress"
    arguments: str = ""
    name: str = ""
    output: str | None = None


RealtimeMessageItem: TypeAlias = SystemMessageItem | UserMessageItem | AssistantMessageItem
"""Any message, told apart by ``role``."""

RealtimeItem: TypeAlias = RealtimeMessageItem | RealtimeToolCallItem
"""Anything that a history can hold."""
