"""Audio formats, their arithmetic, and the tracker by which an application says what was played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

__all__ = [
    "PCM16",
    "PCMA",
    "PCMU",
    "AudioFormat",
    "AudioFormatObject",
    "RealtimeAudioFormat",
    "RealtimePlaybackState",
    "RealtimePlaybackTracker",
    "parse_audio_format",
]


def _bytes_per_second(audio_format: AudioFormat) -> int:
    return audio_format.rate * 2 if audio_format.type == "audio/pcm" else audio_format.rate


@attrs.frozen
class AudioFormat:
    """A format of audio on the wire.

    Attributes:
        type: ``"audio/pcm"`` (16 bit, little endian, mono), ``"audio/pcmu"`` or ``"audio/pcma"`` (G.711).
        rate: samples per second.
        bytes_per_second: what one second of audio takes: 48,000 for PCM at 24 kHz, 8,000 for G.711.
    """

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: int
    bytes_per_second: int = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_bytes_per_second, takes_self=True)
    )

    def duration_ms(self, size: int) -> float:
        """Give the length in milliseconds of ``size`` bytes."""
        return size * 1000 / self.bytes_per_second

    def to_wire(self) -> dict[str, object]:
        """Give the format object of the protocol; G.711 has a fixed rate that is not sent."""
        return {"type": self.type, "rate": self.rate} if self.type == "audio/pcm" else {"type": self.type}


@runtime_checkable
class AudioFormatObject(Protocol):
    """An audio format of another library: anything with a ``type`` such as ``"audio/pcm"``."""

    @property
    def type(self) -> str | None:
        """The protocol's name of the format."""
        ...


PCM16: Final = AudioFormat("audio/pcm", 24_000)
PCMU: Final = AudioFormat("audio/pcmu", 8_000)
PCMA: Final = AudioFormat("audio/pcma", 8_000)

RealtimeAudioFormat: TypeAlias = (
    Literal["pcm16", "g711_ulaw", "g711_alaw"]  # noqa: PYI051
    | str
    | Mapping[str, object]
    | AudioFormat
    | AudioFormatObject
)
"""A format by name, by the protocol's object ``{"type": "audio/pcm", "rate": 24000}``, or as an object with a type."""

_NAMES: Final[Mapping[str, AudioFormat]] = {
    "pcm16": PCM16,
    "audio/pcm": PCM16,
    "pcm": PCM16,
    "g711_ulaw": PCMU,
    "audio/pcmu": PCMU,
    "pcmu": PCMU,
    "g711_alaw": PCMA,
    "audio/pcma": PCMA,
    "pcma": PCMA,
}


def parse_audio_format(value: RealtimeAudioFormat) -> AudioFormat | None:
    """Give the format that ``value`` names, or None if this version does not know it.

    PCM is always 24 kHz: the only rate that the service has.
    """
    if isinstance(value, str):
        name: object = value
    else:
        name = value.get("type") if isinstance(value, Mapping) else value.type
    return _NAMES.get(name.lower()) if isinstance(name, str) else None


@attrs.frozen(kw_only=True)
class RealtimePlaybackState:
    """What a tracker knows of the audio that is played now.

    Attributes:
        current_item_id: the item being played, or None before the first.
        current_item_content_index: its content part.
        elapsed_ms: how much of it was played, in milliseconds.
    """

    current_item_id: str | None = None
    current_item_content_index: int | None = None
    elapsed_ms: float | None = None


class RealtimePlaybackTracker:
    """Tells a session what its audio output has really played.

    Without one, a session assumes that audio is played at once and in real time. One tracker serves one session: give
    it as ``model_config={"playback_tracker": tracker}`` and call it whenever your output has played something. All
    calls are plain functions and may come from any thread, as long as one thread calls.
    """

    def __init__(self) -> None:
        self._format = PCM16
        self._state = RealtimePlaybackState()  # replaced whole: another thread never sees half of a change

    def on_play_bytes(self, item_id: str, item_content_index: int, bytes: bytes) -> None:
        """Say that ``bytes`` more of audio in the session's output format were played."""
        self.on_play_ms(item_id, item_content_index, self._format.duration_ms(len(bytes)))

    def on_play_ms(self, item_id: str, item_content_index: int, ms: float) -> None:
        """Say that ``ms`` more milliseconds were played; another item or part starts again from 0."""
        state = self._state
        if (item_id, item_content_index) == (state.current_item_id, state.current_item_content_index):
            ms += state.elapsed_ms or 0.0
        self._state = RealtimePlaybackState(
            current_item_id=item_id, current_item_content_index=item_content_index, elapsed_ms=ms
        )

    def on_interrupted(self) -> None:
        """Forget the playback; the session calls it when audio was interrupted."""
        self._state = RealtimePlaybackState()

    def set_audio_format(self, format: RealtimeAudioFormat) -> None:
        """Set the format that :meth:`on_play_bytes` counts in; the session calls it."""
        self._format = parse_audio_format(format) or PCM16

    def get_state(self) -> RealtimePlaybackState:
        """Give what is known now."""
        return self._state
