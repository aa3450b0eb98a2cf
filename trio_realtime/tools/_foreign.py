"""Types whose own library makes their schema and reads them: msgspec's structs and whatever pydantic knows."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any, get_origin

import msgspec

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

__all__ = ["is_pydantic", "is_struct", "pydantic_shape", "struct_shape"]

_REF = "#/$defs/"


def is_struct(tp: Any) -> bool:
    """Tell whether a type is a msgspec Struct."""
    cls = get_origin(tp) or tp
    return isinstance(cls, type) and issubclass(cls, msgspec.Struct)


def is_pydantic(tp: Any) -> bool:
    """Tell whether a type is a pydantic model or dataclass, or a type made for pydantic."""
    cls = get_origin(tp) or tp
    return isinstance(cls, type) and (
        hasattr(cls, "__pydantic_core_schema__") or hasattr(cls, "__get_pydantic_core_schema__")
    )


def struct_shape(tp: Any, compile_type: Callable[[Any], Shape], defs: dict[str, Schema]) -> Shape:
    """Give the shape of a msgspec Struct; types in it that msgspec does not know are compiled by us.

    Args:
        tp: the struct.
        compile_type: compiles another type.
        defs: receives the definitions that the schema refers to.

    Raises:
        UnsupportedTypeError: there is something in it that has no JSON form.
    """

    def schema_hook(other: Any) -> Schema:
        return compile_type(other).schema

    def dec_hook(other: Any, value: Any) -> Any:
        try:
            return compile_type(other).load(value, "")
        except ArgumentError as exc:
            raise _NestedError from exc

    try:
        (schema,), found = msgspec.json.schema_components((tp,), schema_hook=schema_hook, ref_template=_REF + "{name}")
    except TypeError as exc:
        raise UnsupportedTypeError(str(exc).splitlines()[0]) from exc
    schema = _merge(schema, found, defs)

    fields = _fields(schema, defs)

    def load(value: Any, path: str) -> Any:
        if fields is not None and not is_object(value):
            raise mismatch(path, "an object", value)
        try:
            return msgspec.convert(value, tp, strict=True, dec_hook=dec_hook)
        except msgspec.ValidationError as exc:
            message, _, where = str(exc).partition(" - at `$")
            where = _join(path, where.rstrip("`"))
            if isinstance(exc.__cause__, _NestedError) and isinstance(inner := exc.__cause__.__cause__, ArgumentError):
                where, message = _join(where, "." + inner.path if inner.path else ""), inner.text
            raise ArgumentError(where, message.replace("`", "")) from None

    return Shape(schema, load, "an object" if fields is not None else "another value", fields)


class _NestedError(ValueError):
    """Carries one of our errors through msgspec, which adds the path."""


def _join(path: str, where: str) -> str:
    return path + where if path else where.lstrip(".")


def pydantic_shape(tp: Any, defs: dict[str, Schema]) -> Shape:
    """Give the shape of a type that pydantic knows. Values are read in pydantic's strict JSON mode.

    Args:
        tp: the type, maybe an ``Annotated``.
        defs: receives the definitions that the schema refers to.

    Raises:
        UnsupportedTypeError: pydantic cannot make a schema of it, or is not there.
    """
    pydantic: Any = sys.modules.get("pydantic")
    if pydantic is None:
        raise UnsupportedTypeError("pydantic is not imported")
    try:
        adapter = pydantic.TypeAdapter(tp)
        schema = adapter.json_schema(ref_template=_REF + "{model}")
    except pydantic.errors.PydanticUserError as exc:
        raise UnsupportedTypeError(str(exc).splitlines()[0]) from exc
    schema = _merge(schema, schema.pop("$defs", {}), defs)

    fields = _fields(schema, defs)

    def load(value: Any, path: str) -> Any:
        if fields is not None and not is_object(value):
            raise mismatch(path, "an object", value)
        try:
            return adapter.validate_json(json.dumps(value), strict=True)
        except pydantic.ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
            raise ArgumentError(_extend(path, first["loc"]), str(first["msg"])) from None

    return Shape(schema, load, "an object" if fields is not None else "another value", fields)


def _extend(path: str, location: tuple[int | str, ...]) -> str:
    for part in location:
        path = at_index(path, part) if isinstance(part, int) else at_key(path, part)
    return path


def _fields(schema: Schema, defs: dict[str, Schema]) -> frozenset[str] | None:
    target = defs.get(schema.get("$ref", "").removeprefix(_REF), schema)
    return frozenset(target["properties"]) if "properties" in target else None


def _merge(schema: Schema, found: dict[str, Schema], defs: dict[str, Schema]) -> Schema:
    """Add definitions to ours; one whose name we have for something else gets another name."""
    names = {name: _free_name(name, body, defs) for name, body in found.items()}
    for name, body in found.items():
        defs[names[name]] = _rename(body, names)
    result: Schema = _rename(schema, names)
    return result


def _free_name(name: str, body: Schema, defs: dict[str, Schema]) -> str:
    plain = free = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    number = 1
    while free in defs and defs[free] != body:
        number += 1
        free = f"{plain}_{number}"
    return free


def _rename(value: Any, names: dict[str, str]) -> Any:
    if is_object(value):
        return {
            key: _REF + names.get(inner.removeprefix(_REF), inner.removeprefix(_REF))
            if key == "$ref" and isinstance(inner, str)
            else _rename(inner, names)
            for key, inner in value.items()
        }
    return [_rename(inner, names) for inner in value] if is_array(value) else value
