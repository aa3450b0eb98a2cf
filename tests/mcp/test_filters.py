"""Which tools pass."""

from __future__ import annotations

import pytest

from tests.mcp.peers import HandServer, make_tool
from trio_realtime import RealtimeAgent, RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.mcp import ToolFilterContext, create_static_tool_filter
from trio_realtime.mcp.filters import filter_tools

TOOLS = [make_tool(name) for name in ("one", "two", "three")]
AGENT, CONTEXT = RealtimeAgent("a"), RunContextWrapper(None)


async def passed(tool_filter, context=CONTEXT, agent=AGENT):
    return [tool.name for tool in await filter_tools(TOOLS, tool_filter, context, agent, "server")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, ["one", "two", "three"]),
        ({"allowed_tool_names": ["three", "one"]}, ["one", "three"]),
        ({"allowed_tool_names": []}, []),
        ({"blocked_tool_names": ["one", "four"]}, ["two", "three"]),
        ({"allowed_tool_names": ["one", "two"], "blocked_tool_names": ["two"]}, ["one"]),
    ],
)
async def test_names(names, expected) -> None:
    assert await passed(create_static_tool_filter(**names)) == expected


def test_nothing_to_filter_is_no_filter() -> None:
    assert create_static_tool_filter() is None


@pytest.mark.parametrize("wait", [False, True])
async def test_a_function_decides_on_a_copy(wait: bool) -> None:
    def plain(about: ToolFilterContext, tool) -> bool:
        assert (about.run_context, about.agent, about.server_name) == (CONTEXT, AGENT, "server")
        tool.input_schema.clear()
        return tool.name != "two"

    async def later(about, tool) -> bool:
        return plain(about, tool)

    assert await passed(later if wait else plain) == ["one", "three"]
    assert TOOLS[0].input_schema


async def test_what_a_function_raises_is_raised() -> None:
    def broken(about, tool) -> bool:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await passed(broken)


async def test_a_function_needs_context_and_agent() -> None:
    for context, agent in ((None, AGENT), (CONTEXT, None)):
        with pytest.raises(UserError, match="needs run_context and agent"):
            await passed(lambda about, tool: True, context, agent)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"allowed_names": []}, "tool_filter.allowed_names: is not a key"),
        ({"allowed_tool_names": "one"}, "must be a list"),
        ("one", "tool_filter: must be"),
    ],
)
def test_wrong_filters_are_refused_when_the_server_is_made(wrong, text) -> None:
    with pytest.raises(UserError, match=text):
        HandServer(tool_filter=wrong)


@pytest.mark.parametrize("names", ["search", [5], {"a": 1}])
def test_names_are_checked_where_they_are_given(names) -> None:
    with pytest.raises(UserTypeError, match=r"tool_filter\.(allowed|blocked)_tool_names"):
        create_static_tool_filter(names)
    with pytest.raises(UserTypeError, match=r"tool_filter\.(allowed|blocked)_tool_names"):
        create_static_tool_filter(blocked_tool_names=names)


def test_errors_call_a_filter_by_its_public_name() -> None:
    with pytest.raises(UserError, match="is not a key of ToolFilterStatic; did you mean 'allowed_tool_names'"):
        HandServer(tool_filter={"allowed_tools": []})
