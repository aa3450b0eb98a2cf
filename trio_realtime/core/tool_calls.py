"""The ledger of tool calls: each call is run once, answered once, and the model is asked to go on once.

Calls of one response form a batch. The model is asked to go on with the last output of a batch, once the response has
ended and no other call of it runs. A call that waits for a person leaves its batch, so that it does not hold up the
others; its answer asks for a response of its own. Where all outputs are sent before the response ends, or before the
last call leaves, no output is left to ask with: then the model has to be asked by itself.
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
        self._past: dict[str, tuple[str, int]] = {}
        self._batches: dict[str, _Batch] = {}
        self._batch_of: dict[str, str] = {}
        self._ended: dict[str, None] = {}

    def admit(self, call: RealtimeModelToolCallEvent) -> Admission:
        """Register a call: ``"run"`` it; it is a repetition; the id is taken by another call; or it has no id."""
        if not call.call_id:
            return "nameless"
        signature = (call.name, hash(_normal(call.arguments)))
        seen = self._seen.get(call.call_id) or self._past.get(call.call_id)
        if seen is not None:
            return "repeated" if seen == signature else "conflict"
        self._seen[call.call_id] = signature
        batch_id = call.response_id or f"call:{call.call_id}"
        batch = self._batches.setdefault(batch_id, _Batch(ended=not call.response_id or batch_id in self._ended))
        batch.running.add(call.call_id)
        self._batch_of[call.call_id] = batch_id
        return "run"

    def note_past(self, call_id: str, name: str, arguments: str) -> None:
        """Know a call of a conversation that began elsewhere: under its id, nothing is run any more."""
        self._past[call_id] = (name, hash(_normal(arguments)))

    def is_past(self, call_id: str) -> bool:
        """Say whether a call is known from elsewhere only."""
        return call_id in self._past

    def open_calls(self) -> tuple[str, ...]:
        """Give the ids of the calls that have no answer yet, in the order in which they came."""
        return tuple(self._batch_of)

    def suspend(self, call_id: str) -> bool:
        """Take a call out of its batch: it waits for a person. Says whether the model has to be asked to go on now."""
        alone = f"call:{call_id}"
        if self._batch_of.get(call_id) in (None, alone):
            return False
        batch_id = self._batch_of.pop(call_id)
        self._batches[batch_id].running.discard(call_id)
        self._batches[alone] = _Batch(running={call_id}, ended=True)
        self._batch_of[call_id] = alone
        return self._close(batch_id)

    def is_last(self, call_id: str) -> bool:
        """Say whether a call's output is the last of its batch, so that the model can be asked to go on with it."""
        batch = self._batches.get(self._batch_of.get(call_id, ""))
        return batch is not None and batch.ended and batch.running == {call_id}

    def answer(self, call_id: str, *, respond: bool) -> bool:
        """Mark a call answered, and say whether the model has to be asked to go on now."""
        batch_id = self._batch_of.pop(call_id, None)
        if batch_id is None:
            return False
        batch = self._batches[batch_id]
        batch.running.discard(call_id)
        batch.wants_response = batch.wants_response or respond
        return self._close(batch_id)

    def response_ended(self, response_id: str) -> bool:
        """Close a batch: its response makes no more calls. Says whether the model has to be asked to go on now."""
        self._ended[response_id] = None
        if len(self._ended) > 64:  # only calls that come with or right after the end of a response look here
            del self._ended[next(iter(self._ended))]
        batch = self._batches.get(response_id)
        if batch is None:
            return False
        batch.ended = True
        return self._close(response_id)

    def knows(self, call_id: str) -> bool:
        """Say whether a call is run, or was."""
        return call_id in self._seen

    def running(self) -> int:
        """How many calls have no answer yet."""
        return len(self._batch_of)

    def _close(self, batch_id: str) -> bool:
        """Forget a batch that is complete, and say whether an output of it wanted a response."""
        batch = self._batches[batch_id]
        if batch.running or (batch.wants_response and not batch.ended):
            return False
        del self._batches[batch_id]
        return batch.wants_response


def _normal(arguments: str) -> str:
    """Equal JSON is equal, whatever its spaces and the order of its keys."""
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments
