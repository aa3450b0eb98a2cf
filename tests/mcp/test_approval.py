"""Every form of require_approval, and what is wrong with the others."""

from __future__ import annotations

import pytest

from tests.mcp.peers import OwnServer, make_tool
from trio_realtime import RealtimeAgent, RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.mcp.approval import approval_policy, needs_approval

AGENT, CONTEXT = RealtimeAgent("a"), RunContextWrapper(None)


def asked(setting, name="one"):
    return needs_approval(approval_policy(setting), make_tool(name), AGENT)


@pytest.mark.parametrize(
    ("setting", "one", "two"),
    [
        (None, False, False),
        ("never", False, False),
        ("always", True, True),
        (True, True, True),
        (False, False, False),
        ({}, False, False),
        ({"one": "always"}, True, False),
        ({"one": "never", "two": True}, False, True),
        ({"always": {"tool_names": ["one"]}}, True, False),
        ({"never": {"tool_names": ["one"]}}, False, False),
        ({"always": {"tool_names": ["one"]}, "never": {"tool_names": ["two"]}}, True, False),
        ({"always": {"tool_names": ["one"]}, "never": {}}, True, False),
    ],
)
def test_words_and_names(setting, one, two) -> None:
    assert (asked(setting), asked(setting, "two")) == (one, two)


def test_a_tool_may_be_called_always() -> None:
    assert asked({"always": "always"}, "always") is True


@pytest.mark.parametrize("wait", [False, True])
async def test_a_function_is_asked_at_each_call(wait: bool) -> None:
    seen = []

    def plain(context, agent, tool):
        seen.append((context, agent, tool.name))
        return tool.name == "one"

    async def later(*args):
        return plain(*args)

    for name, expected in (("one", True), ("two", False)):
        function = asked(later if wait else plain, name)
        assert callable(function)
        assert await function(CONTEXT, {"x": 1}, "call_1") is expected
    assert seen == [(CONTEXT, AGENT, "one"), (CONTEXT, AGENT, "two")]


@pytest.mark.parametrize(
    ("setting", "kind", "text"),
    [
        ("sometimes", UserError, "'always', 'never' or a bool, not 'sometimes'"),
        (3, UserTypeError, "not int"),
        ({"one": "sometimes"}, UserError, "require_approval.one: must be"),
        ({1: "always"}, UserTypeError, "keys are tool names, not int"),
        ({"always": {"tool_names": "one"}}, UserTypeError, "require_approval.always.tool_names: must be a list"),
        ({"always": {"tool_names": [1]}}, UserTypeError, "not of int"),
        ({"always": {"tool_names": []}, "one": "never"}, UserError, "without one"),
        ({"always": {"tool_names": ["one"]}, "never": ["one"]}, UserError, "require_approval.never: must be a dict"),
        ({"always": {"tool_names": ["one"]}, "never": {"names": []}}, UserError, "tool_names and nothing else"),
        ({"always": {"tool_names": ["x"]}, "never": {"tool_names": ["x"]}}, UserError, "'x' is under 'always' and"),
    ],
)
def test_anything_else_is_refused_when_the_server_is_made(setting, kind, text) -> None:
    with pytest.raises(kind, match=text):
        OwnServer(require_approval=setting)
