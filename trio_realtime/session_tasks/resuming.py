"""Going on with a conversation that began elsewhere: what is kept of a session, and what becomes of it in another.

On a server that knows nothing of it, the conversation is made again item by item, in order and acknowledged. A tool
call that had no output gets exactly one: one that waited for a person is asked about again; one that may have begun
ends with the word that its result is not known, or is run again, as ``tool_execution.on_resume`` says. Of a reply
that had not ended, what was heard stays, and it is asked for again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from math import floor
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from trio_realtime.agent import RealtimeAgent
from trio_realtime.core.heard import Cut, heard_item
from trio_realtime.core.replay import message_content, plan_replay
from trio_realtime.errors import AgentsException, RealtimeConnectionError, SessionClosed, UserError
from trio_realtime.events import RealtimeHistoryUpdated
from trio_realtime.handoffs import Handoff, realtime_handoff
from trio_realtime.items import AssistantMessageItem, RealtimeItem, RealtimeToolCallItem
from trio_realtime.model_events import RealtimeModelToolCallEvent
from trio_realtime.model_inputs import RealtimeModelSendToolOutput
from trio_realtime.session_tasks.editing import create_items
from trio_realtime.session_tasks.handoff_path import PathStep
from trio_realtime.snapshot import AgentStep, OpenCall, SessionSnapshot, StandingDecision
from trio_realtime.usage import Usage

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.session_tasks.responses import Response

__all__ = ["begin", "find_agent", "restore", "seed", "snapshot_of"]

_CUT_OFF: Final = (
    "The call was cut off before it had a result, so that it is not known whether it was carried out. "
    "Check that before you call the tool again."
)


# -- keeping -------------------------------------------------------------------------------------------------------


def snapshot_of(hub: SessionHub) -> SessionSnapshot:
    """Give what another process needs to go on."""
    usage = Usage()
    usage.add(attrs.evolve(hub.wrapper.usage, request_usage_entries=[]))
    usage.request_usage_entries.clear()
    approvals = hub.wrapper.standing_decisions()
    return SessionSnapshot(
        agent=hub.agent.name,
        history=_history_as_heard(hub) if hub.stored is None else hub.stored.without(_history_as_heard(hub)),
        calls=_open_calls(hub),
        awaits_response=_awaits_response(hub),
        decisions=tuple(
            StandingDecision(tool=tool, approved=approved, message=message) for tool, approved, message in approvals
        ),
        ways_back=_names(hub.more_handoffs),
        path=tuple(AgentStep(agent=step.agent.name, ways_back=_names(step.ways_back)) for step in hub.path),
        slots=hub.slots.items,
        usage=usage,
        seconds=hub.seconds(),
    )


def _names(handoffs: Sequence[Handoff]) -> tuple[str, ...]:
    return tuple(handoff.agent_name for handoff in handoffs)


def _unfinished(hub: SessionHub) -> list[Response]:
    """Give the responses that are still wanted: one that was interrupted is cut already, and not asked for again."""
    return [response for response in hub.responses.active() if not response.silenced]


def _awaits_response(hub: SessionHub) -> bool:
    """Say whether a response was asked for, or has begun, and has not ended."""
    if hub.began is None:
        return hub.resumed is not None and hub.resumed.awaits_response
    if _unfinished(hub) or hub.supervisor.replayer.asks_again:
        return True
    if not hub.supervisor.is_usable(hub.connection):
        return False  # there is none, and nothing is to be asked for on the next
    return any(left.response_id is None for left in hub.connection.unfinished().responses)


def _history_as_heard(hub: SessionHub) -> tuple[RealtimeItem, ...]:
    """Give the history; of replies that have not ended only what was heard of them: they are asked for again."""
    history = hub.conversation.snapshot()
    unfinished = {item_id for response in _unfinished(hub) for item_id in response.items}
    if not unfinished:
        return tuple(history)
    state = hub.tracker.get_state() if hub.tracker is not None else None
    cuts: dict[str, dict[int, Cut]] = {}
    for part in hub.playback.heard(trio.current_time(), state) if hub.began is not None else ():
        cut = Cut(heard_ms=floor(part.heard_ms), total_ms=part.total_ms)
        cuts.setdefault(part.item_id, {})[part.content_index] = cut
    heard = (_as_heard(item, cuts) if item.item_id in unfinished else item for item in history)
    return tuple(item for item in heard if item is not None)


def _as_heard(item: RealtimeItem, cuts: Mapping[str, Mapping[int, Cut]]) -> RealtimeItem | None:
    """Give a reply as it was heard until now; None if nothing was."""
    if not isinstance(item, AssistantMessageItem):
        return item
    heard = heard_item(item, cuts[item.item_id]) if item.item_id in cuts else None
    return heard if heard is not None and message_content(heard) else None


def _open_calls(hub: SessionHub) -> tuple[OpenCall, ...]:
    waiting = {pending.call_id for pending in hub.approvals.pending} if hub.began is not None else set[str]()
    known = () if hub.resumed is None or hub.began is not None else hub.resumed.calls
    return (
        *known,
        *(
            OpenCall(call_id=call_id, state="waiting" if call_id in waiting else "running")
            for call_id in hub.ledger.open_calls()
            if hub.conversation.call_item(call_id) is not None
        ),
    )


# -- taking up -----------------------------------------------------------------------------------------------------


def find_agent(start: RealtimeAgent[Any], name: str) -> RealtimeAgent[Any]:
    """Give the agent of that name, which can be reached from ``start`` by handoffs.

    Raises:
        UserError: there is none.
    """
    seen: dict[int, RealtimeAgent[Any]] = {id(start): start}
    for agent in _growing(seen):
        if agent.name == name:
            return agent
        for target in map(_target, agent.handoffs):
            if target is not None:
                seen.setdefault(id(target), target)
    names = ", ".join(repr(agent.name) for agent in seen.values())
    raise UserError(f"resume.agent: there is no agent {name!r} among {names}; begin with one that can hand over to it")


def _growing(seen: dict[int, RealtimeAgent[Any]]) -> Iterator[RealtimeAgent[Any]]:
    """Give the values of a dict that grows meanwhile."""
    at = 0
    while at < len(seen):
        yield list(seen.values())[at]
        at += 1


def _target(handoff: RealtimeAgent[Any] | Handoff) -> RealtimeAgent[Any] | None:
    """Give the agent of a handoff; one of the user's own making tells it only when it is called."""
    if isinstance(handoff, RealtimeAgent):
        return handoff
    agent: RealtimeAgent[Any] | None = getattr(handoff.on_invoke_handoff, "agent", None)
    return agent if isinstance(agent, RealtimeAgent) else None


