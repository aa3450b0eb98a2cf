"""Approvals and tool guardrails."""

from __future__ import annotations

import pytest

from trio_realtime.agent import RealtimeAgent
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import ToolInputGuardrailTripwireTriggered, ToolOutputGuardrailTripwireTriggered
from trio_realtime.guardrails import ToolGuardrailFunctionOutput, tool_input_guardrail, tool_output_guardrail
from trio_realtime.tools import (
    ToolContext,
    function_tool,
    rejection_text,
    run_tool_input_guardrails,
    run_tool_output_guardrails,
    tool_needs_approval,
)

AGENT = RealtimeAgent("a")
CONTEXT = RunContextWrapper("app")
CALL = ToolContext(None, None, "t", "c1", "{}")


def make(**options):
    @function_tool(**options)
    def t(x: int = 0) -> str:
        return "x"

    return t


@pytest.mark.parametrize("needed", [True, False])
async def test_approval_by_a_bool(needed: bool) -> None:
    assert await tool_needs_approval(make(needs_approval=needed), CONTEXT, "not json", "c1") is needed


async def test_approval_by_a_function_of_context_arguments_and_call_id() -> None:
    seen: list[tuple] = []

    async def later(context, arguments, call_id) -> bool:
        seen.append((context, arguments, call_id))
        return arguments.get("x", 0) > 5

    tool = make(needs_approval=later)
    assert await tool_needs_approval(tool, CONTEXT, '{"x": 9}', "c1") is True
    assert await tool_needs_approval(tool, CONTEXT, "", "c2") is False
    assert seen == [(CONTEXT, {"x": 9}, "c1"), (CONTEXT, {}, "c2")]
    assert await tool_needs_approval(make(needs_approval=lambda *a: 1), CONTEXT, "{}", "c") is True


@pytest.mark.parametrize("arguments", ["{", "[]", "NaN"])
async def test_arguments_that_cannot_be_read_need_approval(arguments: str) -> None:
    assert await tool_needs_approval(make(needs_approval=lambda *a: False), CONTEXT, arguments, "c") is True


async def test_what_the_approval_function_raises_passes() -> None:
    def broken(*args) -> bool:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await tool_needs_approval(make(needs_approval=broken), CONTEXT, "{}", "c")


async def test_the_rejection_s_text() -> None:
    async def later(args) -> str:
        return f"{args.kind} {args.tool_type} {args.tool_name} {args.call_id} {args.run_context.context} {args.error}"

    def broken(args) -> str:
        raise KeyError

    default = await rejection_text(CONTEXT, "t", "c")
    assert "not approved" in default
    assert await rejection_text(CONTEXT, "t", "c", message="", formatter=later) == ""
    assert await rejection_text(CONTEXT, "t", "c", formatter=later) == "approval_rejected function t c app None"
    assert (
        await rejection_text(CONTEXT, "t", "c", formatter=lambda args: args.default_message.upper()) == default.upper()
    )
    for useless in (broken, lambda args: None, lambda args: 3):
        assert await rejection_text(CONTEXT, "t", "c", formatter=useless) == default


allow = ToolGuardrailFunctionOutput.allow
reject = ToolGuardrailFunctionOutput.reject_content
raising = ToolGuardrailFunctionOutput.raise_exception


async def test_no_guardrails_allow() -> None:
    assert await run_tool_input_guardrails(make(), CALL, AGENT) is None
    assert await run_tool_output_guardrails(make(), CALL, AGENT, "out") is None


async def test_the_first_that_does_not_allow_decides() -> None:
    ran: list[str] = []

    def guardrail(name: str, output):
        def check(data):
            ran.append(name)
            return output

        return check

    checks = [guardrail("one", allow()), guardrail("two", reject("no")), guardrail("three", raising())]
    tool = make(
        tool_input_guardrails=[tool_input_guardrail(check) for check in checks],
        tool_output_guardrails=[tool_output_guardrail(check) for check in checks],
    )
    assert await run_tool_input_guardrails(tool, CALL, AGENT) == "no"
    assert await run_tool_output_guardrails(tool, CALL, AGENT, "out") == "no"
    assert ran == ["one", "two"] * 2


async def test_all_allowing_allows_and_they_see_the_call() -> None:
    seen: list[tuple] = []

    @tool_input_guardrail
    def before(data):
        seen.append((data.context, data.agent))
        return allow()

    @tool_output_guardrail
    async def after(data):
        seen.append((data.context, data.agent, data.output))
        return allow()

    tool = make(tool_input_guardrails=[before], tool_output_guardrails=[after])
    assert await run_tool_input_guardrails(tool, CALL, AGENT) is None
    assert await run_tool_output_guardrails(tool, CALL, AGENT, "out") is None
    assert seen == [(CALL, AGENT), (CALL, AGENT, "out")]


async def test_a_guardrail_can_raise_its_exception() -> None:
    before = tool_input_guardrail(name="g")(lambda data: raising("why"))
    after = tool_output_guardrail(name="h")(lambda data: raising("why"))
    tool = make(tool_input_guardrails=[before], tool_output_guardrails=[after])
    with pytest.raises(ToolInputGuardrailTripwireTriggered, match="'g'") as first:
        await run_tool_input_guardrails(tool, CALL, AGENT)
    assert first.value.guardrail is before
    assert first.value.output.output_info == "why"
    with pytest.raises(ToolOutputGuardrailTripwireTriggered, match="'h'") as second:
        await run_tool_output_guardrails(tool, CALL, AGENT, "out")
    assert second.value.guardrail is after
