"""The state machine's ground floor: ids, events, errors, the session object and the items of the conversation."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec.json
import pybase64

from trio_realtime.audio import AudioFormat
from trio_realtime.server._schema import RefusedError
from trio_realtime.server.actions import Step, Transcribe
from trio_realtime.server.audio import AudioClip, decode
from trio_realtime.server.conversation import Conversation, Item, created_item
from trio_realtime.server.settings import Json, audio_format

__all__ = ["ItemsState", "decoded_audio"]

_PADDING = "z9A9dJucSf1JLBqdwEYsSEHbFq3Xv7Rk0TgM"


class ItemsState:
    """Ids, events, errors and items."""

    session: Json

    def __init__(self, number: int, anonymous_errors: frozenset[str]) -> None:
        self._number = number
        self._counter = 0
        self._anonymous = anonymous_errors
        self.conversation: Conversation = Conversation()

    def new_id(self, kind: str) -> str:
        """Give an id that no other object of any connection of this server has."""
        while True:
            self._counter += 1
            made = f"{kind}_{self._number:05d}x{self._counter:08d}"
            if kind != "item" or self.conversation.get(made) is None:
                return made

    def event(self, type: str, **fields: Any) -> Json:
        """Build a server event."""
        return {"type": type, "event_id": self.new_id("event"), **fields}

    def error(
        self,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        event_id: str | None = None,
        type: str = "invalid_request_error",
    ) -> Json:
        """Build an ``error`` event; ``event_id`` is left out where errors of this code are anonymous."""
        if code in self._anonymous or "*" in self._anonymous:
            event_id = None
        fields = {"type": type, "code": code, "message": message, "param": param, "event_id": event_id}
        return self.event("error", error=fields)

    def obfuscation(self) -> str:
        """Give padding of varying length."""
        start = self._counter % 17
        return _PADDING[start : start + 6 + self._counter % 11]

    def _session_snapshot(self) -> Json:
        snapshot: Json = msgspec.json.decode(msgspec.json.encode(self.session))
        return snapshot

    def _input_format(self) -> AudioFormat:
        return audio_format(self.session["audio"]["input"]["format"])

    def _turn_detection(self) -> Json | None:
        detection: Json | None = self.session["audio"]["input"]["turn_detection"]
        return detection

    def _item_events(self, item: Item, previous: str | None, step: Step) -> None:
        for name in ("conversation.item.added", "conversation.item.done"):
            step.events.append(self.event(name, previous_item_id=previous, item=item.snapshot()))

    def _create_item(self, event: Json, step: Step) -> None:
        item = self._made_item(event["item"], "item")
        call_id = item.wire.get("call_id")
        if item.wire["type"] == "function_call_output" and not self.conversation.has_call(str(call_id)):
            message = f"Tool call ID '{call_id}' not found in conversation."
            raise RefusedError("invalid_tool_call_id", message, "item.call_id")
        previous = self.conversation.insert(item, event.get("previous_item_id"))
        self._item_events(item, previous, step)
        if item.clip is not None:
            step.actions.append(Transcribe(item.id, item.clip, announce=False))

    def _made_item(self, given: Json, path: str) -> Item:
        item_id = given.get("id") or self.new_id("item")
        clip: AudioClip | None = None
        for index, part in enumerate(given.get("content", ())):
            if part.get("audio") is not None:
                data = decoded_audio(part["audio"], f"{path}.content[{index}].audio")
                clip = decode(data, self._input_format())
        if given["type"] == "function_call" and given.get("call_id") is None:
            given = {**given, "call_id": self.new_id("call")}
        return created_item(given, item_id, clip if given.get("role") == "user" else None)

    def _found(self, event: Json, verb: str) -> Item:
        item = self.conversation.get(event["item_id"])
        if item is None:
            message = f"Item with item_id '{event['item_id']}' not found."
            raise RefusedError(f"item_{verb}_invalid_item_id", message, "item_id")
        return item

    def _delete_item(self, event: Json, step: Step) -> None:
        item = self._found(event, "delete")
        self.conversation.delete(item.id)
        step.events.append(self.event("conversation.item.deleted", item_id=item.id))

    def _retrieve_item(self, event: Json, step: Step) -> None:
        item = self._found(event, "retrieve")
        step.events.append(self.event("conversation.item.retrieved", item=item.retrieved()))

    def _truncate_item(self, event: Json, step: Step) -> None:
        fields: Json = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
        self.conversation.truncate(**fields)
        step.events.append(self.event("conversation.item.truncated", **fields))


def decoded_audio(data: str, path: str) -> bytes:
    """Give the bytes of base64 text, or refuse it."""
    try:
        return pybase64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        message = f"Invalid '{path}'. Expected base64-encoded audio bytes, but got an invalid value."
        raise RefusedError("invalid_value", message, path) from None
