"""How a connection ended, kept as a value so that every caller gets an error of its own.

An exception object that is raised in several tasks would collect their tracebacks; an :class:`Ending` makes a fresh
one for each.
"""

from __future__ import annotations

from typing import cast

import attrs

from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, UserError

__all__ = ["ABNORMAL", "TOO_BIG", "Ending", "check_close", "leaves", "only_tells_of_an_end"]

ABNORMAL = 1006
"""The code of RFC 6455 for an end without a close frame. It is never sent."""

TOO_BIG = 1009
"""The code of RFC 6455 for a message over the receiver's limit."""

_NAMES = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1005: "no code given",
    1006: "no close frame",
    1007: "invalid payload",
    1008: "policy violation",
    1009: "message too big",
    1010: "missing extension",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
}

_SENDABLE = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
_REASON_BYTES = 123  # a control frame holds 125 bytes, two of them are the code (RFC 6455, 5.5)


@attrs.frozen(kw_only=True)
class Ending:
    """Why a connection is over.

    Attributes:
        message: one line for people.
        code: the close code, or None where a deadline ended the connection.
        reason: the close reason, or what happened below the protocol.
        deadline: the name of the deadline that passed (``"send"``, ``"heartbeat"``), or None.
        seconds: how long that deadline was.
        cause: what lay beneath, to be chained to the error.
    """

    message: str
    code: int | None = None
    reason: str | None = None
    deadline: str | None = None
    seconds: float = 0.0
    cause: BaseException | None = attrs.field(default=None, repr=False, eq=False)

    @classmethod
    def closed(cls, code: int, reason: str | None = None) -> Ending:
        """The connection was closed with ``code``, by whichever side."""
        if code == ABNORMAL:
            return cls.lost(reason)
        name = _NAMES.get(code)
        message = f"the connection was closed with code {code}" + (f" ({name})" if name else "")
        return cls(message=f"{message}: {reason}" if reason else message, code=code, reason=reason or None)

    @classmethod
    def closed_here(cls, code: int, reason: str | None = None) -> Ending:
        """This side closed the connection."""
        return cls(message=f"the connection was closed on this side (code {code})", code=code, reason=reason or None)

    @classmethod
    def lost(cls, reason: str | None = None, cause: BaseException | None = None) -> Ending:
        """The connection broke off without a close frame."""
        message = "the connection was lost"
        return cls(
            message=f"{message}: {reason}" if reason else message, code=ABNORMAL, reason=reason or None, cause=cause
        )

    @classmethod
    def too_big(cls, limit: int) -> Ending:
        """A message over the limit arrived, so this side closed the connection."""
        return cls.closed(TOO_BIG, f"a message of more than {limit} bytes arrived")

    @classmethod
    def stalled(cls, seconds: float) -> Ending:
        """The peer accepted no data for ``seconds``."""
        return cls(message=f"the peer accepted no data for {seconds:g} seconds", deadline="send", seconds=seconds)

    @classmethod
    def silent(cls, seconds: float) -> Ending:
        """The peer sent nothing for ``seconds`` after a ping."""
        message = f"the peer sent nothing for {seconds:g} seconds after a ping"
        return cls(message=message, deadline="heartbeat", seconds=seconds)

    def error(self) -> RealtimeConnectionError | RealtimeTimeoutError:
        """Make a new exception that tells of this end."""
        error: RealtimeConnectionError | RealtimeTimeoutError
        if self.deadline is not None:
            error = RealtimeTimeoutError(self.message, name=self.deadline, seconds=self.seconds)
        else:
            error = RealtimeConnectionError(self.message, code=self.code, reason=self.reason)
        if self.cause is not None:
            error.__cause__ = self.cause
        return error


def check_close(code: int, reason: str) -> None:
    """Check that a close code and reason can be sent.

    Raises:
        UserError: the code is none that may be sent (RFC 6455, 7.4), or the reason is longer than 123 bytes.
    """
    if code not in _SENDABLE and not 3000 <= code <= 4999:
        raise UserError(f"close code {code} cannot be sent: use 1000 to 1003, 1007 to 1014 or 3000 to 4999")
    try:
        size = len(reason.encode())
    except UnicodeEncodeError:
        raise UserError("the close reason cannot be encoded as UTF-8") from None
    if size > _REASON_BYTES:
        raise UserError(f"the close reason has {size} bytes, {_REASON_BYTES} fit into a close frame")


def leaves(exc: BaseException) -> list[BaseException]:
    """List the exceptions that are no groups: all that are inside a group, or the one itself."""
    if not isinstance(exc, BaseExceptionGroup):
        return [exc]
    group = cast("BaseExceptionGroup[BaseException]", exc)
    return [leaf for part in group.exceptions for leaf in leaves(part)]


def only_tells_of_an_end(exc: BaseException) -> bool:
    """Tell whether an exception, or all there is in a group, says no more than that a connection is over."""
    return all(isinstance(leaf, RealtimeConnectionError | RealtimeTimeoutError) for leaf in leaves(exc))
