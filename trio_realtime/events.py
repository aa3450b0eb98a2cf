"""What a session tells the application: the reference's fifteen events, and those that this library adds.

Every event has ``type`` (for ``match``), ``info`` (the session's context), ``seq`` (1, 2, 3 ... as its reader gives
them, without gaps) and ``received_at`` (trio clock, in seconds, of the socket read that caused it; None for others).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from trio_realtime._growing import GrowingText
from trio_realtime.context import RunContextWrapper
from trio_realtime.items import RealtimeItem
from trio_realtime.model_events import (
    RateLimit,
    RealtimeModelAudioEvent,
    RealtimeModelEvent,
    ResponseError,
    ResponseStatus,
)
from trio_realtime.usage import Usage

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.guardrails import InputGuardrailResult, OutputGuardrailResult
    from trio_realtime.tools import FunctionTool, HostedMCPTool

__all__ = [
    "RealtimeAgentEndEvent",
    "RealtimeAgentStartEvent",
    "RealtimeAudio",
    "RealtimeAudioEnd",
    "RealtimeAudioInterrupted",
    "RealtimeConnectionEvent",
    "RealtimeDtmf",
    "RealtimeError",
    "RealtimeEventInfo",
    "RealtimeGuardrailTripped",
    "RealtimeHandoffEvent",
    "RealtimeHistoryAdded",
    "RealtimeHistoryUpdated",
    "RealtimeInputAudioTimeoutTriggered",
    "RealtimeInputGuardrailTripped",
    "RealtimeRateLimits",
    "RealtimeRawModelEvent",
    "RealtimeSessionEvent",
    "RealtimeToolApprovalRequired",
    "RealtimeToolEnd",
    "RealtimeToolStart",
    "RealtimeTranscript",
    "RealtimeUserSpeechStarted",
    "RealtimeUserSpeechStopped",
]


@attrs.frozen
class RealtimeEventInfo:
    """What every event carries.

    Attributes:
        context: the session's one context wrapper.
    """

    context: RunContextWrapper[Any]


@attrs.frozen(kw_only=True)
class _SessionEvent:
    """What all events have; see the module's text."""

    info: RealtimeEventInfo = attrs.field(repr=False)
    seq: int = 0
    received_at: float | None = attrs.field(default=None, repr=False)


def _name(value: Any) -> str:
    return repr(getattr(value, "name", value))


@attrs.frozen(kw_only=True)
class RealtimeAgentStartEvent(_SessionEvent):
    """An agent begins a response.

    Attributes:
        agent: the agent.
        response_id: the response.
    """

    type: Literal["agent_start"] = "agent_start"
    agent: RealtimeAgent[Any] = attrs.field(repr=_name)
    response_id: str = ""


@attrs.frozen(kw_only=True)
class RealtimeAgentEndEvent(_SessionEvent):
    """A response has ended.

    Attributes:
        agent: the agent that began it, also after a handoff.
        response_id: the response.
        status: ``"completed"``, ``"cancelled"``, ``"failed"`` or ``"incomplete"``.
        reason: why it was cancelled or is incomplete, for example ``"turn_detected"`` or ``"content_filter"``.
        error: why it failed.
        usage: its token counts, where the server gave them.
    """

    type: Literal["agent_end"] = "agent_end"
    agent: RealtimeAgent[Any] = attrs.field(repr=_name)
    response_id: str = ""
    status: ResponseStatus = "completed"
    reason: str | None = None
    error: ResponseError | None = None
    usage: Usage | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class RealtimeHandoffEvent(_SessionEvent):
    """One agent has handed the conversation to another, and the server has confirmed it."""

    type: Literal["handoff"] = "handoff"
    from_agent: RealtimeAgent[Any] = attrs.field(repr=_name)
    to_agent: RealtimeAgent[Any] = attrs.field(repr=_name)


@attrs.frozen(kw_only=True)
class RealtimeToolStart(_SessionEvent):
    """A tool begins to run.

    Attributes:
        agent, tool: whose tool.
        tool_name: its name; with a HostedMCPTool, that of the server's tool.
        arguments: a JSON object as text.
        call_id: pairs it with its end.
    """

    type: Literal["tool_start"] = "tool_start"
    agent: RealtimeAgent[Any] = attrs.field(repr=_name)
    tool: FunctionTool | HostedMCPTool = attrs.field(repr=_name)
    tool_name: str = ""
    arguments: str
    call_id: str = ""


