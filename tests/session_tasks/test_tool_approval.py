from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.session_tasks.support import call, kinds, make, now, of, scripted, scripted_session
from tests.session_tasks.test_tool_runner import outputs, plain
from trio_realtime import RealtimeAgent, RealtimeTimeoutError, ToolErrorFormatterArgs
from trio_realtime.tools.policy import DEFAULT_REJECTION

careful = attrs.evolve(plain, name="careful", needs_approval=True)
AGENT = RealtimeAgent("A", tools=[careful])
APPROVED = ["tool_approval_required", "tool_start", "tool_end"]


async def test_approved_once(autojump_clock: Any) -> None:
    async with scripted_session(agent=AGENT) as (session, model):
        now(session)
        await model.emit(call("careful", received_at=1.5))
        (pending,) = session.pending_approvals
        assert (pending.call_id, pending.tool, pending.agent, pending.arguments) == ("c1", careful, AGENT, "{}")
        assert not outputs(model)
        await session.approve_tool_call("c1")
        await wait_all_tasks_blocked()
        assert outputs(model) == [("c1", "done", True)]
        events = now(session)
        assert kinds(events) == APPROVED
        assert events[0].received_at == 1.5
        await model.emit(call("careful", "c2"))
        assert [p.call_id for p in session.pending_approvals] == ["c2"]


async def test_approved_always(autojump_clock: Any) -> None:
    async with scripted_session(agent=AGENT) as (session, model):
        await model.emit(call("careful"))
        await session.approve_tool_call("c1", always=True)
        await model.emit(call("careful", "c2"))
        assert [output[0] for output in outputs(model)] == ["c1", "c2"]
        assert session.pending_approvals == ()


async def _formatter(args: ToolErrorFormatterArgs) -> str | None:
    return f"{args.kind} {args.tool_name} {args.call_id}"


def _bad_formatter(args: ToolErrorFormatterArgs) -> str | None:
    raise ValueError


@pytest.mark.parametrize(
    ("config", "options", "text"),
    [
        ({}, {}, DEFAULT_REJECTION),
        ({}, {"rejection_message": "no!"}, "no!"),
        ({}, {"rejection_message": ""}, ""),
        ({"tool_error_formatter": _formatter}, {}, "approval_rejected careful c1"),
        ({"tool_error_formatter": _formatter}, {"rejection_message": "no!"}, "no!"),
        ({"tool_error_formatter": lambda args: None}, {}, DEFAULT_REJECTION),
        ({"tool_error_formatter": _bad_formatter}, {}, DEFAULT_REJECTION),
    ],
)
async def test_rejected(autojump_clock: Any, config: Any, options: Any, text: str) -> None:
    async with scripted_session(agent=AGENT, **config) as (session, model):
        now(session)
        await model.emit(call("careful"))
        await session.reject_tool_call("c1", **options)
        await wait_all_tasks_blocked()
        assert outputs(model) == [("c1", text, True)]
        events = now(session)
        assert kinds(events) == ["tool_approval_required", "tool_end"]
        assert events[-1].output == text
        assert events[-1].error is None


async def test_rejected_always(autojump_clock: Any) -> None:
    async with scripted_session(agent=AGENT) as (session, model):
        await model.emit(call("careful"))
        await session.reject_tool_call("c1", always=True, rejection_message="never")
        await model.emit(call("careful", "c2"))
        assert outputs(model) == [("c1", "never", True), ("c2", "never", True)]


@pytest.mark.parametrize("approved", [True, False])
async def test_decided_in_the_context_before_the_call(autojump_clock: Any, approved: bool) -> None:
    async with scripted_session(agent=AGENT) as (session, model):
        if approved:
            session.context.approve_tool("careful", "c1")
        else:
            session.context.reject_tool("careful", "c1")
        await model.emit(call("careful"))
        assert outputs(model) == [("c1", "done" if approved else DEFAULT_REJECTION, True)]
        assert session.pending_approvals == ()


