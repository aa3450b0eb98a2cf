"""Dictionaries into frozen classes, strictly: what the public API accepts wherever it accepts a dict.

cattrs chooses the hook for each type; the hooks here never coerce (``"3"`` is not 3, ``None`` is not ``"None"``) and
report a fault with the path of its key. A type that cannot be structured (a callable, an object of the user's) passes.
"""

from __future__ import annotations

import difflib
import enum
import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs

from trio_realtime.errors import UserError, UserTypeError

__all__ = ["NOT_GIVEN", "NotGiven", "Opaque", "given", "structure"]

T = TypeVar("T")


class NotGiven(enum.Enum):
    """The type of NOT_GIVEN: a setting that was left out, which is not the same as one that is None."""

    NOT_GIVEN = enum.auto()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven.NOT_GIVEN


class Opaque:
    """Stands at run time for a type of a higher layer: values of it pass unchecked."""

    def __class_getitem__(cls, _: object) -> type[Opaque]:
        return cls


class _Fault(Exception):
    """Something is wrong at ``path``; becomes a UserError at the boundary."""

    def __init__(self, message: str, *, wrong_type: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.wrong_type = wrong_type
        self.path = ""

    def under(self, step: str) -> _Fault:
        self.path = f"{step}{self.path}" if not self.path or self.path.startswith("[") else f"{step}.{self.path}"
        return self


Hook: TypeAlias = Callable[[Any, Any], Any]
_SCALARS: Final[Mapping[type, tuple[type, ...]]] = {
    str: (str,),
    int: (int,),
    float: (float, int),
    bool: (bool,),
    bytes: (bytes, bytearray, memoryview),
}
_NOT_LISTS: Final = (str, bytes, bytearray, memoryview)
_NAMES: Final = {str: "text", int: "a whole number", float: "a number", bool: "true or false", bytes: "bytes"}


def describe(value: object) -> str:
    """Give a short description of a wrong value that cannot reveal a secret: its type only."""
    return "None" if value is None else type(value).__name__


def _one(cls: type) -> str:
    return f"{'an' if cls.__name__[0] in 'AEIOU' else 'a'} {cls.__name__}"


def _scalar(cls: type) -> Hook:
    accepted: Any = _SCALARS[cls]

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and cls is not bool):
            raise _Fault(f"must be {_NAMES[cls]}, not {describe(value)}", wrong_type=True)
        if cls is float and not _is_finite(value):
            raise _Fault("must be a finite number")
        return bytes(cast("Any", value)) if cls is bytes else value

    return hook


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def _literal(tp: Any) -> Hook:
    choices = get_args(tp)

    def hook(value: Any, _: Any) -> Any:
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return choice
        raise _not_among(choices, value)

    return hook


def _not_among(choices: Sequence[object], value: object) -> _Fault:
    wanted = " or ".join(repr(choice) for choice in choices)
    if isinstance(value, str):
        return _Fault(f"must be {wanted}, not {value!r}{_meant(value, [c for c in choices if isinstance(c, str)])}")
    return _Fault(f"must be {wanted}, not {describe(value)}", wrong_type=True)


def _meant(word: str, choices: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _attrs_class(cls: type) -> Hook:
    fields: dict[str, attrs.Attribute[Any]] = {}
    for field in attrs.fields(attrs.resolve_types(cast("Any", cls))):
        if field.init and not field.metadata.get("internal"):
            fields[str(field.alias)] = field
    spellings = dict(fields)
    for field in fields.values():
        for alias in field.metadata.get("aliases", ()):
            spellings[alias] = field
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING]

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise _Fault(f"must be {_one(cls)} or a dict, not {describe(value)}", wrong_type=True)
        arguments: dict[str, Any] = {}
        for key, element in _items(value):
            field = spellings.get(key)
            if field is None:
                raise _Fault(_unknown(key, cls, list(spellings))).under(key)
            try:
                known = _converter.get_structure_hook(field.type)(element, field.type)
            except _Fault as fault:
                raise fault.under(key) from None
            before = arguments.setdefault(str(field.alias), known)
            if before is not known and before != known:
                raise _Fault(f"is given twice with different values, once as {field.alias!r}").under(key)
        for name in required:
            if name not in arguments:
                raise _Fault("is missing").under(name)
        try:
            return cls(**arguments)
        except (ValueError, TypeError) as error:
            raise _Fault(str(error)) from error

    return hook


def _unknown(key: str, cls: type, names: Sequence[str]) -> str:
    meant = _meant(key, names)
    return f"is not a key of {cls.__name__}{meant or '; the keys are ' + ', '.join(sorted(names))}"


def _union(tp: Any) -> Hook:
    members = get_args(tp)
    tagged = _tagged(members)

    def hook(value: Any, _: Any) -> Any:
        if tagged and isinstance(value, Mapping) and "type" in value:
            tag = cast("Mapping[str, Any]", value)["type"]
            if not isinstance(tag, str) or tag not in tagged:
                raise _not_among(list(tagged), tag).under("type")
            return _converter.get_structure_hook(tagged[tag])(value, tagged[tag])
        faults: list[_Fault] = []
        for member in members:
            try:
                return _converter.get_structure_hook(member)(value, member)
            except _Fault as fault:
                faults.append(fault)
        raise _best(faults)

    return hook


