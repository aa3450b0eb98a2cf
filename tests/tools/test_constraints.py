"""Descriptions and constraints in ``Annotated``."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from typing import Annotated, Any

import annotated_types as at
import msgspec
import pydantic
import pytest
import typing_extensions

from trio_realtime.tools._compiler import TypeCompiler
from trio_realtime.tools._constraints import is_field_info
from trio_realtime.tools._shape import ArgumentError

Meta = msgspec.Meta
Field = pydantic.Field


def even(value: int) -> bool:
    return value % 2 == 0


SCHEMAS = [
    (Annotated[int, "text"], {"type": "integer", "description": "text"}),
    (Annotated[int, "one", "two"], {"type": "integer", "description": "one"}),
    (Annotated[int, typing_extensions.Doc("text")], {"type": "integer", "description": "text"}),
    (Annotated[int, "one", Field(description="two")], {"type": "integer", "description": "two"}),
    (Annotated[int, Meta(description="d", examples=[1], extra_json_schema={"x": 1})],
     {"type": "integer", "description": "d", "examples": [1], "x": 1}),
    (Annotated[int, Field(ge=1, examples=[2])], {"type": "integer", "minimum": 1, "examples": [2]}),
    (Annotated[int, Meta(ge=1, le=5)], {"type": "integer", "minimum": 1, "maximum": 5}),
    (Annotated[float, at.Gt(1), at.Lt(5), at.MultipleOf(2)],
     {"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 5, "multipleOf": 2}),
    (Annotated[int, at.Interval(ge=1, lt=5)], {"type": "integer", "minimum": 1, "exclusiveMaximum": 5}),
    (Annotated[str, at.Len(0, 3)], {"type": "string", "maxLength": 3}),
    (Annotated[str, Meta(min_length=1, pattern="^a")], {"type": "string", "minLength": 1, "pattern": "^a"}),
    (Annotated[str, Field(pattern="^a")], {"type": "string", "pattern": "^a"}),
    (Annotated[list[int], at.Len(1, 2)], {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}),
    (Annotated[dict[str, int], at.MinLen(1)], {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1}),
    (Annotated[int | None, at.Ge(1)], {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}),
    (Annotated[bool, at.Ge(1)], {"type": "boolean"}),
    (Annotated[str, at.Ge("a")], {"type": "string"}),
    (Annotated[int, object()], {"type": "integer"}),
    (Annotated[int, at.Unit("m")], {"type": "integer"}),
    (Annotated[Annotated[int, at.Ge(1)], "text"], {"type": "integer", "minimum": 1, "description": "text"}),
]  # fmt: skip


@pytest.mark.parametrize(("tp", "schema"), SCHEMAS, ids=[str(i) for i in range(len(SCHEMAS))])
def test_schemas(tp: Any, schema: dict) -> None:
    assert TypeCompiler().compile(tp).schema == schema


CHECKS = [
    (Annotated[int, at.Ge(1)], 1, 0, "at least 1, got 0"),
    (Annotated[int, at.Gt(1)], 2, 1, "more than 1, got 1"),
    (Annotated[int, at.Le(1)], 1, 2, "at most 1, got 2"),
    (Annotated[int, at.Lt(1)], 0, 1, "less than 1, got 1"),
    (Annotated[float, at.MultipleOf(0.1)], 0.3, 0.35, "a multiple of 0.1, got 0.35"),
    (Annotated[decimal.Decimal, Meta(ge=1)], "1.5", "0.5", "at least 1, got 0.5"),
    (Annotated[dt.date, at.Ge(dt.date(2030, 1, 1))], "2030-01-01", "2029-12-31", "at least 2030-01-01, got 2029-12-31"),
    (Annotated[str, Meta(pattern="^a")], "ab", "b", "text that matches ^a"),
    (Annotated[str, Field(pattern="b$")], "ab", "ba", "text that matches b$"),
    (Annotated[str, at.MinLen(2)], "ab", "a", "a length of at least 2, got 1"),
    (Annotated[list[int], at.MaxLen(1)], [1], [1, 2], "a length of at most 1, got 2"),
    (Annotated[int, at.Predicate(even)], 2, 3, "a value for which even holds"),
    (Annotated[int | None, at.Ge(1)], None, 0, "at least 1, got 0"),
    (Annotated[int | str, at.Ge(1)], "x", 0, "at least 1, got 0"),
    (Annotated[int | str, at.MultipleOf(2)], "x", 3, "a multiple of 2, got 3"),
    (Annotated[int | str, at.MinLen(2)], 3, "a", "a length of at least 2, got 1"),
    (Annotated[int | str, Field(pattern="a")], 3, "b", "text that matches a"),
    (list[Annotated[int, at.Ge(1)]], [1], [0], "at least 1, got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("tp", "good", "bad", "text"), CHECKS, ids=[str(i) for i in range(len(CHECKS))])
def test_checks(tp: Any, good: object, bad: object, text: str) -> None:
    shape = TypeCompiler().compile(tp)
    shape.load(good, "v")
    with pytest.raises(ArgumentError, match=re.escape(f"expected {text}")):
        shape.load(bad, "v")


def test_a_constraint_on_a_union_can_choose_its_member() -> None:
    shape = TypeCompiler().compile(Annotated[int, at.Ge(10)] | Annotated[int, at.Le(0)])
    assert shape.load(10, "") == 10
    assert shape.load(0, "") == 0
    with pytest.raises(ArgumentError, match="at least 10, got 5"):
        shape.load(5, "")


def test_field_info_is_known_by_its_class() -> None:
    assert is_field_info(Field())
    assert not is_field_info(Meta())
