"""The user's audio of one connection, as long as an item may still be made of it, and which of it an item is made of.

What turn detection commits is found by the times that it tells; what the application commits is everything since the
commit before. Pure.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from trio_realtime.audio import PCM16, AudioFormat

__all__ = ["InputRecording"]

_SECONDS: Final = 30.0
"""Audio that is kept while nobody speaks, if turn detection commits: it says late when speech has begun."""
_MOST: Final = 64
"""Commits without an item: many more than can be on their way."""


@attrs.define(eq=False)
class _Span:
    """Bytes of the input audio from ``begin`` to ``end``, None for as far as it goes."""

    begin: int
    end: int | None = None
    event_id: str | None = None


class InputRecording:
    """Keeps the input audio of a connection.

    Args:
        limit: bytes that are kept at most; None for all that an item may still be made of.

    Attributes:
        format: of the audio.
        detects: turn detection commits.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._pieces: deque[bytes] = deque()
        self._first = 0  # where the first piece begins: bytes since the connection began
        self._end = 0
        self._buffer = 0  # where the server's buffer begins
        self._commits: list[_Span] = []
        self._spoken: dict[str, _Span] = {}
        self.format: AudioFormat = PCM16
        self.detects: bool = True

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._end - self._first

    def append(self, data: bytes) -> None:
        """Audio was appended to the server's buffer."""
        self._pieces.append(bytes(data))
        self._end += len(data)
        self._trim()

    def clear(self) -> None:
        """The server's buffer was emptied."""
        self._buffer = self._end
        self._spoken.clear()
        self._trim()

    def commit(self, event_id: str | None) -> None:
        """An item is to be made of the server's buffer."""
        self._commits.append(_Span(self._buffer, self._end, event_id))
        self._buffer = self._end
        if len(self._commits) > _MOST:
            del self._commits[0]

    def refused(self, event_id: str | None, *, certain: bool) -> None:
        """The server has refused something: if it was a commit, no item is made, and the buffer is as it was.

        Args:
            event_id: names what was refused; a name that is not known is that of a commit without one.
            certain: it was a commit.
        """
        named = [one for one in self._commits if event_id is not None and one.event_id == event_id]
        unnamed = [one for one in self._commits if event_id is None or one.event_id is None]
        for one in (named or (unnamed if certain else []))[:1]:
            at = self._commits.index(one)
            del self._commits[at]
            if at < len(self._commits):
                self._commits[at].begin = one.begin
            else:
                self._buffer = one.begin

    def speech_started(self, item_id: str, start_ms: float) -> None:
        """Turn detection has heard the beginning of what will be this item."""
        self._spoken = {item_id: _Span(self._at(start_ms))}  # what was spoken before is an item, or never will be

    def speech_stopped(self, item_id: str, end_ms: float) -> None:
        """Turn detection has heard its end."""
        if item_id in self._spoken:
            self._spoken[item_id].end = self._at(end_ms)

    def take(self, item_id: str) -> bytes:
        """An item was made: give its audio, or nothing if it is none of this one's."""
        span = self._spoken.pop(item_id, None)
        if span is None:
            span = self._commits.pop(0) if self._commits else None
        if span is None:
            return b""
        end = self._end if span.end is None else span.end
        audio = self._between(max(span.begin, self._first), end)
        self._buffer = max(self._buffer, end)
        self._trim()
        return audio

    def _at(self, ms: float) -> int:
        width = 2 if self.format.type == "audio/pcm" else 1
        return int(ms * self.format.bytes_per_second / 1000) // width * width

    def _between(self, begin: int, end: int) -> bytes:
        parts: list[bytes] = []
        at = self._first
        for piece in self._pieces:
            if at < end and at + len(piece) > begin:
                parts.append(piece[max(begin - at, 0) : end - at])
            at += len(piece)
        return b"".join(parts)

    def _trim(self) -> None:
        """Forget what no item can be made of any more, and what is too much."""
        needed = [span.begin for span in (*self._commits, *self._spoken.values())]
        open_ = self._buffer
        if self.detects and not self._spoken:
            open_ = max(open_, self._end - int(_SECONDS * self.format.bytes_per_second))
        oldest = min([*needed, open_])
        if self._limit is not None:
            oldest = max(oldest, self._end - self._limit)
        while self._pieces and self._first + len(self._pieces[0]) <= oldest:
            self._first += len(self._pieces.popleft())
