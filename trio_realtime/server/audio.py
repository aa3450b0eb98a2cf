"""Audio for development and tests: a deterministic signal with the rhythm of speech, silence, and format changes.

Nothing here sounds like words. The signal is loud where the text has letters and quiet where it has spaces, its length
is proportional to the text, and the same text always gives the same bytes.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import attrs

from trio_realtime.audio import PCM16, AudioFormat
from trio_realtime.server import g711

__all__ = ["CHARACTERS_PER_SECOND", "AudioClip", "decode", "encode", "rms", "silence", "synthesize"]

CHARACTERS_PER_SECOND: Final = 16
"""How fast the synthesized voice speaks; a common pace of English speech is 14 to 16 characters a second."""

_PITCHES: Final = 8
_LOUDNESS: Final = 6_000
_ENCODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "audio/pcmu": g711.ulaw_encode,
    "audio/pcma": g711.alaw_encode,
}
_DECODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "audio/pcmu": g711.ulaw_decode,
    "audio/pcma": g711.alaw_decode,
}


@attrs.frozen(kw_only=True)
class AudioClip:
    """A piece of audio, 16 bit little endian mono.

    Attributes:
        pcm: the samples; the repr shows their size only.
        rate: samples per second.
    """

    pcm: bytes = attrs.field(repr=lambda pcm: f"<{len(pcm)} bytes>")
    rate: int

    @property
    def seconds(self) -> float:
        """The length."""
        return len(self.pcm) / 2 / self.rate

    def resampled(self, rate: int) -> AudioClip:
        """Give the clip at another rate, by repeating or leaving out samples."""
        if rate == self.rate:
            return self
        samples = g711.pcm_samples(self.pcm)
        count = len(samples) * rate // self.rate
        picked = array("h", [samples[index * self.rate // rate] for index in range(count)])
        return AudioClip(pcm=g711.samples_pcm(picked), rate=rate)


@lru_cache(maxsize=256)
def _syllable(pitch: int, rate: int, count: int) -> bytes:
    """Give ``count`` samples of one sound: three harmonics under a soft envelope that never falls to silence."""
    step = 2 * math.pi * (110 + 18 * pitch) / rate
    samples = array("h", bytes(2 * count))
    for index in range(count):
        envelope = 0.6 + 0.4 * math.sin(math.pi * (index + 0.5) / count)
        angle = step * index
        wave = math.sin(angle) + 0.5 * math.sin(2 * angle) + 0.25 * math.sin(3 * angle)
        samples[index] = round(_LOUDNESS * envelope * wave)
    return g711.samples_pcm(samples)


def synthesize(text: str, format: AudioFormat = PCM16, *, speed: float = 1.0) -> bytes:
    """Give audio of a text: one sound a letter, a pause a space, 62.5 ms each at speed 1.

    Args:
        text: what is "spoken".
        format: the format of the result.
        speed: 2.0 speaks twice as fast.

    Returns:
        ``len(text) / 16 / speed`` seconds of audio; the same for the same arguments.
    """
    count = max(1, round(format.rate / CHARACTERS_PER_SECOND / speed))
    pause = bytes(2 * count)
    pieces = [_syllable(ord(char.lower()) % _PITCHES, format.rate, count) if char.strip() else pause for char in text]
    return encode(b"".join(pieces), format)


def silence(seconds: float, format: AudioFormat = PCM16) -> bytes:
    """Give ``seconds`` of silence."""
    return encode(bytes(2 * round(seconds * format.rate)), format)


def encode(pcm: bytes, format: AudioFormat) -> bytes:
    """Give 16 bit PCM, already at the format's rate, in the format."""
    encoder = _ENCODERS.get(format.type)
    return pcm if encoder is None else encoder(pcm)


def decode(data: bytes, format: AudioFormat) -> AudioClip:
    """Give audio of a format as a clip at the format's rate."""
    decoder = _DECODERS.get(format.type)
    return AudioClip(pcm=data if decoder is None else decoder(data), rate=format.rate)


def rms(pcm: bytes) -> float:
    """Give the root mean square of 16 bit PCM, 0 to 32768, from every third sample (enough for a level)."""
    samples = g711.pcm_samples(pcm)[::3]
    if not samples:
        return 0.0
    return math.sqrt(sum([sample * sample for sample in samples]) / len(samples))
