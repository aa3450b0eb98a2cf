from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.session_tasks.support import (
    FakeModel,
    begin,
    call,
    drain,
    end,
    kinds,
    make,
    now,
    of,
    scripted,
    scripted_session,
)
from trio_realtime import (
    InternalError,
    ModelBehaviorError,
    RealtimeAgent,
    ToolGuardrailFunctionOutput,
    ToolResult,
    ToolTimeoutError,
    function_tool,
    realtime_handoff,
    tool_input_guardrail,
    tool_output_guardrail,
)
from trio_realtime import model_events as m
from trio_realtime.items import RealtimeToolCallItem
from trio_realtime.model_inputs import RealtimeModelSendRawMessage, RealtimeModelSendToolOutput


class Mine(Exception):
    pass


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise Mine("no text")


def outputs(model: Any) -> list[tuple[str, str, bool]]:
    return [
        (event.tool_call.call_id, event.output, event.start_response)
        for event in model.sent_events
        if isinstance(event, RealtimeModelSendToolOutput)
    ]


@tool_input_guardrail
async def reject_input(data: Any) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.reject_content("input refused")


@tool_input_guardrail
async def raise_input(data: Any) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.raise_exception()


@tool_output_guardrail
async def reject_output(data: Any) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.reject_content("output refused")


@tool_output_guardrail
async def raise_output(data: Any) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.raise_exception()


@function_tool
async def plain() -> str:
    """Work."""
    return "done"


@function_tool
async def structured() -> dict[str, int]:
    """Give JSON."""
    return {"a": 1}


@function_tool
async def silent() -> ToolResult[str]:
    """Say nothing about it."""
    return ToolResult("quiet", respond=False)


@function_tool
async def failing() -> str:
    """Fail, with a text for the model."""
    raise Mine("broken")


@function_tool(failure_error_function=None)
async def raising() -> str:
    """Fail, without one."""
    raise Mine("broken")


@function_tool(failure_error_function=None)
async def unspeakable() -> str:
    """Fail without a text that can be made."""
    raise Unspeakable


@function_tool(timeout=1)
async def slow() -> str:
    """Take too long."""
    await trio.sleep(60)
    return "late"


@function_tool(timeout=1, timeout_behavior="raise_exception")
async def slow_raising() -> str:
    """Take too long, and raise."""
    await trio.sleep(60)
    return "late"


def _guarded(tool: Any, name: str, **changes: Any) -> Any:
    return attrs.evolve(tool, name=name, **changes)


def _bad_enabled(context: Any, agent: Any) -> bool:
    if context.context == "asked":
        raise Mine("enabled?")
    return True


TOOLS = [
    plain,
    structured,
    silent,
    failing,
    raising,
    unspeakable,
    slow,
    slow_raising,
    _guarded(plain, "input_rejected", tool_input_guardrails=[reject_input]),
    _guarded(plain, "input_raised", tool_input_guardrails=[raise_input]),
    _guarded(plain, "output_rejected", tool_output_guardrails=[reject_output]),
    _guarded(plain, "output_raised", tool_output_guardrails=[raise_output]),
    _guarded(plain, "bad_enabled", is_enabled=_bad_enabled),
]


@pytest.mark.parametrize(
    ("name", "text", "respond", "events"),
    [
        ("plain", "done", True, ["tool_start", "tool_end"]),
        ("structured", '{"a": 1}', True, ["tool_start", "tool_end"]),
        ("silent", "quiet", False, ["tool_start", "tool_end"]),
        ("failing", "An error occurred", True, ["tool_start", "tool_end"]),
        ("raising", "An error occurred", True, ["tool_start", "error", "tool_end"]),
        ("unspeakable", "An error occurred", True, ["tool_start", "error", "tool_end"]),
        ("slow", "1", True, ["tool_start", "tool_end"]),
        ("slow_raising", "did not finish within 1 seconds", True, ["tool_start", "error", "tool_end"]),
        ("input_rejected", "input refused", True, ["tool_end"]),
        ("input_raised", "reject", True, ["error", "tool_end"]),
        ("output_rejected", "output refused", True, ["tool_start", "tool_end"]),
        ("output_raised", "", True, ["tool_start", "error", "tool_end"]),
        ("bad_enabled", "An error occurred", True, ["error"]),
        ("unknown", "There is no tool named 'unknown'", True, ["error"]),
    ],
)
async def test_exactly_one_output_on_every_path(
    autojump_clock: Any, name: str, text: str, respond: bool, events: list[str]
) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=TOOLS)) as (session, model):
        session.context.context = "asked"
        now(session)
        await model.emit(call(name))
        await trio.sleep(5)
        await model.emit(call(name))  # the same call again is no other call
        ((call_id, output, start),) = outputs(model)
        assert (call_id, start) == ("c1", respond)
        if name != "input_raised":
            assert text in output
        assert kinds(now(session)) == events
        assert session.statistics().running_tools == 0


