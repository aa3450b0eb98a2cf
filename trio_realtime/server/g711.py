"""G.711, both laws, by table: 16 bit samples to bytes and back.

Source: ITU-T Recommendation G.711. The tables are built once, when first used.
"""

from __future__ import annotations

import sys
from array import array
from functools import cache

__all__ = ["alaw_decode", "alaw_encode", "pcm_samples", "samples_pcm", "ulaw_decode", "ulaw_encode"]

_BIG_ENDIAN = sys.byteorder == "big"


def pcm_samples(data: bytes) -> array[int]:
    """Give the samples of 16 bit little endian PCM; an odd last byte is left out."""
    samples = array("h", data[: len(data) & ~1])
    if _BIG_ENDIAN:  # pragma: no cover
        samples.byteswap()
    return samples


def samples_pcm(samples: array[int]) -> bytes:
    """Give 16 bit little endian PCM of samples."""
    if _BIG_ENDIAN:  # pragma: no cover
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()


def _ulaw_sample(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _alaw_sample(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    magnitude = ((code & 0x0F) << 4) + (0x08 if segment == 0 else 0x108)
    if segment > 1:
        magnitude <<= segment - 1
    return magnitude if code & 0x80 else -magnitude


@cache
def _decoding(law: str) -> tuple[int, ...]:
    sample = _ulaw_sample if law == "u" else _alaw_sample
    return tuple(sample(code) for code in range(256))


@cache
def _encoding(law: str) -> bytes:
    """Give the nearest code of every 16 bit sample."""
    table = _decoding(law)
    order = sorted(range(256), key=lambda code: (table[code], code))
    codes = bytearray()
    at = 0
    for sample in range(-32768, 32768):
        while at + 1 < 256 and abs(table[order[at + 1]] - sample) <= abs(table[order[at]] - sample):
            at += 1
        codes.append(order[at])
    return bytes(codes)


def _encode(law: str, pcm: bytes) -> bytes:
    codes = _encoding(law)
    return bytes([codes[sample + 32768] for sample in pcm_samples(pcm)])


def _decode(law: str, data: bytes) -> bytes:
    table = _decoding(law)
    return samples_pcm(array("h", [table[code] for code in data]))


def ulaw_encode(pcm: bytes) -> bytes:
    """Encode 16 bit PCM as mu-law, one byte a sample."""
    return _encode("u", pcm)


def ulaw_decode(data: bytes) -> bytes:
    """Decode mu-law to 16 bit PCM."""
    return _decode("u", data)


def alaw_encode(pcm: bytes) -> bytes:
    """Encode 16 bit PCM as A-law, one byte a sample."""
    return _encode("a", pcm)


def alaw_decode(data: bytes) -> bytes:
    """Decode A-law to 16 bit PCM."""
    return _decode("a", data)
