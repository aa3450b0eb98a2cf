"""What a model connection tells a session: the reference's nineteen events and those that this library adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import attrs

from trio_realtime.items import RealtimeItem
from trio_realtime.model_event_values import (
    McpCallStatus,
    McpListToolsStatus,
    RateLimit,
    RealtimeConnectionStatus,
    RealtimeModelCachedTokensDetails,
    RealtimeModelInputTokensDetails,
    RealtimeModelOutputTokensDetails,
    ResponseError,
    ResponseStatus,
)
from trio_realtime.usage import TranscriptionUsage, Usage

if TYPE_CHECKING:
    from trio_realtime.errors import ConfigRejected
    from trio_realtime.model_inputs import RealtimeModelSendEvent

__all__ = [
    "McpCallStatus",
    "McpListToolsStatus",
    "RateLimit",
    "RealtimeConnectionStatus",
    "RealtimeModelAudioDoneEvent",
    "RealtimeModelAudioEvent",
    "RealtimeModelAudioInterruptedEvent",
    "RealtimeModelCachedTokensDetails",
    "RealtimeModelConfigRejectedEvent",
    "RealtimeModelConnectionStatusEvent",
    "RealtimeModelDtmfEvent",
    "RealtimeModelEndOfStreamEvent",
    "RealtimeModelErrorEvent",
    "RealtimeModelEvent",
    "RealtimeModelExceptionEvent",
    "RealtimeModelFollowUpEvent",
    "RealtimeModelInputAudioTimeoutTriggeredEvent",
    "RealtimeModelInputAudioTranscriptionCompletedEvent",
    "RealtimeModelInputAudioTranscriptionDeltaEvent",
    "RealtimeModelInputAudioTranscriptionFailedEvent",
    "RealtimeModelInputTokensDetails",
    "RealtimeModelItemDeletedEvent",
    "RealtimeModelItemTruncatedEvent",
    "RealtimeModelItemUpdatedEvent",
    "RealtimeModelMcpApprovalRequestedEvent",
    "RealtimeModelMcpCallEvent",
    "RealtimeModelMcpListToolsEvent",
    "RealtimeModelOtherEvent",
    "RealtimeModelOutputTextDeltaEvent",
    "RealtimeModelOutputTextDoneEvent",
    "RealtimeModelOutputTokensDetails",
    "RealtimeModelRateLimitsEvent",
    "RealtimeModelRawServerEvent",
    "RealtimeModelRequestSettledEvent",
    "RealtimeModelSessionUpdatedEvent",
    "RealtimeModelSpeechStartedEvent",
    "RealtimeModelSpeechStoppedEvent",
    "RealtimeModelToolCallEvent",
    "RealtimeModelTranscriptDeltaEvent",
    "RealtimeModelTranscriptDoneEvent",
    "RealtimeModelTranscriptTimingEvent",
    "RealtimeModelTurnEndedEvent",
    "RealtimeModelTurnStartedEvent",
    "RealtimeModelUsageEvent",
    "ResponseError",
    "ResponseStatus",
]


def _size(value: bytes) -> str:
    return f"<{len(value)} bytes>"


@attrs.frozen(kw_only=True)
class _ModelEvent:
    """received_at: trio clock, in seconds, of the socket read that caused the event; None if nothing was read."""

    received_at: float | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelErrorEvent(_ModelEvent):
    """An error that does not end the session.

    Attributes:
        error: an exception of :mod:`trio_realtime.errors`, or whatever a custom model gives.
    """

    type: Literal["error"] = "error"
    error: Any


@attrs.frozen(kw_only=True)
class RealtimeModelToolCallEvent(_ModelEvent):
    """The model calls a tool.

    Attributes:
        name: the tool.
        call_id: pairs the call with its output.
        arguments: a JSON object as text.
        id: the item of the call.
        previous_item_id: the item before it.
        response_id: the response that made the call.
    """

    type: Literal["function_call"] = "function_call"
    name: str
    call_id: str
    arguments: str
    id: str | None = None
    previous_item_id: str | None = None
    response_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelAudioEvent(_ModelEvent):
    """A piece of the model's speech, in the session's output format."""

    type: Literal["audio"] = "audio"
    data: bytes = attrs.field(repr=_size)
    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True)
class RealtimeModelAudioInterruptedEvent(_ModelEvent):
    """A model layer that interrupts by itself has done so; the session cancels and truncates nothing more."""

    type: Literal["audio_interrupted"] = "audio_interrupted"
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True)
class RealtimeModelAudioDoneEvent(_ModelEvent):
    """The last piece of an item's audio has been given."""

    type: Literal["audio_done"] = "audio_done"
    item_id: str
    content_index: int
    response_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelInputAudioTimeoutTriggeredEvent(_ModelEvent):
    """Turn detection saw nobody speak for its idle timeout. Times are milliseconds of input audio."""

    type: Literal["input_audio_timeout_triggered"] = "input_audio_timeout_triggered"
    item_id: str
    audio_start_ms: int
    audio_end_ms: int


