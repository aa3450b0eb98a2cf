"""The demo's reader: takes every event of a session, tells what matters, measures, and wakes whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import trio

from trio_realtime import (
    PCM16,
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeConnectionEvent,
    RealtimeError,
    RealtimeGuardrailTripped,
    RealtimeHandoffEvent,
    RealtimeSession,
    RealtimeSessionEvent,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
    RealtimeTranscript,
    RealtimeUserSpeechStopped,
)
from trio_realtime.cli.loudspeaker import Loudspeaker
from trio_realtime.cli.steps import Noted, Numbers, Report, Said, Unexpected

__all__ = ["CALLER", "CallLog"]

CALLER = "Caller"
"""How the human side is called in what is told."""

EventT = TypeVar("EventT")


class CallLog:
    """Everything that a session said, in order.

    Args:
        speaker: gets the audio, and falls silent at an interruption.
        report: is told what matters.

    Attributes:
        events: the events up to now.
        errors: the errors among them.
        sent_bytes: how much audio the caller has sent.
    """

    def __init__(self, speaker: Loudspeaker, report: Callable[[Report], None]) -> None:
        self.events: list[RealtimeSessionEvent] = []
        self.errors: list[str] = []
        self.sent_bytes = 0
        self._speaker = speaker
        self._report = report
        self._news = trio.Event()
        self._over: str | None = None
        self._fault: Exception | None = None
        self._asked: float | None = None
        self._speech_began: float | None = None
        self._first_audio: list[float] = []
        self._tool_began: dict[str, float] = {}
        self._tools: list[float] = []
        self._interruptions: list[float] = []
        self._silenced: set[str] = set()
        self._late_audio = 0
        self._agents: dict[str, str] = {}
        self._words: dict[str, RealtimeTranscript] = {}
        self._told: set[str] = set()

    async def read(self, session: RealtimeSession[Any]) -> None:
        """Read the session to its end. What goes wrong here is kept for :meth:`until`."""
        try:
            async for event in session:
                self.events.append(event)
                self._take(event)
                self._wake()
            self._over = "the session has ended"
        except Exception as error:  # noqa: BLE001  the task that waits gets it
            self._over, self._fault = f"the session has failed: {error}", error
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()

    # -- for the steps -----------------------------------------------------------------------------------------------

    @property
    def mark(self) -> int:
        """The place in :attr:`events` where what comes next will stand."""
        return len(self.events)

    @property
    def over(self) -> str | None:
        """Why nothing more will come; None while it may."""
        return self._over

    @property
    def fault(self) -> Exception | None:
        """What the session failed with."""
        return self._fault

    def asked(self) -> None:
        """Note that the caller waits for an answer from now on."""
        self._asked = trio.current_time()

    def speech_begins(self) -> None:
        """Note that the caller begins to speak, to interrupt."""
        self._speech_began = trio.current_time()

    def find(self, kind: type[EventT], mark: int = 0, fits: Callable[[EventT], bool] = lambda _: True) -> EventT | None:
        """Give the first event of a class after ``mark`` that fits."""
        for event in self.events[mark:]:
            if isinstance(event, kind) and fits(event):
                return event
        return None

    async def until(
        self, mark: int, kind: type[EventT], what: str, fits: Callable[[EventT], bool] = lambda _: True
    ) -> EventT:
        """Wait for the first event of a class after ``mark`` that fits. A checkpoint.

        Raises:
            Unexpected: the session has ended without it; ``what`` is its name there.
        """
        await trio.lowlevel.checkpoint()
        while (event := self.find(kind, mark, fits)) is None:
            if self._over is not None:
                raise Unexpected(f"no {what}: {self._over}")
            await self._news.wait()
        return event

    async def wait_over(self) -> None:
        """Wait until the last event was read. A checkpoint."""
        await trio.lowlevel.checkpoint()
        while self._over is None:
            await self._news.wait()

    def words(self, response_id: str, mark: int = 0) -> str:
        """Give the agent's words of a response, as far as they are known."""
        newest: dict[str, RealtimeTranscript] = {}
        for event in self.events[mark:]:
            if isinstance(event, RealtimeTranscript) and event.response_id == response_id:
                newest[event.item_id] = event
        return " ".join(event.text for event in newest.values())

    def audio(self, response_id: str) -> bytes:
        """Give the audio of a response."""
        pieces = [e.audio.data for e in self.events if isinstance(e, RealtimeAudio) and e.response_id == response_id]
        return b"".join(pieces)

    def numbers(self, session: RealtimeSession[Any] | None, seconds: float) -> Numbers:
        """Give what the conversation has come to."""
        out = sum(len(event.audio.data) for event in self.events if isinstance(event, RealtimeAudio))
        return Numbers(
            turns=self._count(RealtimeAgentEndEvent),
            events=len(self.events),
            audio_in=PCM16.duration_ms(self.sent_bytes) / 1000,
            audio_out=PCM16.duration_ms(out) / 1000,
            audio_heard=sum(self._speaker.heard_ms.values()) / 1000,
            first_audio=tuple(self._first_audio),
            tools=tuple(self._tools),
            interruptions=tuple(self._interruptions),
            late_audio=self._late_audio,
            handoffs=self._count(RealtimeHandoffEvent),
            guardrail_trips=self._count(RealtimeGuardrailTripped),
            history_items=0 if session is None else len(session.history),
            input_tokens=0 if session is None else session.usage.input_tokens,
            output_tokens=0 if session is None else session.usage.output_tokens,
            seconds=seconds,
        )

    def _count(self, kind: type[RealtimeSessionEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    # -- what each event means ---------------------------------------------------------------------------------------

    def _take(self, event: RealtimeSessionEvent) -> None:
        match event:
            case RealtimeAudio():
                self._audio(event)
            case RealtimeTranscript():
                self._transcript(event)
            case RealtimeAgentStartEvent():
                self._agents[event.response_id] = event.agent.name
            case RealtimeAudioInterrupted():
                self._interrupted(event)
            case RealtimeUserSpeechStopped():
                self.asked()
            case RealtimeToolStart():
                self._asked = None
                self._tool_began[event.call_id] = trio.current_time()
                self._report(Noted("tool", f"{event.tool.name} {event.arguments}"))
            case RealtimeToolApprovalRequired():
                self._asked = None
                self._report(Noted("approval", f"{event.tool.name} {event.arguments} needs approval"))
            case RealtimeToolEnd():
                self._tool_end(event)
            case _:
                self._rest(event)

    def _rest(self, event: RealtimeSessionEvent) -> None:
        match event:
            case RealtimeHandoffEvent():
                self._asked = None
                self._report(Noted("handoff", f"{event.from_agent.name} hands over to {event.to_agent.name}"))
            case RealtimeGuardrailTripped():
                self._silenced.add(event.response_id)
                names = ", ".join(result.guardrail.get_name() for result in event.guardrail_results)
                self._report(Noted("guardrail", f"{names} stopped this answer"))
            case RealtimeError():
                self.errors.append(str(event.error))
                self._report(Noted("error", str(event.error)))
            case RealtimeConnectionEvent():
                reason = f": {event.reason}" if event.reason else ""
                self._report(Noted("connection", f"{event.status}{reason}"))
            case _:
                pass

    def _audio(self, event: RealtimeAudio) -> None:
        if event.response_id in self._silenced:
            self._late_audio += 1
            return
        if self._asked is not None:
            self._first_audio.append(trio.current_time() - self._asked)
            self._asked = None
        self._speaker.put(event)

    def _transcript(self, event: RealtimeTranscript) -> None:
        self._words[event.item_id] = event
        if event.final and event.item_id not in self._told:
            self._told.add(event.item_id)
            speaker = CALLER if event.role == "user" else self._agent(event.response_id)
            self._report(Said(speaker=speaker, text=event.text or f"({event.error or 'nothing'})"))

    def _agent(self, response_id: str | None) -> str:
        return self._agents.get(response_id or "", "Agent")

    def _interrupted(self, event: RealtimeAudioInterrupted) -> None:
        """Tell the words that were heard, as a share of those that came: audio and words run side by side."""
        if self._speech_began is not None:
            self._interruptions.append(trio.current_time() - self._speech_began)
            self._speech_began = None
        self._speaker.stop()
        self._silenced.add(event.response_id)
        words = self._words.get(event.item_id)
        heard = self._speaker.heard_ms.get(event.item_id, 0.0)
        share = heard / max(self._speaker.received_ms.get(event.item_id, 0.0), 1.0)
        if event.item_id not in self._told:
            self._told.add(event.item_id)
            text = "" if words is None else _first_words(words.text, share)
            self._report(Said(speaker=self._agent(event.response_id), text=text, cut=True))

    def _tool_end(self, event: RealtimeToolEnd) -> None:
        began = self._tool_began.pop(event.call_id, None)
        if began is None:
            self._report(Noted("tool", f"{event.tool.name} was not run: {event.output}"))
            return
        taken = trio.current_time() - began
        self._tools.append(taken)
        self._report(Noted("tool", f"{event.tool.name} has its result after {taken * 1000:.0f} ms"))


def _first_words(text: str, share: float) -> str:
    """Give the whole words of the first ``share`` of a text."""
    if share >= 1:
        return text
    return text[: round(len(text) * share)].rpartition(" ")[0]
