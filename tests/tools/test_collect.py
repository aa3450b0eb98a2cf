"""What an agent offers, and whether the names can be told apart."""

from __future__ import annotations

import pytest

from trio_realtime.agent import RealtimeAgent
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError
from trio_realtime.handoffs import realtime_handoff
from trio_realtime.tools import FunctionTool, collect_tools, enabled_tools, function_tool, is_tool_enabled

CONTEXT = RunContextWrapper("app")
AGENT = RealtimeAgent("a")


def named(name: str, **options) -> FunctionTool:
    return function_tool(name_override=name, **options)(lambda: "x")


async def later_true(context, agent) -> bool:
    return (context, agent) == (CONTEXT, AGENT)


@pytest.mark.parametrize(
    ("enabled", "expected"),
    [(True, True), (False, False), (lambda c, a: True, True), (lambda c, a: 0, False), (later_true, True)],
)
async def test_is_enabled_in_every_form(enabled, expected: bool) -> None:
    tool = named("t", is_enabled=enabled)
    assert await is_tool_enabled(tool, CONTEXT, AGENT) is expected
    assert await enabled_tools([tool], CONTEXT, AGENT) == ([tool] if expected else [])
    handoff = realtime_handoff(RealtimeAgent("b"), is_enabled=enabled)
    assert await is_tool_enabled(handoff, CONTEXT, AGENT) is expected


async def test_what_is_enabled_raises_passes() -> None:
    def broken(context, agent) -> bool:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await enabled_tools([named("t", is_enabled=broken)], CONTEXT, AGENT)


@pytest.mark.parametrize("name", ["a", "A-1_b", "x" * 64])
async def test_good_names(name: str) -> None:
    tool = named(name)
    assert await enabled_tools([tool], CONTEXT, AGENT) == [tool]


@pytest.mark.parametrize("name", ["", "x" * 65, "two words", "météo", "a.b", "a\n"])
async def test_bad_names(name: str) -> None:
    tool = FunctionTool(name, "d", {}, later_true)
    with pytest.raises(UserError, match="1 to 64 letters") as caught:
        await enabled_tools([tool], CONTEXT, AGENT)
    assert repr(name) in caught.value.message


async def test_a_disabled_tool_takes_no_name() -> None:
    assert len(await enabled_tools([named("t"), named("t", is_enabled=False)], CONTEXT, AGENT)) == 1


async def test_duplicates_are_all_listed_with_their_sources() -> None:
    agent = RealtimeAgent(
        "a",
        tools=[named("transfer_to_b"), named("t")],
        handoffs=[RealtimeAgent("B"), realtime_handoff(RealtimeAgent("c"), "t")],
    )
    with pytest.raises(UserError) as caught:
        await collect_tools(agent, CONTEXT)
    assert caught.value.message == (
        "tool names must be unique: 'transfer_to_b': a tool, the handoff to 'B'; 't': a tool, the handoff to 'c'"
    )


@pytest.mark.parametrize(("thing", "text"), [(len, "decorate it with function_tool"), ({"type": "mcp"}, "not dict$")])
async def test_other_kinds_of_tools_are_refused(thing: object, text: str) -> None:
    with pytest.raises(UserError, match=text):
        await enabled_tools([thing], CONTEXT, AGENT)


async def test_collected_tools_can_be_found_by_name() -> None:
    tool = named("t")
    agent = RealtimeAgent("a", tools=[tool, named("off", is_enabled=False)], handoffs=[RealtimeAgent("b")])
    found = await collect_tools(agent, CONTEXT)
    assert found.tools == (tool,)
    assert found.find("t") is tool
    assert found.find("transfer_to_b") is found.handoffs[0]
    assert found.find("off") is found.find("x") is None
