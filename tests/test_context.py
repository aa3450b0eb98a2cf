"""The session's context wrapper and its approvals."""

from __future__ import annotations

import pytest

from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError
from trio_realtime.usage import Usage


def test_fields_are_positional_and_have_the_reference_s_defaults() -> None:
    usage = Usage()
    wrapper = RunContextWrapper("app", usage, [1], {"a": 1})
    assert (wrapper.context, wrapper.usage, wrapper.turn_input, wrapper.tool_input) == ("app", usage, [1], {"a": 1})
    plain = RunContextWrapper(None)
    assert plain.usage.requests == 0
    assert plain.turn_input == []
    assert plain.tool_input is None


def test_wrappers_are_compared_by_identity_and_can_be_keys() -> None:
    one, other = RunContextWrapper(1), RunContextWrapper(1)
    assert one != other
    assert len({one, other}) == 2


def test_the_repr_shows_the_type_of_the_context_only() -> None:
    assert "secret" not in repr(RunContextWrapper("secret"))
    assert "<str>" in repr(RunContextWrapper("secret"))


def test_nothing_is_decided_at_first() -> None:
    wrapper = RunContextWrapper(None)
    assert wrapper.is_tool_approved("t", "1") is None
    assert wrapper.get_approval_status("t", "1") is None
    assert wrapper.get_rejection_message("t", "1") is None


def test_a_decision_holds_for_its_call_only() -> None:
    wrapper = RunContextWrapper(None)
    wrapper.approve_tool("t", "1")
    wrapper.reject_tool("t", "2", rejection_message="no")
    assert wrapper.is_tool_approved("t", "1") is True
    assert wrapper.is_tool_approved("t", "2") is False
    assert wrapper.get_rejection_message("t", "2") == "no"
    assert wrapper.is_tool_approved("t", "3") is None
    assert wrapper.is_tool_approved("other", "1") is None


def test_always_holds_for_later_calls_of_that_tool_with_the_same_message() -> None:
    wrapper = RunContextWrapper(None)
    wrapper.reject_tool("t", "1", always=True, rejection_message="never")
    assert wrapper.is_tool_approved("t", "9") is False
    assert wrapper.get_rejection_message("t", "9") == "never"
    assert wrapper.is_tool_approved("other", "9") is None


def test_the_exact_call_beats_the_sticky_decision() -> None:
    wrapper = RunContextWrapper(None)
    wrapper.reject_tool("t", "1", always=True, rejection_message="never")
    wrapper.approve_tool("t", "2")
    assert wrapper.is_tool_approved("t", "2") is True
    assert wrapper.get_rejection_message("t", "2") is None
    wrapper.approve_tool("t", "3", always=True)
    wrapper.reject_tool("t", "4")
    assert wrapper.is_tool_approved("t", "4") is False
    assert wrapper.get_rejection_message("t", "4") is None
    assert wrapper.is_tool_approved("t", "5") is True


def test_a_later_sticky_decision_replaces_what_its_own_call_had() -> None:
    wrapper = RunContextWrapper(None)
    wrapper.approve_tool("t", "1")
    wrapper.reject_tool("t", "1", always=True)
    assert wrapper.is_tool_approved("t", "1") is False


@pytest.mark.parametrize(("name", "call_id"), [("", "1"), ("t", "")])
def test_an_approval_needs_a_name_and_an_id(name: str, call_id: str) -> None:
    with pytest.raises(UserError, match="needs the name"):
        RunContextWrapper(None).approve_tool(name, call_id)
    with pytest.raises(UserError, match="needs the name"):
        RunContextWrapper(None).reject_tool(name, call_id)
