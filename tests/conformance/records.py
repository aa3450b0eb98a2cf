"""Events and errors of either library as plain data, for comparison."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from .bytes_of import summary

_OWN = ("DiskFullError",)
_CLOSED = (
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ConnectionClosed",
    "InvalidMessage",
    "RealtimeConnectionError",
)


def event_record(event: Any) -> dict[str, Any] | None:
    """Give what an event means to an application, or None for one that is not compared."""
    kind = event.type
    record: dict[str, Any] = {"type": kind}
    if kind in ("raw_model_event", "rate_limits"):  # the latter are the markers
        return None
    for name in ("agent", "from_agent", "to_agent", "tool"):
        if hasattr(event, name):
            record[name] = getattr(event, name).name
    for name in ("arguments", "call_id", "item_id", "content_index", "message"):
        if hasattr(event, name):
            record[name] = getattr(event, name)
    match kind:
        case "agent_end":
            for name in ("status", "reason"):
                record[name] = getattr(event, name, None)
            error = getattr(event, "error", None)
            record["error"] = getattr(error, "code", None)
            usage = event.info.context.usage
            record["usage"] = [usage.requests, usage.input_tokens, usage.output_tokens, usage.total_tokens]
        case "tool_end":
            record["output"] = plain(event.output)
        case "audio":
            record["audio"] = summary(event.audio.data)
            record["response"] = event.audio.response_id
        case "error":
            record["error"] = error_record(event.error)
        case "history_added":
            record["item"] = item_record(event.item)
        case "history_updated":
            record["history"] = [item_record(item) for item in event.history]
        case "guardrail_tripped":
            record["guardrails"] = [result.guardrail.get_name() for result in event.guardrail_results]
            record["info"] = [plain(result.output.output_info) for result in event.guardrail_results]
        case "transcript" | "user_speech_started" | "user_speech_stopped" | "connection" | "dtmf":
            record = {"type": kind}
        case _:
            pass
    return record


def item_record(item: Any) -> dict[str, Any]:
    """Give a history item, without what is empty."""
    record = {name: value for name, value in plain(item).items() if value is not None}
    if "content" in record:
        record["content"] = [
            {name: value for name, value in part.items() if value is not None} for part in record["content"]
        ]
    record.pop("previous_item_id", None)
    return record


def plain(value: Any) -> Any:
    """Give a value as JSON has it."""
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "__attrs_attrs__"):
        return {field.name: plain(getattr(value, field.name)) for field in value.__attrs_attrs__}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return summary(value)
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
    return value


def error_record(error: Any) -> dict[str, Any] | str:
    """Give an error of an event: the server's by its code and message, every other as ``"local"``."""
    code, message = getattr(error, "code", None), getattr(error, "message", None)
    is_server = not isinstance(error, BaseException) or type(error).__name__ in ("ServerError", "ConfigRejected")
    if is_server and isinstance(message, str) and not isinstance(error, dict):
        return {"code": code, "message": message, "param": getattr(error, "param", None)}
    return "local"


def exception_record(error: BaseException) -> dict[str, Any]:
    """Give an exception that was raised at the application: by its class, and a text that is the application's own."""
    name = type(error).__name__
    record: dict[str, Any] = {"raised": name}
    if name in _OWN:
        record["text"] = str(error)
    if name in _CLOSED:
        received = getattr(error, "rcvd", None)
        record = {"raised": "connection", "code": received.code if received is not None else None}
        if hasattr(error, "attempts"):
            record["code"] = error.code if error.code != 1006 else None
    elif hasattr(error, "status"):
        record = {"raised": "handshake", "status": error.status}
    elif name == "InvalidStatus":
        record = {"raised": "handshake", "status": error.response.status_code}  # type: ignore[attr-defined]
    elif isinstance(getattr(error, "message", None), str) and hasattr(error, "code"):
        record |= {"code": error.code}
    return record
