"""What a type means in JSON: its schema, and how a parsed JSON value becomes a value of the type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import attrs

__all__ = [
    "ArgumentError",
    "Load",
    "Schema",
    "Shape",
    "UnsupportedTypeError",
    "at_index",
    "at_key",
    "is_array",
    "is_object",
    "kind_of",
    "mismatch",
]

Schema = dict[str, Any]
Load = Callable[[Any, str], Any]
"""``load(value, path)`` gives the typed value, or raises :exc:`ArgumentError` that names the path."""


class ArgumentError(Exception):
    """A JSON value does not fit its type; internal, becomes a ``ModelBehaviorError``.

    Attributes:
        path: where, such as ``order.items[2].name``; empty for the whole.
        text: what was expected, and what came.
        wrong_kind: the value is of another JSON kind altogether.
    """

    def __init__(self, path: str, text: str, *, wrong_kind: bool = False) -> None:
        super().__init__(path, text)
        self.path = path
        self.text = " ".join(text.split())
        self.wrong_kind = wrong_kind

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class UnsupportedTypeError(Exception):
    """A type has no JSON form; internal, becomes a ``UserError``."""


@attrs.define(eq=False)
class Shape:
    """The JSON side of one type.

    Attributes:
        schema: the JSON Schema.
        load: makes the typed value.
        expects: what a value must be, for error texts: ``"a string"``.
        fields: the names of an object's fields, to choose among several kinds of object; None if it is not one.
    """

    schema: Schema
    load: Load
    expects: str
    fields: frozenset[str] | None = None


_KINDS: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def kind_of(value: object) -> str:
    """Name the JSON kind of a value, with its article."""
    return _KINDS.get(type(value)) or type(value).__name__


def at_key(path: str, key: str) -> str:
    """Give the path of a field."""
    return f"{path}.{key}" if path else key


def at_index(path: str, index: int) -> str:
    """Give the path of an array's element."""
    return f"{path}[{index}]"


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Tell whether a parsed JSON value is an array."""
    return isinstance(value, list)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether a parsed JSON value is an object."""
    return isinstance(value, dict)


def mismatch(path: str, expects: str, value: Any) -> ArgumentError:
    """Make the error of a value of the wrong kind."""
    return ArgumentError(path, f"expected {expects}, got {kind_of(value)}", wrong_kind=True)
