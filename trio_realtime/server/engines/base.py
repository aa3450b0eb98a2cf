"""What an engine is: the part of the local server that decides what is said and heard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from trio_realtime.server.audio import AudioClip

__all__ = [
    "CallTool",
    "Engine",
    "EngineRequest",
    "EngineStep",
    "Fail",
    "Incomplete",
    "Pause",
    "Say",
    "Transcript",
]


@attrs.frozen
class Say:
    """Say something: one message item of the response, as audio or text as the response's modality asks.

    Attributes:
        text: the words; the transcript of the audio.
        audio: 16 bit mono audio to use in place of the synthesized voice.
    """

    text: str
    audio: AudioClip | None = attrs.field(default=None, kw_only=True)


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


@attrs.frozen(kw_only=True)
class EngineRequest:
    """What an engine may know when it answers.

    Attributes:
        response_id: the response that it fills.
        items: the conversation (as it is when it is looked at), or the response's own input, oldest first, in the
            protocol's shape; the words that were heard in a user's audio stand in ``transcript``.
        instructions, tools, tool_choice, output_modalities, metadata: what counts for this response.
        in_conversation: False for a response outside of the conversation (``conversation="none"``).
        user_audio: the audio of the last user message, if it was spoken.
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
