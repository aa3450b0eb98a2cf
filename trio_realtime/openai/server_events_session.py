"""Server events of the session, its conversation, its audio buffers and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven
from trio_realtime.openai._strict import ContentIndex
from trio_realtime.openai.server_event import ServerEvent
from trio_realtime.openai.server_values import (
    ConversationItem,
    ErrorDetails,
    RateLimitDetails,
    ServerErrorDetails,
    TranscriptUsage,
)

__all__ = [
    "ConversationCreatedEvent",
    "ConversationItemAddedEvent",
    "ConversationItemCreatedEvent",
    "ConversationItemDeletedEvent",
    "ConversationItemDoneEvent",
    "ConversationItemRetrievedEvent",
    "ConversationItemTruncatedEvent",
    "ErrorEvent",
    "InputAudioBufferClearedEvent",
    "InputAudioBufferCommittedEvent",
    "InputAudioBufferDtmfEventReceivedEvent",
    "InputAudioBufferSpeechStartedEvent",
    "InputAudioBufferSpeechStoppedEvent",
    "InputAudioBufferTimeoutTriggeredEvent",
    "InputAudioTranscriptionCompletedEvent",
    "InputAudioTranscriptionDeltaEvent",
    "InputAudioTranscriptionFailedEvent",
    "InputAudioTranscriptionSegmentEvent",
    "OutputAudioBufferClearedEvent",
    "OutputAudioBufferStartedEvent",
    "OutputAudioBufferStoppedEvent",
    "RateLimitsUpdatedEvent",
    "SessionCreatedEvent",
    "SessionUpdatedEvent",
]


@attrs.define(kw_only=True)
class ErrorEvent(ServerEvent):
    """Something went wrong, most often with a client event."""

    type: ClassVar[str] = "error"
    error: ServerErrorDetails


@attrs.define(kw_only=True)
class SessionCreatedEvent(ServerEvent):
    """The first event of a session: its default configuration."""

    type: ClassVar[str] = "session.created"
    session: Mapping[str, Any]


@attrs.define(kw_only=True)
class SessionUpdatedEvent(ServerEvent):
    """The session's whole configuration after a change."""

    type: ClassVar[str] = "session.updated"
    session: Mapping[str, Any]


@attrs.define(kw_only=True)
class ConversationCreatedEvent(ServerEvent):
    """The session's conversation exists."""

    type: ClassVar[str] = "conversation.created"
    conversation: Mapping[str, Any]


@attrs.define(kw_only=True)
class ConversationItemCreatedEvent(ServerEvent):
    """An item is in the conversation (the older name of ``conversation.item.added``)."""

    type: ClassVar[str] = "conversation.item.created"
    item: ConversationItem
    previous_item_id: str | NotGiven | None = NOT_GIVEN


@attrs.define(kw_only=True)
class ConversationItemAddedEvent(ServerEvent):
    """An item is in the conversation, perhaps not complete yet."""

    type: ClassVar[str] = "conversation.item.added"
    item: ConversationItem
    previous_item_id: str | NotGiven | None = NOT_GIVEN


@attrs.define(kw_only=True)
class ConversationItemDoneEvent(ServerEvent):
    """An item is complete."""

    type: ClassVar[str] = "conversation.item.done"
    item: ConversationItem
    previous_item_id: str | NotGiven | None = NOT_GIVEN


@attrs.define(kw_only=True)
class ConversationItemRetrievedEvent(ServerEvent):
    """The answer to ``conversation.item.retrieve``."""

    type: ClassVar[str] = "conversation.item.retrieved"
    item: ConversationItem


@attrs.define(kw_only=True)
class ConversationItemDeletedEvent(ServerEvent):
    """An item is gone."""

    type: ClassVar[str] = "conversation.item.deleted"
    item_id: str


@attrs.define(kw_only=True)
class ConversationItemTruncatedEvent(ServerEvent):
    """An item's audio was cut at ``audio_end_ms`` milliseconds."""

    type: ClassVar[str] = "conversation.item.truncated"
    item_id: str
    content_index: ContentIndex
    audio_end_ms: int


