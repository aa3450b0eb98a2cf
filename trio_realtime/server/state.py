"""The server's side of one Realtime session as a state machine: client events in, server events and actions out.

It does no I/O, has no clock and starts nothing: the time is an argument, and what must be started or stopped is an
action for whoever drives it (:mod:`trio_realtime.server.connection`).

Sources: the official event types; recorded frames of the service for order and fields; public reports for the codes of
errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from trio_realtime.server._schema import RefusedError
from trio_realtime.server._state_audio import AudioState
from trio_realtime.server.actions import Close, Step
from trio_realtime.server.audio import AudioClip
from trio_realtime.server.client_events import check_client_event
from trio_realtime.server.conversation import EngineView
from trio_realtime.server.engines.base import EngineRequest, EngineStep, Transcript
from trio_realtime.server.hearing import VoiceActivityDetector
from trio_realtime.server.playback import Playback
from trio_realtime.server.responses import Emission
from trio_realtime.server.settings import DEFAULT_MODEL, Json, default_session, section
from trio_realtime.server.transcription import transcription_events

__all__ = ["SessionState"]


class SessionState(AudioState):
    """One session.

    Args:
        number: of the connection; part of every id, so that ids differ between connections.
        model: the session's model; None is the default one.
        now: the time, in seconds of any monotonic clock, which all later times must be of.
        unix_time: the same moment in unix seconds, for ``expires_at``.
        session_seconds: the longest life of the session.
        call_id: the session is attached to a phone call, and reports what its output buffer does.
        transcription: a transcription session, which never answers.
        anonymous_errors: error codes whose events do not say which client event they answer; ``"*"`` is all.
        detector: what tells speech from silence; by default loudness.
        pause_ms: after how much silence the engine is asked whether the turn is over; None: never.
    """

    def __init__(
        self,
        *,
        number: int = 1,
        model: str | None = None,
        now: float = 0.0,
        unix_time: float = 0.0,
        session_seconds: float = 3600.0,
        call_id: str | None = None,
        transcription: bool = False,
        anonymous_errors: frozenset[str] = frozenset(),
        detector: VoiceActivityDetector | None = None,
        pause_ms: float | None = None,
    ) -> None:
        session = default_session(
            f"sess_{number:05d}",
            model=model or DEFAULT_MODEL,
            expires_at=int(unix_time + session_seconds),
            transcription=transcription,
        )
        playback = Playback(reports=call_id is not None)
        super().__init__(
            number,
            anonymous_errors,
            now=now,
            playback=playback,
            session=session,
            detector=detector,
            pause_ms=pause_ms,
        )
        self._expires: float | None = now + session_seconds
        self._session_seconds = session_seconds
        self._handlers: Mapping[str, Callable[[Json, Step], None]] = {
            "session.update": self._session_update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "output_audio_buffer.clear": self._clear_output,
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    def open(self) -> list[Json]:
        """Give what the server says first: ``session.created``."""
        return [self.event("session.created", session=self._session_snapshot())]

    def handle(self, message: object, now: float) -> Step:
        """Take one message of the client: a JSON object, or whatever else came."""
        self._now = now
        step = Step()
        if not isinstance(message, dict):
            step.events.append(self.error("invalid_json", "The message is not a JSON object."))
            return step
        event = cast("Mapping[str, Any]", message)
        try:
            self._handlers[check_client_event(event)](dict(event), step)
        except RefusedError as refused:
            event_id = event.get("event_id")
            answered = event_id if isinstance(event_id, str) else None
            step.events.append(self.error(refused.code, refused.message, param=refused.param, event_id=answered))
        return step

    def tick(self, now: float) -> Step:
        """Do what is due: expiry, the idle timeout, the end of playback on a phone call."""
        self._now = now
        step = Step()
        if self._expires is not None and now >= self._expires:
            self._expires = None
            self._arm_idle(None)
            minutes = f"{self._session_seconds / 60:g}"
            message = f"Your session hit the maximum duration of {minutes} minutes."
            step.events.append(self.error("session_expired", message))
            step.actions.append(Close(1001, "session expired"))
            return step
        step.events += [self.event(kind, response_id=response) for kind, response in self._playback.tick(now)]
        if self._idle_at is not None and now >= self._idle_at:
            self._arm_idle(None)
            self._idle_timeout(step)
        return step

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` should be called next."""
        times = (self._expires, self._idle_at, self._playback.stops_at)
        return min((time for time in times if time is not None), default=None)

    def running(self, response_id: str) -> bool:
        """Whether a response has begun and not ended."""
        return response_id in self._responses

    @property
    def active_response_id(self) -> str | None:
        """The id of the conversation's running response."""
        return None if self._active is None else self._active.id

    def engine_request(self, response_id: str) -> EngineRequest:
        """Give what the engine may know for a response."""
        response = self._responses[response_id]
        items = self._inputs.get(response_id)
        settings = response.settings
        read = self.conversation if items is None else items
        newest = (read[index] for index in range(len(read) - 1, -1, -1))
        user = next((item for item in newest if item.wire.get("role") == "user"), None)
        return EngineRequest(
            response_id=response_id,
            items=EngineView(read),
            instructions=settings["instructions"],
            tools=settings["tools"],
            tool_choice=settings["tool_choice"],
            output_modalities=response.modalities,
            metadata=response.metadata,
            in_conversation=response.in_conversation,
            user_audio=None if user is None else user.clip,
            voice=response.voice,
            speed=response.speed,
            rate=response.rate,
        )

    def produce(self, response_id: str, step: EngineStep, clock: Callable[[], float]) -> Iterator[Emission]:
        """Give what a step of the engine causes in a response; ``clock`` is asked before each piece is made."""
        response = self._responses.get(response_id)
        pieces = iter(()) if response is None else response.produce(step)
        while True:
            self._now = clock()
            emission = next(pieces, None)
            if emission is None:
                return
            yield emission

    def finish(self, response_id: str, now: float, *, error: Json | None = None) -> list[Json]:
        """End a response as completed, or as failed with ``error``; nothing if it has ended."""
        self._now = now
        response = self._responses.get(response_id)
        if response is None:
            return []
        return response.finish("completed" if error is None else "failed", error=error)

    def hear(self, item_id: str, transcript: Transcript) -> None:
        """Take the words in a user's audio, for the engine's next answer."""
        item = self.conversation.get(item_id)
        if item is not None:
            item.heard = transcript.text

    def transcribed(self, item_id: str, transcript: Transcript, clip: AudioClip) -> list[Json]:
        """Give the transcription events of an item; none if it was deleted meanwhile."""
        item = self.conversation.get(item_id)
        if item is None:
            return []
        settings = section(self.session, "audio", "input", "transcription")
        if transcript.error is None:
            item.content[0]["transcript"] = transcript.text
            self.conversation.recount(item)
        described = transcription_events(transcript, item_id, clip, model=settings.get("model"))
        return [self.event(kind, **fields) for kind, fields in described]

    def open_response(self, now: float, steps: tuple[EngineStep, ...] | None = None) -> Step:
        """Open a response as turn detection would, with these steps; nothing if one is running."""
        self._now = now
        step = Step()
        if self._active is None:
            self._start({}, step, steps=steps)
        return step
