"""The buffer between a session and one reader of its events: bounded, with a policy for each class of event.

Audio may be dropped or purged, everything else is kept in order. An interruption goes before whatever waits. A *hold*
keeps what comes after it back until it is released (the last check of a turn's words), without stopping the session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from trio_realtime.config import DeliverySettings
from trio_realtime.events import RealtimeAudio, RealtimeSessionEvent

__all__ = ["BufferStatistics", "EventBuffer", "Hold", "Overflow", "Unbuilt"]

Overflow: TypeAlias = Literal["audio", "control"]
"""What there is too much of."""

_EVENT_BYTES = 512  # an event without its payload, with its place in the buffer: measured, rounded up
_FIELDS_BYTES = 256  # what one that is not built takes more


@attrs.frozen(eq=False)
class Unbuilt:
    """An event that nobody has selected: what it would be built of, for a reader that may yet be begun.

    Attributes:
        kind: the class of the event.
        fields: its arguments.
    """

    kind: type[RealtimeSessionEvent]
    fields: Mapping[str, Any]

    @property
    def response_id(self) -> str | None:
        """The response that the event is about."""
        return self.fields.get("response_id")

    def build(self) -> RealtimeSessionEvent:
        """Make the event."""
        return self.kind(**self.fields)


class Hold:
    """Keeps what comes after it back until it is released. Made by the session, put into every reader's buffer."""

    __slots__ = ("released",)

    def __init__(self) -> None:
        self.released: bool = False


@attrs.frozen(kw_only=True)
class BufferStatistics:
    """Counters of one reader's buffer: what waits now, at most, and what was dropped."""

    events: int = 0
    bytes: int = 0
    audio_ms: float = 0.0
    peak_bytes: int = 0
    dropped_events: int = 0
    dropped_ms: float = 0.0
    purged_events: int = 0


@attrs.define(eq=False)
class _Entry:
    """A place in the buffer; ``event`` is None once it was dropped or purged."""

    event: RealtimeSessionEvent | Unbuilt | Hold | None
    size: int = 0
    audio_ms: float = 0.0
    is_audio: bool = False


