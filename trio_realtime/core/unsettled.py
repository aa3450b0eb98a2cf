"""What a client has sent that the server has not settled: what is to be sent again on another connection.

An item is settled when the server has placed it, a deletion when it has been made, audio when an item was made of it.
Of audio the last 30 seconds are kept; what is older is dropped and counted. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from trio_realtime.audio import PCM16, AudioFormat
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendRawMessage,
)

__all__ = ["MAX_AUDIO_SECONDS", "Unsettled"]

_MAX_ENTRIES: Final = 1000
"""Events that are kept: many more than can be on their way."""
MAX_AUDIO_SECONDS: Final = 30.0
"""Audio that is kept: longer than most of what is said in one go, and 1.4 MB of 24 kHz PCM at most."""


@attrs.define(eq=False)
class _Audio:
    """Audio that was appended, in a row."""

    pieces: deque[bytes] = attrs.Factory(deque[bytes])


@attrs.define(eq=False)
class _Event:
    """A client event: the making or taking away of an item, or a commit."""

    type: str
    event_id: str | None
    item_id: str = ""
    fields: Mapping[str, Any] = attrs.Factory(dict[str, Any])


class Unsettled:
    """Keeps what was sent until the server has settled it."""

    __slots__ = ("_dropped", "_format", "_held", "_limit", "_log", "_open", "_sample", "_sent", "_stopped")

    def __init__(self) -> None:
        self._log: list[_Audio | _Event] = []
        self._open: _Audio | None = None
        self._held = 0  # bytes of audio in the log: the last that were sent
        self._sent = 0  # bytes of audio since the connection began
        self._stopped: int | None = None
        self._dropped = 0
        self._limit = int(PCM16.bytes_per_second * MAX_AUDIO_SECONDS)
        self._format = PCM16
        self._sample = 2  # bytes

    @property
    def audio_format(self) -> AudioFormat:
        """The format of the input audio."""
        return self._format

    @audio_format.setter
    def audio_format(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._sample = 2 if audio_format.type == "audio/pcm" else 1
        self._limit = int(audio_format.bytes_per_second * MAX_AUDIO_SECONDS)

    @property
    def dropped_ms(self) -> float:
        """How much of the audio that is not settled was too old to be kept."""
        return self._format.duration_ms(self._dropped)

    @property
    def has_audio(self) -> bool:
        """Whether there is audio that no item was made of."""
        return self._held > 0

    @property
    def has_events(self) -> bool:
        """Whether anything else is not settled."""
        return any(isinstance(entry, _Event) for entry in self._log)

    # -- what is sent ------------------------------------------------------------------------------------------------

    def audio(self, data: bytes) -> None:
        """Audio is appended to the server's buffer."""
        if not data:
            return
        if self._open is None:
            self._open = _Audio()
            self._log.append(self._open)
        self._open.pieces.append(data)
        self._sent += len(data)
        self._held += len(data)
        if self._held > self._limit:
            self._dropped += self._take_audio(self._held - self._limit)

    def commit(self, event_id: str | None) -> None:
        """An item is to be made of the buffer."""
        self._add(_Event("input_audio_buffer.commit", event_id))

    def clear(self) -> None:
        """The buffer is emptied: what no commit comes for is not wanted any more."""
        while self._log and isinstance(last := self._log[-1], _Audio):
            self._held -= sum(len(piece) for piece in last.pieces)
            self._log.pop()
        self._open = None
        self._dropped = 0

    def create(self, event_id: str | None, item: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        """An item is to be made: ``fields`` are those of the ``conversation.item.create``, the item among them."""
        self._add(_Event("conversation.item.create", event_id, str(item.get("id") or ""), fields))

    def delete(self, event_id: str | None, item_id: str) -> None:
        """An item is to be taken away."""
        self._add(_Event("conversation.item.delete", event_id, item_id, {"item_id": item_id}))

    def _add(self, event: _Event) -> None:
        self._log.append(event)
        self._open = None
        if len(self._log) > _MAX_ENTRIES:  # a server that confirms nothing
            self._log.remove(next(entry for entry in self._log if isinstance(entry, _Event)))

    # -- what the server says ----------------------------------------------------------------------------------------

    def created(self, item_id: str) -> Mapping[str, Any] | None:
        """The server has placed an item; gives it as it was sent, if it was."""
        event = self._settle("conversation.item.create", item_id)
        return event.fields.get("item") if event is not None else None

    def deleted(self, item_id: str) -> None:
        """The server has taken an item away."""
        self._settle("conversation.item.delete", item_id)

    def speech_stopped(self, audio_end_ms: float) -> None:
        """Turn detection has heard the end of what it commits next, in milliseconds since the connection began."""
        self._stopped = int(audio_end_ms * self._format.bytes_per_second / 1000)

    def committed(self) -> None:
        """The server has made an item of its buffer: for a commit that was sent, or by turn detection."""
        at = next((i for i, entry in enumerate(self._log) if _is_commit(entry)), None)
        if at is not None:
            for entry in self._log[:at]:
                if isinstance(entry, _Audio):
                    self._held -= sum(len(piece) for piece in entry.pieces)
            self._log = [entry for i, entry in enumerate(self._log) if i > at or not _of_buffer(entry)]
        else:
            end = self._sent if self._stopped is None else self._stopped
            self._take_audio(end - (self._sent - self._held), exactly=True)
        self._stopped = None
        self._dropped = 0

    def refused(self, event_id: str) -> None:
        """The server has refused a client event; nothing will come of it."""
        self._log = [entry for entry in self._log if not (isinstance(entry, _Event) and entry.event_id == event_id)]

    def refused_oldest(self, kind: str) -> None:
        """The server has refused a client event of type ``kind`` without saying which: it was the oldest."""
        for entry in self._log:
            if isinstance(entry, _Event) and entry.type == kind:
                self._log.remove(entry)
                return

    # -- the end -----------------------------------------------------------------------------------------------------

    def rest(self) -> list[RealtimeModelSendEvent]:
        """Give what is not settled, to be sent again in this order."""
        return [event for entry in self._log for event in self._again(entry)]

    def _again(self, entry: _Audio | _Event) -> Iterator[RealtimeModelSendEvent]:
        if isinstance(entry, _Event):
            name = {} if entry.event_id is None else {"event_id": entry.event_id}  # its sender knows the answer by it
            message = RealtimeModelRawClientMessage(type=entry.type, other_data={**name, **entry.fields})
            yield RealtimeModelSendRawMessage(message=message)
            return
        second, gathered, size = self._format.bytes_per_second, list[bytes](), 0
        for piece in entry.pieces:
            gathered.append(piece)
            size += len(piece)
            if size >= second:
                yield RealtimeModelSendAudio(audio=b"".join(gathered))
                gathered, size = [], 0
        if gathered:
            yield RealtimeModelSendAudio(audio=b"".join(gathered))

    def _settle(self, kind: str, item_id: str) -> _Event | None:
        for entry in self._log:
            if isinstance(entry, _Event) and entry.type == kind and entry.item_id == item_id:
                self._log.remove(entry)
                return entry
        return None

    def _take_audio(self, size: int, *, exactly: bool = False) -> int:
        """Take away the oldest audio, ``size`` bytes or up to a piece more; gives how much it was.

        ``exactly``: no more than that; a piece is cut between two samples.
        """
        taken = 0
        for entry in [entry for entry in self._log if isinstance(entry, _Audio)]:
            while entry.pieces and taken < size:
                rest = (size - taken) // self._sample * self._sample
                if exactly and len(entry.pieces[0]) > rest:
                    entry.pieces[0] = entry.pieces[0][rest:]
                    taken += rest
                    break
                taken += len(entry.pieces.popleft())
            if entry.pieces:
                break
            if entry is not self._open:
                self._log.remove(entry)
        self._held -= taken
        return taken


def _is_commit(entry: _Audio | _Event) -> bool:
    return isinstance(entry, _Event) and entry.type == "input_audio_buffer.commit"


def _of_buffer(entry: _Audio | _Event) -> bool:
    return isinstance(entry, _Audio) or _is_commit(entry)
