"""Handoffs: names, schemas, checks, invocation."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from trio_realtime.agent import RealtimeAgent
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import ModelBehaviorError, UserError, UserTypeError
from trio_realtime.handoffs import Handoff, as_handoff, enabled_handoffs, realtime_handoff

CONTEXT = RunContextWrapper(None)
EMPTY = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


@dataclass
class Reason:
    text: str
    level: int = 1


@pytest.mark.parametrize(
    ("name", "tool_name"),
    [
        ("Billing", "transfer_to_billing"),
        ("My Agent 2!", "transfer_to_my_agent_2_"),
        ("Ünï-x  y", "transfer_to__n__x__y"),
    ],
)
def test_default_names(name: str, tool_name: str) -> None:
    assert Handoff.default_tool_name(RealtimeAgent(name)) == tool_name


def test_default_description_and_message() -> None:
    agent = RealtimeAgent("Billing", handoff_description="Knows invoices.")
    handoff = realtime_handoff(agent)
    assert "Billing" in handoff.tool_description
    assert "Knows invoices." in handoff.tool_description
    assert handoff.agent_name == "Billing"
    assert handoff.input_json_schema == EMPTY
    assert json.loads(handoff.get_transfer_message(RealtimeAgent("é"))) == {"assistant": "é"}
    assert Handoff.default_tool_description(RealtimeAgent("x")).endswith("request.")


def test_overrides() -> None:
    handoff = realtime_handoff(RealtimeAgent("x"), "go", "goes", is_enabled=False, history_filter=len)
    assert (handoff.tool_name, handoff.tool_description, handoff.is_enabled) == ("go", "goes", False)
    assert handoff.history_filter is len


async def test_a_plain_handoff_gives_the_agent_whatever_the_arguments() -> None:
    agent = RealtimeAgent("x")
    assert await realtime_handoff(agent).on_invoke_handoff(CONTEXT, "not json") is agent


async def test_on_handoff_plain_and_async_without_input() -> None:
    seen: list[object] = []

    async def later(context) -> None:
        seen.append(context)

    agent = RealtimeAgent("x")
    for on_handoff in (seen.append, later):
        assert await realtime_handoff(agent, on_handoff=on_handoff).on_invoke_handoff(CONTEXT, "") is agent
    assert seen == [CONTEXT, CONTEXT]


async def test_on_handoff_with_input_gets_it_typed() -> None:
    seen: list[object] = []
    handoff = realtime_handoff(
        RealtimeAgent("x"), on_handoff=lambda context, given: seen.append(given), input_type=Reason
    )
    assert handoff.input_json_schema["properties"] == {
        "text": {"type": "string"},
        "level": {"type": "integer", "default": 1},
    }
    assert handoff.input_json_schema["required"] == ["text", "level"]
    assert handoff.input_json_schema["additionalProperties"] is False
    await handoff.on_invoke_handoff(CONTEXT, '{"text": "why", "level": 2}')
    assert seen == [Reason("why", 2)]


@pytest.mark.parametrize(
    ("arguments", "text", "param"),
    [
        ("", "text: expected a string, but it is missing", "text"),
        ('{"text": 3}', "text: expected a string, got an integer", "text"),
        ('{"text": "x", "level": "3"}', "level: expected an integer, got a string", "level"),
        ("[]", "expected an object, got an array", None),
        ("{", "not JSON", None),
    ],
)
async def test_bad_input_is_the_model_s_fault(arguments: str, text: str, param: str | None) -> None:
    called: list[object] = []
    handoff = realtime_handoff(RealtimeAgent("x"), on_handoff=lambda *a: called.append(a), input_type=Reason)
    with pytest.raises(ModelBehaviorError, match=text) as caught:
        await handoff.on_invoke_handoff(CONTEXT, arguments)
    assert "'transfer_to_x'" in caught.value.message
    assert caught.value.param == param
    assert called == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"input_type": Reason}, "needs an on_handoff"),
        ({"on_handoff": lambda c, d: None}, "must take context$"),
        ({"on_handoff": lambda: None}, "must take context$"),
        ({"on_handoff": lambda c: None, "input_type": Reason}, "must take context and input"),
        ({"on_handoff": 3}, "must be a function"),
        ({"on_handoff": lambda c, d: None, "input_type": int}, "must be an object"),
        ({"on_handoff": lambda c, d: None, "input_type": dict[str, int]}, "strict mode"),
        ({"on_handoff": lambda c, d: None, "input_type": complex}, "complex has no JSON form"),
        ({"on_handoff": lambda c, d: None, "input_type": Reason | None}, "one object"),
        ({"is_enabled": 3}, "is_enabled"),
    ],
)
def test_misuse(options: dict, text: str) -> None:
    with pytest.raises(UserError, match=text) as caught:
        realtime_handoff(RealtimeAgent("x"), **options)
    assert "transfer_to_x" in caught.value.message


async def test_a_builtin_without_a_signature_is_accepted() -> None:
    class Odd:
        @property
        def __signature__(self) -> None:
            raise ValueError("no signature")

        def __call__(self, context) -> None: ...

    agent = RealtimeAgent("x")
    assert await realtime_handoff(agent, on_handoff=Odd()).on_invoke_handoff(CONTEXT, "") is agent


async def test_what_on_handoff_raises_passes() -> None:
    def broken(context) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await realtime_handoff(RealtimeAgent("x"), on_handoff=broken).on_invoke_handoff(CONTEXT, "")


def test_a_hand_built_handoff_is_checked_and_made_strict() -> None:
    async def invoke(context, arguments) -> RealtimeAgent:
        return RealtimeAgent("x")

    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert Handoff("t", "d", schema, invoke, "x").input_json_schema["required"] == ["a"]
    assert Handoff("t", "d", schema, invoke, "x", strict_json_schema=False).input_json_schema == schema
    for options in ({"input_filter": len}, {"nest_handoff_history": True}):
        with pytest.raises(UserError, match="not available in realtime"):
            Handoff("t", "d", {}, invoke, "x", **options)
    with pytest.raises(UserTypeError, match="on_invoke_handoff"):
        Handoff("t", "d", {}, None, "x")


async def test_enabled_handoffs_wraps_bare_agents_and_filters() -> None:
    async def asks(context, agent) -> bool:
        return agent.name == "current"

    current, one, two, three = (RealtimeAgent(name) for name in ("current", "one", "two", "three"))
    two_handoff = realtime_handoff(two, is_enabled=asks)
    handoffs = [one, two_handoff, realtime_handoff(three, is_enabled=lambda c, a: False)]
    found = await enabled_handoffs(handoffs, CONTEXT, current)
    assert [handoff.tool_name for handoff in found] == ["transfer_to_one", "transfer_to_two"]
    assert found[1] is two_handoff


async def test_handoffs_with_one_name_and_things_that_are_none() -> None:
    with pytest.raises(UserError, match=r"'transfer_to_x': the handoff to 'x', the handoff to 'X'"):
        await enabled_handoffs([RealtimeAgent("x"), RealtimeAgent("X")], CONTEXT, RealtimeAgent("a"))
    with pytest.raises(UserTypeError, match="not str"):
        as_handoff("x")
