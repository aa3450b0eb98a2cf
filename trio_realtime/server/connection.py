"""One client of the local server: the tasks around its state machine.

Three tasks for the length of the connection (reader, writer, clock) and one for each response and each transcription,
all in one nursery that ends with the connection.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs
import msgspec.json
import trio

from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.server._link import Cut, Outgoing
from trio_realtime.server._thoughts import Thoughts
from trio_realtime.server.actions import Close, Consider, StartResponse, Step, StopResponse, Transcribe
from trio_realtime.server.engines.base import Considered, Engine, EngineStep, Pause, Transcript, closable
from trio_realtime.server.faults import FaultPlan, Frame, RaceResponse, Refuse
from trio_realtime.server.settings import Json
from trio_realtime.server.state import SessionState
from trio_realtime.transport.base import Wire, WireRequest

__all__ = ["ConnectionOptions", "ServerConnection"]

_logger = logging.getLogger("trio_realtime.server")

_RECORDED_EVENTS: Final = 10_000
_RECORDED_AUDIO: Final = 4 * 1024 * 1024
_GRACE: Final = 0.5
"""Seconds that the reader has for a close frame that stands behind other messages, once nothing can be sent."""
_ENGINE_FAILED: Final = {
    "type": "server_error",
    "code": "server_error",
    "message": "The server had an error while processing your request.",
}


@attrs.frozen(kw_only=True)
class ConnectionOptions:
    """What all connections of a server have in common; see :class:`~trio_realtime.server.LocalServer`."""

    pace: float | None
    session_seconds: float
    max_queued_events: int
    anonymous_errors: frozenset[str]


class ServerConnection:
    """One client, for tests: what it sent, and ways to interfere.

    Attributes:
        number: its place among the server's connections, from 1.
        url: what the client asked for.
        headers: the client's request headers, names in lower case (the key is among them: not in any repr).
        received: the client's events in order, the newest 10,000; of audio the first 4 MiB (base64) only.
        state: the session's state machine, to look at.
        close_code, close_reason: how the client ended the connection, once it has.
    """

    def __init__(
        self,
        *,
        number: int,
        wire: Wire,
        request: WireRequest,
        cut: Cut,
        engine: Engine,
        plan: FaultPlan,
        options: ConnectionOptions,
        unix_time: float,
    ) -> None:
        self.number = number
        self.url: str = request.url
        self.headers: Mapping[str, str] = dict(request.headers)
        self.received: deque[Json] = deque(maxlen=_RECORDED_EVENTS)
        self.close_code: int | None = None
        self.close_reason: str | None = None
        query = parse_qs(urlsplit(request.url).query)
        self.state: SessionState = SessionState(
            number=number,
            model=query.get("model", [None])[0],
            now=trio.current_time(),
            unix_time=unix_time,
            session_seconds=options.session_seconds,
            call_id=query.get("call_id", [None])[0],
            transcription=query.get("intent") == ["transcription"],
            anonymous_errors=options.anonymous_errors,
            detector=engine.detector,
            pause_ms=engine.pause_ms,
        )
        self._wire = wire
        self._engine = engine.open()
        self._plan = plan
        self._pace = options.pace
        self._out = Outgoing(wire, cut, plan, number=number, limit=options.max_queued_events)
        self._scopes: dict[str, trio.CancelScope] = {}
        self._listening: dict[str, trio.Event] = {}
        self._thoughts = Thoughts()
        self._recorded_audio = 0
        self._deadline: float | None = None
        self._clock_set = trio.Event()
        self._news = trio.Event()
        self._over = trio.Event()
        self._nursery: trio.Nursery | None = None

    def __repr__(self) -> str:
        return f"<ServerConnection {self.number} {'closed' if self.closed else 'open'}>"

    # For tests

    @property
    def closed(self) -> bool:
        """Whether the connection is over and all its tasks have ended."""
        return self._over.is_set()

    @property
    def events_sent(self) -> int:
        """How many server events were sent."""
        return self._out.sent

    def received_types(self, *, audio: bool = False) -> list[str]:
        """Give the types of the client's events; those of appended audio only if asked for."""
        kinds = [str(event.get("type")) for event in self.received]
        return kinds if audio else [kind for kind in kinds if kind != "input_audio_buffer.append"]

    async def wait_received(self, type: str, count: int = 1) -> Json:
        """Wait for the ``count``-th client event of a type and give it.

        A checkpoint; a cancellation leaves nothing behind. Bound it with a scope of your own.

        Raises:
            RealtimeConnectionError: the connection has ended without it.
        """
        await trio.lowlevel.checkpoint()
        while True:
            found = [event for event in self.received if event.get("type") == type]
            if len(found) >= count:
                return found[count - 1]
            if self.closed:
                raise RealtimeConnectionError(f"the client has gone without sending {type}", code=self.close_code)
            await self._news.wait()

    async def wait_closed(self) -> None:
        """Wait until the connection is over. A checkpoint; bound it with a scope of your own."""
        await self._over.wait()

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a server event of your own making; it gets an ``event_id`` if it has none.

        Faults apply to it. Returns when it is queued; a checkpoint, after which a cancellation changes nothing.
        """
        self._out.post([{"event_id": self.state.new_id("event"), **event}])
        await trio.lowlevel.checkpoint()
        await self._out.room()

    async def send_frame(self, frame: Frame) -> None:
        """Send any message: an object as JSON, a string as it is, bytes as a binary message. As :meth:`send_event`."""
        self._out.post_raw(frame)
        await trio.lowlevel.checkpoint()
        await self._out.room()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection with a code, after all that was sent before, and wait until it is over.

        A checkpoint; when cancelled it closes all the same.
        """
        self._out.post_end(code, reason)
        await self._over.wait()

    async def drop(self, *, reset: bool = False) -> None:
        """End the connection without a close frame, after all that was sent before. As :meth:`close` otherwise."""
        self._out.post_end(None, reset=reset)
        await self._over.wait()

    # The tasks

    async def run(self) -> None:
        """Serve the client until the connection is over. All tasks of the connection have ended when it returns."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._out.post(self.state.open())
                nursery.start_soon(self._write)
                nursery.start_soon(self._keep_time)
                await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._over.set()
            self._news.set()

    async def _write(self) -> None:
        try:
            await self._out.write()
        except (RealtimeConnectionError, RealtimeTimeoutError) as gone:
            _logger.debug("connection %d: %s", self.number, gone)
            await trio.sleep(_GRACE)  # the reader's return ends this: it knows best how the client went
            if isinstance(gone, RealtimeConnectionError):
                self.close_code, self.close_reason = gone.code, gone.reason
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    async def _keep_time(self) -> None:
        while True:
            deadline = self._deadline = self.state.deadline
            self._clock_set = trio.Event()
            with trio.CancelScope() as scope:
                if deadline is not None:
                    scope.deadline = deadline
                await self._clock_set.wait()
            if scope.cancelled_caught:
                self._apply(self.state.tick(trio.current_time()))
                await self._out.room()

    async def _read(self) -> None:
        while True:
            try:
                message = await self._wire.receive()
            except RealtimeConnectionError as ended:
                self.close_code, self.close_reason = ended.code, ended.reason
                return
            except RealtimeTimeoutError:
                return
            self._take(_parsed(message))
            while self.state.unheard:
                await trio.lowlevel.checkpoint()
                self._apply(self.state.go_on(trio.current_time()))
            await self._out.room()

    def _take(self, message: object) -> None:
        now = trio.current_time()
        event: Any = message
        if isinstance(message, dict):
            known: Json = event
            self._record(known)
            kind = str(known.get("type"))
            if self._refused(kind, known):
                return
            race = self._plan.take(RaceResponse, self.number) if kind == "response.create" else None
            if race is not None:
                self._apply(self.state.open_response(now, race.steps))
        self._apply(self.state.handle(event, now))

    def _record(self, event: Json) -> None:
        if event.get("type") == "input_audio_buffer.append":
            self._recorded_audio += len(str(event.get("audio")))
            if self._recorded_audio > _RECORDED_AUDIO:
                return
        self.received.append(event)
        self._news.set()
        self._news = trio.Event()

    def _refused(self, kind: str, event: Json) -> bool:
        refusal = self._plan.take(Refuse, self.number, client_event=kind)
        if refusal is None:
            return False
        event_id = None if refusal.anonymous else event.get("event_id")
        error = self.state.error(
            refusal.code, refusal.message, param=refusal.param, event_id=event_id, type=refusal.type
        )
        self._out.post([error])
        return True

    def _apply(self, step: Step) -> None:
        """Send what the state machine says, and do what it asks for."""
        self._out.post(step.events)
        for action in step.actions:
            match action:
                case StartResponse():
                    self._start(action)
                case StopResponse(response_id):
                    self._scopes.pop(response_id).cancel()
                case Transcribe():
                    self._listening[action.item_id] = trio.Event()
                    self._spawn(self._transcribe, action)
                case Consider():
                    if self._thoughts.want(action):
                        self._spawn(self._consider)
                case Close(code, reason):
                    self._out.post_end(code, reason)
        self._check_clock()

    def _spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(function, *args)

    def _check_clock(self) -> None:
        if self.state.deadline != self._deadline:
            self._clock_set.set()

    # Responses

    def _start(self, action: StartResponse) -> None:
        scope = self._scopes[action.response_id] = trio.CancelScope()
        self._spawn(self._respond, action, scope)

    async def _respond(self, action: StartResponse, scope: trio.CancelScope) -> None:
        error: Json | None = None
        with scope:
            try:
                await self._fill(action)
            except Exception:
                _logger.exception("connection %d: the engine failed", self.number)
                error = dict(_ENGINE_FAILED)
        self._scopes.pop(action.response_id, None)
        self._out.post(self.state.finish(action.response_id, trio.current_time(), error=error))
        self._check_clock()

    async def _fill(self, action: StartResponse) -> None:
        for heard in tuple(self._listening.values()):
            await heard.wait()
        if not self.state.running(action.response_id):
            return  # it was cancelled before it began
        if action.steps is not None:
            steps = _given(action.steps)
        else:
            steps = self._engine.respond(self.state.engine_request(action.response_id))
        async with aclosing(closable(steps)) as running:
            async for step in running:
                if isinstance(step, Pause):
                    await trio.sleep(step.seconds)
                for emission in self.state.produce(action.response_id, step, trio.current_time):
                    self._out.post(emission.events)
                    self._check_clock()
                    await self._out.room()
                    await trio.sleep(0 if self._pace is None else emission.seconds / self._pace)
                if not self.state.running(action.response_id):
                    return

    # Transcriptions

    async def _consider(self) -> None:
        """Ask the engine about pauses, one after another, until there is none to ask about."""
        while (action := self._thoughts.next()) is not None:
            try:
                considered = await self._engine.consider(action.clip)
            except Exception:
                _logger.exception("connection %d: the engine failed at a pause", self.number)
                considered = Considered(Transcript("", error="The audio could not be transcribed."))
            self._thoughts.put(action, considered)
            self._apply(self.state.considered(action.pause, trio.current_time(), finished=considered.finished))

    async def _transcribe(self, action: Transcribe) -> None:
        try:
            transcript = await self._thoughts.wait(action.pause)
            if transcript is None:
                made = await self._engine.transcribe(action.clip)
                transcript = Transcript(made) if isinstance(made, str) else made
        except Exception:
            _logger.exception("connection %d: the engine failed to transcribe", self.number)
            transcript = Transcript("", error="The audio could not be transcribed.")
        self.state.hear(action.item_id, transcript)
        self._listening.pop(action.item_id).set()
        if not action.announce:
            return
        if transcript.delay > 0:
            await trio.sleep(transcript.delay)
        self._out.post(self.state.transcribed(action.item_id, transcript, action.clip))


def _parsed(message: str | bytes) -> object:
    """Give the JSON of a text message; None for all that is none."""
    if isinstance(message, bytes):
        return None
    try:
        return msgspec.json.decode(message)
    except msgspec.DecodeError:
        return None


async def _given(steps: Iterable[EngineStep]) -> AsyncIterator[EngineStep]:
    for step in steps:
        yield step
