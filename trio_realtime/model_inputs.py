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
    "RealtimeModelSendResponseRequest",
    "RealtimeModelSendSessionUpdate",
    "RealtimeModelSendToolOutput",
    "RealtimeModelSendUserInput",
    "RealtimeModelSendWithdrawal",
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
        instead_of: of a ``response.create``: the id of a response that was stopped, whose place the new one takes. It
            goes before what waits, and not at all if another response has begun or was asked for since.
    """

    type: str
    other_data: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    automatic: bool = False
    instead_of: str | None = None


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
        instead_of: as of a :class:`RealtimeModelRawClientMessage`; if it comes too late, nothing is sent.
    """

    user_input: RealtimeModelUserInput
    item_id: str | None = None
    instead_of: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelSendAudio:
    """Append audio to the input buffer.

    Attributes:
        audio: bytes in the session's input format.
        commit: make a user item of the buffer afterwards.
        event_id: names the commit, so that its refusal can be recognised.
    """

    audio: bytes = attrs.field(repr=lambda value: f"<{len(value)} bytes>")
    commit: bool = False
    event_id: str | None = None


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


@attrs.frozen(kw_only=True)
class RealtimeModelSendResponseRequest:
    """Ask for a response of one's own: it is never merged with another, and waits its turn behind those before it.

    Attributes:
        request_id: names the request; the model event that begins its response, or says that none will, names it again.
        items: items, in the protocol's form. They are added to the conversation right before the response is asked for;
            those of an out-of-band response are its whole input instead (None: the conversation is).
        conversation: ``"auto"``, or ``"none"`` for an out-of-band response.
        settings: what shall hold for this response only: instructions, tools, tool_choice, output_modalities.
        metadata: given back in the response.
    """

    request_id: str
    items: Sequence[Mapping[str, Any]] | None = None
    conversation: Literal["auto", "none"] = "auto"
    settings: RealtimeSessionModelSettings = attrs.Factory(RealtimeSessionModelSettings)
    metadata: Mapping[str, str] | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelSendWithdrawal:
    """Take a request for a response back: it is not sent, or its response is cancelled, once, as soon as it has begun.

    Attributes:
        request_id: the request, of a :class:`RealtimeModelSendResponseRequest`.
    """

    request_id: str


RealtimeModelSendEvent: TypeAlias = (
    RealtimeModelSendRawMessage
    | RealtimeModelSendUserInput
    | RealtimeModelSendAudio
    | RealtimeModelSendToolOutput
    | RealtimeModelSendInterrupt
    | RealtimeModelSendSessionUpdate
    | RealtimeModelSendResponseRequest
    | RealtimeModelSendWithdrawal
)
"""Anything that can be told to a model connection."""
