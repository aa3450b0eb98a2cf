"""A pretended loudspeaker: it "plays" the agent's speech at a given speed and tells the session what was heard."""

from __future__ import annotations

from collections import deque

import attrs
import trio

from trio_realtime import PCM16, RealtimeAudio, RealtimePlaybackTracker

__all__ = ["Loudspeaker"]

_SLICE_MS = 100.0


@attrs.define
class _Piece:
    item_id: str
    content_index: int
    ms: float


class Loudspeaker:
    """Plays 16 bit PCM at 24 kHz without making a sound.

    Args:
        speed: how many times faster than real time it plays.

    Attributes:
        tracker: to be given to the session, which learns from it what was heard.
        heard_ms: milliseconds played of each item.
        received_ms: milliseconds that there were to play of each item.
    """

    def __init__(self, speed: float) -> None:
        self.tracker: RealtimePlaybackTracker = RealtimePlaybackTracker()
        self.heard_ms: dict[str, float] = {}
        self.received_ms: dict[str, float] = {}
        self._speed = speed
        self._queue: deque[_Piece] = deque()
        self._playing: _Piece | None = None
        self._changed = trio.Event()

    def put(self, event: RealtimeAudio) -> None:
        """Play this after what there is."""
        length = PCM16.duration_ms(len(event.audio.data))
        self.received_ms[event.item_id] = self.received_ms.get(event.item_id, 0.0) + length
        self._queue.append(_Piece(event.item_id, event.content_index, length))
        self._change()

    def stop(self) -> None:
        """Be silent at once, and forget what was not played."""
        self._queue.clear()
        self._playing = None
        self._change()

    @property
    def silent(self) -> bool:
        """Whether there is nothing to play."""
        return self._playing is None and not self._queue

    async def wait_silent(self) -> None:
        """Wait until everything was played. A checkpoint."""
        await trio.lowlevel.checkpoint()
        while not self.silent:
            await self._changed.wait()

    async def wait_heard(self, ms: float) -> str:
        """Wait until ``ms`` milliseconds of an item that is still playing were heard, and give its id. A checkpoint."""
        await trio.lowlevel.checkpoint()
        while (playing := self._playing) is None or self.heard_ms.get(playing.item_id, 0.0) < ms:
            await self._changed.wait()
        return playing.item_id

    async def run(self) -> None:
        """Play until cancelled."""
        while True:
            if not self._queue:
                self._playing = None
                self._change()
                await self._changed.wait()
                continue
            piece = self._playing = self._queue.popleft()
            while self._playing is piece and piece.ms > 0:
                await self._play(piece, min(piece.ms, _SLICE_MS))

    async def _play(self, piece: _Piece, ms: float) -> None:
        await trio.sleep(ms / 1000 / self._speed)
        if self._playing is not piece:
            return  # stopped meanwhile
        piece.ms -= ms
        self.heard_ms[piece.item_id] = self.heard_ms.get(piece.item_id, 0.0) + ms
        self.tracker.on_play_ms(piece.item_id, piece.content_index, ms)
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