async def test_tool_end_has_the_value_and_the_error(autojump_clock: Any) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=TOOLS)) as (session, model):
        await model.emit(call("structured", "a"), call("raising", "b"), call("slow_raising", "c"))
        await trio.sleep(2)
        ends = {event.call_id: event for event in of(now(session), "tool_end")}
        assert ends["a"].output == {"a": 1}
        assert ends["a"].error is None
        assert isinstance(ends["b"].error, Mine)
        assert isinstance(ends["c"].error, ToolTimeoutError)


async def test_an_error_that_the_tool_told_the_model_of_is_in_tool_end(autojump_clock: Any) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=TOOLS)) as (session, model):
        await model.emit(call("failing"))
        (ended,) = of(now(session), "tool_end")
        assert isinstance(ended.error, Mine)


async def test_no_tools_at_all(autojump_clock: Any) -> None:
    async with scripted_session() as (_, model):
        await model.emit(call("x"))
        assert outputs(model)[0][1].endswith("The tools are: none.")


async def test_unknown_tool_names_handoffs_too(autojump_clock: Any) -> None:
    agent = RealtimeAgent("A", tools=[plain], handoffs=[RealtimeAgent("B")])
    async with scripted_session(agent=agent) as (_, model):
        await model.emit(call("x"))
        assert outputs(model)[0][1].endswith("The tools are: plain, transfer_to_b.")


async def test_disabled_in_the_meantime(autojump_clock: Any) -> None:
    enabled = [True]
    tool = attrs.evolve(plain, is_enabled=lambda context, agent: enabled[0])
    async with scripted_session(agent=RealtimeAgent("A", tools=[tool])) as (_, model):
        enabled[0] = False
        await model.emit(call("plain"))
        assert "There is no tool" in outputs(model)[0][1]


@pytest.mark.parametrize("when", ["iterating", "leaving"])
async def test_fatal_ends_the_session_after_the_output(autojump_clock: Any, when: str) -> None:
    tool = attrs.evolve(raising, fatal=True)
    model = scripted()
    session = await make(model, agent=RealtimeAgent("A", tools=[tool]))
    if when == "leaving":

        async def body() -> None:
            async with session:
                await model.emit(call("raising"))

        with pytest.raises(Mine):
            await body()
    else:
        async with session:
            await model.emit(call("raising"))
            events, error = await drain(session)
        assert kinds(events) == ["connection", "history_updated", "tool_start", "tool_end", "connection"]
        assert isinstance(error, Mine)
    assert [(i, r) for i, _, r in outputs(model)] == [("c1", False)]


async def test_the_ids_of_calls(autojump_clock: Any) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=[plain])) as (session, model):
        now(session)
        await model.emit(call("plain", ""), call("plain", "a"), call("structured", "a"), call("plain", "a", " {} "))
        events = now(session)
        assert len(outputs(model)) == 1
        first, second = of(events, "error")
        assert isinstance(first.error, ModelBehaviorError)
        assert "without a call id" in str(first.error)
        assert "which another call has already" in str(second.error)
        assert second.error.call_id == "a"


async def test_too_many_calls_wait(autojump_clock: Any) -> None:
    @function_tool
    async def forever() -> str:
        """Never end."""
        await trio.sleep_forever()
        return ""

    model = scripted()
    async with await make(model, agent=RealtimeAgent("A", tools=[forever]), async_tool_calls=False) as session:
        await model.emit(*(call("forever", f"c{i}") for i in range(1100)))
        _, error = await drain(session)
        assert isinstance(error, ModelBehaviorError)
        assert "1024 tool calls wait" in str(error)


def _recording() -> tuple[Any, list[str]]:
    log: list[str] = []

    @function_tool
    async def work(name: str, seconds: float) -> str:
        """Work for a while."""
        log.append(f"+{name}")
        await trio.sleep(seconds)
        log.append(f"-{name}")
        return name

    return work, log


