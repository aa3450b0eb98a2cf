"""Types whose JSON form is a scalar."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
import pathlib
import types
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from trio_realtime.tools._shape import ArgumentError, Load, Schema, Shape, UnsupportedTypeError, mismatch

__all__ = ["choice_shape", "leaf_shape"]

_SCALARS: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number", types.NoneType: "null"}


def _load_str(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise mismatch(path, "a string", value)
    return value


def _load_bool(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise mismatch(path, "a boolean", value)
    return value


def _load_int(value: Any, path: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # JSON has one kind of number: 3.0 is an integer there
    if not isinstance(value, int) or isinstance(value, bool):
        raise mismatch(path, "an integer", value)
    return value


def _load_float(value: Any, path: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise mismatch(path, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ArgumentError(path, "expected a number that fits a double")
    return number


def _load_none(value: Any, path: str) -> None:
    if value is not None:
        raise mismatch(path, "null", value)


def _load_decimal(value: Any, path: str) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise mismatch(path, "a decimal number", value)
    try:
        number = decimal.Decimal(repr(value) if isinstance(value, float) else value)
    except decimal.InvalidOperation:
        raise ArgumentError(path, "expected a decimal number, got another string") from None
    if not number.is_finite():
        raise ArgumentError(path, "expected a finite decimal number")
    return number


def _load_any(value: Any, path: str) -> Any:  # noqa: ARG001  (the signature of Load)
    return value


def _text_form(tp: type, what: str) -> Load:
    """Give a loader for a type that msgspec reads from a string."""

    convert: Callable[..., Any] = msgspec.convert

    def load(value: Any, path: str) -> Any:
        text = _load_str_as(what, value, path)
        try:
            result: Any = convert(text, tp, strict=True)
        except msgspec.ValidationError:
            raise ArgumentError(path, f"expected {what}, got another string") from None
        return result

    return load


def _load_str_as(what: str, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise mismatch(path, what, value)
    return value


_LEAVES: dict[Any, tuple[Schema, Load, str]] = {
    str: ({"type": "string"}, _load_str, "a string"),
    int: ({"type": "integer"}, _load_int, "an integer"),
    float: ({"type": "number"}, _load_float, "a number"),
    bool: ({"type": "boolean"}, _load_bool, "a boolean"),
    None: ({"type": "null"}, _load_none, "null"),
    types.NoneType: ({"type": "null"}, _load_none, "null"),
    Any: ({}, _load_any, "anything"),
    object: ({}, _load_any, "anything"),
    decimal.Decimal: ({"type": "number"}, _load_decimal, "a decimal number"),
}

_TEXT_FORMS: dict[type, tuple[Schema, str]] = {
    dt.datetime: ({"type": "string", "format": "date-time"}, "a date and time such as 2030-01-31T12:00:00Z"),
    dt.date: ({"type": "string", "format": "date"}, "a date such as 2030-01-31"),
    dt.time: ({"type": "string", "format": "time"}, "a time such as 12:00:00"),
    dt.timedelta: ({"type": "string", "format": "duration"}, "a duration such as PT90S"),
    uuid.UUID: ({"type": "string", "format": "uuid"}, "a UUID"),
    bytes: ({"type": "string", "contentEncoding": "base64"}, "base64 text"),
    bytearray: ({"type": "string", "contentEncoding": "base64"}, "base64 text"),
}


def leaf_shape(tp: Any) -> Shape | None:
    """Give the shape of a scalar type, or None if the type is none."""
    if tp in _LEAVES:
        schema, load, expects = _LEAVES[tp]
        return Shape(dict(schema), load, expects)
    if tp in _TEXT_FORMS:
        schema, expects = _TEXT_FORMS[tp]
        return Shape(dict(schema), _text_form(tp, expects), expects)
    if isinstance(tp, type) and issubclass(tp, pathlib.PurePath):
        return Shape({"type": "string"}, lambda value, path: tp(_load_str_as("a path", value, path)), "a path")
    if isinstance(tp, type) and issubclass(tp, enum.Enum):
        return choice_shape(list(tp), tp.__name__, lambda member: member.value)
    return None


def choice_shape(members: Iterable[Any], what: str, json_value: Callable[[Any], Any]) -> Shape:
    """Give the shape of a closed list of values: an enum's members, or a ``Literal``.

    Args:
        members: the Python values.
        what: how to call the whole in an error at definition.
        json_value: gives a member's JSON value.

    Returns:
        The shape; ``1``, ``1.0`` and ``True`` are told apart by their JSON kind.
    """
    table: dict[tuple[bool, Any], Any] = {}
    for member in members:
        value = json_value(member)
        if type(value) not in _SCALARS or (isinstance(value, float) and not math.isfinite(value)):
            raise UnsupportedTypeError(f"{what} has the value {value!r}, which has no JSON form")
        table.setdefault((isinstance(value, bool), value), member)
    if not table:
        raise UnsupportedTypeError(f"{what} has no values")
    values = [value for _, value in table]
    schema: Schema = {"enum": values}
    kinds = {_SCALARS[type(value)] for value in values}
    if len(kinds) == 1:
        schema["type"] = kinds.pop()
    expects = "one of " + ", ".join(map(repr, values))

    def load(value: Any, path: str) -> Any:
        if isinstance(value, (str, int, float, types.NoneType)):
            key = (isinstance(value, bool), value)
            if key in table:
                return table[key]
            raise ArgumentError(path, f"expected {expects}, got {value!r:.100}")
        raise mismatch(path, expects, value)

    return Shape(schema, load, expects)