@attrs.frozen(kw_only=True)
class RealtimeModelInputAudioTranscriptionCompletedEvent(_ModelEvent):
    """The words of a user item are known; ``usage`` is what that cost, where the model tells."""

    type: Literal["input_audio_transcription_completed"] = "input_audio_transcription_completed"
    item_id: str
    transcript: str
    content_index: int = 0
    usage: TranscriptionUsage | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelInputAudioTranscriptionDeltaEvent(_ModelEvent):
    """Some words of a user item are known."""

    type: Literal["input_audio_transcription_delta"] = "input_audio_transcription_delta"
    item_id: str
    delta: str
    content_index: int = 0


@attrs.frozen(kw_only=True)
class RealtimeModelInputAudioTranscriptionFailedEvent(_ModelEvent):
    """The words of a user item will not be known."""

    type: Literal["input_audio_transcription_failed"] = "input_audio_transcription_failed"
    item_id: str
    error: ResponseError
    content_index: int = 0


@attrs.frozen(kw_only=True)
class RealtimeModelTranscriptDeltaEvent(_ModelEvent):
    """Some words of the model's speech."""

    type: Literal["transcript_delta"] = "transcript_delta"
    item_id: str
    delta: str
    response_id: str
    content_index: int = 0


@attrs.frozen(kw_only=True)
class RealtimeModelTranscriptDoneEvent(_ModelEvent):
    """All words of a piece of the model's speech."""

    type: Literal["transcript_done"] = "transcript_done"
    item_id: str
    transcript: str
    response_id: str
    content_index: int = 0


@attrs.frozen(kw_only=True)
class RealtimeModelTranscriptTimingEvent(_ModelEvent):
    """Where words of the model's speech are in its audio, in milliseconds from the beginning of their part."""

    type: Literal["transcript_timing"] = "transcript_timing"
    item_id: str
    text: str
    audio_start_ms: float
    audio_end_ms: float
    content_index: int = 0


@attrs.frozen(kw_only=True)
class RealtimeModelOutputTextDeltaEvent(_ModelEvent):
    """Some of the model's text."""

    type: Literal["output_text_delta"] = "output_text_delta"
    item_id: str
    delta: str
    response_id: str
    content_index: int = 0


@attrs.frozen(kw_only=True)
class RealtimeModelOutputTextDoneEvent(_ModelEvent):
    """All of a piece of the model's text."""

    type: Literal["output_text_done"] = "output_text_done"
    item_id: str
    text: str
    response_id: str
    content_index: int = 0


@attrs.frozen(kw_only=True)
class RealtimeModelItemUpdatedEvent(_ModelEvent):
    """An item of the conversation is new, or more of it is known.

    Attributes:
        item: what is known; parts that are None in it are not known.
        anchored: ``item.previous_item_id`` is the server's word on its place (None then means: it is the first).
        response_id: the response that makes it, where the server's event says so.
    """

    type: Literal["item_updated"] = "item_updated"
    item: RealtimeItem
    anchored: bool = False
    response_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelItemDeletedEvent(_ModelEvent):
    """An item is gone."""

    type: Literal["item_deleted"] = "item_deleted"
    item_id: str


@attrs.frozen(kw_only=True)
class RealtimeModelItemTruncatedEvent(_ModelEvent):
    """An item's audio was cut at ``audio_end_ms`` milliseconds."""

    type: Literal["item_truncated"] = "item_truncated"
    item_id: str
    content_index: int
    audio_end_ms: int


@attrs.frozen(kw_only=True)
class RealtimeModelConnectionStatusEvent(_ModelEvent):
    """The connection's state has changed."""

    type: Literal["connection_status"] = "connection_status"
    status: RealtimeConnectionStatus


