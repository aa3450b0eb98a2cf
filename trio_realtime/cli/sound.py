"""Sound in and out: WAV files in real time, or the microphone and loudspeaker of this machine (extra ``audio``)."""

from __future__ import annotations

import threading
import wave
from abc import ABC, abstractmethod
from array import array
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
import trio

from trio_realtime import PCM16, UserError
from trio_realtime.server import AudioClip
from trio_realtime.server.g711 import pcm_samples, samples_pcm

__all__ = [
    "CHUNK_BYTES",
    "CHUNK_SECONDS",
    "DeviceSound",
    "FileSound",
    "PlayQueue",
    "Played",
    "Sound",
    "heard_words",
    "open_device",
    "read_wav",
    "write_wav",
]

RATE: Final = 24_000
CHUNK_SECONDS: Final = 0.02
CHUNK_BYTES: Final = int(RATE * CHUNK_SECONDS) * 2
_WAITING: Final = 250
_WIDTHS: Final = (1, 2, 3, 4)

Played: TypeAlias = Callable[[str, int, float], None]
"""Is told item id, content index and milliseconds of what was played."""


def heard_words(text: str, share: float) -> str:
    """Give the words of a text that were heard when this share of its audio was: about, as words differ in length."""
    if share >= 1.0:
        return text
    return text[: round(len(text) * share)].rpartition(" ")[0]


def read_wav(path: Path) -> bytes:
    """Give a WAV file as 16 bit mono at 24 kHz, whatever its rate, width and channels.

    Raises:
        UserError: it cannot be read, or is no WAV file with PCM in it.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except (wave.Error, EOFError) as error:
        raise UserError(f"{path} is no WAV file that can be read: {str(error) or 'it ends early'}") from error
    if width not in _WIDTHS or rate <= 0:
        raise UserError(f"{path} is no WAV file that can be read: {width * 8} bits, {rate} Hz")
    samples = _mixed(_sixteen_bit(data, width), channels)
    return _resampled(AudioClip(pcm=samples_pcm(samples), rate=rate))


def _sixteen_bit(data: bytes, width: int) -> array[int]:
    if width == 1:
        return array("h", [(value - 128) << 8 for value in data])
    if width > 2:
        kept = bytearray(len(data) // width * 2)
        kept[0::2], kept[1::2] = data[width - 2 :: width], data[width - 1 :: width]
        data = bytes(kept)
    return pcm_samples(data)


def _mixed(samples: array[int], channels: int) -> array[int]:
    if channels == 1:
        return samples
    sides = [samples[side::channels] for side in range(channels)]
    return array("h", [sum(frame) // channels for frame in zip(*sides, strict=False)])


def _resampled(clip: AudioClip) -> bytes:
    if clip.rate == RATE or find_spec("soxr") is None:
        return clip.resampled(RATE).pcm
    numpy, soxr = import_module("numpy"), import_module("soxr")
    made: bytes = soxr.resample(numpy.frombuffer(clip.pcm, "<i2"), clip.rate, RATE).astype("<i2").tobytes()
    return made


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


@attrs.define
class _Piece:
    item_id: str
    content_index: int
    pcm: bytes
    at: int = 0


class PlayQueue:
    """What is to be played, in order. Any thread may use it.

    Args:
        played: is told what was taken, in the thread that takes.
    """

    def __init__(self, played: Played) -> None:
        self._played = played
        self._pieces: deque[_Piece] = deque()
        self._given: dict[str, float] = {}
        self._heard: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def playing(self) -> bool:
        """Whether there is something to play."""
        return bool(self._pieces)

    def put(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Play this after what there is."""
        with self._lock:
            self._pieces.append(_Piece(item_id, content_index, pcm))
            self._given[item_id] = self._given.get(item_id, 0.0) + PCM16.duration_ms(len(pcm))

    def share_heard(self, item_id: str) -> float:
        """Give how much of an item's audio was played, 0 to 1."""
        return min(1.0, self._heard.get(item_id, 0.0) / max(self._given.get(item_id, 0.0), 1e-9))

    def stop(self) -> None:
        """Forget what was not played."""
        with self._lock:
            self._pieces.clear()

    def take(self, size: int) -> bytes:
        """Give exactly ``size`` bytes to play now, with silence where there is nothing."""
        taken = bytearray()
        told: list[tuple[str, int, float]] = []
        with self._lock:
            while self._pieces and len(taken) < size:
                piece = self._pieces[0]
                part = piece.pcm[piece.at : piece.at + size - len(taken)]
                piece.at += len(part)
                taken += part
                ms = PCM16.duration_ms(len(part))
                self._heard[piece.item_id] = self._heard.get(piece.item_id, 0.0) + ms
                told.append((piece.item_id, piece.content_index, ms))
                if piece.at >= len(piece.pcm):
                    self._pieces.popleft()
        for item_id, index, ms in told:
            self._played(item_id, index, ms)
        return bytes(taken) + bytes(size - len(taken))


