"""Agents: fields, checks, copies, instructions, tools."""

from __future__ import annotations

import pytest

from trio_realtime.agent import RealtimeAgent
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.tools import function_tool

CONTEXT = RunContextWrapper(None)


def test_fields_are_positional_in_the_reference_s_order() -> None:
    agent = RealtimeAgent("a", "does it", [], [], {}, "be kind", {"id": "p"}, [], [], None)
    assert agent.handoff_description == "does it"
    assert agent.instructions == "be kind"
    assert agent.prompt == {"id": "p"}


def test_defaults_are_separate_lists() -> None:
    one, other = RealtimeAgent("a"), RealtimeAgent("a")
    assert one.tools == one.handoffs == one.mcp_servers == one.output_guardrails == []
    assert one.mcp_config == {}
    assert one.handoffs is not other.handoffs
    assert one.hooks is None


def test_agents_are_mutable_and_compared_by_identity() -> None:
    one, other = RealtimeAgent("a"), RealtimeAgent("a")
    one.handoffs.append(other)
    other.handoffs.append(one)
    assert one != other
    assert len({one, other}) == 2
    assert "'a'" in repr(one)  # no endless repr of a circle


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": 3}, "name must be a string, not int"),
        ({"handoff_description": 3}, "handoff_description"),
        ({"tools": ()}, "tools must be a list, not tuple"),
        ({"handoffs": None}, "handoffs must be a list"),
        ({"mcp_servers": {}}, "mcp_servers must be a list"),
        ({"output_guardrails": "x"}, "output_guardrails must be a list"),
        ({"instructions": 3}, "instructions must be"),
        ({"prompt": "id"}, "prompt must be"),
    ],
)
def test_wrong_types_are_type_errors(changes: dict, text: str) -> None:
    with pytest.raises(TypeError, match=text) as caught:
        RealtimeAgent(**{"name": "a", **changes})
    assert isinstance(caught.value, UserError)


def test_clone_changes_what_it_is_told_and_shares_the_rest() -> None:
    agent = RealtimeAgent("a", instructions="x")
    copy = agent.clone(name="b")
    assert (copy.name, copy.instructions) == ("b", "x")
    assert copy.tools is agent.tools
    with pytest.raises(UserTypeError, match="no field 'colour'"):
        agent.clone(colour="red")
    with pytest.raises(TypeError):
        agent.clone(tools=None)


@pytest.mark.parametrize("instructions", [None, "plain"])
async def test_plain_instructions(instructions: str | None) -> None:
    assert await RealtimeAgent("a", instructions=instructions).get_system_prompt(CONTEXT) == instructions


async def test_instructions_of_a_function_plain_or_async() -> None:
    async def later(context, agent) -> str:
        return f"{context.context} {agent.name}"

    wrapper = RunContextWrapper("app")
    assert await RealtimeAgent("a", instructions=later).get_system_prompt(wrapper) == "app a"
    assert await RealtimeAgent("a", instructions=lambda c, a: a.name).get_system_prompt(wrapper) == "a"
    assert await RealtimeAgent("a", instructions=lambda c, a: None).get_system_prompt(wrapper) is None


async def test_instructions_of_the_wrong_kind() -> None:
    with pytest.raises(UserTypeError, match="takes the context and the agent"):
        await RealtimeAgent("a", instructions=lambda context: "x").get_system_prompt(CONTEXT)
    with pytest.raises(UserTypeError, match="gave int, not a string"):
        await RealtimeAgent("a", instructions=lambda c, a: 3).get_system_prompt(CONTEXT)


async def test_a_function_without_a_signature_is_just_called() -> None:
    class Odd:
        @property
        def __signature__(self) -> None:
            raise ValueError("no signature")

        def __call__(self, context, agent) -> str:
            return "odd"

    assert await RealtimeAgent("a", instructions=Odd()).get_system_prompt(CONTEXT) == "odd"


async def test_the_instructions_own_error_passes() -> None:
    def broken(context, agent) -> str:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await RealtimeAgent("a", instructions=broken).get_system_prompt(CONTEXT)


async def test_get_all_tools_gives_the_enabled_ones() -> None:
    @function_tool
    def one() -> str:
        return "1"

    @function_tool(is_enabled=False)
    def two() -> str:
        return "2"

    assert await RealtimeAgent("a", tools=[one, two]).get_all_tools(CONTEXT) == [one]


async def test_mcp_servers_are_refused_by_name() -> None:
    with pytest.raises(UserError, match="MCP servers are not supported by this version"):
        await RealtimeAgent("a", mcp_servers=[object()]).get_all_tools(CONTEXT)
