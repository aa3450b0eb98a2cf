from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.session_tasks.support import (
    audio,
    begin,
    call,
    drain,
    end,
    final,
    kinds,
    make,
    now,
    of,
    scripted,
    scripted_session,
)
from tests.session_tasks.test_tool_runner import plain
from trio_realtime import (
    AgentsException,
    RealtimeAgent,
    RealtimeAgentHooks,
    RealtimeRunHooks,
    RealtimeTimeoutError,
)
from trio_realtime import model_events as m


def recording(base: type[Any], log: list[Any], *, seconds: float = 0, error: Exception | None = None) -> Any:
    """Hooks that note their name and what they got, by short names."""

    def method(name: str) -> Any:
        async def run(self: Any, context: Any, *args: Any) -> None:
            log.append((name, *(getattr(arg, "name", arg) for arg in args)))
            if seconds:
                await trio.sleep(seconds)
            if error is not None:
                raise error

        return run

    names = [name for name in vars(base) if name.startswith("on_")]
    return type("Hooks", (base,), {name: method(name) for name in names})()


def _agents(log: list[Any]) -> Any:
    target = RealtimeAgent("B", hooks=recording(RealtimeAgentHooks, log))
    return RealtimeAgent("A", tools=[plain], handoffs=[target], hooks=recording(RealtimeAgentHooks, log))


async def test_every_hook_in_order(autojump_clock: Any) -> None:
    run: list[Any] = []
    own: list[Any] = []
    async with scripted_session(agent=_agents(own), hooks=recording(RealtimeRunHooks, run)) as (_, model):
        await model.emit(begin(), final("Hello"), audio())
        await model.emit(m.RealtimeModelAudioInterruptedEvent(item_id="i1", content_index=0), end())
        await model.emit(call("plain"))
        oops = ValueError("oops")
        await model.emit(m.RealtimeModelErrorEvent(error=oops))
        await model.emit(call("transfer_to_b", "c2"))
        await model.emit(begin("r2"))
    assert run == [
        ("on_agent_start", "A"),
        ("on_interrupt", "A"),
        ("on_agent_end", "A", "Hello"),
        ("on_tool_start", "A", "plain"),
        ("on_tool_end", "A", "plain", "done"),
        ("on_error", "A", oops),
        ("on_handoff", "A", "B"),
        ("on_agent_start", "B"),
    ]
    assert own == [
        ("on_start", "A"),
        ("on_interrupt", "A"),
        ("on_end", "A", "Hello"),
        ("on_tool_start", "A", "plain"),
        ("on_tool_end", "A", "plain", "done"),
        ("on_error", "A", oops),
        ("on_handoff", "B", "A"),
        ("on_start", "B"),
    ]


async def test_hooks_do_not_hold_the_session_up_and_run_one_after_another(autojump_clock: Any) -> None:
    log: list[Any] = []
    async with scripted_session(hooks=recording(RealtimeRunHooks, log, seconds=1)) as (session, model):
        now(session)
        await model.emit(begin(), end(), begin("r2"), end("r2"))
        assert kinds(now(session)) == ["agent_start", "agent_end"] * 2
        assert len(log) == 1
        await trio.sleep(1.5)
        assert len(log) == 2
        await trio.sleep(5)
        assert [name for name, *_ in log] == ["on_agent_start", "on_agent_end"] * 2


async def test_a_failing_hook_is_an_event_and_no_hook(autojump_clock: Any) -> None:
    log: list[Any] = []
    fault = ValueError("mine")
    async with scripted_session(hooks=recording(RealtimeRunHooks, log, error=fault)) as (session, model):
        await model.emit(begin())
        (reported,) = of(now(session), "error")
        assert reported.error is fault
        assert [name for name, *_ in log] == ["on_agent_start"]


async def test_a_hanging_hook_is_ended_and_the_next_is_called(autojump_clock: Any) -> None:
    log: list[Any] = []
    hooks = recording(RealtimeRunHooks, log, seconds=100)
    async with scripted_session(hooks=hooks, timeouts={"hook": 2}) as (session, model):
        await model.emit(begin(), end())
        await trio.sleep(3)
        (reported,) = of(now(session), "error")
        assert isinstance(reported.error, RealtimeTimeoutError)
        assert (reported.error.name, reported.error.seconds) == ("hook", 2)
        assert "on_agent_start" in str(reported.error)
        assert len(log) == 2


async def test_too_many_waiting_calls_are_reported(autojump_clock: Any) -> None:
    log: list[Any] = []
    hooks = recording(RealtimeRunHooks, log, seconds=4)
    async with scripted_session(hooks=hooks) as (session, model):
        await model.emit(*(begin(f"r{i}") for i in range(1100)))
        errors = of(now(session), "error")
        assert errors
        assert type(errors[0].error) is AgentsException
        assert "on_agent_start was not called: 1024" in str(errors[0].error)


async def test_what_waits_is_called_before_leaving_but_not_for_ever(autojump_clock: Any) -> None:
    log: list[Any] = []
    model = scripted()
    async with await make(model, hooks=recording(RealtimeRunHooks, log, seconds=1), timeouts={"close": 5}):
        await model.emit(begin(), end())
    assert len(log) == 2
    assert trio.current_time() == 2
    log.clear()
    async with await make(model, hooks=recording(RealtimeRunHooks, log, seconds=4), timeouts={"close": 5}):
        await model.emit(*(begin(f"r{i}") for i in range(9)))
    assert len(log) == 2
    assert trio.current_time() == 7


@pytest.mark.parametrize("agent_hooks", [True, False])
async def test_after_the_end_nothing_is_called(autojump_clock: Any, agent_hooks: bool) -> None:
    log: list[Any] = []
    agent = _agents(log) if agent_hooks else RealtimeAgent("A")
    model = scripted()
    async with await make(model, agent=agent, hooks=recording(RealtimeRunHooks, log)) as session:
        pass
    session._hub.hooks.agent_start(agent)
    assert log == []
    assert (await drain(session))[1] is None
