"""Keeps the history to what was heard: speech is cut where it was interrupted, and what nobody heard is taken out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from trio_realtime.core.heard import Cut, WordTiming
from trio_realtime.events import RealtimeHistoryUpdated
from trio_realtime.items import AssistantAudio, AssistantMessageItem
from trio_realtime.model_events import (
    RealtimeModelAudioEvent,
    RealtimeModelItemTruncatedEvent,
    RealtimeModelTranscriptTimingEvent,
)
from trio_realtime.model_inputs import RealtimeModelSendInterrupt, TruncationPoint
from trio_realtime.session_tasks.responses import Response

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["HeardHistory"]

_TIMED: Final = 64  # parts whose words' times are remembered


class HeardHistory:
    """Brings interruptions into the history of one session."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._timings: dict[tuple[str, int], list[WordTiming]] = {}

    def cut(self, points: Sequence[TruncationPoint], responses: Iterable[Response]) -> Sequence[TruncationPoint]:
        """Cut the history at ``points``, and take out the items of interrupted responses that had no sound yet.

        Returns:
            what the server has to be told: the points, and one at 0 for each of these items.
        """
        told = list(points)
        known = {point.item_id for point in points}
        for response in responses:
            response.cut = True
            silent = [item_id for item_id in response.items if item_id not in known and self._is_unheard(item_id)]
            told += [TruncationPoint(item_id=item_id, content_index=0, audio_end_ms=0) for item_id in silent]
        changed = False
        for point in told:
            changed = self._apply(point.item_id, point.content_index, point.audio_end_ms) or changed
        if changed:
            self._publish(None)
        return told

    def late_words(self, item_id: str) -> None:
        """Words of a response that was interrupted have come; of an item without any sound, nobody hears them."""
        if self._is_unheard(item_id):
            self._take_out(item_id)

    def late_audio(self, event: RealtimeModelAudioEvent) -> None:
        """Audio has come that nobody will hear; its item is longer than was known when it was cut, or all unheard."""
        hub = self._hub
        response = hub.responses.get(event.response_id)
        if response is None or not response.cut:
            return
        if not hub.playback.had_audio(event.item_id):
            self._take_out(event.item_id)
        hub.playback.received_late(event.item_id, event.content_index, len(event.data))
        cut = hub.conversation.cut_of(event.item_id, event.content_index)
        if cut is not None:
            self._apply(event.item_id, event.content_index, cut.heard_ms)

    def truncated(self, event: RealtimeModelItemTruncatedEvent) -> None:
        """The server has cut an item, by our word or by its own."""
        cut = self._hub.conversation.cut_of(event.item_id, event.content_index)
        if cut is not None and cut.heard_ms == event.audio_end_ms:
            return
        if self._apply(event.item_id, event.content_index, event.audio_end_ms, delete=False):
            self._publish(event.received_at)

    def timing(self, event: RealtimeModelTranscriptTimingEvent) -> None:
        """The service tells where a word is in its audio."""
        key = (event.item_id, event.content_index)
        self._timings.setdefault(key, []).append(WordTiming(event.text, event.audio_start_ms, event.audio_end_ms))
        if len(self._timings) > _TIMED:
            del self._timings[next(iter(self._timings))]
        cut = self._hub.conversation.cut_of(*key)
        if cut is not None and self._apply(*key, cut.heard_ms):
            self._publish(event.received_at)

    def _apply(self, item_id: str, index: int, heard_ms: int, *, delete: bool = True) -> bool:
        conversation = self._hub.conversation
        if heard_ms <= 0 and delete:
            return conversation.delete(item_id)
        total = self._hub.playback.total_ms(item_id, index)
        words = tuple(self._timings.get((item_id, index), ()))
        news = conversation.truncate(item_id, index, Cut(heard_ms=heard_ms, total_ms=total, words=words))
        if news and self._hub.stored is not None:
            self._hub.stored.cut(item_id, index, heard_ms)
        return news

    def _is_unheard(self, item_id: str) -> bool:
        """Say whether an item is speech of which no sound has come."""
        item = self._hub.conversation.get(item_id)
        spoken = isinstance(item, AssistantMessageItem) and any(isinstance(p, AssistantAudio) for p in item.content)
        return spoken and not self._hub.playback.had_audio(item_id)

    def _take_out(self, item_id: str) -> None:
        if self._hub.conversation.delete(item_id):
            point = TruncationPoint(item_id=item_id, content_index=0, audio_end_ms=0)
            self._hub.outbox.send_first(RealtimeModelSendInterrupt(playback_only=True, truncations=(point,)))
            self._publish(None)

    def _publish(self, received_at: float | None) -> None:
        history = self._hub.told_history()
        self._hub.publish(RealtimeHistoryUpdated(info=self._hub.info, history=history, received_at=received_at))
