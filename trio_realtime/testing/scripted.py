"""A model that follows a script."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import trio
import trio.testing

from trio_realtime.config import RealtimeModelConfig
from trio_realtime.errors import RealtimeConnectionError, SessionClosed
from trio_realtime.model import RealtimeConnection, RealtimeModel
from trio_realtime.model_events import RealtimeModelEvent
from trio_realtime.model_inputs import RealtimeModelSendEvent

__all__ = [
    "RealtimeConnectCall",
    "RealtimeScriptError",
    "RealtimeStep",
    "ScriptedRealtimeModel",
    "UnconsumedRealtimeSteps",
    "UnexpectedRealtimeSend",
]

Expectation = RealtimeModelSendEvent | type[Any] | Callable[[Any], bool]


class RealtimeScriptError(AssertionError):
    """The script and the session do not agree."""


class UnexpectedRealtimeSend(RealtimeScriptError):
    """The session sent something else than the next step expects.

    Attributes:
        actual: what it sent.
        expected: what was expected; None where the script was at its end.
    """

    def __init__(self, actual: object, expected: object) -> None:
        super().__init__(f"the session sent {actual!r}; expected was {expected!r}")
        self.actual = actual
        self.expected = expected


class UnconsumedRealtimeSteps(RealtimeScriptError):
    """The session never sent what the remaining steps expect."""

    def __init__(self, remaining_steps: Sequence[RealtimeStep]) -> None:
        super().__init__(f"{len(remaining_steps)} steps remain, first {remaining_steps[0]!r}")
        self.remaining_steps: tuple[RealtimeStep, ...] = tuple(remaining_steps)


@attrs.frozen
class RealtimeStep:
    """One exchange: what the session must send, and what the model does then.

    Attributes:
        expect: an equal event, a class, or a predicate.
        emit: model events that answer it.
        error: raised by the send instead.
    """

    expect: Expectation
    emit: Sequence[RealtimeModelEvent] = ()
    error: Exception | None = None

    def __attrs_post_init__(self) -> None:
        if self.emit and self.error is not None:
            raise ValueError("a step either emits or raises")

    def matches(self, event: RealtimeModelSendEvent) -> bool:
        """Say whether the event is the expected one."""
        if isinstance(self.expect, type):
            return isinstance(event, self.expect)
        if callable(self.expect):
            return bool(self.expect(event))
        return bool(self.expect == event)


@attrs.frozen
class RealtimeConnectCall:
    """How a session connected; whether there was a key or headers, never which.

    Attributes:
        config: the configuration, without its secrets.
        has_api_key, has_headers: they were given.
    """

    config: RealtimeModelConfig
    has_api_key: bool
    has_headers: bool


class ScriptedRealtimeModel(RealtimeModel):
    """A model that expects what a session sends, step by step, and answers from the script.

    It serves one session at a time. Without ``steps`` and with ``strict=False`` it accepts and records everything.

    Args:
        steps: the script.
        connect_events: given as soon as the session is connected.
        connect_error: raised instead of connecting.
        close_error: raised by closing.
        strict: something that no step expects raises UnexpectedRealtimeSend where it was sent.
    """

    def __init__(
        self,
        steps: Sequence[RealtimeStep] = (),
        *,
        connect_events: Sequence[RealtimeModelEvent] = (),
        connect_error: Exception | None = None,
        close_error: Exception | None = None,
        strict: bool = True,
    ) -> None:
        self._steps = deque(steps)
        self._connect_events = tuple(connect_events)
        self._connect_error = connect_error
        self._close_error = close_error
        self._strict = strict
        self._connection: _ScriptedConnection | None = None
        self.connect_calls: list[RealtimeConnectCall] = []
        self.sent_events: list[RealtimeModelSendEvent] = []
        self.close_calls: int = 0
        self.connected: bool = False
        self.closed: bool = False

    @property
    def remaining_steps(self) -> tuple[RealtimeStep, ...]:
        """The steps whose event the session has not sent yet."""
        return tuple(self._steps)

    def connect(self, config: RealtimeModelConfig) -> AbstractAsyncContextManager[RealtimeConnection]:
        """See :meth:`RealtimeModel.connect`."""
        return self._connect(config)

    @asynccontextmanager
    async def _connect(self, config: RealtimeModelConfig) -> AsyncGenerator[RealtimeConnection, None]:
        await trio.lowlevel.checkpoint()
        safe = attrs.evolve(config, api_key=None, headers=None, auth=None, dialect=None)
        self.connect_calls.append(RealtimeConnectCall(safe, config.api_key is not None, config.headers is not None))
        if self._connect_error is not None:
            raise self._connect_error
        if self.connected:
            raise RealtimeScriptError("a scripted model serves one session at a time")
        self._connection = _ScriptedConnection(self)
        self._connection.put(*self._connect_events)
        self.connected, self.closed = True, False
        try:
            yield self._connection
        finally:
            self.connected, self.closed = False, True
            self._connection.end()

    async def emit(self, *events: RealtimeModelEvent) -> None:
        """Give the session events that answer nothing; returns when all tasks have handled them.

        Raises:
            SessionClosed: no session is connected.
        """
        if self._connection is None or self.closed:
            raise SessionClosed("no session is connected to the scripted model")
        self._connection.put(*events)
        await trio.testing.wait_all_tasks_blocked()

    async def end(self) -> None:
        """End the connection in an orderly way, as the server would."""
        if self._connection is not None:
            self._connection.end()
        await trio.testing.wait_all_tasks_blocked()

    def assert_complete(self) -> None:
        """Check that the session has sent everything that the script expects.

        Raises:
            UnconsumedRealtimeSteps: it has not.
        """
        if self._steps:
            raise UnconsumedRealtimeSteps(tuple(self._steps))

    def take(self, event: RealtimeModelSendEvent) -> Sequence[RealtimeModelEvent]:
        """Match what was sent with the next step, and give the answer."""
        self.sent_events.append(event)
        if self._steps and self._steps[0].matches(event):
            step = self._steps.popleft()
            if step.error is not None:
                raise step.error
            return step.emit
        if self._strict:
            raise UnexpectedRealtimeSend(event, self._steps[0].expect if self._steps else None)
        return ()

    async def note_close(self) -> None:
        """Count a close, and fail it if the script says so."""
        self.close_calls += 1
        await trio.lowlevel.checkpoint()
        if self._close_error is not None:
            raise self._close_error


class _ScriptedConnection(RealtimeConnection):
    def __init__(self, model: ScriptedRealtimeModel) -> None:
        self._model = model
        self._events: deque[RealtimeModelEvent] = deque()
        self._lot = trio.lowlevel.ParkingLot()
        self._ended = False

    def put(self, *events: RealtimeModelEvent) -> None:
        self._events.extend(events)
        self._lot.unpark_all()

    def end(self) -> None:
        self._ended = True
        self._lot.unpark_all()

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        await trio.lowlevel.checkpoint()
        if self._ended:
            raise RealtimeConnectionError("the scripted connection has ended")
        self.put(*self._model.take(event))

    async def __anext__(self) -> RealtimeModelEvent:
        await trio.lowlevel.checkpoint()
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            await self._lot.park()
        return self._events.popleft()

    def next_nowait(self) -> RealtimeModelEvent | None:
        return self._events.popleft() if self._events else None

    async def aclose(self) -> None:
        self.end()
        await self._model.note_close()
