"""Types of every kind: their schemas, what they accept, what they refuse and in which words."""

from __future__ import annotations

import collections
import collections.abc as abc
import enum
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, LiteralString, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union

import attrs
import jsonschema
import pytest
import typing_extensions
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.tools._compiler import TypeCompiler
from trio_realtime.tools._shape import ArgumentError, UnsupportedTypeError

T = TypeVar("T")
UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Pair(NamedTuple):
    x: int
    y: str = "why"


class Address(TypedDict):
    street: str
    number: typing.NotRequired[int]


@dataclass
class Point:
    """A place.

    Attributes:
        x: across
    """

    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)


@attrs.frozen
class Node:
    name: str
    children: list[Node] = attrs.field(factory=list)
    parent: Node | None = None


@dataclass
class Box(Generic[T]):
    value: T
    more: list[T] = field(default_factory=list)


class Sized(typing_extensions.TypedDict, Generic[T], total=False):
    value: typing_extensions.Required[T]
    other: typing_extensions.ReadOnly[int]


Json = typing_extensions.TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | None")
Many = typing_extensions.TypeAliasType("Many", list[T], type_params=(T,))


def load(tp: Any, value: object) -> object:
    return TypeCompiler(globals()).compile(tp).load(value, "v")


def whole(tp: Any) -> dict:
    compiler = TypeCompiler(globals())
    schema = compiler.compile(tp).schema
    return schema | ({"$defs": compiler.defs} if compiler.defs else {})


GOOD = [
    (list, [1, "a"], [1, "a"]),
    (list[int], [1], [1]),
    (abc.Sequence[int], [1], [1]),
    (abc.Iterable[int], [1], [1]),
    (typing.List[int], [1], [1]),  # noqa: UP006
    (set[int], [1], {1}),
    (abc.Set[int], [1], {1}),
    (frozenset[str], ["a"], frozenset("a")),
    (collections.deque[int], [1], collections.deque([1])),
    (tuple, [1, "a"], (1, "a")),
    (typing.Tuple, [1], (1,)),  # noqa: UP006
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[()], [], ()),
    (dict, {"a": [1]}, {"a": [1]}),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (abc.Mapping[int, str], {"1": "a", "-2": "b"}, {1: "a", -2: "b"}),
    (dict[float, int], {"1.5": 1, "2": 2}, {1.5: 1, 2.0: 2}),
    (dict[bool, int], {"true": 1, "false": 0}, {True: 1, False: 0}),
    (dict[Colour, int], {"red": 1, "2": 2}, {Colour.RED: 1, Colour.BLUE: 2}),
    (Optional[int], None, None),  # noqa: UP045
    (int | None, 3, 3),
    (Union[int, str], "a", "a"),  # noqa: UP007
    (int | float, 1, 1),
    (float | int, 1, 1),
    (float | int, 1.5, 1.5),
    (float | None, 1, 1.0),
    (float | Literal["x"], 1, 1.0),
    (list[int] | tuple[str, ...], ["a"], ("a",)),
    (list[int] | dict[str, int], {"a": 1}, {"a": 1}),
    (Point | Node, {"name": "n"}, Node("n")),
    (Point | Node, {"x": 1}, Point(1)),
    (Point | dict[str, int], {"x": 1, "zz": 2, "yy": 3}, Point(1)),
    (Literal["a", 1, None, True], True, True),  # noqa: PYI061
    (Literal["a", 1], 1, 1),
    (Literal[Colour.RED], "red", Colour.RED),
    (Colour, 2, Colour.BLUE),
    (UserId, 3, 3),
    (LiteralString, "a", "a"),
    (Final[int], 1, 1),
    (Pair, {"x": 1}, Pair(1)),
    (Pair, [1, "z"], Pair(1, "z")),
    (Pair, [1], Pair(1)),
    (Address, {"street": "s", "extra": 1}, {"street": "s"}),
    (Address, {"street": "s", "number": 1}, {"street": "s", "number": 1}),
    (Point, {"x": 1, "tags": ["t"]}, Point(1, 0, ["t"])),
    (Node, {"name": "a", "children": [{"name": "b"}], "parent": {"name": "c"}}, Node("a", [Node("b")], Node("c"))),
    (Box[int], {"value": 1, "more": [2]}, Box(1, [2])),
    (Sized[str], {"value": "a"}, {"value": "a"}),
    (Json, {"a": [None, {"b": "c"}, 1]}, {"a": [None, {"b": "c"}, 1]}),
    (Many[int], [1], [1]),
    (Any, object, object),
]  # fmt: skip


