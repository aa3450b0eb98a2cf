"""The conversation of one session: items in order, what the wire shows of them, and what the engine may know."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, overload

import attrs
import pybase64

from trio_realtime.server._schema import RefusedError
from trio_realtime.server.audio import AudioClip
from trio_realtime.server.settings import Json

__all__ = ["Conversation", "EngineView", "Item", "Tokens", "created_item", "spoken_item", "text_tokens"]

_AUDIO_KEPT: Final = 8
_INPUT_AUDIO_TOKEN_MS: Final = 100.0
_IMAGE_TOKENS: Final = 258
_ROUNDED_MS: Final = 1.0


def text_tokens(text: str) -> int:
    """Give a token count of a text: one for every four characters begun."""
    return (len(text) + 3) // 4


@attrs.frozen
class Tokens:
    """Token counts by modality."""

    text: int = 0
    audio: int = 0
    image: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio, self.image + other.image)

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.text - other.text, self.audio - other.audio, self.image - other.image)

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.audio + self.image


@attrs.define(eq=False)
class Item:
    """One item.

    Attributes:
        wire: the item as events show it, without audio and without images.
        full: the item as the client created it, or the same object as ``wire``.
        clip: the audio of a user's item, while it is kept.
        audio_ms: for an assistant's audio item, how much audio was sent (or is left after a truncation).
        truncated: whether it was cut; its transcript and length then stay as they are.
        heard: the words in the user's audio, as far as the engine could tell; known to the engine only, unless
            input transcription is configured. Of an assistant's item that was cut: the words that the user heard.
        tokens: what it costs as input.
    """

    wire: Json
    full: Json
    clip: AudioClip | None = None
    audio_ms: float | None = None
    truncated: bool = False
    heard: str | None = None
    tokens: Tokens = Tokens()
    spoken: list[tuple[float, str]] = attrs.field(factory=list[tuple[float, str]])
    """When the sound of each word of the assistant ends, in milliseconds."""

    def speak(self, words: Sequence[str], length_ms: float) -> None:
        """Note words that are spoken evenly over the next ``length_ms`` of the item's audio."""
        begin = self.spoken[-1][0] if self.spoken else 0.0
        whole = sum(map(len, words))
        said = 0
        for word in words:
            said += len(word)
            self.spoken.append((begin + length_ms * said / whole, word))

    def cut(self, audio_end_ms: float) -> None:
        """Keep what was heard: audio up to a moment, and the words whose sound had ended by then."""
        self.audio_ms = audio_end_ms
        self.truncated = True
        self.spoken = [(end, word) for end, word in self.spoken if end <= audio_end_ms + _ROUNDED_MS]
        self.heard = "".join(word for _, word in self.spoken)

    @property
    def id(self) -> str:
        """The item's id."""
        return str(self.wire["id"])

    @property
    def content(self) -> list[Json]:
        """The content parts, as events show them; empty for other items than messages."""
        parts: list[Json] = self.wire.get("content", [])
        return parts

    def snapshot(self) -> Json:
        """Give a copy of the item as events show it, which later changes do not touch."""
        return copy.deepcopy(self.wire)

    def for_engine(self) -> Json:
        """Give the item with everything in it that an engine may use: images, and the words that were heard."""
        item = {**self.full, "id": self.id}
        if self.heard is not None:
            item["content"] = [
                {**part, "transcript": self.heard} if part.get("type") in {"input_audio", "output_audio"} else part
                for part in self.full["content"]
            ]
        return item

    def retrieved(self) -> Json:
        """Give the item with its audio, as ``conversation.item.retrieved`` does."""
        item = self.snapshot()
        for part, whole in zip(item.get("content", ()), self.full.get("content", ()), strict=False):
            if part["type"] == "input_audio" and self.clip is not None:
                part["audio"] = pybase64.b64encode(self.clip.pcm).decode("ascii")
            if part["type"] == "input_image" and "image_url" in whole:
                part["image_url"] = whole["image_url"]
        return item

    def count(self) -> Tokens:
        """Count the item's tokens anew."""
        text, audio, image = 0, 0, 0
        for part in self.content:
            text += text_tokens(part.get("text") or "") + text_tokens(part.get("transcript") or "")
            image += _IMAGE_TOKENS if part.get("type") == "input_image" else 0
        if self.clip is not None:
            audio += round(self.clip.seconds * 1000 / _INPUT_AUDIO_TOKEN_MS)
        if self.audio_ms is not None:
            audio += round(self.audio_ms / _INPUT_AUDIO_TOKEN_MS)
        for key in ("arguments", "output", "name"):
            text += text_tokens(self.wire.get(key) or "")
        return Tokens(text, audio, image)


