"""Signatures as schemas, and the arguments that a model writes."""

from __future__ import annotations

import functools
import inspect
import json
from dataclasses import dataclass
from typing import Annotated, Any

import jsonschema
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import ModelBehaviorError, UserError
from trio_realtime.tools import ToolContext, function_tool
from trio_realtime.tools.schema import caller_namespace, function_schema, input_schema, parse_arguments


@dataclass
class Point:
    x: int
    y: int = 0


def everything(a: int, /, b: str, c: float = 1.5, *rest: int, d: bool, e: Point | None = None, **more: str) -> tuple:
    """Take everything.

    Args:
        a: the first
        rest: the rest
        more: whatever
    """
    return a, b, c, rest, d, e, more


def bind(function, arguments: str, **options) -> tuple[list, dict]:
    return function_schema(function, **options).bind(arguments)


def test_every_kind_of_parameter() -> None:
    schema = function_schema(everything, strict_mode=False)
    assert schema.params_json_schema["properties"] == {
        "a": {"type": "integer", "description": "the first"},
        "b": {"type": "string"},
        "c": {"type": "number", "default": 1.5},
        "rest": {"type": "array", "items": {"type": "integer"}, "description": "the rest"},
        "d": {"type": "boolean"},
        "e": {"anyOf": [{"$ref": "#/$defs/Point"}, {"type": "null"}], "default": None},
        "more": {"type": "object", "additionalProperties": {"type": "string"}, "description": "whatever"},
    }
    assert schema.params_json_schema["required"] == ["a", "b", "d"]
    args, kwargs = schema.bind('{"a": 1, "b": "x", "rest": [2, 3], "d": true, "e": {"x": 4}, "more": {"k": "v"}}')
    assert everything(*args, **kwargs) == (1, "x", 1.5, (2, 3), True, Point(4), {"k": "v"})
    args, kwargs = schema.bind('{"a": 1, "b": "x", "d": false, "unknown": [1]}')
    assert everything(*args, **kwargs) == (1, "x", 1.5, (), False, None, {})


def test_kwargs_may_have_the_name_of_a_positional_only_parameter_but_of_no_other() -> None:
    args, kwargs = bind(everything, '{"a": 1, "b": "x", "d": true, "more": {"a": "again"}}', strict_mode=False)
    assert everything(*args, **kwargs)[-1] == {"a": "again"}
    with pytest.raises(ModelBehaviorError, match=r"more\.b: expected another key") as caught:
        bind(everything, '{"a": 1, "b": "x", "d": true, "more": {"b": "again"}}', strict_mode=False)
    assert caught.value.param == "more.b"


def test_kwargs_cannot_be_strict() -> None:
    with pytest.raises(UserError, match="tool 'everything', parameter 'more'"):
        function_schema(everything)


