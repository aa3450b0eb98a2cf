"""What a session remembers of its responses: which are active, whose they are, which must be silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.model_events import RealtimeModelTurnEndedEvent
    from trio_realtime.tools import AgentTools

__all__ = ["Response", "ResponseBook"]

_KEPT: Final = 256  # ended responses that are remembered: late audio and checks of them still come


@attrs.define(eq=False)
class Response:
    """One response.

    Attributes:
        response_id: its id.
        agent: the agent that was current when it began.
        tools: what that agent offered then.
        default_conversation: it is spoken to the user.
        active: it has not ended.
        silenced: none of its audio is delivered any more.
        cut: it was interrupted where somebody listens: what has not sounded by then will not be heard.
        tripped: a guardrail stopped it.
        called: it has called a tool.
        lost: its connection was lost before it ended.
        asked_again: so that it is asked for again.
        items: the items of its words, in order.
        ended: set when it has ended.
        ending: how it ended.
    """

    response_id: str
    agent: RealtimeAgent[Any]
    default_conversation: bool = True
    active: bool = True
    silenced: bool = False
    cut: bool = False
    tripped: bool = False
    called: bool = False
    lost: bool = False
    asked_again: bool = False
    items: dict[str, None] = attrs.Factory(dict[str, None])
    tools: AgentTools | None = None
    ended: trio.Event = attrs.Factory(trio.Event)
    ending: RealtimeModelTurnEndedEvent | None = None


class ResponseBook:
    """The responses of a session, by id."""

    __slots__ = ("_responses", "_silenced")

    def __init__(self) -> None:
        self._responses: dict[str, Response] = {}
        self._silenced: dict[str, None] = {}  # ids that no response began with, or not yet

    def get(self, response_id: str) -> Response | None:
        """Give a response that is remembered."""
        return self._responses.get(response_id)

    def begin(
        self,
        response_id: str,
        agent: RealtimeAgent[Any],
        tools: AgentTools | None = None,
        *,
        default_conversation: bool = True,
    ) -> Response:
        """Note that a response has begun; the same id twice is one response, unless the model has no ids."""
        response = self._responses.get(response_id)
        if response is None or not response.active or not response_id:
            silenced = response_id in self._silenced
            response = Response(response_id, agent, default_conversation, silenced=silenced, tools=tools)
            self._responses[response_id] = response
            self._prune()
        return response

    def end(self, response_id: str, agent: RealtimeAgent[Any]) -> Response:
        """Note that a response has ended, and give it."""
        response = self._responses.get(response_id) or self.begin(response_id, agent)
        response.active = False
        response.ended.set()
        return response

    def active(self) -> list[Response]:
        """Give the responses that have not ended and are spoken to the user."""
        return [r for r in self._responses.values() if r.active and r.default_conversation]

    def all_active(self) -> list[Response]:
        """Give the responses that have not ended, out of band ones included."""
        return [response for response in self._responses.values() if response.active]

    def is_silenced(self, response_id: str) -> bool:
        """Say whether audio of a response must not be delivered."""
        response = self._responses.get(response_id)
        return response_id in self._silenced if response is None else response.silenced

    def silence(self, response_id: str | None) -> list[Response]:
        """Let no more audio of a response through (None: of all that are active).

        Returns:
            those that were active and could be heard until now.
        """
        response = self._responses.get(response_id or "")
        if response_id is None:
            chosen = self.active()
        elif response is not None:
            chosen = [response]
        else:
            chosen = []
            self._tombstone(response_id)
        stopped = [response for response in chosen if response.active and not response.silenced]
        for response in chosen:
            response.silenced = True
        return stopped

    def _tombstone(self, response_id: str) -> None:
        """Remember an id that nobody announced; a model without ids has nothing to be remembered by."""
        if response_id:
            self._silenced[response_id] = None
            if len(self._silenced) > _KEPT:
                del self._silenced[next(iter(self._silenced))]

    def is_active(self, response_id: str) -> bool:
        """Say whether a response has begun and not ended."""
        response = self._responses.get(response_id)
        return response is not None and response.active

    def _prune(self) -> None:
        if len(self._responses) > _KEPT:
            for key in [key for key, response in self._responses.items() if not response.active][: -_KEPT // 2]:
                del self._responses[key]