def _jobs() -> list[Any]:
    return [
        call("work", f"c{name}", f'{{"name": "{name}", "seconds": {seconds}}}')
        for name, seconds in (("a", 3), ("b", 2), ("c", 1))
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ["+a", "+b", "+c", "-c", "-b", "-a"]),
        ({"async_tool_calls": False}, ["+a", "-a", "+b", "-b", "+c", "-c"]),
        ({"tool_execution": {"max_concurrency": 1}}, ["+a", "-a", "+b", "-b", "+c", "-c"]),
        ({"tool_execution": {"max_concurrency": 2}}, ["+a", "+b", "-b", "+c"]),
    ],
)
async def test_side_by_side_or_one_by_one(autojump_clock: Any, config: Any, expected: list[str]) -> None:
    tool, log = _recording()
    async with scripted_session(agent=RealtimeAgent("A", tools=[tool]), **config) as (_, model):
        for job in _jobs():
            await model.emit(job)
        await trio.sleep(10)
        assert log[: len(expected)] == expected
        assert len(outputs(model)) == 3


async def test_default_timeout(autojump_clock: Any) -> None:
    tool, log = _recording()
    agent = RealtimeAgent("A", tools=[tool])
    async with scripted_session(agent=agent, tool_execution={"default_timeout": 1}) as (_, model):
        await model.emit(call("work", arguments='{"name": "a", "seconds": 9}'))
        await trio.sleep(2)
        assert log == ["+a"]
        assert len(outputs(model)) == 1


async def test_outputs_go_out_at_once_and_the_end_of_the_response_asks(autojump_clock: Any) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=[plain])) as (session, model):
        await model.emit(begin(), call("plain", "a", response_id="r1"), call("plain", "b", response_id="r1"))
        assert sorted((i, r) for i, _, r in outputs(model)) == [("a", False), ("b", False)]
        assert len(of(now(session), "tool_end")) == 2
        assert not any(isinstance(e, RealtimeModelSendRawMessage) for e in model.sent_events)
        await model.emit(end())
        await wait_all_tasks_blocked()
        (asked,) = [e for e in model.sent_events if isinstance(e, RealtimeModelSendRawMessage)]
        assert asked.message.type == "response.create"


async def test_a_response_that_nobody_announced_is_not_waited_for(autojump_clock: Any) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=[plain])) as (_, model):
        await model.emit(call("plain", response_id="unheard"))
        assert len(outputs(model)) == 1


@pytest.mark.parametrize("ended_before", [True, False])
async def test_the_model_goes_on_when_the_rest_of_a_batch_waits_for_a_person(
    autojump_clock: Any, ended_before: bool
) -> None:
    """The last call of the batch is asked about only after the other outputs were sent: nothing else would ask."""

    async def slowly(context: Any, arguments: Any, call_id: str) -> bool:
        await trio.sleep(1)
        return True

    agent = RealtimeAgent("A", tools=[plain, attrs.evolve(plain, name="careful", needs_approval=slowly)])
    async with scripted_session(agent=agent) as (session, model):
        await model.emit(begin(), call("plain", "a", response_id="r1"), call("careful", "b", response_id="r1"))
        if ended_before:
            await model.emit(end())
        assert [(i, r) for i, _, r in outputs(model)] == [("a", False)]
        await trio.sleep(2)
        assert [p.call_id for p in session.pending_approvals] == ["b"]
        if not ended_before:
            assert len(model.sent_events) == 1
            await model.emit(end())
        (asked,) = [e for e in model.sent_events if isinstance(e, RealtimeModelSendRawMessage)]
        assert asked.message.type == "response.create"
        await session.approve_tool_call("b")
        await wait_all_tasks_blocked()
        assert [(i, r) for i, _, r in outputs(model)] == [("a", False), ("b", True)]


async def test_the_history_has_the_output(autojump_clock: Any) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=[plain])) as (session, model):
        item = RealtimeToolCallItem(item_id="i", call_id="c1", name="plain", arguments="{}")
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=item), call("plain"))
        assert session.history[0].output == "done"
        assert "history_updated" in kinds(now(session))


async def test_the_end_while_a_tool_runs_gives_no_output(autojump_clock: Any) -> None:
    tool, log = _recording()
    model = scripted()
    async with await make(model, agent=RealtimeAgent("A", tools=[tool])) as session:
        await model.emit(_jobs()[0])
        await session.close()
        await trio.sleep(10)
    assert log == ["+a"]
    assert not outputs(model)


