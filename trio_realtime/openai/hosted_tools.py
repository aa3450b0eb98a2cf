"""What the service does with MCP servers on its own side: listing their tools, asking for approval, calling them.

What belongs together comes in pieces, in events that name the item only; here the pieces are put together. Source: the
protocol's guide to MCP tools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeAlias

import attrs

from trio_realtime.model_events import (
    McpCallStatus,
    McpListToolsStatus,
    RealtimeModelEvent,
    RealtimeModelMcpApprovalRequestedEvent,
    RealtimeModelMcpCallEvent,
    RealtimeModelMcpListToolsEvent,
    ResponseError,
)
from trio_realtime.openai.server_event import ServerEvent
from trio_realtime.openai.server_events_response import (
    McpListToolsCompletedEvent,
    McpListToolsFailedEvent,
    McpListToolsInProgressEvent,
    ResponseMcpCallArgumentsDoneEvent,
    ResponseMcpCallFailedEvent,
    ResponseMcpCallInProgressEvent,
)
from trio_realtime.openai.server_values import ConversationItem
from trio_realtime.openai.state import Recent

__all__ = ["HostedTools"]

Handler: TypeAlias = "Callable[[Any, Any, float], list[RealtimeModelEvent]]"
_LISTINGS: Final[Mapping[type[ServerEvent], McpListToolsStatus]] = {
    McpListToolsInProgressEvent: "in_progress",
    McpListToolsCompletedEvent: "completed",
    McpListToolsFailedEvent: "failed",
}
_ITEMS: Final = frozenset({"mcp_approval_request", "mcp_call", "mcp_list_tools"})
_KEPT: Final = 256


@attrs.define
class _Known:
    """What is known of an item."""

    server_label: str = ""
    name: str = ""
    arguments: str = ""
    tools: tuple[str, ...] = ()
    response_id: str | None = None
    started: bool = False
    failed: bool = False
    listing: McpListToolsStatus | None = None


class HostedTools:
    """Puts the pieces together; each thing is told once, however often the server says it."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._told = Recent(_KEPT)

    def handle(self, event: ServerEvent, now: float) -> list[RealtimeModelEvent]:
        """Give what an event means that only concerns this: one of ``HANDLERS``."""
        return self.HANDLERS[type(event)](self, event, now)

    def item(
        self, item: ConversationItem, now: float, *, done: bool, response_id: str | None = None
    ) -> list[RealtimeModelEvent]:
        """Give what an item means; nothing for one of another kind, or without an id.

        Args:
            item: any item.
            now: the time, in seconds.
            done: it is whole.
            response_id: the response that it came with.
        """
        if not item.id or item.type not in _ITEMS:
            return []
        known = self._note(item.id, item, response_id)
        if not done or (item.type != "mcp_list_tools" and item.id in self._told):
            return []
        if item.type == "mcp_approval_request":
            if item.status == "incomplete":  # broken off: nobody waits for an answer
                return []
            self._told.add(item.id)
            return [
                RealtimeModelMcpApprovalRequestedEvent(
                    received_at=now,
                    item_id=item.id,
                    server_label=known.server_label,
                    name=known.name,
                    arguments=known.arguments,
                    response_id=known.response_id,
                )
            ]
        return self._call_ended(item.id, item, known, now) if item.type == "mcp_call" else []

    def _listing(self, event: Any, now: float) -> list[RealtimeModelEvent]:
        known, status = self._get(event.item_id), _LISTINGS[type(event)]
        if known.listing == status:
            return []
        known.listing = status
        listing = RealtimeModelMcpListToolsEvent(
            received_at=now,
            item_id=event.item_id,
            server_label=known.server_label,
            status=status,
            tools=known.tools,
        )
        return [listing]

    def _in_progress(self, event: ResponseMcpCallInProgressEvent, now: float) -> list[RealtimeModelEvent]:
        return self._call_began(event.item_id, now)

    def _arguments(self, event: ResponseMcpCallArgumentsDoneEvent, now: float) -> list[RealtimeModelEvent]:
        """Note the arguments of a call, which its item may not have when it begins."""
        del now
        known = self._get(event.item_id)
        known.arguments, known.response_id = event.arguments, event.response_id
        return []

    def _call_began(self, item_id: str, now: float) -> list[RealtimeModelEvent]:
        known = self._get(item_id)
        if known.started or item_id in self._told:
            return []
        known.started = True
        return [self._call(item_id, known, "in_progress", now)]

    def _call_failed(self, event: ResponseMcpCallFailedEvent, now: float) -> list[RealtimeModelEvent]:
        """Note that a call has failed; why comes with its item."""
        del now
        self._get(event.item_id).failed = True
        return []

    def _call_ended(self, item_id: str, item: ConversationItem, known: _Known, now: float) -> list[RealtimeModelEvent]:
        events = self._call_began(item_id, now)
        self._told.add(item_id)
        del self._known[item_id]
        error = None
        if item.error is not None:
            code = None if item.error.code is None else str(item.error.code)
            error = ResponseError(type=item.error.type, code=code, message=item.error.message)
        elif known.failed or item.status == "incomplete":
            what = "failed" if known.failed else "was broken off"
            error = ResponseError(type="mcp_call", message=f"the call of the tool {what}")
        status: McpCallStatus = "completed" if error is None else "failed"
        return [*events, self._call(item_id, known, status, now, output=item.output, error=error)]

    def _call(
        self,
        item_id: str,
        known: _Known,
        status: McpCallStatus,
        now: float,
        *,
        output: str | None = None,
        error: ResponseError | None = None,
    ) -> RealtimeModelMcpCallEvent:
        return RealtimeModelMcpCallEvent(
            received_at=now,
            item_id=item_id,
            server_label=known.server_label,
            name=known.name,
            arguments=known.arguments,
            status=status,
            output=output,
            error=error,
            response_id=known.response_id,
        )

    def _note(self, item_id: str, item: ConversationItem, response_id: str | None) -> _Known:
        known = self._get(item_id)
        known.server_label = item.server_label or known.server_label
        known.name = item.name or known.name
        known.arguments = item.arguments or known.arguments
        known.response_id = response_id or known.response_id
        if item.tools:
            known.tools = tuple(tool.name for tool in item.tools)
        return known

    def _get(self, item_id: str) -> _Known:
        known = self._known.setdefault(item_id, _Known())
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        return known

    HANDLERS: ClassVar[Mapping[type[ServerEvent], Handler]] = {
        **dict.fromkeys(_LISTINGS, _listing),
        ResponseMcpCallArgumentsDoneEvent: _arguments,
        ResponseMcpCallInProgressEvent: _in_progress,
        ResponseMcpCallFailedEvent: _call_failed,
    }
    """The events that only concern this, and what each means."""
