"""Which response may be asked for when: one at a time, in order, each answered or failed exactly once.

The server takes one ``response.create`` at a time for its conversation and answers it with ``response.created``, or
refuses it because turn detection was faster. So one request is outstanding at most, none is sent while a response of
the conversation is active, and a request that lost the race waits for the end of the winner and is sent again. A
request is known again by its tag, which the server echoes in the response's metadata. Out-of-band responses block
nothing.

Pure: time comes as an argument, in seconds; what is to be done comes back as actions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs

__all__ = [
    "CancelResponse",
    "Handled",
    "RequestAnswered",
    "RequestFailed",
    "ResponseAction",
    "ResponseRequest",
    "ResponseSequencer",
    "SendRequest",
]

_REMEMBERED: Final = 64
"""Ended responses, and settled requests, that are kept: enough for every event that can still be on its way."""
_PRESUMED: Final = 8
_RESENDS: Final = 3
"""A refusal that names a response which is over is sent again at once, but not for ever."""
_UNKNOWN: Final = ""
"""Stands for an active response whose id nobody told."""


@attrs.frozen(kw_only=True)
class ResponseRequest:
    """A wish for a response.

    Attributes:
        event_id: names the request; also its tag.
        manual: asked for by hand; such requests are never merged. Automatic ones that wait are one request.
        out_of_band: not part of the conversation.
        parameters: what the application wants, which is not looked at here.
        items: what is to be added to the conversation right before the request is sent for the first time.
        origin: what it was made from, if somebody follows what becomes of just this one.
        instead_of: a response that was stopped, and whose place it takes: it goes before what waits, and not at all if
            another response has begun or was asked for since.
    """

    event_id: str
    manual: bool
    out_of_band: bool = False
    parameters: Mapping[str, Any] = MappingProxyType({})
    items: Sequence[Mapping[str, Any]] = ()
    origin: object = None
    instead_of: str | None = None

    @property
    def followed(self) -> bool:
        """Whether somebody waits for what becomes of just this one."""
        return self.origin is not None


@attrs.frozen
class SendRequest:
    """Send the request; :meth:`ResponseSequencer.begin` says at that moment whether it still stands."""

    request: ResponseRequest


@attrs.frozen
class CancelResponse:
    """Cancel a response that was asked for and is not wanted any more."""

    response_id: str


@attrs.frozen
class RequestFailed:
    """A request got no answer: by its deadline, or because the connection ended."""

    request: ResponseRequest
    reason: Literal["timeout", "ended"]


@attrs.frozen
class RequestAnswered:
    """A response that began without naming its request has turned out to be the answer to this one."""

    request: ResponseRequest
    response_id: str


ResponseAction: TypeAlias = SendRequest | CancelResponse | RequestFailed | RequestAnswered


@attrs.frozen
class Handled:
    """What became of an answer or a wish.

    Attributes:
        request: the request that it was about; None if it was about none that is known.
        actions: what is to be done.
    """

    request: ResponseRequest | None
    actions: list[ResponseAction] = attrs.Factory(list[ResponseAction])


@attrs.define
class _Entry:
    """since: queued, handed over or sent, whichever was last. foreign: an untagged response begun after the sending."""

    request: ResponseRequest
    since: float
    sent: bool = False
    unwanted: bool = False
    foreign: str | None = None
    resends: int = 0


class ResponseSequencer:
    """Keeps the requests for responses of one connection.

    Args:
        timeout: seconds after which a request that was sent and has no answer has failed, and an active response that
            shows no sign of life no longer holds up others; None waits for ever.

    Attributes:
        given_up: requests that have failed by their deadline. To be emptied when the server says anything: as long as
            it does not, it may be the connection that has failed.
    """

    # fmt: off
    __slots__ = (
        "_active", "_active_out_of_band", "_asked", "_echoes", "_ended", "_life", "_out_of_band", "_outstanding",
        "_presumed", "_queue", "_settled", "_timeout", "given_up",
    )
    # fmt: on

    def __init__(self, timeout: float | None) -> None:
        self._timeout = inf if timeout is None else timeout
        self._queue: deque[_Entry] = deque()
        self._outstanding: _Entry | None = None
        self._out_of_band: dict[str, _Entry] = {}
        self._presumed: dict[str, _Entry] = {}
        self._active: str | None = None
        self._life = -inf
        self._active_out_of_band: set[str] = set()
        self._asked: dict[str, ResponseRequest] = {}
        self.given_up: list[ResponseRequest] = []
        self._ended: deque[str] = deque(maxlen=_REMEMBERED)
        self._settled: deque[str] = deque(maxlen=_REMEMBERED)
        self._echoes: bool | None = None

    @property
    def active_id(self) -> str | None:
        """The active response of the conversation; None if there is none or nobody told its id."""
        return self._active or None

    @property
    def active_ids(self) -> tuple[str, ...]:
        """Every active response, that of the conversation first."""
        return ((self._active,) if self._active else ()) + tuple(self._active_out_of_band)

    @property
    def outstanding_id(self) -> str | None:
        """The request of the conversation that was sent or is about to be."""
        return self._outstanding.request.event_id if self._outstanding else None

    @property
    def expects_out_of_band(self) -> bool:
        """Whether an out-of-band response was asked for and has not begun."""
        return bool(self._out_of_band)

    def is_over(self, response_id: str) -> bool:
        """Whether the response is known to have ended."""
        return response_id in self._ended

    def is_out_of_band(self, response_id: str) -> bool:
        """Whether the response is active and not part of the conversation."""
        return response_id in self._active_out_of_band

    def is_pending(self, event_id: str) -> bool:
        """Whether the request waits, or has no answer yet."""
        return (
            event_id in self._out_of_band
            or event_id == self.outstanding_id
            or any(entry.request.event_id == event_id for entry in self._queue)
        )

    # Requests

    def request(self, request: ResponseRequest, now: float) -> list[ResponseAction]:
        """Take a request. It is sent now, or waits, or is merged into an automatic one that waits."""
        entry = _Entry(request, now)
        if request.event_id in self._settled:  # the application uses a name again
            self._settled.remove(request.event_id)
        if request.out_of_band:
            self._out_of_band[request.event_id] = entry
            return [SendRequest(request)]
        if request.instead_of is not None:
            return self._put_first(entry, now)
        if not request.manual and any(not waiting.request.manual for waiting in self._waiting()):
            return []
        self._queue.append(entry)
        return self._advance(now)

    def begin(self, event_id: str, now: float) -> ResponseRequest | None:
        """Say that the request is being sent; None means that it must not be: it waits again, or is gone."""
        entry = self._outstanding
        if entry is not None and entry.request.event_id == event_id:
            if entry.sent:
                return None
            if self._active is not None:
                self._outstanding = None
                self._wait_again(entry, now)
                return None
        else:
            entry = self._out_of_band.get(event_id)
            if entry is None or entry.sent:
                return None
        entry.sent, entry.since = True, now
        return entry.request

    def withdraw(self, event_id: str, now: float) -> Handled:
        """Take a request back. If it was sent, its response is cancelled as soon as it begins."""
        for entry in self._queue:
            if entry.request.event_id == event_id:
                self._queue.remove(entry)
                self._settled.append(event_id)
                return Handled(entry.request)
        outstanding = self._outstanding
        if outstanding is None or outstanding.request.event_id != event_id:
            outstanding = self._out_of_band.get(event_id)
        if outstanding is None:
            return Handled(None)
        if outstanding.sent:
            outstanding.unwanted = True
            return Handled(outstanding.request)
        self._take(event_id)
        self._settled.append(event_id)
        return Handled(outstanding.request, self._advance(now))

    def comes_too_late(self, instead_of: str | None) -> bool:
        """Say whether another response than the one whose place was to be taken has begun or was asked for."""
        if instead_of is None:
            return False
        if self._active is not None:
            return self._active != instead_of
        return self._outstanding is not None and self._outstanding.sent

    # What the server says

    def created(self, response_id: str, *, tag: str | None, out_of_band: bool, now: float) -> Handled:
        """A response began; ``tag`` is the request that its metadata names.

        If that request was withdrawn, has failed or was answered meanwhile, the response is to be cancelled.
        """
        entry = None
        if tag is not None:
            self._echoes = True
            entry = self._take(tag) or self._take_waiting(tag)
        if entry is not None:
            out_of_band = entry.request.out_of_band
        if out_of_band:
            self._active_out_of_band.add(response_id)
            if entry is None and self._out_of_band and not self._echoes:
                entry = self._out_of_band.pop(next(iter(self._out_of_band)))
        else:
            self._active, self._life = response_id, now
            if entry is None and self._outstanding is not None and self._outstanding.sent:
                entry = self._foreign(response_id, self._outstanding)
        if entry is None:
            return Handled(None, [CancelResponse(response_id)] if tag in self._settled else [])
        self._settled.append(entry.request.event_id)
        self._asked[response_id] = entry.request
        return Handled(entry.request, [CancelResponse(response_id)] if entry.unwanted else [])

    def alive(self, response_id: str, now: float) -> None:
        """An event named the response."""
        if response_id == self._active:
            self._life = now

    def done(self, response_id: str, now: float) -> list[ResponseAction]:
        """A response ended."""
        self._ended.append(response_id)
        self._asked.pop(response_id, None)
        if response_id in self._active_out_of_band:
            self._active_out_of_band.discard(response_id)
            return []
        if self._active in (response_id, _UNKNOWN):
            self._active = None
        entry = self._outstanding
        answered: list[ResponseAction] = []
        if entry is not None and entry.foreign == response_id and not self._echoes:
            answered = self._presume_late(entry, response_id)
        return answered + self._advance(now)

    def refused_active(self, event_id: str | None, active_id: str | None, now: float) -> Handled:
        """The server refused a request because a response is active; the request waits and is sent again.

        Args:
            event_id: the request, or None where the server does not say.
            active_id: the active response, or None where the server does not say.
            now: the time.
        """
        entry = self._find_refused(event_id)
        if entry is None:
            return Handled(None)
        if entry.request.out_of_band:  # an active response is not in its way: only its name shows that it is meant
            return Handled(None) if event_id is None else self.refused(event_id, now)
        self._take(entry.request.event_id)
        if entry.unwanted:
            self._settled.append(entry.request.event_id)
        else:
            self._block(entry, active_id, now)
            self._wait_again(entry, now)
        return Handled(entry.request, self._advance(now))

    def refused(self, event_id: str | None, now: float) -> Handled:
        """The server refused a request for good; None stands for the one that was sent first."""
        entry = self._find_refused(event_id)
        if entry is None:
            return Handled(None)
        self._take(entry.request.event_id)
        self._settled.append(entry.request.event_id)
        return Handled(entry.request, self._advance(now))

    # Time

    def next_deadline(self) -> float:
        """Give the time at which :meth:`expire` has something to do."""
        deadlines = [entry.since + self._timeout for entry in self._out_of_band.values()]
        if self._outstanding is not None and self._outstanding.sent:  # until then, it is kept back by who sends it
            deadlines.append(self._outstanding.since + self._timeout)
        if self._queue and self._active is not None:
            deadlines.append(self._dead_at(self._queue[0]))
        return min(deadlines, default=inf)

    def expire(self, now: float) -> list[ResponseAction]:
        """Give up what has waited too long."""
        actions: list[ResponseAction] = []
        for entry in [entry for entry in self._out_of_band.values() if now >= entry.since + self._timeout]:
            del self._out_of_band[entry.request.event_id]
            actions += self._give_up(entry)
        outstanding = self._outstanding
        if outstanding is not None and outstanding.sent and now >= outstanding.since + self._timeout:
            if outstanding.foreign is not None and not self._echoes:
                actions += self._presume_late(outstanding, outstanding.foreign)
            else:
                self._outstanding = None
                actions += self._give_up(outstanding)
        if self._queue and self._active is not None and now >= self._dead_at(self._queue[0]):
            actions += self._give_up(self._queue.popleft())
            self._ended.append(self._active)
            self._active = None
        return actions + self._advance(now)

    def unfinished(self) -> list[tuple[str | None, ResponseRequest | None]]:
        """Give each active response with the request that it answers (None: turn detection's), then, with None as its
        response, each request that has no answer and is still wanted, those of :attr:`given_up` among them."""
        active = [(response_id, self._asked.get(response_id)) for response_id in self.active_ids]
        entries = [*([self._outstanding] if self._outstanding else ()), *self._out_of_band.values(), *self._queue]
        given_up = [request for request in self.given_up if not request.followed]
        return [*active, *((None, request) for request in (*given_up, *_wanted(entries)))]

    def fail_all(self) -> list[RequestFailed]:
        """The connection has ended: nothing is active, and every request without an answer has failed."""
        entries = [*([self._outstanding] if self._outstanding else ()), *self._out_of_band.values(), *self._queue]
        self._outstanding, self._active = None, None
        self._out_of_band.clear()
        self._queue.clear()
        self._presumed.clear()
        self._asked.clear()
        self._active_out_of_band.clear()
        return [RequestFailed(entry.request, "ended") for entry in entries if not entry.unwanted]

    # Inside

    def _waiting(self) -> Iterator[_Entry]:
        """The requests of the conversation that nothing was sent of yet."""
        if self._outstanding is not None and not self._outstanding.sent:
            yield self._outstanding
        yield from self._queue

    def _advance(self, now: float) -> list[ResponseAction]:
        if self._outstanding is not None or self._active is not None or not self._queue:
            return []
        entry = self._queue.popleft()
        entry.sent, entry.since, entry.foreign = False, now, None
        self._outstanding = entry
        return [SendRequest(entry.request)]

    def _put_first(self, entry: _Entry, now: float) -> list[ResponseAction]:
        if self.comes_too_late(entry.request.instead_of):
            return []
        if self._outstanding is not None and not self._outstanding.sent:
            self._queue.appendleft(self._outstanding)
            self._outstanding = None
        self._wait_again(entry, now)
        return self._advance(now)

    def _wait_again(self, entry: _Entry, now: float) -> None:
        """Put a request back in front; automatic ones that wait behind it are answered with it."""
        if not entry.request.manual:
            self._queue = deque(waiting for waiting in self._queue if waiting.request.manual)
        entry.since = now
        at_front = self._queue and self._queue[0].request.instead_of is not None
        self._queue.insert(1 if at_front else 0, entry)

    def _block(self, entry: _Entry, active_id: str | None, now: float) -> None:
        """Note which response is in the way; none, if it is over."""
        if active_id is not None and not self.is_over(active_id):
            if self._active != active_id:
                self._active, self._life = active_id, now
        elif self._active is None:
            entry.resends += 1
            if entry.resends > _RESENDS:
                self._active, self._life = _UNKNOWN, now

    def _foreign(self, response_id: str, entry: _Entry) -> _Entry | None:
        """An untagged response began after a request was sent: turn detection's, or the server has no metadata."""
        if self._echoes is not False:
            entry.foreign = response_id
            return None
        self._presume(entry)
        return entry

    def _presume(self, entry: _Entry) -> None:
        """Count a request as answered by a response without its tag; a refusal may still show that it was not."""
        self._echoes = False
        self._outstanding = None
        self._presumed[entry.request.event_id] = entry
        if len(self._presumed) > _PRESUMED:
            del self._presumed[next(iter(self._presumed))]

    def _presume_late(self, entry: _Entry, response_id: str) -> list[ResponseAction]:
        self._presume(entry)
        return [RequestAnswered(entry.request, response_id)] if entry.request.followed else []

    def _find_refused(self, event_id: str | None) -> _Entry | None:
        outstanding = self._outstanding if self._outstanding is not None and self._outstanding.sent else None
        if event_id is None:
            apart = [entry for entry in self._out_of_band.values() if entry.sent]
            others = [*reversed(self._presumed.values()), *apart]
            return outstanding or (others[0] if others else None)
        if outstanding is not None and outstanding.request.event_id == event_id:
            return outstanding
        return self._out_of_band.get(event_id) or self._presumed.get(event_id)

    def _take(self, event_id: str) -> _Entry | None:
        if self._outstanding is not None and self._outstanding.request.event_id == event_id:
            entry, self._outstanding = self._outstanding, None
            return entry
        return self._out_of_band.pop(event_id, None) or self._presumed.pop(event_id, None)

    def _take_waiting(self, event_id: str) -> _Entry | None:
        """Take a request that was sent, and waits again because a refusal without a name was taken for its own."""
        for entry in self._queue:
            if entry.request.event_id == event_id:
                self._queue.remove(entry)
                return entry
        return None

    def _dead_at(self, waiting: _Entry) -> float:
        return max(self._life, waiting.since) + self._timeout

    def _give_up(self, entry: _Entry) -> list[ResponseAction]:
        self._settled.append(entry.request.event_id)
        if entry.unwanted:
            return []
        self.given_up.append(entry.request)
        return [RequestFailed(entry.request, "timeout")]


def _wanted(entries: Sequence[_Entry]) -> list[ResponseRequest]:
    return [entry.request for entry in entries if not entry.unwanted]
