"""Small checks from which the shapes of the client's events are built.

A check is a function of a value and its path that raises :exc:`RefusedError` with the code that the service uses for
that fault: ``unknown_parameter``, ``missing_required_parameter``, ``invalid_type`` or ``invalid_value``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

__all__ = [
    "Check",
    "RefusedError",
    "anything",
    "array",
    "boolean",
    "choice",
    "either",
    "integer",
    "mapping",
    "number",
    "record",
    "tagged",
    "text",
]

Check: TypeAlias = Callable[[object, str], None]
"""Raises :exc:`RefusedError` if a value at a path is not what the protocol allows."""


class RefusedError(Exception):
    """A client event is refused; the state machine answers it with an ``error`` event. It never leaves the server."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


_KINDS: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def _wrong_type(path: str, wanted: str, value: object) -> RefusedError:
    got = _KINDS.get(type(value), type(value).__name__)
    return RefusedError("invalid_type", f"Invalid type for '{path}': expected {wanted}, but got {got} instead.", path)


def anything(value: object, path: str) -> None:
    """Allow every value."""


def boolean(value: object, path: str) -> None:
    """Allow true and false."""
    if not isinstance(value, bool):
        raise _wrong_type(path, "a boolean", value)


def text(minimum: int = 0, maximum: int | None = None) -> Check:
    """Allow strings of ``minimum`` to ``maximum`` characters."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise _wrong_type(path, "a string", value)
        if len(value) < minimum:
            raise RefusedError("invalid_value", f"Invalid '{path}': empty string.", path)
        if maximum is not None and len(value) > maximum:
            message = f"Invalid '{path}': string too long. Expected at most {maximum} characters, got {len(value)}."
            raise RefusedError("invalid_value", message, path)

    return check


def number(low: float, high: float, *, whole: bool = False) -> Check:
    """Allow numbers from ``low`` to ``high``; with ``whole`` only integers."""
    wanted = "an integer" if whole else "a decimal"

    def check(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise _wrong_type(path, wanted, value)
        if not low <= value <= high:
            message = f"Invalid '{path}': expected {wanted} between {low:g} and {high:g}, but got {value}."
            raise RefusedError("invalid_value", message, path)

    return check


def integer(low: int = 0, high: int = 2**53) -> Check:
    """Allow integers from ``low`` to ``high``."""
    return number(low, high, whole=True)


def choice(*values: str) -> Check:
    """Allow the named strings."""
    supported = ", ".join(f"'{value}'" for value in values)

    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise _wrong_type(path, f"one of {supported}", value)
        if value not in values:
            raise RefusedError("invalid_value", f"Invalid value: '{value}'. Supported values are: {supported}.", path)

    return check


def array(item: Check, *, maximum: int | None = None) -> Check:
    """Allow arrays whose elements pass ``item``."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise _wrong_type(path, "an array", value)
        elements = cast("Sequence[object]", value)
        if maximum is not None and len(elements) > maximum:
            raise RefusedError("invalid_value", f"Invalid '{path}': array too long.", path)
        for index, element in enumerate(elements):
            item(element, f"{path}[{index}]")

    return check


def mapping(item: Check = anything, *, maximum: int | None = None, key_length: int | None = None) -> Check:
    """Allow objects with any keys whose values pass ``item``."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object", value)
        fields = cast("Mapping[str, object]", value)
        if maximum is not None and len(fields) > maximum:
            message = f"Invalid '{path}': too many properties. Expected at most {maximum}, but got {len(fields)}."
            raise RefusedError("invalid_value", message, path)
        for key, element in fields.items():
            if key_length is not None and len(key) > key_length:
                raise RefusedError("invalid_value", f"Invalid '{path}': a key is too long.", path)
            item(element, f"{path}.{key}")

    return check


def record(required: Mapping[str, Check] | None = None, optional: Mapping[str, Check] | None = None) -> Check:
    """Allow objects with the ``required`` fields and any of the ``optional`` ones; an optional field may be null."""
    must = required or {}
    may = optional or {}

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object", value)
        fields = cast("Mapping[str, object]", value)
        prefix = f"{path}." if path else ""
        for key in fields:
            if key not in must and key not in may:
                raise RefusedError("unknown_parameter", f"Unknown parameter: '{prefix}{key}'.", prefix + key)
        for key, test in must.items():
            if key not in fields:
                message = f"Missing required parameter: '{prefix}{key}'."
                raise RefusedError("missing_required_parameter", message, prefix + key)
            test(fields[key], prefix + key)
        for key, test in may.items():
            if fields.get(key) is not None:
                test(fields[key], prefix + key)

    return check


def tagged(shapes: Mapping[str, Check], *, tag: str = "type", default: str | None = None) -> Check:
    """Allow objects whose field ``tag`` chooses one of ``shapes``."""
    names = choice(*shapes)

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object", value)
        fields = cast("Mapping[str, Any]", value)
        name = fields.get(tag)
        if name is None:
            name = default
        where = f"{path}.{tag}" if path else tag
        if name is None:
            raise RefusedError("missing_required_parameter", f"Missing required parameter: '{where}'.", where)
        names(name, where)
        shapes[name](fields, path)

    return check


def either(**kinds: Check) -> Check:
    """Choose a check by the JSON type of the value: ``string``, ``integer``, ``object``, ``array``."""
    types: Mapping[str, type] = {"string": str, "integer": int, "object": dict, "array": list}
    wanted = " or ".join(_KINDS[types[kind]] for kind in kinds)

    def check(value: object, path: str) -> None:
        given = type(value)
        for kind, test in kinds.items():
            if given is types[kind]:
                test(value, path)
                return
        raise _wrong_type(path, wanted, value)

    return check
