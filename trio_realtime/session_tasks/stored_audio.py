"""Keeps the audio of the conversation in its history, for sessions that want it (``store_audio``).

The user's audio is seen on its way out, by a connection that stands before the model's own; the agent's on its way in.
A session that stores none has neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import attrs
import pybase64

from trio_realtime._structure import NOT_GIVEN
from trio_realtime.audio import AudioFormat
from trio_realtime.core.recording import InputRecording
from trio_realtime.errors import ServerError
from trio_realtime.events import RealtimeHistoryUpdated
from trio_realtime.items import AssistantAudio, AssistantMessageItem, InputAudio, RealtimeItem, UserMessageItem
from trio_realtime.model import RealtimeConnection, RealtimeModel, Unfinished
from trio_realtime.model_events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelSpeechStartedEvent,
    RealtimeModelSpeechStoppedEvent,
    RealtimeModelTurnEndedEvent,
)
from trio_realtime.model_inputs import RealtimeModelSendAudio, RealtimeModelSendEvent, RealtimeModelSendRawMessage
from trio_realtime.transport.lending import Lending

if TYPE_CHECKING:
    from trio_realtime.config import RealtimeModelConfig
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["StoredAudio"]

_SEEN = 64  # the newest items of the user's that were looked at: each is told of several times
_EMPTY = "input_audio_buffer_commit_empty"

Key = tuple[str, int]
Handler = Callable[[Any], None]


@attrs.define
class _Part:
    """The audio of one part of an item: as it grows, and then only how much it is."""

    response_id: str
    format: AudioFormat
    size: int = 0
    pieces: list[bytes] = attrs.Factory(list[bytes])
    heard_ms: int | None = None


class StoredAudio:
    """The stored audio of one session, oldest first.

    Attributes:
        size: bytes of it that are stored.
        forgotten: bytes of it that were dropped, because there was more of it than is to be stored.
    """

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._most = hub.run_config.max_stored_audio_bytes
        self._parts: dict[Key, _Part] = {}
        self._indices: dict[str, set[int]] = {}
        self._growing: dict[Key, str] = {}  # with the response, so that what is dropped meanwhile does not begin anew
        self._seen: dict[str, None] = {}
        self._plain: dict[str, tuple[RealtimeItem, RealtimeItem]] = {}
        self.size: int = 0
        self.forgotten: int = 0
        hub.conversation.when_deleted = self._item_gone

    def recorded(self, model: RealtimeModel) -> RealtimeModel:
        """Give a model whose connections remember the user's audio, as long as an item may still be made of it."""
        return _RecordingModel(model, self._most, self._detects_turns)

    def _detects_turns(self) -> bool:
        settings = self._hub.supervisor.configuration.settings
        detection: Any = getattr(getattr(settings.audio, "input", None), "turn_detection", NOT_GIVEN)
        return (settings.turn_detection if detection is NOT_GIVEN else detection) is not None

    # -- what the model says -----------------------------------------------------------------------------------------

    def listening(self, handlers: Mapping[type[Any], Handler]) -> dict[type[Any], Handler]:
        """Give handlers of model events that see the audio too."""

        def after(kind: type[Any], look: Handler) -> Handler:
            handle = handlers[kind]

            def both(event: Any) -> None:
                handle(event)
                look(event)

            return both

        looks: dict[type[Any], Handler] = {
            RealtimeModelAudioEvent: self._piece,
            RealtimeModelAudioDoneEvent: self._done,
            RealtimeModelTurnEndedEvent: self._turn_ended,
            RealtimeModelSpeechStartedEvent: self._speech_started,
            RealtimeModelSpeechStoppedEvent: self._speech_stopped,
            RealtimeModelErrorEvent: self._error,
        }
        handle_item = handlers[RealtimeModelItemUpdatedEvent]
        return {
            **handlers,
            RealtimeModelItemUpdatedEvent: lambda event: handle_item(self._with_audio(event)),
            **{kind: after(kind, look) for kind, look in looks.items()},
        }

    def _piece(self, event: RealtimeModelAudioEvent) -> None:
        hub, key = self._hub, (event.item_id, event.content_index)
        response = hub.responses.get(event.response_id)
        if hub.responses.is_silenced(event.response_id) or (response and not response.default_conversation):
            return
        if key not in self._growing:
            self._growing[key] = event.response_id
            self._add(key, _Part(event.response_id, hub.playback.format))
        part = self._parts.get(key)
        if part is not None:
            part.pieces.append(event.data)
            self._count(part, len(event.data))

    def _done(self, event: RealtimeModelAudioDoneEvent) -> None:
        self._complete((event.item_id, event.content_index))

    def _turn_ended(self, event: RealtimeModelTurnEndedEvent) -> None:
        for key in [key for key, response_id in self._growing.items() if response_id == event.response_id]:
            self._complete(key)

    def _complete(self, key: Key) -> None:
        if self._growing.pop(key, None) is not None and self._settle(key, None):
            history = self._hub.told_history()
            self._hub.offer(RealtimeHistoryUpdated, history=history, received_at=None)

    def cut(self, item_id: str, index: int, heard_ms: int) -> None:
        """Speech was cut: of its audio there stays what was heard."""
        for other in sorted(self._indices.get(item_id, ())):
            if other >= index:
                self._settle((item_id, other), heard_ms if other == index else 0)

    def _settle(self, key: Key, heard_ms: int | None) -> bool:
        """Put the audio of a part into the history, as far as it was heard; says whether that is news."""
        part, item = self._parts.get(key), self._hub.conversation.get(key[0])
        if part is None or (not part.pieces and part.heard_ms == heard_ms):
            return False
        if not isinstance(item, AssistantMessageItem):  # it has gone, or never was one of the conversation
            self._drop(key)
            return False
        heard_ms = part.heard_ms if heard_ms is None else heard_ms
        audio = b"".join(part.pieces) or _decoded(item, key[1])
        if heard_ms is not None:
            width = 2 if part.format.type == "audio/pcm" else 1
            audio = audio[: int(heard_ms * part.format.bytes_per_second / 1000) // width * width]
        part.heard_ms = heard_ms
        part.pieces.clear()
        self._count(part, len(audio) - part.size)
        self._plain.pop(key[0], None)
        if not self._hub.conversation.set_audio(*key, _encoded(audio) if audio else None):
            self._drop(key)
            return False
        return True

    # -- what the user says ------------------------------------------------------------------------------------------

    def _recording(self) -> InputRecording:
        connection = self._hub.connection
        return connection.recording if isinstance(connection, _RecordedConnection) else InputRecording(0)

    def _speech_started(self, event: RealtimeModelSpeechStartedEvent) -> None:
        self._recording().speech_started(event.item_id, event.audio_start_ms)

    def _speech_stopped(self, event: RealtimeModelSpeechStoppedEvent) -> None:
        self._recording().speech_stopped(event.item_id, event.audio_end_ms)

    def _error(self, event: RealtimeModelErrorEvent) -> None:
        if isinstance(event.error, ServerError):
            self._recording().refused(event.error.event_id, certain=event.error.code == _EMPTY)

    def _with_audio(self, event: RealtimeModelItemUpdatedEvent) -> RealtimeModelItemUpdatedEvent:
        """Give the first word of a spoken item together with its audio."""
        hub, item = self._hub, event.item
        if not isinstance(item, UserMessageItem) or hub.item_answers.expects(item.item_id):
            return event
        spoken = next((index for index, part in enumerate(item.content) if isinstance(part, InputAudio)), None)
        known = item.item_id in self._seen or item.item_id in hub.replayed
        if spoken is None or known or (item.item_id in hub.conversation and not event.anchored):
            return event
        self._seen[item.item_id] = None
        if len(self._seen) > _SEEN:
            del self._seen[next(iter(self._seen))]
        audio, key = self._recording().take(item.item_id), (item.item_id, spoken)
        if not audio:
            return event
        self._add(key, _Part("", hub.connection.input_audio_format))
        self._count(self._parts[key], len(audio))
        if key not in self._parts:
            return event
        content: list[Any] = list(item.content)
        content[spoken] = attrs.evolve(content[spoken], audio=_encoded(audio))
        return attrs.evolve(event, item=attrs.evolve(item, content=tuple(content)))

    # -- how much ----------------------------------------------------------------------------------------------------

    def _add(self, key: Key, part: _Part) -> None:
        self._parts[key] = part
        self._indices.setdefault(key[0], set()).add(key[1])

    def _count(self, part: _Part, more: int) -> None:
        part.size += more
        self.size += more
        while self._most is not None and self.size > self._most:
            oldest = next(iter(self._parts))
            self.forgotten += self._parts[oldest].size
            self._drop(oldest)
            self._hub.conversation.set_audio(*oldest, None)

    def _drop(self, key: Key) -> None:
        self.size -= self._parts.pop(key).size
        self._plain.pop(key[0], None)
        self._indices[key[0]].discard(key[1])
        if not self._indices[key[0]]:
            del self._indices[key[0]]

    def _item_gone(self, item_id: str) -> None:
        for index in tuple(self._indices.get(item_id, ())):
            self._drop((item_id, index))

    # -- without it ---------------------------------------------------------------------------------------------------

    def without(self, history: Iterable[RealtimeItem]) -> tuple[RealtimeItem, ...]:
        """Give items without the audio that is stored here, for a snapshot or an event."""
        return tuple(self.plain(item) for item in history)

    def plain(self, item: RealtimeItem) -> RealtimeItem:
        """Give an item without the audio that is stored here."""
        if item.item_id not in self._indices or not isinstance(item, UserMessageItem | AssistantMessageItem):
            return item
        made = self._plain.get(item.item_id)
        if made is None or made[0] is not item:
            stored = self._indices[item.item_id]
            content: Sequence[Any] = item.content
            parts = tuple(attrs.evolve(part, audio=None) if i in stored else part for i, part in enumerate(content))
            made = self._plain[item.item_id] = (item, attrs.evolve(item, content=cast("Any", parts)))
        return made[1]


def _encoded(audio: bytes) -> str:
    return pybase64.b64encode(audio).decode("ascii")


def _decoded(item: AssistantMessageItem, index: int) -> bytes:
    part = item.content[index] if index < len(item.content) else None
    return pybase64.b64decode((isinstance(part, AssistantAudio) and part.audio) or "")


# -- on the way out --------------------------------------------------------------------------------------------------


class _RecordingModel(RealtimeModel):
    def __init__(self, model: RealtimeModel, limit: int | None, detects: Callable[[], bool]) -> None:
        self._model = model
        self._limit = limit
        self._detects = detects

    def connect(self, config: RealtimeModelConfig) -> AbstractAsyncContextManager[RealtimeConnection]:
        return _Connecting(self._model.connect(config), self._limit, self._detects)


class _Connecting(AbstractAsyncContextManager[RealtimeConnection]):
    def __init__(
        self,
        inner: AbstractAsyncContextManager[RealtimeConnection],
        limit: int | None,
        detects: Callable[[], bool],
    ) -> None:
        self._inner = inner
        self._limit = limit
        self._detects = detects

    async def __aenter__(self) -> RealtimeConnection:
        return _RecordedConnection(await self._inner.__aenter__(), InputRecording(self._limit), self._detects)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, traceback)


