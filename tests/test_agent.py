"""Agents: fields, checks, copies, instructions, tools."""

from __future__ import annotations

import pytest

from tests.mcp.peers import make_tool
from trio_realtime.agent import RealtimeAgent
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.handoffs import realtime_handoff
from trio_realtime.mcp import MCPServer
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


class Server(MCPServer):
    name = "files"

    async def list_tools(self, run_context=None, agent=None):
        return [make_tool("read"), make_tool("transfer_to_other")]

    async def call_tool(self, tool_name, arguments, meta=None):
        raise NotImplementedError


async def test_tools_of_mcp_servers_come_first() -> None:
    @function_tool
    def one() -> str:
        return "1"

    async with Server() as server:
        agent = RealtimeAgent("a", tools=[one], mcp_servers=[server])
        assert [tool.name for tool in await agent.get_mcp_tools(CONTEXT)] == ["read", "transfer_to_other"]
        assert [tool.name for tool in await agent.get_all_tools(CONTEXT)] == ["read", "transfer_to_other", "one"]


async def test_their_names_are_checked_with_the_others() -> None:
    @function_tool
    def read() -> str:
        return "1"

    async with Server() as server:
        with pytest.raises(UserError, match="tool names must be unique: 'read'"):
            await RealtimeAgent("a", tools=[read], mcp_servers=[server]).get_all_tools(CONTEXT)


async def test_with_the_server_in_front_they_avoid_those_of_tools_and_handoffs() -> None:
    @function_tool(name_override="mcp_files__read")
    def read() -> str:
        return "1"

    options = {"include_server_in_tool_names": True}
    other = RealtimeAgent("Other")
    handoff = realtime_handoff(other, tool_name_override="mcp_files__transfer_to_other")
    async with Server() as server:
        agent = RealtimeAgent("a", tools=[read], mcp_servers=[server], mcp_config=options, handoffs=[other, handoff])
        first, second = await agent.get_mcp_tools(CONTEXT)
        assert first.name.startswith("mcp_files__read_")
        assert second.name.startswith("mcp_files__transfer_to_other_")


def test_an_unknown_option_for_mcp_servers_is_refused() -> None:
    with pytest.raises(UserError, match=r"mcp_config.include_server: is not a key .* did you mean 'include_server_in"):
        RealtimeAgent("a", mcp_config={"include_server": True})
