"""The demo's conversation: a phone call with two agents, step by step, through the public API only.

Plain trio: it prints nothing and knows no command line, so tests drive the same call in memory and in virtual time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import trio

from trio_realtime import (
    AgentsException,
    RealtimeConnectionEvent,
    RealtimeModel,
    RealtimeRunner,
    RealtimeSession,
    SessionClosed,
)
from trio_realtime.cli.call_log import CallLog
from trio_realtime.cli.call_steps import RECOVERY, SPOKEN, STEPS, CallSteps, Pace, Voice
from trio_realtime.cli.hotel import front_desk
from trio_realtime.cli.loudspeaker import Loudspeaker
from trio_realtime.cli.steps import Outcome, Report, StepBegun, StepEnded, StepResult, Unexpected
from trio_realtime.server import Engine, LocalServer, RulesEngine, synthesize

__all__ = ["LIVE", "LOCAL", "demo_server", "recorded_voice", "run_conversation", "synthetic_voice"]

LOCAL: Final = Pace()
"""For the local server: a time lapse."""
LIVE: Final = Pace(speed=1.0, connect_seconds=15.0, step_seconds=60.0, total_seconds=300.0, exact=False)
"""For a real service: in real time, with patience."""

_FIRST: Final = "connecting"
_LAST: Final = "end of the call"
_CLOSE_SECONDS: Final = 3.0
_FASTER: Final = 3.0


def synthetic_voice(words: str, recording: bytes) -> bytes:
    """Give a signal with the rhythm of the words, which :func:`demo_server` takes for them."""
    del recording
    return synthesize(words)


def recorded_voice(words: str, recording: bytes) -> bytes:
    """Give the agent's own first words back to it: real speech, for a service that understands some."""
    del words
    return recording


def demo_server(speed: float = LOCAL.speed, *, engine: Engine | None = None, **options: Any) -> LocalServer:
    """Give a local server that knows what the caller says aloud, and is ahead of the loudspeaker as a service is.

    Args:
        speed: that of the conversation.
        engine: another one that hears the caller.
        **options: those of :class:`~trio_realtime.server.LocalServer`.
    """
    options.setdefault("pace", _FASTER * speed)
    return LocalServer(engine or RulesEngine(transcripts=SPOKEN), **options)


async def run_conversation(
    model: RealtimeModel,
    model_config: Mapping[str, Any] | None,
    report: Callable[[Report], None],
    *,
    pace: Pace = LOCAL,
    voice: Voice = synthetic_voice,
) -> Outcome:
    """Hold the conversation and give what became of it.

    A checkpoint; a cancellation closes the session, in bounded time, and leaves nothing behind. Every wait is bounded.

    Args:
        model: what to talk through.
        model_config: what to connect with, as for :meth:`RealtimeRunner.run`; it gets a playback tracker.
        report: is told what happens, as it happens; a plain function.
        pace: how fast, and how long at most.
        voice: the caller's voice.

    Returns:
        The steps with their results: what goes wrong with the session or the service is a failed step, no exception.

    Raises:
        Exception: what ``report`` or ``voice`` raised.
    """
    call = _Call(report, pace)
    bug: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call.speaker.run)
        try:
            await call.hold(nursery, model, model_config or {}, voice)
        except Exception as error:  # noqa: BLE001  parked: raised outside of the nursery, which would wrap it
            bug = error
        nursery.cancel_scope.cancel()
    try:
        if bug is not None:
            raise bug
    finally:
        del bug
    return call.outcome()