class Sound(ABC):
    """A microphone and a loudspeaker, 16 bit mono at 24 kHz."""

    queue: PlayQueue

    @property
    def exhausted(self) -> bool:
        """Whether the microphone will give only silence from now on."""
        return False

    @abstractmethod
    async def listen(self) -> bytes:
        """Wait for the next piece of the microphone's audio and give it. A checkpoint."""

    async def play(self) -> None:
        """Play what is in the queue until cancelled, if nobody else does that."""
        await trio.sleep_forever()


class FileSound(Sound):
    """Speaks a recording in real time, and records what a loudspeaker would have played meanwhile.

    Args:
        pcm: what is said; silence follows.
        played: as of :class:`PlayQueue`.
        speed: how many times faster than real time all of it goes.
    """

    def __init__(self, pcm: bytes, played: Played, *, speed: float = 1.0) -> None:
        self.queue: PlayQueue = PlayQueue(played)
        self.recorded: bytearray = bytearray()
        self._pcm = pcm
        self._at = 0
        self._step = CHUNK_SECONDS / speed
        self._next: float | None = None

    @property
    def exhausted(self) -> bool:
        """Whether the recording is at its end."""
        return self._at >= len(self._pcm)

    async def listen(self) -> bytes:
        """Give the next 20 ms, when they are due."""
        now = trio.current_time()
        self._next = now if self._next is None else self._next
        await trio.sleep_until(self._next)
        self._next += self._step
        chunk = self._pcm[self._at : self._at + CHUNK_BYTES]
        self._at += CHUNK_BYTES
        return chunk + bytes(CHUNK_BYTES - len(chunk))

    async def play(self) -> None:
        """Record, until cancelled."""
        due = trio.current_time()
        while True:
            self.recorded += self.queue.take(CHUNK_BYTES)
            due += self._step
            await trio.sleep_until(due)


class DeviceSound(Sound):
    """The default microphone and loudspeaker; made by :func:`open_device`."""

    def __init__(self, played: Played) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._send, self._receive = trio.open_memory_channel[bytes](_WAITING)
        self._played = played
        self.queue: PlayQueue = PlayQueue(self._tell)

    def _tell(self, item_id: str, index: int, ms: float) -> None:
        """Tell in trio's thread what the driver's thread has played."""
        self._soon(lambda: self._played(item_id, index, ms))

    def _soon(self, function: Callable[[], None]) -> None:
        with suppress(trio.RunFinishedError):  # the last sound of a call that has ended
            self._token.run_sync_soon(function)

    def _arrive(self, data: bytes) -> None:
        with suppress(trio.WouldBlock):  # five seconds wait already: whoever should listen does not
            self._send.send_nowait(data)

    def captured(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        """Take audio from the driver, in its thread."""
        pcm = bytes(data)
        self._soon(lambda: self._arrive(pcm))

    def wanted(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        """Give audio to the driver, in its thread."""
        data[:] = self.queue.take(len(data))

    async def listen(self) -> bytes:
        """Wait for audio from the microphone."""
        return await self._receive.receive()


@asynccontextmanager
async def open_device(played: Played) -> AsyncGenerator[DeviceSound, None]:
    """Use the default microphone and loudspeaker for the length of a block.

    Raises:
        UserError: the extra ``audio`` is not installed, or there is no sound card.
    """
    try:
        driver: Any = import_module("sounddevice")
    except (ImportError, OSError) as error:  # OSError: the package is there and PortAudio is not
        raise UserError(
            f"no sound: {error}; install the extra (pip install 'trio-realtime[audio]') and PortAudio, "
            "or use --input and --output"
        ) from error
    sound = DeviceSound(played)
    options: dict[str, Any] = {"samplerate": RATE, "channels": 1, "dtype": "int16", "blocksize": CHUNK_BYTES // 2}
    try:
        microphone = driver.RawInputStream(callback=sound.captured, **options)
        loudspeaker = driver.RawOutputStream(callback=sound.wanted, **options)
    except driver.PortAudioError as error:
        raise UserError(f"no microphone or loudspeaker can be used: {error}; try --input and --output") from error
    with microphone, loudspeaker:
        yield sound
