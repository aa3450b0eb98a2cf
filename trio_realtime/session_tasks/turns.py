"""The turns that the application holds: which response answers which request, and what becomes of those left early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_realtime.model_events import RealtimeModelRequestSettledEvent, RealtimeModelTurnStartedEvent
from trio_realtime.model_inputs import RealtimeModelSendWithdrawal

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.tools import AgentTools
    from trio_realtime.turn import RealtimeTurn

__all__ = ["TurnBook"]

_LEFT = 64  # requests that were taken back whose responses may still begin


class TurnBook:
    """The open turns of one session, by the ids of their requests."""

    __slots__ = ("_apart", "_hub", "_left", "_open", "_waiting")

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._waiting: dict[str, RealtimeTurn] = {}
        self._open: dict[str, RealtimeTurn] = {}
        self._apart: set[str] = set()
        self._left: dict[str, None] = {}

    def add(self, turn: RealtimeTurn, *, out_of_band: bool) -> None:
        """Wait for the response to a request that is about to be sent."""
        self._waiting[turn.request_id] = self._open[turn.request_id] = turn
        if out_of_band:
            self._apart.add(turn.request_id)

    def begun(self, event: RealtimeModelTurnStartedEvent) -> AgentTools | None:
        """Find the turn whose response begins; give the tools that it asked for, or None for the agent's."""
        request_id = event.request_id
        if request_id is None and not self._hub.connection.names_requests:
            fits = (one for one in self._waiting if (one not in self._apart) == event.default_conversation)
            request_id = next(fits, None)
        turn = self._open.get(request_id or "")
        if turn is None:
            return None
        self._waiting.pop(turn.request_id, None)
        turn.begin(event.response_id)
        return turn.tools

    def was_left(self, event: RealtimeModelTurnStartedEvent) -> bool:
        """Say whether the turn of a response that begins was left already, so that nothing of it is wanted."""
        return event.cancelled or event.request_id in self._left

    def settled(self, event: RealtimeModelRequestSettledEvent) -> None:
        """A request got no response; or it got one that began without naming it, and has ended."""
        turn = self._waiting.pop(event.request_id, None)
        if turn is None:
            return
        response = self._hub.responses.get(event.response_id or "")
        if response is not None and event.response_id is not None:
            turn.begin(event.response_id)
            turn.adopt(response)
        elif event.error is not None:
            code = getattr(event.error, "code", None) or getattr(event.error, "name", None)
            turn.fail(event.error, code or "refused")
            self._open.pop(event.request_id, None)  # a response that begins all the same is not its own

    def lost(self, request_id: str | None) -> None:
        """A request whose response was lost with its connection is not sent again."""
        turn = self._open.get(request_id or "")
        if turn is not None:
            turn.give_up("incomplete", "connection_lost")

    def interrupted(self, request_id: str | None) -> None:
        """A request whose response was stopped is not sent again, for the user has interrupted it."""
        turn = self._open.get(request_id or "")
        if turn is not None:
            turn.give_up("cancelled", "client_cancelled")

    def leave(self, turn: RealtimeTurn) -> None:
        """Follow a turn no more."""
        self._waiting.pop(turn.request_id, None)
        self._open.pop(turn.request_id, None)
        self._apart.discard(turn.request_id)

    def abandon(self, turn: RealtimeTurn) -> None:
        """Cancel a response that nobody wants any more, wherever it is: once, and not at all if that is done."""
        hub, response_id = self._hub, turn.response_id
        if response_id is None or turn.goes_on():
            if turn.outcome is None:
                self._left[turn.request_id] = None
                if len(self._left) > _LEFT:
                    del self._left[next(iter(self._left))]
                hub.input_gate.forget(turn.request_id)
                hub.outbox.send_first(RealtimeModelSendWithdrawal(request_id=turn.request_id))
            return
        response = hub.responses.get(response_id)
        if response is None or response.silenced:
            return
        command = hub.interrupt(response_id=response_id, cancel=response.active)
        if response.active or command.truncations:
            hub.outbox.send_first(command)

    def close(self, error: Exception) -> None:
        """The session has ended."""
        for turn in list(self._open.values()):
            turn.fail(error, "session_closed", closed=True)
        self._waiting.clear()
        self._open.clear()
