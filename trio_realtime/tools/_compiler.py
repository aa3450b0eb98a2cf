"""From Python types to JSON: the schema of a type, and a strict reader of its values.

"Strict" means that nothing is coerced: ``"3"`` is not an integer. What JSON lacks is written as text (dates, UUIDs,
base64). The type rules are our own, so that unions and enums of any kind work and every error names a path; scalar
formats and structs are msgspec's, and models are read by pydantic itself.
"""

from __future__ import annotations

import collections
import collections.abc
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from trio_realtime.context import RunContextWrapper
from trio_realtime.tools import _foreign
from trio_realtime.tools._classes import RecordType, read_record, resolve_forward, substitute
from trio_realtime.tools._constraints import read_annotations
from trio_realtime.tools._defaults import json_default
from trio_realtime.tools._leaves import choice_shape, leaf_shape
from trio_realtime.tools._shape import (
    ArgumentError,
    Schema,
    Shape,
    UnsupportedTypeError,
    at_index,
    at_key,
    is_array,
    is_object,
    mismatch,
)
from trio_realtime.tools.docstrings import read_docstring

__all__ = ["TypeCompiler"]

_ARRAYS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    collections.deque: collections.deque,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    set: set,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
    frozenset: frozenset,
}
_SETS = {set, collections.abc.Set, collections.abc.MutableSet, frozenset}
_OBJECTS = {dict, collections.abc.Mapping, collections.abc.MutableMapping}
_UNIONS = {Union, types.UnionType}


