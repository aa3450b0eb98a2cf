"""The state machine's responses: one at a time in the conversation, any number beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from trio_realtime.server._schema import RefusedError
from trio_realtime.server._state_items import ItemsState
from trio_realtime.server.actions import StartResponse, Step, StopResponse
from trio_realtime.server.conversation import Item, Tokens
from trio_realtime.server.engines.base import EngineStep
from trio_realtime.server.playback import Playback
from trio_realtime.server.responses import ServerResponse
from trio_realtime.server.settings import Json, section

__all__ = ["ResponsesState"]

_TOKEN_LIMIT: Final = 40_000


class ResponsesState(ItemsState):
    """Responses, and what they need of the session (:class:`~trio_realtime.server.responses.ResponseHost`)."""

    def __init__(self, number: int, anonymous_errors: frozenset[str], *, now: float, playback: Playback) -> None:
        super().__init__(number, anonymous_errors)
        self.read_before: Tokens = Tokens()
        self._now = now
        self._conversation_id = self.new_id("conv")
        self._responses: dict[str, ServerResponse] = {}
        self._active: ServerResponse | None = None
        self._inputs: dict[str, tuple[Item, ...]] = {}
        self._audio_produced = False
        self._playback = playback
        self._tokens_used = 0.0
        self._tokens_at = now

    def _arm_idle(self, audio_ms: float | None) -> None:
        """Wait for the user from the end of a response's playback on; None: do not wait."""
        raise NotImplementedError

    def audio_produced(self, response: ServerResponse, *, first: bool) -> list[Json]:
        """Note that a response is about to send audio: the voice is settled, and playback on a call begins."""
        self._audio_produced = True
        if not first:
            return []
        return [self.event(kind, response_id=name) for kind, name in self._playback.start(response.id, self._now)]

    def response_finished(self, response: ServerResponse) -> list[Json]:
        """Note that a response has ended: free its place, arm the idle timeout, tell the rate limits."""
        self._responses.pop(response.id, None)
        self._inputs.pop(response.id, None)
        self._playback.finish(response.id, response.audio_ms)
        if self._active is response:
            self._active = None
            self._arm_idle(response.audio_ms)
        used = response.tokens_used
        elapsed, self._tokens_at = self._now - self._tokens_at, self._now
        refilled = max(0.0, self._tokens_used - elapsed * _TOKEN_LIMIT / 60)
        self._tokens_used = min(float(_TOKEN_LIMIT), refilled + used)
        limit = {
            "name": "tokens",
            "limit": _TOKEN_LIMIT,
            "remaining": round(_TOKEN_LIMIT - self._tokens_used),
            "reset_seconds": round(self._tokens_used * 60 / _TOKEN_LIMIT, 3),
        }
        return [self.event("rate_limits.updated", rate_limits=[limit])]

    def _check_voice(self, event: Mapping[str, Any], path: str) -> None:
        voice = section(event, "audio", "output").get("voice")
        if voice is not None and self._audio_produced and voice != self.session["audio"]["output"]["voice"]:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise RefusedError("cannot_update_voice", message, f"{path}.audio.output.voice")

    def _create_response(self, event: Json, step: Step) -> None:
        if self.session["type"] != "realtime":
            raise RefusedError("invalid_value", "A transcription session has no responses.", "type")
        create: Json = event.get("response") or {}
        outside = create.get("conversation") == "none"
        if self._active is not None and not outside:
            step.events.append(self._already_active(self._active, event.get("event_id")))
            return
        self._check_voice(create, "response")
        given = create.get("input")
        items = None if given is None else tuple(self._input_items(given))
        self._start(create, step, items=items)

    def _already_active(self, active: ServerResponse, event_id: str | None) -> Json:
        message = (
            f"Conversation already has an active response in progress: {active.id}. "
            "Wait until the response is finished before creating a new one."
        )
        return self.error("conversation_already_has_active_response", message, event_id=event_id)

    def _input_items(self, given: list[Json]) -> Iterator[Item]:
        for index, one in enumerate(given):
            if one["type"] != "item_reference":
                yield self._made_item(one, f"response.input[{index}]")
                continue
            item = self.conversation.get(one["id"])
            if item is None:
                message = f"Item with item_id '{one['id']}' not found."
                raise RefusedError("invalid_value", message, f"response.input[{index}].id")
            yield item

    def _start(
        self,
        create: Json,
        step: Step,
        *,
        items: tuple[Item, ...] | None = None,
        steps: tuple[EngineStep, ...] | None = None,
    ) -> None:
        outside = create.get("conversation") == "none"
        read = self.conversation.tokens
        if items is not None:
            read = sum((item.count() for item in items), Tokens())
        response = ServerResponse(
            self,
            self.new_id("resp"),
            conversation_id=None if outside else self._conversation_id,
            create=create,
            read=read,
        )
        self._responses[response.id] = response
        if items is not None:
            self._inputs[response.id] = items
        if not outside:
            self._active = response
            self._arm_idle(None)
        step.events.append(response.created())
        step.actions.append(StartResponse(response.id, steps))

    def _cancel_response(self, event: Json, step: Step) -> None:
        response_id = event.get("response_id")
        response = self._active if response_id is None else self._responses.get(response_id)
        if response is None:
            raise RefusedError("response_cancel_not_active", "Cancellation failed: no active response found")
        self._stop(response, "client_cancelled", step)

    def _stop(self, response: ServerResponse, reason: str, step: Step) -> None:
        step.actions.append(StopResponse(response.id))
        step.events += response.finish("cancelled", reason=reason)
