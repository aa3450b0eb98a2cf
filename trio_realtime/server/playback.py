"""The output audio buffer of a session that is attached to a phone call: what is being played to the caller."""

from __future__ import annotations

import attrs

__all__ = ["Playback"]


@attrs.define
class Playback:
    """Which response is being played, and until when.

    Only sessions attached to a call have such a buffer; elsewhere nothing is reported. The methods give event types
    with the response they are about. Times are seconds of the session's clock.
    """

    reports: bool
    stops_at: float | None = None
    _response_id: str | None = None
    _started: float = 0.0

    def start(self, response_id: str, now: float) -> list[tuple[str, str]]:
        """The first audio of a response begins to play."""
        if not self.reports:
            return []
        self._response_id, self._started, self.stops_at = response_id, now, None
        return [("output_audio_buffer.started", response_id)]

    def finish(self, response_id: str, audio_ms: float) -> None:
        """All audio of a response is there: it stops when that has been played."""
        if self._response_id == response_id:
            self.stops_at = self._started + audio_ms / 1000

    def tick(self, now: float) -> list[tuple[str, str]]:
        """Stop if everything has been played."""
        if self.stops_at is None or now < self.stops_at:
            return []
        return self._end("output_audio_buffer.stopped")

    def clear(self) -> list[tuple[str, str]]:
        """Throw away what was not played; nothing if nothing plays."""
        return self._end("output_audio_buffer.cleared")

    def _end(self, kind: str) -> list[tuple[str, str]]:
        response_id, self._response_id, self.stops_at = self._response_id, None, None
        return [] if response_id is None else [(kind, response_id)]
