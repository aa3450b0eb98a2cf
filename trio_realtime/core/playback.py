"""What of the agent's speech was heard, and where to cut it.

Audio arrives faster than it is played. Without word from the application, playback is assumed to begin with the first
piece that the application was given, to go on in real time, and to wait where the next piece is late. Only what was
given can have been heard. All times are seconds of one clock, handed in; all lengths are milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import attrs

from trio_realtime.audio import PCM16, AudioFormat, RealtimePlaybackState
from trio_realtime.model_inputs import TruncationPoint

__all__ = ["Heard", "Playback"]


@attrs.define
class _Track:
    """One audio part of an item."""

    response_id: str
    item_id: str
    content_index: int
    received_ms: float = 0.0
    given_ms: float = 0.0
    starts: float = 0.0
    ends: float = 0.0
    complete: bool = False

    def heard_ms(self, now: float) -> float:
        """Played in real time from its start; where the next piece was late the start has moved."""
        return min(max((now - self.starts) * 1000, 0.0), self.given_ms)

    def is_over(self, now: float) -> bool:
        return self.complete and self.given_ms >= self.received_ms and now >= self.ends


@attrs.frozen(kw_only=True)
class Heard:
    """What was heard of one audio part.

    Attributes:
        response_id, item_id, content_index: which part.
        heard_ms: how much was played.
        total_ms: how much there is, as far as it has been received.
        complete: no more of it will come.
    """

    response_id: str
    item_id: str
    content_index: int
    heard_ms: float
    total_ms: float
    complete: bool

    @property
    def finished(self) -> bool:
        """Whether all of it was heard."""
        return self.complete and self.heard_ms >= self.total_ms


class Playback:
    """Follows the audio of a session from the server to the listener. Parts that were heard whole are forgotten."""

    def __init__(self, audio_format: AudioFormat = PCM16) -> None:
        self.format = audio_format
        self._tracks: dict[tuple[str, int], _Track] = {}
        self._ends = 0.0

    def received(self, response_id: str, item_id: str, content_index: int, size: int) -> float:
        """Count ``size`` bytes that came from the server, and give their length in milliseconds."""
        track = self._tracks.get((item_id, content_index))
        if track is None:
            track = self._tracks[item_id, content_index] = _Track(response_id, item_id, content_index)
        length = self.format.duration_ms(size)
        track.received_ms += length
        return length

    def given(self, item_id: str, content_index: int, length_ms: float, now: float) -> None:
        """Count audio that the application was given at ``now``; it plays it after what it has."""
        track = self._tracks.get((item_id, content_index))
        if track is None:
            return
        begins = max(self._ends, now)
        if not track.given_ms:
            track.starts = begins
            self._forget(now)
        else:
            track.starts += begins - track.ends
        track.given_ms += length_ms
        track.ends = self._ends = begins + length_ms / 1000

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
        tracks = list(self._tracks.values())
        if tracker is None:
            return [_heard(track, track.heard_ms(now)) for track in tracks if not track.is_over(now)]
        current = (tracker.current_item_id, tracker.current_item_content_index)
        at = next((i for i, track in enumerate(tracks) if (track.item_id, track.content_index) == current), None)
        heard: list[Heard] = []
        for index, track in enumerate(tracks):
            if at is None or index > at:
                heard.append(_heard(track, 0.0))
            elif index == at:
                heard.append(_heard(track, min(tracker.elapsed_ms or 0.0, track.received_ms)))
        return heard

    def interrupt(
        self, now: float, *, response_id: str | None = None, tracker: RealtimePlaybackState | None = None
    ) -> tuple[Heard | None, Sequence[TruncationPoint]]:
        """Stop the playback: give the part that was playing and where each part is cut, and forget them.

        Args:
            now: the time.
            response_id: only what belongs to this response; None for all.
            tracker: as in :meth:`heard`.
        """
        heard = [part for part in self.heard(now, tracker) if response_id in (None, part.response_id)]
        unfinished = [part for part in heard if not part.finished]
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
        for part in list(self._tracks.values()):
            if response_id in (None, part.response_id):
                del self._tracks[part.item_id, part.content_index]
        self._ends = max((track.ends for track in self._tracks.values()), default=now)
        return playing, _one_per_item(points)

    def remaining_ms(self, now: float) -> float:
        """Give how much of what the application was given is still to be played."""
        return max(self._ends - now, 0.0) * 1000 if self._tracks else 0.0

    def _forget(self, now: float) -> None:
        for key in [key for key, track in self._tracks.items() if track.is_over(now)]:
            del self._tracks[key]


def _heard(track: _Track, heard_ms: float) -> Heard:
    return Heard(
        response_id=track.response_id,
        item_id=track.item_id,
        content_index=track.content_index,
        heard_ms=heard_ms,
        total_ms=track.received_ms,
        complete=track.complete,
    )


def _one_per_item(points: Sequence[TruncationPoint]) -> Sequence[TruncationPoint]:
    """An item is cut in one place: the first that was not heard whole; deleting it is for when nothing was heard."""
    first: dict[str, TruncationPoint] = {}
    for point in points:
        first.setdefault(point.item_id, point)
    return tuple(first.values())