def seed(hub: SessionHub, history: Sequence[RealtimeItem], *, runs: Collection[str] = ()) -> None:
    """Begin with these items; of their calls, those of ``runs`` are still to be run."""
    for item in history:
        hub.conversation.upsert(item)
        if isinstance(item, RealtimeToolCallItem) and item.call_id and item.call_id not in runs:
            hub.ledger.note_past(item.call_id, item.name, item.arguments)


def restore(hub: SessionHub, snapshot: SessionSnapshot) -> None:
    """Begin where a snapshot ends.

    Raises:
        UserError: its agent is not there.
    """
    start = hub.agent
    hub.agent = find_agent(start, snapshot.agent)
    hub.more_handoffs = tuple(realtime_handoff(find_agent(start, name)) for name in snapshot.ways_back)
    for step in snapshot.path:
        with suppress(UserError):  # it was not come to by a handoff that can be found: nobody hands back to it
            ways = tuple(realtime_handoff(find_agent(start, name)) for name in step.ways_back)
            hub.path = (*hub.path, PathStep(find_agent(start, step.agent), ways))
    hub.slots.restore(snapshot.slots)
    hub.resumed = snapshot
    hub.wrapper.usage.add(snapshot.usage)
    for decision in snapshot.decisions:
        if decision.approved:
            hub.wrapper.approve_tool(decision.tool, "always", always=True)
        else:
            hub.wrapper.reject_tool(decision.tool, "always", always=True, rejection_message=decision.message)
    seed(hub, snapshot.history, runs={call.call_id for call in snapshot.calls if _runs(hub, call)})


def _runs(hub: SessionHub, call: OpenCall) -> bool:
    """Say whether a call without an output is run now, for the first time or again."""
    return call.state == "waiting" or hub.run_config.tool_execution.on_resume == "run"


async def begin(hub: SessionHub) -> None:
    """Tell the server of the conversation so far, and see to what was left open.

    Raises:
        ServerError: the server refused an item.
        RealtimeTimeoutError: it did not answer (name ``"item"``).
        RealtimeConnectionError: the connection was lost again.
    """
    if not len(hub.conversation):
        return
    try:
        if hub.model_config.call_id is None:  # a call that runs has its conversation at the service
            await _replay(hub)
        if hub.resumed is not None:
            await _settle(hub, hub.resumed)
    except SessionClosed:
        raise hub.failure or RealtimeConnectionError("the server closed the connection", code=1000) from None


async def _replay(hub: SessionHub) -> None:
    calls = () if hub.resumed is None else hub.resumed.calls
    replay = plan_replay(hub.conversation.snapshot(), pending={call.call_id for call in calls})
    hub.supervisor.replayer.plan(replay)
    if replay.items:
        await create_items(hub, [one.fields for one in replay.items], hub.run_config.timeouts.connect)


async def _settle(hub: SessionHub, snapshot: SessionSnapshot) -> None:
    """Give each open call its output, and ask for the response that was never given."""
    runs, failed = False, False
    for call in snapshot.calls:
        item = hub.conversation.call_item(call.call_id)
        if item is None or item.output is not None:
            continue
        event = RealtimeModelToolCallEvent(
            name=item.name, call_id=call.call_id, arguments=item.arguments, id=item.item_id
        )
        if _runs(hub, call):
            runs = runs or call.state == "running"
            hub.tool_runner.submit(event)
            continue
        failed = True
        await hub.outbox.send(RealtimeModelSendToolOutput(tool_call=event, output=_CUT_OFF, start_response=False))
        hub.conversation.complete_call(call.call_id, _CUT_OFF)
        hub.report(AgentsException(f"the call {call.call_id!r} of the tool {item.name!r} was cut off"))
    if failed:
        hub.publish(RealtimeHistoryUpdated(info=hub.info, history=hub.told_history()))
    if failed or (snapshot.awaits_response and not runs):
        hub.tool_runner.go_on()