async def test_the_end_while_an_output_waits_to_be_sent(autojump_clock: Any) -> None:
    tool, log = _recording()
    model = FakeModel()
    async with await make(model, agent=RealtimeAgent("A", tools=[tool])) as session:
        model.connection.open = trio.Event()
        await session.send_message("stalls the writer")
        await model.connection.put(*_jobs())
        await trio.sleep(5)
        await session.close()
    assert log[-1] == "-a"
    assert not model.connection.sent


async def test_a_fault_of_the_runner_is_an_internal_error(autojump_clock: Any) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=[plain])) as (session, model):

        def fault(*args: Any, **kwargs: Any) -> bool:
            raise Mine("ledger")

        session._hub.ledger.answer = fault
        await model.emit(call("plain"))
        _, error = await drain(session)
        assert isinstance(error, InternalError)
        assert isinstance(error.__cause__, Mine)


async def test_pre_approval_guardrails(autojump_clock: Any) -> None:
    tool = attrs.evolve(plain, needs_approval=True, tool_input_guardrails=[reject_input])
    agent = RealtimeAgent("A", tools=[tool])
    async with scripted_session(agent=agent, tool_execution={"pre_approval_tool_input_guardrails": True}) as (s, model):
        await model.emit(call("plain"))
        assert outputs(model) == [("c1", "input refused", True)]
        assert not s.pending_approvals
    allowed = attrs.evolve(tool, tool_input_guardrails=[])
    agent = RealtimeAgent("A", tools=[allowed])
    async with scripted_session(agent=agent, tool_execution={"pre_approval_tool_input_guardrails": True}) as (s, model):
        await model.emit(call("plain"))
        assert len(s.pending_approvals) == 1


async def test_a_handoff_among_tools_is_answered_like_them(autojump_clock: Any) -> None:
    agent = RealtimeAgent("A", tools=[plain], handoffs=[realtime_handoff(RealtimeAgent("B"))])
    async with scripted_session(agent=agent) as (_, model):
        await model.emit(call("transfer_to_b", "h"), call("plain", "p"))
        assert sorted(i for i, _, _ in outputs(model)) == ["h", "p"]


async def test_asking_to_go_on_does_not_overtake_an_output(autojump_clock: Any) -> None:
    agent = RealtimeAgent("A", tools=[plain, attrs.evolve(plain, name="careful", needs_approval=True)])
    model = FakeModel()
    async with await make(model, agent=agent) as session:
        model.connection.open = trio.Event()
        await session.send_message("stalls the writer")
        await model.connection.put(begin(), call("careful", "b", response_id="r1"))
        await model.connection.put(call("plain", "a", response_id="r1"), call("plain", "c", response_id="r1"), end())
        model.connection.open.set()
        await wait_all_tasks_blocked()
        sent = model.connection.sent[1:]
        assert sum(isinstance(event, RealtimeModelSendToolOutput) for event in sent) == 2
        asking = [isinstance(e, RealtimeModelSendRawMessage) or getattr(e, "start_response", False) for e in sent]
        assert asking == [False] * (len(sent) - 1) + [True]  # once, and last


async def test_a_response_whose_end_nobody_says_keeps_the_model_from_going_on_for_a_time_only(
    autojump_clock: Any,
) -> None:
    async with scripted_session(agent=RealtimeAgent("A", tools=[plain]), timeouts={"response": 7}) as (_, model):
        await model.emit(begin(), call("plain", "a", response_id="r1"), call("plain", "b", response_id="r1"))
        await trio.sleep(6)
        assert not any(isinstance(e, RealtimeModelSendRawMessage) for e in model.sent_events)
        await trio.sleep(2)
        (asked,) = [e for e in model.sent_events if isinstance(e, RealtimeModelSendRawMessage)]
        assert (asked.message.type, asked.message.automatic) == ("response.create", True)
        await model.emit(end())
        await trio.sleep(10)
        assert len([e for e in model.sent_events if isinstance(e, RealtimeModelSendRawMessage)]) == 1


async def test_a_call_is_of_the_agent_whose_response_made_it(autojump_clock: Any) -> None:
    other = RealtimeAgent("Other", tools=[silent])
    async with scripted_session(agent=RealtimeAgent("A", tools=[plain])) as (session, model):
        await model.emit(begin())
        await session.update_agent(other)
        now(session)
        await model.emit(call("plain", "a", response_id="r1"), call("silent", "b", response_id="r1"))
        (started,) = of(now(session), "tool_start")
        assert (started.agent.name, started.call_id) == ("A", "a")
        texts = {call_id: text for call_id, text, _ in outputs(model)}
        assert texts["a"] == "done"
        assert "There is no tool named 'silent'" in texts["b"]