class EventBuffer:
    """Events that one reader has not taken yet.

    Args:
        settings: the bounds and what happens beyond them.
        wanted: the event classes to keep; None for all.
        selects: whether having it means to want its events; else that begins with reading it. Before that it holds
            what events would be built of, where nobody else wants them.
    """

    # fmt: off
    __slots__ = (
        "_audio", "_audio_bytes", "_audio_ms", "_bytes", "_dropped", "_dropped_ms", "_empty", "_entries", "_first",
        "_holds", "_max_bytes", "_max_ms", "_peak", "_purged", "_selects", "begun", "settings", "wanted",
    )
    # fmt: on

    def __init__(
        self,
        settings: DeliverySettings,
        wanted: tuple[type[RealtimeSessionEvent], ...] | None = None,
        *,
        selects: bool = True,
    ) -> None:
        self._selects = selects
        self._max_bytes, self._max_ms = settings.max_buffered_bytes, settings.max_buffered_ms
        self.settings: DeliverySettings = settings
        self.wanted: tuple[type[RealtimeSessionEvent], ...] | None = wanted
        self.begun: bool = False
        self._entries: deque[_Entry] = deque()
        self._first: deque[RealtimeSessionEvent] = deque()
        self._audio: deque[_Entry] = deque()  # the same entries, audio only: dropping looks at nothing else
        self._empty = 0
        self._holds = 0
        self._bytes = 0
        self._audio_ms = 0.0
        self._audio_bytes = 0
        self._peak = 0
        self._dropped = 0
        self._dropped_ms = 0.0
        self._purged = 0

    def __len__(self) -> int:
        return len(self._entries) + len(self._first) - self._empty - self._holds

    def wants(self, kind: type[RealtimeSessionEvent]) -> bool:
        """Say whether this reader selects events of that class."""
        return self.wanted is None or issubclass(kind, self.wanted)

    def selects(self, kind: type[RealtimeSessionEvent]) -> bool:
        """Say whether events of that class have to be built for this reader."""
        return (self._selects or self.begun) and self.wants(kind)

    def put(self, event: RealtimeSessionEvent | Unbuilt, size: int = 0, audio_ms: float = 0.0) -> Overflow | None:
        """Append an event; say what there is too much of, after the policy has done what it may.

        The newest piece of audio is kept even if it is over the bounds by itself. ``"control"`` means that what may not
        be dropped is over the bytes.

        Args:
            event: the event.
            size: bytes of its payload.
            audio_ms: length of its audio.
        """
        kind, size = type(event), size + _EVENT_BYTES
        if isinstance(event, Unbuilt):
            kind, size = event.kind, size + _FIELDS_BYTES
        is_audio = kind is RealtimeAudio
        entry = _Entry(event, size, audio_ms, is_audio)
        self._entries.append(entry)
        self._bytes += size
        if self._bytes > self._peak:  # noqa: PLR1730 - max() costs more, and this is done for every event
            self._peak = self._bytes
        if is_audio:
            self._audio.append(entry)
            self._audio_ms += audio_ms
            self._audio_bytes += size
        if self._bytes <= self._max_bytes and self._audio_ms <= self._max_ms:
            return None
        if not self.begun:
            self._drop_oldest()
            return None
        if self._bytes - self._audio_bytes > self.settings.max_buffered_bytes:
            return "control"
        if self.settings.overflow != "drop_oldest":
            return "audio"
        self._drop_audio()
        return None

    def put_first(self, event: RealtimeSessionEvent) -> None:
        """Put an event before everything that waits, after others that were put there."""
        self._first.append(event)
        self._count(_EVENT_BYTES)

    def hold(self, hold: Hold) -> None:
        """Keep back what comes from here on until ``hold`` is released."""
        self._entries.append(_Entry(hold))
        self._holds += 1

    def insert_before(self, hold: Hold, events: Iterable[tuple[RealtimeSessionEvent, int]]) -> None:
        """Put events with their sizes where ``hold`` stands, so that they come before what it keeps back."""
        place = next((i for i, entry in enumerate(self._entries) if entry.event is hold), None)
        for event, size in events:
            entry = _Entry(event, size + _EVENT_BYTES)
            if place is None:
                self._entries.append(entry)
            else:
                self._entries.insert(place, entry)
                place += 1
            self._count(entry.size)

    def pop(self) -> RealtimeSessionEvent | None:
        """Take the next event, or None if there is none or a hold keeps it back."""
        if self._first:
            self._bytes -= _EVENT_BYTES
            return self._first.popleft()
        while self._entries:
            entry = self._entries[0]
            event = entry.event
            if isinstance(event, Hold):
                if not event.released:
                    return None
                self._entries.popleft()
                self._holds -= 1
            elif event is None:
                self._entries.popleft()
                self._empty -= 1
            else:
                self._entries.popleft()
                if entry.is_audio:
                    self._audio.popleft()
                self._forget(entry)
                return event.build() if isinstance(event, Unbuilt) else event
        return None

    def purge_audio(self, response_id: str | None) -> None:
        """Remove undelivered audio of a response; None for all."""
        kept: deque[_Entry] = deque()
        for entry in self._audio:
            if response_id is not None and getattr(entry.event, "response_id", None) != response_id:
                kept.append(entry)
            else:
                self._vacate(entry)
                self._purged += 1
        self._audio = kept
        self._compact()

    def is_held(self) -> bool:
        """Say whether a hold keeps anything back."""
        return self._holds > 0

    def is_full(self) -> bool:
        """Say whether more waits than may."""
        return self._bytes > self.settings.max_buffered_bytes or self._audio_ms > self.settings.max_buffered_ms

    def statistics(self) -> BufferStatistics:
        """Give the counters now."""
        return BufferStatistics(
            events=len(self),
            bytes=self._bytes,
            audio_ms=self._audio_ms,
            peak_bytes=self._peak,
            dropped_events=self._dropped,
            dropped_ms=self._dropped_ms,
            purged_events=self._purged,
        )

    def _count(self, size: int) -> None:
        self._bytes += size
        self._peak = max(self._peak, self._bytes)

    def _forget(self, entry: _Entry) -> None:
        self._bytes -= entry.size
        if entry.is_audio:
            self._audio_bytes -= entry.size
            self._audio_ms = self._audio_ms - entry.audio_ms if self._audio_bytes else 0.0  # no rest of rounding

    def _vacate(self, entry: _Entry) -> None:
        self._forget(entry)
        entry.event = None
        self._empty += 1

    def _drop(self, entry: _Entry) -> None:
        self._dropped += 1
        self._dropped_ms += entry.audio_ms
        self._vacate(entry)

    def _drop_audio(self) -> None:
        """Drop the oldest audio until the bounds hold, but never the newest piece."""
        while len(self._audio) > 1 and self.is_full():
            self._drop(self._audio.popleft())
        self._compact()

    def _drop_oldest(self) -> None:
        """Drop the oldest of everything until the bounds hold, but never the newest. Holds stay until released."""
        holds: list[_Entry] = []
        while len(self._entries) > 1 and self.is_full():
            entry = self._entries.popleft()
            if isinstance(entry.event, Hold):
                if entry.event.released:
                    self._holds -= 1
                else:
                    holds.append(entry)
                continue
            if entry.event is not None:
                if entry.is_audio:
                    self._audio.popleft()
                self._drop(entry)
            self._empty -= 1
        self._entries.extendleft(reversed(holds))

    def _compact(self) -> None:
        """Give back the empty places once they are the most."""
        if self._empty > 64 and self._empty * 2 > len(self._entries):
            self._entries = deque(entry for entry in self._entries if entry.event is not None)
            self._empty = 0
