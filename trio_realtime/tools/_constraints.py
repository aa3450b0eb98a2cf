"""Descriptions and constraints from ``Annotated``: strings, and what msgspec, annotated_types and pydantic write there.

The objects of those libraries are known by the module that they come from and read by their attributes, so that none of
the optional ones needs to be imported.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Iterable, Sized
from decimal import Decimal
from typing import Any

import attrs

from trio_realtime.tools._shape import ArgumentError, Schema, Shape

__all__ = ["Annotations", "is_field_info", "read_annotations"]

_KEYS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
_BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str, str]] = {
    "ge": (operator.ge, "minimum", "at least"),
    "gt": (operator.gt, "exclusiveMinimum", "more than"),
    "le": (operator.le, "maximum", "at most"),
    "lt": (operator.lt, "exclusiveMaximum", "less than"),
}
_LENGTHS = {
    "min_length": {"string": "minLength", "array": "minItems", "object": "minProperties"},
    "max_length": {"string": "maxLength", "array": "maxItems", "object": "maxProperties"},
}


@attrs.define
class Annotations:
    """What the metadata of one ``Annotated`` say.

    Attributes:
        description: the text for the schema, or None.
        limits: name of the constraint to its value, as annotated_types calls them.
        predicates: functions that must hold.
        extra: keys that go into the schema as they are.
        foreign: there is something in it that only pydantic understands.
    """

    description: str | None = None
    limits: dict[str, Any] = attrs.field(factory=dict[str, Any])
    predicates: list[Callable[[Any], Any]] = attrs.field(factory=list[Callable[[Any], Any]])
    extra: Schema = attrs.field(factory=dict[str, Any])
    foreign: bool = False

    def apply(self, shape: Shape) -> Shape:
        """Give the shape with the description and the constraints added."""
        schema = dict(shape.schema)
        for name, limit in self.limits.items():
            schema = _constrain(schema, name, limit)
        schema |= self.extra
        if self.description:
            schema["description"] = self.description
        if not self.limits and not self.predicates:
            return Shape(schema, shape.load, shape.expects, shape.fields)
        inner, checks = shape.load, list(self.limits.items())
        predicates = list(self.predicates)

        def load(value: Any, path: str) -> Any:
            result = inner(value, path)
            for name, limit in checks:
                _check(name, limit, result, path)
            for predicate in predicates:
                if not predicate(result):
                    name = getattr(predicate, "__name__", "condition")
                    raise ArgumentError(path, f"expected a value for which {name} holds")
            return result

        return Shape(schema, load, shape.expects, shape.fields)


def _module(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def is_field_info(value: Any) -> bool:
    """Tell whether a value is what ``pydantic.Field(...)`` gives."""
    pydantic = sys.modules.get("pydantic.fields")
    return pydantic is not None and isinstance(value, pydantic.FieldInfo)


def read_annotations(metadata: Iterable[Any]) -> Annotations:
    """Read the metadata of an ``Annotated``; what nobody knows is ignored, as ``Annotated`` demands."""
    found = Annotations()
    for item in metadata:
        _read(item, found)
    return found


def _read(item: Any, found: Annotations) -> None:
    if isinstance(item, str):
        found.description = found.description or item
    elif is_field_info(item):
        found.description = item.description or found.description
        if item.examples:
            found.extra["examples"] = list(item.examples)
        for inner in item.metadata:
            _read(inner, found)
    elif _module(item) == "msgspec":
        found.description = item.description or found.description
        if item.examples:
            found.extra["examples"] = list(item.examples)
        found.extra.update(item.extra_json_schema or {})
        _read_limits(item, found)
    elif _module(item) == "annotated_types":
        if callable(getattr(item, "func", None)):
            found.predicates.append(item.func)
        _read_limits(item, found)
    elif _module(item).startswith("pydantic"):
        if type(item).__name__ == "_PydanticGeneralMetadata" and item.__dict__.keys() <= {"pattern"}:
            _read_limits(item, found)
        else:
            found.foreign = True
    elif isinstance(text := getattr(item, "documentation", None), str):
        found.description = found.description or text  # typing_extensions.Doc


def _read_limits(item: Any, found: Annotations) -> None:
    for name in _KEYS:
        limit = getattr(item, name, None)
        if limit is not None and (name, limit) != ("min_length", 0):
            found.limits[name] = limit


def _constrain(schema: Schema, name: str, limit: Any) -> Schema:
    """Add a constraint to a schema where the schema's type has a keyword for it; the check holds in any case."""
    if "anyOf" in schema:
        return schema | {"anyOf": [_constrain(branch, name, limit) for branch in schema["anyOf"]]}
    kind = schema.get("type")
    if kind in {"integer", "number"} and isinstance(limit, (int, float)):
        if name in _BOUNDS:
            return schema | {_BOUNDS[name][1]: limit}
        if name == "multiple_of":
            return schema | {"multipleOf": limit}
    elif name in _LENGTHS and kind in _LENGTHS[name]:
        return schema | {_LENGTHS[name][kind]: limit}
    elif name == "pattern" and kind == "string":
        return schema | {"pattern": getattr(limit, "pattern", limit)}
    return schema


def _check(name: str, limit: Any, value: Any, path: str) -> None:
    if value is None:
        return
    if name in _BOUNDS:
        compare, _, words = _BOUNDS[name]
        if not _holds(compare, value, limit):
            raise ArgumentError(path, f"expected {words} {limit}, got {value}")
    elif name == "multiple_of":
        if isinstance(value, (int, float, Decimal)) and not _is_multiple(value, limit):
            raise ArgumentError(path, f"expected a multiple of {limit}, got {value}")
    elif name == "pattern":
        if isinstance(value, str) and re.search(limit, value) is None:
            raise ArgumentError(path, f"expected text that matches {getattr(limit, 'pattern', limit)}")
    elif isinstance(value, Sized):
        length = len(value)
        if name == "min_length" and length < limit:
            raise ArgumentError(path, f"expected a length of at least {limit}, got {length}")
        if name == "max_length" and length > limit:
            raise ArgumentError(path, f"expected a length of at most {limit}, got {length}")


def _holds(compare: Callable[[Any, Any], bool], value: Any, limit: Any) -> bool:
    try:
        return compare(value, limit)
    except TypeError:
        return True  # a bound says nothing about a value that it cannot be compared with (the str of int | str)


def _is_multiple(value: Any, step: Any) -> bool:
    return Decimal(str(value)) % Decimal(str(step)) == 0
