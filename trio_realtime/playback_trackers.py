"""Playback trackers for three usual ends of a line: a loudspeaker here, a telephone, a browser.

Each is a :class:`~trio_realtime.RealtimePlaybackTracker`: give it as ``model_config={"playback_tracker": tracker}``,
tell it of each ``audio`` event that you pass on, and of what the far end says it has played. It never says that more
was heard than that, and a word about audio from before an interruption changes nothing.
"""

from __future__ import annotations

from collections import deque
from threading import Lock

from trio_realtime.audio import RealtimePlaybackState, RealtimePlaybackTracker
from trio_realtime.events import RealtimeAudio
from trio_realtime.ids import new_id

__all__ = ["BrowserPlaybackTracker", "LocalPlaybackTracker", "MarkPlaybackTracker"]

_Part = tuple[str, int]


class _SentTracker(RealtimePlaybackTracker):
    """Knows what was passed on, part by part, and how far the listener is."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._sent: dict[_Part, float] = {}

    def _add(self, event: RealtimeAudio) -> tuple[_Part, float]:
        """Count the audio of an event; give its part and how much of that was passed on up to now, in milliseconds."""
        part = (event.item_id, event.content_index)
        self._sent[part] = self._sent.get(part, 0.0) + self._format.duration_ms(len(event.audio.data))
        return part, self._sent[part]

    def _reached(self, part: _Part, ms: float) -> None:
        """The listener is at ``ms`` of a part: those before it are over. It only goes forward."""
        if part not in self._sent:
            return
        while (first := next(iter(self._sent))) != part:
            del self._sent[first]
        state = self._state
        if part == (state.current_item_id, state.current_item_content_index):
            ms = max(ms, state.elapsed_ms or 0.0)
        self._state = RealtimePlaybackState(
            current_item_id=part[0], current_item_content_index=part[1], elapsed_ms=min(ms, self._sent[part])
        )

    def on_interrupted(self) -> None:
        """Forget the playback and all that was passed on; the session calls it when audio was interrupted."""
        with self._lock:
            super().on_interrupted()
            self._sent.clear()
            self._forget()

    def _forget(self) -> None:
        """Forget what else is known of audio that was passed on."""


class LocalPlaybackTracker(_SentTracker):
    """For a loudspeaker of this machine, whose driver asks for so many bytes at a time.

    Call :meth:`sent` for each ``audio`` event that you put into the device's queue, and :meth:`played` whenever the
    device has taken bytes from it; empty the queue on ``audio_interrupted``. :meth:`played` may be called from the
    driver's thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[tuple[_Part, int]] = deque()
        self._elapsed: tuple[_Part, float] = (("", 0), 0.0)

    def sent(self, event: RealtimeAudio) -> bytes:
        """Note that the audio of ``event`` goes into the device's queue, and give it."""
        with self._lock:
            part, _ = self._add(event)
            self._queue.append((part, len(event.audio.data)))
        return event.audio.data

    def played(self, size: int) -> None:
        """Note that the device has played ``size`` more bytes; silence beyond what was queued does not count."""
        with self._lock:
            while self._queue and size > 0:
                part, queued = self._queue.popleft()
                taken = min(size, queued)
                size -= taken
                if taken < queued:
                    self._queue.appendleft((part, queued - taken))
                before = self._elapsed[1] if self._elapsed[0] == part else 0.0
                self._elapsed = (part, before + self._format.duration_ms(taken))
                self._reached(*self._elapsed)

    def _forget(self) -> None:
        self._queue.clear()
        self._elapsed = (("", 0), 0.0)


class MarkPlaybackTracker(_SentTracker):
    """For a telephone whose provider has marks: named places in the audio that it echoes when they were played.

    Call :meth:`mark` for each ``audio`` event, send the audio and then a mark of that name; call :meth:`marked` when
    the provider echoes it. On ``audio_interrupted`` tell the provider to clear its buffer: it then echoes what was
    never played, and those echoes change nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._marks: dict[str, tuple[_Part, float]] = {}

    def mark(self, event: RealtimeAudio) -> str:
        """Note that the audio of ``event`` is sent, and give the name of the mark to send after it."""
        name = new_id("mark")
        with self._lock:
            self._marks[name] = self._add(event)
        return name

    def marked(self, name: str) -> None:
        """Note that everything up to this mark was played; a name that is not known (any more) is passed over."""
        with self._lock:
            if name not in self._marks:
                return
            reached = self._marks[name]
            while next(iter(self._marks)) != name:
                del self._marks[next(iter(self._marks))]
            del self._marks[name]
            self._reached(*reached)

    def _forget(self) -> None:
        self._marks.clear()


class BrowserPlaybackTracker(_SentTracker):
    """For a browser (or any remote player) that reports its position now and then.

    Call :meth:`sent` for each ``audio`` event that you send to it, and :meth:`played` with what it reports. Reports may
    come late, twice or out of order: only those that go forward count.
    """

    def sent(self, event: RealtimeAudio) -> bytes:
        """Note that the audio of ``event`` is sent to the browser, and give it."""
        with self._lock:
            self._add(event)
        return event.audio.data

    def played(self, item_id: str, played_ms: float, *, content_index: int = 0) -> None:
        """Note that the player is at ``played_ms`` milliseconds of an item; one that was not sent is passed over."""
        with self._lock:
            self._reached((item_id, content_index), max(played_ms, 0.0))
