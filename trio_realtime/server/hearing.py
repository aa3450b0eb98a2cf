"""What tells speech from silence: the interface of voice activity detectors, and the one that goes by loudness."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Final

from trio_realtime.server.audio import rms

__all__ = ["LoudnessDetector", "VoiceActivity", "VoiceActivityDetector"]

_LOUDNESS_AT_ONE: Final = 0.04 * 32768
_FRAME_MS: Final = 20


class VoiceActivity(ABC):
    """One stream of audio, listened to frame by frame."""

    @abstractmethod
    def hear(self, pcm: bytes) -> list[float]:
        """Take more audio (16 bit little endian mono, at the stream's rate).

        Not a checkpoint: it is called on the event loop and must take a fraction of a millisecond a frame.

        Returns:
            how likely each frame that is complete now is speech, 0 to 1; frames have the detector's ``frame_ms``, the
            first frame begins with the first audio. Frames may come late, never early.
        """


class VoiceActivityDetector(ABC):
    """Opens streams; one detector serves any number of sessions.

    Attributes:
        frame_ms: the length of a frame; it must be a whole number of samples at 8 and at 24 kHz.
        onset_frames: how many frames in a row must exceed the threshold until speech has begun.
        hysteresis: how far below the threshold speech that has begun may fall and still be speech.
        slice_ms: how much audio is listened to before the event loop gets a turn; None: all there is.
    """

    frame_ms: ClassVar[int]
    onset_frames: ClassVar[int] = 2
    hysteresis: ClassVar[float] = 0.0
    slice_ms: ClassVar[float | None] = None

    @abstractmethod
    def open(self, rate: int) -> VoiceActivity:
        """Give a stream of audio with ``rate`` samples per second (8,000 or 24,000). Not a checkpoint."""


class LoudnessDetector(VoiceActivityDetector):
    """Takes all that is loud enough for speech: right for audio that was made for tests, wrong for a noisy room."""

    frame_ms: ClassVar[int] = _FRAME_MS

    def open(self, rate: int) -> VoiceActivity:
        """Give a stream."""
        return _Loudness(rate)


class _Loudness(VoiceActivity):
    def __init__(self, rate: int) -> None:
        self._frame = rate * _FRAME_MS // 1000 * 2
        self._data = b""

    def hear(self, pcm: bytes) -> list[float]:
        data = self._data + pcm
        whole = len(data) // self._frame * self._frame
        self._data = data[whole:]
        starts = range(0, whole, self._frame)
        return [rms(data[at : at + self._frame]) / _LOUDNESS_AT_ONE for at in starts]
