"""Configuration: of a run, of a model connection and of the model's behaviour.

Each class can be given as itself or as a dict of the same keys; a misspelled key is a UserError that names it and what
was meant. A setting that is left out (``NOT_GIVEN``) is not sent; None where None is allowed means ``null``.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeGuard

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven, Opaque
from trio_realtime.audio import AudioFormat, AudioFormatObject, RealtimePlaybackTracker
from trio_realtime.dialect import Dialect, dialect_of
from trio_realtime.errors import UserError, UserTypeError

if TYPE_CHECKING:
    from trio_realtime.guardrails import InputGuardrail, OutputGuardrail
    from trio_realtime.handoffs import Handoff
    from trio_realtime.hooks import RealtimeRunHooks
    from trio_realtime.tools import FunctionTool, HostedMCPTool
    from trio_realtime.tools.results import ToolErrorFormatterArgs
else:  # at run time these are opaque: they belong to higher layers
    InputGuardrail = OutputGuardrail = Handoff = RealtimeRunHooks = Opaque
    FunctionTool = HostedMCPTool = ToolErrorFormatterArgs = Opaque

__all__ = [
    "DeliverySettings",
    "Limits",
    "RealtimeAudioConfig",
    "RealtimeAudioInputConfig",
    "RealtimeAudioOutputConfig",
    "RealtimeCustomVoice",
    "RealtimeGuardrailRecovery",
    "RealtimeGuardrailsSettings",
    "RealtimeInputAudioNoiseReductionConfig",
    "RealtimeInputAudioTranscriptionConfig",
    "RealtimeModelConfig",
    "RealtimeModelName",
    "RealtimeModelTracingConfig",
    "RealtimePrompt",
    "RealtimeReasoningConfig",
    "RealtimeReasoningEffort",
    "RealtimeRunConfig",
    "RealtimeSessionModelSettings",
    "RealtimeToolExecutionConfig",
    "RealtimeTurnDetectionConfig",
    "RealtimeUserInput",
    "RealtimeUserInputImage",
    "RealtimeUserInputMessage",
    "RealtimeUserInputText",
    "RealtimeVoice",
    "ReconnectPolicy",
    "Timeouts",
    "ToolErrorFormatter",
]

RealtimeModelName: TypeAlias = str
"""The name of a realtime model, for example ``"gpt-realtime-2.1"``."""

RealtimeReasoningEffort: TypeAlias = str
"""How much a reasoning model thinks: ``"minimal"``, ``"low"``, ``"medium"``, ``"high"``, ``"xhigh"`` or a new word."""

InputAudioFormat: TypeAlias = str | Mapping[str, object] | AudioFormat | AudioFormatObject
ToolErrorFormatter: TypeAlias = "Callable[[ToolErrorFormatterArgs], str | Awaitable[str | None] | None]"
"""Gives the text that the model sees for a rejected tool call; None means the default text."""


@attrs.frozen(kw_only=True)
class RealtimeCustomVoice:
    """A voice of the account's own, by its id."""

    id: str


RealtimeVoice: TypeAlias = str | RealtimeCustomVoice | Mapping[str, Any]


@attrs.frozen(kw_only=True)
class RealtimePrompt:
    """A prompt stored at the service: its id, version and variables."""

    id: str
    version: str | NotGiven | None = NOT_GIVEN
    variables: Mapping[str, Any] | NotGiven | None = NOT_GIVEN


@attrs.frozen(kw_only=True)
class RealtimeInputAudioTranscriptionConfig:
    """How the user's speech is transcribed."""

    language: str | NotGiven = NOT_GIVEN
    model: str | NotGiven = NOT_GIVEN
    prompt: str | NotGiven = NOT_GIVEN
    keywords: Sequence[str] | NotGiven = NOT_GIVEN
    languages: Sequence[str] | NotGiven = NOT_GIVEN
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | NotGiven = NOT_GIVEN


