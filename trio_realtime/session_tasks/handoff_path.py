"""The way that a conversation has come from agent to agent, so that who gets it back can hand it back in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from trio_realtime.handoffs import Handoff, realtime_handoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["PathStep", "next_steps"]

_MOST: Final = 64
"""Agents on the way; beyond them the first are forgotten."""


@attrs.frozen
class PathStep:
    """An agent that has handed over, and what it could hand back to then."""

    agent: RealtimeAgent[Any]
    ways_back: tuple[Handoff, ...] = ()


def next_steps(
    hub: SessionHub, target: RealtimeAgent[Any], *, way_back: bool
) -> tuple[tuple[Handoff, ...], Sequence[PathStep]]:
    """Give what ``target`` can hand back to, and the way to it, if the conversation is handed over to it.

    An agent that has it back has what it had before; from there it is as if the agents behind it had never been.
    """
    path = hub.path
    if target is hub.agent:
        return hub.more_handoffs, path
    at = next((index for index, step in enumerate(path) if step.agent is target), None)
    ways = {} if at is None else {handoff.tool_name: handoff for handoff in path[at].ways_back}
    if way_back:
        back = realtime_handoff(hub.agent)
        ways.setdefault(back.tool_name, back)
    here = [*path, PathStep(hub.agent, hub.more_handoffs)][-_MOST:] if at is None else path[:at]
    return tuple(ways.values()), here
