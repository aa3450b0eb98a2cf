"""What an engine is: the part of the local server that decides what is said and heard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from trio_realtime.server.audio import AudioClip
from trio_realtime.server.hearing import VoiceActivityDetector

__all__ = [
    "CallTool",
    "Considered",
    "Engine",
    "EngineRequest",
    "EngineStep",
    "Fail",
    "Incomplete",
    "Pause",
    "Say",
    "Transcript",
    "closable",
]


@attrs.frozen
class Say:
    """Say something: one message item of the response, as audio or text as the response's modality asks.

    Attributes:
        text: the words; the transcript of the audio.
        audio: 16 bit mono audio to use in place of the synthesized voice.
        more: the next step goes on with this message if it says something too; without it the message ends here.
    """

    text: str
    audio: AudioClip | None = attrs.field(default=None, kw_only=True)
    more: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class CallTool:
    """Call a tool: one function_call item of the response.

    Attributes:
        name: the tool; it need not be declared.
        arguments: an object, or the JSON text to send as it is (which may be wrong JSON).
        call_id: None gives a new one.
    """

    name: str
    arguments: Mapping[str, Any] | str = attrs.field(factory=dict[str, Any])
    call_id: str | None = None


@attrs.frozen
class Pause:
    """Think for ``seconds`` (of the trio clock, whatever the pace) before the next step."""

    seconds: float


@attrs.frozen
class Fail:
    """End the response with status ``failed`` and this error."""

    message: str = "The server had an error while processing your request."
    code: str | None = None
    type: str = "server_error"


@attrs.frozen
class Incomplete:
    """End the response with status ``incomplete``."""

    reason: Literal["max_output_tokens", "content_filter"] = "max_output_tokens"


EngineStep: TypeAlias = Say | CallTool | Pause | Fail | Incomplete
"""One thing that an engine does in a response."""


@attrs.frozen
class Transcript:
    """The words in a user's audio.

    Attributes:
        text: the words.
        delay: seconds until the transcription events are sent, if transcription is configured; the engine knows the
            words at once.
        error: if given, the transcription fails with this message, and only the engine knows the words.
    """

    text: str
    delay: float = attrs.field(default=0.0, kw_only=True)
    error: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Considered:
    """What an engine thinks of a turn that may be over.

    Attributes:
        transcript: the words so far; they count if no more follow.
        finished: whether the words seem to be a whole turn (only ``semantic_vad`` looks at it).
    """

    transcript: Transcript
    finished: bool = True


@attrs.frozen(kw_only=True)
class EngineRequest:
    """What an engine may know when it answers.

    Attributes:
        response_id: the response that it fills.
        items: the conversation (as it is when it is looked at), or the response's own input, oldest first, in the
            protocol's shape; the words that were heard in a user's audio stand in ``transcript``, and so do, of an
            answer that was cut off, those that the user heard.
        instructions, tools, tool_choice, output_modalities, metadata: what counts for this response.
        in_conversation: False for a response outside of the conversation (``conversation="none"``).
        user_audio: the audio of the last user message, if it was spoken.
        voice, speed, rate: of the audio that is wanted: the voice's name, how fast it speaks, samples per second.
    """

    response_id: str
    items: Sequence[Mapping[str, Any]]
    instructions: str = ""
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] = "auto"
    output_modalities: Sequence[str] = ("audio",)
    metadata: Mapping[str, str] | None = None
    in_conversation: bool = True
    user_audio: AudioClip | None = None
    voice: str = "alloy"
    speed: float = 1.0
    rate: int = 24_000

    @property
    def user_text(self) -> str:
        """The words of the last user message, typed or heard; empty if there is none."""
        for item in reversed(self.items):
            if item.get("role") == "user":
                return message_text(item)
        return ""

    @property
    def results(self) -> list[tuple[str, str]]:
        """Name of the tool and output, for every tool output that came after the last words of either side."""
        found: list[tuple[str, str]] = []
        for item in reversed(self.items):
            if item["type"] == "message" and item.get("role") in {"user", "assistant"}:
                break
            if item["type"] == "function_call_output":
                found.append((self._tool_name(item["call_id"]), item["output"]))
        return found[::-1]

    def _tool_name(self, call_id: str) -> str:
        for item in reversed(self.items):
            if item["type"] == "function_call" and item.get("call_id") == call_id:
                return str(item["name"])
        return ""


def message_text(item: Mapping[str, Any]) -> str:
    """Give the words of a message item, typed or transcribed."""
    words = [part.get("text") or part.get("transcript") or "" for part in item.get("content", ())]
    return " ".join(word for word in words if word)


class Engine(ABC):
    """Decides what the local server says and hears.

    An engine may serve many sessions; what it must keep for one it keeps in what :meth:`open` gives. An exception of an
    engine fails the response (or the transcription) it was asked for, not the session.

    Attributes:
        detector: what tells speech from silence; None: loudness.
        pause_ms: after how much silence :meth:`consider` is asked; None: never.
    """

    detector: VoiceActivityDetector | None = None
    pause_ms: float | None = None

    async def prepare(self) -> None:  # noqa: B027  most engines have nothing to load
        """Load what is needed; the server waits for it before it listens, and each session before it begins.

        Raises:
            UserError: something is missing.
        """

    def open(self) -> Engine:
        """Give the engine of one more connection; itself, unless it keeps something for each."""
        return self

    @abstractmethod
    def respond(self, request: EngineRequest) -> AsyncIterator[EngineStep]:
        """Answer, step by step. Closed early if the response is cancelled; it must not start tasks of its own."""

    async def transcribe(self, audio: AudioClip) -> str | Transcript:
        """Give the words in a user's audio; by default how long it was, since nothing here understands speech."""
        return f"({audio.seconds:.1f} seconds of audio)"

    async def consider(self, audio: AudioClip) -> Considered:
        """Give the words of a turn that may be over, and whether it seems to be; asked for at pauses of the user."""
        made = await self.transcribe(audio)
        return Considered(Transcript(made) if isinstance(made, str) else made)


async def closable(steps: AsyncIterator[EngineStep]) -> AsyncGenerator[EngineStep, None]:
    """Make a generator of any iterator, which can be closed; closing it closes the other if that can be."""
    try:
        async for step in steps:
            yield step
    finally:
        close: Callable[[], Awaitable[None]] | None = getattr(steps, "aclose", None)
        if close is not None:
            await close()
