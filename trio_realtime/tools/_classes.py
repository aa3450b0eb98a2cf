"""The fields of dataclasses, attrs classes, typed dictionaries and named tuples."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args, get_origin

import attrs

from trio_realtime.tools._shape import UnsupportedTypeError

__all__ = ["MISSING", "ClassField", "RecordType", "read_record", "resolve_forward", "resolve_hints", "substitute"]

MISSING: Any = object()
"""Stands for "no default"; None is a default."""


@attrs.frozen
class ClassField:
    """One field: its name in JSON, its type, and its default (or MISSING; ``...`` if it is made by a factory)."""

    name: str
    hint: Any
    default: Any = MISSING

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is MISSING


@attrs.frozen
class RecordType:
    """A class with named fields.

    Attributes:
        name: for the schema's definitions.
        docstring: what its author wrote, or None.
        fields: in order.
        build: makes a value from the loaded fields.
        positional: an array of the fields in order is taken too (a named tuple).
    """

    name: str
    docstring: str | None
    fields: list[ClassField]
    build: Callable[..., Any]
    positional: bool = False


def resolve_hints(obj: Any, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Give the annotations of a function or class as types.

    Args:
        obj: the function or class.
        namespace: local names of the place of definition, for string annotations that the module alone cannot explain.

    Raises:
        UnsupportedTypeError: a name cannot be found.
    """
    try:
        try:
            return typing.get_type_hints(obj, include_extras=True)
        except NameError:
            return typing.get_type_hints(obj, include_extras=True, localns=dict(namespace))
    except (NameError, AttributeError, SyntaxError, TypeError) as exc:
        raise UnsupportedTypeError(f"the annotations cannot be resolved: {exc}") from exc


def resolve_forward(hint: Any, module: str, namespace: Mapping[str, Any]) -> Any:
    """Give a type whose names may be written as strings.

    Args:
        hint: the type.
        module: the name of the module in which it is written.
        namespace: local names that it may use.

    Raises:
        UnsupportedTypeError: a name cannot be found.
    """
    holder = types.SimpleNamespace(__annotations__={"hint": hint})
    names = vars(sys.modules[module]) if module in sys.modules else {}
    try:
        return typing.get_type_hints(holder, names, dict(namespace), include_extras=True)["hint"]
    except (NameError, AttributeError, SyntaxError, TypeError) as exc:
        raise UnsupportedTypeError(f"the annotations cannot be resolved: {exc}") from exc


def substitute(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """Replace type variables in a type."""
    if isinstance(hint, TypeVar):
        return arguments.get(hint, hint)
    parameters: tuple[Any, ...] = getattr(hint, "__parameters__", ())
    if parameters and not isinstance(hint, type):
        return hint[tuple(arguments.get(parameter, parameter) for parameter in parameters)]
    return hint


def read_record(tp: Any, namespace: Mapping[str, Any]) -> RecordType | None:
    """Give the fields of a class, or None if it is not a class with fields.

    Args:
        tp: the class, or a generic one with its arguments.
        namespace: local names for annotations that are strings.
    """
    cls: Any = get_origin(tp) or tp
    if not inspect.isclass(cls):
        return None
    build: Callable[..., Any] = cls
    if _derives(cls, dict, "__required_keys__"):
        read, build = _typed_dict_fields, dict
    elif _derives(cls, tuple, "_fields"):
        read = _named_tuple_fields
    elif attrs.has(cls):
        read = _attrs_fields
    elif dataclasses.is_dataclass(cls):
        read = _dataclass_fields
    else:
        return None
    arguments = dict(zip(getattr(cls, "__parameters__", ()), get_args(tp), strict=False))
    fields = [
        attrs.evolve(field, hint=substitute(field.hint, arguments))
        for field in read(cls, resolve_hints(cls, namespace))
    ]
    return RecordType(cls.__name__, _own_docstring(cls), fields, build, read is _named_tuple_fields)


def _derives(cls: type[Any], base: type[Any], mark: str) -> bool:
    return issubclass(cls, base) and hasattr(cls, mark)


def _own_docstring(cls: type) -> str | None:
    """Give the docstring that a person wrote; dataclasses and named tuples make one of their signature."""
    docstring = cls.__dict__.get("__doc__")
    if not isinstance(docstring, str) or docstring.startswith(f"{cls.__name__}("):
        return None
    return inspect.cleandoc(docstring) or None


def _typed_dict_fields(cls: Any, hints: dict[str, Any]) -> list[ClassField]:
    fields: list[ClassField] = []
    for name, wrapped in hints.items():
        hint, required = wrapped, name in cls.__required_keys__
        while (qualifier := _qualifier(hint)) is not None:
            required = {"Required": True, "NotRequired": False}.get(qualifier, required)
            hint = get_args(hint)[0]
        fields.append(ClassField(name, hint, MISSING if required else ...))
    return fields


def _qualifier(hint: Any) -> str | None:
    """Name the outer ``Required``, ``NotRequired`` or ``ReadOnly``, of typing or typing_extensions."""
    name = getattr(get_origin(hint), "_name", None)
    return name if name in {"Required", "NotRequired", "ReadOnly"} else None


def _named_tuple_fields(cls: Any, hints: dict[str, Any]) -> list[ClassField]:
    return [ClassField(name, hints.get(name, Any), cls._field_defaults.get(name, MISSING)) for name in cls._fields]


def _attrs_fields(cls: Any, hints: dict[str, Any]) -> list[ClassField]:
    fields: list[ClassField] = []
    for field in attrs.fields(cls):
        if field.init:
            default = MISSING if field.default is attrs.NOTHING else field.default
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, whatever its stub says
                default = ...
            fields.append(ClassField(field.alias or field.name, hints.get(field.name, Any), default))
    return fields


def _dataclass_fields(cls: Any, hints: dict[str, Any]) -> list[ClassField]:
    fields: list[ClassField] = []
    for field in dataclasses.fields(cls):
        if field.init:
            default: Any = MISSING if field.default is dataclasses.MISSING else field.default
            if field.default_factory is not dataclasses.MISSING:
                default = ...
            fields.append(ClassField(field.name, hints.get(field.name, Any), default))
    return fields