def test_strict_requires_every_parameter_and_still_accepts_what_is_left_out() -> None:
    def add(x: int, y: int = 2, z: int | None = None) -> None: ...

    schema = function_schema(add)
    assert schema.params_json_schema == {
        "type": "object",
        "properties": {
            "x": {"type": "integer"},
            "y": {"type": "integer", "default": 2},
            "z": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["x", "y", "z"],
        "additionalProperties": False,
    }
    assert schema.bind('{"x": 1}') == ([1, 2, None], {})


def test_no_parameters() -> None:
    def nothing() -> None: ...

    schema = function_schema(nothing)
    assert schema.params_json_schema == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert schema.bind("") == schema.bind("{}") == schema.bind(' {"x": 1} ') == ([], {})


def test_a_schema_that_is_not_strict_requires_what_has_no_default() -> None:
    def nothing(x: int = 1) -> None: ...

    assert function_schema(nothing, strict_mode=False).params_json_schema == {
        "type": "object",
        "properties": {"x": {"type": "integer", "default": 1}},
    }


def test_without_annotations_anything_goes_and_defaults_need_not_be_json() -> None:
    marker = object()

    def loose(a, b=marker, *, c=None) -> None: ...

    schema = function_schema(loose)
    assert schema.params_json_schema["properties"] == {"a": {}, "b": {}, "c": {}}
    assert schema.bind('{"a": [1, {"x": null}]}') == ([[1, {"x": None}], marker], {"c": None})


def test_a_default_of_none_makes_a_parameter_nullable() -> None:
    def f(x: int = None, y: Any = None) -> None: ...  # noqa: RUF013

    schema = function_schema(f)
    assert schema.params_json_schema["properties"]["x"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert schema.bind('{"x": null}') == ([None, None], {})


def test_the_docstring_s_text_beats_the_annotated_one() -> None:
    def f(x: Annotated[int, "annotated"], y: Annotated[int, "annotated"]) -> None:
        """Do.

        Args:
            x: documented
        """

    properties = function_schema(f).params_json_schema["properties"]
    assert properties["x"]["description"] == "documented"
    assert properties["y"]["description"] == "annotated"
    properties = function_schema(f, use_docstring_info=False).params_json_schema["properties"]
    assert properties["x"]["description"] == "annotated"


def test_pydantic_fields_as_defaults() -> None:
    def f(
        a: int = pydantic.Field(ge=1, description="first"),
        b: int = pydantic.Field(5, le=9),
        c: list[int] = pydantic.Field(default_factory=list),  # noqa: B008
    ) -> None: ...

    schema = function_schema(f, strict_mode=False)
    assert schema.params_json_schema["required"] == ["a"]
    assert schema.params_json_schema["properties"]["a"] == {"type": "integer", "minimum": 1, "description": "first"}
    assert schema.params_json_schema["properties"]["b"] == {"type": "integer", "maximum": 9, "default": 5}
    (_, _, one), _ = schema.bind('{"a": 1}')
    (_, _, other), _ = schema.bind('{"a": 1}')
    assert one == other == []
    assert one is not other
    with pytest.raises(ModelBehaviorError, match="a: expected at least 1, got 0"):
        schema.bind('{"a": 0}')


def bare(context: ToolContext, x: int) -> None: ...
def subscripted(context: RunContextWrapper[int], x: int) -> None: ...
def annotated(context: Annotated[ToolContext[Any], "the call"], x: int) -> None: ...
def without(x: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "takes"), [(bare, True), (subscripted, True), (annotated, True), (without, False)]
)
def test_the_first_parameter_may_be_the_context(function, takes: bool) -> None:
    schema = function_schema(function)
    assert schema.takes_context is takes
    assert list(schema.params_json_schema["properties"]) == ["x"]
    assert schema.bind('{"x": 1}') == ([1], {})


def test_a_wrapped_function_shows_its_own_signature() -> None:
    def log(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    schema = function_schema(log(without))
    assert schema.name == "without"
    assert list(schema.params_json_schema["properties"]) == ["x"]


def test_a_string_annotation_may_name_a_local_class() -> None:
    @dataclass
    class Local:
        inner: Inner

    @dataclass
    class Inner:
        x: int

    @function_tool
    def f(value: Local) -> None: ...

    assert f.params_json_schema["$defs"]["Inner"]["required"] == ["x"]


def test_the_caller_s_names_are_those_of_the_nearest_frame_of_the_module() -> None:
    here = "x"
    assert caller_namespace(__name__)["here"] == here
    assert caller_namespace("nowhere") == {}


BAD = [
    ("{", "not JSON: Expecting property name", None),
    ("nonsense", "not JSON: Expecting value", None),
    ("[1]", "expected an object, got an array", None),
    ("null", "expected an object, got null", None),
    ('{"x": NaN}', "not JSON: NaN is not a JSON value", None),
    ("[" * 100_000, "not JSON", None),
    ('{"x": ' + "9" * 5_000 + "}", "not JSON", None),
    ("{}", "x: expected an integer, but it is missing", "x"),
    ('{"x": "3"}', "x: expected an integer, got a string", "x"),
    ('{"x": null}', "x: expected an integer, got null", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "text", "param"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_arguments_are_one_line_that_names_the_tool_and_the_field(arguments: str, text: str, param) -> None:
    with pytest.raises(ModelBehaviorError) as caught:
        bind(without, arguments)
    assert caught.value.message.startswith(f"invalid arguments for tool 'without': {text}")
    assert "\n" not in caught.value.message
    assert caught.value.param == param


def test_a_value_that_is_nested_too_deeply_for_its_type() -> None:
    @dataclass
    class Chain:
        next: Chain | None = None

    def f(x: Chain) -> None: ...

    deep = '{"next":' * 300 + "null" + "}" * 300

    def at_depth(frames: int, read) -> None:
        return at_depth(frames - 1, read) if frames else read()

    schema = function_schema(f, namespace=locals())
    schema.bind('{"x": {"next": {"next": null}}}')
    with pytest.raises(ModelBehaviorError, match="nested too deeply"):
        at_depth(500, lambda: schema.bind(f'{{"x": {deep}}}'))
    root = input_schema(Chain, "x", locals())
    assert root.load("", "x") == Chain()
    with pytest.raises(ModelBehaviorError, match="nested too deeply"):
        at_depth(500, lambda: root.load(deep, "x"))


def test_parse_arguments_keeps_big_numbers_whole() -> None:
    assert parse_arguments('{"x": 12345678901234567890123}', "x") == {"x": 12345678901234567890123}


def test_a_whole_type_as_arguments() -> None:
    schema = input_schema(Point, "handoff 'x'")
    assert schema.json_schema["required"] == ["x", "y"]
    assert schema.load('{"x": 1}', "x") == Point(1)
    with pytest.raises(ModelBehaviorError, match=r"^invalid arguments for x: y: expected an integer, got a string$"):
        schema.load('{"x": 1, "y": "2"}', "x")


# whatever the signature: a valid value passes and arrives, and the schema accepts it

TYPED = {
    int: st.integers(-(10**6), 10**6),
    str: st.text(max_size=5),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    list[int]: st.lists(st.integers(0, 9), max_size=3),
    int | None: st.none() | st.integers(0, 9),
    dict[str, int]: st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
}


@settings(deadline=None)
@given(st.data(), st.lists(st.tuples(st.sampled_from(list(TYPED)), st.booleans()), max_size=4))
def test_valid_arguments_arrive_whatever_the_signature(data, parameters: list) -> None:
    kind = inspect.Parameter.KEYWORD_ONLY
    entries = [
        inspect.Parameter(f"p{i}", kind, annotation=tp, **({"default": data.draw(TYPED[tp])} if has_default else {}))
        for i, (tp, has_default) in enumerate(parameters)
    ]

    def f(**given: object) -> dict:
        return given

    f.__signature__ = inspect.Signature(entries)
    f.__annotations__ = {entry.name: entry.annotation for entry in entries}
    schema = function_schema(f, strict_mode=False)
    given_values = {
        entry.name: data.draw(TYPED[entry.annotation])
        for entry in entries
        if entry.default is inspect.Parameter.empty or data.draw(st.booleans())
    }
    jsonschema.validate(json.loads(json.dumps(given_values)), schema.params_json_schema)
    args, kwargs = schema.bind(json.dumps(given_values))
    expected = {entry.name: given_values.get(entry.name, entry.default) for entry in entries}
    assert args == []
    assert f(**kwargs) == expected
