"""Calls hooks one after another, in the order of what they tell, away from the tasks that must not wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from trio_realtime.errors import AgentsException, RealtimeTimeoutError
from trio_realtime.events import RealtimeError

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.tools import FunctionTool, ToolContext

__all__ = ["HookRunner"]

_WAITING = 1024  # calls that may wait for a slow hook; a session makes a handful for each turn


class HookRunner:
    """The queue of hook calls of one session."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._send, self._receive = trio.open_memory_channel[tuple[str, Callable[[], Awaitable[None]]]](_WAITING)

    # -- what happened -----------------------------------------------------------------------------------------------

    def agent_start(self, agent: RealtimeAgent[Any]) -> None:
        """A response began."""
        wrapper = self._hub.wrapper
        if run := self._hub.run_config.hooks:
            self._call("on_agent_start", lambda: run.on_agent_start(wrapper, agent))
        if own := agent.hooks:
            self._call("on_start", lambda: own.on_start(wrapper, agent))

    def agent_end(self, agent: RealtimeAgent[Any], output: str) -> None:
        """A response ended with these words."""
        wrapper = self._hub.wrapper
        if run := self._hub.run_config.hooks:
            self._call("on_agent_end", lambda: run.on_agent_end(wrapper, agent, output))
        if own := agent.hooks:
            self._call("on_end", lambda: own.on_end(wrapper, agent, output))

    def handoff(self, from_agent: RealtimeAgent[Any], to_agent: RealtimeAgent[Any]) -> None:
        """One agent handed over to another."""
        wrapper = self._hub.wrapper
        if run := self._hub.run_config.hooks:
            self._call("on_handoff", lambda: run.on_handoff(wrapper, from_agent, to_agent))
        if own := to_agent.hooks:
            self._call("on_handoff", lambda: own.on_handoff(wrapper, to_agent, from_agent))

    def tool_start(self, context: ToolContext[Any], agent: RealtimeAgent[Any], tool: FunctionTool) -> None:
        """A tool began to run."""
        if run := self._hub.run_config.hooks:
            self._call("on_tool_start", lambda: run.on_tool_start(context, agent, tool))
        if own := agent.hooks:
            self._call("on_tool_start", lambda: own.on_tool_start(context, agent, tool))

    def tool_end(self, context: ToolContext[Any], agent: RealtimeAgent[Any], tool: FunctionTool, result: Any) -> None:
        """A tool call has its output."""
        if run := self._hub.run_config.hooks:
            self._call("on_tool_end", lambda: run.on_tool_end(context, agent, tool, result))
        if own := agent.hooks:
            self._call("on_tool_end", lambda: own.on_tool_end(context, agent, tool, result))

    def interrupt(self) -> None:
        """The agent's speech was interrupted."""
        wrapper, agent = self._hub.wrapper, self._hub.agent
        if run := self._hub.run_config.hooks:
            self._call("on_interrupt", lambda: run.on_interrupt(wrapper, agent))
        if own := agent.hooks:
            self._call("on_interrupt", lambda: own.on_interrupt(wrapper, agent))

    def error(self, error: Any) -> None:
        """An error was reported."""
        wrapper, agent = self._hub.wrapper, self._hub.agent
        if run := self._hub.run_config.hooks:
            self._call("on_error", lambda: run.on_error(wrapper, agent, error))
        if own := agent.hooks:
            self._call("on_error", lambda: own.on_error(wrapper, agent, error))

    # -- the queue ---------------------------------------------------------------------------------------------------

    def _call(self, name: str, call: Callable[[], Awaitable[None]]) -> None:
        try:
            self._send.send_nowait((name, call))
        except trio.WouldBlock:
            self._fault(AgentsException(f"{name} was not called: {_WAITING} hook calls are waiting already"))
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            pass  # the session is over, and so are its hooks

    def close(self) -> None:
        """Take no more calls; those that wait are still made."""
        self._send.close()

    async def run(self) -> None:
        """Make the calls until the queue is closed and empty."""
        seconds = self._hub.run_config.timeouts.hook
        with self._receive:
            async for name, call in self._receive:
                with trio.move_on_after(seconds) as scope:
                    try:
                        await call()
                    except Exception as error:  # noqa: BLE001  the user's own; it becomes an event
                        self._fault(error)
                if scope.cancelled_caught:
                    message = f"the hook {name} did not finish within {seconds:g} seconds"
                    self._fault(RealtimeTimeoutError(message, name="hook", seconds=seconds))

    def _fault(self, error: BaseException) -> None:
        """Report a hook's own error: to the application only, never to a hook again."""
        self._hub.publish(RealtimeError(info=self._hub.info, error=error))
