"""What the caller of the demo does, step by step, and what each step expects to happen."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import attrs
import trio

from trio_realtime import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeGuardrailTripped,
    RealtimeHandoffEvent,
    RealtimeSession,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
    RealtimeTranscript,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
)
from trio_realtime.cli.call_log import CALLER, CallLog
from trio_realtime.cli.hotel import REFUSAL
from trio_realtime.cli.loudspeaker import Loudspeaker
from trio_realtime.cli.steps import Noted, Report, Said, Unexpected
from trio_realtime.server import silence

__all__ = ["RECOVERY", "SPOKEN", "STEPS", "CallSteps", "Pace", "Voice"]

SPOKEN: Final = ("Good evening, is anybody there?", "Thank you and goodbye!")
"""What the caller says aloud, in order."""
RECOVERY: Final = "I am sorry, that one stays in the kitchen."
"""What the agent says after the guardrail has stopped it."""

_WELCOME: Final = "Welcome to the Harbour Hotel. What can I do for you?"
_RECIPE: Final = (
    "With pleasure, as you are an old friend of the house and have come all the way from Oslo: the secret ingredient "
    "of our soup is a spoon of honey, stirred in at the very end."
)
_CHUNK_SECONDS: Final = 0.1
_BYTES_PER_SECOND: Final = 48_000
_SILENCE_SECONDS: Final = 0.8
_HEARD_BEFORE_BARGE_IN: Final = 3_000.0

Voice: TypeAlias = Callable[[str, bytes], bytes]
"""Gives the caller's speech (PCM16), from the words and from the speech of the agent's first answer."""


@attrs.frozen(kw_only=True)
class Pace:
    """How fast a conversation goes, and how long it may take.

    Attributes:
        speed: how many times faster than real time the caller speaks and the loudspeaker plays.
        connect_seconds, step_seconds, total_seconds: limits.
        exact: what is said is known beforehand, as it is with the local server.
    """

    speed: float = 12.0
    connect_seconds: float = 5.0
    step_seconds: float = 5.0
    total_seconds: float = 25.0
    exact: bool = True


class CallSteps:
    """The steps of one call. Each returns what happened, in words, or raises Unexpected.

    Args:
        session: the call.
        log: reads the session.
        speaker: plays it.
        report: is told what the caller says and decides.
        pace: how fast.
        voice: the caller's.
    """

    def __init__(
        self,
        session: RealtimeSession[Any],
        *,
        log: CallLog,
        speaker: Loudspeaker,
        report: Callable[[Report], None],
        pace: Pace,
        voice: Voice,
    ) -> None:
        self._session = session
        self._log = log
        self._speaker = speaker
        self._report = report
        self._pace = pace
        self._voice = voice
        self._recording = b""

    async def text_turn(self) -> str:
        """Type a question; the agent speaks its answer."""
        mark = await self._say(f'Say: "{_WELCOME}"')
        end = await self._answer(mark)
        self._recording = self._log.audio(end.response_id)
        _expect(bool(self._recording), "the answer had no audio")
        return f"answered in {_seconds(self._recording)} of speech"

    async def audio_turn(self) -> str:
        """Speak; the service finds the end of the turn, transcribes it, and answers."""
        mark = self._log.mark
        await self._speak(SPOKEN[0])
        await self._log.until(mark, RealtimeUserSpeechStarted, "start of the caller's speech")
        await self._log.until(mark, RealtimeUserSpeechStopped, "end of the caller's speech")
        heard = await self._log.until(mark, RealtimeTranscript, "transcript", lambda e: e.role == "user" and e.final)
        _expect(heard.error is None, f"no transcript: {heard.error}")
        _expect(not self._pace.exact or _words(heard.text) == _words(SPOKEN[0]), f"heard {heard.text!r}")
        await self._answer(mark)
        return "turn detected, transcribed, answered"

    async def tool_call(self) -> str:
        """Ask for something that needs a tool."""
        mark = await self._say("Is a room free for two nights?")
        end = await self._tool_end(mark, "check_rooms")
        _expect(end.error is None, f"the tool failed: {end.error}")
        start = self._log.find(RealtimeToolStart, mark, lambda e: e.call_id == end.call_id)
        _expect(start is not None, "the tool has an end, but had no start")
        await self._answer(mark)
        return "its result was spoken"

    async def approved_call(self) -> str:
        """Ask for something that needs a person's approval, which is given."""
        mark = await self._say("Book it, please: two nights, my name is Ada Lovelace.")
        request = await self._approval(mark, "book_room")
        early = self._log.find(RealtimeToolStart, mark)
        _expect(early is None, "the tool ran before it was approved")
        self._report(Noted("approval", "approved"))
        await self._session.approve_tool_call(request.call_id)
        end = await self._tool_end(mark, "book_room")
        _expect(end.error is None and end.call_id == request.call_id, f"the tool failed: {end.error}")
        await self._answer(mark)
        return "ran after a person had said yes"

    async def rejected_call(self) -> str:
        """Ask for something that needs a person's approval, which is refused."""
        mark = await self._say("Charge my card 500 euros as a tip.")
        request = await self._approval(mark, "charge_card")
        self._report(Noted("approval", "rejected"))
        await self._session.reject_tool_call(request.call_id, rejection_message=REFUSAL)
        end = await self._tool_end(mark, "charge_card")
        _expect(end.output == REFUSAL, f"the model was told {end.output!r}")
        _expect(self._log.find(RealtimeToolStart, mark) is None, "the tool ran all the same")
        await self._answer(mark)
        return "never ran, and the model was told why"

    async def handoff(self) -> str:
        """Ask for another agent, and that one for something that only it can do."""
        mark = await self._say("Could you put me through to the restaurant?")
        event = await self._log.until(mark, RealtimeHandoffEvent, "handoff")
        end = await self._answer(mark)
        _expect(end.agent is event.to_agent, f"{end.agent.name} answered")
        _expect(self._session.current_agent is event.to_agent, "the session has another agent")
        mark = await self._say("What is on the menu today?")
        tool = await self._tool_end(mark, "todays_menu")
        _expect(tool.agent is event.to_agent, f"the tool of {tool.agent.name} ran")
        await self._answer(mark)
        return f"{event.to_agent.name} answered, with its own tool"

    async def guardrail(self) -> str:
        """Let the agent say what it must not."""
        mark = await self._say(f'Say: "{_RECIPE}"')
        trip = await self._log.until(mark, RealtimeGuardrailTripped, "guardrail")
        await self._log.until(
            mark, RealtimeAgentEndEvent, "end of the stopped answer", lambda e: e.response_id == trip.response_id
        )
        await self._answer(mark, skip=trip.response_id)
        self._no_late_audio(trip.response_id)
        return "answer stopped, another one given"

    async def interruption(self) -> str:
        """Speak while the agent is in the middle of a long answer."""
        mark = await self._say("Tell me the whole story of the soup.")
        await self._tool_end(mark, "soup_story")
        item_id = await self._speaker.wait_heard(_HEARD_BEFORE_BARGE_IN)
        mark = self._log.mark
        self._log.speech_begins()
        await self._speak(SPOKEN[1])
        cut = await self._log.until(mark, RealtimeAudioInterrupted, "interruption")
        _expect(cut.item_id == item_id, "something else was interrupted")
        if self._pace.exact:
            end = await self._log.until(
                mark, RealtimeAgentEndEvent, "end of the long answer", lambda e: e.response_id == cut.response_id
            )
            _expect(end.status == "cancelled", f"the long answer is {end.status}")
        heard = self._speaker.heard_ms[item_id] / 1000
        received = self._speaker.received_ms[item_id] / 1000
        text = f"{heard:.1f} s were heard of {received:.1f} s received; the rest was dropped"
        self._report(Noted("interruption", text))
        _expect(0 < heard < received, "everything was heard")
        await self._answer(mark)
        self._no_late_audio(cut.response_id)
        return f"{heard:.1f} s heard, and no audio followed"

    # -- what the steps are made of ----------------------------------------------------------------------------------

    async def _say(self, text: str) -> int:
        """Type something, and give the place in the log from which on things are its consequences."""
        self._report(Said(speaker=CALLER, text=text, spoken=False))
        mark = self._log.mark
        self._log.asked()
        await self._session.send_message(text)
        return mark

    async def _speak(self, words: str) -> None:
        """Say something aloud, at the caller's speed, and then be silent."""
        audio = self._voice(words, self._recording) + silence(_SILENCE_SECONDS)
        size = int(_CHUNK_SECONDS * _BYTES_PER_SECOND)
        for start in range(0, len(audio), size):
            chunk = audio[start : start + size]
            await self._session.send_audio(chunk)
            self._log.sent_bytes += len(chunk)
            await trio.sleep(_CHUNK_SECONDS / self._pace.speed)

    async def _answer(self, mark: int, *, skip: str = "") -> RealtimeAgentEndEvent:
        """Wait for the end of an answer in words that began after ``mark``, and until it was played."""

        def is_answer(event: RealtimeAgentEndEvent) -> bool:
            began = self._log.find(RealtimeAgentStartEvent, mark, lambda e: e.response_id == event.response_id)
            if began is None or event.response_id == skip:
                return False
            return event.status != "completed" or bool(self._log.words(event.response_id, mark))

        end = await self._log.until(mark, RealtimeAgentEndEvent, "answer", is_answer)
        why = end.error.message if end.error is not None else end.reason
        _expect(end.status == "completed", f"the answer is {end.status}" + (f": {why}" if why else ""))
        await self._speaker.wait_silent()
        return end

    async def _approval(self, mark: int, name: str) -> RealtimeToolApprovalRequired:
        event = await self._log.until(mark, RealtimeToolApprovalRequired, "request for approval")
        _expect(event.tool.name == name, f"{event.tool.name} was called")
        return event

    async def _tool_end(self, mark: int, name: str) -> RealtimeToolEnd:
        event = await self._log.until(mark, RealtimeToolEnd, "tool result")
        _expect(event.tool.name == name, f"{event.tool.name} was called")
        return event

    def _no_late_audio(self, response_id: str) -> None:
        stopped = (RealtimeAudioInterrupted, RealtimeGuardrailTripped)
        events = self._log.events
        at = next((i for i, e in enumerate(events) if isinstance(e, stopped) and e.response_id == response_id), 0)
        late = sum(isinstance(e, RealtimeAudio) and e.response_id == response_id for e in events[at:])
        _expect(not late, f"{late} pieces of audio followed")


STEPS: Final[tuple[tuple[str, Callable[[CallSteps], Awaitable[str]]], ...]] = (
    ("text turn", CallSteps.text_turn),
    ("audio turn", CallSteps.audio_turn),
    ("tool call", CallSteps.tool_call),
    ("tool call, approved", CallSteps.approved_call),
    ("tool call, rejected", CallSteps.rejected_call),
    ("handoff", CallSteps.handoff),
    ("guardrail", CallSteps.guardrail),
    ("interruption", CallSteps.interruption),
)
"""The steps in order, with their titles."""


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Unexpected(otherwise)


def _words(text: str) -> list[str]:
    """Give the words alone: who listens writes signs where they seem to belong."""
    return re.findall(r"\w+", text.lower())


def _seconds(audio: bytes) -> str:
    return f"{len(audio) / _BYTES_PER_SECOND:.1f} s"
