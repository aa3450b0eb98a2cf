"""Keeps audio back until its words have passed the guardrails (``hold_audio``)."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING

import trio

from trio_realtime.core.delivery import Hold
from trio_realtime.core.hold import AudioHold
from trio_realtime.session_tasks.responses import Response

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["HeldAudio"]


class HeldAudio:
    """The audio of one session that waits for a check.

    A passage is kept back by a hold in every reader's buffer, in front of it: so it keeps its place among the events,
    and an interruption still overtakes.

    Attributes:
        on: audio is held at all.
    """

    __slots__ = ("_held", "_hub", "_longest", "on")

    def __init__(self, hub: SessionHub) -> None:
        settings = hub.run_config.guardrails_settings
        self.on: bool = settings.hold_audio
        self._hub = hub
        self._longest = None if settings.max_hold_ms is None else settings.max_hold_ms / 1000
        self._held: dict[Response, AudioHold[Hold]] = {}

    def audio(self, response: Response) -> None:
        """Audio of a response that guardrails look at is about to be given to the readers."""
        hold = self._held.get(response)
        if hold is None:
            hold = self._held[response] = AudioHold(self._longest, self._hub.delivery.hold)
        hold.audio()

    def words(self, response: Response) -> None:
        """Words of a response have come."""
        if response in self._held:
            self._held[response].words(trio.current_time())

    def ask(self, response: Response) -> int:
        """A check of all words of a response up to now begins; give what :meth:`passed` takes."""
        return self._held[response].ask() if response in self._held else 0

    def passed(self, response: Response, place: int) -> None:
        """A check has passed: its passages may be heard."""
        if response in self._held:
            self._release(self._held[response].passed(place))

    def finish(self, response: Response) -> None:
        """The final check has passed: everything may be heard."""
        hold = self._held.pop(response, None)
        if hold is not None:
            self._release(hold.drop())

    def throw_away(self, response: Response) -> None:
        """What was not checked will not be: nothing of it is to be heard."""
        if self._held.get(response):
            self._hub.delivery.purge_audio(response.response_id)
        self.finish(response)

    def purged(self, response_id: str | None) -> None:
        """Undelivered audio of a response was purged (None: of all), so that nothing is left to be held back."""
        for response in [one for one in self._held if response_id in (None, one.response_id)]:
            self._release(self._held[response].drop())

    def responses(self) -> list[Response]:
        """Give the responses that have audio here."""
        return list(self._held)

    def close(self) -> None:
        """No check will be made any more."""
        for response in self.responses():
            self.throw_away(response)

    def due(self, now: float) -> list[Response]:
        """Give the responses whose words have to be checked now, however few they are."""
        return [response for response, hold in self._held.items() if hold.due_at() <= now]

    def due_at(self) -> float:
        """Give the time at which :meth:`due` has something to give; ``inf`` for never."""
        return min((hold.due_at() for hold in self._held.values()), default=inf)

    def expires_at(self, response: Response) -> float:
        """Give the time by which the check of a response must be done; ``inf`` for none."""
        return self._held[response].expires_at() if response in self._held else inf

    def _release(self, holds: Iterable[Hold]) -> None:
        for hold in holds:
            self._hub.delivery.release(hold)
