"""What a session tells a model connection to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import UserError
from trio_realtime.model_events import RealtimeModelToolCallEvent

__all__ = [
    "RealtimeModelInputImageContent",
    "RealtimeModelInputTextContent",
    "RealtimeModelRawClientMessage",
    "RealtimeModelSendAudio",
    "RealtimeModelSendEvent",
    "RealtimeModelSendInterrupt",
    "RealtimeModelSendRawMessage",
    "RealtimeModelSendSessionUpdate",
    "RealtimeModelSendToolOutput",
    "RealtimeModelSendUserInput",
    "RealtimeModelUserInput",
    "RealtimeModelUserInputMessage",
    "TruncationPoint",
]


@attrs.frozen(kw_only=True)
class RealtimeModelRawClientMessage:
    """A client event of the protocol, as it is.

    Attributes:
        type: its type, for example ``"response.create"``.
        other_data: its other fields.
        automatic: of a ``response.create``: one that waits already will do as well, as with messages and tool outputs.
    """

    type: str
    other_data: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    automatic: bool = False


@attrs.frozen(kw_only=True)
class RealtimeModelInputTextContent:
    """A text part of a user message."""

    type: Literal["input_text"] = "input_text"
    text: str


@attrs.frozen(kw_only=True)
class RealtimeModelInputImageContent:
    """An image part of a user message: a ``data:`` or ``https:`` URL and the wanted detail."""

    type: Literal["input_image"] = "input_image"
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelUserInputMessage:
    """A user message of several parts."""

    type: Literal["message"] = "message"
    role: Literal["user"] = "user"
    content: Sequence[RealtimeModelInputTextContent | RealtimeModelInputImageContent]


RealtimeModelUserInput: TypeAlias = str | RealtimeModelUserInputMessage
"""Text, or a message of text and image parts."""


@attrs.frozen(kw_only=True)
class RealtimeModelSendRawMessage:
    """Send a client event of the protocol. A ``response.create`` is never coalesced, unless it is ``automatic``."""

    message: RealtimeModelRawClientMessage


@attrs.frozen(kw_only=True)
class RealtimeModelSendUserInput:
    """Add a user message and ask for a response to it.

    Attributes:
        user_input: the message.
        item_id: the id that the item shall have; None lets the connection choose one.
    """

    user_input: RealtimeModelUserInput
    item_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelSendAudio:
    """Append audio to the input buffer.

    Attributes:
        audio: bytes in the session's input format.
        commit: make a user item of the buffer afterwards.
    """

    audio: bytes = attrs.field(repr=lambda value: f"<{len(value)} bytes>")
    commit: bool = False


@attrs.frozen(kw_only=True)
class RealtimeModelSendToolOutput:
    """Answer a tool call.

    Attributes:
        tool_call: the call.
        output: the text for the model.
        start_response: ask for a response afterwards (automatic: several of them become one). False of an output whose
            batch is not complete, or whose response goes on: then a ``response.create`` follows when they are.
    """

    tool_call: RealtimeModelToolCallEvent
    output: str
    start_response: bool = True


@attrs.frozen(kw_only=True)
class TruncationPoint:
    """Where an item's audio was cut.

    Attributes:
        item_id, content_index: which audio.
        audio_end_ms: how much of it was heard, in milliseconds; 0 means none, and the item is deleted.
    """

    item_id: str
    content_index: int
    audio_end_ms: int


@attrs.frozen(kw_only=True)
class RealtimeModelSendInterrupt:
    """Stop the model's speech.

    Attributes:
        force_response_cancel: cancel the response whatever the turn detection does by itself.
        response_id: the response; None means the active one.
        cancel_response_only: cancel without truncating.
        playback_only: truncate without cancelling.
        truncations: what was heard, worked out by the session.

    Raises:
        UserError: ``playback_only`` together with a cancel mode, or ``cancel_response_only`` without ``response_id``
            (a ValueError too).
    """

    force_response_cancel: bool = False
    response_id: str | None = None
    cancel_response_only: bool = False
    playback_only: bool = False
    truncations: Sequence[TruncationPoint] = ()

    def __attrs_post_init__(self) -> None:
        if self.playback_only and (self.force_response_cancel or self.cancel_response_only):
            raise UserError("playback_only excludes force_response_cancel and cancel_response_only")
        if self.cancel_response_only and self.response_id is None:
            raise UserError("cancel_response_only needs a response_id")


@attrs.frozen(kw_only=True)
class RealtimeModelSendSessionUpdate:
    """Change the session's configuration; only what differs from what was sent before goes out.

    Attributes:
        session_settings: the wanted settings.
        event_id: names the update in the model event that confirms or refuses it.
    """

    session_settings: RealtimeSessionModelSettings
    event_id: str | None = None


RealtimeModelSendEvent: TypeAlias = (
    RealtimeModelSendRawMessage
    | RealtimeModelSendUserInput
    | RealtimeModelSendAudio
    | RealtimeModelSendToolOutput
    | RealtimeModelSendInterrupt
    | RealtimeModelSendSessionUpdate
)
"""Anything that can be told to a model connection."""