@attrs.frozen(kw_only=True)
class RealtimeInputAudioNoiseReductionConfig:
    """Noise reduction for a near microphone (headset) or a far one (laptop, room); ``strength`` says how much of it."""

    type: Literal["near_field", "far_field"] | NotGiven = NOT_GIVEN
    strength: float | NotGiven | None = NOT_GIVEN


def _keys(value: Mapping[str, Any] | NotGiven) -> str:
    return repr(value) if isinstance(value, NotGiven) else f"<{', '.join(value)}>"


def _camel(name: str) -> Mapping[str, tuple[str, ...]]:
    return {"aliases": (name,)}


@attrs.frozen(kw_only=True)
class RealtimeTurnDetectionConfig:
    """How the server finds the ends of the user's turns. Six keys are also accepted in camelCase.

    Attributes:
        type: by silence (``"server_vad"``) or by meaning (``"semantic_vad"``).
        create_response: answer when a turn ends.
        interrupt_response: cancel the answer when the user begins to speak.
        eagerness: how soon ``semantic_vad`` answers.
        threshold: 0 to 1, how loud speech must be.
        prefix_padding_ms, silence_duration_ms: audio kept before speech; silence that ends it.
        idle_timeout_ms: silence after which the model speaks first.
        model_version: the detector's version.
    """

    type: Literal["semantic_vad", "server_vad"] | NotGiven = NOT_GIVEN
    create_response: bool | NotGiven = attrs.field(default=NOT_GIVEN, metadata=_camel("createResponse"))
    eagerness: Literal["auto", "low", "medium", "high"] | NotGiven = NOT_GIVEN
    interrupt_response: bool | NotGiven = attrs.field(default=NOT_GIVEN, metadata=_camel("interruptResponse"))
    prefix_padding_ms: int | NotGiven = attrs.field(default=NOT_GIVEN, metadata=_camel("prefixPaddingMs"))
    silence_duration_ms: int | NotGiven = attrs.field(default=NOT_GIVEN, metadata=_camel("silenceDurationMs"))
    threshold: float | NotGiven = NOT_GIVEN
    idle_timeout_ms: int | NotGiven | None = attrs.field(default=NOT_GIVEN, metadata=_camel("idleTimeoutMs"))
    model_version: str | NotGiven = attrs.field(default=NOT_GIVEN, metadata=_camel("modelVersion"))


@attrs.frozen(kw_only=True)
class RealtimeAudioInputConfig:
    """The user's audio. None for noise_reduction, transcription or turn_detection turns it off."""

    format: InputAudioFormat | NotGiven = NOT_GIVEN
    noise_reduction: RealtimeInputAudioNoiseReductionConfig | NotGiven | None = NOT_GIVEN
    transcription: RealtimeInputAudioTranscriptionConfig | NotGiven | None = NOT_GIVEN
    turn_detection: RealtimeTurnDetectionConfig | NotGiven | None = NOT_GIVEN


@attrs.frozen(kw_only=True)
class RealtimeAudioOutputConfig:
    """The model's audio: format, voice, and speed (0.25 to 1.5)."""

    format: InputAudioFormat | NotGiven = NOT_GIVEN
    voice: str | RealtimeCustomVoice | Mapping[str, Any] | NotGiven = NOT_GIVEN
    speed: float | NotGiven = NOT_GIVEN


@attrs.frozen(kw_only=True)
class RealtimeAudioConfig:
    """Audio both ways."""

    input: RealtimeAudioInputConfig | NotGiven | None = NOT_GIVEN
    output: RealtimeAudioOutputConfig | NotGiven | None = NOT_GIVEN


@attrs.frozen(kw_only=True)
class RealtimeReasoningConfig:
    """How much a reasoning model thinks.

    Attributes:
        effort: ``"minimal"``, ``"low"``, ``"medium"``, ``"high"``, ``"xhigh"`` or a new word.
    """

    effort: RealtimeReasoningEffort | NotGiven | None = NOT_GIVEN


