"""Which settings an agent means, and changing from one agent to another with the server's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio

from trio_realtime._structure import NOT_GIVEN, structure
from trio_realtime.config import RealtimeModelConfig, RealtimePrompt, RealtimeRunConfig, RealtimeSessionModelSettings
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.handoffs import enabled_handoffs
from trio_realtime.ids import new_id
from trio_realtime.model_inputs import RealtimeModelSendSessionUpdate
from trio_realtime.session_tasks.fresh_connection import needs_fresh_connection, with_voice_and_model
from trio_realtime.session_tasks.hub import ConfigWaiter, SessionHub
from trio_realtime.session_tasks.input_gate import gated_settings
from trio_realtime.tools import AgentTools, check_names, collect_tools, enabled_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.handoffs import Handoff
    from trio_realtime.session_tasks.handoff_path import PathStep

__all__ = [
    "agent_settings",
    "apply_agent",
    "apply_update",
    "connect_settings",
    "initial_settings",
    "overlaid_settings",
]


async def agent_settings(
    agent: RealtimeAgent[Any],
    wrapper: RunContextWrapper[Any],
    model_config: RealtimeModelConfig,
    run_config: RealtimeRunConfig,
) -> tuple[RealtimeSessionModelSettings, AgentTools]:
    """Give the settings that ``agent`` means after the connection is made: the agent beats the run's settings.

    Raises:
        UserError: tool or handoff names clash, or a tool is not one.
    """
    base = run_config.model_settings.overlaid(model_config.initial_model_settings)
    tools = await collect_tools(agent, wrapper)
    instructions = await agent.get_system_prompt(wrapper)
    changes: dict[str, Any] = {
        "instructions": instructions or "",
        "tools": tools.tools,
        "handoffs": tools.handoffs,
    }
    if agent.prompt is not None:
        changes["prompt"] = structure(agent.prompt, RealtimePrompt, name="agent.prompt")
    if run_config.tracing_disabled:
        changes["tracing"] = None
    return gated_settings(with_voice_and_model(attrs.evolve(base, **changes), agent), run_config), tools


async def initial_settings(
    agent: RealtimeAgent[Any],
    wrapper: RunContextWrapper[Any],
    model_config: RealtimeModelConfig,
    run_config: RealtimeRunConfig,
) -> tuple[RealtimeSessionModelSettings, AgentTools]:
    """Give the settings to begin with: at connect, ``initial_model_settings`` beat the agent's own.

    Raises:
        UserError: tool or handoff names clash, or a tool is not one.
    """
    settings, tools = await agent_settings(agent, wrapper, model_config, run_config)
    initial = model_config.initial_model_settings
    settings, tools = await overlaid_settings(settings, tools, initial, agent=agent, wrapper=wrapper)
    if run_config.tracing_disabled:
        settings = attrs.evolve(settings, tracing=None)
    return gated_settings(settings, run_config), tools


async def overlaid_settings(
    settings: RealtimeSessionModelSettings,
    tools: AgentTools,
    given: RealtimeSessionModelSettings,
    *,
    agent: RealtimeAgent[Any],
    wrapper: RunContextWrapper[Any],
) -> tuple[RealtimeSessionModelSettings, AgentTools]:
    """Give ``settings`` with those that ``given`` gives in their place; of its tools and handoffs, the enabled ones.

    Raises:
        UserError: tool or handoff names clash, or a tool is not one.
    """
    settings = settings.overlaid(given)
    if given.tools is not NOT_GIVEN or given.handoffs is not NOT_GIVEN:
        chosen = tools.tools if given.tools is NOT_GIVEN else given.tools
        handoffs = tools.handoffs if given.handoffs is NOT_GIVEN else given.handoffs
        tools = AgentTools(
            tools=tuple(await enabled_tools(chosen, wrapper, agent)),
            handoffs=tuple(await enabled_handoffs(handoffs, wrapper, agent)),
        )
        check_names(tools.tools, tools.handoffs)
        settings = attrs.evolve(settings, tools=tools.tools, handoffs=tools.handoffs)
    return settings, tools


async def connect_settings(hub: SessionHub) -> tuple[RealtimeModelConfig, AgentTools]:
    """Give what the session connects with, and the tools that it begins with."""
    settings, tools = await initial_settings(hub.agent, hub.wrapper, hub.model_config, hub.run_config)
    settings, tools, hub.more_handoffs = _with_more(settings, tools, hub.more_handoffs)
    config = attrs.evolve(
        hub.model_config,
        initial_model_settings=settings,
        timeouts=hub.run_config.timeouts,
        raw_events=hub.run_config.raw_events,
        restorable=hub.run_config.reconnect is not None,
    )
    hub.supervisor.configuration.settings = settings
    return config, tools


def _with_more(
    settings: RealtimeSessionModelSettings, tools: AgentTools, handoffs: Sequence[Handoff]
) -> tuple[RealtimeSessionModelSettings, AgentTools, tuple[Handoff, ...]]:
    """Add handoffs to those of an agent, but for what it has already; gives also which these are."""
    names = {handoff.tool_name for handoff in tools.handoffs}
    more = tuple(handoff for handoff in handoffs if handoff.tool_name not in names)
    if more:
        tools = attrs.evolve(tools, handoffs=(*tools.handoffs, *more))
        check_names(tools.tools, tools.handoffs)
        settings = attrs.evolve(settings, handoffs=tools.handoffs)
    return settings, tools, more


async def apply_agent(
    hub: SessionHub,
    agent: RealtimeAgent[Any],
    *,
    handoffs: Sequence[Handoff] = (),
    path: Sequence[PathStep] = (),
) -> RealtimeAgent[Any]:
    """Make ``agent`` the current one, once the server has confirmed its settings. Nothing changes otherwise.

    Args:
        hub: the session.
        agent: the agent.
        handoffs: what it can hand over to beside its own; one that it has already is left out.
        path: the way on which the conversation comes to it.

    Returns:
        the agent that was current before.

    Raises:
        ConfigRejected: the server refused.
        RealtimeTimeoutError: it did not answer (name ``"configure"``), or the agent's instructions function or MCP
            servers did not (name ``"agent"``).
        SessionClosed: the session ended meanwhile.
        UserError: the agent's tools are at fault.
    """
    async with hub.agent_lock:
        settings, tools = await _read_agent(hub, agent)
        settings, tools, more = _with_more(settings, tools, handoffs)
        why = needs_fresh_connection(hub, settings)
        if why is None or not await _change_connection(hub, settings, why):
            await _configure(hub, settings)
        before, hub.agent, hub.tools, hub.more_handoffs, hub.path = hub.agent, agent, tools, more, path
        hub.tool_runner.scopes.happened("handoff")
        hub.follow_audio_format()
        return before


async def _change_connection(hub: SessionHub, settings: RealtimeSessionModelSettings, why: str) -> bool:
    """Take a fresh connection; says whether there is one. If not, the session goes on as well as it can."""
    if await hub.supervisor.change_to(settings, why):
        return True
    hub.check_open()
    hub.report(RealtimeConnectionError(f"{why} takes a fresh connection, and there is none; the old one is kept"))
    return False


async def _read_agent(hub: SessionHub, agent: RealtimeAgent[Any]) -> tuple[RealtimeSessionModelSettings, AgentTools]:
    """Give an agent's settings and tools, in the time that there is for that at the beginning too."""
    seconds = hub.run_config.timeouts.connect
    with trio.move_on_after(seconds):
        return await agent_settings(agent, hub.wrapper, hub.model_config, hub.run_config)
    message = f"the agent {agent.name!r} did not give its instructions and tools within {seconds:g} seconds"
    raise RealtimeTimeoutError(message, name="agent", seconds=seconds)


