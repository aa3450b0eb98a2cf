"""A protocol without a wire, with ids that can be told: event1, item2, ..."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.openai.examples import EXAMPLES
from trio_realtime.config import Timeouts
from trio_realtime.model_events import RealtimeModelFollowUpEvent
from trio_realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage
from trio_realtime.openai.protocol import OpenAIProtocol

TAG = "trio_realtime_request"


class Talk:
    """Speaks with a protocol: the clock stands at ``now``."""

    def __init__(self, *, attached: bool = False, raw: bool = False, timeout: float | None = 30.0) -> None:
        numbers = itertools.count(1)
        self.now = 0.0
        self.protocol = OpenAIProtocol(
            attached=attached,
            raw=raw,
            timeouts=Timeouts(response=timeout),
            new_id=lambda kind: f"{kind}{next(numbers)}",
        )

    def hear(self, type: str, **changes: Any) -> list[Any]:
        """Let the server say the example of ``type`` with some fields changed; ... takes one out."""
        event = {name: value for name, value in {**EXAMPLES[type], **changes}.items() if value is not ...}
        return self.protocol.receive(json.dumps(event), self.now)

    def created(self, response_id: str, tag: str | None = None, **fields: Any) -> list[Any]:
        metadata = {**fields.pop("metadata", {}), **({} if tag is None else {TAG: tag})}
        response = {**EXAMPLES["response.created"]["response"], "id": response_id, "metadata": metadata or None}
        return self.hear("response.created", response={**response, **fields})

    def done(self, response_id: str, status: str = "completed", **fields: Any) -> list[Any]:
        response = {**EXAMPLES["response.created"]["response"], "id": response_id, "status": status, **fields}
        return self.hear("response.done", response=response)

    def error(self, code: str | None = None, **fields: Any) -> list[Any]:
        base = {"type": "invalid_request_error", "message": "No.", "param": None, "event_id": None}
        return self.hear("error", error={**base, "code": code, **fields})

    def say(self, event: Any) -> list[dict[str, Any]]:
        """Give the client events of a model input."""
        return [json.loads(frame) for frame in self.protocol.send(event, self.now).frames]

    def raw(self, type: str, **data: Any) -> list[dict[str, Any]]:
        return self.say(RealtimeModelSendRawMessage(message=RealtimeModelRawClientMessage(type=type, other_data=data)))

    def follow(self, events: list[Any]) -> list[dict[str, Any]]:
        """Send what the protocol asks for, as a session's writer does."""
        asked = [event.event for event in events if isinstance(event, RealtimeModelFollowUpEvent)]
        return [frame for event in asked for frame in self.say(event)]
