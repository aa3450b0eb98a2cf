"""The caps of a session: what ends it by itself, and the goodbye before that.

The caps are scopes: when one is reached, the goodbye is said, the connection is closed in an orderly way, iteration
ends, and a body that stays in its block all the same is cancelled there, as by a deadline of its own.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import trio

from trio_realtime._awaitable import maybe_await
from trio_realtime.config import Limits
from trio_realtime.errors import SessionClosed
from trio_realtime.events import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeDtmf,
    RealtimeHandoffEvent,
    RealtimeHistoryAdded,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
)
from trio_realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage
from trio_realtime.session_tasks.lifespan import close_connection

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.session_tasks.streams import EventStream

__all__ = ["LimitName", "SessionLimits", "has_limits"]

LimitName: TypeAlias = Literal["max_seconds", "max_tokens", "max_idle"]

_ACTIVITY: Final[tuple[type[Any], ...]] = (
    RealtimeAgentStartEvent,
    RealtimeAgentEndEvent,
    RealtimeDtmf,
    RealtimeHandoffEvent,
    RealtimeHistoryAdded,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
)
"""Signs of life of a conversation. Audio of a microphone is none: it comes all the time."""


def has_limits(limits: Limits) -> bool:
    """Say whether there is any cap."""
    return (limits.max_seconds, limits.max_tokens, limits.max_idle) != (None, None, None)


class SessionLimits:
    """Watches the caps of one session."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._stream: EventStream[Any] = hub.inner_stream(_ACTIVITY)
        self._user_speaks = False

    async def run(self) -> None:
        """Wait until a cap is reached; then say goodbye and end the session."""
        hub, limits = self._hub, self._hub.run_config.limits
        reached = await self._wait()
        if reached is None:
            return
        hub.limit = reached
        with trio.move_on_after(limits.goodbye_timeout):
            await _say_goodbye(hub, self._stream, reached)
        seconds = hub.run_config.timeouts.close
        hub.leave(f"the limit {reached} ({getattr(limits, reached):g}) is reached")
        await close_connection(hub, trio.current_time() + seconds)
        hub.finish()
        await trio.sleep(seconds)  # a body that reads to the end has left by then, which ends this task
        hub.cancel_body()

    async def _wait(self) -> LimitName | None:
        """Wait for a cap, and give its name; None if the session ends before."""
        limits, now = self._hub.run_config.limits, trio.current_time()
        last, over = now, inf if limits.max_seconds is None else now + limits.max_seconds - self._hub.seconds()
        while True:
            with trio.move_on_at(min(over, last + (limits.max_idle or inf))) as scope:
                try:
                    self._note(await anext(self._stream))
                except Exception:  # noqa: BLE001  the session's end; its readers are told why
                    return None
            now = trio.current_time()
            if now >= over:
                return "max_seconds"
            if limits.max_tokens is not None and self._hub.tokens_used() >= limits.max_tokens:
                return "max_tokens"
            if not scope.cancelled_caught or self._is_busy():
                last = now
                continue
            heard = self._hub.playback.remaining_ms(now) / 1000  # nobody is idle who listens
            if not heard:
                return "max_idle"
            last = now + heard

    def _note(self, event: Any) -> None:
        if isinstance(event, RealtimeUserSpeechStarted):
            self._user_speaks = True
        elif isinstance(event, RealtimeUserSpeechStopped):
            self._user_speaks = False

    def _is_busy(self) -> bool:
        """Say whether somebody speaks or a tool runs; who waits for a person's word about a call is idle."""
        hub = self._hub
        waiting = len(hub.approvals.pending)
        return self._user_speaks or bool(hub.responses.active()) or hub.ledger.running() > waiting


async def _say_goodbye(hub: SessionHub, stream: EventStream[Any], reached: LimitName) -> None:
    """Let the agent speak last, or the application do as it likes, and let that be heard."""
    goodbye = hub.run_config.limits.goodbye
    if goodbye is None:
        return
    try:
        if isinstance(goodbye, str):
            await _speak(hub, stream, goodbye)
        else:
            await maybe_await(goodbye(hub.session, reached))
    except SessionClosed:
        return
    except Exception as error:  # noqa: BLE001  the user's own: it becomes an event
        hub.report(error)
    while remaining := hub.playback.remaining_ms(trio.current_time()):  # noqa: ASYNC110  nothing tells when it is over
        await trio.sleep(remaining / 1000)


async def _speak(hub: SessionHub, stream: EventStream[Any], instructions: str) -> None:
    """Ask for one more response, and wait for its end: it is the first that begins from now on."""
    response = {"instructions": instructions, "tool_choice": "none"}
    message = RealtimeModelRawClientMessage(type="response.create", other_data={"response": response})
    await hub.input_gate.screen("")
    await hub.outbox.send_and_wait(RealtimeModelSendRawMessage(message=message))
    asked = {active.response_id for active in hub.responses.active()}
    spoken: str | None = None
    async for event in stream:
        if isinstance(event, RealtimeAgentStartEvent) and event.response_id not in asked:
            spoken = event.response_id
        elif isinstance(event, RealtimeAgentEndEvent) and event.response_id == spoken:
            return