class _Call:
    """One conversation in progress."""

    def __init__(self, report: Callable[[Report], None], pace: Pace) -> None:
        self.speaker = Loudspeaker(pace.speed)
        self._report = report
        self._pace = pace
        self._log = CallLog(self.speaker, report)
        self._session: RealtimeSession[Any] | None = None
        self._results: list[StepResult] = []
        self._dead = False
        self._began = self._step_began = trio.current_time()

    async def hold(
        self, nursery: trio.Nursery, model: RealtimeModel, model_config: Mapping[str, Any], voice: Voice
    ) -> None:
        """Connect, go through all steps, and leave.

        Raises:
            Exception: what is no trouble of the session or the service.
        """
        runner = RealtimeRunner(front_desk(), model=model, config=_run_config(self._pace))
        self._begin_step(_FIRST)
        trouble: Exception | None = None
        try:
            config = {**model_config, "playback_tracker": self.speaker.tracker}
            async with await runner.run(model_config=config) as session:
                self._session = session
                nursery.start_soon(self._log.read, session)
                await self._log.until(0, RealtimeConnectionEvent, "word of the connection")
                self._end_step("configuration confirmed")
                await self._all_steps(self._call_steps(session, voice))
                self._begin_step(_LAST)
        except (Unexpected, AgentsException) as error:
            trouble = error
        if self._session is None:
            self._end_step(_trouble(trouble), ok=False)
        else:
            await self._check_end(self._session, trouble)

    def _call_steps(self, session: RealtimeSession[Any], voice: Voice) -> CallSteps:
        return CallSteps(
            session, log=self._log, speaker=self.speaker, report=self._report, pace=self._pace, voice=voice
        )

    async def _all_steps(self, steps: CallSteps) -> None:
        deadline = trio.current_time() + self._pace.total_seconds
        for title, step in STEPS:
            if self._dead or self._log.over is not None or trio.current_time() >= deadline:
                return
            self._begin_step(title)
            await self._step(partial(step, steps), deadline)

    async def _step(self, step: Callable[[], Awaitable[str]], deadline: float) -> None:
        """Run one step within its limit."""
        errors, mark = len(self._log.errors), self._log.mark
        detail, ok = "", False
        limit = min(trio.current_time() + self._pace.step_seconds, deadline)
        with trio.CancelScope(deadline=limit) as scope:
            try:
                detail = await step()
                ok = True
            except (Unexpected, AgentsException) as error:
                detail = _trouble(error)
        if scope.cancelled_caught:
            self._dead = self._log.mark == mark
            detail = f"not done after {trio.current_time() - self._step_began:.1f} s"
            detail += ", in which the service said nothing" if self._dead else ""
        news = self._log.errors[errors:]
        if news:
            detail, ok = " - ".join([*([] if ok else [detail]), *news]), False
        self._raise_fault()
        self._end_step(detail, ok=ok)
        if not ok:
            await self._quiet()

    async def _quiet(self) -> None:
        """Stop whatever a failed step has left going, so that the next one has a clean start."""
        self.speaker.stop()
        if self._session is not None and self._log.over is None:
            with suppress(AgentsException):  # if it has ended meanwhile, the log knows
                await self._session.interrupt()

    async def _check_end(self, session: RealtimeSession[Any], trouble: Exception | None) -> None:
        """Check that the session ended in order, and that its events came to their end."""
        with trio.move_on_after(_CLOSE_SECONDS):
            await self._log.wait_over()
        self._raise_fault()
        trouble = trouble or self._log.fault
        last = self._log.events[-1] if self._log.events else None
        closed = isinstance(last, RealtimeConnectionEvent) and last.status == "closed" and session.status == "closed"
        if trouble is not None:
            self._end_step(_trouble(trouble), ok=False)
        elif len(self._results) <= len(STEPS):
            self._end_step("not all steps were reached", ok=False)
        else:
            self._end_step("closed in order" if closed else f"the session is {session.status}", ok=closed)

    def _raise_fault(self) -> None:
        """Raise what the reader met, unless it is the session's own end."""
        fault = self._log.fault
        if fault is not None and not isinstance(fault, AgentsException):
            raise fault

    def _begin_step(self, title: str) -> None:
        self._title, self._step_began = title, trio.current_time()
        self._report(StepBegun(_TITLES.index(title) + 1, title))

    def _end_step(self, detail: str, *, ok: bool = True) -> None:
        seconds = trio.current_time() - self._step_began
        result = StepResult(title=self._title, ok=ok, detail=detail, seconds=seconds)
        self._results.append(result)
        self._report(StepEnded(result))

    def outcome(self) -> Outcome:
        """Give what became of it."""
        found = {result.title: result for result in self._results}
        missing = {title: StepResult(title=title, ok=False, detail="not reached") for title in _TITLES}
        steps = tuple({**missing, **found}.values())
        return Outcome(steps=steps, numbers=self._log.numbers(self._session, trio.current_time() - self._began))


_TITLES: Final = (_FIRST, *(title for title, _ in STEPS), _LAST)


def _trouble(error: Exception | None) -> str:
    """Say what went wrong; of a session that is used after its end, what ended it."""
    cause = error.__cause__ if isinstance(error, SessionClosed) and error.__cause__ is not None else error
    return str(cause) or type(cause).__name__


def _run_config(pace: Pace) -> dict[str, Any]:
    return {
        "model_settings": {
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500, "interrupt_response": True},
            "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
        },
        "reconnect": None,  # a lost connection is a failed step
        "guardrails_settings": {"debounce_text_length": 20, "recovery": RECOVERY},
        "timeouts": {
            "connect": pace.connect_seconds,
            "configure": pace.step_seconds,
            "response": pace.step_seconds,
            "close": _CLOSE_SECONDS,
        },
    }
