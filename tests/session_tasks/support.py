"""A session on a scripted model or on a small fake connection, and short ways to make model events."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from trio_realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from trio_realtime import model_events as m
from trio_realtime.model import RealtimeConnection, RealtimeModel
from trio_realtime.model_inputs import RealtimeModelSendEvent
from trio_realtime.testing import ScriptedRealtimeModel


def scripted(**options: Any) -> ScriptedRealtimeModel:
    return ScriptedRealtimeModel(**{"strict": False, **options})


async def make(model: Any, *, agent: Any = None, context: Any = None, model_config: Any = None, **config: Any) -> Any:
    """A session that is not entered yet."""
    runner: Any = RealtimeRunner(agent or RealtimeAgent("Assistant"), model=model, config=config)
    return await runner.run(context=context, model_config=model_config)


@asynccontextmanager
async def scripted_session(
    **options: Any,
) -> AsyncGenerator[tuple[RealtimeSession[Any], ScriptedRealtimeModel], None]:
    model = scripted()
    async with await make(model, **options) as session:
        yield session, model


class FakeConnection(RealtimeConnection):
    """Records what is sent, gives what is put in, and fails where it is told to."""

    def __init__(self) -> None:
        self.sent: list[RealtimeModelSendEvent] = []
        self.events: deque[Any] = deque()
        self.lot = trio.lowlevel.ParkingLot()
        self.open = trio.Event()
        self.open.set()
        self.send_error: BaseException | None = None
        self.close_error: Exception | None = None
        self.close_hangs = False
        self.closed = 0
        self.bursts: list[int] = []

    async def send_events(self, events: Sequence[RealtimeModelSendEvent]) -> None:
        self.bursts.append(len(events))
        await super().send_events(events)

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        await self.open.wait()
        await trio.lowlevel.checkpoint()
        if self.send_error is not None:
            raise self.send_error
        self.sent.append(event)

    async def put(self, *events: Any) -> None:
        self.events.extend(events)
        self.lot.unpark_all()
        await wait_all_tasks_blocked()

    async def __anext__(self) -> Any:
        await trio.lowlevel.checkpoint()
        while not self.events:
            await self.lot.park()
        event = self.events.popleft()
        if isinstance(event, BaseException) or event is StopAsyncIteration:
            raise event
        return event

    async def aclose(self) -> None:
        self.closed += 1
        await trio.lowlevel.checkpoint()
        if self.close_hangs:
            await trio.sleep_forever()
        if self.close_error is not None:
            raise self.close_error


class FakeModel(RealtimeModel):
    """Gives one connection; ``around`` runs when it is entered and when it is left."""

    def __init__(
        self,
        connection: RealtimeConnection | None = None,
        *,
        enter: Callable[[], Any] | None = None,
        leave: Callable[[], Any] | None = None,
    ) -> None:
        self.connection: Any = connection or FakeConnection()
        self.enter = enter
        self.leave = leave
        self.configs: list[Any] = []

    @asynccontextmanager
    async def connect(self, config: Any) -> AsyncGenerator[RealtimeConnection, None]:
        self.configs.append(config)
        await trio.lowlevel.checkpoint()
        if self.enter is not None:
            await self.enter()
        try:
            yield self.connection
        finally:
            if self.leave is not None:
                await self.leave()


def now(session: RealtimeSession[Any] | Any) -> list[Any]:
    """Everything that the session's own reader has, without waiting."""
    stream = session._events if isinstance(session, RealtimeSession) else session
    events: list[Any] = []
    while (event := stream.buffer.pop()) is not None:
        events.append(event)
    return events


def kinds(events: Any) -> list[str]:
    return [event.type for event in events]


def of(events: Any, kind: str) -> list[Any]:
    return [event for event in events if event.type == kind]


async def drain(session: Any) -> tuple[list[Any], BaseException | None]:
    """Iterate to the end, and give what was read and what was raised."""
    events: list[Any] = []
    try:
        async for event in session:
            events.append(event)
    except Exception as error:  # noqa: BLE001
        return events, error
    return events, None


def call(name: str, call_id: str = "c1", arguments: str = "{}", **fields: Any) -> m.RealtimeModelToolCallEvent:
    return m.RealtimeModelToolCallEvent(name=name, call_id=call_id, arguments=arguments, **fields)


def begin(response_id: str = "r1", **fields: Any) -> m.RealtimeModelTurnStartedEvent:
    return m.RealtimeModelTurnStartedEvent(response_id=response_id, **fields)


def end(response_id: str = "r1", **fields: Any) -> m.RealtimeModelTurnEndedEvent:
    return m.RealtimeModelTurnEndedEvent(response_id=response_id, **fields)


def audio(ms: float = 100, response_id: str = "r1", item_id: str = "i1", content_index: int = 0) -> Any:
    return m.RealtimeModelAudioEvent(
        data=bytes(int(ms * 48)), response_id=response_id, item_id=item_id, content_index=content_index
    )


def words(delta: str, response_id: str = "r1", item_id: str = "i1") -> m.RealtimeModelTranscriptDeltaEvent:
    return m.RealtimeModelTranscriptDeltaEvent(item_id=item_id, delta=delta, response_id=response_id)


def final(text: str, response_id: str = "r1", item_id: str = "i1") -> m.RealtimeModelTranscriptDoneEvent:
    return m.RealtimeModelTranscriptDoneEvent(item_id=item_id, transcript=text, response_id=response_id)
