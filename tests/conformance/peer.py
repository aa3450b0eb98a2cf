"""The scripted server: one connection of a Realtime service, on trio-websocket alone.

It answers by itself what the service answers by itself (session updates, created, deleted, truncated and retrieved
items, commits, cancellations, a second response.create); what it says is in the steps of a scenario. Frames have the
fields and the order of the service's recorded ones.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import trio
import trio_websocket

from .bytes_of import pattern

Json = dict[str, Any]

MARKER = "conformance_marker_"
DEFAULTS: Json = {
    "created": True,  # send session.created on open
    "updated": True,  # True, False (never), or an error to answer the next update with
    "confirm": True,  # answer conversation.item.create
    "cancel": True,  # answer response.cancel
    "reject": None,  # {status, body}: refuse the handshake
    "hang_up": False,  # end the connection instead of an answer to the handshake
    "close": None,  # {code, reason}: close at once
}
USAGE: Json = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {
        "text_tokens": 12,
        "audio_tokens": 8,
        "image_tokens": 0,
        "cached_tokens": 4,
        "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 6, "audio_tokens": 4},
}


class Peer:
    """The server's side of one connection.

    Attributes:
        handshake: what the client asked with.
        received: the client's events in order, without markers.
        pause: lets the client settle in the middle of a step.
        aliases: names for the ids that the client chose, in the order in which they came.
    """

    def __init__(self, options: Json) -> None:
        self.options: Json = {**DEFAULTS, **options}
        self.handshake: Json = {}
        self.received: list[Json] = []
        self.aliases: dict[str, str] = {}
        self.ready = trio.Event()
        self.closed = trio.Event()
        self.pause: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        self.close_code: int | None = None
        self._socket: Any = None
        self._changed = trio.Condition()
        self._markers: set[str] = set()
        self._counters: dict[str, int] = {}
        self._expected: dict[str, int] = {}
        self._session = _session()
        self._items: dict[str, Json] = {}
        self._order: list[str] = []
        self._asked: list[Json] = []
        self._open: Json | None = None
        self._part: tuple[Json, Json, Json, str] | None = None
        self._auto: dict[str, Callable[[Json], Any]] = {
            "session.update": self._on_update,
            "conversation.item.create": self._on_item_create,
            "conversation.item.delete": self._on_item_delete,
            "conversation.item.truncate": self._on_item_truncate,
            "conversation.item.retrieve": self._on_item_retrieve,
            "input_audio_buffer.commit": self._on_commit,
            "input_audio_buffer.clear": self._on_clear,
            "response.create": self._on_response_create,
            "response.cancel": self._on_response_cancel,
        }

    # -- the connection ----------------------------------------------------------------------------------------------

    async def __call__(self, request: Any) -> None:
        self.handshake = {
            "path": request.path,
            "headers": {name.decode().lower(): value.decode() for name, value in request.headers},
        }
        if self.options["reject"]:
            refusal = self.options["reject"]
            await request.reject(refusal["status"], body=refusal.get("body", "").encode())
            self.ready.set()
            self.closed.set()
            return
        if self.options["hang_up"]:
            await request._connection._stream.aclose()
            self.ready.set()
            self.closed.set()
            return
        self._socket = await request.accept()
        self.ready.set()
        try:
            if self.options["created"]:
                await self.send({"type": "session.created", "session": copy.deepcopy(self._session)})
            if self.options["close"]:
                await self._socket.aclose(**self.options["close"])
            while True:
                await self._take(json.loads(await self._socket.get_message()))
        except trio_websocket.ConnectionClosed as end:
            self.close_code = end.reason.code if end.reason is not None else 1006
        finally:
            self.closed.set()
            await self._wake()

    async def _wake(self) -> None:
        with trio.CancelScope(shield=True):
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, event: Json) -> None:
        item_id = event.get("item_id") or ""
        if event["type"] == "conversation.item.retrieve" and item_id.startswith(MARKER):
            self._markers.add(item_id)
        else:
            self.received.append(event)
            answer = self._auto.get(event["type"])
            if answer is not None:
                await answer(event)
        await self._wake()

    async def send(self, frame: Json) -> None:
        """Send a frame, with an event id; nothing if the connection has ended."""
        await self._say(json.dumps({"event_id": self.new("event"), **frame}))

    async def _say(self, text: str) -> None:
        try:
            await self._socket.send_message(text)
        except trio_websocket.ConnectionClosed:
            self.closed.set()

    async def mark(self, name: str) -> None:
        """Send a frame by which the client can be seen to have read everything before it."""
        limit = {"name": "tokens", "limit": 1, "remaining": 1, "reset_seconds": 0.0}
        await self.send({"type": "rate_limits.updated", "event_id": MARKER + name, "rate_limits": [limit]})

    async def wait_marked(self, name: str) -> None:
        """Wait for the client's answer to the marker, or for the end of the connection."""
        async with self._changed:
            while MARKER + name not in self._markers and not self.closed.is_set():
                await self._changed.wait()

    def new(self, kind: str) -> str:
        """Give the next id of a kind."""
        self._counters[kind] = self._counters.get(kind, 0) + 1
        return f"{kind}_{self._counters[kind]}"

    # -- what it answers by itself -----------------------------------------------------------------------------------

    async def _on_update(self, event: Json) -> None:
        answer = self.options["updated"]
        if isinstance(answer, dict):
            self.options["updated"] = True
            await self.error(answer, event.get("event_id"))
        elif answer:
            _merge(self._session, event["session"])
            detection = self._session["audio"]["input"]["turn_detection"]
            if detection:
                for name in ("create_response", "interrupt_response"):
                    detection.setdefault(name, True)
            await self.send({"type": "session.updated", "session": copy.deepcopy(self._session)})

    async def _on_item_create(self, event: Json) -> None:
        item = event["item"]
        name = self.new("sent")
        if item.get("id"):
            self.aliases[item["id"]] = name
        stored = {**item, "id": item.get("id") or name, "status": "completed"}
        if stored["type"] == "function_call_output":
            del stored["status"]
        if self.options["confirm"]:
            await self.confirm(stored)
        else:
            self._items[stored["id"]] = stored

    async def confirm(self, item: Json) -> None:
        """Say that an item is part of the conversation now."""
        previous = self._add(item)
        await self.send({"type": "conversation.item.added", "previous_item_id": previous, "item": item})
        await self.send({"type": "conversation.item.done", "previous_item_id": previous, "item": item})

    def _add(self, item: Json) -> str | None:
        previous = self._order[-1] if self._order else None
        self._items[item["id"]] = item
        self._order.append(item["id"])
        return previous

    async def _on_item_delete(self, event: Json) -> None:
        if self._known(event["item_id"]):
            self._order.remove(event["item_id"])
            del self._items[event["item_id"]]
            await self.send({"type": "conversation.item.deleted", "item_id": event["item_id"]})
        else:
            await self._item_error("item_delete_invalid_item_id", event)

    async def _on_item_truncate(self, event: Json) -> None:
        if self._known(event["item_id"]):
            fields = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
            await self.send({"type": "conversation.item.truncated", **fields})
        else:
            await self._item_error("item_truncate_invalid_item_id", event)

    async def _on_item_retrieve(self, event: Json) -> None:
        if self._known(event["item_id"]):
            item = self._items[event["item_id"]]
            await self.send({"type": "conversation.item.retrieved", "item": item})
        else:
            await self._item_error("item_retrieve_invalid_item_id", event)

    def _known(self, item_id: str) -> bool:
        return item_id in self._order

    async def _item_error(self, code: str, event: Json) -> None:
        message = f"There is no item {event['item_id']}."
        await self.error({"code": code, "message": message}, event.get("event_id"))

    async def _on_commit(self, _: Json) -> None:
        item_id = self.new("item")
        previous = self._order[-1] if self._order else None
        await self.send({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item_id})
        await self.confirm(_user_audio(item_id))

    async def _on_clear(self, _: Json) -> None:
        await self.send({"type": "input_audio_buffer.cleared"})

    async def _on_response_create(self, event: Json) -> None:
        out_of_band = (event.get("response") or {}).get("conversation") == "none"
        if self._open is not None and not out_of_band:
            message = f"Conversation already has an active response in progress: {self._open['id']}."
            await self.error({"code": "conversation_already_has_active_response", "message": message}, None)
        else:
            self._asked.append(event)

    async def _on_response_cancel(self, event: Json) -> None:
        if not self.options["cancel"]:
            return
        if self._open is None or event.get("response_id") not in (None, self._open["id"]):
            message = "Cancellation failed: no active response found"
            await self.error({"code": "response_cancel_not_active", "message": message}, event.get("event_id"))
        else:
            await self.finish_reply({"status": "cancelled", "reason": "client_cancelled"})

    # -- steps -------------------------------------------------------------------------------------------------------

    async def error(self, error: Json, event_id: str | None = None) -> None:
        """Send an error event."""
        fields = {"type": "invalid_request_error", "code": None, "message": "", "param": None, "event_id": event_id}
        await self.send({"type": "error", "error": {**fields, **error}})

    def _about(self, value: Json) -> tuple[Json, str | None]:
        """Give an error, and the id of the client's last event of the type in ``about`` if there is that key."""
        error = dict(value)
        about = error.pop("about", None)
        if about is None:
            return error, error.pop("event_id", None)
        event = [event for event in self.received if event["type"] == about][-1]
        if about == "response.create" and event in self._asked:
            self._asked.remove(event)  # it is refused
        return error, event.get("event_id")

    async def expect(self, type: str) -> None:
        """Check that one more client event of a type has come than was expected before."""
        number = self._expected[type] = self._expected.get(type, 0) + 1
        with trio.move_on_after(5) as deadline:
            async with self._changed:
                while self._count(type) < number and not self.closed.is_set():
                    await self._changed.wait()
        if deadline.cancelled_caught or self._count(type) < number:
            came = [event["type"] for event in self.received]
            raise AssertionError(f"expected {type} number {number}; the client sent {came}")

    def _count(self, type: str) -> int:
        return sum(event["type"] == type for event in self.received)

    async def step(self, name: str, value: Any) -> None:
        """Do one server step of a scenario."""
        match name:
            case "send":
                await self.send(value)
            case "raw":
                await self._say(value)
            case "expect":
                await self.expect(value)
            case "server":
                self.options.update(value)
            case "error":
                await self.error(*self._about(value))
            case "reply":
                await self.reply(value)
            case "more":
                await self.more(value)
            case "elapse":  # milliseconds, where a clock on the client's side must have moved
                await trio.sleep(value / 1000)
            case "finish_reply":
                await self.finish_reply(value or {})
            case "add_item":
                await self._add_item(**value)
            case "confirm_item":
                await self._confirm_last(value or {})
            case "speech":
                await self.speech(value)
            case "speech_started":
                fields = {"audio_start_ms": 500, "item_id": value or self.new("item")}
                await self.send({"type": "input_audio_buffer.speech_started", **fields})
            case "transcribed":
                await self.transcribed(value["item"], value["transcript"])
            case "close":
                await self._socket.aclose(value.get("code", 1000), value.get("reason", ""))
            case "abort":
                await self._socket._stream.aclose()  # no close frame: the way of a lost connection
            case _:
                raise AssertionError(f"there is no step {name!r}")

    async def _add_item(self, item: Json, after: str | None, event: str = "conversation.item.added") -> None:
        """Say that there is an item, after one that there is (None: before all; ``sent_1`` by whatever id it has)."""
        after = next((item_id for item_id, name in self.aliases.items() if name == after), after)
        self._items[item["id"]] = item
        self._order.insert(self._order.index(after) + 1 if after in self._order else 0, item["id"])
        await self.send({"type": event, "previous_item_id": after, "item": item})

    async def _confirm_last(self, changes: Json) -> None:
        waiting = [item_id for item_id in self._items if item_id not in self._order]
        if not waiting:
            raise AssertionError("confirm_item: no item waits to be confirmed")
        await self.confirm({**self._items[waiting[0]], **changes})

    async def speech(self, value: Json) -> None:
        """The user speaks a turn: started, stopped, committed, added, done, and the transcript if there is one.

        With ``begun`` it was told already that it started.
        """
        item_id = value.get("item") or self.new("item")
        if not value.get("begun"):
            fields = {"audio_start_ms": 500, "item_id": item_id}
            await self.send({"type": "input_audio_buffer.speech_started", **fields})
        await self.send({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1500, "item_id": item_id})
        previous = self._order[-1] if self._order else None
        await self.send({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item_id})
        await self.confirm(_user_audio(item_id))
        if value.get("transcript") is not None:
            await self.transcribed(item_id, value["transcript"])

    async def transcribed(self, item_id: str, transcript: str) -> None:
        """Say what the user's audio said."""
        base = "conversation.item.input_audio_transcription"
        fields = {"item_id": item_id, "content_index": 0}
        for piece in _pieces(transcript):
            await self.send({"type": f"{base}.delta", **fields, "delta": piece, "obfuscation": "x"})
        if item_id in self._items:
            self._items[item_id]["content"] = [{"type": "input_audio", "transcript": transcript}]
        usage = {"type": "tokens", "total_tokens": 12, "input_tokens": 9, "output_tokens": 3}
        await self.send({"type": f"{base}.completed", **fields, "transcript": transcript, "usage": usage})

    async def reply(self, value: Json) -> None:
        """Send a whole response, or the beginning of one with ``open: true``.

        Keys: text, spoken (words) with audio (list of byte counts), calls (list of {name, arguments, call_id, item}),
        parts (list of the former, for several items), item, response, unasked, open, status, reason, error, usage,
        settle (wait after response.created, and say no more if the client cancels).
        """
        asked = None
        if not value.get("unasked"):
            if not self._asked:
                raise AssertionError(f"reply: no response.create waits for {value}")
            asked = self._asked.pop(0)
        await self._begin_response(value, (asked or {}).get("response") or {})
        if value.get("settle"):
            await self.pause()
            if self._open is None:  # it was cancelled
                return
        for part in value.get("parts", [value]):
            last = value.get("open") and part is value.get("parts", [value])[-1]
            if "spoken" in part or "text" in part:
                await self._message(part, leave_open=bool(last))
            for call in part.get("calls", ()):
                await self._call(call)
                if self._open is None:  # it was cancelled
                    return
        if not value.get("open"):
            await self.finish_reply(value)

    async def _begin_response(self, value: Json, asked: Json) -> None:
        response = {
            "object": "realtime.response",
            "id": value.get("response") or self.new("resp"),
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": None if asked.get("conversation") == "none" else "conv_1",
            "output_modalities": self._session["output_modalities"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
            "usage": None,
            "metadata": asked.get("metadata"),
        }
        self._open = response
        await self.send({"type": "response.created", "response": copy.deepcopy(response)})

    async def _new_item(self, item: Json) -> Json:
        response = self._response
        index = len(response["output"])
        response["output"].append(item)
        fields = {"response_id": response["id"], "output_index": index}
        await self.send({"type": "response.output_item.added", **fields, "item": copy.deepcopy(item)})
        if response["conversation_id"]:
            previous = self._add(item)
            await self.send(
                {"type": "conversation.item.added", "previous_item_id": previous, "item": copy.deepcopy(item)}
            )
        return {**fields, "item_id": item["id"]}

    @property
    def _response(self) -> Json:
        if self._open is None:
            raise AssertionError("no response is open")
        return self._open

    async def _item_done(self, item: Json, fields: Json, status: str) -> None:
        item["status"] = status
        fields = {key: fields[key] for key in ("response_id", "output_index")}
        await self.send({"type": "response.output_item.done", **fields, "item": copy.deepcopy(item)})
        if self._response["conversation_id"]:
            at = self._order.index(item["id"]) if item["id"] in self._order else 0
            previous = self._order[at - 1] if at else None
            await self.send(
                {"type": "conversation.item.done", "previous_item_id": previous, "item": copy.deepcopy(item)}
            )

    async def _message(self, part: Json, *, leave_open: bool) -> None:
        spoken = "spoken" in part
        key, kind = ("transcript", "output_audio") if spoken else ("text", "output_text")
        item: Json = {
            "id": part.get("item") or self.new("item"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        fields = {**await self._new_item(item), "content_index": 0}
        shown = {"type": "audio" if spoken else "text", key: ""}
        await self.send({"type": "response.content_part.added", **fields, "part": dict(shown)})
        item["content"] = [{"type": kind, key: ""}]
        self._part = (item, fields, shown, key)
        await self.more({"audio": [480] if spoken else [], **part})
        if not leave_open:
            await self._message_done("completed")

    async def more(self, part: Json) -> None:
        """Go on with the message that is open: words (spoken or text) and audio (list of byte counts)."""
        if self._part is None:
            raise AssertionError("no message is open")
        item, fields, _, key = self._part
        delta = "response.output_audio_transcript.delta" if key == "transcript" else "response.output_text.delta"
        for piece in _pieces(part.get("spoken", part.get("text", ""))):
            item["content"][0][key] += piece
            await self.send({"type": delta, **fields, "delta": piece, "obfuscation": "xyz"})
        for size in part.get("audio", []):
            data = base64.b64encode(pattern(size)).decode()
            await self.send({"type": "response.output_audio.delta", **fields, "delta": data, "obfuscation": "xyz"})

    async def _message_done(self, status: str) -> None:
        assert self._part is not None
        (item, fields, shown, key), self._part = self._part, None
        words = item["content"][0][key]
        if key == "transcript":
            await self.send({"type": "response.output_audio.done", **fields})
            await self.send({"type": "response.output_audio_transcript.done", **fields, "transcript": words})
        else:
            await self.send({"type": "response.output_text.done", **fields, "text": words})
        await self.send({"type": "response.content_part.done", **fields, "part": {**shown, key: words}})
        await self._item_done(item, fields, status)

    async def _call(self, call: Json) -> None:
        arguments = call.get("arguments", {})
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        item: Json = {
            "id": call.get("item") or self.new("item"),
            "type": "function_call",
            "status": "in_progress",
            "name": call["name"],
            "call_id": call["call_id"] if "call_id" in call else self.new("call"),
            "arguments": "",
        }
        fields = await self._new_item(item)
        name = "response.function_call_arguments"
        call_id = item["call_id"]
        await self.send({"type": f"{name}.delta", **fields, "call_id": call_id, "delta": text, "obfuscation": "x"})
        item["arguments"] = text
        done = {"call_id": call_id, "name": call["name"], "arguments": text}
        await self.send({"type": f"{name}.done", **fields, **done})
        await self._item_done(item, fields, "completed")
        await self.pause()  # a tool begins before the response ends, or after: here before, on both sides

    async def finish_reply(self, value: Json) -> None:
        """End the response that is open: close its item, then response.done."""
        response = self._response
        status = value.get("status", "completed")
        if self._part is not None:
            await self._message_done("completed" if status == "completed" else "incomplete")
        response["status"] = status
        if status != "completed":
            details = {key: value[key] for key in ("reason", "error") if key in value}
            response["status_details"] = {"type": status, **details}
        response["usage"] = copy.deepcopy(USAGE) if value.get("usage", True) else None
        self._open = None
        await self.send({"type": "response.done", "response": response})


def _session() -> Json:
    pcm = {"type": "audio/pcm", "rate": 24000}
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_1",
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 4102444800,
        "audio": {
            "input": {
                "format": dict(pcm),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 200,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": dict(pcm), "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def _merge(into: Json, changes: Json) -> None:
    """Change a session as the service does: objects are merged to the fields of audio, all else is replaced."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict) and key in ("audio", "input", "output"):
            _merge(into[key], value)
        else:
            into[key] = value


def _user_audio(item_id: str) -> Json:
    content = [{"type": "input_audio", "transcript": None}]
    return {"id": item_id, "type": "message", "status": "completed", "role": "user", "content": content}


def _pieces(text: str) -> list[str]:
    return re.findall(r" *[^ ]+", text)
