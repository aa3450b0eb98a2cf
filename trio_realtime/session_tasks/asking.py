"""Asking for a response of one's own: what ``session.respond()`` is given, checked and brought into a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import attrs

from trio_realtime._structure import NOT_GIVEN, structure
from trio_realtime.config import RealtimeSessionModelSettings, RealtimeUserInput
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.ids import new_id
from trio_realtime.model_inputs import RealtimeModelSendResponseRequest
from trio_realtime.session_tasks.spoken import user_item, words_of_items
from trio_realtime.tools import AgentTools, FunctionTool, HostedMCPTool, check_names
from trio_realtime.turn import RealtimeTurn, TurnScope

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["respond"]


def respond(
    hub: SessionHub,
    input: RealtimeUserInput | Sequence[Mapping[str, Any]] | None,
    *,
    tools: Sequence[Any] | None,
    conversation: str,
    metadata: Mapping[str, str] | None,
    settings: Mapping[str, Any],
) -> TurnScope:
    """Check the arguments of ``session.respond()`` and give its block.

    Raises:
        UserError: one is at fault.
    """
    if conversation not in {"auto", "none"}:
        raise UserError(f"conversation must be 'auto' or 'none', not {conversation!r}")
    given = {name: value for name, value in settings.items() if value is not None}
    chosen = structure(given, RealtimeSessionModelSettings, name="respond")
    offered: AgentTools | None = None
    if tools is not None:
        offered = AgentTools(tools=_tools(tools))
        check_names(offered.tools, ())
        chosen = attrs.evolve(chosen, tools=offered.tools, handoffs=NOT_GIVEN)
    request = RealtimeModelSendResponseRequest(
        request_id=new_id("event"),
        items=_items(input, apart=conversation == "none"),
        conversation=cast("Any", conversation),
        settings=chosen,
        metadata=_metadata(metadata),
    )
    said = None if request.items is None else words_of_items(request.items)
    return TurnScope(hub, RealtimeTurn(hub, request.request_id, offered), request, said)


def _tools(tools: Any) -> tuple[FunctionTool | HostedMCPTool, ...]:
    if isinstance(tools, (str, Mapping)) or not isinstance(tools, Sequence):
        raise UserTypeError("tools must be a list of tools")
    chosen: list[FunctionTool | HostedMCPTool] = []
    for tool in _elements(tools):
        if not isinstance(tool, (FunctionTool, HostedMCPTool)):
            raise UserTypeError(f"tools: {tool!r} is not a tool")
        chosen.append(tool)
    return tuple(chosen)


def _elements(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value)


def _items(input: Any, *, apart: bool) -> list[dict[str, Any]] | None:
    """A message of the user; of an out-of-band response also items of the protocol, or none at all."""
    if input is None:
        return None
    if not apart or isinstance(input, str) or not isinstance(input, Sequence):
        return [user_item(input)]
    items: list[dict[str, Any]] = []
    for index, item in enumerate(_elements(input)):
        if not isinstance(item, Mapping) or not isinstance(cast("Any", item).get("type"), str):
            raise UserError(f"input[{index}] must be a dict with a 'type'")
        items.append(dict(cast("Any", item)))
    return items


def _metadata(metadata: Any) -> dict[str, str] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise UserTypeError(f"metadata must be a dict of texts, not {type(metadata).__name__}")
    pairs: dict[Any, Any] = dict(cast("Any", metadata))
    if not all(isinstance(value, str) for value in (*pairs, *pairs.values())):
        raise UserTypeError("metadata must be a dict of texts")
    return pairs
