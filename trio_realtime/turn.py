"""A turn: one response that the application asked for, as a block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

import attrs
import trio

from trio_realtime.core.delivery import EventBuffer, Hold, Overflow, Unbuilt
from trio_realtime.errors import InputGuardrailTripwireTriggered, ServerError, UserError
from trio_realtime.events import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeGuardrailTripped,
    RealtimeSessionEvent,
    RealtimeTranscript,
)
from trio_realtime.items import AssistantMessageItem, AssistantText
from trio_realtime.model_event_values import ResponseStatus
from trio_realtime.model_inputs import RealtimeModelSendResponseRequest
from trio_realtime.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trio_realtime._growing import GrowingText
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.session_tasks.responses import Response
    from trio_realtime.session_tasks.streams import EventStream
    from trio_realtime.tools import AgentTools

__all__ = ["RealtimeTurn", "TurnScope", "TurnTimings"]

_EVENTS = (
    RealtimeAgentStartEvent,
    RealtimeAgentEndEvent,
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeTranscript,
    RealtimeGuardrailTripped,
)


@attrs.frozen(kw_only=True)
class TurnTimings:
    """When the stages of a turn were reached, in seconds of trio's clock; None for what was not (yet).

    Attributes:
        asked: the block of ``respond()`` was entered.
        began: the response began.
        first_words, first_audio: the first of its words, and of its audio, came.
        ended: it ended.
    """

    asked: float
    began: float | None = None
    first_words: float | None = None
    first_audio: float | None = None
    ended: float | None = None


class RealtimeTurn(AsyncIterator[RealtimeSessionEvent]):
    """One response, and what came of it. Given by :meth:`RealtimeSession.respond`, which see.

    It is an async iterator over the session's events of this response, from ``agent_start`` to ``agent_end``. The
    session's own reader gives them as well. If the connection is lost meanwhile and made again, the response is asked
    for again, and the turn goes on with that one after the ``agent_end`` of the first.
    """

    def __init__(self, hub: SessionHub, request_id: str, tools: AgentTools | None) -> None:
        self._hub = hub
        self.request_id: str = request_id
        self.tools: AgentTools | None = tools
        self.left: bool = False
        self._response_id: str | None = None
        self._before: set[str] = set()  # responses that were lost with their connection
        self._outcome: ResponseStatus | None = None
        self._reason: str | None = None
        self._error: Exception | None = None
        self._usage: Usage | None = None
        self._timings = TurnTimings(asked=trio.current_time())
        self._words: dict[tuple[str, int], str | GrowingText] = {}
        self._over = trio.Event()
        self._closed: Exception | None = None
        self._stream: EventStream[RealtimeSessionEvent] = hub.stream_over(_TurnBuffer(hub, self))
        self._read_whole = False

    # -- what is known -----------------------------------------------------------------------------------------------

    @property
    def response_id(self) -> str | None:
        """The response; None as long as it has not begun."""
        return self._response_id

    @property
    def outcome(self) -> ResponseStatus | None:
        """``"completed"``, ``"cancelled"``, ``"failed"`` or ``"incomplete"``; None as long as it goes on.

        A turn that was left early is cancelled. A request that the server refused, or did not answer in time, and a
        response that the end of the session or of its connection cut off, have failed; so has a turn whose words an
        input guardrail objects to.
        """
        return self._outcome

    @property
    def reason(self) -> str | None:
        """Why it was cancelled, is incomplete or failed, in a word: ``"turn_detected"``, ``"content_filter"``, ...

        ``"left"`` if the block was left early, ``"session_closed"`` if the session ended before.
        """
        return self._reason

    @property
    def error(self) -> Exception | None:
        """Why it failed: a ServerError, a RealtimeTimeoutError (no response began), a SessionClosed, an
        InputGuardrailTripwireTriggered."""
        return self._error

    @property
    def usage(self) -> Usage | None:
        """Its token counts, once it has ended and if the server gave them."""
        return self._usage

    @property
    def timings(self) -> TurnTimings:
        """When its stages were reached."""
        return self._timings

    # -- reading -----------------------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RealtimeSessionEvent:
        """Give the next event of the response. A checkpoint for cancellation, which loses nothing.

        Raises:
            StopAsyncIteration: the response has ended, or got none.
            Exception: what the session failed with.
        """
        event = await self._stream.__anext__()
        self._read_whole = isinstance(event, RealtimeAgentEndEvent) and self._outcome is not None
        return event

    async def wait(self) -> None:
        """Wait until the response has ended and its words were checked. A checkpoint."""
        await trio.lowlevel.checkpoint()
        await self._over.wait()

    async def text(self) -> str:
        """Wait for the end, and give what was said: the text, or the transcript of a spoken reply.

        Of a response that was interrupted, all that was generated: what was heard of it is in the history.
        A checkpoint.

        Raises:
            SessionClosed: the session ended before.
        """
        await self.wait()
        if self._closed is not None:
            raise self._closed
        return "".join(str(text) for text in self._words.values())

    # -- the session's side ------------------------------------------------------------------------------------------

    def entered(self) -> None:
        """It is asked for now."""
        self._timings = TurnTimings(asked=trio.current_time())

    def begin(self, response_id: str) -> None:
        """The response has begun; again, if the connection was lost meanwhile."""
        if self._response_id is not None and self._response_id != response_id:
            self._before.add(self._response_id)
        self._response_id = response_id
        self._words.clear()

    def takes(self, event: RealtimeSessionEvent) -> bool:
        """Say whether an event is of this response, and note what it tells."""
        response_id = getattr(event, "response_id", None)
        if response_id is None or response_id != self._response_id or self.left:
            return response_id in self._before and not self.left  # held back until the next one had begun
        if isinstance(event, RealtimeAgentStartEvent):
            self._timings = attrs.evolve(self._timings, began=event.received_at)
        elif isinstance(event, RealtimeTranscript):
            self._words[event.item_id, event.content_index] = event.words
            if self._timings.first_words is None:
                self._timings = attrs.evolve(self._timings, first_words=event.received_at)
        elif isinstance(event, RealtimeAudio) and self._timings.first_audio is None:
            self._timings = attrs.evolve(self._timings, first_audio=event.received_at)
        return True

    def goes_on(self) -> bool:
        """Say whether the response is asked for again, because its connection was lost."""
        response = self._hub.responses.get(self._response_id or "")
        return response is not None and response.asked_again

    def end(self, event: RealtimeAgentEndEvent) -> None:
        """The response has ended, and this event, which says so, is the last of the turn."""
        fault, reason = event.error, event.reason
        if fault is not None:
            message = fault.message or "the response failed"
            self._error = ServerError(message, type=fault.type or "", code=fault.code)
            reason = reason or fault.code or fault.type
        self._usage = event.usage
        self._settle(event.status, reason, event.received_at)

    def adopt(self, response: Response) -> None:
        """A response that has ended, and began without naming the request, was its answer: take over what it said."""
        ending = response.ending
        for item_id in response.items:
            item = self._hub.conversation.get(item_id)
            for index, part in enumerate(item.content if isinstance(item, AssistantMessageItem) else ()):
                self._words[item_id, index] = (part.text if isinstance(part, AssistantText) else part.transcript) or ""
        if ending is not None:
            self.end(
                RealtimeAgentEndEvent(
                    info=self._hub.info,
                    agent=response.agent,
                    response_id=response.response_id,
                    status=ending.status,
                    reason=ending.reason,
                    error=ending.error,
                    usage=ending.usage,
                    received_at=ending.received_at,
                )
            )

    def fail(self, error: Exception, reason: str, *, closed: bool = False) -> None:
        """There is no response, or the rest of it will not come."""
        if self._outcome is None:
            self._error = error
            self._closed = error if closed else None
            self._settle("failed", reason, trio.current_time())

    def give_up(self, outcome: ResponseStatus, reason: str) -> None:
        """The rest of the response will not come, and no other."""
        self._settle(outcome, reason, trio.current_time())

    def _settle(self, outcome: ResponseStatus, reason: str | None, at: float | None) -> None:
        if self._outcome is None:
            self._outcome, self._reason = outcome, reason
            self._timings = attrs.evolve(self._timings, ended=at)
        self._over.set()
        if self._closed is None:  # else the session ends the stream, with what it failed with
            self._stream.finish(None)

    def leave(self) -> None:
        """The block is left: early, if the response goes on, or if its events are read and were not read whole."""
        if self.left:
            return
        hub, begun = self._hub, self._stream.buffer.begun
        early = self._outcome is None or (begun and not self._read_whole)
        hub.turns.leave(self)
        if early and not hub.ended.is_set():
            hub.turns.abandon(self)
        if self._outcome is None:
            self._settle("cancelled", "left", trio.current_time())
        self.left = True
        self._stream.purge_audio(None)  # nobody waits for it to be taken


class _TurnBuffer(EventBuffer):
    """The events of one turn; a stream's filter by response."""

    def __init__(self, hub: SessionHub, turn: RealtimeTurn) -> None:
        super().__init__(hub.run_config.delivery, _EVENTS)
        self._hub = hub
        self._turn = turn

    def put(self, event: RealtimeSessionEvent | Unbuilt, size: int = 0, audio_ms: float = 0.0) -> Overflow | None:
        if isinstance(event, Unbuilt) or not self._turn.takes(event):
            return None
        full = super().put(event, size, audio_ms)
        self._look(event)
        return full

    def put_first(self, event: RealtimeSessionEvent) -> None:
        if self._turn.takes(event):
            super().put_first(event)

    def insert_before(self, hold: Hold, events: Iterable[tuple[RealtimeSessionEvent, int]]) -> None:
        mine = [(event, size) for event, size in events if self._turn.takes(event)]
        super().insert_before(hold, mine)
        for event, _ in mine:
            self._look(event)

    def _look(self, event: RealtimeSessionEvent) -> None:
        turn = self._turn
        if isinstance(event, RealtimeAgentEndEvent) and event.response_id == turn.response_id and not turn.goes_on():
            turn.end(event)


