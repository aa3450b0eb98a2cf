"""What the end of a connection means, and when to try again. Pure: errors and numbers in, a verdict or seconds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from trio_realtime.config import ReconnectPolicy
from trio_realtime.errors import (
    HandshakeRejected,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    ServerError,
    SessionExpired,
)

__all__ = [
    "CLOSES",
    "LONGEST_LIFE",
    "SHORTEST_LIFE",
    "STATUSES",
    "Verdict",
    "delays",
    "judge_attempt",
    "judge_loss",
    "planned_at",
    "seconds_left",
]

Verdict: TypeAlias = Literal["reconnect", "orderly", "fatal"]
"""A connection is made again; the session is over, and well; the session has failed."""

CLOSES: Final[Mapping[int, Verdict]] = MappingProxyType(
    {
        1000: "orderly",
        1001: "reconnect",  # going away: also how the service ends a session at its maximum duration
        1002: "fatal",  # protocol error
        1003: "fatal",  # unsupported data
        1005: "reconnect",  # a close frame without a code
        1006: "reconnect",  # no close frame: the network
        1007: "fatal",  # invalid payload
        1008: "fatal",  # policy violation
        1009: "fatal",  # message too big: it would be again
        1010: "fatal",  # missing extension
        1011: "reconnect",  # internal error of the server
        1012: "reconnect",  # service restart
        1013: "reconnect",  # try again later
    }
)
"""Close codes (RFC 6455, 7.4, and its registry). Others are fatal: a code of its own has a meaning of its own."""

STATUSES: Final[Mapping[int, Verdict]] = MappingProxyType({408: "reconnect", 425: "reconnect", 429: "reconnect"})
"""HTTP answers to a handshake. Of the others, 500 and above are tried again; the rest (401, 403, 404) is fatal."""

_NOT_FOUND: Final = 404
_SERVERS_FAULT: Final = 500
_FOR_GOOD: Final = ("insufficient_quota", "quota_exceeded", "billing", "model_not_found", "deactivated")
"""Words in the body of an answer that no waiting changes."""

SHORTEST_LIFE: Final = 60.0
LONGEST_LIFE: Final = 3600.0
"""Seconds between which the rest of a session's time is held: a wrong wall clock makes neither a storm of connections
nor a session that is never renewed (the service's maximum is 60 minutes)."""


def judge_loss(error: Exception) -> Verdict:
    """Say what follows from the end of a connection that was in use."""
    if isinstance(error, StopAsyncIteration):
        return "orderly"
    if isinstance(error, SessionExpired | RealtimeTimeoutError):
        return "reconnect"
    if isinstance(error, RealtimeConnectionError) and error.code is not None:
        return CLOSES.get(error.code, "fatal")
    return "fatal"


def judge_attempt(error: Exception, *, attached: bool = False) -> Verdict:
    """Say what follows from a connection that could not be made again.

    Args:
        error: why.
        attached: it was to be attached to a running call, which a 404 says is over.
    """
    if isinstance(error, HandshakeRejected):
        if attached and error.status == _NOT_FOUND:
            return "orderly"
        if any(word in error.body for word in _FOR_GOOD):
            return "fatal"
        return STATUSES.get(error.status, "reconnect" if error.status >= _SERVERS_FAULT else "fatal")
    if isinstance(error, RealtimeConnectionError) and error.code is None:
        return "reconnect"  # refused, no such host, lost during the handshake: the network may come back
    if isinstance(error, ServerError):
        return "fatal" if error.severity == "fatal" else "reconnect"
    return judge_loss(error)


def delays(policy: ReconnectPolicy, random: Callable[[], float]) -> Iterator[float]:
    """Give the seconds to wait before each try: none before the first, then twice as long each time.

    Args:
        policy: the bounds.
        random: gives a number from 0 to 1; a share ``jitter`` of each delay is multiplied with it.
    """
    yield 0.0
    delay = policy.initial_delay
    for _ in range(policy.max_attempts - 1):
        bounded = min(delay, policy.max_delay)
        yield bounded * (1 - policy.jitter + policy.jitter * random())
        delay = bounded * 2


def seconds_left(expires_at: float | None, unix_now: float) -> float:
    """Give the rest of a session's time in seconds, held between a minute and an hour; ``inf`` if nobody said.

    Args:
        expires_at: the end, in unix seconds, as the server says it.
        unix_now: the wall clock when it said so.
    """
    if expires_at is None:
        return inf
    return min(max(expires_at - unix_now, SHORTEST_LIFE), LONGEST_LIFE)


def planned_at(now: float, expires_at: float, before_expiry: float) -> float:
    """Give the time from which on a new connection is to be made, on the clock of the arguments.

    A connection is used for half of its time at least, so that a short one is not renewed for ever.

    Args:
        now: when the connection began.
        expires_at: when its time is over.
        before_expiry: seconds before that.
    """
    return max(expires_at - before_expiry, now + (expires_at - now) / 2)
