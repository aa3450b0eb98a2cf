"""The voice engine in real time: how long an answer takes, and how long the event loop is held meanwhile.

``python -m benchmarks.voice`` (with the extra ``voice``) measures one speaker and four at once over the in-memory wire,
server and clients in one process and one event loop. Time counts from the last sound of the user's words to the first
audio of the answer at the application, less the silence by which turn detection knows that they have ended.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from benchmarks.spread import percentile
from trio_realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeAudio,
    RealtimeRunner,
    RealtimeSession,
    RealtimeTranscript,
)
from trio_realtime.server import LocalServer, silence
from trio_realtime.server.voice import VoiceEngine, voice_available

__all__ = ["LoopWatch", "VoiceNumbers", "measure_voice"]

SENTENCES: Final = (
    "What is the weather in Oslo today?",
    "I would like to know when the museum opens.",
    "Could you call me back tomorrow morning?",
    "The train to the city leaves from platform nine.",
    "Thank you very much for your help.",
)
SILENCE_MS: Final = 500
MEDIAN_MS: Final = 350.0
HELD_P99_MS: Final = 10.0
_CHUNK: Final = 960
_CHUNK_SECONDS: Final = 0.02
_AUDIBLE: Final = 300
_PATIENCE: Final = 10.0
_BETWEEN: Final = 0.5


class LoopWatch(trio.abc.Instrument):
    """Notes how long each pass of the event loop takes: from the return of its wait to the next one."""

    def __init__(self) -> None:
        self.held_ms: list[float] = []
        self._since = time.perf_counter()

    def after_io_wait(self, timeout: float) -> None:
        """The loop has something to do."""
        del timeout
        self._since = time.perf_counter()

    def before_io_wait(self, timeout: float) -> None:
        """The loop has done it."""
        del timeout
        self.held_ms.append((time.perf_counter() - self._since) * 1000)


@attrs.frozen(kw_only=True)
class VoiceNumbers:
    """What was measured.

    Attributes:
        speakers: how many spoke at the same time.
        answer_ms: for each turn the time to the first audio of its answer, without the silence of turn detection.
        held_ms: how long each pass of the event loop took.
        late_ms: how late each 20 ms of the users' audio was sent.
        lost: turns without an answer.
        heard: words of the users as they were transcribed, beside what was said.
        cpu_seconds, seconds: of the process, meanwhile.
    """

    speakers: int
    answer_ms: Sequence[float]
    held_ms: Sequence[float]
    late_ms: Sequence[float]
    lost: int
    heard: Sequence[tuple[str, str]]
    cpu_seconds: float
    seconds: float

    @property
    def met(self) -> bool:
        """Whether the budgets were kept."""
        quick = percentile(sorted(self.answer_ms), 50) <= MEDIAN_MS
        return not self.lost and quick and percentile(sorted(self.held_ms), 99) <= HELD_P99_MS

    def lines(self) -> list[str]:
        """Give the numbers as text."""

        def row(name: str, values: Sequence[float], budget: str) -> str:
            ordered = sorted(values)
            numbers = "  ".join(f"{percentile(ordered, percent):8.2f}" for percent in (50, 90, 99, 100))
            return f"  {name:38}  {numbers}  {budget}"

        size = f"{self.speakers} at once, {len(self.answer_ms)} turns in {self.seconds:.1f} s"
        load = f"{self.cpu_seconds / self.seconds:.2f} processors"
        return [
            f"{size}, {self.lost} without an answer, {load}",
            f"  {'milliseconds':38}  {'median':>8}  {'p90':>8}  {'p99':>8}  {'worst':>8}",
            row("end of speech to first audio of answer", self.answer_ms, f"median at most {MEDIAN_MS:g}"),
            row("event loop held", self.held_ms, f"p99 at most {HELD_P99_MS:g}"),
            row("microphone late", self.late_ms, "in real time while it does not grow"),
        ]


def _trimmed(pcm: bytes) -> bytes:
    """Cut the silence after the last sound."""
    samples = array("h", pcm)
    last = next((at for at in range(len(samples) - 1, -1, -1) if abs(samples[at]) > _AUDIBLE), len(samples))
    return samples[: last + 1].tobytes()


class _Speaker:
    """One user: speaks all sentences, each when the one before was answered."""

    def __init__(self, session: RealtimeSession[None], speech: Sequence[bytes]) -> None:
        self.answer_ms: list[float] = []
        self.late_ms: list[float] = []
        self.heard: list[str] = []
        self.lost = 0
        self._session = session
        self._speech = list(speech)
        self._pending = b""
        self._ended_at: float | None = None
        self._answered = trio.Event()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read)
            nursery.start_soon(self._send)
            for speech in self._speech:
                await trio.sleep(_BETWEEN)
                self._answered = trio.Event()
                self._pending = speech
                with trio.move_on_after(len(speech) / 48_000 + _PATIENCE) as scope:
                    await self._answered.wait()
                self.lost += scope.cancelled_caught
            nursery.cancel_scope.cancel()

    async def _send(self) -> None:
        due = trio.current_time()
        quiet = silence(_CHUNK_SECONDS)
        while True:
            chunk, self._pending = self._pending[:_CHUNK], self._pending[_CHUNK:]
            if chunk and not self._pending:
                self._ended_at = due + len(chunk) / 48_000  # when a microphone would have heard the last of it
            await trio.sleep_until(due + _CHUNK_SECONDS)  # a microphone gives what it has heard
            due += _CHUNK_SECONDS
            self.late_ms.append((trio.current_time() - due) * 1000)
            await self._session.send_audio(chunk + quiet[len(chunk) :])

    async def _read(self) -> None:
        async for event in self._session:
            if isinstance(event, RealtimeAudio) and self._ended_at is not None:
                self.answer_ms.append((trio.current_time() - self._ended_at) * 1000 - SILENCE_MS)
                self._ended_at = None
                self._answered.set()
            elif isinstance(event, RealtimeTranscript) and event.role == "user" and event.final:
                self.heard.append(event.text)


async def measure_voice(speakers: int, turns: int, *, engine: VoiceEngine | None = None) -> VoiceNumbers:
    """Let some people talk to the engine at the same time, in real time.

    Args:
        speakers: how many.
        turns: how often each of them says something.
        engine: which engine; by default a new one.
    """
    engine = engine or VoiceEngine()
    said = [SENTENCES[turn % len(SENTENCES)] for turn in range(turns)]
    speech = {text: _trimmed((await engine.speak(text, voice="alloy")).pcm) for text in set(said)}
    server = LocalServer(engine)
    detection = {"type": "server_vad", "silence_duration_ms": SILENCE_MS, "interrupt_response": False}
    settings: dict[str, Any] = {"turn_detection": detection, "input_audio_transcription": {"model": "any"}}
    agent: RealtimeAgent[None] = RealtimeAgent(name="Echo", instructions="Repeat.")
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    runner = RealtimeRunner(agent, model=model, config={"model_settings": settings})
    done: list[_Speaker] = []

    async def talk(number: int) -> None:
        await trio.sleep(0.37 * number)
        async with await runner.run(model_config={"api_key": "local"}) as session:
            speaker = _Speaker(session, [speech[text] for text in said])
            done.append(speaker)
            await speaker.run()

    async with await runner.run(model_config={"api_key": "local"}):
        await trio.sleep(0.1)  # what is loaded with the first session is no part of this
    gc.collect()
    watch = LoopWatch()
    trio.lowlevel.add_instrument(watch)
    began, cpu = time.perf_counter(), time.process_time()
    async with trio.open_nursery() as nursery:
        for number in range(speakers):
            nursery.start_soon(talk, number)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    trio.lowlevel.remove_instrument(watch)
    return VoiceNumbers(
        speakers=speakers,
        answer_ms=[value for speaker in done for value in speaker.answer_ms],
        held_ms=watch.held_ms,
        late_ms=[value for speaker in done for value in speaker.late_ms],
        lost=sum(speaker.lost for speaker in done),
        heard=[pair for speaker in done for pair in zip(said, speaker.heard, strict=False)],
        cpu_seconds=cpu_seconds,
        seconds=seconds,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 if a budget was not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voice", description="Measure the voice engine.")
    parser.add_argument("--speakers", type=int, action="append", help="how many at the same time (1, then 4)")
    parser.add_argument("--turns", type=int, default=5, help="how often each says something")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    options = parser.parse_args(arguments)
    if not voice_available():
        print("the extra 'voice' is not installed: pip install 'trio-realtime[voice]'", file=sys.stderr)
        return 2

    async def run() -> list[VoiceNumbers]:
        engine = VoiceEngine()
        return [await measure_voice(count, options.turns, engine=engine) for count in options.speakers or (1, 4)]

    found = trio.run(run)
    for numbers in found:
        print("\n".join(numbers.lines()))
        wrong = sorted({pair for pair in numbers.heard if pair[0] != pair[1]})
        print(*(f"  heard {heard!r} for {said!r}" for said, heard in wrong), sep="\n")
    if options.json is not None:
        options.json.write_text(json.dumps([attrs.asdict(numbers) for numbers in found], indent=1) + "\n")
    kept = all(numbers.met for numbers in found)
    print("budgets kept" if kept else "a budget was NOT kept")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
