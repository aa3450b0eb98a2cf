"""The demo's agents."""

from unittest.mock import sentinel

import pytest

from trio_realtime import ToolContext
from trio_realtime.cli.hotel import charge_card, front_desk


def test_the_agents():
    agent = front_desk()
    assert [tool.name for tool in agent.tools] == ["check_rooms", "book_room", "charge_card"]
    (handoff,) = agent.handoffs
    assert handoff.tool_name == "transfer_to_restaurant"
    assert front_desk() is not agent


async def test_the_tool_that_nobody_allows():
    context = ToolContext(None, tool_name="charge_card", tool_call_id="c", tool_arguments="{}")
    assert await charge_card.on_invoke_tool(context, '{"euros": 5}') == "5 euros were charged."


@pytest.mark.parametrize(("text", "tripped"), [("The Secret Ingredient is", True), ("The soup is", False)])
async def test_the_guardrail(text, tripped):
    (handoff,) = front_desk().handoffs
    agent = await handoff.on_invoke_handoff(sentinel.context, "{}")
    (guardrail,) = agent.output_guardrails
    result = await guardrail.run(sentinel.context, agent, text)
    assert result.output.tripwire_triggered is tripped
