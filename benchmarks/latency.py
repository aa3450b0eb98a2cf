"""The latency of each stage of a turn, at any endpoint: your service, a compatible server, or the local one.

``python -m benchmarks.latency --local`` or ``--url wss://...`` (with ``OPENAI_API_KEY``) prints a table; in a program,
:func:`measure_turns` gives the numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs
import trio

from benchmarks.spread import percentile
from trio_realtime import (
    AgentsException,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeModel,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSession,
    RealtimeToolEnd,
    RealtimeToolStart,
    RealtimeTranscript,
    RealtimeUserSpeechStopped,
    function_tool,
)
from trio_realtime.server import LocalServer, silence, synthesize

__all__ = ["STAGES", "TurnLatencies", "measure_turns"]

STAGES: Final[Mapping[str, str]] = {
    "turn_end": "end of speech to the end of the turn being known",
    "answer_begins": "end of speech to the answer's beginning",
    "first_words": "end of speech to its first words",
    "first_audio": "end of speech to its first audio",
    "text_first_audio": "text message to the answer's first audio",
    "tool_call": "text message to the tool's start",
    "tool_answer": "the tool's result sent to the answer's first audio",
    "tool_round_trip": "text message to the first audio, by way of the tool",
    "interrupted": "interrupt() to audio_interrupted",
    "silence": "interrupt() to the last audio of that answer; 0 if none followed",
    "barge_in": "beginning of speech to audio_interrupted",
    "delivery": "socket to application, all events",
}
"""The stages in their order, in words."""

_RATE: Final = 48  # bytes a millisecond, PCM16 at 24 kHz
_LONG: Final = "Say: " + "This goes on and on, so that there is time to interrupt it. " * 6
_INSTRUCTIONS: Final = (
    "This is a test of latency. Answer in one short sentence, unless you are told to say something: then say exactly "
    "that. When you are asked to look up a number, use the tool look_up_number, and say its result."
)

EventT = TypeVar("EventT")


@function_tool
async def look_up_number(name: str) -> str:
    """Look up a number.

    Args:
        name: Whose number.
    """
    await trio.lowlevel.checkpoint()
    return f"{name} has the number 42."


@attrs.frozen(kw_only=True)
class TurnLatencies:
    """What was measured.

    Attributes:
        milliseconds: for each stage of :data:`STAGES`, its latencies in the order in which they were measured; without
            those that never happened.
        late_audio: audio events of an interrupted answer that were read after its ``audio_interrupted``.
    """

    milliseconds: Mapping[str, Sequence[float]]
    late_audio: int = 0

    def percentile(self, stage: str, percent: float) -> float:
        """Give a percentile of a stage, in milliseconds; NaN if it was never measured."""
        return percentile(sorted(self.milliseconds.get(stage, ())), percent)

    def table(self) -> str:
        """Give the numbers as text."""
        width = max(map(len, STAGES.values()))
        lines = [f"{'milliseconds':{width}}  {'median':>9}  {'p90':>9}  {'worst':>9}  {'count':>6}"]
        for stage, words in STAGES.items():
            values = self.milliseconds.get(stage, ())
            numbers = "  ".join(f"{self.percentile(stage, percent):9.1f}" for percent in (50, 90, 100))
            lines.append(f"{words:{width}}  {numbers if values else ' ' * 31}  {len(values):6}")
        lines.append(f"audio events that followed an interruption: {self.late_audio}")
        return "\n".join(lines)


class _Log:
    """Reads a session and remembers when each event was read."""

    def __init__(self, session: RealtimeSession[None], patience: float) -> None:
        self._session = session
        self._patience = patience
        self._more = trio.Event()
        self.events: list[tuple[float, Any]] = []

    async def read(self) -> None:
        async for event in self._session:
            self.events.append((trio.current_time(), event))
            self._more.set()
            self._more = trio.Event()

    async def first(
        self, kind: type[EventT], since: int, wanted: Callable[[EventT], bool] = lambda _: True
    ) -> tuple[float, EventT] | None:
        """Wait for the first event of a class after place ``since``; None if it does not come in time."""
        with trio.move_on_after(self._patience):
            while True:
                more = self._more
                for time, event in self.events[since:]:
                    if isinstance(event, kind) and wanted(event):
                        return time, event
                await more.wait()
        return None

    async def answered(self, since: int) -> None:
        """Wait until the answer that began after ``since`` has ended."""
        begun = await self.first(RealtimeAgentStartEvent, since)
        if begun is not None:
            response_id = begun[1].response_id
            await self.first(RealtimeAgentEndEvent, since, lambda end: end.response_id == response_id)


@attrs.define
class _Caller:
    """Somebody who talks to the agent with a stopwatch."""

    session: RealtimeSession[None]
    log: _Log
    speech: bytes
    chunk_ms: int
    found: dict[str, list[float]]
    late_audio: int = 0

    def note(self, stage: str, since: float, at: tuple[float, Any] | None) -> None:
        if at is not None:
            self.found.setdefault(stage, []).append((at[0] - since) * 1000)

    async def say(self, audio: bytes) -> float:
        """Send audio in real time; give the time at which the last of it was sent."""
        size, due = self.chunk_ms * _RATE, trio.current_time()
        for start in range(0, len(audio), size):
            due += self.chunk_ms / 1000
            await trio.sleep_until(due)  # a microphone has a piece when it is over
            await self.session.send_audio(audio[start : start + size])
        return trio.current_time()

    async def turn(self) -> None:
        """Measure each stage once."""
        await self.spoken_turn()
        await self.text_turn()
        await self.tool_turn()
        await self.interrupted_turn(by_voice=False)
        await self.interrupted_turn(by_voice=True)

    async def spoken_turn(self) -> None:
        """Say something aloud and let turn detection find its end."""
        mark = len(self.log.events)
        ended = await self.say(self.speech)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.say, silence(5.0))
            self.note("turn_end", ended, await self.log.first(RealtimeUserSpeechStopped, mark))
            self.note("answer_begins", ended, await self.log.first(RealtimeAgentStartEvent, mark))
            nursery.cancel_scope.cancel()
        said = await self.log.first(RealtimeTranscript, mark, lambda event: event.role == "assistant")
        self.note("first_words", ended, said)
        self.note("first_audio", ended, await self.log.first(RealtimeAudio, mark))
        await self.log.answered(mark)

    async def text_turn(self) -> None:
        mark, began = len(self.log.events), trio.current_time()
        await self.session.send_message("Say: Here I am.")
        self.note("text_first_audio", began, await self.log.first(RealtimeAudio, mark))
        await self.log.answered(mark)

    async def tool_turn(self) -> None:
        mark, began = len(self.log.events), trio.current_time()
        await self.session.send_message("Please look up the number of Ada.")
        self.note("tool_call", began, await self.log.first(RealtimeToolStart, mark))
        result = await self.log.first(RealtimeToolEnd, mark)
        if result is None:
            return
        place = next(i for i, (_, event) in enumerate(self.log.events) if event is result[1])
        answer = await self.log.first(RealtimeAudio, place)
        self.note("tool_answer", result[0], answer)
        self.note("tool_round_trip", began, answer)
        await self.log.answered(place)

    async def interrupted_turn(self, *, by_voice: bool) -> None:
        """Interrupt a long answer half a second after its first audio was read."""
        mark = len(self.log.events)
        await self.session.send_message(_LONG)
        audio = await self.log.first(RealtimeAudio, mark)
        if audio is None:
            return
        await trio.sleep(0.5)
        began, response_id = trio.current_time(), audio[1].response_id
        async with trio.open_nursery() as nursery:
            if by_voice:
                nursery.start_soon(self.say, self.speech + silence(5.0))
            else:
                await self.session.interrupt()
            cut = await self.log.first(RealtimeAudioInterrupted, mark)
            self.note("barge_in" if by_voice else "interrupted", began, cut)
            await self.log.first(RealtimeAgentEndEvent, mark, lambda end: end.response_id == response_id)
            if by_voice:  # what was said is answered as well
                await self.log.first(RealtimeAgentEndEvent, mark, lambda end: end.response_id != response_id)
            nursery.cancel_scope.cancel()
        heard = [time for time, event in self.log.events[mark:] if _is_audio_of(event, response_id)]
        if cut is not None:
            self.late_audio += sum(time > cut[0] for time in heard)
        if not by_voice:
            self.found.setdefault("silence", []).append(max(0.0, max(heard) - began) * 1000)


def _is_audio_of(event: Any, response_id: str) -> bool:
    return isinstance(event, RealtimeAudio) and event.response_id == response_id


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give the session's error, which all tasks see; else the group as it is."""
    found: BaseException | None = group.subgroup(AgentsException)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found or group


