"""The model layer's interface: what anything must offer that a session can talk through.

A *model* is a factory: it holds configuration only and is safe to share between any number of sessions. A *connection*
is one live conversation. A session reads a connection from one task at a time and sends from one other, so that
a connection needs no lock of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from math import inf
from typing import Final, Self

import attrs

from trio_realtime.audio import PCM16, AudioFormat
from trio_realtime.config import RealtimeModelConfig
from trio_realtime.errors import UserError
from trio_realtime.model_events import RealtimeModelEvent
from trio_realtime.model_inputs import RealtimeModelSendEvent
from trio_realtime.transport.lending import Lending

__all__ = ["RealtimeConnection", "RealtimeModel", "Unfinished", "UnfinishedResponse"]

_BURST: Final = 31  # events more that are taken from a full connection before other tasks get a turn


@attrs.frozen(kw_only=True)
class UnfinishedResponse:
    """A response that was asked for and has not ended.

    Attributes:
        response_id: its id; None if it has not begun.
        again: what asks for it again.
    """

    response_id: str | None
    again: RealtimeModelSendEvent


@attrs.frozen(kw_only=True)
class Unfinished:
    """What a connection leaves behind.

    Attributes:
        inputs: what was sent and not confirmed by the server, in order: items, deletions, audio that no item was made
            of, commits. It is sent again on the connection that takes the place of this one.
        responses: what was asked for and has not ended, what is active first.
        dropped_audio_ms: how much of such audio was too old to be kept, in milliseconds.
    """

    inputs: Sequence[RealtimeModelSendEvent] = ()
    responses: Sequence[UnfinishedResponse] = ()
    dropped_audio_ms: float = 0.0


class RealtimeConnection(ABC):
    """One live conversation with a model: an async iterator of model events, with a way to send."""

    confirms_configuration: bool = False
    """Whether each session update is answered by a ``session_updated`` or ``config_rejected`` event with its id.

    If so, a session waits for the answer.
    """
    restorable: bool = False
    """Whether a session may put another connection in the place of one that was lost.

    Then the model understands the raw messages ``conversation.item.create``, ``conversation.item.delete`` and
    ``response.create`` of the protocol, and :meth:`unfinished` says what the session needs to know. Without it a lost
    connection ends the session, whatever its ``reconnect`` says.
    """

    @property
    def output_audio_format(self) -> AudioFormat:
        """The format of the model's audio; sessions count its length with it."""
        return PCM16

    @property
    def input_audio_format(self) -> AudioFormat:
        """The format of the user's audio; sessions count its length with it."""
        return PCM16

    @property
    def expires_at(self) -> float:
        """The time on trio's clock at which the server will end the session; ``inf`` for never."""
        return inf

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: no response is active or asked for, nobody speaks, nothing is uncommitted."""
        return True

    def unfinished(self) -> Unfinished:
        """Give what was sent and has not come to its end. Asked for while it lives or after its end; changes nothing.

        An event whose :meth:`send_event` has raised RealtimeConnectionError or RealtimeTimeoutError belongs to it.
        """
        return Unfinished()

    @property
    def voice_fixed(self) -> bool:
        """Whether the model has spoken, so that no update can change its voice any more."""
        return False

    @property
    def responding(self) -> bool:
        """Whether a response is active, or was asked for and has not begun."""
        return False

    names_requests: bool = False
    """A response that begins names the request that it answers; else the first to begin answers the oldest."""

    @abstractmethod
    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        """Send ``event`` to the model.

        Called by one task at a time. A cancellation must leave the event unsent or wholly sent.

        Raises:
            UserError: the event cannot be sent as it is.
            RealtimeConnectionError: the connection has ended.
        """

    def send_audio_nowait(self, audio: bytes) -> bool:
        """Append audio to the input buffer at once if that can be done without waiting; says whether it was.

        Raises nothing. What it does not send comes by :meth:`send_event`.
        """
        del audio
        return False

    @property
    def lending(self) -> Lending | None:
        """What lets another task read in the place of the one that waits in :meth:`deliver`; None if nothing does.

        It saves a turn of the reader for each message, while the application waits for the next event.
        """
        return None

    async def send_events(self, events: Sequence[RealtimeModelSendEvent]) -> None:
        """Send several events in order; as :meth:`send_event` otherwise. A connection may do it at less cost.

        One that is refused keeps none of the others from being sent.
        """
        refusal: UserError | None = None
        for event in events:
            try:
                await self.send_event(event)
            except UserError as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> RealtimeModelEvent:
        """Give the next event. A cancellation loses nothing.

        Raises:
            StopAsyncIteration: the connection has ended in an orderly way.
            RealtimeConnectionError: it has ended otherwise.
        """

    def next_nowait(self) -> RealtimeModelEvent | None:
        """Give the next event if one is there already, else None. Not a checkpoint; it saves time in bursts."""
        return None

    async def deliver(self, take: Callable[[RealtimeModelEvent], bool]) -> None:
        """Give the events to ``take``, each as it comes, until it gives True; what a session reads with.

        By default it iterates. A connection may do better: read and give in one go, in the task of the caller. A
        checkpoint; a cancellation loses nothing, and no event is left behind by True.

        Args:
            take: takes an event; it neither waits nor raises. True means: no more for now.

        Raises:
            StopAsyncIteration, RealtimeConnectionError: as :meth:`__anext__`.
        """
        while not take(await self.__anext__()):
            for _ in range(_BURST):
                event = self.next_nowait()
                if event is None:
                    break
                if take(event):
                    return

    def next_deadline(self) -> float:
        """Give the time on trio's clock at which :meth:`expire` wants to be called; ``inf`` for never.

        A session asks for it after each :meth:`send_event`.
        """
        return inf

    def expire(self, now: float) -> Sequence[RealtimeModelEvent]:
        """Give the events that the passing of time, or sending, has caused; ``now`` is on trio's clock, in seconds."""
        del now
        return ()

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection, in bounded time. Idempotent; when cancelled it closes at once."""


class RealtimeModel(ABC):
    """Makes connections. Implement :meth:`connect` to plug in another model layer."""

    @abstractmethod
    def connect(self, config: RealtimeModelConfig) -> AbstractAsyncContextManager[RealtimeConnection]:
        """Give an async context manager whose block holds a live, configured connection.

        Args:
            config: what to connect with; ``config.initial_model_settings`` are the whole settings to begin with.

        Raises (on entering):
            RealtimeConnectionError: no connection could be made.
            ConfigRejected: the server refused the settings.
            UserError: the configuration is at fault.
        """
