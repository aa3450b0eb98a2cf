"""Types that msgspec and pydantic read themselves."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from trio_realtime.tools import _foreign
from trio_realtime.tools._compiler import TypeCompiler
from trio_realtime.tools._shape import ArgumentError, UnsupportedTypeError

T = TypeVar("T")


class Item(pydantic.BaseModel):
    """An item."""

    name: str
    parts: list[Item] = []

    @pydantic.field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("not this")
        return value


@pydantic.dataclasses.dataclass
class Order:
    items: list[Item]


class Page(pydantic.BaseModel, Generic[T]):
    content: T


class Row(msgspec.Struct):
    x: int
    item: Item | None = None


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str]


class Coordinates(msgspec.Struct, array_like=True):
    x: int
    y: int


@dataclass
class Holder:
    item: Item
    row: Row


@attrs.frozen
class Wrapped:
    order: Order


def load(tp: Any, value: object) -> object:
    return TypeCompiler().compile(tp).load(value, "v")


GOOD = [
    (Item, {"name": "a", "parts": [{"name": "b"}]}, Item(name="a", parts=[Item(name="b")])),
    (Order, {"items": [{"name": "a"}]}, Order(items=[Item(name="a")])),
    (Page[int], {"content": 3}, Page[int](content=3)),
    (Row, {"x": 1, "item": {"name": "a"}}, Row(1, Item(name="a"))),
    (Coordinates, [1, 2], Coordinates(1, 2)),
    (Cat | Dog, {"type": "dog", "tricks": []}, Dog([])),
    (Cat | Dog, {"type": "cat", "lives": 9}, Cat(9)),
    (Holder, {"item": {"name": "a"}, "row": {"x": 1}}, Holder(Item(name="a"), Row(1))),
    (Wrapped, {"order": {"items": []}}, Wrapped(Order(items=[]))),
    (list[Item] | None, [{"name": "a"}], [Item(name="a")]),
    (Annotated[str, pydantic.StringConstraints(strip_whitespace=True)], " a ", "a"),
    (Annotated[int, pydantic.AfterValidator(lambda value: value * 2)], 3, 6),
    (Annotated[pydantic.PositiveInt, "text"], 3, 3),
]


@pytest.mark.parametrize(("tp", "value", "expected"), GOOD, ids=[str(i) for i in range(len(GOOD))])
def test_good_values(tp: Any, value: object, expected: object) -> None:
    assert load(tp, value) == expected


BAD = [
    (Item, {"name": 3}, "v.name: Input should be a valid string"),
    (Item, {"name": "a", "parts": [{}]}, "v.parts[0].name: Field required"),
    (Item, {"name": "bad"}, "v.name: Value error, not this"),
    (Item, [], "v: expected an object, got an array"),
    (Page[int], {"content": "3"}, "v.content: Input should be a valid integer"),
    (Row, {"x": "1"}, "v.x: Expected int, got str"),
    (Row, {}, "v: Object missing required field x"),
    (Row, 3, "v: expected an object, got an integer"),
    (Row, {"x": 1, "item": {"name": "a", "parts": [{"name": 3}]}}, "v.item.parts[0].name: Input should be a valid string"),
    (Row, {"x": 1, "item": []}, "v.item: expected an object, got an array"),
    (Coordinates, [1, "a"], "v[1]: Expected int, got str"),
    (Cat | Dog, {"type": "cow"}, "v.type: Invalid value 'cow'"),
    (Holder, {"item": {"name": "a"}, "row": {"x": "1"}}, "v.row.x: Expected int, got str"),
    (Annotated[str, pydantic.StringConstraints(min_length=2)], "a", "v: String should have at least 2 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("tp", "value", "text"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_values_name_the_whole_path(tp: Any, value: object, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        load(tp, value)
    assert str(caught.value) == text


def test_a_path_at_the_root_begins_without_a_dot() -> None:
    with pytest.raises(ArgumentError) as caught:
        TypeCompiler().compile(Row).load({"x": "1"}, "")
    assert caught.value.path == "x"


def test_definitions_are_shared_or_renamed() -> None:
    mine = Item

    class Item2(pydantic.BaseModel):
        z: int

    Item2.__name__ = Item2.__qualname__ = "Item"
    Item2.model_rebuild(force=True)

    class Other(pydantic.BaseModel):
        item: Item2

    compiler = TypeCompiler()
    assert compiler.compile(mine).schema == {"$ref": "#/$defs/Item"}
    assert compiler.compile(Order).schema["properties"]["items"]["items"] == {"$ref": "#/$defs/Item"}
    other = compiler.compile(Other).schema
    assert other["properties"]["item"] == {"$ref": "#/$defs/Item_2"}
    assert compiler.defs["Item_2"]["properties"].keys() == {"z"}


def test_what_they_cannot_do_is_unsupported() -> None:
    class Bad(msgspec.Struct):
        x: complex

    class Worse(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        x: Bad

    class Unclear(msgspec.Struct):
        x: dt.date | str

    with pytest.raises(UnsupportedTypeError, match="more than one str-like type"):
        TypeCompiler().compile(Unclear)
    with pytest.raises(UnsupportedTypeError, match="complex"):
        TypeCompiler().compile(Bad)
    with pytest.raises(UnsupportedTypeError, match="Cannot generate"):
        TypeCompiler().compile(Worse)


def test_without_pydantic_there_are_no_its_types(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(UnsupportedTypeError, match="pydantic is not imported"):
        _foreign.pydantic_shape(Item, {})


def test_tools_work_without_importing_pydantic_or_annotated_types() -> None:
    code = (
        "import sys\n"
        "from trio_realtime.tools import function_tool, tool_output_text\n"
        "def add(x: int, y: int = 1) -> int:\n    'Add.'\n    return x + y\n"
        "function_tool(add); tool_output_text({1: object})\n"
        "assert not {'pydantic', 'annotated_types', 'openai', 'agents'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