async def apply_update(hub: SessionHub, update: RealtimeModelSendSessionUpdate) -> None:
    """Change the settings of the session, once the server has confirmed them. Nothing changes otherwise.

    Raises:
        ConfigRejected: the server refused.
        RealtimeTimeoutError: it did not answer (name ``"configure"``).
        SessionClosed: the session ended meanwhile.
        UserError: the settings are at fault.
    """
    async with hub.agent_lock:
        await _configure(hub, update.session_settings, update.event_id)
        hub.follow_audio_format()


async def _configure(hub: SessionHub, settings: RealtimeSessionModelSettings, event_id: str | None = None) -> None:
    seconds = hub.run_config.timeouts.configure
    event_id = event_id or new_id("event")
    update = RealtimeModelSendSessionUpdate(session_settings=settings, event_id=event_id)
    if seconds is None or not hub.connection.confirms_configuration:
        await hub.outbox.send_and_wait(update)
        return
    waiter = hub.config_waiters[event_id] = ConfigWaiter()
    try:
        with trio.move_on_after(seconds):
            await hub.outbox.send_and_wait(update)
            await waiter.answered.wait()
        if waiter.error is not None:
            raise waiter.error
        if not waiter.answered.is_set():
            message = f"the server did not confirm a session update within {seconds:g} seconds"
            raise RealtimeTimeoutError(message, name="configure", seconds=seconds)
    finally:
        del hub.config_waiters[event_id]
