"""The 11 client events of the Realtime API: classes to build them with, and a check of those that users write.

Source: the protocol's reference and the official ``openai`` types.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, cast

import attrs
import pybase64

from trio_realtime.errors import UserError
from trio_realtime.model_inputs import RealtimeModelRawClientMessage
from trio_realtime.openai._strict import explain

__all__ = [
    "CLIENT_EVENTS",
    "INSIDE",
    "ClientEvent",
    "ConversationItemCreate",
    "ConversationItemDelete",
    "ConversationItemRetrieve",
    "ConversationItemTruncate",
    "InputAudioBufferAppend",
    "InputAudioBufferClear",
    "InputAudioBufferCommit",
    "OutputAudioBufferClear",
    "ResponseCancel",
    "ResponseCreate",
    "SessionUpdate",
    "checked",
]


@attrs.frozen(kw_only=True)
class ClientEvent:
    """A client event. A field that is None is not sent.

    Attributes:
        type: its type on the wire.
        event_id: names the event in an error that answers it.
    """

    type: ClassVar[str]
    event_id: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Give the event as a dict of JSON types."""
        event: dict[str, Any] = {"type": self.type}
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if isinstance(value, bytes):
                event[field.name] = pybase64.b64encode_as_string(value)
            elif value is not None:
                event[field.name] = value
        return event


@attrs.frozen(kw_only=True)
class SessionUpdate(ClientEvent):
    """Change the session's configuration; the fields that are left out stay as they are."""

    type: ClassVar[str] = "session.update"
    session: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class InputAudioBufferAppend(ClientEvent):
    """Append audio, which is base64 on the wire, to the input buffer."""

    type: ClassVar[str] = "input_audio_buffer.append"
    audio: bytes = attrs.field(repr=lambda value: f"<{len(value)} bytes>")


@attrs.frozen(kw_only=True)
class InputAudioBufferCommit(ClientEvent):
    """Make a user item of the input buffer."""

    type: ClassVar[str] = "input_audio_buffer.commit"


@attrs.frozen(kw_only=True)
class InputAudioBufferClear(ClientEvent):
    """Forget the input buffer."""

    type: ClassVar[str] = "input_audio_buffer.clear"


@attrs.frozen(kw_only=True)
class OutputAudioBufferClear(ClientEvent):
    """Cut what is being played (WebRTC, SIP)."""

    type: ClassVar[str] = "output_audio_buffer.clear"


@attrs.frozen(kw_only=True)
class ConversationItemCreate(ClientEvent):
    """Add an item, at the end or after ``previous_item_id``, which may be ``"root"``."""

    type: ClassVar[str] = "conversation.item.create"
    item: Mapping[str, Any]
    previous_item_id: str | None = None


@attrs.frozen(kw_only=True)
class ConversationItemRetrieve(ClientEvent):
    """Ask for an item, its audio included."""

    type: ClassVar[str] = "conversation.item.retrieve"
    item_id: str


@attrs.frozen(kw_only=True)
class ConversationItemTruncate(ClientEvent):
    """Cut an item's audio at ``audio_end_ms`` milliseconds."""

    type: ClassVar[str] = "conversation.item.truncate"
    item_id: str
    content_index: int
    audio_end_ms: int


@attrs.frozen(kw_only=True)
class ConversationItemDelete(ClientEvent):
    """Take an item out."""

    type: ClassVar[str] = "conversation.item.delete"
    item_id: str


@attrs.frozen(kw_only=True)
class ResponseCreate(ClientEvent):
    """Ask for a response."""

    type: ClassVar[str] = "response.create"
    response: Mapping[str, Any] | None = None


@attrs.frozen(kw_only=True)
class ResponseCancel(ClientEvent):
    """Stop a response: the active one, or the one of that id."""

    type: ClassVar[str] = "response.cancel"
    response_id: str | None = None


CLIENT_EVENTS: Final[Mapping[str, type[ClientEvent]]] = MappingProxyType(
    {
        cls.type: cls
        for cls in (
            SessionUpdate,
            InputAudioBufferAppend,
            InputAudioBufferCommit,
            InputAudioBufferClear,
            OutputAudioBufferClear,
            ConversationItemCreate,
            ConversationItemRetrieve,
            ConversationItemTruncate,
            ConversationItemDelete,
            ResponseCreate,
            ResponseCancel,
        )
    }
)
"""The class of each type."""


@attrs.frozen(kw_only=True)
class _Content:
    type: str
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: str | None = None


@attrs.frozen(kw_only=True)
class _Item:
    type: str
    id: str | None = None
    object: str | None = None
    status: str | None = None
    role: str | None = None
    content: tuple[_Content, ...] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    server_label: str | None = None
    tools: tuple[Mapping[str, Any], ...] | None = None
    error: Mapping[str, Any] | None = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None


@attrs.frozen(kw_only=True)
class _Settings:
    """What both a session and a response can be told; where the protocol has several forms, any passes."""

    audio: Mapping[str, Any] | None = None
    instructions: str | None = None
    max_output_tokens: int | str | None = None
    output_modalities: tuple[str, ...] | None = None
    parallel_tool_calls: bool | None = None
    prompt: Mapping[str, Any] | None = None
    reasoning: Mapping[str, Any] | None = None
    tool_choice: str | Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] | None = None


@attrs.frozen(kw_only=True)
class _Response(_Settings):
    conversation: str | None = None
    input: tuple[Mapping[str, Any], ...] | None = None
    metadata: Mapping[str, str] | None = None


@attrs.frozen(kw_only=True)
class _Session(_Settings):
    type: str
    include: tuple[str, ...] | None = None
    model: str | None = None
    tracing: str | Mapping[str, Any] | None = None
    truncation: str | Mapping[str, Any] | None = None


INSIDE: Final[Mapping[str, tuple[str, type]]] = {
    "conversation.item.create": ("item", _Item),
    "response.create": ("response", _Response),
    "session.update": ("session", _Session),
}
"""The field of a client event that holds an object which is checked too, and what it is checked against."""
_ITEM_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "message": ("role", "content"),
    "function_call": ("name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "mcp_approval_response": ("approval_request_id", "approve"),
}


def checked(message: RealtimeModelRawClientMessage) -> dict[str, Any]:
    """Give the client event of a raw message, as it was given.

    Fields that this version does not know pass, and so do types.

    Raises:
        UserError: the type is known and its fields are missing or wrong; the path of the field is named.
    """
    event: dict[str, Any] = {**message.other_data, "type": message.type}
    cls = CLIENT_EVENTS.get(message.type)
    if cls is not None:
        _check(cls, event, event, "")
        if message.type in INSIDE:
            name, inside = INSIDE[message.type]
            if event.get(name) is not None:
                _check(inside, event[name], event, name)
        if message.type == "conversation.item.create":
            _check_item(event["item"])
    return event


def _check(cls: type, value: Any, event: Mapping[str, Any], name: str) -> None:
    plain: Any = dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else value
    found = explain(cls, plain)
    if found is not None:
        path = ".".join(part for part in (name, found.path) if part)
        raise UserError(f"the client event {event['type']!r} is wrong: {path} {found.message}")


def _check_item(item: Mapping[str, Any]) -> None:
    for name in _ITEM_NEEDS.get(item["type"], ()):
        if item.get(name) is None:
            raise UserError(f"the client event 'conversation.item.create' is wrong: item.{name} is missing")