@attrs.define(kw_only=True)
class InputAudioTranscriptionDeltaEvent(ServerEvent):
    """Some words of the user's."""

    type: ClassVar[str] = "conversation.item.input_audio_transcription.delta"
    item_id: str
    content_index: ContentIndex | None = None
    delta: str | None = None
    logprobs: tuple[Mapping[str, Any], ...] | None = None


@attrs.define(kw_only=True)
class InputAudioTranscriptionCompletedEvent(ServerEvent):
    """All words of a user item. ``logprobs`` are there if ``include`` asks for them."""

    type: ClassVar[str] = "conversation.item.input_audio_transcription.completed"
    item_id: str
    content_index: ContentIndex
    transcript: str
    usage: TranscriptUsage | None = None
    languages: tuple[Mapping[str, Any], ...] | None = None
    logprobs: tuple[Mapping[str, Any], ...] | None = None


@attrs.define(kw_only=True)
class InputAudioTranscriptionFailedEvent(ServerEvent):
    """The words of a user item will not be known."""

    type: ClassVar[str] = "conversation.item.input_audio_transcription.failed"
    item_id: str
    content_index: ContentIndex
    error: ErrorDetails


@attrs.define(kw_only=True)
class InputAudioTranscriptionSegmentEvent(ServerEvent):
    """A piece of a diarized transcription; times are seconds."""

    type: ClassVar[str] = "conversation.item.input_audio_transcription.segment"
    item_id: str
    content_index: ContentIndex
    id: str
    speaker: str
    text: str
    start: float
    end: float


@attrs.define(kw_only=True)
class InputAudioBufferCommittedEvent(ServerEvent):
    """The input buffer became a user item."""

    type: ClassVar[str] = "input_audio_buffer.committed"
    item_id: str
    previous_item_id: str | NotGiven | None = NOT_GIVEN


@attrs.define(kw_only=True)
class InputAudioBufferClearedEvent(ServerEvent):
    """The input buffer is empty."""

    type: ClassVar[str] = "input_audio_buffer.cleared"


@attrs.define(kw_only=True)
class InputAudioBufferSpeechStartedEvent(ServerEvent):
    """Speech began at ``audio_start_ms`` milliseconds of the input."""

    type: ClassVar[str] = "input_audio_buffer.speech_started"
    item_id: str
    audio_start_ms: int


@attrs.define(kw_only=True)
class InputAudioBufferSpeechStoppedEvent(ServerEvent):
    """Speech ended at ``audio_end_ms`` milliseconds of the input."""

    type: ClassVar[str] = "input_audio_buffer.speech_stopped"
    item_id: str
    audio_end_ms: int


@attrs.define(kw_only=True)
class InputAudioBufferTimeoutTriggeredEvent(ServerEvent):
    """Nobody spoke for as long as turn detection waits. Times are milliseconds."""

    type: ClassVar[str] = "input_audio_buffer.timeout_triggered"
    item_id: str
    audio_start_ms: int
    audio_end_ms: int


@attrs.define(kw_only=True)
class InputAudioBufferDtmfEventReceivedEvent(ServerEvent):
    """A caller pressed a key at ``received_at`` (unix seconds)."""

    type: ClassVar[str] = "input_audio_buffer.dtmf_event_received"
    event: str
    received_at: float | None = None


@attrs.define(kw_only=True)
class OutputAudioBufferStartedEvent(ServerEvent):
    """Playback of a response began (WebRTC, SIP)."""

    type: ClassVar[str] = "output_audio_buffer.started"
    response_id: str


@attrs.define(kw_only=True)
class OutputAudioBufferStoppedEvent(ServerEvent):
    """Playback of a response ended (WebRTC, SIP)."""

    type: ClassVar[str] = "output_audio_buffer.stopped"
    response_id: str


@attrs.define(kw_only=True)
class OutputAudioBufferClearedEvent(ServerEvent):
    """Playback of a response was cut (WebRTC, SIP)."""

    type: ClassVar[str] = "output_audio_buffer.cleared"
    response_id: str


@attrs.define(kw_only=True)
class RateLimitsUpdatedEvent(ServerEvent):
    """The account's limits, as of now."""

    type: ClassVar[str] = "rate_limits.updated"
    rate_limits: tuple[RateLimitDetails, ...]