class _RecordedConnection(RealtimeConnection):
    """A connection that shows what goes out to a recording."""

    def __init__(self, inner: RealtimeConnection, recording: InputRecording, detects: Callable[[], bool]) -> None:
        self._inner = inner
        self._recording = recording
        self._detects = detects
        self.confirms_configuration = inner.confirms_configuration
        self.restorable = inner.restorable
        self.names_requests = inner.names_requests

    @property
    def recording(self) -> InputRecording:
        """What was recorded, in the format and with the turn detection of now."""
        self._recording.format, self._recording.detects = self._inner.input_audio_format, self._detects()
        return self._recording

    @property
    def output_audio_format(self) -> AudioFormat:
        return self._inner.output_audio_format

    @property
    def input_audio_format(self) -> AudioFormat:
        return self._inner.input_audio_format

    @property
    def expires_at(self) -> float:
        return self._inner.expires_at

    @property
    def idle(self) -> bool:
        return self._inner.idle

    @property
    def voice_fixed(self) -> bool:
        return self._inner.voice_fixed

    @property
    def responding(self) -> bool:
        return self._inner.responding

    def unfinished(self) -> Unfinished:
        return self._inner.unfinished()

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        self._look(event)
        await self._inner.send_event(event)

    def send_audio_nowait(self, audio: bytes) -> bool:
        sent = self._inner.send_audio_nowait(audio)
        if sent:
            self.recording.append(audio)
        return sent

    async def send_events(self, events: Sequence[RealtimeModelSendEvent]) -> None:
        for event in events:
            self._look(event)
        await self._inner.send_events(events)

    def _look(self, event: RealtimeModelSendEvent) -> None:
        if isinstance(event, RealtimeModelSendAudio):
            self.recording.append(event.audio)
            if event.commit:
                self.recording.commit(event.event_id)
        elif isinstance(event, RealtimeModelSendRawMessage):
            self._look_at_raw(event.message.type, event.message.other_data)

    def _look_at_raw(self, type_: str, data: Mapping[str, Any]) -> None:
        if type_ == "input_audio_buffer.commit":
            self.recording.commit(data.get("event_id"))
        elif type_ == "input_audio_buffer.clear":
            self.recording.clear()
        elif type_ == "input_audio_buffer.append":
            try:
                self.recording.append(pybase64.b64decode(data.get("audio") or "", validate=True))
            except (TypeError, ValueError):
                return  # it is refused

    async def __anext__(self) -> RealtimeModelEvent:
        return await self._inner.__anext__()

    def next_nowait(self) -> RealtimeModelEvent | None:
        return self._inner.next_nowait()

    @property
    def lending(self) -> Lending | None:
        return self._inner.lending

    async def deliver(self, take: Callable[[RealtimeModelEvent], bool]) -> None:
        await self._inner.deliver(take)

    def next_deadline(self) -> float:
        return self._inner.next_deadline()

    def expire(self, now: float) -> Sequence[RealtimeModelEvent]:
        return self._inner.expire(now)

    async def aclose(self) -> None:
        await self._inner.aclose()