@attrs.frozen(kw_only=True)
class RealtimeModelTracingConfig:
    """How the service's own traces of the session are named and grouped."""

    workflow_name: str | NotGiven = NOT_GIVEN
    group_id: str | NotGiven = NOT_GIVEN
    metadata: Mapping[str, Any] | NotGiven = NOT_GIVEN


@attrs.frozen(kw_only=True)
class RealtimeSessionModelSettings:
    """How the model behaves: the ``session`` object of the protocol, flat or nested.

    ``audio`` is the nested way; ``voice``, ``speed``, ``input_audio_format``, ``output_audio_format``,
    ``input_audio_transcription``, ``input_audio_noise_reduction`` and ``turn_detection`` are flat ways to say the same,
    and the nested way wins. ``extra`` is merged into the session object as it is; its values are never shown, since the
    authorization of a hosted tool may be among them.
    """

    model_name: RealtimeModelName | NotGiven = NOT_GIVEN
    instructions: str | NotGiven = NOT_GIVEN
    prompt: RealtimePrompt | NotGiven | None = NOT_GIVEN
    modalities: Sequence[Literal["text", "audio"]] | NotGiven = NOT_GIVEN
    output_modalities: Sequence[Literal["text", "audio"]] | NotGiven = NOT_GIVEN
    audio: RealtimeAudioConfig | NotGiven = NOT_GIVEN
    voice: str | RealtimeCustomVoice | Mapping[str, Any] | NotGiven = NOT_GIVEN
    speed: float | NotGiven = NOT_GIVEN
    max_output_tokens: int | Literal["inf"] | NotGiven = NOT_GIVEN
    input_audio_format: InputAudioFormat | NotGiven = NOT_GIVEN
    output_audio_format: InputAudioFormat | NotGiven = NOT_GIVEN
    input_audio_transcription: RealtimeInputAudioTranscriptionConfig | NotGiven | None = NOT_GIVEN
    input_audio_noise_reduction: RealtimeInputAudioNoiseReductionConfig | NotGiven | None = NOT_GIVEN
    turn_detection: RealtimeTurnDetectionConfig | NotGiven | None = NOT_GIVEN
    tool_choice: str | Mapping[str, Any] | NotGiven | None = NOT_GIVEN
    parallel_tool_calls: bool | NotGiven = NOT_GIVEN
    reasoning: RealtimeReasoningConfig | NotGiven = NOT_GIVEN
    tools: Sequence[FunctionTool | HostedMCPTool] | NotGiven = NOT_GIVEN
    handoffs: Sequence[Handoff] | NotGiven = NOT_GIVEN
    tracing: RealtimeModelTracingConfig | Literal["auto"] | NotGiven | None = NOT_GIVEN
    truncation: Literal["auto", "disabled"] | Mapping[str, Any] | NotGiven = NOT_GIVEN
    include: Sequence[str] | NotGiven = NOT_GIVEN
    extra: Mapping[str, Any] | NotGiven = attrs.field(default=NOT_GIVEN, repr=_keys)

    def overlaid(self, other: RealtimeSessionModelSettings) -> RealtimeSessionModelSettings:
        """Give these settings with those that ``other`` gives in their place."""
        changes = {
            field.name: value
            for field in attrs.fields(RealtimeSessionModelSettings)
            if (value := getattr(other, field.name)) is not NOT_GIVEN
        }
        return attrs.evolve(self, **changes)


@attrs.frozen(kw_only=True)
class RealtimeUserInputText:
    """A text part of a user message."""

    type: Literal["input_text"] = "input_text"
    text: str


@attrs.frozen(kw_only=True)
class RealtimeUserInputImage:
    """An image part of a user message: a ``data:`` or ``https:`` URL and the wanted detail."""

    type: Literal["input_image"] = "input_image"
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


@attrs.frozen(kw_only=True)
class RealtimeUserInputMessage:
    """A user message of several parts."""

    type: Literal["message"] = "message"
    role: Literal["user"] = "user"
    content: Sequence[RealtimeUserInputText | RealtimeUserInputImage]


