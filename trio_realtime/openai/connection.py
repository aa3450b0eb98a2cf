"""One live conversation: a wire with the protocol on top, and a little buffer for what is read but not yet given."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

import attrs
import trio

from trio_realtime.audio import AudioFormat
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.core.reconnection import seconds_left
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, ServerError, SessionExpired
from trio_realtime.ids import new_id
from trio_realtime.model import RealtimeConnection, Unfinished
from trio_realtime.model_events import (
    RealtimeModelConfigRejectedEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelSessionUpdatedEvent,
)
from trio_realtime.model_inputs import RealtimeModelSendEvent, RealtimeModelSendSessionUpdate
from trio_realtime.openai.protocol import OpenAIProtocol
from trio_realtime.transport.base import Wire, WireStatistics
from trio_realtime.transport.lending import Lending

__all__ = ["OpenAIRealtimeConnection"]

_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
_EXPIRY_WORDS: Final = ("expired", "maximum duration")


class OpenAIRealtimeConnection(RealtimeConnection):
    """A conversation over a wire. Made by :meth:`OpenAIRealtimeWebSocketModel.connect`.

    Args:
        wire: an open wire.
        protocol: a fresh protocol.
        confirms_configuration: the server answers session updates.
    """

    # fmt: off
    __slots__ = (
        "_append", "_appended", "_caused", "_ending", "_events", "_expires_at", "_left", "_protocol", "_wire",
        "confirms_configuration",
    )
    # fmt: on

    restorable = True
    names_requests = True

    def __init__(self, wire: Wire, protocol: OpenAIProtocol, *, confirms_configuration: bool = True) -> None:
        self.confirms_configuration: bool = confirms_configuration
        self._expires_at = inf
        self._left: Unfinished | None = None
        self._wire = wire
        self._protocol = protocol
        self._append, self._appended = protocol.append, protocol.appended
        self._events: deque[RealtimeModelEvent] = deque()
        self._caused: list[RealtimeModelEvent] = []
        self._ending: Exception | None = None

    @property
    def output_audio_format(self) -> AudioFormat:
        """The format of the model's audio, as the server has confirmed it."""
        return self._protocol.output_audio_format

    @property
    def input_audio_format(self) -> AudioFormat:
        """The format of the user's audio, as the server has confirmed it."""
        return self._protocol.input_audio_format

    @property
    def expires_at(self) -> float:
        """The time on trio's clock at which the server will end the session.

        What it says is wall-clock time; the difference is taken once, when it says so, and held between a minute and an
        hour.
        """
        return self._expires_at

    @property
    def voice_fixed(self) -> bool:
        """Whether the model has spoken, so that no update can change its voice any more."""
        return self._protocol.voice_fixed

    @property
    def responding(self) -> bool:
        """Whether a response is active, or was asked for and has not begun."""
        return self._protocol.responding

    @property
    def idle(self) -> bool:
        """See :meth:`RealtimeConnection.idle`."""
        return not self._events and self._protocol.idle

    def unfinished(self) -> Unfinished:
        """See :meth:`RealtimeConnection.unfinished`."""
        left = self._protocol.unfinished()
        if self._left is None:
            return left
        return attrs.evolve(left, responses=(*self._left.responses, *left.responses))  # some was sent after the end

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        """Send ``event``, whole. A checkpoint.

        A cancellation that comes before anything was sent leaves nothing sent; a later one is seen at the next
        checkpoint of the caller, when everything is sent or the wire's ``send_timeout`` has passed.

        Raises:
            UserError: the event cannot be sent as it is; nothing was.
            RealtimeConnectionError: the connection has ended.
            RealtimeTimeoutError: the server accepts no data (name ``"send"``).
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        out = self._protocol.send(event, trio.current_time())
        self._caused += out.events
        if out.frames:
            with trio.CancelScope(shield=True):  # bounded by the wire's send_timeout
                for frame in out.frames:
                    await self._wire.send(frame)
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()

    def send_audio_nowait(self, audio: bytes) -> bool:
        """See :meth:`RealtimeConnection.send_audio_nowait`."""
        if audio:
            if not self._wire.send_nowait(self._append(audio)):
                return False
            self._appended(audio)
        return True

    async def send_events(self, events: Sequence[RealtimeModelSendEvent]) -> None:
        """Send ``events`` in one write, if the wire can. As :meth:`send_event` otherwise."""
        await trio.lowlevel.checkpoint_if_cancelled()
        now, frames = trio.current_time(), list[str | bytes]()
        for event in events:
            out = self._protocol.send(event, now)
            self._caused += out.events
            frames += out.frames
        with trio.CancelScope(shield=True):  # bounded by the wire's send_timeout
            await self._wire.send_many(frames)

    async def __anext__(self) -> RealtimeModelEvent:
        """Give the next event. A checkpoint; a cancellation loses nothing.

        Raises:
            StopAsyncIteration: the server has closed the connection in an orderly way (1000).
            SessionExpired: the session's time is over.
            RealtimeConnectionError: the connection has ended otherwise.
            RealtimeTimeoutError: the server is silent (name ``"heartbeat"``).
        """
        waited = False
        while not self._fill():
            if self._ending is not None:
                await trio.lowlevel.checkpoint()
                raise self._ending
            await self._read()
            waited = True
        if not waited:
            await trio.lowlevel.checkpoint()
        return self._events.popleft()

    def next_nowait(self) -> RealtimeModelEvent | None:
        """See :meth:`RealtimeConnection.next_nowait`."""
        return self._events.popleft() if self._fill() else None

    @property
    def lending(self) -> Lending | None:
        """See :attr:`RealtimeConnection.lending`."""
        return self._wire.lending

    async def deliver(self, take: Callable[[RealtimeModelEvent], bool]) -> None:
        """See :meth:`RealtimeConnection.deliver`: each message is handled where it is read."""
        events, receive, wire = self._events, self._protocol.receive, self._wire

        def take_message(message: str | bytes) -> bool:
            enough = False
            for event in receive(message, wire.read_at):
                if enough:
                    events.append(event)
                else:
                    enough = take(event)
            return enough

        while events:
            if take(events.popleft()):
                await trio.lowlevel.checkpoint()
                return
        if self._ending is None:
            try:
                await self._wire.deliver(take_message)
            except (RealtimeConnectionError, RealtimeTimeoutError) as error:
                self._end(error)
        if self._ending is not None:
            await trio.lowlevel.checkpoint()
            raise self._ending

    def _fill(self) -> bool:
        """Read what is there already until it means something; whether there is an event."""
        while not self._events:
            message = self._wire.receive_nowait()
            if message is None:
                return False
            self._take(message)
        return True

    async def _read(self) -> None:
        """Wait for a message or the end."""
        try:
            self._take(await self._wire.receive())
        except (RealtimeConnectionError, RealtimeTimeoutError) as error:
            self._end(error)

    def _end(self, error: RealtimeConnectionError | RealtimeTimeoutError) -> None:
        """Note how the connection has ended."""
        self._ending = self._ended(error) if isinstance(error, RealtimeConnectionError) else error
        self._left = self._protocol.unfinished()
        self._protocol.end()

    def _take(self, message: str | bytes) -> None:
        self._events.extend(self._protocol.receive(message, trio.current_time()))

    def _ended(self, error: RealtimeConnectionError) -> Exception:
        reason = (error.reason or "").lower()
        told = error.code == _GOING_AWAY and any(word in reason for word in _EXPIRY_WORDS)
        if self._protocol.session_expired or told:
            text = "the server has ended the session at its maximum duration"
            expired = SessionExpired(text, code=error.code, reason=error.reason)
            expired.__cause__ = error
            return expired
        return StopAsyncIteration() if error.code == _NORMAL else error

    def next_deadline(self) -> float:
        """See :meth:`RealtimeConnection.next_deadline`."""
        return -inf if self._caused else self._protocol.next_deadline()

    def expire(self, now: float) -> Sequence[RealtimeModelEvent]:
        """See :meth:`RealtimeConnection.expire`."""
        caused, self._caused = self._caused, []
        return [*caused, *self._protocol.expire(now)]

    def statistics(self) -> WireStatistics:
        """The counters of the wire, now."""
        return self._wire.statistics()

    async def aclose(self) -> None:
        """Close with 1000, within the transport's ``close_timeout``. Idempotent; when cancelled it closes at once."""
        await self._wire.aclose()

    async def configure(self, settings: RealtimeSessionModelSettings, *, confirm: bool) -> None:
        """Wait for the session, send its configuration and, with ``confirm``, wait until it holds.

        What the server says meanwhile is given by iteration afterwards. Has no deadline of its own.

        Raises:
            ConfigRejected: the server refused the configuration.
            ServerError: the server reported an error.
            UserError: the settings are at fault.
            RealtimeConnectionError: the connection has ended.
        """
        while not self._protocol.session_created:
            self._keep(await self._wire.receive(), None)
        self._expires_at = trio.current_time() + seconds_left(self._protocol.expires_at, time.time())
        update = RealtimeModelSendSessionUpdate(session_settings=settings, event_id=new_id("event"))
        await self.send_event(update)
        done = any(_confirms(event, update) for event in self._caused)  # there was nothing to change
        self._caused.clear()
        while confirm and not done:
            done = self._keep(await self._wire.receive(), update)

    def _keep(self, message: str | bytes, update: RealtimeModelSendSessionUpdate | None) -> bool:
        """Put aside what a message means; whether it confirms ``update``."""
        done = False
        for event in self._protocol.receive(message, trio.current_time()):
            match event:
                case RealtimeModelExceptionEvent(exception=error):
                    raise error
                case RealtimeModelConfigRejectedEvent(error=error):
                    raise error
                case RealtimeModelErrorEvent(error=ServerError() as error):
                    raise error
                case _ if update is not None and _confirms(event, update):
                    done = True
                case _:
                    self._events.append(event)
        return done


def _confirms(event: RealtimeModelEvent, update: RealtimeModelSendSessionUpdate) -> bool:
    return isinstance(event, RealtimeModelSessionUpdatedEvent) and event.event_id == update.event_id
