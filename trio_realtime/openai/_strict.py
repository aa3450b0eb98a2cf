"""Strict structuring of what came from the wire: cattrs hooks that never coerce, and an explanation of what is wrong.

Unlike :mod:`trio_realtime._structure`, which reads what users write, this ignores unknown keys, lets unknown words
pass, and is fast: a fault is only explained, in a second and slower pass, once there is one.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeGuard, Union, cast, get_args, get_origin

import attrs
import cattrs
import cattrs.gen
import pybase64

from trio_realtime._structure import NotGiven, describe

__all__ = ["MAX_INDEX", "ContentIndex", "Fault", "Hook", "explain", "hook_for"]

Hook: TypeAlias = Callable[[Any, Any], Any]
MAX_INDEX: Final = 999
"""The last part of an item that an event may be about: the parts before it are made, so a wrong number has a price."""
ContentIndex: TypeAlias = Annotated[int, MAX_INDEX]
"""Which part of an item."""


class Fault(ValueError):
    """What is wrong with one value."""


@attrs.frozen
class Explanation:
    """What is wrong and where.

    Attributes:
        path: the field at fault, such as ``response.usage.total_tokens`` or ``item.content[0].type``; empty for the
            whole value.
        message: what is wrong with it. It never shows the value.
    """

    path: str
    message: str


def _text(value: Any, _: Any) -> str:
    if type(value) is str:
        return value
    raise Fault(f"must be text, not {describe(value)}")


def _whole(value: Any, _: Any) -> int:
    if type(value) is int:
        return value
    raise Fault(f"must be a whole number, not {describe(value)}")


def _index(value: Any, _: Any) -> int:
    if type(value) is int and 0 <= value <= MAX_INDEX:
        return value
    raise Fault(f"must be a whole number from 0 to {MAX_INDEX}, not {describe(value)}")


def _number(value: Any, _: Any) -> float:
    if type(value) is float or type(value) is int:
        return value
    raise Fault(f"must be a number, not {describe(value)}")


def _flag(value: Any, _: Any) -> bool:
    if type(value) is bool:
        return value
    raise Fault(f"must be true or false, not {describe(value)}")


def _base64(value: Any, _: Any) -> bytes:
    if type(value) is not str:
        raise Fault(f"must be text, not {describe(value)}")
    try:
        return pybase64.b64decode(value, validate=True)
    except ValueError:
        raise Fault("is not valid base64") from None


def _mapping(value: Any, _: Any) -> Mapping[str, Any]:
    if _is_dict(value):
        return value
    raise Fault(f"must be an object, not {describe(value)}")


def _words(value: Any, _: Any) -> Mapping[str, str]:
    for key, word in _mapping(value, None).items():
        if type(word) is not str:
            raise Fault(f"[{key!r}] must be text, not {describe(word)}")
    return cast("Mapping[str, str]", value)


def _anything(value: Any, _: Any) -> Any:
    return value


def _optional(tp: Any) -> Hook:
    members = [member for member in get_args(tp) if member not in (type(None), NotGiven)]
    if len(members) != 1:  # a scalar union: whatever came is kept
        return _anything
    inner, inner_hook = members[0], _converter.get_structure_hook(members[0])

    def hook(value: Any, _: Any) -> Any:
        return None if value is None else inner_hook(value, inner)

    return hook


def _tuple(tp: Any) -> Hook:
    element = get_args(tp)[0]
    element_hook = _converter.get_structure_hook(element)

    def hook(value: Any, _: Any) -> Any:
        if not _is_list(value):
            raise Fault(f"must be a list, not {describe(value)}")
        return tuple([element_hook(one, element) for one in value])

    return hook


def _attrs_class(cls: type) -> Hook:
    attrs.resolve_types(cast("Any", cls))
    inner = _inner[cls] = cast("Hook", cattrs.gen.make_dict_structure_fn(cls, _converter))

    def hook(value: Any, _: Any) -> Any:
        if not _is_dict(value):
            raise Fault(f"must be an object, not {describe(value)}")
        return inner(value, cls)

    return hook


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return type(value) is list


def _is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    return type(value) is dict


def _is_union(tp: Any) -> bool:
    return get_origin(tp) in (Union, types.UnionType)


def _is_tuple(tp: Any) -> bool:
    return get_origin(tp) is tuple


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook_factory(attrs.has, _attrs_class)
    for scalar, hook in ((str, _text), (int, _whole), (float, _number), (bool, _flag), (bytes, _base64)):
        converter.register_structure_hook(scalar, hook)
    converter.register_structure_hook_func(lambda tp: tp is Any, _anything)
    converter.register_structure_hook_func(lambda tp: tp == ContentIndex, _index)
    converter.register_structure_hook_factory(_is_union, _optional)
    converter.register_structure_hook_factory(_is_tuple, _tuple)
    converter.register_structure_hook_func(lambda tp: tp == Mapping[str, Any], _mapping)
    converter.register_structure_hook_func(lambda tp: tp == Mapping[str, str], _words)
    return converter


_inner: Final[dict[type, Hook]] = {}
_converter: Final = _make_converter()


def hook_for(cls: type) -> Hook:
    """Give the function ``hook(data, cls)`` that makes a ``cls`` of a dict; that it is one is not checked.

    The function raises ValueError, TypeError or KeyError for data that does not fit; :func:`explain` then says why.
    """
    hook = _converter.get_structure_hook(cls)
    return _inner.get(cls, hook)


def explain(tp: Any, value: Any) -> Explanation | None:
    """Say why ``value`` does not fit the type ``tp``, or give None if it does."""
    members = [member for member in get_args(tp) if member not in (type(None), NotGiven)]
    if _is_union(tp) and len(members) == 1:
        return None if value is None else explain(members[0], value)
    if isinstance(tp, type) and attrs.has(tp) and _is_dict(value):
        return _explain_fields(tp, value)
    if _is_tuple(tp) and _is_list(value):
        for index, element in enumerate(value):
            if (found := explain(members[0], element)) is not None:
                return _under(f"[{index}]", found)
        return None
    try:
        _converter.get_structure_hook(tp)(value, tp)
    except (ValueError, TypeError, KeyError) as error:
        return Explanation("", str(error))
    return None


def _explain_fields(cls: type, value: dict[str, Any]) -> Explanation | None:
    attrs.resolve_types(cast("Any", cls))  # the hook may not have been made yet; a second time costs nothing
    for field in attrs.fields(cast("Any", cls)):
        if field.name in value:
            if (found := explain(field.type, value[field.name])) is not None:
                return _under(field.name, found)
        elif field.default is attrs.NOTHING:
            return Explanation(field.name, "is missing")
    return None


def _under(step: str, found: Explanation) -> Explanation:
    separator = "" if not found.path or found.path.startswith("[") else "."
    return attrs.evolve(found, path=f"{step}{separator}{found.path}")
