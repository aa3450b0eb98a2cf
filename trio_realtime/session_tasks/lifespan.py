"""The life of a session: one generator from connecting to the last task's end.

The rules that it keeps:

* the tasks of the session are *services*: shielded from outside cancellation until the connection has been closed in
  an orderly way, and always ended by the owner afterwards;
* what the body raised is parked inside the nursery block and raised outside it, so that the user catches what the user
  raised, the same object, never in a group;
* services never raise: a failure ends the session, and the application learns of it where it reads or leaves;
* connecting and closing are bounded; closing is shielded too, and an error on the way stops none of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf
from typing import Any, cast

import trio

from trio_realtime.config import RealtimeModelConfig
from trio_realtime.errors import InternalError, RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.events import RealtimeConnectionEvent, RealtimeHistoryUpdated
from trio_realtime.model import RealtimeModel
from trio_realtime.session_tasks.approvals import Approvals
from trio_realtime.session_tasks.configure import connect_settings
from trio_realtime.session_tasks.guardrail_runner import GuardrailRunner
from trio_realtime.session_tasks.held import leaves, plain_error
from trio_realtime.session_tasks.hub import SessionHub
from trio_realtime.session_tasks.reader import ModelEventHandler, run_reader
from trio_realtime.session_tasks.resuming import begin
from trio_realtime.session_tasks.tool_runner import ToolRunner
from trio_realtime.session_tasks.writer import run_writer

__all__ = ["close_connection", "lifespan"]


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
        self.tools = _Service(hub, hub.tool_runner.run)
        self.hooks = _Service(hub, hub.hooks.run)
        writer = _Service(hub, lambda: run_writer(hub))
        hub.writer_done = writer.done
        self._all = {
            "reader": _Service(hub, lambda: run_reader(hub)),
            "writer": writer,
            "tool runner": self.tools,
            "guardrails": _Service(hub, hub.guardrails.run),
            "hooks": self.hooks,
            **{name: _Service(hub, make(hub).run) for name, make in hub.watchers.items()},
            **({} if hub.keeper is None else {"store": _Service(hub, hub.keeper.run)}),
            **({} if hub.run_config.reconnect is None else {"supervisor": _Service(hub, hub.supervisor.run)}),
        }
        for name, service in self._all.items():
            nursery.start_soon(service, name=f"realtime session: {name}")

    async def close(self) -> None:
        """End the session in order: tools, hooks, the writer's last words, the connection, then everything else.

        Each step has its share of ``timeouts.close``, so that one that hangs does not keep the next from happening.
        """
        hub = self._hub
        seconds = hub.run_config.timeouts.close
        deadline = trio.current_time() + seconds
        hub.leave("the application left the session")
        try:
            self.tools.scope.cancel()
            with trio.move_on_after(seconds / 4, shield=True):
                await self.tools.done.wait()
            hub.hooks.close()
            await close_connection(hub, deadline)
            with trio.CancelScope(deadline=deadline, shield=True):
                await self.hooks.done.wait()
        finally:
            hub.finish()
            for service in self._all.values():
                service.scope.cancel()
        with trio.move_on_after(seconds, shield=True):
            for service in self._all.values():
                await service.done.wait()


async def close_connection(hub: SessionHub, deadline: float) -> None:
    """Send what was handed over, then close the connection: once, shielded, until ``deadline`` at most."""
    if hub.closing is not None:
        with trio.CancelScope(deadline=deadline, shield=True):
            await hub.closing.wait()
        return
    hub.closing = trio.Event()
    hub.supervisor.stop()
    hub.outbox.finish()
    try:
        with trio.CancelScope(deadline=deadline, shield=True):
            with trio.move_on_after((deadline - trio.current_time()) / 2):
                await hub.writer_done.wait()
            await hub.connection.aclose()
    except Exception as error:  # noqa: BLE001  a custom model's own: it is raised where the block is left
        hub.fail(plain_error(error))
    finally:
        hub.closing.set()


@asynccontextmanager
async def lifespan(hub: SessionHub, model: RealtimeModel) -> AsyncGenerator[None, None]:
    """Connect, run the tasks around the body, and end them; see the module's text for the rules."""
    body_error: BaseException | None = None
    timeouts = hub.run_config.timeouts
    try:
        with trio.CancelScope(deadline=trio.current_time() + timeouts.connect) as scope:
            config = await _prepare(hub)
            async with model.connect(config) as hub.connection:
                await _arrive(scope)
                hub.follow_audio_format()
                async with trio.open_nursery() as nursery:
                    services = _start(hub, nursery)
                    try:
                        await begin(hub)
                        hub.supervisor.begin(config)
                        with trio.CancelScope() as body:  # a limit of the session ends it, and nothing else
                            hub.cancel_body = body.cancel
                            yield
                    except BaseException as error:  # noqa: BLE001  parked: raised outside the nursery
                        body_error = error
                    await services.close()
                scope.deadline = trio.current_time() + timeouts.close
    except BaseException as error:  # noqa: BLE001
        _sort_out(hub, error, body_error)
    finally:
        entered = hub.status != "connecting"
        hub.finish(reason="the session was not entered")
        if hub.keeper is not None:
            with trio.CancelScope(shield=True):  # bounded by timeouts.store
                await hub.keeper.close()
    if not entered:
        message = f"the session was not connected within {timeouts.connect:g} seconds"
        raise RealtimeTimeoutError(message, name="connect", seconds=timeouts.connect)
    try:
        _raise_outcome(hub, body_error)
    finally:
        del body_error  # no reference cycle through this frame


