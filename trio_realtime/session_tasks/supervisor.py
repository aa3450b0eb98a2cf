"""Keeps a session on a connection: makes another one where one is lost, or is about to be at its time limit.

Each connection is a *generation*. A command belongs to the generation that it was sent on; what is still to be done of
a lost one is done again, everything else is dropped, and whoever waits for it is told. Each connection is held open by
a task of its own, so that one can be entered before another is left; the first one by the task that entered the
session.

The rules that it keeps:

* between two checkpoints there is exactly one current connection, ``hub.connection``; events of any other are dropped;
* a loss is noted once, by the reader, which has read everything that came before it, or else by the writer;
* during the gap the writer rests; the replay is sent by this task, before anything that waits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from trio_realtime.config import RealtimeModelConfig, RealtimeSessionModelSettings
from trio_realtime.core.reconnection import Verdict, delays, judge_attempt, judge_loss, planned_at
from trio_realtime.core.unsettled import MAX_AUDIO_SECONDS
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.events import RealtimeConnectionEvent
from trio_realtime.items import InputAudio, UserMessageItem
from trio_realtime.model import RealtimeConnection, RealtimeModel, Unfinished
from trio_realtime.model_inputs import (
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendWithdrawal,
)
from trio_realtime.session_tasks.configure_log import ConfigurationLog
from trio_realtime.session_tasks.held import HeldConnection
from trio_realtime.session_tasks.loss import end_responses, item_of, outlives, requests_again
from trio_realtime.session_tasks.outbox import Command
from trio_realtime.session_tasks.replayer import Replayer
from trio_realtime.tools import HostedMCPTool

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["Supervisor"]

_EXPIRY: Final = "the session's time is nearly over"
_LOOK: Final = 0.1
"""Seconds between two looks for a turn boundary, in the last minute of a connection."""
_FOR_WORDS: Final = 5.0
"""Seconds that are waited there for a transcript; there may be none."""
_NEWEST: Final = 4
"""Items that are looked at for a transcript that is missing."""


class Supervisor:
    """The connections of one session.

    Args:
        hub: the session.
        model: makes connections.
        random: gives a number from 0 to 1, for the jitter.

    Attributes:
        reconnects: connections made after the first.
        generation: counts the connections whose requests concern nobody any more.
        dropped_audio_ms: input audio that was too old to be sent again, in milliseconds.
        replayer: what is said again.
        configuration: which settings hold, and which are on their way.
    """

    # fmt: off
    __slots__ = (
        "_attached", "_begun", "_changed", "_config", "_held", "_hub", "_in_flight", "_left_dropped", "_loss",
        "_model", "_nursery", "_planned", "_policy", "_random", "_renewed", "_since", "_stopped", "_tries", "_usable",
        "_why", "_work", "_writer_rests", "configuration", "generation", "reconnects", "replayer",
    )
    # fmt: on

    def __init__(self, hub: SessionHub, model: RealtimeModel, random: Callable[[], float] | None = None) -> None:
        self._hub = hub
        self._model = model
        self._policy = hub.run_config.reconnect
        self._random = random or Random().random  # noqa: S311  not for secrets
        self._attached = hub.model_config.call_id is not None
        self.generation: int = 0
        self._changed = trio.Event()
        self._writer_rests = trio.Event()
        self._begun = False
        self._usable = True
        self._stopped = False
        self._loss: Exception | None = None
        self._held: HeldConnection | None = None
        self._nursery: trio.Nursery | None = None
        self._work: trio.CancelScope | None = None
        self._config: RealtimeModelConfig = hub.model_config
        self._in_flight: list[Command] = []
        self._tries = 0
        self._since = -inf
        self._planned = inf
        self._why = _EXPIRY
        self._renewed = trio.Event()
        self._left_dropped = 0.0
        self.reconnects: int = 0
        self.replayer: Replayer = Replayer(hub)
        self.configuration: ConfigurationLog = ConfigurationLog(hub)
        hub.outbox.stopped_meanwhile = self.stopped_meanwhile

    @property
    def dropped_audio_ms(self) -> float:
        """Input audio that was too old to be sent again, in milliseconds."""
        dropped = self._hub.outbox.dropped_audio
        return self._left_dropped + (dropped * 1000 / self._bytes_per_second() if dropped else 0.0)

    def _bytes_per_second(self) -> int:
        return self._hub.connection.input_audio_format.bytes_per_second

    def _most_audio(self) -> int:
        """Bytes of audio that may wait, with what is to be sent again."""
        return int(self._bytes_per_second() * MAX_AUDIO_SECONDS)

    # -- for the session's other tasks: synchronous ------------------------------------------------------------------

    def begin(self, config: RealtimeModelConfig) -> None:
        """Note the first connection, and what it was made with."""
        self._config, self._begun = config, True
        self._take_over(self._hub.connection)

    def is_usable(self, connection: RealtimeConnection) -> bool:
        """Say whether the writer may send on a connection."""
        return self._usable and connection is self._hub.connection

    def can_replace(self, connection: RealtimeConnection) -> bool:
        """Say whether a connection that is lost would be replaced."""
        return self._policy is not None and connection.restorable and not self._stopped and self._hub.leaving is None

    def lost(self, connection: RealtimeConnection, error: Exception) -> None:
        """Note that a connection has ended: the session ends with it, or another one is made."""
        hub = self._hub
        if hub.ended.is_set() or connection is not hub.connection or self._loss is not None:
            return
        verdict: Verdict = judge_loss(error) if self.can_replace(connection) else "fatal"
        if isinstance(error, StopAsyncIteration):
            hub.finish(reason="the server closed the connection")
        elif verdict != "reconnect":
            hub.finish(error)
        else:
            self._loss = error
            self._begin_gap(connection.unfinished())
            self._notify()

    def stop(self) -> None:
        """Make no connection any more, and let nobody wait for one. Idempotent."""
        self._stopped = True
        if self._work is not None:
            self._work.cancel()
        for command in self._in_flight:
            command.finish(self._hub.closed_error(self._hub.failure))
        self._in_flight.clear()
        self._notify()

    def finish_in_flight(self, command: Command, error: Exception) -> None:
        """A command was on its way when its connection was lost: it is done again, or its sender is told."""
        if outlives(command.event) and not self._attached and not self._hub.ended.is_set():
            self._in_flight.append(command)
        else:
            command.finish(_lost_command(error))

    def stopped_meanwhile(self, event: RealtimeModelSendEvent) -> None:
        """Something is stopped while there is no connection: what was to be asked for again is not any more."""
        if isinstance(event, RealtimeModelSendWithdrawal):
            self.replayer.withdraw(event.request_id)
        elif isinstance(event, RealtimeModelSendInterrupt) and not event.playback_only and event.response_id is None:
            self.replayer.drop_requests()

    # -- for the session's other tasks: waiting ----------------------------------------------------------------------

    async def next_connection(self, connection: RealtimeConnection) -> RealtimeConnection | None:
        """Wait for the connection after a lost one, for the reader; None if there will be none."""
        while self._hub.connection is connection:
            if self._stopped or self._hub.ended.is_set():
                return None
            await self._changed.wait()
        return self._hub.connection

    async def writable(self) -> RealtimeConnection | None:
        """Wait for a connection on which the writer may send; None if there will be none."""
        self._writer_rests.set()
        while not self._usable:
            if self._stopped or self._hub.ended.is_set():
                return None
            await self._changed.wait()
        self._writer_rests = trio.Event()
        return self._hub.connection

    async def change_to(self, settings: RealtimeSessionModelSettings, reason: str) -> bool:
        """Change to a connection with other settings at the next turn boundary, for what no update can change.

        Returns:
            False if none could be made: the one that there is goes on, with its settings.
        """
        hub, old, before = self._hub, self._hub.connection, self.configuration.settings
        if not self.can_replace(old) or self._attached or self._loss is not None:
            return False
        self.configuration.settings, self._why, self._renewed = settings, reason, trio.Event()
        self._planned = -inf
        self._notify()
        try:
            while not self._renewed.is_set() and not hub.ended.is_set():
                await self._changed.wait()
        finally:
            if hub.connection is old:
                self.configuration.settings = before
        return hub.connection is not old

    async def heard_of(self, connection: RealtimeConnection, error: Exception) -> None:
        """Wait until the reader has told of a loss that the writer has seen, but not for long; then note it."""
        with trio.move_on_after(self._hub.run_config.timeouts.close):
            while self.is_usable(connection) and not self._hub.ended.is_set() and not self._stopped:
                await self._changed.wait()
        self.lost(connection, error)

    # -- the task ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Make connections as long as the session lives, and hold them until cancelled."""
        async with trio.open_nursery() as self._nursery:
            with trio.CancelScope() as self._work:
                while not self._stopped:
                    if self._loss is not None:
                        await self._reconnect()
                    elif trio.current_time() >= self._planned:
                        await self._renew()
                        self._why = _EXPIRY
                        self._renewed.set()
                        self._notify()
                    else:
                        with trio.CancelScope(deadline=self._planned):
                            await self._changed.wait()
            await trio.sleep_forever()  # the connection is closed by whoever ends the session

    async def _reconnect(self, ready: HeldConnection | None = None) -> None:
        """Make a connection in the place of one that was lost, or end the session.

        Args:
            ready: one that was made already.
        """
        hub, policy = self._hub, self._policy
        if policy is None:  # pragma: no cover  a loss is noted only with a policy
            return
        if trio.current_time() - self._since >= policy.max_delay:
            self._tries = 0
        if self._nursery is not None:  # whoever still reads it learns that it is over
            self._nursery.start_soon(_leave, self._held, hub.connection, hub.run_config.timeouts.close)
        cause = self._loss
        waits = list(delays(policy, self._random))
        while self._tries < policy.max_attempts and not hub.ended.is_set():
            wait = waits[self._tries]
            self._tries += 1
            self._announce("reconnecting", self._tries, str(cause))
            await trio.sleep(wait)
            held = ready or await self._open()
            ready = None
            if held.connection is not None and held.error is None:
                if await self._restore(held):
                    return
                cause = self._loss
            else:
                cause = held.error
            if cause is not None and not self._goes_on(cause):
                return
        if not hub.ended.is_set():
            hub.finish(self._exhausted(cause))

    def _goes_on(self, error: Exception) -> bool:
        """Say whether to try again after an error; if not, the session has ended."""
        verdict = judge_attempt(error, attached=self._attached)
        if verdict == "orderly":
            self._hub.finish(reason="the call is over" if self._attached else "the server closed the connection")
        elif verdict == "fatal":
            if isinstance(error, RealtimeConnectionError):
                error.attempts = self._tries
            self._hub.finish(error)
        return verdict == "reconnect"

    def _exhausted(self, cause: Exception | None) -> RealtimeConnectionError:
        message = f"the connection was lost, and {self._tries} attempts to make another one failed: {cause}"
        code = getattr(self._loss, "code", None)
        error = RealtimeConnectionError(
            message, code=code, reason=getattr(self._loss, "reason", None), attempts=self._tries
        )
        error.__cause__ = cause
        return error

    async def _renew(self) -> None:
        """Make a new connection while the old one still works, and change over at a turn boundary."""
        hub, policy = self._hub, self._policy
        self._planned, self._tries = inf, 0
        await self._boundary(_FOR_WORDS)
        if self._loss is not None or policy is None:
            return
        hub.status = "reconnecting" if hub.status == "connected" else hub.status
        held: HeldConnection | None = None
        for wait in delays(policy, self._random):
            self._tries += 1
            self._announce("reconnecting", self._tries, self._why)
            with trio.move_on_after(wait):
                await self._until_lost()
            if self._loss is not None:
                return
            held = await self._open()
            if held.connection is not None:
                break
        if held is None or held.connection is None:
            self._go_on_with_the_old(held)
            return
        while self._loss is None and not held.over:
            await self._boundary()
            if self._loss is None and await self._change_over(held):
                return
        if self._loss is not None:
            await self._reconnect(None if held.over or hub.connection is held.connection else held)
        else:
            self._go_on_with_the_old(held)

    def _go_on_with_the_old(self, held: HeldConnection | None) -> None:
        """No new connection could be made: the old one is used as long as it lasts."""
        if self._hub.status == "reconnecting" and self._loss is None:
            self._hub.status = "connected"
            reason = "no new connection could be made; the old one is kept"
            if held is not None and held.error is not None:
                reason += f": {held.error}"
            self._announce("connected", 0, reason)

    async def _boundary(self, patience: float = 0.0) -> None:
        """Wait until nothing is under way, or the connection is lost.

        Args:
            patience: seconds that are waited for a transcript that may still come.
        """
        quiet_since = inf
        while self._loss is None:
            now = trio.current_time()
            quiet_since = min(quiet_since, now) if self._is_boundary() else inf
            if quiet_since < inf and (now - quiet_since >= patience or not self._words_are_missing()):
                return
            with trio.move_on_after(_LOOK):
                await self._until_lost()

    def _words_are_missing(self) -> bool:
        """Say whether the transcript of what the user said last may still come: without it, it cannot be told again."""
        history = self._hub.conversation.snapshot()
        return any(
            isinstance(part, InputAudio) and not part.transcript
            for item in history[-_NEWEST:]
            if isinstance(item, UserMessageItem)
            for part in item.content
        )

    async def _until_lost(self) -> None:
        while self._loss is None:
            await self._changed.wait()

    def _is_boundary(self) -> bool:
        hub = self._hub
        return hub.connection.idle and not hub.responses.all_active() and not hub.outbox.has_commands

    async def _change_over(self, held: HeldConnection) -> bool:
        """Put a new connection in the place of one that still works, if there is still nothing under way."""
        hub, old = self._hub, self._hub.connection
        self._usable = False
        hub.outbox.hold(self._most_audio())
        await self._writer_rests.wait()
        while (event := old.next_nowait()) is not None:
            hub.handle(event)
        if self._loss is not None or not self._is_boundary() or hub.ended.is_set():
            if self._loss is None:
                self._resume()
            return False
        before = self._held
        self._loss = RealtimeConnectionError(self._why)  # from here on it is a change like any other
        self._begin_gap(old.unfinished())
        if self._nursery is not None:
            self._nursery.start_soon(_leave, before, old, hub.run_config.timeouts.close)
        return await self._restore(held)

    # -- one connection after another --------------------------------------------------------------------------------

    async def _open(self) -> HeldConnection:
        """Make a connection; if that fails, the error is in what it gives."""
        held = HeldConnection(self._model, self._next_config(), self._crashed)
        seconds = self._hub.run_config.timeouts.connect
        if self._nursery is not None:
            self._nursery.start_soon(held.run, name="realtime session: connection")
        try:
            with trio.move_on_after(seconds):
                await held.settled.wait()
        finally:
            if held.connection is None:
                held.scope.cancel()
        if held.connection is None and held.error is None:
            message = f"the session was not connected again within {seconds:g} seconds"
            held.error = RealtimeTimeoutError(message, name="connect", seconds=seconds)
        return held

    def _next_config(self) -> RealtimeModelConfig:
        settings = RealtimeSessionModelSettings() if self._attached else self.configuration.settings
        return attrs.evolve(self._config, initial_model_settings=settings)

    def _crashed(self, held: HeldConnection, error: Exception) -> None:
        if held.connection is not None:
            self.lost(held.connection, error)

    async def _restore(self, held: HeldConnection) -> bool:
        """Make a new connection the current one, and the conversation again on it; False if it was lost again."""
        hub, connection = self._hub, held.connection
        if connection is None:  # pragma: no cover
            return False
        before, self._held = self._held, held
        if before is not None:
            before.release.set()
        if not self._attached:
            self.replayer.prepare()
        hub.connection, self._loss = connection, None
        hub.outbox.end_gap()
        self._notify()
        try:
            await self.configuration.send(connection, attached=self._attached)
            await self.replayer.send_items(connection)
            dropped = self.replayer.trim_audio(self._most_audio() - hub.outbox.waiting_audio)
            self._left_dropped += dropped * 1000 / self._bytes_per_second()
            await self.replayer.send_rest(connection)
        except (RealtimeConnectionError, RealtimeTimeoutError) as error:
            await self._noted(connection, error)
        if self._loss is not None or hub.ended.is_set() or self._stopped:
            return hub.ended.is_set()
        self.reconnects += 1
        self._take_over(connection)
        if hub.status == "reconnecting":
            hub.status = "connected"
        self._announce("reconnected", self._tries, None)
        self._resume()
        return True

    async def _noted(self, connection: RealtimeConnection, error: Exception) -> None:
        """Give the reader a moment to tell how the connection was lost."""
        with trio.move_on_after(self._hub.run_config.timeouts.close):
            while self._loss is None and not self._hub.ended.is_set():
                await self._changed.wait()
        self.lost(connection, error)

    def _take_over(self, connection: RealtimeConnection) -> None:
        hub, now = self._hub, trio.current_time()
        hub.follow_audio_format()
        self._since = now
        self._planned = inf
        if self._policy is not None and connection.restorable:
            self._planned = planned_at(now, connection.expires_at, self._policy.before_expiry)

    def _resume(self) -> None:
        """Let the writer go on."""
        self._usable = True
        self._hub.outbox.release()
        for command in self._in_flight:
            command.finish()
        self._in_flight.clear()
        self._notify()

    def _begin_gap(self, unfinished: Unfinished) -> None:
        """Nothing can be sent: end what was being said, and keep what is to be done again."""
        hub = self._hub
        self._usable = False
        if hub.status == "connected":
            hub.status = "reconnecting"
        hub.outbox.hold(self._most_audio(), gap=True)
        dropped = hub.outbox.discard(outlives, _lost_command(self._loss))
        requests = requests_again(hub, unfinished, dropped)
        end_responses(hub)
        self._left_dropped += unfinished.dropped_audio_ms
        if self._attached:  # the server has the rest; an output that it has already, it refuses by its id
            outputs = [event for event in unfinished.inputs if item_of(event).get("type") == "function_call_output"]
            self.replayer.inherit(Unfinished(inputs=outputs), ())
        else:
            self.replayer.inherit(unfinished, requests)
            hub.input_gate.connection_lost()
            self._forget_requests()

    def _forget_requests(self) -> None:
        """What the service has asked for about calls of its own, it does not know any more."""
        self.generation += 1
        for pending in self._hub.approvals.pending:
            if isinstance(pending.tool, HostedMCPTool):
                self._hub.approvals.decide(pending.call_id)

    def _announce(self, status: Any, attempt: int, reason: str | None) -> None:
        self._hub.publish(RealtimeConnectionEvent(info=self._hub.info, status=status, attempt=attempt, reason=reason))

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


async def _leave(held: HeldConnection | None, connection: RealtimeConnection, seconds: float) -> None:
    """Close a connection that another one has replaced."""
    with trio.move_on_after(seconds), suppress(Exception):  # it is not needed any more, however it ends
        await connection.aclose()
    if held is not None:
        held.release.set()


def _lost_command(cause: BaseException | None) -> RealtimeConnectionError:
    error = RealtimeConnectionError("the connection was lost before this was sent; it concerned that connection only")
    error.__cause__ = cause
    return error
