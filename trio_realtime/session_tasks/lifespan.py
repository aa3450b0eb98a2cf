"""The life of a session: one generator from connecting to the last task's end.

The rules that it keeps:

* the tasks of the session are *services*: shielded from outside cancellation until the connection has been closed in
  an orderly way, and always ended by the owner afterwards;
* what the body raised is parked inside the nursery block and raised outside it, so that the user catches what the user
  raised, the same object, never in a group;
* services never raise: a failure ends the session, and the application learns of it where it reads or leaves;
* closing is shielded and bounded.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from trio_realtime.errors import InternalError
from trio_realtime.events import RealtimeConnectionEvent, RealtimeHistoryUpdated
from trio_realtime.model import RealtimeModel
from trio_realtime.session_tasks.approvals import Approvals
from trio_realtime.session_tasks.configure import connect_settings
from trio_realtime.session_tasks.guardrail_runner import GuardrailRunner
from trio_realtime.session_tasks.hub import SessionHub
from trio_realtime.session_tasks.reader import ModelEventHandler, run_reader
from trio_realtime.session_tasks.tool_runner import ToolRunner
from trio_realtime.session_tasks.writer import run_writer

__all__ = ["lifespan"]


class _Service:
    """A task of the session that outside cancellation does not reach."""

    def __init__(self, hub: SessionHub, run: Callable[[], Awaitable[None]]) -> None:
        self._hub = hub
        self._run = run
        self.scope = trio.CancelScope(shield=True)
        self.done = trio.Event()

    async def __call__(self) -> None:
        try:
            with self.scope:
                await self._run()
        except Exception as error:  # noqa: BLE001
            failure = InternalError("a task of the session failed")
            failure.__cause__ = error
            self._hub.finish(failure)
        finally:
            self.done.set()


class _Services:
    """The tasks of one session, by what they do."""

    def __init__(self, hub: SessionHub, nursery: trio.Nursery) -> None:
        self._hub = hub
        self.reader = _Service(hub, lambda: run_reader(hub))
        self.writer = _Service(hub, lambda: run_writer(hub))
        self.tools = _Service(hub, hub.tool_runner.run)
        self.guardrails = _Service(hub, hub.guardrails.run)
        self.hooks = _Service(hub, hub.hooks.run)
        self._all = {
            "reader": self.reader,
            "writer": self.writer,
            "tool runner": self.tools,
            "guardrails": self.guardrails,
            "hooks": self.hooks,
        }
        for name, service in self._all.items():
            nursery.start_soon(service, name=f"realtime session: {name}")

    async def close(self) -> None:
        """End the session in order: tools, hooks, the writer's last words, the connection, then everything else."""
        hub = self._hub
        if hub.status != "closed":
            hub.status = "ending"
        with trio.move_on_after(hub.run_config.timeouts.close, shield=True):
            self.tools.scope.cancel()
            await self.tools.done.wait()
            hub.hooks.close()
            hub.outbox.finish()
            await self.writer.done.wait()
            await hub.connection.aclose()
            await self.hooks.done.wait()
        hub.finish(reason="the application left the session")
        for service in self._all.values():
            service.scope.cancel()
        with trio.move_on_after(hub.run_config.timeouts.close, shield=True):
            for service in self._all.values():
                await service.done.wait()


@asynccontextmanager
async def lifespan(hub: SessionHub, model: RealtimeModel) -> AsyncGenerator[None, None]:
    """Connect, run the tasks around the body, and end them; see the module's text for the rules."""
    body_error: BaseException | None = None
    try:
        hub.approvals = Approvals()
        hub.guardrails = GuardrailRunner(hub)
        hub.tool_runner = ToolRunner(hub)
        hub.handle = ModelEventHandler(hub)
        config, hub.tools = await connect_settings(hub)
        async with model.connect(config) as hub.connection:
            try:
                async with trio.open_nursery() as nursery:
                    services = _start(hub, nursery)
                    try:
                        yield
                    except BaseException as error:  # noqa: BLE001  parked: raised outside the nursery
                        body_error = error
                    await services.close()
            except BaseExceptionGroup as group:
                _check_group(group, body_error)
    finally:
        hub.finish(reason="the session was not entered")
    try:
        _raise_outcome(hub, body_error)
    finally:
        del body_error  # no reference cycle through this frame


def _start(hub: SessionHub, nursery: trio.Nursery) -> _Services:
    hub.status = "connected"
    hub.publish(RealtimeConnectionEvent(info=hub.info, status="connected"))
    hub.publish(RealtimeHistoryUpdated(info=hub.info, history=hub.conversation.snapshot()))
    return _Services(hub, nursery)


def _check_group(group: BaseExceptionGroup[BaseException], body_error: BaseException | None) -> None:
    """What comes out of the nursery is KeyboardInterrupt and its like, a cancellation of this very exit, or a bug."""
    rest = group.split(trio.Cancelled)[1]
    if rest is None:
        if body_error is None:
            raise group
        return
    if isinstance(rest, ExceptionGroup):
        raise InternalError("a task of the session failed") from group
    if len(rest.exceptions) == 1:
        raise rest.exceptions[0]
    raise rest


def _raise_outcome(hub: SessionHub, body_error: BaseException | None) -> None:
    """Exactly one outcome: the body's own error, else a failure that the application has not seen, else none."""
    failure = hub.failure
    unseen = failure is not None and not hub.failure_seen
    if body_error is not None:
        if unseen and failure is not body_error and failure is not body_error.__cause__:
            body_error.add_note(f"the session had failed before: {type(failure).__name__}: {failure}")
        raise body_error
    if failure is not None and unseen:
        raise failure