class TypeCompiler:
    """Compiles types, and collects the definitions that their schemas refer to.

    Args:
        namespace: local names of the place of definition, for annotations that are strings.
    """

    def __init__(self, namespace: Mapping[str, Any] | None = None) -> None:
        self.defs: dict[str, Schema] = {}
        self._namespace = dict(namespace or {})
        self._named: dict[Any, Shape] = {}

    def compile(self, tp: Any) -> Shape:
        """Give the shape of a type.

        Raises:
            UnsupportedTypeError: the type, or something in it, has no JSON form.
        """
        if _hashable(tp) and tp in self._named:
            return self._named[tp]
        origin = get_origin(tp)
        if origin is Annotated:
            return self._annotated(tp)
        if origin in _UNIONS:
            return self._union(get_args(tp))
        if origin is Literal:
            return choice_shape(get_args(tp), "Literal", lambda value: getattr(value, "value", value))
        if not _hashable(tp):
            raise UnsupportedTypeError(f"{tp!r} is not a type")
        return self._container(tp, origin or tp) or leaf_shape(tp) or self._other(tp)

    def _other(self, tp: Any) -> Shape:
        if isinstance(tp, TypeVar):
            raise UnsupportedTypeError(f"the type variable {tp} could be any type; use a real one")
        if (plainer := _plainer(tp)) is not None:
            return self.compile(plainer)
        if hasattr(get_origin(tp) or tp, "__value__"):
            return self._alias(tp)
        if _foreign.is_pydantic(tp):
            return self._keep(tp, _foreign.pydantic_shape(tp, self.defs))
        if _foreign.is_struct(tp):
            return self._keep(tp, _foreign.struct_shape(tp, self.compile, self.defs))
        if _is_context(tp):
            raise UnsupportedTypeError("the context of a call can only be the first parameter")
        if (record := read_record(tp, self._namespace)) is not None:
            return self._record(tp, record)
        raise UnsupportedTypeError(f"{_name(tp)} has no JSON form")

    def _keep(self, tp: Any, shape: Shape) -> Shape:
        self._named[tp] = shape
        return shape

    def _annotated(self, tp: Any) -> Shape:
        inner, *metadata = get_args(tp)
        annotations = read_annotations(metadata)
        if annotations.foreign:
            shape = _foreign.pydantic_shape(tp, self.defs)
            annotations.limits.clear()
            annotations.predicates.clear()
        else:
            shape = self.compile(inner)
        return annotations.apply(shape)

    def _alias(self, tp: Any) -> Shape:
        """Compile a ``type X = ...`` statement, which may refer to itself."""
        origin = get_origin(tp) or tp
        arguments = dict(zip(origin.__type_params__, get_args(tp), strict=False))
        shape = self._placeholder(tp, origin.__name__)
        value = resolve_forward(origin.__value__, origin.__module__, self._namespace)
        target = self.compile(substitute(value, arguments))
        self._fill(shape, target.schema, target)
        return shape

    def _placeholder(self, key: Any, name: str) -> Shape:
        """Register a named type before its parts are compiled, so that they may refer to it."""
        plain = free = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        number = 1
        while free in self.defs:
            number += 1
            free = f"{plain}_{number}"
        self.defs[free] = {}
        shape = Shape({"$ref": f"#/$defs/{free}"}, _unfinished, "an object")
        self._named[key] = shape
        return shape

    def _fill(self, shape: Shape, schema: Schema, target: Shape) -> None:
        self.defs[shape.schema["$ref"].removeprefix("#/$defs/")] = schema
        shape.load, shape.expects, shape.fields = target.load, target.expects, target.fields

    # containers

    def _container(self, tp: Any, origin: Any) -> Shape | None:
        if origin in _ARRAYS:
            return self._array(origin, get_args(tp))
        if origin is tuple:
            return self._tuple(tp)
        return self._mapping(get_args(tp)) if origin in _OBJECTS else None

    def _array(self, origin: Any, arguments: tuple[Any, ...]) -> Shape:
        item = self.compile(arguments[0]) if arguments else self.compile(Any)
        make = _ARRAYS[origin]
        schema: Schema = {"type": "array", "items": item.schema} if arguments else {"type": "array", "items": {}}
        if origin in _SETS:
            schema["uniqueItems"] = True

        def load(value: Any, path: str) -> Any:
            items = [item.load(inner, at_index(path, i)) for i, inner in enumerate(_array_of(value, path))]
            try:
                return make(items)
            except TypeError:
                raise ArgumentError(path, "expected items that can be in a set, got objects or arrays") from None

        return Shape(schema, load, "an array")

    def _tuple(self, tp: Any) -> Shape:
        arguments = get_args(tp)
        if not arguments and tp in {tuple, typing.Tuple}:  # noqa: UP006  (the user may write it)
            arguments = (Any, ...)
        if len(arguments) == 2 and arguments[1] is ...:
            array = self._array(list, arguments[:1])
            return Shape(array.schema, lambda value, path: tuple(array.load(value, path)), "an array")
        shapes = [self.compile(argument) for argument in arguments]
        count = len(shapes)
        schema: Schema = {"type": "array", "minItems": count, "maxItems": count}
        if shapes:
            schema["prefixItems"] = [shape.schema for shape in shapes]

        def load(value: Any, path: str) -> Any:
            items = _array_of(value, path)
            if len(items) != count:
                raise ArgumentError(path, f"expected an array of {count} items, got {len(items)}")
            pairs = zip(shapes, items, strict=True)
            return tuple(shape.load(inner, at_index(path, i)) for i, (shape, inner) in enumerate(pairs))

        return Shape(schema, load, "an array")

    def _mapping(self, arguments: tuple[Any, ...]) -> Shape:
        key_type, value_type = arguments or (str, Any)
        key, item = self.compile(key_type), self.compile(value_type)
        if key.expects in {"an array", "an object", "null"}:
            raise UnsupportedTypeError(f"an object's keys are strings in JSON, {_name(key_type)} cannot be one")

        def load(value: Any, path: str) -> Any:
            return {
                _load_key(key, name, path): item.load(inner, at_key(path, name))
                for name, inner in _object_of(value, path).items()
            }

        return Shape({"type": "object", "additionalProperties": item.schema or True}, load, "an object")

    # classes with fields

    def _record(self, tp: Any, record: RecordType) -> Shape:
        shape = self._placeholder(tp, record.name)
        documentation = read_docstring(record.docstring)
        fields = {field.name: self.compile(field.hint) for field in record.fields}
        properties: dict[str, Schema] = {}
        for field in record.fields:
            schema = dict(fields[field.name].schema)
            if text := documentation.params.get(field.name):
                schema["description"] = text
            if not field.required and (default := json_default(field.default)) is not ...:
                schema["default"] = default
            properties[field.name] = schema
        schema = {
            "type": "object",
            "properties": properties,
            "required": [field.name for field in record.fields if field.required],
        }
        if documentation.description:
            schema["description"] = documentation.description
        self._fill(shape, schema, Shape(schema, _record_loader(record, fields), "an object", frozenset(fields)))
        return shape

    # unions

    def _union(self, arguments: tuple[Any, ...]) -> Shape:
        shapes = [self.compile(argument) for argument in arguments]
        schema: Schema = {"anyOf": [shape.schema for shape in shapes]}
        expects = " or ".join(dict.fromkeys(shape.expects for shape in shapes))

        def load(value: Any, path: str) -> Any:
            return _load_union(_ranked(shapes, value), expects, value, path)

        return Shape(schema, load, expects)


