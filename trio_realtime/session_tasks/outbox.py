"""Commands on their way to the writer, in order, and a lane for what may not wait.

Audio is sent at once where nothing is before it and the connection can take it without waiting. Else it is only handed
over: a little of it may wait here, so that a stream of small pieces costs no switch of tasks each and goes out in
bursts; beyond that its senders wait. Any other sender waits until the writer takes its command. So a
stalled socket holds senders up instead of filling memory, and a cancelled sender has sent nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

import attrs
import trio

from trio_realtime.errors import SessionClosed
from trio_realtime.model_inputs import RealtimeModelSendAudio, RealtimeModelSendEvent
from trio_realtime.session_tasks.loss import outlives
from trio_realtime.session_tasks.sleepers import Sleepers

__all__ = ["Command", "Outbox"]

_MAX_AUDIO: Final = 64 * 1024
"""Bytes of audio that may wait: over a second of it, and several of the largest usual pieces."""
_COMMAND: Final = 64
"""Bytes that even an empty piece counts."""
_APART: Final = 0.0005
"""Seconds between two pieces of audio from which on they are not of one burst."""
_BURST: Final = 32
"""Pieces of audio that one task after another hands over before others get a turn."""


@attrs.define(eq=False)
class Command:
    """Something to send, and what became of it.

    Attributes:
        event: what to send.
        together: the commands that are sent all or not at all, this one among them; empty for what nobody waits for.
        done: set when it was sent or failed.
        error: why it failed.
        taken: the writer has it.
        refused: the session has ended before the writer had it.
        sender: the task that waits until the writer has it.
    """

    event: RealtimeModelSendEvent
    together: list[Command] = attrs.Factory(list["Command"])
    done: trio.Event | None = None
    error: Exception | None = None
    taken: bool = False
    refused: bool = False
    sender: trio.lowlevel.Task | None = None

    def finish(self, error: Exception | None = None) -> None:
        """Note what became of the command, if nothing has yet, and wake whoever waits for it."""
        if self.done is not None and not self.done.is_set():
            self.error = error
            self.done.set()

    def let_go(self) -> None:
        """Wake the task that waits until the writer has the command."""
        if self.sender is not None:
            trio.lowlevel.reschedule(self.sender)
            self.sender = None


class Outbox:
    """What the session's tasks and the application have for the writer.

    Attributes:
        send_audio_nowait: the connection's; sends audio at once where it can without waiting.
        now: gives the time on trio's clock.
        dropped_audio: bytes of audio that were dropped because there was no connection for too long.
        stopped_meanwhile: told of what may not wait and concerns a connection, while there is none.
    """

    # fmt: off
    __slots__ = (
        "_audio", "_burst", "_cause", "_closed", "_dropped", "_gap", "_held", "_last", "_most", "_queue", "_room",
        "_taken", "_urgent", "_writer", "dropped_audio", "now", "send_audio_nowait", "stopped_meanwhile",
    )
    # fmt: on

    def __init__(self) -> None:
        self._queue: deque[Command] = deque()
        self._urgent: deque[Command] = deque()
        self.send_audio_nowait: Callable[[bytes], bool] = lambda _: False
        self.now: Callable[[], float] = trio.current_time
        self._audio = 0
        self._held = False
        self._gap = False
        self._most = _MAX_AUDIO
        self.dropped_audio: int = 0
        self.stopped_meanwhile: Callable[[RealtimeModelSendEvent], None] = lambda _: None
        self._burst = 0
        self._last = -inf
        self._writer = Sleepers()
        self._room = Sleepers()
        self._taken: Command | None = None
        self._closed = False
        self._dropped = False
        self._cause: BaseException | None = None

    # -- senders -----------------------------------------------------------------------------------------------------

    async def send_audio(self, audio: bytes) -> None:
        """Hand audio over; waits while too much waits already. When cancelled, nothing is sent.

        Each call is a checkpoint for cancellation; other tasks get a turn at least every 32 calls.

        Raises:
            SessionClosed: the session has ended.
        """
        self._burst += 1
        if self._burst >= _BURST:
            self._burst = 0
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        size = len(audio) + _COMMAND
        while self._audio and self._audio + size > self._most and not self._closed and not self._held:
            await self._room.park()
        if self._closed:
            raise self._closed_error()
        if self._held:
            self._drop_audio(self._audio + size - self._most)
        elif self._writer.tasks and not self._queue and not self._urgent:
            # Of several pieces in one go, those after the first go out together.
            now = self.now()
            apart, self._last = now - self._last >= _APART, now
            if apart and self.send_audio_nowait(audio):
                return
        self._audio += size
        self._put(Command(RealtimeModelSendAudio(audio=audio)))

    async def send(self, event: RealtimeModelSendEvent) -> None:
        """Give a command to the writer, and wait until it has it. A checkpoint; when cancelled, nothing is sent.

        Raises:
            SessionClosed: the session has ended.
        """
        await self._hand_over([Command(event)])

    async def send_and_wait(
        self, *events: RealtimeModelSendEvent, handed_over: Callable[[], None] = lambda: None
    ) -> None:
        """Give commands to the writer, nothing between them, and wait until they were sent.

        When cancelled before the writer has the first, nothing is sent; later, they are sent all the same.
        ``handed_over`` is called when the writer has them.

        Raises:
            SessionClosed: the session has ended.
            AgentsException: the connection refused one; those after it were not sent.
        """
        commands = [Command(event, done=trio.Event()) for event in events]
        await self._hand_over(commands)
        handed_over()
        for command in commands:
            if command.done is not None:  # pragma: no branch
                await command.done.wait()
            if command.error is not None:
                raise command.error

    async def _hand_over(self, commands: list[Command]) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise self._closed_error()
        for command in commands:
            command.together = commands
            self._put(command)
        last = commands[-1]
        last.sender = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            # At the moment of the cancellation, not when the task runs next: the writer may run before it.
            last.sender = None
            if not commands[0].taken:
                for command in commands:
                    self._queue.remove(command)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if last.refused:
            raise self._closed_error()

    def drop_rest(self, command: Command, error: Exception) -> None:
        """Forget what was to be sent together with a command that was refused, after it."""
        for other in command.together:
            if other in self._queue:
                self._queue.remove(other)
                other.taken = True
                other.finish(error)
                other.let_go()

    def _put(self, command: Command) -> None:
        self._queue.append(command)
        if self._writer.tasks:
            self._writer.unpark_all()

    def is_idle(self) -> bool:
        """Say whether nothing is on its way, but for audio that was handed over."""
        return not self._urgent and self._taken is None and not any(command.together for command in self._queue)

    def send_first(self, event: RealtimeModelSendEvent) -> None:
        """Put a command before all that wait. Does not wait; after the end it is dropped.

        So is one that concerns a connection, while there is none.
        """
        if self._closed:
            return
        if self._gap and not outlives(event):
            self.stopped_meanwhile(event)
            return
        self._urgent.append(Command(event))
        if self._writer.tasks:
            self._writer.unpark_all()

    # -- without a connection ----------------------------------------------------------------------------------------

    @property
    def waiting_audio(self) -> int:
        """Bytes of audio that wait, with a little for each piece."""
        return self._audio

    @property
    def has_commands(self) -> bool:
        """Whether anything but audio waits to be sent."""
        return bool(self._urgent) or any(command.together for command in self._queue)

    def hold(self, most_audio: int, *, gap: bool = False) -> None:
        """Give the writer nothing until :meth:`release`. Audio is kept meanwhile, up to ``most_audio`` bytes.

        Args:
            most_audio: beyond it the oldest is dropped and counted; senders of audio do not wait.
            gap: there is no connection: what concerns one is dropped.
        """
        self._held, self._most = True, most_audio
        self._gap = self._gap or gap
        self.send_audio_nowait = lambda _: False
        self._room.unpark_all()
        self._writer.unpark_all()

    def end_gap(self) -> None:
        """There is a connection again, on which nothing of this is sent yet."""
        self._gap = False

    def release(self) -> None:
        """Let the writer go on."""
        self._held, self._gap, self._most = False, False, _MAX_AUDIO

    def discard(self, keep: Callable[[RealtimeModelSendEvent], bool], error: Exception) -> list[RealtimeModelSendEvent]:
        """Drop what is not to be kept, with what goes together with it; tell the senders ``error``, and give it."""
        dropped = [command.event for command in self._urgent if not keep(command.event)]
        self._urgent = deque(command for command in self._urgent if keep(command.event))
        for command in tuple(self._queue):
            if not all(keep(other.event) for other in command.together or [command]):
                self._queue.remove(command)
                command.taken = True
                command.finish(error)
                command.let_go()
                dropped.append(command.event)
        return dropped

    def _drop_audio(self, size: int) -> None:
        for command in tuple(self._queue) if size > 0 else ():
            if not command.together and isinstance(command.event, RealtimeModelSendAudio):
                self._queue.remove(command)
                self._audio -= len(command.event.audio) + _COMMAND
                self.dropped_audio += len(command.event.audio)
                size -= len(command.event.audio) + _COMMAND
                if size <= 0:
                    return

    # -- the writer --------------------------------------------------------------------------------------------------

    async def next(self, deadline: float) -> Command | None:
        """Give the writer its next command; None when ``deadline`` has passed or there may be one.

        Raises:
            trio.EndOfChannel: nothing is left, and nothing comes any more.
        """
        if self._held and not self._dropped:
            await trio.lowlevel.checkpoint()
            return None
        command = self._pop()
        if command is not None:
            self._taken = command
            await trio.lowlevel.checkpoint_if_cancelled()
            return command
        if self._closed:
            raise trio.EndOfChannel
        if deadline == inf:
            await self._writer.park()
        else:
            with trio.move_on_at(deadline):
                await self._writer.park()
        return None

    def more_audio(self) -> list[Command]:
        """Give the audio that stands next, to be sent together with what the writer has."""
        commands: list[Command] = []
        while not self._urgent and self._queue and not self._queue[0].together:
            commands.append(self._take(self._queue.popleft()))
        return commands

    def _pop(self) -> Command | None:
        if self._urgent:
            return self._urgent.popleft()
        if self._queue:
            return self._take(self._queue.popleft())
        return None

    def _take(self, command: Command) -> Command:
        command.taken = True
        command.let_go()
        if not command.together and isinstance(command.event, RealtimeModelSendAudio):
            self._audio -= len(command.event.audio) + _COMMAND
            if self._room.tasks:
                self._room.unpark_all()
        return command

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

    # -- the end -----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Refuse all further commands, but let the writer send what it was given and what may not wait."""
        if not self._closed:
            self._closed = True
            self._wake()

    def close(self, cause: BaseException | None) -> None:
        """Refuse all further commands and fail those that wait."""
        if not self._dropped:
            self._closed, self._dropped, self._cause = True, True, cause
            self._urgent.clear()
            self._wake()
            if self._taken is not None:
                self._taken.finish(self._closed_error())

    def _wake(self) -> None:
        """Let everybody look again; what nobody took is refused, but for audio that was handed over in time."""
        kept: deque[Command] = deque()
        for command in self._queue:
            if command.together and (self._dropped or not command.together[0].taken):
                command.refused = True
                command.finish(self._closed_error())
                command.let_go()
            elif not self._dropped:
                kept.append(command)
        self._queue = kept
        self._room.unpark_all()
        self._writer.unpark_all()

    def _closed_error(self) -> SessionClosed:
        error = SessionClosed("the session has ended")
        error.__cause__ = self._cause
        return error
