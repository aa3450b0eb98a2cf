"""Sound in and out: a recording in real time, or the microphone and loudspeaker of this machine (extra ``audio``)."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib import import_module
from typing import Any, Final, TypeAlias

import attrs
import trio

from trio_realtime import PCM16, UserError
from trio_realtime.cli.wav import RATE

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
]

CHUNK_SECONDS: Final = 0.02
CHUNK_BYTES: Final = int(RATE * CHUNK_SECONDS) * 2
_WAITING: Final = 250
_OPTIONS: Final[dict[str, Any]] = {
    "samplerate": RATE,
    "channels": 1,
    "dtype": "int16",
    "blocksize": CHUNK_BYTES // 2,
}
_DEVICES: Final = {"input": "microphone", "output": "loudspeaker"}
_ELSE: Final = "use WAV files (--input and --output)"

Played: TypeAlias = Callable[[str, int, float], None]
"""Is told item id, content index and milliseconds of what was played."""


def heard_words(text: str, share: float) -> str:
    """Give the words of a text that were heard when this share of its audio was: about, as words differ in length."""
    if share >= 1.0:
        return text
    return text[: round(len(text) * share)].rpartition(" ")[0]


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
        self._gone = ""
        self.queue: PlayQueue = PlayQueue(self._tell)

    def _tell(self, item_id: str, index: int, ms: float) -> None:
        """Tell in trio's thread what the driver's thread has played."""
        self._soon(lambda: self._played(item_id, index, ms))

    def _soon(self, function: Callable[[], None]) -> None:
        with suppress(trio.RunFinishedError):  # the last sound of a call that has ended
            self._token.run_sync_soon(function)

    def _arrive(self, data: bytes) -> None:
        with suppress(trio.WouldBlock, trio.ClosedResourceError):  # nobody listens, or five seconds wait
            self._send.send_nowait(data)

    def captured(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        """Take audio from the driver, in its thread."""
        pcm = bytes(data)
        self._soon(lambda: self._arrive(pcm))

    def wanted(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        """Give audio to the driver, in its thread."""
        data[:] = self.queue.take(len(data))

    def gone(self, what: str) -> None:
        """Learn from the driver, in its thread, that a device plays or records no more."""
        self._gone = self._gone or what
        self._soon(self._send.close)

    async def listen(self) -> bytes:
        """Wait for audio from the microphone.

        Raises:
            UserError: the microphone or the loudspeaker has stopped, as when it is unplugged.
        """
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise UserError(f"the {self._gone} has stopped: connect it again, or {_ELSE}") from None


@asynccontextmanager
async def open_device(played: Played) -> AsyncGenerator[DeviceSound, None]:
    """Use the default microphone and loudspeaker for the length of a block.

    Raises:
        UserError: the extra ``audio`` is not installed, or a device cannot be used; it is named, with what can be done.
    """
    try:
        driver: Any = import_module("sounddevice")
    except (ImportError, OSError) as error:  # OSError: the package is there and PortAudio is not
        raise UserError(
            f"no sound: {error}; install the extra (pip install 'trio-realtime[audio]') and PortAudio, "
            "or use --input and --output"
        ) from error
    sound = DeviceSound(played)
    with (
        _stream(driver, "input", driver.RawInputStream, callback=sound.captured, gone=sound.gone),
        _stream(driver, "output", driver.RawOutputStream, callback=sound.wanted, gone=sound.gone),
    ):
        yield sound


@contextmanager
def _stream(
    driver: Any, direction: str, make: Any, *, callback: Callable[..., None], gone: Callable[[str], None]
) -> Generator[None, None, None]:
    """Open a stream and start it; close it afterwards, and if it cannot be started."""
    stream: Any = None
    try:
        stream = make(callback=callback, finished_callback=lambda: gone(_DEVICES[direction]), **_OPTIONS)
        stream.start()
    except (driver.PortAudioError, ValueError, OSError) as error:  # ValueError: it has no such device
        if stream is not None:
            stream.close()
        raise UserError(_cannot(driver, direction, error)) from error
    try:
        yield
    finally:
        stream.close()


def _cannot(driver: Any, direction: str, error: Exception) -> str:
    """Say which device cannot be used, and what can be done."""
    what = _DEVICES[direction]
    said = " ".join(str(error).split())
    try:
        name = str(driver.query_devices(kind=direction)["name"])
    except Exception:  # noqa: BLE001  there is none, or the driver cannot say it either
        return f"there is no {what} that can be used ({said}): connect one, or {_ELSE}"
    return (
        f"the {what} {name!r} cannot be used ({said}): let other programs free it, choose another one in the settings "
        f"of the system, or {_ELSE}"
    )