@attrs.frozen(kw_only=True)
class RealtimeToolEnd(_SessionEvent):
    """A tool call has its output, and the output has been sent.

    Without a ``tool_start`` before it when the tool was not run: rejected by a person or a guardrail.

    Attributes:
        agent, tool, tool_name, arguments, call_id: as at the start.
        output: what the tool returned, as it is; the text for the model where it returned nothing of its own.
        error: the exception, if the tool failed.
    """

    type: Literal["tool_end"] = "tool_end"
    agent: RealtimeAgent[Any] = attrs.field(repr=_name)
    tool: FunctionTool | HostedMCPTool = attrs.field(repr=_name)
    tool_name: str = ""
    arguments: str
    output: Any
    call_id: str = ""
    error: BaseException | None = None


@attrs.frozen(kw_only=True)
class RealtimeToolApprovalRequired(_SessionEvent):
    """A tool call waits for ``approve_tool_call`` or ``reject_tool_call``."""

    type: Literal["tool_approval_required"] = "tool_approval_required"
    agent: RealtimeAgent[Any] = attrs.field(repr=_name)
    tool: FunctionTool | HostedMCPTool = attrs.field(repr=_name)
    tool_name: str = ""
    call_id: str
    arguments: str


@attrs.frozen(kw_only=True)
class RealtimeRawModelEvent(_SessionEvent):
    """A model event as it is; only with ``raw_events`` in the run config."""

    type: Literal["raw_model_event"] = "raw_model_event"
    data: RealtimeModelEvent


@attrs.frozen(kw_only=True)
class RealtimeAudio(_SessionEvent):
    """A piece of the agent's speech.

    Attributes:
        audio: the model event; ``audio.data`` are the bytes, in the session's output format.
        item_id, content_index, response_id: what it belongs to.
    """

    type: Literal["audio"] = "audio"
    audio: RealtimeModelAudioEvent
    item_id: str
    content_index: int
    response_id: str = ""


@attrs.frozen(kw_only=True)
class RealtimeAudioEnd(_SessionEvent):
    """An item's speech is complete."""

    type: Literal["audio_end"] = "audio_end"
    item_id: str
    content_index: int
    response_id: str = ""


@attrs.frozen(kw_only=True)
class RealtimeAudioInterrupted(_SessionEvent):
    """Stop playing: the agent's speech was interrupted. No audio of that response follows.

    Attributes:
        item_id, content_index: the item that was playing.
        response_id: its response.
    """

    type: Literal["audio_interrupted"] = "audio_interrupted"
    item_id: str
    content_index: int
    response_id: str = ""


@attrs.frozen(kw_only=True)
class RealtimeError(_SessionEvent):
    """Something went wrong, and the session goes on.

    Attributes:
        error: an exception of :mod:`trio_realtime.errors`, the user's own, or what a custom model gave.
    """

    type: Literal["error"] = "error"
    error: Any


@attrs.frozen(kw_only=True)
class RealtimeHistoryUpdated(_SessionEvent):
    """The history has changed.

    Attributes:
        history: a snapshot that never changes. Audio (``store_audio``) is only in ``session.history``.
    """

    type: Literal["history_updated"] = "history_updated"
    history: Sequence[RealtimeItem] = attrs.field(repr=lambda value: f"<{len(value)} items>")


@attrs.frozen(kw_only=True)
class RealtimeHistoryAdded(_SessionEvent):
    """The history has a new item."""

    type: Literal["history_added"] = "history_added"
    item: RealtimeItem


@attrs.frozen(kw_only=True)
class RealtimeGuardrailTripped(_SessionEvent):
    """An output guardrail stopped a response.

    Attributes:
        guardrail_results: what tripped.
        message: the text that was checked.
        response_id: the response.
    """

    type: Literal["guardrail_tripped"] = "guardrail_tripped"
    guardrail_results: Sequence[OutputGuardrailResult]
    message: str
    response_id: str = ""


