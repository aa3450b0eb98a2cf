"""Scalars: formats, strictness, error texts."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import pathlib
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.tools._defaults import json_default
from trio_realtime.tools._leaves import choice_shape, leaf_shape
from trio_realtime.tools._shape import ArgumentError, UnsupportedTypeError


class Level(enum.IntEnum):
    LOW = 1


UTC = dt.UTC

GOOD = [
    (str, "", ""), (int, 3, 3), (int, 3.0, 3), (int, 10**30, 10**30), (float, 3, 3.0), (float, 1.5, 1.5),
    (bool, False, False), (None, None, None), (type(None), None, None), (object, [1], [1]),
    (dt.datetime, "2030-01-31T12:00:00Z", dt.datetime(2030, 1, 31, 12, tzinfo=UTC)),
    (dt.datetime, "2030-01-31T12:00:00", dt.datetime(2030, 1, 31, 12)),  # noqa: DTZ001
    (dt.date, "2030-01-31", dt.date(2030, 1, 31)), (dt.time, "12:30:00", dt.time(12, 30)),
    (dt.timedelta, "PT90S", dt.timedelta(seconds=90)),
    (uuid.UUID, "00000000-0000-0000-0000-000000000001", uuid.UUID(int=1)),
    (decimal.Decimal, "1.10", decimal.Decimal("1.10")), (decimal.Decimal, 0.1, decimal.Decimal("0.1")),
    (decimal.Decimal, 3, decimal.Decimal(3)), (bytes, "aGk=", b"hi"), (bytearray, "aGk=", bytearray(b"hi")),
    (pathlib.PurePosixPath, "/a/b", pathlib.PurePosixPath("/a/b")), (Level, 1, Level.LOW),
]  # fmt: skip


@pytest.mark.parametrize(("tp", "value", "expected"), GOOD, ids=[str(i) for i in range(len(GOOD))])
def test_good_values(tp: Any, value: object, expected: object) -> None:
    shape = leaf_shape(tp)
    assert shape is not None
    result = shape.load(value, "v")
    assert result == expected
    assert type(result) is type(expected)


BAD = [
    (str, 3, "a string, got an integer"), (str, None, "a string, got null"), (int, "3", "an integer, got a string"),
    (int, True, "an integer, got a boolean"), (int, 1.5, "an integer, got a number"), (float, "1", "a number, got a string"),
    (float, True, "a number, got a boolean"), (float, 10**400, "a number that fits a double"),
    (float, float("inf"), "a number that fits a double"), (bool, 1, "a boolean, got an integer"),
    (None, 0, "null, got an integer"), (dt.date, "tomorrow", "a date such as 2030-01-31, got another string"),
    (dt.date, 3, "a date such as 2030-01-31, got an integer"), (dt.datetime, "12:00", "a date and time such as"),
    (uuid.UUID, "x", "a UUID, got another string"), (bytes, "?", "base64 text, got another string"),
    (decimal.Decimal, "x", "a decimal number, got another string"), (decimal.Decimal, True, "a decimal number, got a boolean"),
    (decimal.Decimal, "NaN", "a finite decimal number"), (pathlib.Path, 3, "a path, got an integer"),
    (Level, 2, "one of 1, got 2"), (Level, True, "one of 1, got True"), (Level, [], "one of 1, got an array"),
]  # fmt: skip


@pytest.mark.parametrize(("tp", "value", "text"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_values(tp: Any, value: object, text: str) -> None:
    shape = leaf_shape(tp)
    assert shape is not None
    with pytest.raises(ArgumentError) as caught:
        shape.load(value, "v")
    assert str(caught.value).startswith(f"v: expected {text}")


def test_formats() -> None:
    formats = {
        tp: shape.schema.get("format")
        for tp in (dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID)
        if (shape := leaf_shape(tp))
    }
    assert list(formats.values()) == ["date-time", "date", "time", "duration", "uuid"]


def test_other_types_are_not_scalars() -> None:
    assert leaf_shape(list) is None
    assert leaf_shape(3) is None


def test_a_shape_s_schema_is_its_own() -> None:
    one, other = leaf_shape(str), leaf_shape(str)
    assert one is not None
    assert other is not None
    one.schema["description"] = "x"
    assert other.schema == {"type": "string"}


def test_choices_need_values_that_json_has() -> None:
    for members in ([b"x"], [float("nan")], [(1,)], []):
        with pytest.raises(UnsupportedTypeError, match="L has"):
            choice_shape(members, "L", lambda member: member)


@settings(deadline=None)
@given(
    st.one_of(
        st.datetimes(timezones=st.just(UTC)), st.dates(), st.times(), st.uuids(), st.binary(), st.integers(), st.text()
    )
)
def test_what_is_written_is_read_back(value: Any) -> None:
    tp = dt.datetime if isinstance(value, dt.datetime) else type(value)
    shape = leaf_shape(tp)
    assert shape is not None
    written = json_default(value)
    if isinstance(value, str) and written != value:
        return  # lone surrogates cannot be written
    if isinstance(value, int) and written is ...:
        return  # beyond what msgspec writes
    assert shape.load(written, "") == value
