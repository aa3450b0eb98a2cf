"""The input audio buffer and turn detection.

All times are milliseconds of audio since the session began, counted in samples: the clock has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from trio_realtime.audio import AudioFormat
from trio_realtime.server.audio import AudioClip, decode
from trio_realtime.server.hearing import LoudnessDetector, VoiceActivity, VoiceActivityDetector

__all__ = ["MIN_COMMIT_MS", "Heard", "InputBuffer", "SpeechPaused", "SpeechStarted", "SpeechStopped"]

MIN_COMMIT_MS: Final = 100.0
"""A commit of less audio is refused."""

_KEEP_MS: Final = 10_000.0
_SEMANTIC_SILENCE_MS: Final[Mapping[str, float]] = {"low": 1_000.0, "medium": 500.0, "auto": 500.0, "high": 250.0}
_SEMANTIC_LIMIT_MS: Final[Mapping[str, float]] = {"low": 8_000.0, "medium": 4_000.0, "auto": 4_000.0, "high": 2_000.0}
"""How long the service waits at most, by eagerness (from its documentation of ``semantic_vad``)."""
_SEMANTIC_PADDING_MS: Final = 300.0
_SEMANTIC_THRESHOLD: Final = 0.5


@attrs.frozen
class SpeechStarted:
    """Speech began; ``audio_start_ms`` has the padding before it in it."""

    audio_start_ms: int


@attrs.frozen
class SpeechPaused:
    """The turn may be over; ``clip`` is all of it so far. :meth:`InputBuffer.considered` is told what comes of it."""

    number: int
    clip: AudioClip


@attrs.frozen
class SpeechStopped:
    """Speech ended; ``audio_end_ms`` has the silence in it by which that was seen.

    ``clip`` is the whole turn; ``pause`` is the number of the pause that it ended in, if that was told.
    """

    audio_end_ms: int
    clip: AudioClip
    pause: int | None = None


Heard: TypeAlias = SpeechStarted | SpeechPaused | SpeechStopped
"""What turn detection hears."""


@attrs.define
class _Detector:
    """Thresholds of one ``turn_detection`` object, and where in speech or silence the audio is."""

    activity: VoiceActivity
    threshold: float
    stay: float
    silence_ms: float
    limit_ms: float
    padding_ms: float
    loud_frames: int = 0
    quiet_ms: float = 0.0
    speaking: bool = False
    start_ms: float = 0.0
    pause: int | None = None
    finished: bool = True
    """Whether what was said up to the pause seems to be a whole turn."""

    @property
    def enough_ms(self) -> float:
        """The silence that ends the turn."""
        return self.silence_ms if self.finished else self.limit_ms


class InputBuffer:
    """Audio that was appended and not yet committed, with turn detection if that is configured.

    While turn detection hears nothing, only the last ten seconds are kept.

    Args:
        format: of the audio.
        turn_detection: the session's object of that name.
        detector: what tells speech from silence; by default loudness.
        pause_ms: after how much silence a turn that may be over is told of; None: never. With ``semantic_vad`` the
            turn then ends after the silence of its eagerness if it is found complete, else after the longest wait.
    """

    def __init__(
        self,
        format: AudioFormat,
        turn_detection: Mapping[str, Any] | None,
        *,
        detector: VoiceActivityDetector | None = None,
        pause_ms: float | None = None,
    ) -> None:
        self._format = format
        self._source = detector or LoudnessDetector()
        self._pause_ms = pause_ms
        self._pauses = 0
        self._pcm = bytearray()  # 16 bit, at the format's rate: long turns are not decoded at once
        self._waiting = b""
        self._data_start_ms = 0.0
        self._detector = self._detector_for(turn_detection)
        self._scanned_ms = 0.0

    def _detector_for(self, settings: Mapping[str, Any] | None) -> _Detector | None:
        if settings is None:
            return None
        if settings["type"] == "semantic_vad":
            threshold, padding = _SEMANTIC_THRESHOLD, _SEMANTIC_PADDING_MS
            silence = _SEMANTIC_SILENCE_MS[settings["eagerness"]]
            limit = silence if self._pause_ms is None else _SEMANTIC_LIMIT_MS[settings["eagerness"]]
        else:
            threshold, padding = settings["threshold"], settings["prefix_padding_ms"]
            limit = silence = max(settings["silence_duration_ms"], self._source.frame_ms)
        stay = threshold if not self._source.hysteresis else max(threshold - self._source.hysteresis, 0.01)
        activity = self._source.open(self._format.rate)
        return _Detector(activity, threshold, stay, silence, limit, padding)

    @property
    def total_ms(self) -> float:
        """How much audio was appended since the session began."""
        return self._data_start_ms + self._ms(len(self._pcm))

    @property
    def uncommitted_ms(self) -> float:
        """How much audio a commit would take."""
        return self._ms(len(self._pcm))

    @property
    def speaking(self) -> bool:
        """Whether turn detection is between a start and a stop of speech."""
        return self._detector is not None and self._detector.speaking

    @property
    def unheard(self) -> bool:
        """Whether there is audio for :meth:`go_on`."""
        return bool(self._waiting)

    def configure(self, format: AudioFormat, turn_detection: Mapping[str, Any] | None) -> None:
        """Use other settings from now on; audio of another format that was not committed is dropped."""
        if format != self._format:
            self._drop_until(self.total_ms)
            self._pcm.clear()
            self._format = format
        self._detector = self._detector_for(turn_detection)
        self._scanned_ms = self.total_ms

    def append(self, data: bytes) -> list[Heard]:
        """Add audio and give what turn detection heard in it, in order.

        If the detector listens in slices, the rest of the audio is for :meth:`go_on`.
        """
        self._waiting += data
        return self.go_on()

    def go_on(self) -> list[Heard]:
        """Take the next slice of what was appended."""
        data, self._waiting = self._waiting, b""
        slice_ms = self._source.slice_ms
        if slice_ms is not None and self._detector is not None:
            size = int(slice_ms * self._format.bytes_per_second / 1000) & ~1
            data, self._waiting = data[:size], data[size:]
        pcm = decode(data, self._format).pcm
        self._pcm += pcm
        heard: list[Heard] = []
        detector = self._detector
        if detector is None:
            return heard
        for likely in detector.activity.hear(pcm):
            self._scanned_ms += self._source.frame_ms
            heard += self._scan(detector, likely)
        if not detector.speaking:
            keep = self._scanned_ms - max(_KEEP_MS, detector.padding_ms)
            if keep - self._data_start_ms > 1_000:
                self._drop_until(keep)
        return heard

    def considered(self, number: int, *, finished: bool) -> SpeechStopped | None:
        """Hear what is thought of a pause; give the end of the turn if it is over by that.

        Nothing if the speech has gone on or has ended since.
        """
        detector = self._detector
        if detector is None or not detector.speaking or detector.pause != number:
            return None
        detector.finished = finished
        return self._stop(detector) if detector.quiet_ms >= detector.enough_ms else None

    def commit(self) -> AudioClip | None:
        """Take everything as one clip; None, with nothing taken, if there is less than 100 ms."""
        if self.uncommitted_ms < MIN_COMMIT_MS:
            return None
        return self.take()

    def take(self) -> AudioClip:
        """Take everything, however little."""
        clip = AudioClip(pcm=bytes(self._pcm), rate=self._format.rate)
        self.clear()
        return clip

    def clear(self) -> None:
        """Drop everything and forget speech that had begun."""
        self._drop_until(self.total_ms)
        self._rest()

    def _rest(self) -> None:
        if self._detector is not None:
            self._detector.speaking = False
            self._detector.loud_frames = 0
            self._detector.quiet_ms = 0.0
            self._forget_pause(self._detector)

    def _forget_pause(self, detector: _Detector) -> None:
        detector.pause = None
        detector.finished = self._pause_ms is None or detector.limit_ms == detector.silence_ms

    def _ms(self, size: int) -> float:
        return size * 1000 / (2 * self._format.rate)

    def _offset(self, position_ms: float) -> int:
        """Give the place of a moment in the data, on a whole sample."""
        size = round((position_ms - self._data_start_ms) * self._format.rate * 2 / 1000) // 2 * 2
        return max(0, min(size, len(self._pcm)))

    def _drop_until(self, position_ms: float) -> None:
        size = self._offset(position_ms)
        self._data_start_ms += self._ms(size)
        del self._pcm[:size]

    def _scan(self, detector: _Detector, likely: float) -> list[Heard]:
        now_ms = self._scanned_ms
        frame_ms = self._source.frame_ms
        if not detector.speaking:
            detector.loud_frames = detector.loud_frames + 1 if likely > detector.threshold else 0
            if detector.loud_frames < self._source.onset_frames:
                return []
            begun = now_ms - self._source.onset_frames * frame_ms - detector.padding_ms
            detector.start_ms = max(self._data_start_ms, begun)
            detector.speaking, detector.quiet_ms = True, 0.0
            self._forget_pause(detector)
            return [SpeechStarted(round(detector.start_ms))]
        if likely > detector.stay:
            detector.quiet_ms = 0.0
            self._forget_pause(detector)
            return []
        detector.quiet_ms += frame_ms
        if detector.quiet_ms >= detector.enough_ms:
            return [self._stop(detector)]
        if self._pause_ms is not None and detector.pause is None and detector.quiet_ms >= self._pause_ms:
            self._pauses += 1
            detector.pause = self._pauses
            return [SpeechPaused(self._pauses, self._turn(detector))]
        return []

    def _turn(self, detector: _Detector) -> AudioClip:
        first, last = self._offset(detector.start_ms), self._offset(self._scanned_ms)
        return AudioClip(pcm=bytes(self._pcm[first:last]), rate=self._format.rate)

    def _stop(self, detector: _Detector) -> SpeechStopped:
        stopped = SpeechStopped(round(self._scanned_ms), self._turn(detector), detector.pause)
        self._drop_until(self._scanned_ms)
        self._rest()
        return stopped
