"""The input audio buffer and turn detection on the loudness of the audio.

All times are milliseconds of audio since the session began, counted in samples: the clock has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from trio_realtime.audio import AudioFormat
from trio_realtime.server.audio import AudioClip, decode, rms

__all__ = ["MIN_COMMIT_MS", "InputBuffer", "SpeechStarted", "SpeechStopped"]

MIN_COMMIT_MS: Final = 100.0
"""A commit of less audio is refused."""

_FRAME_MS: Final = 20
_ONSET_FRAMES: Final = 2
_KEEP_MS: Final = 10_000.0
_LOUDNESS_AT_ONE: Final = 0.04 * 32768
_SEMANTIC_SILENCE_MS: Final[Mapping[str, float]] = {"low": 1_000.0, "medium": 500.0, "auto": 500.0, "high": 250.0}
_SEMANTIC_PADDING_MS: Final = 300.0


@attrs.frozen
class SpeechStarted:
    """Speech began; ``audio_start_ms`` has the padding before it in it."""

    audio_start_ms: int


@attrs.frozen
class SpeechStopped:
    """Speech ended; ``audio_end_ms`` has the silence in it by which that was seen. ``clip`` is the whole turn."""

    audio_end_ms: int
    clip: AudioClip


@attrs.define
class _Detector:
    """Thresholds of one ``turn_detection`` object, and where in speech or silence the audio is."""

    loudness: float
    silence_ms: float
    padding_ms: float
    loud_frames: int = 0
    quiet_ms: float = 0.0
    speaking: bool = False
    start_ms: float = 0.0


def _detector(settings: Mapping[str, Any] | None) -> _Detector | None:
    if settings is None:
        return None
    if settings["type"] == "semantic_vad":
        silence_ms = _SEMANTIC_SILENCE_MS[settings["eagerness"]]
        return _Detector(0.5 * _LOUDNESS_AT_ONE, silence_ms, _SEMANTIC_PADDING_MS)
    return _Detector(
        settings["threshold"] * _LOUDNESS_AT_ONE,
        max(settings["silence_duration_ms"], _FRAME_MS),
        settings["prefix_padding_ms"],
    )


class InputBuffer:
    """Audio that was appended and not yet committed, with turn detection if that is configured.

    While turn detection hears nothing, only the last ten seconds are kept.
    """

    def __init__(self, format: AudioFormat, turn_detection: Mapping[str, Any] | None) -> None:
        self._format = format
        self._detector = _detector(turn_detection)
        self._data = bytearray()
        self._data_start_ms = 0.0
        self._scanned = 0

    @property
    def total_ms(self) -> float:
        """How much audio was appended since the session began."""
        return self._data_start_ms + self._format.duration_ms(len(self._data))

    @property
    def uncommitted_ms(self) -> float:
        """How much audio a commit would take."""
        return self._format.duration_ms(len(self._data))

    @property
    def speaking(self) -> bool:
        """Whether turn detection is between a start and a stop of speech."""
        return self._detector is not None and self._detector.speaking

    def configure(self, format: AudioFormat, turn_detection: Mapping[str, Any] | None) -> None:
        """Use other settings from now on; audio of another format that was not committed is dropped."""
        if format != self._format:
            self._drop_until(self.total_ms)
            self._data.clear()
            self._format = format
        self._detector = _detector(turn_detection)
        self._scanned = len(self._data)

    def append(self, data: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Add audio and give what turn detection heard in it, in order."""
        self._data += data
        heard: list[SpeechStarted | SpeechStopped] = []
        detector = self._detector
        if detector is None:
            return heard
        frame = self._format.bytes_per_second * _FRAME_MS // 1000
        while self._scanned + frame <= len(self._data):
            begin, self._scanned = self._scanned, self._scanned + frame
            clip = decode(bytes(self._data[begin : self._scanned]), self._format)
            event = self._scan(detector, loud=rms(clip.pcm) > detector.loudness)
            if event is not None:
                heard.append(event)
        if not detector.speaking:
            keep = self._position(self._scanned) - max(_KEEP_MS, detector.padding_ms)
            if keep - self._data_start_ms > 1_000:
                self._drop_until(keep)
        return heard

    def commit(self) -> AudioClip | None:
        """Take everything as one clip; None, with nothing taken, if there is less than 100 ms."""
        if self.uncommitted_ms < MIN_COMMIT_MS:
            return None
        return self.take()

    def take(self) -> AudioClip:
        """Take everything, however little."""
        clip = decode(bytes(self._data), self._format)
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

    def _position(self, offset: int) -> float:
        return self._data_start_ms + self._format.duration_ms(offset)

    def _drop_until(self, position_ms: float) -> None:
        sample = 2 if self._format.type == "audio/pcm" else 1
        size = round((position_ms - self._data_start_ms) * self._format.bytes_per_second / 1000) // sample * sample
        size = max(0, min(size, len(self._data)))
        self._data_start_ms = self._position(size)
        del self._data[:size]
        self._scanned = max(0, self._scanned - size)

    def _scan(self, detector: _Detector, *, loud: bool) -> SpeechStarted | SpeechStopped | None:
        now_ms = self._position(self._scanned)
        if not detector.speaking:
            detector.loud_frames = detector.loud_frames + 1 if loud else 0
            if detector.loud_frames < _ONSET_FRAMES:
                return None
            begun = now_ms - _ONSET_FRAMES * _FRAME_MS - detector.padding_ms
            detector.start_ms = max(self._data_start_ms, begun)
            detector.speaking, detector.quiet_ms = True, 0.0
            return SpeechStarted(round(detector.start_ms))
        detector.quiet_ms = 0.0 if loud else detector.quiet_ms + _FRAME_MS
        if detector.quiet_ms < detector.silence_ms:
            return None
        self._drop_until(detector.start_ms)
        size = self._scanned
        clip = decode(bytes(self._data[:size]), self._format)
        self._drop_until(now_ms)
        self._rest()
        return SpeechStopped(round(now_ms), clip)
