"""What of the agent's speech was heard, and where to cut it.

Audio arrives faster than it is played. Without word from the application, playback is assumed to begin with the first
piece that the application was given, to go on in real time, and to wait where the next piece is late. Only what was
given can have been heard. With a tracker the application says itself what it has played. All times are seconds of one
clock, handed in; all lengths are milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Final

import attrs

from trio_realtime.audio import PCM16, AudioFormat, RealtimePlaybackState
from trio_realtime.model_inputs import TruncationPoint

__all__ = ["Heard", "Playback"]

_MOST: Final = 64  # parts that are remembered though nobody plays them
_MOST_PENDING: Final = 1024  # parts that the application may still be given: more than its buffer holds
_LENGTHS: Final = 256  # parts that are over whose lengths are remembered: the server may still cut one


@attrs.define
class _Track:
    """One audio part of an item."""

    response_id: str
    item_id: str
    content_index: int
    received_ms: float = 0.0
    given_ms: float = 0.0
    ends: float = 0.0
    complete: bool = False
    played_ms: float = 0.0
    runs: list[tuple[float, float]] = attrs.Factory(list[tuple[float, float]])
    """What is played without a gap: when it begins, and its length. Runs that are over are in ``played_ms``."""

    def give(self, begins: float, length_ms: float, now: float) -> None:
        """Add a piece; where it is late, or another part came between, a new run begins."""
        if self.runs and begins == self.ends:
            starts, length = self.runs.pop()
            self.runs.append((starts, length + length_ms))
        else:
            if now >= self.ends:
                self.played_ms = self.given_ms
                self.runs.clear()
            self.runs.append((begins, length_ms))
        self.ends = begins + length_ms / 1000

    def heard_ms(self, now: float) -> float:
        """How much was played, in real time."""
        if now >= self.ends:
            return self.given_ms
        heard = self.played_ms + sum(min(max((now - starts) * 1000, 0.0), length) for starts, length in self.runs)
        return min(heard, self.given_ms)

    def is_over(self, now: float) -> bool:
        return self.complete and self.given_ms >= self.received_ms and now >= self.ends


@attrs.frozen(kw_only=True)
class Heard:
    """What was heard of one audio part.

    Attributes:
        response_id, item_id, content_index: which part.
        heard_ms: how much was played.
        given_ms: how much the application was given; less than there is, where some was dropped or is still to come.
        total_ms: how much there is, as far as it has been received.
        complete: no more of it will come.
    """

    response_id: str
    item_id: str
    content_index: int
    heard_ms: float
    given_ms: float
    total_ms: float
    complete: bool

    @property
    def finished(self) -> bool:
        """Whether all of it was heard."""
        return self.complete and self.heard_ms >= self.total_ms


class Playback:
    """Follows the audio of a session from the server to the listener. Parts that were heard whole are forgotten.

    Args:
        audio_format: the session's output format.
        tracked: the application says what it has played, so that the clock alone never means that a part is over.
    """

    __slots__ = ("_ends", "_lengths", "_tracked", "_tracks", "format")

    def __init__(self, audio_format: AudioFormat = PCM16, *, tracked: bool = False) -> None:
        self.format: AudioFormat = audio_format
        self._tracked = tracked
        self._tracks: dict[tuple[str, int], _Track] = {}
        self._lengths: dict[tuple[str, int], float] = {}
        self._ends = 0.0

    def received(self, response_id: str, item_id: str, content_index: int, size: int) -> float:
        """Count ``size`` bytes that came from the server, and give their length in milliseconds."""
        track = self._tracks.get((item_id, content_index))
        if track is None:
            self._make_room()
            track = self._tracks[item_id, content_index] = _Track(response_id, item_id, content_index)
        length = self.format.duration_ms(size)
        track.received_ms += length
        return length

    def received_late(self, item_id: str, content_index: int, size: int) -> None:
        """Count ``size`` bytes that came after the part was interrupted: nobody hears them."""
        key = (item_id, content_index)
        self._remember(key, self._lengths.get(key, 0.0) + self.format.duration_ms(size))

    def total_ms(self, item_id: str, content_index: int) -> float:
        """Give how much audio of a part has come; 0 if it is not known (any more)."""
        track = self._tracks.get((item_id, content_index))
        return self._lengths.get((item_id, content_index), 0.0) if track is None else track.received_ms

    def had_audio(self, item_id: str) -> bool:
        """Say whether any audio of an item has come."""
        return any(key[0] == item_id for key in (*self._tracks, *self._lengths))

    def given(self, item_id: str, content_index: int, length_ms: float, now: float) -> None:
        """Count audio that the application was given at ``now``; it plays it after what it has.

        What is given a second time, by another reader of the same events, does not count.
        """
        track = self._tracks.get((item_id, content_index))
        if track is None:
            return
        if not track.given_ms:
            self._forget(track, now)
        given_ms = min(track.given_ms + length_ms, track.received_ms)
        if given_ms > track.given_ms:
            track.give(max(self._ends, now), given_ms - track.given_ms, now)
            track.given_ms = given_ms
            self._ends = track.ends

    def completed(self, item_id: str, content_index: int) -> None:
        """Note that the part has no more audio."""
        track = self._tracks.get((item_id, content_index))
        if track is not None:
            track.complete = True

    def response_ended(self, response_id: str) -> None:
        """Note that no part of the response has more audio."""
        for track in self._tracks.values():
            if track.response_id == response_id:
                track.complete = True

    def heard(self, now: float, tracker: RealtimePlaybackState | None = None) -> Sequence[Heard]:
        """Give what was heard of each part that is not over, in the order in which they came.

        Args:
            now: the time.
            tracker: the application's own word: it replaces the assumption. What came before the item that it names
                was heard whole, what came after it not at all.
        """
        return [_heard(track, heard_ms) for track, heard_ms, over in self._positions(now, tracker) if not over]

    def _positions(self, now: float, tracker: RealtimePlaybackState | None) -> list[tuple[_Track, float, bool]]:
        """Give each part with how much of it was heard, and whether it is over."""
        tracks = list(self._tracks.values())
        if tracker is None:
            return [(track, track.heard_ms(now), track.is_over(now)) for track in tracks]
        current = (tracker.current_item_id, tracker.current_item_content_index)
        at = next((i for i, track in enumerate(tracks) if (track.item_id, track.content_index) == current), -1)
        elapsed = max(0.0, tracker.elapsed_ms or 0.0)
        return [
            (track, track.received_ms if i < at else min(elapsed, track.received_ms) if i == at else 0.0, i < at)
            for i, track in enumerate(tracks)
        ]

    def interrupt(
        self, now: float, *, response_id: str | None = None, tracker: RealtimePlaybackState | None = None
    ) -> tuple[Heard | None, Sequence[TruncationPoint]]:
        """Stop the playback: give the part that was playing and where each part is cut, and forget them.

        Args:
            now: the time.
            response_id: only what belongs to this response; None for all.
            tracker: as in :meth:`heard`.
        """
        positions = self._positions(now, tracker)
        begun = {track.item_id for track, heard_ms, _ in positions if heard_ms >= 1}
        parts = [_heard(track, heard_ms) for track, heard_ms, over in positions if not over]
        left = [part for part in parts if not part.finished]
        unfinished = [part for part in left if response_id in (None, part.response_id)]
        playing = next(iter(unfinished), None)
        points = [
            TruncationPoint(
                item_id=part.item_id,
                content_index=part.content_index,
                audio_end_ms=min(floor(part.heard_ms), floor(part.total_ms)),
            )
            for part in unfinished
            if part.total_ms > 0
        ]
        kept = {(part.item_id, part.content_index) for part in left if response_id not in (None, part.response_id)}
        for key in [key for key in self._tracks if key not in kept]:
            self._drop(key)
        self._ends = max((track.ends for track in self._tracks.values()), default=now)
        return playing, _one_per_item(points, begun)

    def remaining_ms(self, now: float) -> float:
        """Give how much of what the application was given is still to be played."""
        return max(self._ends - now, 0.0) * 1000 if self._tracks else 0.0

    def _forget(self, begins: _Track, now: float) -> None:
        """A part begins to be given: what is missing of those before it was dropped, what is over is forgotten."""
        for track in self._tracks.values():
            if track is begins:
                break
            if track.complete:
                track.received_ms = track.given_ms
        if self._tracked:
            return
        going_on = {track.item_id for track in self._tracks.values() if not track.is_over(now)}
        for key, track in list(self._tracks.items()):
            if track.item_id not in going_on:
                self._drop(key)

    def _make_room(self) -> None:
        """Forget a part if there are many: one that was given whole, since what is given later is still to be played.

        How long they take to play is known all the same.
        """
        if len(self._tracks) < _MOST:
            return
        given = (key for key, track in self._tracks.items() if track.complete and track.given_ms >= track.received_ms)
        oldest = next(given, None)
        if oldest is None and len(self._tracks) >= _MOST_PENDING:
            oldest = next((key for key, track in self._tracks.items() if track.complete), next(iter(self._tracks)))
        if oldest is not None:
            self._drop(oldest)

    def _drop(self, key: tuple[str, int]) -> None:
        self._remember(key, self._tracks.pop(key).received_ms)

    def _remember(self, key: tuple[str, int], length_ms: float) -> None:
        self._lengths[key] = length_ms
        if len(self._lengths) > _LENGTHS:
            del self._lengths[next(iter(self._lengths))]


def _heard(track: _Track, heard_ms: float) -> Heard:
    return Heard(
        response_id=track.response_id,
        item_id=track.item_id,
        content_index=track.content_index,
        heard_ms=heard_ms,
        given_ms=track.given_ms,
        total_ms=track.received_ms,
        complete=track.complete,
    )


def _one_per_item(points: Sequence[TruncationPoint], begun: set[str]) -> Sequence[TruncationPoint]:
    """An item is cut in one place: the first that was not heard whole; deleting it is for when nothing was heard."""
    first: dict[str, TruncationPoint] = {}
    for point in points:
        first.setdefault(point.item_id, point)
    return tuple(point for point in first.values() if point.audio_end_ms > 0 or point.item_id not in begun)
