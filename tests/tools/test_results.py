"""What tools return, as text for the model."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid

import attrs
import msgspec
import pydantic
import pytest

from trio_realtime.tools import (
    ToolOutputFileContent,
    ToolOutputImage,
    ToolOutputText,
    ToolResult,
    tool_output_text,
    tool_respond,
)


class Model(pydantic.BaseModel):
    a: int
    when: dt.date | None = None


@dataclasses.dataclass
class Data:
    a: int
    inner: object = None


@attrs.frozen
class Attrs:
    z: int
    inner: object = None


class Struct(msgspec.Struct):
    a: int


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Mixed(enum.Enum):
    PI = 3.5


class Opaque:
    def __str__(self) -> str:
        return "opaque"


LOOP: list = []
LOOP.append(LOOP)

CASES = [
    ("é plain", "é plain"),
    ("", ""),
    (None, "null"),
    (True, "true"),
    (3, "3"),
    (1.5, "1.5"),
    ([1, "é"], '[1, "é"]'),
    ((1, 2), "[1, 2]"),
    ({"a": 1, 2: [None]}, '{"a": 1, "2": [null]}'),
    (Model(a=1), '{"a": 1, "when": null}'),
    ([Model(a=1, when=dt.date(2030, 1, 31))], '[{"a": 1, "when": "2030-01-31"}]'),
    (Data(1, Model(a=2)), '{"a": 1, "inner": {"a": 2, "when": null}}'),
    ([Attrs(1, Data(2))], '[{"z": 1, "inner": {"a": 2, "inner": null}}]'),
    (Struct(1), '{"a": 1}'),
    (Colour.RED, "red"),
    (Colour.BLUE, "2"),
    ([Colour.RED], '["red"]'),
    (Mixed.PI, "3.5"),
    (dt.date(2030, 1, 31), "2030-01-31"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (decimal.Decimal("1.10"), "1.10"),
    ({1}, "[1]"),
    (b"hi", "aGk="),
    (float("nan"), "nan"),
    (Opaque(), "opaque"),
    ([Opaque()], None),
    ({(1, 2): 3}, "{(1, 2): 3}"),
    (LOOP, "[[...]]"),
    ("lone \ud800", "lone ?"),
    (["lone \ud800"], '["lone ?"]'),
    (ToolResult("x"), "x"),
    (ToolResult({"a": 1}, respond=False), '{"a": 1}'),
    (ToolOutputText(text="hi"), '{"type": "text", "text": "hi"}'),
    (ToolOutputImage(image_url="u"), '{"type": "image", "image_url": "u", "file_id": null, "detail": null}'),
    (
        ToolOutputFileContent(file_data="eA=="),
        '{"type": "file", "file_data": "eA==", "file_url": null, "file_id": null, "filename": null}',
    ),
]


@pytest.mark.parametrize(("value", "text"), CASES, ids=[str(i) for i in range(len(CASES))])
def test_text_for_the_model(value: object, text: str | None) -> None:
    assert tool_output_text(value) == (str(value) if text is None else text)


def test_the_text_can_always_be_sent() -> None:
    for value, _ in CASES:
        json.dumps(tool_output_text(value), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("value", "respond"), [("x", True), (ToolResult(1), True), (ToolResult(1, respond=False), False)]
)
def test_only_a_tool_result_can_keep_the_model_silent(value: object, respond: bool) -> None:
    assert tool_respond(value) is respond


def test_tool_result_is_frozen_and_positional() -> None:
    result = ToolResult("x", False)
    assert (result.value, result.respond) == ("x", False)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        result.value = "y"


def test_the_repr_of_a_file_shows_its_size() -> None:
    assert "eA==" not in repr(ToolOutputFileContent(file_data="eA=="))
    assert "file_data=None" in repr(ToolOutputFileContent())