@pytest.mark.parametrize(("tp", "value", "expected"), GOOD, ids=[str(i) for i in range(len(GOOD))])
def test_good_values(tp: Any, value: object, expected: object) -> None:
    result = load(tp, value)
    assert result == expected
    assert type(result) is type(expected)
    if value is not object:
        jsonschema.validate(value if not isinstance(expected, Pair) else expected._asdict(), whole(tp))


BAD = [
    (list[int], [1, "a"], "v[1]: expected an integer, got a string"),
    (list[int], {}, "v: expected an array, got an object"),
    (set[list[int]], [[1]], "v: expected items that can be in a set, got objects or arrays"),
    (tuple[int, str], [1], "v: expected an array of 2 items, got 1"),
    (tuple[int, str], [1, 2], "v[1]: expected a string, got an integer"),
    (tuple[()], [1], "v: expected an array of 0 items, got 1"),
    (dict[str, int], {"a": "b"}, "v.a: expected an integer, got a string"),
    (dict[str, int], [], "v: expected an object, got an array"),
    (dict[int, int], {"a": 1}, "v.a: expected an integer, got a string"),
    (int | None, "3", "v: expected an integer or null, got a string"),
    (int | list[int], ["x"], "v[0]: expected an integer, got a string"),
    (Point | Node, {"name": 3}, "v.name: expected a string, got an integer"),
    (Point | int, {"y": 3}, "v.x: expected an integer, but it is missing"),
    (Point, {"x": 1, "tags": [1]}, "v.tags[0]: expected a string, got an integer"),
    (Point, 3, "v: expected an object, got an integer"),
    (Node, {"name": "a", "children": [{"name": "b", "children": [{}]}]},
     "v.children[0].children[0].name: expected a string, but it is missing"),
    (Pair, [1, "a", 2], "v: expected an object, got an array"),
    (Literal["a", 1], "b", "v: expected one of 'a', 1, got 'b'"),
    (Literal["a", 1], True, "v: expected one of 'a', 1, got True"),
    (Literal["a"], [], "v: expected one of 'a', got an array"),
    (Colour, "green", "v: expected one of 'red', 2, got 'green'"),
    (Literal["a"] | int, "b", "v: expected one of 'a', got 'b'"),
    (Json, {"a": 1.5}, "v.a: expected an object or an array or a string or an integer or null, got a number"),
]  # fmt: skip


