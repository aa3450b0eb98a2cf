"""What both sides did, in one form.

Besides names for ids, a few differences are so common that they are taken out here, each because of a line of the
README's table "moving from agents.realtime" (``GLOBAL``), or because of an event or field that is new.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from .bytes_of import summary
from .play import Scenario, Seen

GLOBAL = {
    "metadata": "`response.create` has no metadata",
    "ids": "created items get the server's ids",
    "tracing": "`session.update` goes out as soon as the socket opens, tracing in a second one",
    "changes": "defaults are sent again with every update",
    "raw": "raw events always",
    "titles": "schemas of tools carry a title for each argument",
    "retrieve": "after each transcript an item is retrieved, and its status goes back",
    "heard": "the history keeps all words of what was interrupted",
}
"""Lines of the README's table whose effect is taken out everywhere."""

NEW_EVENTS = ("transcript", "user_speech_started", "user_speech_stopped", "connection", "rate_limits", "dtmf")
_NEW_FIELDS = {
    "audio_end": ("response_id",),
    "tool_start": ("call_id",),
    "tool_end": ("call_id",),
    "input_audio_timeout_triggered": ("item_id",),
}
_RESERVED = "trio_realtime_request"
_HEADERS = ("authorization", "x-", "openai-")

Json = dict[str, Any]
Lines = dict[str, list[str]]


def normalise(scenario: Scenario, seen: Seen) -> Lines:
    """Give the traces of one side as lines: ``wire``, ``events`` and ``app``."""
    names = _Names(scenario, seen)
    return {
        "wire": [*_handshake(seen), *(line for event in _wire(seen, scenario) for line in _wire_lines(event, names))],
        "events": [line for event in _events(seen) for line in _event_lines(event, names)],
        "app": [
            names.line({**entry, "output": names.words(entry["output"])} if "output" in entry else entry)
            for entry in seen.app
        ],
    }


