"""The state machine's ears: the input audio buffer, turn detection and the idle timeout."""

from __future__ import annotations

from trio_realtime.server._schema import RefusedError
from trio_realtime.server._state_items import decoded_audio
from trio_realtime.server._state_responses import ResponsesState
from trio_realtime.server.actions import Consider, Step, Transcribe
from trio_realtime.server.audio import AudioClip
from trio_realtime.server.conversation import spoken_item
from trio_realtime.server.hearing import VoiceActivityDetector
from trio_realtime.server.input_buffer import Heard, InputBuffer, SpeechPaused, SpeechStarted, SpeechStopped
from trio_realtime.server.playback import Playback
from trio_realtime.server.settings import Json, merge_session

__all__ = ["AudioState"]


class AudioState(ResponsesState):
    """Audio in, and the turns that it makes."""

    def __init__(
        self,
        number: int,
        anonymous_errors: frozenset[str],
        *,
        now: float,
        playback: Playback,
        session: Json,
        detector: VoiceActivityDetector | None = None,
        pause_ms: float | None = None,
    ) -> None:
        super().__init__(number, anonymous_errors, now=now, playback=playback)
        self.session: Json = session
        self._input = InputBuffer(self._input_format(), self._turn_detection(), detector=detector, pause_ms=pause_ms)
        self._speech_item: str | None = None
        self._idle_at: float | None = None
        self._idle_from_ms = 0.0

    def _session_update(self, event: Json, step: Step) -> None:
        update: Json = event["session"]
        if update["type"] != self.session["type"]:
            message = f"Passing a {update['type']} session update to a {self.session['type']} session is not allowed."
            raise RefusedError("invalid_value", message, "session.type")
        self._check_voice(update, "session")
        before = self._input_format(), self._turn_detection()
        self.session = merge_session(self.session, update)
        if before != (self._input_format(), self._turn_detection()):
            self._input.configure(self._input_format(), self._turn_detection())
            self._speech_item = None
            self._arm_idle(None)
        step.events.append(self.event("session.updated", session=self._session_snapshot()))

    def _append(self, event: Json, step: Step) -> None:
        data = decoded_audio(event["audio"], "audio")
        if self.session["audio"]["input"]["format"]["type"] == "audio/pcm" and len(data) % 2:
            raise RefusedError("invalid_value", "Invalid 'audio': an odd number of bytes is not 16 bit PCM.", "audio")
        self._take_heard(self._input.append(data), step)

    @property
    def unheard(self) -> bool:
        """Whether audio waits for :meth:`go_on`: turn detection listens to a long piece in slices."""
        return self._input.unheard

    def go_on(self, now: float) -> Step:
        """Listen to the next slice of the audio that came last; to be done before the next message is taken."""
        self._now = now
        step = Step()
        self._take_heard(self._input.go_on(), step)
        return step

    def considered(self, pause: int, now: float, *, finished: bool) -> Step:
        """Take what the engine thinks of a pause; the turn may end by it."""
        self._now = now
        step = Step()
        stopped = self._input.considered(pause, finished=finished)
        if stopped is not None:
            self._take_heard([stopped], step)
        return step

    def _take_heard(self, heard: list[Heard], step: Step) -> None:
        for event in heard:
            match event:
                case SpeechStarted(audio_start_ms):
                    self._speech_started(audio_start_ms, step)
                case SpeechPaused(number, clip):
                    step.actions.append(Consider(number, clip))
                case SpeechStopped():
                    self._speech_stopped(event, step)

    def _speech_stopped(self, heard: SpeechStopped, step: Step) -> None:
        item_id = self._speech_item or self.new_id("item")
        self._speech_item = None
        stopped = self.event("input_audio_buffer.speech_stopped", audio_end_ms=heard.audio_end_ms, item_id=item_id)
        step.events.append(stopped)
        self._commit_clip(heard.clip, item_id, step, pause=heard.pause)
        self._answer_turn(step)

    def _speech_started(self, audio_start_ms: int, step: Step) -> None:
        self._speech_item = self.new_id("item")
        self._arm_idle(None)
        started = self.event(
            "input_audio_buffer.speech_started", audio_start_ms=audio_start_ms, item_id=self._speech_item
        )
        step.events.append(started)
        detection = self._turn_detection() or {}
        if not detection.get("interrupt_response"):
            return
        if self._active is not None:
            self._stop(self._active, "turn_detected", step)
        step.events += [self.event(kind, response_id=name) for kind, name in self._playback.clear()]

    def _answer_turn(self, step: Step) -> None:
        detection = self._turn_detection() or {}
        if not detection.get("create_response") or self.session["type"] != "realtime":
            return
        if self._active is not None:
            step.events.append(self._already_active(self._active, None))
            return
        self._start({}, step)

    def _commit(self, _event: Json, step: Step) -> None:
        waiting = self._input.uncommitted_ms
        clip = self._input.commit()
        if clip is None:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
                f"but buffer only has {waiting:.2f}ms of audio."
            )
            raise RefusedError("input_audio_buffer_commit_empty", message)
        item_id = self._speech_item or self.new_id("item")
        self._speech_item = None
        self._commit_clip(clip, item_id, step)

    def _commit_clip(
        self, clip: AudioClip, item_id: str, step: Step, *, spoken: bool = True, pause: int | None = None
    ) -> None:
        item = spoken_item(item_id, clip)
        previous = self.conversation.insert(item)
        committed = self.event("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        step.events.append(committed)
        self._item_events(item, previous, step)
        if spoken:
            announce = self.session["audio"]["input"]["transcription"] is not None
            step.actions.append(Transcribe(item_id, clip, announce, pause))

    def _clear(self, _event: Json, step: Step) -> None:
        self._input.clear()
        self._speech_item = None
        step.events.append(self.event("input_audio_buffer.cleared"))

    def _clear_output(self, _event: Json, step: Step) -> None:
        cleared = self._playback.clear()
        if not cleared:
            raise RefusedError("invalid_value", "There is no output audio buffer to clear.", "type")
        step.events += [self.event(kind, response_id=name) for kind, name in cleared]

    def _arm_idle(self, audio_ms: float | None) -> None:
        self._idle_at = None
        detection = self._turn_detection() or {}
        timeout_ms = detection.get("idle_timeout_ms")
        if audio_ms is None or timeout_ms is None or self._input.speaking:
            return
        self._idle_at = self._now + (audio_ms + timeout_ms) / 1000
        self._idle_from_ms = self._input.total_ms + audio_ms

    def _idle_timeout(self, step: Step) -> None:
        end = self._input.total_ms
        item_id = self.new_id("item")
        triggered = self.event(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=round(min(self._idle_from_ms, end)),
            audio_end_ms=round(end),
            item_id=item_id,
        )
        step.events.append(triggered)
        self._commit_clip(self._input.take(), item_id, step, spoken=False)
        self._start({}, step)