RealtimeUserInput: TypeAlias = str | RealtimeUserInputMessage | Mapping[str, Any]
"""What ``send_message`` takes: text, or a message, or the message as a dict."""

HeadersCallable: TypeAlias = Callable[[], Awaitable[Mapping[str, str]]]
KeyCallable: TypeAlias = Callable[[], str | Awaitable[str]]


def _is_dialect(_: object, __: attrs.Attribute[Any], value: Dialect | Mapping[str, Any] | str | None) -> None:
    dialect_of(value)


@attrs.frozen(kw_only=True)
class RealtimeModelConfig:
    """What a connection is made with. Neither the key nor the headers are ever shown.

    Attributes:
        api_key: the key, or a function (sync or async) that gives it; else the environment's ``OPENAI_API_KEY``.
        url: the whole endpoint; a query of its own is kept, and nothing is added to it.
        headers: sent instead of the ``Authorization`` header that the key would make.
        initial_model_settings: settings to begin with; they beat the agent's at connect.
        playback_tracker: says what was really played; without it playback is assumed to be at once and in real time.
        call_id: attach to a running (SIP) call.
        auth: async function that gives headers, asked again on every connection; beats ``api_key`` and ``headers``.
        dialect: how a compatible server's events differ: a :class:`~trio_realtime.Dialect`, its names of server events
            (``{"its.name": "the.protocol's.name"}``), or ``"beta"`` for the protocol before general availability.
    """

    api_key: str | KeyCallable | None = attrs.field(default=None, repr=False)
    url: str | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    initial_model_settings: RealtimeSessionModelSettings = RealtimeSessionModelSettings()
    playback_tracker: RealtimePlaybackTracker | None = None
    call_id: str | None = None
    auth: HeadersCallable | None = attrs.field(default=None, repr=False)
    dialect: Dialect | Mapping[str, Any] | str | None = attrs.field(default=None, validator=_is_dialect)
    timeouts: Timeouts | None = attrs.field(default=None, metadata={"internal": True}, repr=False)
    raw_events: bool = attrs.field(default=False, metadata={"internal": True}, repr=False)
    restorable: bool = attrs.field(default=False, metadata={"internal": True}, repr=False)


def _is_number(name: str, value: object) -> TypeGuard[float]:
    if value is None:
        return False
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise UserTypeError(f"{name} must be a number, not {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{name} must be a finite number")
    return True