@pytest.mark.parametrize("message", [None, "too slow"])
async def test_nobody_decides_in_time(autojump_clock: Any, message: str | None) -> None:
    async with scripted_session(agent=AGENT, tool_execution={"approval_timeout": 5}) as (session, model):
        now(session)
        await model.emit(call("careful"))
        if message is not None:
            session.context.reject_tool("careful", "c1", rejection_message=message)
        await trio.sleep(6)
        assert session.pending_approvals == ()
        expected = message or "The tool 'careful' was not run: nobody approved it in time."
        assert outputs(model) == [("c1", expected, True)]
        (reported,) = of(now(session), "error")
        assert isinstance(reported.error, RealtimeTimeoutError)
        assert (reported.error.name, reported.error.seconds) == ("approval", 5)
        await session.approve_tool_call("c1")  # too late: changes nothing
        assert len(outputs(model)) == 1


async def test_unknown_ids_change_nothing(autojump_clock: Any) -> None:
    async with scripted_session(agent=AGENT) as (session, model):
        await session.approve_tool_call("x")
        await session.reject_tool_call("x")
        await model.emit(call("careful", "x"))
        assert len(session.pending_approvals) == 1
        await session.approve_tool_call("x")
        await session.reject_tool_call("x")  # decided already
        await wait_all_tasks_blocked()
        assert outputs(model) == [("x", "done", True)]


@pytest.mark.parametrize(
    ("needs", "asks"),
    [(lambda context, arguments, call_id: False, False), (lambda context, arguments, call_id: True, True)],
)
async def test_a_function_says_whether(autojump_clock: Any, needs: Any, asks: bool) -> None:
    agent = RealtimeAgent("A", tools=[attrs.evolve(careful, needs_approval=needs)])
    async with scripted_session(agent=agent) as (session, model):
        await model.emit(call("careful"))
        assert bool(session.pending_approvals) is asks
        await model.emit(call("careful", "c2", "no json"))
        assert [p.call_id for p in session.pending_approvals][-1] == "c2"


async def test_a_function_that_raises_is_the_output(autojump_clock: Any) -> None:
    def needs(context: Any, arguments: Any, call_id: str) -> bool:
        raise ValueError("who knows")

    agent = RealtimeAgent("A", tools=[attrs.evolve(careful, needs_approval=needs)])
    async with scripted_session(agent=agent) as (session, model):
        now(session)
        await model.emit(call("careful"))
        assert "An error occurred" in outputs(model)[0][1]
        events = now(session)
        assert kinds(events) == ["error", "tool_end"]
        assert str(events[0].error) == "who knows"


async def test_the_end_while_a_call_waits(autojump_clock: Any) -> None:
    model = scripted()
    async with await make(model, agent=AGENT) as session:
        await model.emit(call("careful"))
        await model.end()
        assert session.pending_approvals == ()
    assert not outputs(model)


async def test_a_rejection_for_always_holds_also_where_no_approval_is_needed_any_more(autojump_clock: Any) -> None:
    asked: list[str] = []

    def needs(context: Any, arguments: Any, call_id: str) -> bool:
        asked.append(call_id)
        return call_id == "c1"

    agent = RealtimeAgent("A", tools=[attrs.evolve(careful, needs_approval=needs)])
    async with scripted_session(agent=agent) as (session, model):
        await model.emit(call("careful"))
        await session.reject_tool_call("c1", always=True, rejection_message="Never.")
        await wait_all_tasks_blocked()
        await model.emit(call("careful", "c2"))
        assert [text for _, text, _ in outputs(model)] == ["Never.", "Never."]
        assert asked == ["c1"]


async def test_a_decision_for_always_is_of_one_agent(autojump_clock: Any) -> None:
    async with scripted_session(agent=AGENT) as (session, model):
        await model.emit(call("careful"))
        await session.approve_tool_call("c1", always=True)
        await session.update_agent(RealtimeAgent("Other", tools=[careful]))
        await model.emit(call("careful", "c2"))
        assert [pending.call_id for pending in session.pending_approvals] == ["c2"]
        await session.update_agent(AGENT)
        await model.emit(call("careful", "c3"))
        assert [pending.call_id for pending in session.pending_approvals] == ["c2"]
        assert session.context.is_tool_approved("careful", "c1")
