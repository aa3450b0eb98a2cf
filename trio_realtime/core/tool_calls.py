"""The ledger of tool calls: each call is run once, answered once, and the model is asked to go on once.

Calls of one response form a batch. The model is asked to go on with the last output of a batch, when the response has
ended and no other call of it runs. A call that waits for a person leaves its batch, so that it does not hold up the
others; its answer asks for a response of its own.
"""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

import attrs

from trio_realtime.model_events import RealtimeModelToolCallEvent

__all__ = ["Admission", "ToolCallLedger"]

Admission: TypeAlias = Literal["run", "repeated", "conflict", "nameless"]


@attrs.define
class _Batch:
    running: set[str] = attrs.Factory(set[str])
    ended: bool = False
    wants_response: bool = False


class ToolCallLedger:
    """Knows every call of a session by its id."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}
        self._batches: dict[str, _Batch] = {}
        self._batch_of: dict[str, str] = {}
        self._ended: dict[str, None] = {}

    def admit(self, call: RealtimeModelToolCallEvent) -> Admission:
        """Register a call: ``"run"`` it; it is a repetition; the id is taken by another call; or it has no id."""
        if not call.call_id:
            return "nameless"
        signature = (call.name, hash(_normal(call.arguments)))
        seen = self._seen.get(call.call_id)
        if seen is not None:
            return "repeated" if seen == signature else "conflict"
        self._seen[call.call_id] = signature
        batch_id = call.response_id or f"call:{call.call_id}"
        batch = self._batches.setdefault(batch_id, _Batch(ended=call.response_id is None or batch_id in self._ended))
        batch.running.add(call.call_id)
        self._batch_of[call.call_id] = batch_id
        return "run"

    def suspend(self, call_id: str) -> None:
        """Take a call out of its batch: it waits for a person."""
        batch_id = self._batch_of.get(call_id)
        if batch_id is None:
            return
        self._leave(call_id)
        alone = f"call:{call_id}"
        self._batches[alone] = _Batch(running={call_id}, ended=True)
        self._batch_of[call_id] = alone

    def must_wait(self, call_id: str) -> str | None:
        """Give the response whose end the call's output has to wait for, because it is the batch's last; else None."""
        batch_id = self._batch_of.get(call_id, "")
        batch = self._batches.get(batch_id)
        if batch is None or batch.ended or batch.running != {call_id}:
            return None
        return batch_id

    def answer(self, call_id: str, *, respond: bool) -> bool:
        """Mark a call answered, and say whether its output asks the model to go on."""
        batch = self._batches.get(self._batch_of.get(call_id, ""))
        if batch is None:
            return False
        batch.wants_response = batch.wants_response or respond
        wanted = batch.wants_response and batch.running == {call_id}
        self._leave(call_id)
        return wanted

    def response_ended(self, response_id: str) -> None:
        """Close a batch: its response makes no more calls."""
        batch = self._batches.get(response_id)
        if batch is not None:
            batch.ended = True
        self._ended[response_id] = None
        if len(self._ended) > 64:  # only calls that come with or right after the end of a response look here
            del self._ended[next(iter(self._ended))]

    def running(self) -> int:
        """How many calls have no answer yet."""
        return len(self._batch_of)

    def _leave(self, call_id: str) -> None:
        batch_id = self._batch_of.pop(call_id)
        batch = self._batches[batch_id]
        batch.running.discard(call_id)
        if not batch.running:
            del self._batches[batch_id]


def _normal(arguments: str) -> str:
    """Equal JSON is equal, whatever its spaces and the order of its keys."""
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except ValueError:
        return arguments
