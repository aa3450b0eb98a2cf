"""Faults on demand: what can go wrong between a client and the service, made to happen at a chosen moment.

::

    server = LocalServer(faults=[CloseWith(1001, event="response.done")])
    server.fault(Refuse("session.update", code="invalid_value", param="session.tools[0].name", anonymous=True))

A fault of the stream names its moment with ``event`` (just before a server event of that type is sent) or ``after``
(right after the n-th server event of a connection); with neither it comes before the first event. ``skip`` lets that
many matches pass, ``times`` is how often it strikes (None: always), ``connection`` limits it to the n-th connection.
Faults are counted per server, not per connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from trio_realtime.errors import UserError
from trio_realtime.server.engines.base import EngineStep, Say

__all__ = [
    "BINARY_FRAME",
    "MALFORMED_JSON",
    "NOT_AN_OBJECT",
    "UNKNOWN_EVENT",
    "WRONG_SHAPE",
    "CloseWith",
    "Delay",
    "Drop",
    "Fault",
    "FaultPlan",
    "Frame",
    "Inject",
    "RaceResponse",
    "Refuse",
    "RejectHandshake",
    "Rewrite",
    "Stall",
    "StallHandshake",
    "StreamFault",
    "Withhold",
    "big_message",
]

Frame: TypeAlias = Mapping[str, Any] | str | bytes
"""A message to send: an object as JSON, a string as it is, bytes as a binary message."""

MALFORMED_JSON: Final = '{"type": "response.output_text.delta", "delta": '
"""A text message that is not JSON."""
NOT_AN_OBJECT: Final = '["response.output_text.delta"]'
"""A text message that is JSON but no object."""
BINARY_FRAME: Final = b"\x00\xffaudio"
"""A binary message; the protocol has none."""
WRONG_SHAPE: Final[Frame] = {"type": "response.output_audio.delta", "event_id": "event_wrong", "delta": 7}
"""An event of a known type with fields that it must not have, and without those that it must."""
UNKNOWN_EVENT: Final[Frame] = {"type": "response.hologram.delta", "event_id": "event_unknown", "delta": "x"}
"""An event of a type that nobody knows yet."""


def big_message(size: int) -> Frame:
    """Give an event of an unknown type that is a little longer than ``size`` bytes."""
    return {"type": "response.big", "event_id": "event_big", "padding": "x" * size}


@attrs.frozen(kw_only=True)
class Fault:
    """A fault.

    Attributes:
        times: how often it strikes; None is always.
        connection: only on this connection of the server, counted from 1; None is any.
    """

    times: int | None = 1
    connection: int | None = None


@attrs.frozen(kw_only=True)
class StreamFault(Fault):
    """A fault of the stream of server events.

    Attributes:
        event: just before a server event of this type.
        after: right after this many server events of a connection.
        skip: let this many matches pass.

    Raises:
        UserError: both ``event`` and ``after``.
    """

    event: str | None = None
    after: int | None = None
    skip: int = 0

    def __attrs_post_init__(self) -> None:
        if self.event is not None and self.after is not None:
            raise UserError("a fault has its moment either before an event or after a number of events, not both")


@attrs.frozen
class Drop(StreamFault):
    """End the connection without a close frame.

    Attributes:
        reset: as a reset instead of an orderly end of the stream (on a real socket).
    """

    reset: bool = False


@attrs.frozen
class CloseWith(StreamFault):
    """Close the connection with a code and reason."""

    code: int = 1001
    reason: str = ""


@attrs.frozen
class Delay(StreamFault):
    """Hold back everything from here on for ``seconds``."""

    seconds: float


@attrs.frozen
class Stall(StreamFault):
    """Send nothing more on this connection; it stays open."""


@attrs.frozen
class Withhold(StreamFault):
    """Do not send this one event."""


@attrs.frozen
class Inject(StreamFault):
    """Send something else in between: :data:`MALFORMED_JSON`, :data:`BINARY_FRAME`, :func:`big_message` ..."""

    frame: Frame


@attrs.frozen
class Rewrite(StreamFault):
    """Send what ``change`` makes of the event."""

    change: Callable[[dict[str, Any]], Frame]


@attrs.frozen
class RejectHandshake(Fault):
    """Answer the WebSocket handshake with an HTTP status instead of 101."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen
class StallHandshake(Fault):
    """Never answer the WebSocket handshake."""


@attrs.frozen
class Refuse(Fault):
    """Answer a client event with an error instead of doing it.

    Attributes:
        client_event: its type.
        code, param, message, type: of the error.
        anonymous: leave the error's ``event_id`` null, as the service often does.
    """

    client_event: str
    code: str | None = "invalid_value"
    param: str | None = None
    message: str = "Refused on demand."
    type: str = "invalid_request_error"
    anonymous: bool = False


@attrs.frozen
class RaceResponse(Fault):
    """Open a response, as turn detection does, just before the client's ``response.create`` is looked at.

    Attributes:
        steps: what that response does.
    """

    steps: tuple[EngineStep, ...] = (Say("Sorry, go on."),)


_F = TypeVar("_F", bound=Fault)


@attrs.define
class _Armed:
    """A fault and what has come of it."""

    fault: Fault
    passed: int = 0
    struck: int = 0

    def strike(self, connection: int, skip: int = 0) -> bool:
        """Count a match, and tell whether the fault happens now."""
        fault = self.fault
        if fault.connection not in {None, connection} or (fault.times is not None and self.struck >= fault.times):
            return False
        if self.passed < skip:
            self.passed += 1
            return False
        self.struck += 1
        return True


class FaultPlan:
    """The faults of a server, with their counts."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._armed = [_Armed(fault) for fault in faults]

    def add(self, fault: Fault) -> None:
        """Arm one more."""
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def before(self, event: str, connection: int, sent: int) -> list[StreamFault]:
        """Give what happens just before an event is sent as the ``sent``-th of a connection (from 0)."""

        def due(fault: StreamFault) -> bool:
            return fault.event == event if fault.event is not None else fault.after is None and sent == 0

        return self._stream(due, connection)

    def after(self, connection: int, sent: int) -> list[StreamFault]:
        """Give what happens when ``sent`` events have been sent."""
        return self._stream(lambda fault: fault.after == sent, connection)

    def take(self, kind: type[_F], connection: int, **having: object) -> _F | None:
        """Give a fault of a kind with these fields that happens now."""
        for armed in self._armed:
            fault = armed.fault
            if not isinstance(fault, kind) or any(getattr(fault, name) != value for name, value in having.items()):
                continue
            if armed.strike(connection):
                return fault
        return None

    def _stream(self, due: Callable[[StreamFault], bool], connection: int) -> list[StreamFault]:
        return [
            armed.fault
            for armed in self._armed
            if isinstance(armed.fault, StreamFault) and due(armed.fault) and armed.strike(connection, armed.fault.skip)
        ]
