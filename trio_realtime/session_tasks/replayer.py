"""Makes the conversation again on a new connection, and keeps its echo out of the history."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from trio_realtime.core.replay import Replay, ReplayedItem, message_content, plan_replay
from trio_realtime.errors import UserError
from trio_realtime.events import RealtimeHistoryUpdated
from trio_realtime.items import RealtimeToolCallItem
from trio_realtime.model import RealtimeConnection, Unfinished
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendRawMessage,
    TruncationPoint,
)
from trio_realtime.session_tasks.loss import item_of, request_name

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["Replayer"]


class _Remade(RealtimeModelRawClientMessage):
    """Part of making a replayed item again: it concerns one connection only."""


class Replayer:
    """What one session has to say again, and what of it the server's answers are.

    Attributes:
        left_out: ids of the user's items of which nothing could be said again.
    """

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._inputs: deque[RealtimeModelSendEvent] = deque()
        self._requests: deque[RealtimeModelSendEvent] = deque()
        self._items: Sequence[ReplayedItem] = ()
        self._before: dict[str, str] = {}
        self._gone: set[str] = set()
        self._remade: Counter[str] = Counter()
        self.left_out: set[str] = set()

    # -- what a lost connection leaves -------------------------------------------------------------------------------

    def inherit(self, unfinished: Unfinished, requests: Iterable[RealtimeModelSendEvent]) -> None:
        """Take what is to be done again. Deletions that the server has not confirmed are made in the history."""
        conversation, deleted = self._hub.conversation, False
        inputs: list[RealtimeModelSendEvent] = []
        for event in unfinished.inputs:
            item_id = _deleted_id(event)
            if item_id is not None and item_id in conversation:
                deleted = conversation.delete(item_id) or deleted
                self._hub.item_answers.done("delete", item_id)
                self._hub.input_gate.gone(item_id)
            elif not self._is_told(item_of(event)):
                inputs.append(event)
        self._inputs.extendleft(reversed(inputs))
        self._requests = _one_automatic([*requests, *self._requests])
        self._items, self._hub.replayed, self._hub.stands_for = (), frozenset(), {}
        if deleted:
            history = conversation.snapshot()
            self._hub.publish(RealtimeHistoryUpdated(info=self._hub.info, history=history))

    def forget(self) -> None:
        """Do nothing again: the server has it all."""
        self._inputs.clear()
        self._requests.clear()

    @property
    def asks_again(self) -> bool:
        """Whether a response is to be asked for once there is a connection again."""
        return bool(self._requests)

    def drop_requests(self) -> None:
        """Ask for no response again: the user has interrupted it."""
        for event in self._requests:
            self._hub.turns.lost(request_name(event))
        self._requests.clear()

    def withdraw(self, request_id: str) -> None:
        """Do not ask for this one again: nobody wants it any more."""
        self._requests = deque(event for event in self._requests if request_name(event) != request_id)

    def _is_told(self, item: dict[str, Any]) -> bool:
        """Say whether the replay tells of an item by itself."""
        return item.get("id") in self._hub.conversation or item.get("id") in self._hub.replayed

    # -- the replay --------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Plan the replay of the history as it is now."""
        hub = self._hub
        outputs: dict[str, str] = {}
        for event in tuple(self._inputs):
            item = item_of(event)
            call = hub.conversation.call_item(str(item.get("call_id") or ""))
            if item.get("type") == "function_call_output" and call is not None:
                outputs[str(item["call_id"])] = str(item.get("output") or "")
                self._inputs.remove(event)  # it is told with its call
        history = hub.conversation.snapshot()
        calls = [item.call_id for item in history if isinstance(item, RealtimeToolCallItem) and item.call_id]
        pending = {call_id for call_id in calls if hub.ledger.knows(call_id)}
        self.plan(plan_replay(history, outputs=outputs, pending=pending))

    def plan(self, replay: Replay) -> None:
        """Expect the echo of a replay, which the history has already."""
        hub = self._hub
        outputs = {one.item_id for one in replay.items if one.item["type"] == "function_call_output"}
        self._before = {one.item_id: one.previous_item_id for one in replay.items}
        # an output has no item of its own in a history: what stands behind it there, stands behind its call here
        hub.stands_for = {
            self._before[before] if before in outputs else before: local for before, local in replay.stands_for.items()
        }
        hub.replayed = replay.ids
        self._items = replay.items
        self._gone.clear()
        self._remade.clear()
        self.left_out.update(replay.left_out)

    async def send_items(self, connection: RealtimeConnection) -> None:
        """Tell the server the conversation.

        Raises:
            RealtimeConnectionError, RealtimeTimeoutError: this connection is lost too.
        """
        for one in self._items:
            await self._send(connection, _create(one.fields))

    def trim_audio(self, most: int) -> int:
        """Drop the oldest audio that is to be sent again beyond ``most`` bytes; gives how much it was."""
        sizes = [len(event.audio) for event in self._inputs if isinstance(event, RealtimeModelSendAudio)]
        dropped, excess = 0, sum(sizes) - max(most, 0)
        for event in tuple(self._inputs):
            if dropped >= excess:
                break
            if isinstance(event, RealtimeModelSendAudio):
                self._inputs.remove(event)
                dropped += len(event.audio)
        return dropped

    async def send_rest(self, connection: RealtimeConnection) -> None:
        """Send again what was not confirmed, and ask again for what was asked for. As :meth:`send_items` otherwise."""
        while self._inputs:
            await self._send(connection, self._inputs.popleft())
        while self._requests:
            if self._hub.input_gate.on:  # after what was spoken has been looked at, and taken out if need be
                self._hub.input_gate.ask(self._requests.popleft(), again=True)
            else:
                await self._send(connection, self._requests.popleft())

    async def _send(self, connection: RealtimeConnection, event: RealtimeModelSendEvent) -> None:
        try:
            await connection.send_event(event)
        except UserError as error:
            self._hub.report(error)

    # -- the server's answers ----------------------------------------------------------------------------------------

    def is_remade(self, item_id: str) -> bool:
        """Say whether a deletion is half of making an item again, and count it."""
        if self._remade[item_id] > 0:
            self._remade[item_id] -= 1
            return True
        if item_id in self._hub.replayed:
            self._gone.add(item_id)
        return False

    # -- interruptions -----------------------------------------------------------------------------------------------

    def cut(self, points: Sequence[TruncationPoint]) -> Sequence[TruncationPoint]:
        """Make replayed items again as they were heard: the server has words only, which it cannot cut.

        Returns:
            the points that are left to be cut.
        """
        replayed = self._hub.replayed
        for point in points:
            if point.item_id in replayed and point.item_id not in self._gone:
                self._make_again(point.item_id)
        return [point for point in points if point.item_id not in replayed]

    def _make_again(self, item_id: str) -> None:
        outbox = self._hub.outbox
        item = self._hub.conversation.get(item_id)
        content = message_content(item) if item is not None else []
        outbox.send_first(_raw(_Remade, "conversation.item.delete", {"item_id": item_id}))
        if not content:
            self._gone.add(item_id)
            return
        self._remade[item_id] += 1
        before = self._before[item_id]
        while before in self._gone:
            before = self._before[before]
        wire = {"id": item_id, "type": "message", "role": "assistant", "content": content}
        fields = {"previous_item_id": before, "item": wire}
        outbox.send_first(_raw(_Remade, "conversation.item.create", fields))


def _raw(kind: type[RealtimeModelRawClientMessage], type_: str, fields: dict[str, Any]) -> RealtimeModelSendRawMessage:
    return RealtimeModelSendRawMessage(message=kind(type=type_, other_data=fields))


def _create(fields: dict[str, Any]) -> RealtimeModelSendRawMessage:
    return _raw(RealtimeModelRawClientMessage, "conversation.item.create", fields)


def _one_automatic(requests: Sequence[RealtimeModelSendEvent]) -> deque[RealtimeModelSendEvent]:
    """Keep the last of the automatic requests: one response answers all that was said."""
    automatic = [
        event for event in requests if isinstance(event, RealtimeModelSendRawMessage) and event.message.automatic
    ]
    return deque(event for event in requests if event not in automatic[:-1])


def _deleted_id(event: RealtimeModelSendEvent) -> str | None:
    if isinstance(event, RealtimeModelSendRawMessage) and event.message.type == "conversation.item.delete":
        return str(event.message.other_data.get("item_id"))
    return None
