"""The context of one tool call."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from trio_realtime.agent import RealtimeAgent
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError
from trio_realtime.tools import ToolContext
from trio_realtime.usage import Usage


class FakeSession:
    def __init__(self) -> None:
        self.calls: list[tuple] = []

    async def add_item(self, role, content, *, respond=False) -> None:
        self.calls.append(("add_item", role, content, respond))


def test_positional_as_in_the_reference() -> None:
    usage = Usage()
    context = ToolContext("app", usage, "t", "c", "{}", "call", tool_namespace="ns", run_config="rc", tool_input=1)
    assert (context.context, context.usage, context.tool_name, context.tool_call_id) == ("app", usage, "t", "c")
    assert (context.tool_arguments, context.tool_call, context.run_config, context.tool_input) == (
        "{}",
        "call",
        "rc",
        1,
    )
    assert context.qualified_tool_name == "ns.t"
    assert context.turn_input == []
    assert context.agent is context.session is context.error is None


@pytest.mark.parametrize("missing", ["tool_name", "tool_call_id", "tool_arguments"])
def test_name_id_and_arguments_are_mandatory(missing: str) -> None:
    given = {"tool_name": "t", "tool_call_id": "c", "tool_arguments": "{}"}
    del given[missing]
    with pytest.raises(ValueError, match="needs tool_name"):
        ToolContext(None, **given)


def test_it_is_a_run_context_wrapper_of_its_own_with_no_usage_given() -> None:
    one = ToolContext(None, None, "t", "c", "{}")
    assert isinstance(one, RunContextWrapper)
    assert one.usage.requests == 0
    assert one != ToolContext(None, None, "t", "c", "{}")
    assert one.qualified_tool_name == "t"
    one.approve_tool("t", "c")
    assert one.is_tool_approved("t", "c")


def test_it_shares_usage_and_approvals_with_the_session_s_wrapper() -> None:
    wrapper = RunContextWrapper("app", turn_input=[1], tool_input=2)
    agent, session = RealtimeAgent("a"), FakeSession()
    context = ToolContext.from_agent_context(
        wrapper, "c", agent=agent, tool_name="t", tool_arguments='{"a": 1}', session=session
    )
    assert context.context == "app"
    assert context.usage is wrapper.usage
    assert context.turn_input is wrapper.turn_input
    assert context.tool_input == 2
    assert context.agent is agent
    assert context.session is session
    wrapper.approve_tool("t", "c")
    assert context.is_tool_approved("t", "c")
    context.reject_tool("other", "1", always=True)
    assert wrapper.is_tool_approved("other", "2") is False


def test_name_and_arguments_may_come_from_the_call() -> None:
    call = SimpleNamespace(name="t", arguments="{}")
    context = ToolContext.from_agent_context(RunContextWrapper(None), "c", call)
    assert (context.tool_name, context.tool_arguments, context.tool_call) == ("t", "{}", call)
    with pytest.raises(UserError, match="needs tool_name"):
        ToolContext.from_agent_context(RunContextWrapper(None), "c")


def test_the_repr_hides_what_may_be_private() -> None:
    text = repr(ToolContext("private", None, "t", "c", '{"pin": 1234}'))
    assert "private" not in text
    assert "1234" not in text
    assert "'t'" in text


async def test_progress_asks_the_session_to_say_it() -> None:
    session = FakeSession()
    await ToolContext(None, None, "t", "c", "{}", session=session).progress("One moment.")
    ((method, role, content, respond),) = session.calls
    assert (method, role, respond) == ("add_item", "system", True)
    assert content.endswith("One moment.")
    assert "'t'" in content


async def test_progress_needs_a_session_and_a_text() -> None:
    context = ToolContext(None, None, "t", "c", "{}")
    with pytest.raises(UserError, match=r"progress\(\) works only"):
        await context.progress("x")
    with pytest.raises(UserError, match="needs a text"):
        await context.progress(" ")
