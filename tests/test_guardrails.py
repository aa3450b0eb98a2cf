"""Guardrails: names, plain and async functions, decorators, wrong results."""

from __future__ import annotations

import pytest

from trio_realtime.agent import RealtimeAgent
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.guardrails import (
    GuardrailFunctionOutput,
    InputGuardrail,
    OutputGuardrail,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
    input_guardrail,
    output_guardrail,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime.tools import ToolContext

CONTEXT = RunContextWrapper("app")
AGENT = RealtimeAgent("a")
CALL = ToolContext(None, None, "t", "c1", "{}")
FOUND = GuardrailFunctionOutput("why", True)


def plain(context, agent, text) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput((context, agent, text), True)


async def later(context, agent, text) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput((context, agent, text), True)


@pytest.mark.parametrize("function", [plain, later])
async def test_an_output_guardrail_runs_its_function(function) -> None:
    guardrail = OutputGuardrail(function)
    result = await guardrail.run(CONTEXT, AGENT, "hello")
    assert result.guardrail is guardrail
    assert result.agent is AGENT
    assert result.agent_output == "hello"
    assert result.output == GuardrailFunctionOutput((CONTEXT, AGENT, "hello"), True)


@pytest.mark.parametrize("function", [plain, later])
async def test_an_input_guardrail_runs_its_function(function) -> None:
    guardrail = InputGuardrail(function)
    result = await guardrail.run(AGENT, "hello", CONTEXT)
    assert result.guardrail is guardrail
    assert result.output.output_info == (CONTEXT, AGENT, "hello")
    assert guardrail.run_in_parallel is True


DECORATORS = [
    (output_guardrail, OutputGuardrail),
    (input_guardrail, InputGuardrail),
    (tool_input_guardrail, ToolInputGuardrail),
    (tool_output_guardrail, ToolOutputGuardrail),
]


@pytest.mark.parametrize(("decorator", "cls"), DECORATORS)
def test_decorators_work_bare_and_with_a_name(decorator, cls) -> None:
    bare = decorator(plain)
    assert type(bare) is cls
    assert bare.get_name() == "plain"
    assert bare.guardrail_function is plain
    assert decorator()(plain).get_name() == "plain"
    named = decorator(name="other")(plain)
    assert type(named) is cls
    assert named.get_name() == "other"


def test_input_guardrail_takes_the_reference_s_option() -> None:
    assert input_guardrail(run_in_parallel=False)(plain).run_in_parallel is False


@pytest.mark.parametrize(("decorator", "cls"), DECORATORS)
def test_the_name_of_an_instance_is_its_class_and_no_function_is_refused(decorator, cls) -> None:
    class Checker:
        def __call__(self, *args) -> None: ...

    assert cls(Checker()).get_name() == "Checker"
    with pytest.raises(UserTypeError, match="needs a function"):
        cls("no")


async def test_a_wrong_result_names_the_guardrail() -> None:
    def wrong(*args) -> bool:
        return True

    runs = [
        OutputGuardrail(wrong).run(CONTEXT, AGENT, "x"),
        InputGuardrail(wrong).run(AGENT, "x", CONTEXT),
        ToolInputGuardrail(wrong).run(ToolInputGuardrailData(CALL, AGENT)),
        ToolOutputGuardrail(wrong).run(ToolOutputGuardrailData(CALL, AGENT, "x")),
    ]
    for run in runs:
        with pytest.raises(UserError, match=r"'wrong' must return a \w+, not bool"):
            await run


async def test_the_function_s_own_error_passes() -> None:
    def broken(*args) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await OutputGuardrail(broken).run(CONTEXT, AGENT, "x")


def test_guardrails_are_told_apart_by_identity() -> None:
    one, other = OutputGuardrail(plain), OutputGuardrail(plain)
    assert one != other
    assert len({one, other}) == 2
