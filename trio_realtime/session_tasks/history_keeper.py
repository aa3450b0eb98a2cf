"""What a session keeps of the conversation: its items, and the words of both sides as they become known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from trio_realtime._growing import GrowingText
from trio_realtime.core.conversation import PartKind
from trio_realtime.core.replay import ROOT
from trio_realtime.errors import ServerError
from trio_realtime.events import RealtimeHistoryAdded, RealtimeHistoryUpdated, RealtimeTranscript
from trio_realtime.items import (
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    RealtimeItem,
    RealtimeToolCallItem,
    UserMessageItem,
)
from trio_realtime.model_events import (
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelInputAudioTranscriptionDeltaEvent,
    RealtimeModelInputAudioTranscriptionFailedEvent,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelOutputTextDoneEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTranscriptDoneEvent,
)

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.session_tasks.responses import Response

__all__ = ["HistoryKeeper"]


class HistoryKeeper:
    """Brings the history up to date with the model's events, and tells the application and the guardrails."""

    __slots__ = ("_begun_calls", "_hub")

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._begun_calls: set[str] = set()

    def call_complete(self, event: RealtimeModelToolCallEvent) -> None:
        """Announce a call that is complete without arguments, if its item waits for that."""
        if event.id in self._begun_calls:
            self._begun_calls.discard(event.id)
            self._history_added(event.id, event.received_at)

    def _transcript_delta(self, event: RealtimeModelTranscriptDeltaEvent) -> None:
        self._words(event, "assistant_audio", event.delta)

    def _text_delta(self, event: RealtimeModelOutputTextDeltaEvent) -> None:
        self._words(event, "assistant_text", event.delta)

    def _transcript_done(self, event: RealtimeModelTranscriptDoneEvent) -> None:
        self._final_words(event, "assistant_audio", event.transcript)

    def _text_done(self, event: RealtimeModelOutputTextDoneEvent) -> None:
        self._final_words(event, "assistant_text", event.text)

    def _words(
        self, event: RealtimeModelTranscriptDeltaEvent | RealtimeModelOutputTextDeltaEvent, kind: PartKind, delta: str
    ) -> None:
        hub = self._hub
        response = hub.responses.get(event.response_id)
        if response is None or response.default_conversation:
            text = self._add_words(event, kind, delta)
        else:
            text = hub.out_of_band_words(event.item_id, event.content_index, delta)
        if response is not None:
            response.items.setdefault(event.item_id)
            if response.cut:
                hub.heard.late_words(event.item_id)
        self._transcript("assistant", event, delta, text)
        hub.guardrails.feed(event.response_id, event.item_id, event.content_index, delta)

    def _final_words(
        self, event: RealtimeModelTranscriptDoneEvent | RealtimeModelOutputTextDoneEvent, kind: PartKind, text: str
    ) -> None:
        hub = self._hub
        response = hub.responses.get(event.response_id)
        if response is not None:
            response.items.setdefault(event.item_id)
        if response is None or response.default_conversation:
            change = hub.conversation.finish_words(event.item_id, event.content_index, text, kind)
            if change == "added":
                self._history_added(event.item_id, event.received_at)
        if response is not None and response.cut:
            hub.heard.late_words(event.item_id)
            self._history_updated(event.received_at)
        self._transcript("assistant", event, "", text, final=True)
        hub.guardrails.feed_final(event.response_id, event.item_id, event.content_index, text)

    def _transcript(
        self, role: Any, event: Any, delta: str, text: str | GrowingText, *, final: bool = False, error: Any = None
    ) -> None:
        hub = self._hub
        fields = {
            "info": hub.info,
            "role": role,
            "item_id": event.item_id,
            "delta": delta,
            "text": text,
            "final": final,
            "error": error,
            "content_index": event.content_index,
            "response_id": getattr(event, "response_id", None),
            "received_at": event.received_at,
        }
        hub.offer_fields(RealtimeTranscript, fields, len(text) if final else len(delta), 0.0)

    def _history_updated(self, received_at: float | None) -> None:
        history = self._hub.told_history()
        self._hub.offer(RealtimeHistoryUpdated, history=history, received_at=received_at)

    def _history_added(self, item_id: str, received_at: float | None) -> None:
        item = self._hub.conversation.get(item_id)
        most = self._hub.run_config.max_history_items
        if most is not None:
            self._hub.conversation.keep(most)
        if item is not None:
            stored = self._hub.stored
            item = item if stored is None else stored.plain(item)
            self._hub.offer(RealtimeHistoryAdded, item=item, received_at=received_at)

    def _add_words(self, event: Any, kind: PartKind, delta: str) -> GrowingText:
        """Add words to the history, and give all of their part; words may come before their item."""
        conversation = self._hub.conversation
        known = event.item_id in conversation
        text = conversation.add_words(event.item_id, event.content_index, delta, kind)
        if not known:
            self._history_added(event.item_id, event.received_at)
        return text

    def _item_updated(self, event: RealtimeModelItemUpdatedEvent) -> None:
        item, received_at = event.item, event.received_at
        own = self._hub.item_answers.expects(item.item_id)
        if event.anchored:
            self._hub.item_answers.done("create", item.item_id)
            item = self._beside_what_is_local(item)
        if item.item_id in self._hub.replayed:
            return  # it comes from here, and here more is known of it
        change = self._hub.conversation.upsert(item, anchored=event.anchored)
        if change == "added" and not own and isinstance(item, UserMessageItem) and _is_spoken(item):
            self._hub.item_answers.done("commit", "")
            if self._hub.input_gate.on:
                self._hub.input_gate.item(item.item_id)
        if isinstance(item, RealtimeToolCallItem) and not item.arguments and item.output is None:
            if change == "added":
                self._begun_calls.add(item.item_id)  # it is announced when its arguments are there
        elif change == "added" or item.item_id in self._begun_calls:
            self._begun_calls.discard(item.item_id)
            self._history_added(item.item_id, received_at)
        elif change == "updated":
            self._history_updated(received_at)

    def _beside_what_is_local(self, item: RealtimeItem) -> RealtimeItem:
        """Put an item behind those that only the local history has, and that the server was not told of."""
        known = self._hub.stands_for
        local = known.get(item.previous_item_id or ROOT) if known else None
        return item if local is None else attrs.evolve(item, previous_item_id=local)

    def _item_deleted(self, event: RealtimeModelItemDeletedEvent) -> None:
        self._hub.item_answers.done("delete", event.item_id)
        self._hub.input_gate.gone(event.item_id)
        if not self._hub.supervisor.replayer.is_remade(event.item_id) and self._hub.conversation.delete(event.item_id):
            self._history_updated(event.received_at)

    def words_of(self, response: Response) -> str:
        """All words of a response."""
        parts: list[str] = []
        for item_id in response.items:
            item = self._hub.conversation.get(item_id)
            if isinstance(item, AssistantMessageItem):
                for part in item.content:
                    words = part.text if isinstance(part, AssistantText) else part.transcript
                    parts.append(words or "")
        return "".join(parts)

    def _user_delta(self, event: RealtimeModelInputAudioTranscriptionDeltaEvent) -> None:
        text = self._add_words(event, "user_audio", event.delta)
        self._transcript("user", event, event.delta, text)

    def _user_completed(self, event: RealtimeModelInputAudioTranscriptionCompletedEvent) -> None:
        hub = self._hub
        if event.usage is not None:
            hub.wrapper.usage.add_transcription(event.usage, agent=hub.agent.name)
        change = hub.conversation.finish_words(event.item_id, event.content_index, event.transcript, "user_audio")
        self._transcript("user", event, "", event.transcript, final=True)
        if hub.input_gate.on:
            hub.input_gate.words(event.item_id, event.transcript)
        if change == "added":
            self._history_added(event.item_id, event.received_at)
        elif change == "updated":
            self._history_updated(event.received_at)

    def _user_failed(self, event: RealtimeModelInputAudioTranscriptionFailedEvent) -> None:
        text = self._hub.conversation.add_words(event.item_id, event.content_index, "", "user_audio")
        self._transcript("user", event, "", text, final=True, error=event.error)
        if self._hub.input_gate.on:
            fault = ServerError(event.error.message or "the transcription failed", code=event.error.code)
            self._hub.input_gate.words(event.item_id, text=str(text), error=fault)

    HANDLERS: ClassVar[Mapping[type[Any], Callable[[Any, Any], None]]] = {
        RealtimeModelTranscriptDeltaEvent: _transcript_delta,
        RealtimeModelTranscriptDoneEvent: _transcript_done,
        RealtimeModelOutputTextDeltaEvent: _text_delta,
        RealtimeModelOutputTextDoneEvent: _text_done,
        RealtimeModelItemUpdatedEvent: _item_updated,
        RealtimeModelItemDeletedEvent: _item_deleted,
        RealtimeModelInputAudioTranscriptionDeltaEvent: _user_delta,
        RealtimeModelInputAudioTranscriptionCompletedEvent: _user_completed,
        RealtimeModelInputAudioTranscriptionFailedEvent: _user_failed,
    }
    """The model events that concern the conversation, and what each means."""


def _is_spoken(item: UserMessageItem) -> bool:
    return any(isinstance(part, InputAudio) for part in item.content)
