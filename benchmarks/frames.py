"""The server events that the load generator sends, encoded beforehand as WebSocket frames.

A *block* is many frames in one bytes object. Wherever an id stands, the block has :data:`NUMBER`, eight characters that
a turn's number is put: one pass over the block gives a new turn with ids of its own, so that the generator spends well
under a microsecond on a frame. Stamps (:class:`Stamped`) work the same way, with a clock.
"""

from __future__ import annotations

import base64
import json
import random
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

__all__ = [
    "BYTES_PER_MS",
    "NUMBER",
    "STREAMS",
    "Numbering",
    "Stamped",
    "Template",
    "audio_stamp",
    "block",
    "frame",
    "numbered",
    "response_begin",
    "response_end",
    "response_stream",
    "session_object",
    "text_stamp",
    "voice_turn",
]

NUMBER: Final = "@" * 8
"""Stands for a turn's number in a block; no base64, no JSON and no word here has it by chance."""
_PREVIOUS: Final = "~" * 8  # the number of the turn before
BYTES_PER_MS: Final = 48
"""Of the session's audio: 16 bit PCM at 24 kHz."""
_STAMP_BYTES: Final = 9  # 8 for the clock, 1 so that base64 has no remainder
_STAMP_DIGITS: Final = 20
_STAMP_MARK: Final = "#STAMP#"
_WORDS: Final = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "then", "it", "rests")


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Give one whole, unmasked WebSocket frame, as servers send them (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


class Numbering:
    """Makes payloads of one turn: each has the next event id, and the turn's ids in it are :data:`NUMBER`."""

    response_id = f"resp_BenchmarkAns_{NUMBER}"  # ids are as long as the service's
    item_id = f"item_BenchmarkAns_{NUMBER}"
    user_item_id = f"item_BenchmarkAsk_{NUMBER}"
    previous_item_id = f"item_BenchmarkAns_{_PREVIOUS}"

    def __init__(self, prefix: str = "e") -> None:
        self._prefix = prefix
        self._count = 0
        self._noise = random.Random(1)

    def event(self, type: str, **fields: Any) -> bytes:
        """Give a server event as JSON."""
        self._count += 1
        event_id = f"event_{self._prefix:>07}_{NUMBER}_{self._count:04d}"
        return json.dumps({"type": type, "event_id": event_id, **fields}, separators=(",", ":")).encode()

    def part_event(self, type: str, **fields: Any) -> bytes:
        """Give an event about the answer's only content part."""
        return self.event(
            type, response_id=self.response_id, item_id=self.item_id, output_index=0, content_index=0, **fields
        )

    def audio(self, size: int) -> bytes:
        """Give an audio delta of ``size`` bytes of audio."""
        noise = base64.b64encode(self._noise.randbytes(size)).decode()
        return self.part_event("response.output_audio.delta", delta=noise)

    def words(self, text: str) -> bytes:
        """Give a transcript delta."""
        return self.part_event("response.output_audio_transcript.delta", delta=text, obfuscation="z9A9dJucSf1J")

    def word(self) -> str:
        """Give a word to say."""
        return self._noise.choice(_WORDS) + " "


def session_object() -> dict[str, Any]:
    """Give the ``session`` of session.created and session.updated."""
    pcm = {"type": "audio/pcm", "rate": 24000}
    detection = {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    heard = {"format": pcm, "transcription": None, "noise_reduction": None, "turn_detection": detection}
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_benchmark",
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 4102444800,
        "audio": {"input": heard, "output": {"format": pcm, "voice": "alloy", "speed": 1.0}},
        "include": None,
    }


def _response(status: str, usage: Mapping[str, Any] | None, reason: str | None = None) -> dict[str, Any]:
    details = None if reason is None else {"type": status, "reason": reason}
    return {
        "object": "realtime.response",
        "id": Numbering.response_id,
        "status": status,
        "status_details": details,
        "output": [],
        "conversation_id": "conv_benchmark",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "usage": usage,
        "metadata": None,
    }


def _item(status: str, content: list[dict[str, Any]], *, role: str = "assistant", id: str = "") -> dict[str, Any]:
    return {
        "id": id or Numbering.item_id,
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }


def response_begin(ids: Numbering, *, after: str = Numbering.previous_item_id) -> Iterator[bytes]:
    """Give what comes before the first delta of an answer, in the service's order.

    Args:
        ids: names things.
        after: the item before the answer; that of the turn before by default.
    """
    yield ids.event("response.created", response=_response("in_progress", None))
    item = _item("in_progress", [])
    yield ids.event("response.output_item.added", response_id=ids.response_id, output_index=0, item=item)
    yield ids.event("conversation.item.added", previous_item_id=after, item=item)
    yield ids.part_event("response.content_part.added", part={"type": "audio", "transcript": ""})


def response_end(
    ids: Numbering, text: str, *, cancelled: bool = False, after: str = Numbering.previous_item_id
) -> Iterator[bytes]:
    """Give what comes after the last delta of an answer."""
    yield ids.part_event("response.output_audio.done")
    yield ids.part_event("response.output_audio_transcript.done", transcript=text)
    yield ids.part_event("response.content_part.done", part={"type": "audio", "transcript": text})
    item = _item("incomplete" if cancelled else "completed", [{"type": "output_audio", "transcript": text}])
    yield ids.event("conversation.item.done", previous_item_id=after, item=item)
    yield ids.event("response.output_item.done", response_id=ids.response_id, output_index=0, item=item)
    usage = {
        "total_tokens": 170,
        "input_tokens": 120,
        "output_tokens": 50,
        "input_token_details": {"text_tokens": 80, "audio_tokens": 40, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
    }
    end = _response("cancelled", usage, "turn_detected") if cancelled else _response("completed", usage)
    yield ids.event("response.done", response=end)
    limits = [{"name": "tokens", "limit": 40000, "remaining": 38490, "reset_seconds": 2.265}]
    yield ids.event("rate_limits.updated", rate_limits=limits)


STREAMS: Final[Mapping[str, tuple[int, ...]]] = {
    "mixed": (960, 0, 2400, 0, 4800, 0, 10_200, 0) * 12,
    "300 B": (0,) * 100,
    "20 KB": (16_600,) * 100,
}
"""What an answer of each stream is made of: the bytes of audio of each delta, 0 for a transcript delta."""


def response_stream(name: str) -> list[bytes]:
    """Give the payloads of one answer of a stream of :data:`STREAMS`."""
    ids = Numbering()
    payloads, text = list(response_begin(ids)), ""
    for size in STREAMS[name]:
        if size:
            payloads.append(ids.audio(size))
        else:
            text += (word := ids.word())
            payloads.append(ids.words(word))
    payloads += response_end(ids, text)
    return payloads


def voice_turn(*, words: int = 3, audio_bytes: int = 960) -> list[bytes]:
    """Give the payloads of a short spoken turn: what the user said, and a short answer.

    The events of turn detection are left out: here a turn is much shorter than its audio, so that each next turn would
    interrupt the one before.
    """
    ids = Numbering()
    before = ids.previous_item_id
    heard = _item("completed", [{"type": "input_audio", "transcript": None}], role="user", id=ids.user_item_id)
    question = "What does the fox do after the jump?"
    payloads = [
        ids.event("input_audio_buffer.committed", previous_item_id=before, item_id=ids.user_item_id),
        ids.event("conversation.item.added", previous_item_id=before, item=heard),
        ids.event("conversation.item.done", previous_item_id=before, item=heard),
        *response_begin(ids, after=ids.user_item_id),
        ids.event(
            "conversation.item.input_audio_transcription.completed",
            item_id=ids.user_item_id,
            content_index=0,
            transcript=question,
            usage={"type": "duration", "seconds": 2.0},
        ),
    ]
    said = [ids.word() for _ in range(words)]
    payloads += (ids.words(word) for word in said)
    payloads.append(ids.audio(audio_bytes))
    payloads += response_end(ids, "".join(said), after=ids.user_item_id)
    return payloads


def block(payloads: Iterable[bytes]) -> bytes:
    """Give payloads as frames, one after another."""
    return b"".join(map(frame, payloads))


class Template:
    """A block of which many turns are made: what lies between the ids is only copied."""

    def __init__(self, template: bytes) -> None:
        self._parts = re.split(f"({NUMBER}|{_PREVIOUS})".encode(), template)
        self._is_number = [part == NUMBER.encode() for part in self._parts[1::2]]
        self.size = len(template)

    def numbered(self, number: int) -> bytes:
        """Give the block as :func:`numbered` does."""
        this, before = _digits(number), _digits(number - 1)
        self._parts[1::2] = [this if is_number else before for is_number in self._is_number]
        return b"".join(self._parts)


def _digits(number: int) -> bytes:
    return b"%08d" % (number % 10 ** len(NUMBER))


def numbered(template: bytes, number: int) -> bytes:
    """Give a block with the number of its turn. What comes before turn 0 is an item that the client never saw."""
    return template.replace(NUMBER.encode(), _digits(number)).replace(_PREVIOUS.encode(), _digits(number - 1))


class Stamped:
    """A frame that carries the clock at which it was sent: an audio delta at its audio's start, or a transcript delta.

    Args:
        audio_bytes: the size of an audio delta's audio; 0 makes a transcript delta.
        number: of the turn that it belongs to.
    """

    def __init__(self, audio_bytes: int, number: int, *, prefix: str = "e") -> None:
        ids = Numbering(prefix)
        self._audio = audio_bytes > 0
        if self._audio:
            rest = base64.b64encode(random.Random(2).randbytes(max(0, audio_bytes - _STAMP_BYTES))).decode()
            payload = ids.part_event("response.output_audio.delta", delta=_STAMP_MARK + rest)
        else:
            payload = ids.words(_STAMP_MARK)
        head, _, tail = numbered(payload, number).partition(_STAMP_MARK.encode())
        width = _STAMP_BYTES // 3 * 4 if self._audio else _STAMP_DIGITS
        whole = frame(head + bytes(width) + tail)
        self._head, self._tail = whole[: len(whole) - len(tail) - width], tail

    def at(self, clock_ns: int) -> bytes:
        """Give the frame with ``clock_ns`` (of CLOCK_MONOTONIC, which all processes of a machine share)."""
        if self._audio:
            stamp = base64.b64encode(clock_ns.to_bytes(8, "big") + b"\0")
        else:
            stamp = b"%0*d" % (_STAMP_DIGITS, clock_ns)
        return self._head + stamp + self._tail


def audio_stamp(audio: bytes) -> int:
    """Give the clock that a stamped audio delta carries, in nanoseconds."""
    return int.from_bytes(audio[:8], "big")


def text_stamp(delta: str) -> int:
    """Give the clock that a stamped transcript delta carries, in nanoseconds; 0 if it is none."""
    return int(delta) if len(delta) == _STAMP_DIGITS and delta.isdigit() else 0