@pytest.mark.parametrize(("tp", "value", "text"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_values(tp: Any, value: object, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        load(tp, value)
    assert str(caught.value) == text
    if tp not in (set[list[int]], dict[int, int]):  # what a schema cannot say
        assert not jsonschema.Draft202012Validator(whole(tp)).is_valid(value)


def test_a_repeated_item_of_a_set_does_no_harm() -> None:
    assert load(set[int], [1, 1]) == {1}


SCHEMAS = [
    (list, {"type": "array", "items": {}}),
    (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
    (tuple[int, str], {"type": "array", "minItems": 2, "maxItems": 2,
                       "prefixItems": [{"type": "integer"}, {"type": "string"}]}),
    (tuple[()], {"type": "array", "minItems": 0, "maxItems": 0}),
    (dict, {"type": "object", "additionalProperties": True}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    (Colour, {"enum": ["red", 2]}),
    (Literal["a", "b"], {"enum": ["a", "b"], "type": "string"}),
    (Point, {"$ref": "#/$defs/Point", "$defs": {"Point": {
        "type": "object", "description": "A place.", "required": ["x"],
        "properties": {"x": {"type": "integer", "description": "across"}, "y": {"type": "integer", "default": 0},
                       "tags": {"type": "array", "items": {"type": "string"}}}}}}),
    (Node, {"$ref": "#/$defs/Node", "$defs": {"Node": {
        "type": "object", "required": ["name"],
        "properties": {"name": {"type": "string"},
                       "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                       "parent": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None}}}}}),
    (Many[int], {"$ref": "#/$defs/Many", "$defs": {"Many": {"type": "array", "items": {"type": "integer"}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("tp", "schema"), SCHEMAS, ids=[str(i) for i in range(len(SCHEMAS))])
def test_schemas(tp: Any, schema: dict) -> None:
    found = whole(tp)
    assert found == schema
    jsonschema.Draft202012Validator.check_schema(found)


def test_two_classes_of_one_name_get_two_definitions() -> None:
    @dataclass
    class Point:
        z: str

    compiler = TypeCompiler()
    assert compiler.compile(Point).schema == {"$ref": "#/$defs/Point"}
    assert compiler.compile(globals()["Point"]).schema == {"$ref": "#/$defs/Point_2"}
    assert compiler.compile(Box[int]).schema != compiler.compile(Box[str]).schema
    assert compiler.compile(Box[int]) is compiler.compile(Box[int])


def test_local_classes_are_found_through_the_namespace() -> None:
    @dataclass
    class Inner:
        x: int

    @dataclass
    class Outer:
        inner: Inner

    assert TypeCompiler(locals()).compile(Outer).load({"inner": {"x": 1}}, "") == Outer(Inner(1))
    with pytest.raises(UnsupportedTypeError, match="name 'Inner' is not defined"):
        TypeCompiler().compile(Outer)


def test_a_class_s_own_validator_speaks() -> None:
    @dataclass
    class Even:
        x: int

        def __post_init__(self) -> None:
            if self.x % 2:
                raise ValueError("must be\neven")

    assert load(Even, {"x": 2}) == Even(2)
    with pytest.raises(ArgumentError, match=r"^v: Even refused it: must be even$") as caught:
        load(Even, {"x": 1})
    assert isinstance(caught.value.__cause__, ValueError)


class Empty(enum.Enum):
    pass


class Odd(enum.Enum):
    A = (1, 2)


def test_fields_that_the_constructor_does_not_take_are_not_arguments() -> None:
    @dataclass
    class Made:
        x: int
        twice: int = field(init=False)

        def __post_init__(self) -> None:
            self.twice = 2 * self.x

    @attrs.frozen
    class Built:
        _x: int
        twice: int = attrs.field(init=False, default=2)

    assert load(Made, {"x": 1, "twice": 9}).twice == 2
    assert load(Built, {"x": 1, "twice": 9}) == Built(1)


Lost = typing_extensions.TypeAliasType("Lost", "list[Nowhere]")  # noqa: F821

UNSUPPORTED = [
    (Lost, "name 'Nowhere' is not defined"),
    (complex, "complex has no JSON form"),
    (Callable[[], int], "has no JSON form"),
    (type, "type has no JSON form"),
    (list[complex], "complex has no JSON form"),
    (Point | complex, "complex has no JSON form"),
    (dict[list[int], int], "keys are strings in JSON"),
    (dict[Point, int], "keys are strings in JSON"),
    (T, "type variable ~T"),
    (Empty, "Empty has no values"),
    (Odd, r"Odd has the value \(1, 2\)"),
    (Literal[b"x"], "Literal has the value b'x'"),
    ([int], "is not a type"),
    (3, "3 has no JSON form"),
]


@pytest.mark.parametrize(("tp", "text"), UNSUPPORTED, ids=[str(i) for i in range(len(UNSUPPORTED))])
def test_types_without_a_json_form(tp: Any, text: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=text):
        TypeCompiler().compile(tp)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "name", "a"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip

TYPES = st.recursive(
    st.sampled_from([str, int, float, bool, None, Point, Node, Literal["a", 1], Colour, Address, Any]),
    lambda inner: st.one_of(
        inner.map(lambda tp: list[tp]),
        inner.map(lambda tp: dict[str, tp]),
        inner.map(lambda tp: tuple[tp, ...]),
        st.tuples(inner, inner).map(lambda pair: Union[pair[0], pair[1]]),  # noqa: UP007
        st.tuples(inner, inner).map(lambda pair: tuple[pair[0], pair[1]]),
    ),
    max_leaves=4,
)


@settings(deadline=None)
@given(TYPES, json_values)
def test_the_reader_and_the_schema_agree(tp: Any, value: object) -> None:
    compiler = TypeCompiler(globals())
    shape = compiler.compile(tp)
    valid = jsonschema.Draft202012Validator(shape.schema | {"$defs": compiler.defs}).is_valid(value)
    problem = None
    try:
        shape.load(value, "")
    except ArgumentError as exc:
        problem = str(exc)
    assert (problem is None) == valid, problem
    assert "\n" not in (problem or "")
