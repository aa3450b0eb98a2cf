"""Values of the user as JSON: a parameter's default, and a tool's result."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from trio_realtime.tools._shape import is_array, is_object

__all__ = ["json_default", "sendable", "to_json_text"]


def json_default(value: Any) -> Any:
    """Give a default as JSON types, or ``...`` if it has no JSON form (or is made by a factory)."""
    if value is ...:
        return ...
    try:
        return json.loads(to_json_text(value))
    except (TypeError, ValueError, RecursionError):
        return ...


def to_json_text(value: Any) -> str:
    """Write a value as JSON, without escaping what is not ASCII.

    Args:
        value: JSON types, dataclasses, attrs classes, structs, pydantic models, enums, dates, bytes ... nested at will.

    Raises:
        TypeError: there is something in it that has no JSON form.
        ValueError: a number is not finite.
        RecursionError: it contains itself.
    """
    value = msgspec.to_builtins(_ordered(value), enc_hook=_encode, str_keys=True)
    return sendable(json.dumps(value, ensure_ascii=False, allow_nan=False))


def sendable(text: str) -> str:
    """Give a text with what UTF-8 cannot hold (lone surrogates) replaced."""
    return str(text) if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _ordered(value: Any) -> Any:
    """Turn attrs instances into dictionaries in the order of their fields; msgspec would sort those that have slots."""
    if is_object(value):
        return {key: _ordered(inner) for key, inner in value.items()}
    if is_array(value):
        return [_ordered(inner) for inner in value]
    fields: Any = getattr(value, "__attrs_attrs__", None)
    if fields is not None and not isinstance(value, type):
        return {field.name: _ordered(getattr(value, field.name)) for field in fields}
    return value


def _encode(value: object) -> Any:
    """Write what msgspec does not know."""
    pydantic: Any = sys.modules.get("pydantic")
    if pydantic is not None and isinstance(value, pydantic.BaseModel):
        model: Any = value
        return model.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")
