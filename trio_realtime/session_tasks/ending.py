"""Ending a session when what is being said has been said, and heard."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import trio

from trio_realtime.events import RealtimeAudio

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["EndAfter", "Ending"]

EndAfter: TypeAlias = Literal["now", "turn", "playback"]

_ORDER: Final[tuple[EndAfter, ...]] = ("playback", "turn", "now")
_LOOK: Final = 0.02
"""Seconds between two looks at whether it is time: nothing tells when a loudspeaker has finished."""


class Ending:
    """Waits, once somebody wants the session to end, until it may; then ends it."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._after: EndAfter | None = None
        self._until = inf
        self._wanted = trio.Event()

    def want(self, after: EndAfter, timeout: float | None) -> None:
        """End the session after this, in ``timeout`` seconds at the latest; of two wishes the sooner counts."""
        if self._after is None or _ORDER.index(after) > _ORDER.index(self._after):
            self._after = after
        self._until = min(self._until, trio.current_time() + (inf if timeout is None else timeout))
        self._wanted.set()

    async def run(self) -> None:
        """Wait for a wish, and fulfil it."""
        await self._wanted.wait()
        from trio_realtime.session_tasks.lifespan import close_connection  # it starts this task

        hub = self._hub
        while not hub.ended.is_set() and not self._is_time():
            with suppress(trio.TooSlowError), trio.fail_at(min(self._until, trio.current_time() + _LOOK)):
                await hub.ended.wait()
        if hub.ended.is_set():
            return
        hub.leave("the application ended the session")
        await close_connection(hub, trio.current_time() + hub.run_config.timeouts.close)
        hub.finish()

    def _is_time(self) -> bool:
        if self._after == "now" or trio.current_time() >= self._until:
            return True
        return not self._goes_on() and (self._after == "turn" or not self._sounds())

    def _goes_on(self) -> bool:
        """Say whether anything is said, asked for, checked or done, but for calls that wait for a person."""
        hub = self._hub
        waiting = {pending.call_id for pending in hub.approvals.pending}
        return (
            bool(hub.responses.active())
            or hub.connection.responding
            or hub.supervisor.replayer.asks_again
            or hub.guardrails.checking
            or hub.input_gate.screening
            or hub.committing > 0
            or not waiting.issuperset(hub.ledger.open_calls())
            or not hub.outbox.is_idle()
        )

    def _sounds(self) -> bool:
        """Say whether there is anything that somebody who listens has not heard yet."""
        hub, now = self._hub, trio.current_time()
        listening = [s for s in hub.delivery.streams if s.buffer.begun and s.buffer.wants(RealtimeAudio)]
        if any(stream.buffer.statistics().audio_ms for stream in listening):
            return True
        if hub.tracker is None:
            return hub.playback.remaining_ms(now) > 0
        # Nothing waits to be given: what was dropped, because the application was slow, will not be played.
        parts = hub.playback.heard(now, hub.tracker.get_state())
        return any(not part.complete or part.heard_ms < (part.given_ms or part.total_ms) for part in parts)
