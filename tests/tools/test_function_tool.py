"""Function tools: the decorator's options and what they refuse."""

from __future__ import annotations

import copy
import functools
import math
from typing import Generic, TypeVar

import attrs
import pytest

from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.tools import FunctionTool, ToolContext, function_tool, tool

T = TypeVar("T")


async def on_invoke(context, arguments: str) -> str:
    return arguments


def example(x: int) -> str:
    """Do it.

    Args:
        x: how often
    """
    return str(x)


def test_with_and_without_parentheses_and_by_both_names() -> None:
    assert tool is function_tool
    for made in (
        function_tool(example),
        function_tool()(example),
        tool(example),
        tool(name_override="example")(example),
    ):
        assert isinstance(made, FunctionTool)
        assert made.name == made.qualified_name == "example"
        assert made.description == "Do it."
        assert made.params_json_schema["properties"] == {"x": {"type": "integer", "description": "how often"}}
        assert made.__wrapped__ is example


def test_defaults_are_the_reference_s() -> None:
    made = function_tool(example)
    assert made.strict_json_schema is True
    assert made.is_enabled is True
    assert made.needs_approval is False
    assert made.tool_input_guardrails is made.tool_output_guardrails is made.timeout_seconds is None
    assert made.timeout_behavior == "error_as_result"
    assert made.timeout_error_function is None
    assert made.defer_loading is False
    assert made.fatal is False
    assert made.on_interrupt is made.on_handoff is None


def test_options_arrive() -> None:
    made = function_tool(
        example, name_override="other", description_override="Other.", docstring_style="google", is_enabled=len,
        needs_approval=len, tool_input_guardrails=[1], tool_output_guardrails=[2], timeout=3, timeout_behavior="raise_exception",
        timeout_error_function=len, fatal=True, on_interrupt="cancel", on_handoff="keep", strict_mode=False,
    )  # fmt: skip
    assert (made.name, made.description) == ("other", "Other.")
    assert made.is_enabled is made.needs_approval is made.timeout_error_function is len
    assert (made.tool_input_guardrails, made.tool_output_guardrails) == ([1], [2])
    assert (made.timeout_seconds, made.timeout_behavior) == (3, "raise_exception")
    assert (made.fatal, made.on_interrupt, made.on_handoff) == (True, "cancel", "keep")
    assert made.params_json_schema["required"] == ["x"]
    assert "additionalProperties" not in made.params_json_schema


def test_docstrings_can_be_left_alone() -> None:
    made = function_tool(example, use_docstring_info=False)
    assert made.description == ""
    assert made.params_json_schema["properties"] == {"x": {"type": "integer"}}
    assert function_tool(example, description_override="").description == ""


def test_a_tool_is_frozen_hashable_and_can_be_copied() -> None:
    made = function_tool(example)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.name = "x"
    assert copy.copy(made).__wrapped__ is example
    assert len({made, copy.copy(made)}) == 2
    with pytest.raises(AttributeError):
        FunctionTool("n", "d", {}, on_invoke).__wrapped__


def test_a_hand_built_tool_is_made_strict_on_a_copy() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    made = FunctionTool("n", "d", schema, on_invoke)
    assert made.params_json_schema == schema | {"required": ["a"], "additionalProperties": False}
    assert "required" not in schema
    assert FunctionTool("n", "d", schema, on_invoke, False).params_json_schema is schema
    with pytest.raises(UserError, match=r"tool 'n', parameter 'a'"):
        FunctionTool("n", "d", {"properties": {"a": {"type": "object", "additionalProperties": True}}}, on_invoke)


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan, True, "3"])
def test_a_timeout_is_positive_and_finite(timeout) -> None:
    with pytest.raises(ValueError, match="tool 'example': timeout must be a positive, finite number"):
        function_tool(example, timeout=timeout)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"defer_loading": True}, "defer_loading is not available"),
        ({"custom_data_extractor": len}, "custom_data_extractor is not available"),
        ({"allowed_callers": []}, "allowed_callers is not available"),
        ({"output_type": int}, "output_type is not available"),
        ({"output_json_schema": {}}, "output_json_schema is not available"),
        ({"timeout_behavior": "explode"}, "timeout_behavior must be"),
        ({"on_interrupt": "maybe"}, "on_interrupt must be"),
        ({"on_handoff": True}, "on_handoff must be"),
        ({"is_enabled": "yes"}, "is_enabled must be a bool or a function"),
        ({"needs_approval": None}, "needs_approval must be a bool or a function"),
        ({"fatal": True, "failure_error_function": lambda c, e: ""}, "takes no failure_error_function"),
        ({"docstring_style": "odd"}, "docstring_style must be"),
    ],
)
def test_options_that_are_refused(options: dict, text: str) -> None:
    with pytest.raises(UserError, match=text):
        function_tool(example, **options)


def test_fatal_goes_with_an_explicit_none() -> None:
    assert function_tool(example, fatal=True, failure_error_function=None).fatal


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((3, "d", {}, on_invoke), "name and description"),
        (("n", None, {}, on_invoke), "name and description"),
        (("n", "d", [], on_invoke), "params_json_schema must be a dict"),
        (("n", "d", {}, None), "on_invoke_tool"),
    ],
)
def test_wrong_types_of_a_hand_built_tool(arguments: tuple, text: str) -> None:
    with pytest.raises(UserTypeError, match=text):
        FunctionTool(*arguments)


def generator():
    yield 1


async def async_generator():
    yield 1


class GeneratorInstance:
    def __call__(self):
        yield 1


class GenericInstance(Generic[T]):
    def __call__(self, x: int) -> int:
        return x


def generic(x: T) -> T:
    return x


def unresolved(x: Nowhere) -> None: ...  # noqa: F821


def late_context(x: int, context: ToolContext) -> None: ...


def context_in_a_list(x: list[ToolContext]) -> None: ...


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (generator, "tool 'generator': a generator gives no single result"),
        (async_generator, "a generator gives no single result"),
        (GeneratorInstance(), "a generator gives no single result"),
        (functools.partial(example, 1), "a partial has no signature"),
        (GenericInstance(), "generic class"),
        (generic, "parameter 'x': the type variable ~T"),
        (int, "a tool is made of a function"),
        ("text", "a tool is made of a function"),
        (lambda: 1, "a lambda has no name"),
        (staticmethod(example), "inside of staticmethod"),
        (unresolved, "the annotations cannot be resolved: name 'Nowhere'"),
        (late_context, "parameter 'context': only the first parameter can be the context"),
        (context_in_a_list, "parameter 'x': the context of a call can only be the first"),
        (max, "tool 'max': no signature found"),
    ],
)
def test_what_cannot_be_a_tool(function, text: str) -> None:
    with pytest.raises(UserError, match=text):
        function_tool(function)


def test_a_name_makes_a_tool_of_a_lambda() -> None:
    assert function_tool(lambda: 1, name_override="one").name == "one"


def test_an_instance_has_its_class_s_name_and_the_docstring_of_its_call_or_class() -> None:
    class Weather:
        """Know the weather."""

        def __call__(self, city: str) -> str:
            return city

    class Clock:
        """Class."""

        def __call__(self) -> str:
            """Tell the time."""
            return "now"

    made = function_tool(Weather())
    assert (made.name, made.description) == ("Weather", "Know the weather.")
    assert list(made.params_json_schema["properties"]) == ["city"]
    assert function_tool(Clock()).description == "Tell the time."
