"""WAV files: whatever rate, width and channels they have, as 16 bit mono at 24 kHz."""

from __future__ import annotations

import struct
import sys
import wave
from array import array
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from trio_realtime import UserError
from trio_realtime.server.g711 import pcm_samples, samples_pcm

__all__ = ["MOST_BYTES", "MOST_SECONDS", "RATE", "read_wav", "write_wav"]

RATE: Final = 24_000
"""Samples per second of what is read and written."""
MOST_BYTES: Final = 128 * 1024 * 1024
"""How much audio a file may have, in bytes."""
MOST_SECONDS: Final = 30 * 60
"""How much audio a file may have, in seconds."""

_MOST_BEFORE: Final = 16 * 1024 * 1024
_BLOCK: Final = 64 * 1024
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_NAMES: Final = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "ADPCM", 80: "MPEG", 85: "MP3", 255: "AAC"}
_EXTENSION: Final = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the format's number where an extensible file gives it as a GUID (RFC 2361, section 4)."""
_RATES: Final = range(1_000, 768_001)
_MOST_CHANNELS: Final = 64
_READ: Final = "8, 16, 24 and 32 bit PCM and 32 and 64 bit float are read; another program can convert it"


class _NoWav(Exception):
    """Why a file is no WAV file that can be read."""


@attrs.frozen
class _Kind:
    """What the samples of a file are."""

    is_float: bool
    width: int
    channels: int
    rate: int

    @property
    def frame(self) -> int:
        return self.width * self.channels


def read_wav(path: Path) -> bytes:
    """Give a WAV file as 16 bit mono at 24 kHz, whatever its rate and channels.

    PCM of 8, 16, 24 and 32 bits and floats of 32 and 64 bits are read, in plain and in extensible files; a file that
    ends early as far as it goes. At most :data:`MOST_BYTES` and :data:`MOST_SECONDS` (half an hour) of audio.

    Raises:
        UserError: it cannot be read, it is no WAV file, it has audio of another kind, or it is too long.
    """
    try:
        with path.open("rb") as file:
            kind, data = _taken_apart(file)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except _NoWav as error:
        raise UserError(f"{path} is no WAV file that can be read: {error}") from None
    return samples_pcm(_resampled(_mono(kind, data), kind.rate))


def _taken_apart(file: BinaryIO) -> tuple[_Kind, bytes]:
    head = file.read(12)
    if head[:4] in {b"RF64", b"RIFX"}:
        raise _NoWav(f"it is an {head[:4].decode()} file, which is not read; another program can convert it")
    if head[:4] != b"RIFF"[: len(head[:4])] or (len(head) == 12 and head[8:] != b"WAVE"):
        raise _NoWav("it does not begin as one")
    kind, before = None, 0
    while True:
        chunk = file.read(8)
        if len(head) < 12 or len(chunk) < 8:
            raise _NoWav("it ends early")
        name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if name == b"data":
            break
        before += 8 + size
        if before > _MOST_BEFORE:
            raise _NoWav("no audio comes within its first 16 MiB")
        content = file.read(size + size % 2)
        if name == b"fmt ":
            kind = _kind(content)
    if kind is None:
        raise _NoWav("it does not say what its audio is")
    return kind, _data(file, size, kind)


def _kind(content: bytes) -> _Kind:
    if len(content) < 16:
        raise _NoWav("it ends early")
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if code == _EXTENSIBLE:
        if len(content) < 40 or content[26:40] != _EXTENSION:
            raise _NoWav(f"its audio is of an unknown kind; {_READ}")
        code = int.from_bytes(content[24:26], "little")
    width = (bits + 7) // 8
    if code not in {_PCM, _FLOAT}:
        raise _NoWav(f"its audio is {_NAMES.get(code, 'of an unknown kind')} (format {code}); {_READ}")
    if width not in ({1, 2, 3, 4} if code == _PCM else {4, 8}):
        raise _NoWav(f"its samples have {bits} bits; {_READ}")
    if rate not in _RATES or not 1 <= channels <= _MOST_CHANNELS:
        raise _NoWav(f"it has {channels} channels at {rate} Hz")
    return _Kind(code == _FLOAT, width, channels, rate)


def _data(file: BinaryIO, size: int, kind: _Kind) -> bytes:
    most = min(MOST_BYTES, MOST_SECONDS * kind.rate * kind.frame)
    data = file.read(min(size, most + 1))  # a size of 4 GB is said where it was not known
    if len(data) > most:
        raise _NoWav(f"it is too long: at most {MOST_SECONDS // 60} minutes and {MOST_BYTES >> 20} MiB are read")
    return data[: len(data) // kind.frame * kind.frame]


def _mono(kind: _Kind, data: bytes) -> array[int]:
    """Give the middle of all channels, block by block: as numbers, audio takes a multiple of its room."""
    convert: Callable[[bytes], array[int]] = _from_float(kind.width) if kind.is_float else _from_pcm(kind.width)
    step = _BLOCK * kind.frame
    mono: array[int] = array("h")
    for at in range(0, len(data), step):
        samples = convert(data[at : at + step])
        if kind.channels > 1:
            sides = [samples[side :: kind.channels] for side in range(kind.channels)]
            samples = array("h", [sum(frame) // kind.channels for frame in zip(*sides, strict=True)])
        mono.extend(samples)
    return mono


def _from_pcm(width: int) -> Callable[[bytes], array[int]]:
    def convert(data: bytes) -> array[int]:
        if width == 1:
            return array("h", [(value - 128) << 8 for value in data])
        if width > 2:
            kept = bytearray(len(data) // width * 2)
            kept[0::2], kept[1::2] = data[width - 2 :: width], data[width - 1 :: width]
            data = bytes(kept)
        return pcm_samples(data)

    return convert


def _from_float(width: int) -> Callable[[bytes], array[int]]:
    def convert(data: bytes) -> array[int]:
        values = array("f" if width == 4 else "d", data)
        if sys.byteorder == "big":
            values.byteswap()
        return array("h", [_sixteen_bit(value) for value in values])

    return convert


def _sixteen_bit(value: float) -> int:
    if -1.0 <= value <= 1.0:
        return round(value * 32767)
    return 32767 if value > 1.0 else -32767 if value < -1.0 else 0  # neither: it is no number


def _resampled(samples: array[int], rate: int) -> array[int]:
    if rate == RATE:
        return samples
    if find_spec("soxr") is None:
        count = len(samples) * RATE // rate
        made: array[int] = array("h")
        for at in range(0, count, _BLOCK):
            made.extend([samples[index * rate // RATE] for index in range(at, min(at + _BLOCK, count))])
        return made
    numpy, soxr = import_module("numpy"), import_module("soxr")
    return array("h", soxr.resample(numpy.array(samples, "int16"), rate, RATE).astype("int16").tobytes())


def write_wav(path: Path, pcm: bytes) -> None:
    """Write 16 bit mono at 24 kHz.

    Raises:
        OSError: it cannot be written.
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
