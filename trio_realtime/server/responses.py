"""One response: the order and the fields of everything that is sent between ``response.created`` and ``response.done``.

Source of the order: recorded frames of the service (response.created, output_item.added, conversation.item.added,
content_part.added, deltas, ... content_part.done, output_item.done, conversation.item.done, response.done).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Protocol

import attrs
import msgspec.json
import pybase64

from trio_realtime.audio import AudioFormat
from trio_realtime.server.audio import CHARACTERS_PER_SECOND, encode, synthesize
from trio_realtime.server.conversation import Conversation, Item, Tokens, text_tokens
from trio_realtime.server.engines.base import CallTool, EngineStep, Fail, Incomplete, Pause, Say
from trio_realtime.server.settings import Json, audio_format, section

__all__ = ["Emission", "ResponseHost", "ServerResponse"]

_DELTA_MS: Final = (50, 100, 200, 300, 400)
_OUTPUT_AUDIO_TOKEN_MS: Final = 50.0
_TEXT_DELTA: Final = 12
_ARGUMENTS_DELTA: Final = 16
_ARGUMENTS_PER_SECOND: Final = 64.0
_CACHE_BLOCK: Final = 64


class ResponseHost(Protocol):
    """What a response needs of its session."""

    conversation: Conversation
    session: Json
    read_before: Tokens

    def new_id(self, kind: str) -> str:
        """Give a fresh id: ``item_...``, ``call_...``."""
        ...

    def event(self, type: str, **fields: Any) -> Json:
        """Build a server event with an event id."""
        ...

    def obfuscation(self) -> str:
        """Give the padding that deltas carry."""
        ...

    def audio_produced(self, response: ServerResponse, *, first: bool) -> list[Json]:
        """Hear that a response is about to send audio; give events that come before it."""
        ...

    def response_finished(self, response: ServerResponse) -> list[Json]:
        """Hear that a response has ended; give events that follow its ``response.done``."""
        ...


@attrs.frozen
class Emission:
    """Events to send together, and how many seconds of speech they carry (the pace of what follows)."""

    events: list[Json]
    seconds: float = 0.0


@attrs.define(eq=False)
class _Open:
    """The item that is being produced: a message that is spoken or written, or a function call."""

    item: Item
    output_index: int
    kind: Literal["spoken", "written", "call"]
    words: str = ""
    deltas: int = 0


class ServerResponse:
    """A response from its creation to its end.

    :meth:`produce` gives what one step of the engine causes, piece by piece; whoever drives it may stop anywhere, and
    :meth:`finish` then closes what is open, as the service does for a cancelled response.

    Attributes:
        id: the response id.
        in_conversation: whether its items go into the conversation.
        settings: what counts for this response: the session's fields with those of ``response.create`` over them.
        status: ``"in_progress"`` until it has ended.
        audio_ms: how much audio it has sent.
    """

    def __init__(
        self,
        host: ResponseHost,
        response_id: str,
        *,
        conversation_id: str | None,
        create: Mapping[str, Any],
        read: Tokens,
    ) -> None:
        self._host = host
        self.id = response_id
        self.in_conversation: bool = conversation_id is not None
        self.settings: Json = {**host.session, **{key: value for key, value in create.items() if value is not None}}
        output: Json = {**host.session["audio"]["output"], **section(create, "audio", "output")}
        self._format: AudioFormat = audio_format(output["format"])
        self._speed = float(output["speed"])
        self._voice: str | Json = output["voice"]
        self._conversation_id = conversation_id
        self.metadata: Mapping[str, str] | None = create.get("metadata")
        self.status: str = "in_progress"
        self.audio_ms: float = 0.0
        self._status_details: Json | None = None
        self._usage: Json | None = None
        self._output: list[Json] = []
        self._count = 0
        self._open: _Open | None = None
        self._spent = Tokens()
        self._read = read + Tokens(text_tokens(self.settings["instructions"]))

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.status != "in_progress"

    @property
    def voice(self) -> str:
        """The voice's name or id."""
        return self._voice if isinstance(self._voice, str) else str(self._voice["id"])

    @property
    def speed(self) -> float:
        """How fast it speaks."""
        return self._speed

    @property
    def rate(self) -> int:
        """Samples per second of its audio."""
        return self._format.rate

    @property
    def modalities(self) -> list[str]:
        """``["audio"]`` or ``["text"]``."""
        modalities: list[str] = self.settings["output_modalities"]
        return modalities

    @property
    def tokens_used(self) -> int:
        """Tokens read and produced so far."""
        return self._read.total + self._spent.total

    def snapshot(self) -> Json:
        """Give the response object of the protocol as it is now."""
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self._status_details,
            "output": copy.deepcopy(self._output),
            "conversation_id": self._conversation_id,
            "output_modalities": self.modalities,
            "max_output_tokens": self.settings["max_output_tokens"],
            "audio": {"output": {"format": self._format.to_wire(), "voice": self._voice}},
            "usage": self._usage,
            "metadata": dict(self.metadata) if self.metadata is not None else None,
        }

    def created(self) -> Json:
        """Give the ``response.created`` event."""
        return self._host.event("response.created", response=self.snapshot())

    def produce(self, step: EngineStep) -> Iterator[Emission]:
        """Give what a step of the engine causes, in pieces that are to be sent one after another.

        It ends early when the response has ended meanwhile or has reached its ``max_output_tokens``.
        """
        match step:
            case Say():
                yield from self._say(step)
            case CallTool():
                yield from self._end_message()
                yield from self._call(step)
            case Fail(message, code, type):
                error = {"type": type, "code": code, "message": message}
                yield Emission(self.finish("failed", error=error))
            case Incomplete(reason):
                yield Emission(self.finish("incomplete", reason=reason))
            case Pause():
                return

    def finish(self, status: str, *, reason: str | None = None, error: Json | None = None) -> list[Json]:
        """End the response: close what is open, then ``response.done``. Nothing if it has ended before."""
        if self.done:
            return []
        events = self._close("completed" if status == "completed" else "incomplete")
        self.status = status
        if status != "completed":
            self._status_details = {"type": status}
            if reason is not None:
                self._status_details["reason"] = reason
            if error is not None:
                self._status_details["error"] = error
        self._usage = self._count_usage()
        events.append(self._host.event("response.done", response=self.snapshot()))
        return events + self._host.response_finished(self)

    def _count_usage(self) -> Json:
        """Count tokens; what the response before had read too counts as cached, in whole blocks."""
        before, self._host.read_before = self._host.read_before, self._read
        text = min(before.text, self._read.text) // _CACHE_BLOCK * _CACHE_BLOCK
        audio = min(before.audio, self._read.audio) // _CACHE_BLOCK * _CACHE_BLOCK
        return {
            "total_tokens": self.tokens_used,
            "input_tokens": self._read.total,
            "output_tokens": self._spent.total,
            "input_token_details": {
                "text_tokens": self._read.text,
                "audio_tokens": self._read.audio,
                "image_tokens": self._read.image,
                "cached_tokens": text + audio,
                "cached_tokens_details": {"text_tokens": text, "audio_tokens": audio, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": self._spent.text, "audio_tokens": self._spent.audio},
        }

    def _event(self, type: str, opened: _Open, **fields: Any) -> Json:
        ids: Json = {"response_id": self.id, "item_id": opened.item.id, "output_index": opened.output_index}
        if opened.kind != "call":
            ids["content_index"] = 0
        return self._host.event(type, **ids, **fields)

    def _item_event(self, type: str, index: int, item: Item) -> Json:
        return self._host.event(type, response_id=self.id, output_index=index, item=item.snapshot())

    def _begin(self, item: Item, kind: Literal["spoken", "written", "call"]) -> tuple[_Open, list[Json]]:
        index, self._count = self._count, self._count + 1
        events = [self._item_event("response.output_item.added", index, item)]
        if self.in_conversation:
            previous = self._host.conversation.insert(item)
            added = self._host.event("conversation.item.added", previous_item_id=previous, item=item.snapshot())
            events.append(added)
        self._open = _Open(item, index, kind)
        return self._open, events

    def _close(self, status: str) -> list[Json]:
        """Close the item that is open, if one is."""
        opened, self._open = self._open, None
        if opened is None:
            return []
        item, index = opened.item, opened.output_index
        events = self._call_done(opened) if opened.kind == "call" else self._message_done(opened)
        item.wire["status"] = status
        self._output.append(item.snapshot())
        events.append(self._item_event("response.output_item.done", index, item))
        conversation = self._host.conversation
        if self.in_conversation and conversation.get(item.id) is item:
            conversation.recount(item)
            previous = conversation.previous_id(item.id)
            events.append(self._host.event("conversation.item.done", previous_item_id=previous, item=item.snapshot()))
        return events

    def _delta(self, type: str, opened: _Open, delta: str, **fields: Any) -> Json:
        return self._event(type, opened, **fields, delta=delta, obfuscation=self._host.obfuscation())

    def _end_message(self) -> Iterator[Emission]:
        """End a message that had more to come."""
        if self._open is not None:
            yield Emission(self._close("completed"))

    def _say(self, step: Say) -> Iterator[Emission]:
        opened = self._open
        if opened is None:
            opened, emission = self._begin_message()
            yield emission
        yield from self._speak(opened, step) if opened.kind == "spoken" else self._write(opened, step.text)
        if not self.done and not step.more:
            yield from self._end_message()

    def _begin_message(self) -> tuple[_Open, Emission]:
        spoken = self.modalities == ["audio"]
        wire: Json = {
            "id": self._host.new_id("item"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        item = Item(wire, wire, audio_ms=0.0 if spoken else None)
        opened, events = self._begin(item, "spoken" if spoken else "written")
        key = "transcript" if spoken else "text"
        item.content.append({"type": "output_audio" if spoken else "output_text", key: ""})
        part = {"type": "audio" if spoken else "text", key: ""}
        added = self._event("response.content_part.added", opened, part=part)
        return opened, Emission([*events, added])

    def _message_done(self, opened: _Open) -> list[Json]:
        spoken = opened.kind == "spoken"
        key, name = ("transcript", "output_audio_transcript") if spoken else ("text", "output_text")
        events = [self._event("response.output_audio.done", opened)] if spoken else []
        events.append(self._event(f"response.{name}.done", opened, **{key: opened.words}))
        part = {"type": "audio" if spoken else "text", key: opened.words}
        events.append(self._event("response.content_part.done", opened, part=part))
        return events

    def _written(self, opened: _Open, piece: str) -> Json:
        """Add words to the open message, and give their delta."""
        opened.words += piece
        self._spent += Tokens(text_tokens(piece))
        spoken = opened.kind == "spoken"
        if not opened.item.truncated:
            opened.item.content[0]["transcript" if spoken else "text"] = opened.words
        name = "output_audio_transcript" if spoken else "output_text"
        return self._delta(f"response.{name}.delta", opened, piece)

    def _write(self, opened: _Open, text: str) -> Iterator[Emission]:
        for piece in _pieces(text, _TEXT_DELTA):
            if self.done:
                return
            yield Emission([self._written(opened, piece)], len(piece) / CHARACTERS_PER_SECOND)
            yield from self._check_tokens()

    def _speak(self, opened: _Open, step: Say) -> Iterator[Emission]:
        """Give audio in deltas of growing length, and with each the words whose sound begins in it."""
        audio = self._audio_of(step)
        words = _pieces(step.text, 1)
        opened.item.speak(words, len(audio) / 2 / self._format.rate * 1000)
        at, before = 0, len(opened.words)
        while (at < len(audio) or words) and not self.done:
            size = self._format.rate * _DELTA_MS[min(opened.deltas, len(_DELTA_MS) - 1)] // 1000 * 2
            chunk, at = encode(audio[at : at + size], self._format), at + size
            opened.deltas += 1
            share = min(1.0, at / len(audio)) if audio else 1.0
            events: list[Json] = []
            while words and (share == 1.0 or len(opened.words) - before < share * len(step.text)):
                events.append(self._written(opened, words.pop(0)))
            if chunk:
                events += self._audio(opened, chunk)
            yield Emission(events, self._format.duration_ms(len(chunk)) / 1000)
            yield from self._check_tokens()

    def _audio_of(self, step: Say) -> bytes:
        """Give what is to be said as 16 bit PCM at the rate of the format."""
        if step.audio is not None:
            return step.audio.resampled(self._format.rate).pcm
        return synthesize(step.text, AudioFormat("audio/pcm", self._format.rate), speed=self._speed)

    def _audio(self, opened: _Open, chunk: bytes) -> list[Json]:
        length = self._format.duration_ms(len(chunk))
        events = self._host.audio_produced(self, first=self.audio_ms == 0.0)
        self.audio_ms += length
        if not opened.item.truncated:
            opened.item.audio_ms = (opened.item.audio_ms or 0.0) + length
        self._spent += Tokens(audio=max(1, round(length / _OUTPUT_AUDIO_TOKEN_MS)))
        data = pybase64.b64encode(chunk).decode("ascii")
        return [*events, self._delta("response.output_audio.delta", opened, data)]

    def _check_tokens(self) -> Iterator[Emission]:
        limit = self.settings["max_output_tokens"]
        if isinstance(limit, int) and self._spent.total >= limit and not self.done:
            yield Emission(self.finish("incomplete", reason="max_output_tokens"))

    def _call(self, step: CallTool) -> Iterator[Emission]:
        arguments = step.arguments
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        wire: Json = {
            "id": self._host.new_id("item"),
            "type": "function_call",
            "status": "in_progress",
            "name": step.name,
            "call_id": step.call_id if step.call_id is not None else self._host.new_id("call"),
            "arguments": "",
        }
        opened, events = self._begin(Item(wire, wire), "call")
        yield Emission(events)
        for start in range(0, len(text), _ARGUMENTS_DELTA):
            if self.done:
                return
            piece = text[start : start + _ARGUMENTS_DELTA]
            opened.words += piece
            self._spent += Tokens(text_tokens(piece))
            call_id = wire["call_id"]
            delta = self._delta("response.function_call_arguments.delta", opened, piece, call_id=call_id)
            yield Emission([delta], len(piece) / _ARGUMENTS_PER_SECOND)
        if not self.done:
            yield Emission(self._close("completed"))

    def _call_done(self, opened: _Open) -> list[Json]:
        wire = opened.item.wire
        wire["arguments"] = opened.words
        fields = {"call_id": wire["call_id"], "name": wire["name"], "arguments": opened.words}
        return [self._event("response.function_call_arguments.done", opened, **fields)]


def _pieces(text: str, least: int) -> list[str]:
    """Cut a text before spaces into pieces of at least ``least`` characters (the last may be shorter)."""
    pieces: list[str] = []
    piece = ""
    for word in re.findall(r"\s*\S+(?:\s+$)?", text) or ([text] if text else []):
        piece += word
        if len(piece) >= least:
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces
