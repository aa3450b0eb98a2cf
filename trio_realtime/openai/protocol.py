"""The client side of the Realtime protocol without input and output: messages in, model events out, and the reverse.

It owns no clock either: every method takes the time, in seconds, on the clock of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from trio_realtime.audio import PCM16, AudioFormat
from trio_realtime.config import Timeouts
from trio_realtime.core.responses import ResponseRequest, ResponseSequencer
from trio_realtime.core.unsettled import Unsettled
from trio_realtime.dialect import Dialect
from trio_realtime.errors import InternalError, ModelBehaviorError
from trio_realtime.ids import new_id
from trio_realtime.model import Unfinished, UnfinishedResponse
from trio_realtime.model_events import RealtimeModelErrorEvent, RealtimeModelEvent, RealtimeModelRawServerEvent
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendEvent,
    RealtimeModelSendRawMessage,
    RealtimeModelSendResponseRequest,
)
from trio_realtime.openai.codec import parse, structure_event
from trio_realtime.openai.deltas import decode_delta
from trio_realtime.openai.incoming import Incoming
from trio_realtime.openai.outgoing import Outgoing, OutgoingProtocol
from trio_realtime.openai.settings import DEFAULT_REALTIME_MODEL
from trio_realtime.openai.state import NewId, ProtocolState, follow_ups

__all__ = ["OpenAIProtocol", "Outgoing"]


class OpenAIProtocol:
    """One conversation with a server that speaks the Realtime API.

    Args:
        model: the model that settings without a model name mean.
        attached: the session is a running call: defaults are not sent, only what the settings say.
        timeouts: of these, ``response``.
        raw: also give every server event as it came, before what it means.
        restorable: keep what was sent until the server has settled it, for :meth:`unfinished`.
        new_id: makes ids of events and items.

    Attributes:
        append: gives the frame that appends a piece of audio to the input buffer. With ``appended`` it is what
            :meth:`send` does for it, for less.
        appended: notes that such a frame was sent.
    """

    __slots__ = ("_dialect", "_incoming", "_outgoing", "_plain", "_raw", "_state", "append", "appended")

    def __init__(
        self,
        *,
        model: str = DEFAULT_REALTIME_MODEL,
        attached: bool = False,
        timeouts: Timeouts | None = None,
        raw: bool = False,
        restorable: bool = False,
        dialect: Dialect | None = None,
        new_id: NewId = new_id,
    ) -> None:
        timeout = (timeouts or Timeouts()).response
        self._state = ProtocolState(
            responses=ResponseSequencer(timeout),
            new_id=new_id,
            timeout=timeout,
            unsettled=Unsettled() if restorable else None,
        )
        self._incoming = Incoming(self._state)
        self._outgoing = OutgoingProtocol(self._state, model=model, attached=attached, dialect=dialect)
        self.append: Callable[[bytes], str | bytes] = self._outgoing.append
        self.appended: Callable[[bytes], None] = self._outgoing.appended
        self._dialect = dialect
        self._raw = raw
        self._plain = dialect is None and not raw

    @property
    def session_created(self) -> bool:
        """The server has begun the session."""
        return self._state.created

    @property
    def session_expired(self) -> bool:
        """The server has said that the session's time is over; it closes the connection next."""
        return self._state.expired

    @property
    def active_response_id(self) -> str | None:
        """The active response of the conversation."""
        return self._state.responses.active_id

    @property
    def output_audio_format(self) -> AudioFormat:
        """The format of the model's audio."""
        return self._state.output_format

    @property
    def input_audio_format(self) -> AudioFormat:
        """The format of the user's audio; known only to a restorable protocol."""
        return PCM16 if self._state.unsettled is None else self._state.unsettled.audio_format

    def receive(self, message: str | bytes, now: float) -> list[RealtimeModelEvent]:
        """Give what a message (``str``: text, ``bytes``: binary) means to a session. Raises nothing.

        A message that the protocol does not allow is one error event; so is one that this library has a fault with.
        """
        raw: RealtimeModelEvent | None = None
        if self._state.responses.given_up:
            self._state.responses.given_up.clear()
        try:
            if self._plain and type(message) is str and (delta := decode_delta(message, now)) is not None:
                self._incoming.alive(delta, now)
                return [delta]
            data = parse(message)
            if self._raw:
                raw = RealtimeModelRawServerEvent(received_at=now, data=data)
            if self._dialect is not None:
                data = self._dialect.from_server(data)
            events: list[RealtimeModelEvent] = self._incoming.translate(structure_event(data), now)
        except ModelBehaviorError as error:
            events = [RealtimeModelErrorEvent(received_at=now, error=error)]
        except Exception as error:  # noqa: BLE001  one message must not end a call, whatever this library makes of it
            fault = InternalError("handling a server event failed")
            fault.__cause__ = error
            events = [RealtimeModelErrorEvent(received_at=now, error=fault)]
        return events if raw is None else [raw, *events]

    def send(self, event: RealtimeModelSendEvent, now: float) -> Outgoing:
        """Give the frames of a model input, and the model events that it causes at once.

        Raises:
            UserError: it cannot be sent as it is; nothing has changed then.
        """
        return self._outgoing.translate(event, now)

    def next_deadline(self) -> float:
        """Give the time at which :meth:`expire` has something to do; ``inf`` for never."""
        return self._state.responses.next_deadline()

    def expire(self, now: float) -> list[RealtimeModelEvent]:
        """Give what the passing of time has caused."""
        return follow_ups(self._state, self._state.responses.expire(now), now)

    @property
    def expires_at(self) -> float | None:
        """When the session's time is over, in unix seconds by the server's clock; None if it has not said."""
        return self._state.expires_at

    @property
    def voice_fixed(self) -> bool:
        """Whether the model has spoken."""
        return self._state.spoken

    @property
    def responding(self) -> bool:
        """Whether a response is active, or asked for."""
        return bool(self._state.responses.unfinished())

    @property
    def idle(self) -> bool:
        """Whether no response is active or asked for, nobody speaks, and nothing is uncommitted or unsettled."""
        state, unsettled = self._state, self._state.unsettled
        if state.speaking or state.responses.unfinished():
            return False
        return unsettled is None or not (unsettled.has_events or (unsettled.has_audio and not state.detects_turns))

    def unfinished(self) -> Unfinished:
        """Give what was sent and is not settled, and what was asked for and has not ended. Before :meth:`end`."""
        unsettled, cancelled = self._state.unsettled, self._state.cancelled
        return Unfinished(
            inputs=() if unsettled is None else tuple(unsettled.rest()),
            responses=tuple(
                UnfinishedResponse(response_id=response_id, again=self._again(request))
                for response_id, request in self._state.responses.unfinished()
                if response_id not in cancelled
            ),
            dropped_audio_ms=0.0 if unsettled is None else unsettled.dropped_ms,
        )

    def _again(self, request: ResponseRequest | None) -> RealtimeModelSendEvent:
        origin = None if request is None else request.origin
        if request is not None and isinstance(origin, RealtimeModelSendResponseRequest):
            placed = origin.conversation == "auto" and request.event_id in self._state.placed
            return attrs.evolve(origin, items=None) if placed else origin
        request = request or ResponseRequest(event_id=self._state.new_id("event"), manual=False)
        message = RealtimeModelRawClientMessage(
            type="response.create",
            other_data={"event_id": request.event_id, **request.parameters},
            automatic=not request.manual,
        )
        return RealtimeModelSendRawMessage(message=message)

    def end(self) -> Sequence[str]:
        """The connection has ended; gives the event ids of the requests for a response that got no answer."""
        return [failed.request.event_id for failed in self._state.responses.fail_all()]