def _ranked(shapes: list[Shape], value: Any) -> list[Shape]:
    """Order a union's members: for an object, the one first that leaves the fewest keys unread; else as written."""
    if not is_object(value):
        return shapes
    keys = value.keys()
    return sorted(shapes, key=lambda shape: len(keys - shape.fields) if shape.fields is not None else len(keys))


def _load_union(shapes: list[Shape], expects: str, value: Any, path: str) -> Any:
    failures: list[ArgumentError] = []
    first: list[Any] = []
    for shape in shapes:
        try:
            result = shape.load(value, path)
        except ArgumentError as exc:
            failures.append(exc)
            continue
        if type(result) is type(value) or not isinstance(value, (int, float)):
            return result
        first.append(result)  # a number goes to the member of exactly its kind: 1 stays an int in float | int
    if first:
        return first[0]
    near = [failure for failure in failures if not (failure.wrong_kind and failure.path == path)]
    raise near[0] if near else mismatch(path, expects, value)


def _record_loader(record: RecordType, fields: dict[str, Shape]) -> Callable[[Any, str], Any]:
    required = {field.name for field in record.fields if field.required}

    def load(value: Any, path: str) -> Any:
        if record.positional and is_array(value) and len(value) <= len(fields):
            value = dict(zip(fields, value, strict=False))
        given = _object_of(value, path)
        loaded: dict[str, Any] = {}
        for name, shape in fields.items():
            if name in given:
                loaded[name] = shape.load(given[name], at_key(path, name))
            elif name in required:
                raise ArgumentError(at_key(path, name), f"expected {shape.expects}, but it is missing")
        try:
            return record.build(**loaded)
        except (ValueError, TypeError) as exc:  # the class's own validators
            raise ArgumentError(path, f"{record.name} refused it: {exc}") from exc

    return load


def _load_key(shape: Shape, name: str, path: str) -> Any:
    """Read an object's key: as text, else as the number or boolean that it spells."""
    where = at_key(path, name)
    try:
        return shape.load(name, where)
    except ArgumentError:
        if re.fullmatch(r"-?\d+", name):
            return shape.load(int(name), where)
        if re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", name):
            return shape.load(float(name), where)
        if name in {"true", "false"}:
            return shape.load(name == "true", where)
        raise


def _array_of(value: Any, path: str) -> list[Any]:
    if not is_array(value):
        raise mismatch(path, "an array", value)
    return value


def _object_of(value: Any, path: str) -> dict[str, Any]:
    if not is_object(value):
        raise mismatch(path, "an object", value)
    return value


def _unfinished(value: Any, path: str) -> Any:  # pragma: no cover  (replaced before any value is read)
    raise AssertionError(value, path)


def _plainer(tp: Any) -> Any:
    """Give the type that a special form stands for, or None."""
    if isinstance(tp, typing.NewType):
        return tp.__supertype__
    if tp is typing.LiteralString:
        return str
    return get_args(tp)[0] if get_origin(tp) is typing.Final else None


def _is_context(tp: Any) -> bool:
    cls = get_origin(tp) or tp
    return isinstance(cls, type) and issubclass(cls, RunContextWrapper)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _name(tp: Any) -> str:
    return getattr(tp, "__name__", None) or str(tp)