@attrs.frozen(kw_only=True)
class RealtimeModelEndOfStreamEvent(_ModelEvent):
    """The connection has ended in an orderly way; nothing follows."""

    type: Literal["end_of_stream"] = "end_of_stream"


@attrs.frozen(kw_only=True)
class RealtimeModelTurnStartedEvent(_ModelEvent):
    """A response has begun.

    Attributes:
        response_id: its id (empty where a model has none).
        metadata: what the application gave when it asked for the response.
        default_conversation: it belongs to the session's conversation (an out-of-band response does not).
        cancelled: it was interrupted before it began and is being cancelled: none of its audio is to be heard.
        request_id: the ``RealtimeModelSendResponseRequest`` that it answers, if it answers one.
    """

    type: Literal["turn_started"] = "turn_started"
    response_id: str = ""
    metadata: Mapping[str, str] | None = None
    default_conversation: bool = True
    cancelled: bool = False
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelRequestSettledEvent(_ModelEvent):
    """What became of a ``RealtimeModelSendResponseRequest`` is known, and no response will begin that names it.

    Attributes:
        request_id: the request.
        error: why it got no response; None if it got one.
        response_id: the response that turned out to be its answer, where that was not clear when it began.
    """

    type: Literal["request_settled"] = "request_settled"
    request_id: str
    error: Exception | None = None
    response_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelUsageEvent(_ModelEvent):
    """The token counts of one response."""

    type: Literal["usage"] = "usage"
    usage: Usage
    input_tokens_details: RealtimeModelInputTokensDetails | None = None
    output_tokens_details: RealtimeModelOutputTokensDetails | None = None
    response_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelTurnEndedEvent(_ModelEvent):
    """A response has ended.

    Attributes:
        response_id: its id.
        status: how it ended.
        reason: why it was cancelled or is incomplete: ``"turn_detected"``, ``"client_cancelled"``,
            ``"max_output_tokens"`` or ``"content_filter"``.
        error: why it failed.
        usage: its token counts, where the model gives them.
    """

    type: Literal["turn_ended"] = "turn_ended"
    response_id: str = ""
    status: ResponseStatus = "completed"
    reason: str | None = None
    error: ResponseError | None = None
    usage: Usage | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelSpeechStartedEvent(_ModelEvent):
    """Turn detection heard the user begin to speak.

    Attributes:
        item_id: the user item that the speech will become.
        audio_start_ms: where in the input audio it began, in milliseconds.
        interrupts: the server has cancelled its response because of it, so that playback must stop.
    """

    type: Literal["speech_started"] = "speech_started"
    item_id: str
    audio_start_ms: int
    interrupts: bool = True


@attrs.frozen(kw_only=True)
class RealtimeModelSpeechStoppedEvent(_ModelEvent):
    """Turn detection heard the user stop, at ``audio_end_ms`` milliseconds of the input audio."""

    type: Literal["speech_stopped"] = "speech_stopped"
    item_id: str
    audio_end_ms: int


@attrs.frozen(kw_only=True)
class RealtimeModelSessionUpdatedEvent(_ModelEvent):
    """The server has confirmed a configuration.

    Attributes:
        event_id: the update that it answers, None if it answers none of ours.
    """

    type: Literal["session_updated"] = "session_updated"
    event_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelConfigRejectedEvent(_ModelEvent):
    """The server has refused a configuration; ``error.event_id`` says which update."""

    type: Literal["config_rejected"] = "config_rejected"
    error: ConfigRejected


@attrs.frozen(kw_only=True)
class RealtimeModelMcpListToolsEvent(_ModelEvent):
    """The service asks a hosted MCP server for its tools.

    Attributes:
        item_id: the item of the list.
        server_label: which server, as far as the service has said it.
        status: how far it is.
        tools: the names of the tools, when they are known.
    """

    type: Literal["mcp_list_tools"] = "mcp_list_tools"
    item_id: str
    server_label: str
    status: McpListToolsStatus
    tools: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class RealtimeModelMcpApprovalRequestedEvent(_ModelEvent):
    """The service wants to call a hosted MCP server's tool, and waits for somebody's word.

    Attributes:
        item_id: the request; the answer names it.
        server_label, name: whose tool.
        arguments: a JSON object as text.
        response_id: the response that wants it.
    """

    type: Literal["mcp_approval_requested"] = "mcp_approval_requested"
    item_id: str
    server_label: str
    name: str
    arguments: str
    response_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelMcpCallEvent(_ModelEvent):
    """The service calls a hosted MCP server's tool, or has done so.

    Attributes:
        item_id: the item of the call.
        server_label, name: whose tool.
        arguments: a JSON object as text.
        status: ``"in_progress"``, then ``"completed"`` or ``"failed"``.
        output: what the tool gave.
        error: why it failed.
        response_id: the response that made the call.
    """

    type: Literal["mcp_call"] = "mcp_call"
    item_id: str
    server_label: str
    name: str
    arguments: str
    status: McpCallStatus
    output: str | None = None
    error: ResponseError | None = None
    response_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeModelRateLimitsEvent(_ModelEvent):
    """The account's limits, as of now."""

    type: Literal["rate_limits"] = "rate_limits"
    rate_limits: Sequence[RateLimit]


