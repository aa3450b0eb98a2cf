"""Hooks do nothing until they are overridden."""

from __future__ import annotations

import inspect

import pytest

from trio_realtime.hooks import RealtimeAgentHooks, RealtimeRunHooks

AGENT = {
    "on_start": ("context", "agent"),
    "on_end": ("context", "agent", "output"),
    "on_handoff": ("context", "agent", "source"),
    "on_tool_start": ("context", "agent", "tool"),
    "on_tool_end": ("context", "agent", "tool", "result"),
    "on_interrupt": ("context", "agent"),
    "on_error": ("context", "agent", "error"),
}
RUN = {
    "on_agent_start": ("context", "agent"),
    "on_agent_end": ("context", "agent", "output"),
    "on_handoff": ("context", "from_agent", "to_agent"),
    "on_tool_start": ("context", "agent", "tool"),
    "on_tool_end": ("context", "agent", "tool", "result"),
    "on_interrupt": ("context", "agent"),
    "on_error": ("context", "agent", "error"),
}
CASES = [(RealtimeAgentHooks, AGENT), (RealtimeRunHooks, RUN)]


@pytest.mark.parametrize(("hooks", "methods"), CASES)
async def test_every_hook_is_an_async_no_op_with_the_documented_parameters(hooks: type, methods: dict) -> None:
    instance = hooks()
    assert {name for name in dir(hooks) if name.startswith("on_")} == set(methods)
    for name, parameters in methods.items():
        method = getattr(instance, name)
        assert tuple(inspect.signature(method).parameters) == parameters
        assert await method(*parameters) is None


async def test_a_subclass_overrides_what_it_needs() -> None:
    class Mine(RealtimeAgentHooks[int]):
        async def on_start(self, context, agent) -> None:
            seen.append(agent)

    seen: list[str] = []
    hooks = Mine()
    await hooks.on_start(None, "a")
    await hooks.on_end(None, "a", "")
    assert seen == ["a"]