def _tagged(members: Sequence[Any]) -> dict[str, Any]:
    """Give the members by their "type", if that is what tells them apart."""
    tagged: dict[str, Any] = {}
    for member in members:
        fields = attrs.fields_dict(attrs.resolve_types(member)) if attrs.has(member) else {}
        tags = get_args(fields["type"].type) if "type" in fields else ()
        if len(tags) != 1 or tags[0] in tagged:
            return {}
        tagged[tags[0]] = member
    return tagged


def _best(faults: Sequence[_Fault]) -> _Fault:
    """The fault that goes deepest tells the most; on one level all are told."""
    deepest = max(faults, key=lambda fault: (bool(fault.path), not fault.wrong_type))
    if deepest.path or not deepest.wrong_type:
        return deepest
    wanted: list[str] = []
    for fault in faults:
        for text in fault.message.removeprefix("must be ").rsplit(", not ", 1)[0].split(" or "):
            if text not in wanted and text != "left out":
                wanted.append(text)
    got = deepest.message.rsplit(", not ", 1)[1]
    return _Fault(f"must be {' or '.join(wanted)}, not {got}", wrong_type=True)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """Give the items of a dict, whose keys must be text."""
    for key, element in value.items():
        if not isinstance(key, str):
            raise _Fault(f"keys must be text, not {describe(key)}")
        yield key, element


def _elements(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value)


def _sequence(tp: Any) -> Hook:
    arguments = get_args(tp)
    element_type: Any = arguments[0] if arguments else Any
    build: Any = list if get_origin(tp) is list else tuple

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, Sequence) or isinstance(value, _NOT_LISTS):
            raise _Fault(f"must be a list, not {describe(cast('object', value))}", wrong_type=True)
        elements: list[Any] = []
        element_hook: Hook = _converter.get_structure_hook(element_type)
        for index, element in enumerate(_elements(value)):
            try:
                elements.append(element_hook(element, element_type))
            except _Fault as fault:
                raise fault.under(f"[{index}]") from None
        return build(elements)

    return hook


def _mapping(tp: Any) -> Hook:
    arguments = get_args(tp)
    element_type: Any = arguments[1] if arguments else Any

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _Fault(f"must be a dict, not {describe(value)}", wrong_type=True)
        element_hook: Hook = _converter.get_structure_hook(element_type)
        elements: dict[str, Any] = {}
        for key, element in _items(value):
            try:
                elements[key] = element_hook(element, element_type)
            except _Fault as fault:
                raise fault.under(key) from None
        return elements

    return hook


def _callable(value: Any, _: Any) -> Any:
    if not callable(value):
        raise _Fault(f"must be a function, not {describe(value)}", wrong_type=True)
    return value


def _none(value: Any, _: Any) -> None:
    if value is not None:
        raise _Fault(f"must be None, not {describe(value)}", wrong_type=True)


def _not_given(value: Any, _: Any) -> Any:
    if value is NOT_GIVEN:
        return value
    raise _Fault(f"must be left out, not {describe(value)}", wrong_type=True)


def _instance(tp: Any) -> Hook:
    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, tp):
            raise _Fault(f"must be {_one(tp)}, not {describe(value)}", wrong_type=True)
        return value

    return hook


def _pass(value: Any, _: Any) -> Any:
    return value


def _made_of(*origins: Any) -> Callable[[Any], bool]:
    return lambda tp: get_origin(tp) in origins


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook_factory(lambda tp: isinstance(tp, type) and get_origin(tp) is None, _instance)
    converter.register_structure_hook_func(lambda tp: tp is Any or tp is object or tp is Opaque, _pass)
    converter.register_structure_hook_factory(attrs.has, _attrs_class)
    for cls in _SCALARS:
        converter.register_structure_hook(cls, _scalar(cls))
    converter.register_structure_hook(type(None), _none)
    converter.register_structure_hook(NotGiven, _not_given)
    converter.register_structure_hook_factory(_made_of(Literal), _literal)
    converter.register_structure_hook_factory(_made_of(Union, types.UnionType), _union)
    converter.register_structure_hook_factory(_made_of(list, tuple, Sequence), _sequence)
    converter.register_structure_hook_factory(_made_of(dict, Mapping), _mapping)
    converter.register_structure_hook_func(_made_of(Callable), _callable)
    return converter


_converter: Final = _make_converter()


def structure(value: object, cls: type[T], *, name: str) -> T:
    """Make a ``cls`` of ``value``, which is one already or a dict of its fields.

    Args:
        value: the object or dict.
        cls: a frozen attrs class.
        name: what the user calls the value; it begins the path in an error.

    Raises:
        UserError: a key is unknown (the nearest valid one is named), missing, or its value is wrong.
    """
    try:
        return cast("T", _converter.get_structure_hook(cls)(value, cls))
    except _Fault as fault:
        fault.under(name)
        error = UserTypeError if fault.wrong_type else UserError
        raise error(f"{fault.path}: {fault.message}") from None


def given(instance: Any) -> dict[str, Any]:
    """Give the fields of an attrs ``instance`` that were given, by name; nested objects as they are."""
    return {
        field.name: value
        for field in attrs.fields(cast("Any", type(instance)))
        if (value := getattr(instance, field.name)) is not NOT_GIVEN
    }
