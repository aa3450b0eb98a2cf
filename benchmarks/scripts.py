"""What the load generator says, by the name of a benchmark.

A script is made for one connection from the parameters of its URL. Each *go* of the client (a tiny
``input_audio_buffer.append``) begins its next batch: an iterator of what to do, which is bytes to write (whole frames),
a time to wait for (seconds of CLOCK_MONOTONIC), or a :class:`Ping`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from benchmarks.frames import (
    BYTES_PER_MS,
    Numbering,
    Stamped,
    Template,
    block,
    numbered,
    response_begin,
    response_end,
    response_stream,
    voice_turn,
)

__all__ = ["SCRIPTS", "Batch", "Ping", "Script", "make_script"]


class Ping:
    """Send a WebSocket ping and time its answer."""


Batch: TypeAlias = Iterator[bytes | float | Ping]
Script: TypeAlias = Callable[[int], Batch]
"""Gives the n-th batch, from 0."""
Parameters: TypeAlias = Mapping[str, str]

_CHUNK: Final = 256 * 1024


def _flood(template: Template, first: int, count: int) -> Batch:
    """Give ``count`` turns as fast as they are taken, in large chunks."""
    together = max(1, _CHUNK // template.size)
    for start in range(first, first + count, together):
        stop = min(start + together, first + count)
        yield b"".join(template.numbered(number) for number in range(start, stop))


def receive(parameters: Parameters) -> Script:
    """``stream``: which of ``frames.STREAMS``; ``batches``: how many answers each go gives, "20,200" say."""
    template = Template(block(response_stream(parameters.get("stream", "mixed"))))
    batches = [int(count) for count in parameters.get("batches", "100").split(",")]

    def batch(index: int) -> Batch:
        counts = [*batches, *[batches[-1]] * (index + 1)]
        return _flood(template, sum(counts[:index]), counts[index])

    return batch


def turns(parameters: Parameters) -> Script:
    """``turns``: short spoken turns that each go gives."""
    template, count = Template(block(voice_turn())), int(parameters.get("turns", "100"))
    return lambda index: _flood(template, index * count, count)


def live(parameters: Parameters) -> Script:
    """``rate``: events a second, two thirds of them 100 ms of audio, the others words; all of them stamped.

    Answers of ``seconds`` (10) follow each other without a pause, for ``lasts`` seconds (without an end). ``phase``
    (0 to 1) shifts the ticks.
    """
    lasts = float(parameters.get("lasts", "inf"))
    rate, seconds = float(parameters.get("rate", "15")), float(parameters.get("seconds", "10"))
    phase = float(parameters.get("phase", "0"))

    def batch(index: int) -> Batch:
        ids = Numbering()
        begin, end = block(response_begin(ids)), block(response_end(ids, "Time."))
        start, answer, tick = time.monotonic() + phase / rate, index * 10_000 - 1, 0
        while tick < lasts * rate:
            answer += 1
            audio, words = Stamped(100 * BYTES_PER_MS, answer, prefix="s"), Stamped(0, answer, prefix="s")
            yield numbered(begin, answer)
            for _ in range(max(1, round(rate * seconds))):
                if tick >= lasts * rate:
                    break
                yield start + tick / rate
                kind = words if tick % 3 == 2 else audio
                yield kind.at(time.monotonic_ns())
                tick += 1
            yield numbered(end, answer)

    return batch


def interrupt(parameters: Parameters) -> Script:
    """One answer of ``frames`` audio deltas; ``after`` seconds later the user speaks; ``late`` deltas still follow."""
    count, late = int(parameters.get("frames", "500")), int(parameters.get("late", "20"))
    after = float(parameters.get("after", "0.7"))

    def batch(index: int) -> Batch:
        ids = Numbering()
        started = ids.event("input_audio_buffer.speech_started", audio_start_ms=900, item_id=ids.user_item_id)
        audio = [ids.audio(100 * BYTES_PER_MS) for _ in range(count + late)]
        yield numbered(block([*response_begin(ids), *audio[:count]]), index)
        yield time.monotonic() + after
        yield numbered(block([started, *audio[count:], *response_end(ids, "", cancelled=True)]), index)

    return batch


def stall(parameters: Parameters) -> Script:
    """``audio_seconds`` of audio within ``seconds``, in answers of 30 s each, a word a second; a ping every 100 ms."""
    audio_seconds, seconds = int(parameters.get("audio_seconds", "600")), float(parameters.get("seconds", "20"))

    def batch(index: int) -> Batch:
        ids = Numbering()
        answer = list(response_begin(ids))
        for _ in range(30):
            answer += [ids.audio(100 * BYTES_PER_MS) for _ in range(10)]
            answer.append(ids.words(ids.word()))
        answer += response_end(ids, "Words.")
        step = seconds / (audio_seconds / 30 * len(answer))
        due = last_ping = time.monotonic()
        for number in range(audio_seconds // 30):
            for payload in answer:
                due += step
                yield due
                yield numbered(block([payload]), index * 1000 + number)
                if due - last_ping >= 0.1:
                    last_ping = due
                    yield Ping()

    return batch


def silent(_: Parameters) -> Script:
    """Nothing: for clients that only send, or do nothing."""
    return lambda _: iter(())


SCRIPTS: Final[Mapping[str, Callable[[Parameters], Script]]] = {
    "receive": receive,
    "turns": turns,
    "live": live,
    "interrupt": interrupt,
    "stall": stall,
    "silent": silent,
}


def make_script(parameters: Parameters) -> Script:
    """Make the script that a URL's query asks for with ``script=``; without it, :func:`silent`.

    Raises:
        KeyError: there is no such script.
        ValueError: a parameter is no number.
    """
    return SCRIPTS[parameters.get("script", "silent")](parameters)
