"""The only task that sends, and the outbox that feeds it.

The outbox is a rendezvous: a sender waits until the writer takes its command, so that a stalled socket holds senders
up instead of filling memory, and a cancelled sender has sent nothing. A second lane for what may not wait (an
interruption, a deferred request) goes first; it is short, because only the session itself uses it.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import attrs
import trio

from trio_realtime.errors import AgentsException, RealtimeConnectionError, RealtimeTimeoutError, SessionClosed
from trio_realtime.model_inputs import RealtimeModelSendEvent

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["Command", "Outbox", "run_writer"]


@attrs.define(eq=False)
class Command:
    """Something to send, and what became of it.

    Attributes:
        event: what to send.
        done: set when it was sent or failed.
        error: why it failed.
    """

    event: RealtimeModelSendEvent
    done: trio.Event | None = None
    error: Exception | None = None

    def finish(self, error: Exception | None = None) -> None:
        """Note what became of the command, if nothing has yet, and wake whoever waits for it."""
        if self.done is not None and not self.done.is_set():
            self.error = error
            self.done.set()


class Outbox:
    """Commands on their way to the writer."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Command | None](0)
        self._urgent: deque[Command] = deque()
        self._taken: Command | None = None
        self._closed = False
        self._dropped = False
        self._cause: BaseException | None = None

    async def send(self, event: RealtimeModelSendEvent) -> None:
        """Hand a command to the writer. A checkpoint; when cancelled, nothing is sent.

        Raises:
            SessionClosed: the session has ended.
        """
        await self._hand_over(Command(event))

    async def send_and_wait(self, event: RealtimeModelSendEvent) -> None:
        """Hand a command to the writer and wait until it was sent. When cancelled meanwhile, it may have been sent.

        Raises:
            SessionClosed: the session has ended.
            AgentsException: the connection refused the event.
        """
        done = trio.Event()
        command = Command(event, done)
        await self._hand_over(command)
        await done.wait()
        if command.error is not None:
            raise command.error

    async def _hand_over(self, command: Command) -> None:
        if self._closed:
            await trio.lowlevel.checkpoint_if_cancelled()
            raise self._closed_error()
        try:
            await self._send.send(command)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._closed_error()  # noqa: B904  it has its cause already

    def send_first(self, event: RealtimeModelSendEvent) -> None:
        """Put a command before all that wait. Does not wait; after the end it is dropped."""
        if self._closed:
            return
        self._urgent.append(Command(event))
        with suppress(trio.WouldBlock):
            self._send.send_nowait(None)  # wakes an idle writer; a busy one looks here before it waits

    async def next(self, deadline: float) -> Command | None:
        """Give the writer its next command; None when ``deadline`` has passed or an urgent one may have come.

        Raises:
            trio.EndOfChannel, trio.ClosedResourceError: the outbox was closed.
        """
        if self._urgent:
            await trio.lowlevel.checkpoint_if_cancelled()
            return self._urgent.popleft()
        if deadline == inf:
            return await self._receive.receive()
        with trio.move_on_at(deadline):
            return await self._receive.receive()
        return None

    def finish(self) -> None:
        """Refuse all further commands, but let the writer send what it was given and what may not wait."""
        if not self._closed:
            self._closed = True
            self._send.close()

    def close(self, cause: BaseException | None) -> None:
        """Refuse all further commands and fail those that wait."""
        if not self._dropped:
            self._closed, self._dropped, self._cause = True, True, cause
            self._send.close()
            self._receive.close()
            self._urgent.clear()
            if self._taken is not None:
                self._taken.finish(self._closed_error())

    def taken(self, command: Command | None) -> bool:
        """Note which command the writer is at, so that its sender is failed if the outbox closes meanwhile.

        Returns:
            False if it has closed already, on the command's way to the writer: it is failed and not to be sent.
        """
        self._taken = command
        if command is None or not self._dropped:
            return True
        command.finish(self._closed_error())
        return False

    def _closed_error(self) -> SessionClosed:
        error = SessionClosed("the session has ended")
        error.__cause__ = self._cause
        return error


async def run_writer(hub: SessionHub) -> None:
    """Send commands until the outbox is closed."""
    connection, outbox = hub.connection, hub.outbox
    while True:
        try:
            command = await outbox.next(connection.next_deadline())
        except (trio.EndOfChannel, trio.ClosedResourceError):
            return
        for event in connection.expire(trio.current_time()):
            hub.handle(event)
        if command is None:
            continue
        if not outbox.taken(command):
            return
        try:
            await connection.send_event(command.event)
        except (RealtimeConnectionError, RealtimeTimeoutError) as error:
            command.finish(hub.closed_error(error))
            await _wait_for_the_reader(hub, error)
            return
        except AgentsException as error:
            command.finish(error)
            if command.done is None:
                hub.report(error)
        except Exception as error:  # noqa: BLE001  a custom model's own: it leaves as it is
            command.finish(error)
            hub.finish(error)
            return
        else:
            command.finish()
        finally:
            outbox.taken(None)


async def _wait_for_the_reader(hub: SessionHub, error: Exception) -> None:
    """The reader knows better how a connection ended (a close code); give it a moment to say so."""
    with trio.move_on_after(hub.run_config.timeouts.close):
        await hub.ended.wait()
    hub.finish(error)
