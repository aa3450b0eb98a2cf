"""What an ``error`` event means, and for whom: for a request that waits, for the session, or for nobody."""

from __future__ import annotations

import logging

from trio_realtime.core.responses import Handled
from trio_realtime.model_events import (
    RealtimeModelConfigRejectedEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelRequestSettledEvent,
)
from trio_realtime.openai.server_events_session import ErrorEvent
from trio_realtime.openai.server_values import ServerErrorDetails
from trio_realtime.openai.severity import (
    COMMIT_EMPTY,
    SESSION_EXPIRED,
    active_response_id,
    config_rejected,
    is_active_response,
    is_fatal,
    is_item_gone,
    refuses_configuration,
    refuses_response,
    server_error,
    severity_of,
)
from trio_realtime.openai.state import ProtocolState, follow_ups

__all__ = ["ServerErrors", "exception_event"]

logger: logging.Logger = logging.getLogger("trio_realtime")


def exception_event(error: ServerErrorDetails, context: str, now: float) -> RealtimeModelExceptionEvent:
    """Give the end of the session because of a fatal error."""
    return RealtimeModelExceptionEvent(received_at=now, exception=server_error(error, "fatal"), context=context)


def _settled(handled: Handled, error: ServerErrorDetails, now: float) -> list[RealtimeModelEvent]:
    """Say that a request for a response was refused."""
    if handled.request is None or not handled.request.followed:
        return []
    request_id = handled.request.event_id
    return [RealtimeModelRequestSettledEvent(received_at=now, request_id=request_id, error=server_error(error))]


class ServerErrors:
    """Finds out what each error event answers."""

    def __init__(self, state: ProtocolState) -> None:
        self._state = state

    def on_error(self, event: ErrorEvent, now: float) -> list[RealtimeModelEvent]:
        """Give what the error means to a session; nothing for a benign one."""
        error, state = event.error, self._state
        if error.code == SESSION_EXPIRED:
            state.expired = True
            return []
        if is_active_response(error):
            logger.debug("a response is active; the request waits: %s", error.message)
            handled = state.responses.refused_active(error.event_id, active_response_id(error), now)
            lost = handled.request is not None and handled.request.out_of_band  # it is not sent again
            told = [*self._report(error, now), *_settled(handled, error, now)] if lost else []
            return [*told, *follow_ups(state, handled.actions, now)]
        refused = self._refused_update(error)
        if refused is not None:
            state.updates.refused(refused)
            return [RealtimeModelConfigRejectedEvent(received_at=now, error=config_rejected(error, refused))]
        self._refused_input(error)
        events: list[RealtimeModelEvent] = self._refused_item(error, now)
        if error.event_id is not None or refuses_response(error):
            handled = state.responses.refused(error.event_id, now)
            events += [*_settled(handled, error, now), *follow_ups(state, handled.actions, now)]
        return [*self._report(error, now), *events]

    def _refused_item(self, error: ServerErrorDetails, now: float) -> list[RealtimeModelEvent]:
        """An item that a response was asked for with was refused: the response would answer something else."""
        request_id = self._state.items.pop(error.event_id or "", None)
        if request_id is None:
            return []
        handled = self._state.responses.withdraw(request_id, now)
        return [*_settled(handled, error, now), *follow_ups(self._state, handled.actions, now)]

    def _refused_input(self, error: ServerErrorDetails) -> None:
        """What was refused will not be settled any more."""
        unsettled = self._state.unsettled
        if unsettled is None:
            return
        head = (error.param or "").partition(".")[0]
        if error.event_id is not None:
            unsettled.refused(error.event_id)
        elif error.code == COMMIT_EMPTY:
            unsettled.refused_oldest("input_audio_buffer.commit")
        elif is_item_gone(error.code):
            unsettled.refused_oldest("conversation.item.delete")
        elif head in {"item", "previous_item_id"}:
            unsettled.refused_oldest("conversation.item.create")

    def _refused_update(self, error: ServerErrorDetails) -> str | None:
        updates = self._state.updates
        if error.event_id is not None:
            return error.event_id if updates.is_waiting(error.event_id) else None
        return updates.oldest if refuses_configuration(error) else None

    def _report(self, error: ServerErrorDetails, now: float) -> list[RealtimeModelEvent]:
        if is_fatal(error.code, error.type):
            return [exception_event(error, "error event", now)]
        if severity_of(error.code, error.type) == "benign" or self._follows_interruption(error):
            logger.debug("the server says, which does no harm: %s (%s)", error.message, error.code)
            return []
        return [RealtimeModelErrorEvent(received_at=now, error=server_error(error))]

    def _follows_interruption(self, error: ServerErrorDetails) -> bool:
        """An interruption truncates and deletes what may just have gone, or may be shorter than was thought."""
        cut = self._state.cut
        if error.event_id is not None:
            return error.event_id in cut
        if not len(cut):
            return False
        if is_item_gone(error.code):
            return cut.named_in(error.message or "") or "item_" not in (error.message or "")
        return error.param == "audio_end_ms"