class Conversation:
    """Items in order. Ids are unique; the first item has no previous one."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._items: dict[str, Item] = {}
        self._calls: dict[str, int] = {}
        self._with_audio: list[Item] = []
        self.tokens: Tokens = Tokens()

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Item]:
        return (self._items[item_id] for item_id in self._order)

    def __getitem__(self, index: int) -> Item:
        return self._items[self._order[index]]

    def get(self, item_id: str) -> Item | None:
        """Give an item, or None if it is not (or no longer) here."""
        return self._items.get(item_id)

    @property
    def last_id(self) -> str | None:
        """The id of the last item."""
        return self._order[-1] if self._order else None

    def has_call(self, call_id: str) -> bool:
        """Whether a function call with this call id is here."""
        return self._calls.get(call_id, 0) > 0

    def insert(self, item: Item, after: str | None = None) -> str | None:
        """Insert an item and give the id of the one before it (None: it is the first).

        Args:
            item: the item.
            after: an item id, ``"root"`` for the beginning, or None for the end.

        Raises:
            RefusedError: the id is taken, or ``after`` is not here.
        """
        if item.id in self._items:
            message = f"Error adding item: an item with id '{item.id}' already exists in the conversation."
            raise RefusedError("invalid_value", message, "item.id")
        position = self._position(after)
        self._order.insert(position, item.id)
        self._items[item.id] = item
        call_id = item.wire.get("call_id") if item.wire["type"] == "function_call" else None
        if call_id is not None:
            self._calls[call_id] = self._calls.get(call_id, 0) + 1
        if item.clip is not None:
            self._keep_audio(item)
        self.recount(item)
        return self._order[position - 1] if position else None

    def _position(self, after: str | None) -> int:
        if after is None or after == self.last_id:
            return len(self._order)
        if after == "root":
            return 0
        if after not in self._items:
            message = f"Error adding item: the previous item with id '{after}' does not exist."
            raise RefusedError("invalid_value", message, "previous_item_id")
        return self._index(after) + 1

    def _index(self, item_id: str) -> int:
        """Find an item from the end: what is asked for is mostly new."""
        return next(index for index in range(len(self._order) - 1, -1, -1) if self._order[index] == item_id)

    def _keep_audio(self, item: Item) -> None:
        self._with_audio.append(item)
        if len(self._with_audio) > _AUDIO_KEPT:
            self._with_audio.pop(0).clip = None

    def recount(self, item: Item) -> None:
        """Count an item's tokens again after it was changed."""
        self.tokens -= item.tokens
        item.tokens = item.count()
        self.tokens += item.tokens

    def delete(self, item_id: str) -> bool:
        """Delete an item; False if it is not here."""
        item = self._items.pop(item_id, None)
        if item is None:
            return False
        del self._order[self._index(item_id)]
        self.tokens -= item.tokens
        if item.wire["type"] == "function_call":
            self._calls[item.wire["call_id"]] -= 1
        return True

    def previous_id(self, item_id: str) -> str | None:
        """Give the id of the item before this one, or None."""
        position = self._index(item_id)
        return self._order[position - 1] if position else None

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an assistant's audio; its transcript goes, as with the service. The engine still knows what was heard.

        Raises:
            RefusedError: not an audio message of the assistant, or longer than the audio that there is.
        """
        item = self._items.get(item_id)
        if item is None:
            message = f"Item with item_id '{item_id}' not found."
            raise RefusedError("item_truncate_invalid_item_id", message, "item_id")
        parts = item.content
        if item.audio_ms is None or content_index >= len(parts) or parts[content_index]["type"] != "output_audio":
            message = "Only model output audio messages can be truncated"
            raise RefusedError("item_truncate_invalid_item_id", message, "item_id")
        if audio_end_ms > item.audio_ms:
            message = f"Audio content of {round(item.audio_ms)}ms is already shorter than {audio_end_ms}ms"
            raise RefusedError("invalid_value", message, "audio_end_ms")
        item.cut(float(audio_end_ms))
        parts[content_index]["transcript"] = None
        self.recount(item)


def created_item(given: Mapping[str, Any], item_id: str, clip: AudioClip | None) -> Item:
    """Build the item of a ``conversation.item.create``, under the id it has or gets."""
    full: Json = {key: value for key, value in given.items() if key != "object" and value is not None}
    full["id"] = item_id
    wire: Json = {"id": item_id, "type": full["type"]}
    if full["type"] in {"message", "function_call", "function_call_output"}:
        wire["status"] = full.get("status", "completed")
    wire.update({key: value for key, value in full.items() if key not in wire and key != "content"})
    if full["type"] == "message":
        default = "output_text" if full["role"] == "assistant" else "input_text"
        full["content"] = [{"type": default, **part} for part in full["content"]]
        wire["content"] = [_shown(part) for part in full["content"]]
    return Item(wire, full, clip=clip)


def _shown(part: Mapping[str, Any]) -> Json:
    """Give a content part as events show it: audio and images are only in ``conversation.item.retrieved``."""
    shown: Json = {"type": part["type"]}
    for key in ("text", "transcript", "detail"):
        if part.get(key) is not None:
            shown[key] = part[key]
    if part["type"] in {"input_audio", "output_audio"}:
        shown.setdefault("transcript", None)
    return shown


def spoken_item(item_id: str, clip: AudioClip) -> Item:
    """Build the user's item of a committed input audio buffer."""
    wire: Json = {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    return Item(wire, wire, clip=clip)


class EngineView(Sequence[Json]):
    """Items as an engine sees them, made when they are looked at, so that a long conversation costs no more."""

    def __init__(self, items: Conversation | Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Json: ...
    @overload
    def __getitem__(self, index: slice) -> list[Json]: ...
    def __getitem__(self, index: int | slice) -> Json | list[Json]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        return self._items[index].for_engine()