class _Names:
    """Names for ids, and for words that are the library's own."""

    def __init__(self, scenario: Scenario, seen: Seen) -> None:
        self._aliases = seen.aliases
        own = [entry for entry in seen.app if entry["app"] != "watch_output"]  # that one sees the library's words too
        self._known = {*_strings(scenario.data), *_strings(own)}
        told = {entry["text"] for entry in seen.app if entry["app"] in ("gives", "fails")}
        guardrails = {
            name for agent in scenario.data.get("agents") or () for name in agent.get("output_guardrails", ())
        }
        self._hints = sorted(told | guardrails | {"no_secret", "no_password"})

    def line(self, value: Any) -> str:
        """Give a value on one line."""
        return json.dumps(self.renamed(value), ensure_ascii=False, sort_keys=True)

    def renamed(self, value: Any) -> Any:
        """Give a value with names for ids."""
        if isinstance(value, str):
            return self._aliases.get(value, value)
        if isinstance(value, dict):
            return {key: self.renamed(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.renamed(one) for one in value]
        return value

    def words(self, text: Any) -> Any:
        """Give a text for the model as it is if the application made it; what a library made up by its gist."""
        if not isinstance(text, str) or text in self._known or not text:
            return text
        try:
            json.loads(text)
        except ValueError:
            pass
        else:
            return text
        about = [hint for hint in self._hints if hint in text]
        return "<words of the library" + (f" with {about}" if about else "") + ">"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


# -- the wire --------------------------------------------------------------------------------------------------------


def _handshake(seen: Seen) -> list[str]:
    if not seen.handshake:
        return []
    headers = {name: value for name, value in seen.handshake["headers"].items() if name.startswith(_HEADERS)}
    if "authorization" in headers:
        kind, _, key = headers["authorization"].partition(" ")
        headers["authorization"] = f"{kind} <{key[:4]}... {len(key)} characters>"
    shown = {"path": seen.handshake["path"], "headers": headers}
    return [f"handshake {json.dumps(shown, sort_keys=True)}"]


def _wire(seen: Seen, scenario: Scenario) -> Iterator[Json]:
    """Give the client events without what the lines of ``GLOBAL`` take out."""
    tracked = bool((scenario.data.get("model_config") or {}).get("playback_tracker"))
    state: dict[str, Any] = {}
    for event in _traced_first(seen.wire):
        event = {key: value for key, value in event.items() if key != "event_id"}
        kind = event["type"]
        if kind == "conversation.item.retrieve" and not _was_raw(scenario, kind):
            continue  # GLOBAL: retrieve
        if kind == "session.update":
            leaves = _leaves(event["session"])
            changed = {path: value for path, value in leaves.items() if state.get(path, _MISSING) != value}
            for path in leaves:
                _forget(state, path)
            state.update(leaves)
            if changed:  # GLOBAL: changes
                yield {"type": kind, "changes": changed}
            continue
        if kind == "conversation.item.create":
            event["item"] = {key: value for key, value in event["item"].items() if key != "id"}  # GLOBAL: ids
        elif kind == "response.create" and "response" in event:
            event = _without_metadata(event)
        elif kind == "input_audio_buffer.append":
            event["audio"] = summary(base64.b64decode(event["audio"]))
        elif kind == "conversation.item.truncate" and not tracked and not _was_raw(scenario, kind):
            event["audio_end_ms"] = "<now>"
        yield event


_MISSING = object()


def _was_raw(scenario: Scenario, kind: str) -> bool:
    return any(
        isinstance(do := step.get("do"), dict) and (do.get("raw") or {}).get("type") == kind for step in scenario.steps
    )


def _traced_first(events: list[Json]) -> list[Json]:
    """Put the tracing that the reference sends in a second update into the first (GLOBAL: tracing)."""
    updates = [event for event in events if event["type"] == "session.update"]
    if len(updates) < 2 or set(updates[1]["session"]) - {"type", "model"} != {"tracing"}:
        return events
    first, second = updates[:2]
    merged = {**first, "session": {**first["session"], "tracing": second["session"]["tracing"]}}
    return [merged if event is first else event for event in events if event is not second]


def _without_metadata(event: Json) -> Json:
    """GLOBAL: metadata."""
    response = dict(event["response"])
    metadata = {key: value for key, value in (response.pop("metadata", None) or {}).items() if key != _RESERVED}
    if metadata:
        response["metadata"] = metadata
    event = {key: value for key, value in event.items() if key != "response"}
    return {**event, "response": response} if response else event


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Give a session object by paths; lists are leaves, except that tools are given one by one by their names."""
    if isinstance(value, dict) and value:
        found: dict[str, Any] = {}
        for key, one in value.items():
            found |= _leaves(one, f"{path}.{key}" if path else key)
        return found
    if path == "tools" and value:
        return {"tools": [tool.get("name") for tool in value]} | {
            f"tools[{tool.get('name')}].{key}": one
            for tool in value
            for key, one in _leaves(tool).items()
            if key.rpartition(".")[2] != "title" or key.endswith("properties.title")  # GLOBAL: titles
        }
    if path.endswith("description") and isinstance(value, str):
        return {path: value.rstrip()}  # the reference ends a default with an empty word
    return {path: value}


def _forget(state: dict[str, Any], path: str) -> None:
    """A list or an object that is replaced by a leaf, or the other way round."""
    for known in [known for known in state if known.startswith((f"{path}.", f"{path}["))]:
        del state[known]


def _wire_lines(event: Json, names: _Names) -> Iterator[str]:
    if event["type"] == "session.update":
        yield "session.update"
        for path, value in sorted(event["changes"].items()):
            yield f"session.update {path} = {names.line(value)}"
        return
    item = event.get("item") or {}
    if item.get("type") == "function_call_output":
        event = {**event, "item": {**item, "output": names.words(item["output"])}}
    elif item.get("role") == "user":
        content = [{**part, "text": names.words(part["text"])} if "text" in part else part for part in item["content"]]
        event = {**event, "item": {**item, "content": content}}
    kind = event["type"]
    rest = {key: value for key, value in event.items() if key != "type"}
    yield f"{kind} {names.line(rest)}" if rest else kind


# -- the events ------------------------------------------------------------------------------------------------------


def _events(seen: Seen) -> Iterator[Json]:
    history: list[Json] = []
    first = True
    for event in seen.events:
        kind = event["type"]
        if kind in NEW_EVENTS:
            continue
        event = {key: value for key, value in event.items() if key not in _NEW_FIELDS.get(kind, ())}
        if kind == "agent_end":
            event = _ended(event)
        elif kind == "history_added":
            event["item"] = _item(event["item"])
            history = [*history, event["item"]]
        elif kind == "history_updated":
            event["history"] = [_item(item) for item in event["history"]]
            if event["history"] == history and not first:
                continue  # GLOBAL: retrieve: nothing but a status has changed, or nothing at all
            before, history, first = history, event["history"], False
            event["changed"] = [item for item in history if item not in before]
            gone = {item["item_id"] for item in before} - {item["item_id"] for item in history}
            event["gone"] = sorted(gone)
            order = [item["item_id"] for item in before if item["item_id"] not in gone]
            if order != [item["item_id"] for item in history][: len(order)]:
                event["order"] = [item["item_id"] for item in history]
        yield event


def _ended(event: Json) -> Json:
    """Fields of agent_end that the reference has not, where they say something."""
    new = {key: event[key] for key in ("status", "reason", "error") if event[key] not in (None, "completed")}
    return {"type": event["type"], "agent": event["agent"], "usage": event["usage"], "new": new}


def _item(item: Json) -> Json:
    """An item without the status of a message (GLOBAL: retrieve), with all words of what was cut (GLOBAL: heard)."""
    if item.get("type") == "message":
        item = {key: value for key, value in item.items() if key != "status"}
        return {**item, "content": [_whole(part) for part in item.get("content") or ()]}
    return item


def _whole(part: Json) -> Json:
    if part.get("heard_ms") is None:
        return part
    whole = {key: value for key, value in part.items() if key not in {"generated_transcript", "heard_ms"}}
    return {**whole, "transcript": part.get("generated_transcript")}


def _event_lines(event: Json, names: _Names) -> Iterator[str]:
    kind = event["type"]
    if kind == "history_updated":
        yield kind
        for item in event["changed"]:
            yield f"history_updated {_item_line(item, names)}"
        for item_id in event["gone"]:
            yield f"history_updated without {names.renamed(item_id)}"
        if "order" in event:
            yield f"history_updated in the order {names.line(event['order'])}"
        return
    if kind == "history_added":
        yield f"{kind} {_item_line(event['item'], names)}"
        return
    new = event.pop("new", None)
    if "output" in event:
        event = {**event, "output": names.words(event["output"])}
    rest = {key: value for key, value in event.items() if key != "type"}
    yield f"{kind} {names.line(rest)}" if rest else kind
    if new:  # a line of its own, so that the rest is compared
        yield f"{kind} {names.line(new)}"


def _item_line(item: Json, names: _Names) -> str:
    if item.get("output") is not None:
        item = {**item, "output": names.words(item["output"])}
    elif item.get("role") == "user":
        content = [{**part, "text": names.words(part["text"])} if "text" in part else part for part in item["content"]]
        item = {**item, "content": content}
    return names.line(item)


def readme_lines(text: str) -> list[str]:
    """Give the left column of the README's table "moving from agents.realtime"."""
    section = text.split("## Moving from agents.realtime", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", row)[1].strip() for row in rows[2:]]