@attrs.frozen(kw_only=True)
class RealtimeInputGuardrailTripped(_SessionEvent):
    """An input guardrail kept the user's words from the model (``gate_input``); they are not answered.

    Attributes:
        guardrail_results: what tripped.
        message: the words.
        item_id: the spoken item, which is taken out of the conversation; None for what was typed and not sent.
    """

    type: Literal["input_guardrail_tripped"] = "input_guardrail_tripped"
    guardrail_results: Sequence[InputGuardrailResult]
    message: str
    item_id: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeInputAudioTimeoutTriggered(_SessionEvent):
    """Nobody spoke for turn detection's idle timeout. Times are milliseconds of the input audio."""

    type: Literal["input_audio_timeout_triggered"] = "input_audio_timeout_triggered"
    item_id: str = ""
    audio_start_ms: int = 0
    audio_end_ms: int = 0


@attrs.frozen(kw_only=True)
class RealtimeTranscript(_SessionEvent):
    """Words, as they become known, of either side.

    Attributes:
        role: who said them.
        item_id: in which item.
        delta: what is new.
        text: all words of that part of the item up to now.
        final: no more follow.
        error: why they will never be known (then ``final`` is true).
    """

    type: Literal["transcript"] = "transcript"
    role: Literal["user", "assistant"]
    item_id: str
    delta: str
    _text: str | GrowingText = attrs.field(alias="text")
    final: bool = False
    error: ResponseError | None = None
    content_index: int = 0
    response_id: str | None = None

    @property
    def text(self) -> str:
        """All words of that part of the item up to now."""
        return str(self._text)

    @property
    def words(self) -> str | GrowingText:
        """The same, made into a text only when somebody looks."""
        return self._text


@attrs.frozen(kw_only=True)
class RealtimeUserSpeechStarted(_SessionEvent):
    """The user began to speak, ``audio_start_ms`` milliseconds into the input audio."""

    type: Literal["user_speech_started"] = "user_speech_started"
    item_id: str
    audio_start_ms: int


@attrs.frozen(kw_only=True)
class RealtimeUserSpeechStopped(_SessionEvent):
    """The user stopped speaking, ``audio_end_ms`` milliseconds into the input audio."""

    type: Literal["user_speech_stopped"] = "user_speech_stopped"
    item_id: str
    audio_end_ms: int


@attrs.frozen(kw_only=True)
class RealtimeConnectionEvent(_SessionEvent):
    """The connection's state has changed.

    Attributes:
        status: ``"connected"``, ``"reconnecting"``, ``"reconnected"`` or ``"closed"``.
        attempt: which try, while reconnecting.
        reason: why, in words.
    """

    type: Literal["connection"] = "connection"
    status: Literal["connected", "reconnecting", "reconnected", "closed"]
    attempt: int = 0
    reason: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeRateLimits(_SessionEvent):
    """The account's limits, as of now."""

    type: Literal["rate_limits"] = "rate_limits"
    rate_limits: Sequence[RateLimit]


@attrs.frozen(kw_only=True)
class RealtimeDtmf(_SessionEvent):
    """A caller pressed a key (telephony)."""

    type: Literal["dtmf"] = "dtmf"
    event: str


RealtimeSessionEvent: TypeAlias = (
    RealtimeAgentStartEvent
    | RealtimeAgentEndEvent
    | RealtimeHandoffEvent
    | RealtimeToolStart
    | RealtimeToolEnd
    | RealtimeToolApprovalRequired
    | RealtimeRawModelEvent
    | RealtimeAudio
    | RealtimeAudioEnd
    | RealtimeAudioInterrupted
    | RealtimeError
    | RealtimeHistoryUpdated
    | RealtimeHistoryAdded
    | RealtimeGuardrailTripped
    | RealtimeInputGuardrailTripped
    | RealtimeInputAudioTimeoutTriggered
    | RealtimeTranscript
    | RealtimeUserSpeechStarted
    | RealtimeUserSpeechStopped
    | RealtimeConnectionEvent
    | RealtimeRateLimits
    | RealtimeDtmf
)
"""Anything that iterating a session gives."""