async def _prepare(hub: SessionHub) -> RealtimeModelConfig:
    """Make what the tasks work with, and give what to connect with."""
    hub.approvals = Approvals()
    hub.guardrails = GuardrailRunner(hub)
    hub.settle_checks = hub.guardrails.settle
    hub.tool_runner = ToolRunner(hub)
    hub.handle = ModelEventHandler(hub).handle
    if hub.keeper is not None:
        await hub.keeper.open()
    config, hub.tools = await connect_settings(hub)
    return config


async def _arrive(scope: trio.CancelScope) -> None:
    """The deadline of connecting is met, or it has passed in the last moment."""
    if scope.cancel_called:
        await trio.lowlevel.checkpoint()
    scope.deadline = inf


def _start(hub: SessionHub, nursery: trio.Nursery) -> _Services:
    hub.status, hub.began = "connected", trio.current_time()
    hub.publish(RealtimeConnectionEvent(info=hub.info, status="connected"))
    hub.publish(RealtimeHistoryUpdated(info=hub.info, history=hub.told_history()))
    return _Services(hub, nursery)


def _sort_out(hub: SessionHub, error: BaseException, body_error: BaseException | None) -> None:
    """Handle what was raised around the body: by connecting, by the model's end, or by a task.

    It is a cancellation, KeyboardInterrupt or its like, or an error of the model layer. The last is noted if the
    session had begun, everything else is raised, and never in a group.
    """
    others = [leaf for leaf in leaves(error) if not isinstance(leaf, trio.Cancelled)]
    if not others:
        if body_error is None:
            raise next(leaves(error))
        return
    for leaf in others:
        if not isinstance(leaf, Exception):
            raise leaf
    failure = plain_error(ExceptionGroup("", [leaf for leaf in others if isinstance(leaf, Exception)]))
    if isinstance(failure, RealtimeConnectionError) and failure not in others:
        failure.__cause__ = error
    if hub.status == "connecting":
        raise failure
    hub.fail(failure)


def _raise_outcome(hub: SessionHub, body_error: BaseException | None) -> None:
    """Exactly one outcome: the body's own error, else a failure that the application has not seen, else none."""
    failure = hub.failure
    unseen = failure is not None and not hub.failure_seen
    if body_error is not None and trio.current_effective_deadline() != -inf:
        body_error = _without_cancellation(body_error)
        if body_error is None and failure is None:
            raise RealtimeConnectionError("the model layer cancelled the session")
    if body_error is not None:
        if unseen and failure is not body_error and failure is not body_error.__cause__:
            body_error.add_note(f"the session had failed before: {type(failure).__name__}: {failure}")
        raise body_error
    if failure is not None and unseen:
        raise failure


def _without_cancellation(error: BaseException) -> BaseException | None:
    """Nobody outside has cancelled: a cancellation was of a scope inside, which has ended, and goes no further."""
    if isinstance(error, trio.Cancelled):
        return None
    group: Any = error
    cancelled = any(isinstance(leaf, trio.Cancelled) for leaf in leaves(error))
    return cast("BaseException | None", group.split(trio.Cancelled)[1]) if cancelled else error