class TurnScope:
    """The block of one turn: asks on entering, takes back on leaving what is not over. Entered once."""

    def __init__(
        self, hub: SessionHub, turn: RealtimeTurn, request: RealtimeModelSendResponseRequest, said: str | None
    ) -> None:
        self._hub = hub
        self._said = said
        self._entered = False
        self._turn = turn
        self._request = request

    async def __aenter__(self) -> RealtimeTurn:
        """Ask for the response. Returns when the request was handed over; the response may begin later.

        A checkpoint; when cancelled, the request is taken back.

        Raises:
            UserError: the request cannot be sent as it is.
            RealtimeTimeoutError: with ``gate_input``, the server made no item of a commit (name ``"item"``).
            SessionClosed: the session has ended.
        """
        turn, hub = self._turn, self._hub
        if self._entered:
            raise UserError("a turn can be entered once; ask for another with respond()")
        self._entered = True
        turn.entered()
        try:
            apart = self._request.conversation == "none" and self._said is not None  # it knows what it is given only
            hub.input_gate.let_pass(self._request.request_id)
            await hub.input_gate.screen(self._said, settle=not apart)
        except InputGuardrailTripwireTriggered as error:
            turn.fail(error, "input_guardrail")
            return turn
        hub.turns.add(turn, out_of_band=self._request.conversation == "none")
        try:
            await hub.outbox.send_and_wait(self._request)
        except BaseException:
            turn.leave()
            raise
        return turn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave: a response that goes on is cancelled, cut where it was heard, and purged. Not a checkpoint."""
        self._turn.leave()