def _positive(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if _is_number(attribute.name, value) and value <= 0:
        raise UserError(f"{attribute.name} must be more than 0, not {value}")


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if _is_number(attribute.name, value) and value < 0:
        raise UserError(f"{attribute.name} must not be less than 0, not {value}")


def _share(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if _is_number(attribute.name, value) and not 0 <= value <= 1:
        raise UserError(f"{attribute.name} must be from 0 to 1, not {value}")


@attrs.frozen(kw_only=True)
class ReconnectPolicy:
    """How a lost connection is made again, with the whole conversation, within the same session.

    A connection is lost by the close codes 1001, 1005, 1006 and 1011 to 1013, by the end of the stream, and by a
    deadline (a silent server); 1000 is the server's orderly end and ends the session. What cannot change by waiting (a
    key that is refused, no quota, an unknown model) ends it with that error. Before the service's time limit a new
    connection is made while the old one still works; the change is made where no response is active or asked for,
    nobody speaks and nothing is uncommitted.

    Attributes:
        max_attempts: tries before giving up (5: with the delays below 7.5 seconds beside the connecting itself, and for
            longer few callers hold the line). Connections that are lost again within ``max_delay`` seconds count as
            tries of one loss.
        initial_delay, max_delay: seconds before the second try, which double with each further one, and at most
            (0.5 and 8: quick where the network only hiccuped, then kind to a server that is coming back). The first
            try is made at once.
        jitter: share of each delay that is random, 0 to 1 (0.25: clients of one outage spread out).
        before_expiry: seconds before the service's time limit from which on such a moment is waited for (60: longer
            than most replies, so that there is one; never before half of the time is over).
    """

    max_attempts: int = attrs.field(default=5, validator=_positive)
    initial_delay: float = attrs.field(default=0.5, validator=_positive)
    max_delay: float = attrs.field(default=8.0, validator=_positive)
    jitter: float = attrs.field(default=0.25, validator=_share)
    before_expiry: float = attrs.field(default=60.0, validator=_not_negative)


@attrs.frozen(kw_only=True)
class DeliverySettings:
    """How much may wait for an application that does not keep up, and what happens beyond it.

    Attributes:
        max_buffered_ms: audio that may wait, in milliseconds (180,000: longer than any single reply).
        max_buffered_bytes: everything that may wait, in bytes (16 MiB: more than 180 s of audio with its events).
        overflow: ``"drop_oldest"`` drops whole audio events and counts them (a late sound is worth nothing);
            ``"error"`` ends the session with SlowConsumer; ``"block"`` stops reading the connection for at most
            ``max_block_ms``, then ends with SlowConsumer: meanwhile no ping is answered and no interruption or
            confirmation can be seen. Events other than audio are never dropped; when they alone exceed the bytes, the
            session ends with SlowConsumer.
        max_block_ms: see above (5,000: well under any server's ping timeout).
    """

    max_buffered_ms: int = attrs.field(default=180_000, validator=_positive)
    max_buffered_bytes: int = attrs.field(default=16 * 1024 * 1024, validator=_positive)
    overflow: Literal["drop_oldest", "error", "block"] = "drop_oldest"
    max_block_ms: int = attrs.field(default=5_000, validator=_not_negative)


@attrs.frozen(kw_only=True)
class RealtimeGuardrailRecovery:
    """What the agent says after a guardrail has tripped: one response without tools. Neither of the two is silence.

    Attributes:
        say: words that it says as they are.
        instructions: what it is told for this response; with ``say``, how to say it.
    """

    say: str | None = None
    instructions: str | None = None


@attrs.frozen(kw_only=True)
class RealtimeGuardrailsSettings:
    """When guardrails run and what follows.

    Attributes:
        debounce_text_length: characters between two checks of a growing text (100: about one spoken sentence); 0 for a
            check of every piece.
        on_error: a guardrail that raises counts as tripped (``"trip"``: fail closed) or is passed over (``"skip"``).
        hold_audio: keep audio until a check has passed on text that came after it, or the final check; what follows it
            is kept with it, and an interruption still overtakes (False: it costs the time of a sentence and a check
            before the first sound, and after it the same for what comes late).
        max_hold_ms: the longest that audio whose text is there waits for its check, in milliseconds: at half of it the
            check is made, below the debounce length too, and a guardrail that has not answered at the end of it counts
            as one that raised (None: as long as its check takes; the caller rather waits than hears the unchecked).
        recovery: what follows a trip: text is spoken as it is, a :class:`RealtimeGuardrailRecovery` has text or
            instructions or is silent; None sends the model a message that names the guardrail (the reference's way).
            It comes before every answer that waits, and not at all if another answer has begun, or was asked for at the
            service, before the guardrail tripped.
        timeout: seconds that one guardrail may take before it counts as one that raised (10: a check by another
            model fits in; the end of a turn waits for its last check). With ``gate_input`` also until the words of a
            spoken item come; None waits a minute for these.
    """

    debounce_text_length: int = attrs.field(default=100, validator=_not_negative)
    on_error: Literal["trip", "skip"] = "trip"
    hold_audio: bool = False
    max_hold_ms: int | None = attrs.field(default=None, validator=_positive)
    recovery: str | RealtimeGuardrailRecovery | None = None
    timeout: float | None = attrs.field(default=10.0, validator=_positive)


@attrs.frozen(kw_only=True)
class RealtimeToolExecutionConfig:
    """How tools are run.

    Attributes:
        pre_approval_tool_input_guardrails: run input guardrails before an approval is asked for, as well as after.
        max_concurrency: tools that run at the same time (None: no limit but their own).
        default_timeout: seconds for a tool that has no timeout of its own (None: none).
        on_interrupt, on_handoff: what the user's interruption, or another agent, does to running calls of tools that do
            not say so themselves: ``"keep"`` lets them finish, ``"cancel"`` cancels them; the model is told so, and is
            not asked to speak about it (``"keep"``: a tool may have begun what must not be left half done).
        on_resume: what becomes of a call that was running when its process died or left, once another one takes up the
            session: ``"fail"`` tells the model that its result is not known (a payment is not made twice), ``"run"``
            runs it again (for tools that can be). One that waited for approval had not begun: it is asked about again.
        approval_timeout: seconds that a call waits for approval before it is rejected (None: as long as the session).
        deadline: seconds for a whole call: approval, waiting for its turn, guardrails and the tool (None: each has its
            own, and a person may take long).
    """

    pre_approval_tool_input_guardrails: bool = False
    max_concurrency: int | None = attrs.field(default=None, validator=_positive)
    default_timeout: float | None = attrs.field(default=None, validator=_positive)
    on_interrupt: Literal["keep", "cancel"] = "keep"
    on_handoff: Literal["keep", "cancel"] = "keep"
    on_resume: Literal["fail", "run"] = "fail"
    approval_timeout: float | None = attrs.field(default=None, validator=_positive)
    deadline: float | None = attrs.field(default=None, validator=_positive)


@attrs.frozen(kw_only=True)
class Limits:
    """Caps on a session. The first that is reached ends it: a goodbye, a closed connection, ``outcome`` is ``"limit"``.

    Iteration ends then in an orderly way. A body that is still in its block ``timeouts.close`` seconds later is
    cancelled there and the block is left, as with a deadline of trio's own.

    Attributes:
        max_seconds: how long it may last (None: the service's own limit of an hour at a time is the only one).
        max_tokens: tokens of its responses and transcripts, as the server counts them, after which it ends (None: no
            cap). A response in progress is not cut short, so that the sum can be a little more.
        max_idle: how long nobody may speak, no tool may run and no item may come, in seconds (None: no cap). Audio
            that the application was given counts until it has been played; audio of a microphone does not count.
        goodbye: what is done first: instructions for one more response; or a function, sync or async, of the session
            and the name of the limit; or None for nothing (one sentence, so that the caller knows why the call ends).
        goodbye_timeout: seconds for the goodbye, its playback and the response before it included (15: a sentence or
            two).
    """

    max_seconds: float | None = attrs.field(default=None, validator=_positive)
    max_tokens: int | None = attrs.field(default=None, validator=_positive)
    max_idle: float | None = attrs.field(default=None, validator=_positive)
    goodbye: str | Callable[[Any, str], Any] | None = (
        "The time for this conversation is over. Say so, and say goodbye, in one short sentence."
    )
    goodbye_timeout: float = attrs.field(default=15.0, validator=_positive)


@attrs.frozen(kw_only=True)
class Timeouts:
    """Deadlines of a session's own waits, in seconds.

    Attributes:
        connect: from entering the session to its confirmed configuration (15: handshake and two round trips, with
            room for a slow network). Also reading an agent later: its instructions function, its MCP servers.
        close: leaving the session (5): running hooks, the writer's last message, the closing handshake.
        configure: until a session update or a change of an item is confirmed (10); None does not wait, for servers that
            never confirm.
        response: until a response that was asked for begins, or the one in its way shows life (30). What ``gate_input``
            keeps back is asked for when it is sent.
        heartbeat: silence of the server, pings included, after which the connection is lost (None: the transport's
            own ping_interval and ping_timeout).
        hook: how long one hook may take (5).
        store: how long a session store may take for one answer (10: a disk or a network that hangs, not one that is
            slow); leaving a session that is in a store can take twice as long more.
        lease: how long a session stays taken in its store after the last sign of life of its process (30: another one
            goes on half a minute after a crash; it is renewed three times as often).
    """

    connect: float = attrs.field(default=15.0, validator=_positive)
    close: float = attrs.field(default=5.0, validator=_positive)
    configure: float | None = attrs.field(default=10.0, validator=_positive)
    response: float | None = attrs.field(default=30.0, validator=_positive)
    heartbeat: float | None = attrs.field(default=None, validator=_positive)
    hook: float = attrs.field(default=5.0, validator=_positive)
    store: float = attrs.field(default=10.0, validator=_positive)
    lease: float = attrs.field(default=30.0, validator=_positive)


@attrs.frozen(kw_only=True)
class RealtimeRunConfig:
    """How sessions of a runner behave.

    Attributes:
        model_settings: settings for every agent; the agent's own instructions, tools and handoffs beat them.
        output_guardrails: run on every agent's words, beside the agent's own.
        guardrails_settings: see there.
        tracing_disabled: do not let the service trace.
        async_tool_calls: run tool calls side by side; False runs them one after another, in order.
        tool_execution: see there.
        tool_error_formatter: makes the text that the model sees for a rejected tool call.
        raw_events: also deliver every model event as ``raw_model_event``, the server's own events among them.
        reconnect: see there; None turns reconnection off.
        delivery: see there.
        hooks: called at the turns of every agent.
        input_guardrails, gate_input: with ``gate_input`` these guardrails look at the user's words, and only what
            passes is answered: turn detection makes no response, and the final transcript is waited for; what trips is
            taken out of the conversation, and ``recovery`` is said if there is one. Whatever else asks for a response
            (tool outputs, handoffs, recoveries) waits for it; a response that was on its way to be asked for by then is
            cancelled and asked for again. It adds the time of the transcript and of the guardrails to each answer, as
            ``statistics().input_checks`` tells (False: no answer waits).
        limits: see there.
        timeouts: see there.
        max_history_items: items that the local history keeps; the oldest go (None: all, since text is small; a call of
            many hours may want a bound). Nothing is deleted at the service, so the model goes on to know what has gone
            here: its context is bounded by ``truncation`` in the model settings, and ``session.delete_item()`` takes
            single items out. Only a connection that is made later knows no more than the history does.
        store_audio: keep the audio in the history, as base64 in the ``audio`` of its parts: of the user's speech what
            was committed for it, in the format of the input; of the agent's, in that of the output, what was heard if
            it was interrupted, complete when its part is (False: a minute is 2.9 MB, 3.8 as base64, and most
            applications have the audio anyway). It is in ``session.history`` alone: not in events, snapshots and
            stores, nor told to another connection.
        max_stored_audio_bytes: audio that is kept at most, counted before base64 (64 MiB: 23 minutes of it); the oldest
            is dropped first, without an event, as ``statistics()`` tells. What the user says until an item is made of
            it counts apart, up to as much. None: all of it.
    """

    model_settings: RealtimeSessionModelSettings = RealtimeSessionModelSettings()
    output_guardrails: Sequence[OutputGuardrail[Any]] = ()
    guardrails_settings: RealtimeGuardrailsSettings = RealtimeGuardrailsSettings()
    tracing_disabled: bool = False
    async_tool_calls: bool = True
    tool_execution: RealtimeToolExecutionConfig = RealtimeToolExecutionConfig()
    tool_error_formatter: Callable[[ToolErrorFormatterArgs], Any] | None = None
    raw_events: bool = False
    reconnect: ReconnectPolicy | None = ReconnectPolicy()
    delivery: DeliverySettings = DeliverySettings()
    hooks: RealtimeRunHooks[Any] | None = None
    input_guardrails: Sequence[InputGuardrail[Any]] = ()
    gate_input: bool = False
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    max_history_items: int | None = attrs.field(default=None, validator=_positive)
    store_audio: bool = False
    max_stored_audio_bytes: int | None = attrs.field(default=64 * 1024 * 1024, validator=_positive)
