"""Guardrails of one tool; names and decorators are tested with those of agents."""

from __future__ import annotations

import pytest

import trio_realtime.guardrails
from trio_realtime.agent import RealtimeAgent
from trio_realtime.errors import UserTypeError
from trio_realtime.tools import ToolContext, guardrails
from trio_realtime.tools.guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
)

AGENT = RealtimeAgent("a")
CALL = ToolContext(None, None, "t", "c1", "{}")


def test_they_are_all_offered_beside_the_other_guardrails() -> None:
    for name in guardrails.__all__:
        assert name in trio_realtime.guardrails.__all__
        assert getattr(trio_realtime.guardrails, name) is getattr(guardrails, name)


async def test_tool_guardrails_run_their_functions() -> None:
    async def check(data) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow(data)

    data = ToolInputGuardrailData(CALL, AGENT)
    assert (await ToolInputGuardrail(check).run(data)).output_info is data
    with_output = ToolOutputGuardrailData(CALL, AGENT, "out")
    assert (await ToolOutputGuardrail(lambda d: ToolGuardrailFunctionOutput(d.output)).run(with_output)) == (
        ToolGuardrailFunctionOutput("out", {"type": "allow"})
    )


def test_the_three_decisions() -> None:
    make = ToolGuardrailFunctionOutput
    assert make().behavior == {"type": "allow"}
    assert make.allow("i") == make("i", {"type": "allow"})
    assert make.reject_content("no", "i") == make("i", {"type": "reject_content", "message": "no"})
    assert make.raise_exception("i") == make("i", {"type": "raise_exception"})
    with pytest.raises(UserTypeError, match="needs a message"):
        make.reject_content(3)