@attrs.frozen(kw_only=True)
class RealtimeModelDtmfEvent(_ModelEvent):
    """A caller pressed a key (telephony): ``"0"`` to ``"9"``, ``"*"``, ``"#"``, ``"A"`` to ``"D"``."""

    type: Literal["dtmf"] = "dtmf"
    event: str


@attrs.frozen(kw_only=True)
class RealtimeModelOtherEvent(_ModelEvent):
    """Something that this version does not know; it passes through."""

    type: Literal["other"] = "other"
    data: Any


@attrs.frozen(kw_only=True)
class RealtimeModelExceptionEvent(_ModelEvent):
    """The connection has failed; the session ends with ``exception``."""

    type: Literal["exception"] = "exception"
    exception: Exception
    context: str | None = None


def _repr_raw(data: Any) -> str:
    """Show a server event without its session object, where the authorization of a hosted tool may be."""
    if not isinstance(data, Mapping) or "session" not in data:
        return repr(cast("Any", data))
    return repr({**cast("Mapping[str, Any]", data), "session": "..."})


@attrs.frozen(kw_only=True)
class RealtimeModelRawServerEvent(_ModelEvent):
    """A server event as it came, decoded from JSON and nothing else; its repr leaves out the session object."""

    type: Literal["raw_server_event"] = "raw_server_event"
    data: Any = attrs.field(repr=_repr_raw)


@attrs.frozen(kw_only=True)
class RealtimeModelFollowUpEvent(_ModelEvent):
    """The connection asks that ``event`` be sent next: it may not send by itself, the session's writer does."""

    type: Literal["follow_up"] = "follow_up"
    event: RealtimeModelSendEvent


RealtimeModelEvent: TypeAlias = (
    RealtimeModelErrorEvent
    | RealtimeModelToolCallEvent
    | RealtimeModelAudioEvent
    | RealtimeModelAudioInterruptedEvent
    | RealtimeModelAudioDoneEvent
    | RealtimeModelInputAudioTimeoutTriggeredEvent
    | RealtimeModelInputAudioTranscriptionCompletedEvent
    | RealtimeModelInputAudioTranscriptionDeltaEvent
    | RealtimeModelInputAudioTranscriptionFailedEvent
    | RealtimeModelTranscriptDeltaEvent
    | RealtimeModelTranscriptDoneEvent
    | RealtimeModelTranscriptTimingEvent
    | RealtimeModelOutputTextDeltaEvent
    | RealtimeModelOutputTextDoneEvent
    | RealtimeModelItemUpdatedEvent
    | RealtimeModelItemDeletedEvent
    | RealtimeModelItemTruncatedEvent
    | RealtimeModelConnectionStatusEvent
    | RealtimeModelEndOfStreamEvent
    | RealtimeModelTurnStartedEvent
    | RealtimeModelRequestSettledEvent
    | RealtimeModelUsageEvent
    | RealtimeModelTurnEndedEvent
    | RealtimeModelSpeechStartedEvent
    | RealtimeModelSpeechStoppedEvent
    | RealtimeModelSessionUpdatedEvent
    | RealtimeModelConfigRejectedEvent
    | RealtimeModelMcpListToolsEvent
    | RealtimeModelMcpApprovalRequestedEvent
    | RealtimeModelMcpCallEvent
    | RealtimeModelRateLimitsEvent
    | RealtimeModelDtmfEvent
    | RealtimeModelOtherEvent
    | RealtimeModelExceptionEvent
    | RealtimeModelRawServerEvent
    | RealtimeModelFollowUpEvent
)
"""Anything that a model connection can give."""