async def measure_turns(
    model_config: RealtimeModelConfig | Mapping[str, Any] | None = None,
    *,
    turns: int = 5,
    speech: bytes | None = None,
    model: RealtimeModel | None = None,
    run_config: Mapping[str, Any] | None = None,
    chunk_ms: int = 20,
    patience: float = 20.0,
) -> TurnLatencies:
    """Hold a conversation and measure the latency of each stage, in one session.

    Each turn is five: a spoken one, a text message, a call of a tool, an interruption by ``interrupt()`` and one by
    voice. The microphone and its silences are in real time, so a turn takes ten seconds or so. A checkpoint; when
    cancelled, the session is closed.

    Args:
        model_config: where to connect: what ``runner.run(model_config=...)`` takes.
        turns: how often.
        speech: what to say aloud, PCM16 at 24 kHz, without silence at its end; a synthetic signal by default, which
            only a turn detection by loudness takes for speech.
        model: the model layer; the WebSocket model by default.
        run_config: how the session behaves: what ``RealtimeRunner(config=...)`` takes; turn detection and the like are
            its ``model_settings``.
        chunk_ms: length of a piece of microphone audio, in milliseconds.
        patience: how long to wait for anything, in seconds; what does not come is left out.

    Raises:
        AgentsException: no connection, or the session failed.
    """
    agent: RealtimeAgent[None] = RealtimeAgent(name="Assistant", instructions=_INSTRUCTIONS, tools=[look_up_number])
    runner = RealtimeRunner(agent, model=model, config=run_config)
    said = synthesize("Good morning, is anybody there?") if speech is None else speech
    async with await runner.run(model_config=model_config) as session:
        log = _Log(session, patience)
        caller = _Caller(session, log, said, chunk_ms, {})
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(log.read)
                for _ in range(turns):
                    await caller.turn()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _only(group) from None
    delivery = [(time - event.received_at) * 1000 for time, event in log.events if event.received_at is not None]
    return TurnLatencies(milliseconds={**caller.found, "delivery": delivery}, late_audio=caller.late_audio)


async def _measure(options: argparse.Namespace) -> TurnLatencies:
    config = {"model_settings": {"turn_detection": {"type": "server_vad"}}}
    model = OpenAIRealtimeWebSocketModel(transport=options.transport)
    if options.url is not None:
        return await measure_turns({"url": options.url}, turns=options.turns, model=model, run_config=config)
    async with LocalServer().serve() as address:
        return await measure_turns({"url": address.url}, turns=options.turns, model=model, run_config=config)


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.split("\n")[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="the whole endpoint, its query included")
    where.add_argument("--local", action="store_true", help="a local server in this process")
    parser.add_argument("--turns", type=int, default=3, help="how often each stage is measured (3)")
    parser.add_argument("--transport", default="trio-websocket", help="one of the model's transports, by name")
    parser.add_argument("--json", action="store_true", help="print every number as JSON")
    options = parser.parse_args()
    try:
        found = trio.run(_measure, options)
    except AgentsException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(attrs.asdict(found)) if options.json else found.table())
    return 0


if __name__ == "__main__":
    sys.exit(_main())
