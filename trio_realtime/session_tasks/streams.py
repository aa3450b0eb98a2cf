"""The application's end of delivery: independent readers of one session's events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from weakref import ref

import attrs
import trio

from trio_realtime.core.delivery import EventBuffer, Hold, Overflow, Unbuilt
from trio_realtime.events import RealtimeAudio, RealtimeSessionEvent
from trio_realtime.session_tasks.sleepers import Sleepers

if TYPE_CHECKING:
    from trio_realtime.model import RealtimeConnection
    from trio_realtime.transport.lending import Lending

__all__ = ["Delivery", "EventStream", "Lender"]

EventT_co = TypeVar("EventT_co", covariant=True)

_BURST = 32  # events given from a full buffer before other tasks get a turn


class Lender:
    """Lets a task that waits for an event read the connection meanwhile, in the place of the session's reader."""

    __slots__ = ("_connection", "_lending")

    def __init__(self) -> None:
        self._connection: RealtimeConnection | None = None
        self._lending: Lending | None = None

    def begin(self, connection: RealtimeConnection) -> None:
        """The reader reads this connection from now on."""
        self._connection, self._lending = connection, None

    def end(self) -> None:
        """The reader reads no more."""
        self._connection = self._lending = None

    def wait(self) -> Awaitable[None] | None:
        """Give what waits in the reader's place, to be awaited at once; None if that is not possible now."""
        if self._lending is None:
            if self._connection is None:
                return None
            self._lending = self._connection.lending  # there is one once the connection is read
        return None if self._lending is None else self._lending.wait()

    def recall(self) -> None:
        """Let the task that waits in the reader's place look for events."""
        if self._lending is not None and self._lending.lent:
            self._lending.recall()


class EventStream(Generic[EventT_co]):
    """An async iterator over the events of a session, made by :meth:`RealtimeSession.events`.

    Breaking off and iterating again goes on where it stopped. Two tasks on one stream share it. Each step is a
    checkpoint for cancellation; a cancellation loses nothing. Iteration ends when the session has ended and everything
    before that was given; if the session failed, its exception is raised then.

    Attributes:
        buffer: what this reader has not taken yet.
        waiting: who waits for an event.
        reading: a task that waits for one reads meanwhile.
    """

    # fmt: off
    __slots__ = (
        "__weakref__", "_burst", "_ended", "_failed", "_failure", "_given", "_lender", "_room", "_seq", "buffer",
        "on_begin", "reading", "waiting",
    )
    # fmt: on

    def __init__(
        self,
        buffer: EventBuffer,
        given: Callable[[RealtimeAudio, float], None],
        failed: Callable[[], None],
        lender: Lender | None = None,
    ) -> None:
        self._lender = lender or Lender()
        self.reading: bool = False
        self.buffer: EventBuffer = buffer
        self._given = given
        self._failed = failed
        self.on_begin: Callable[[], None] = lambda: None
        self.waiting: Sleepers = Sleepers()
        self._room = Sleepers()
        self._burst = 0
        self._seq = 0
        self._ended = False
        self._failure: BaseException | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT_co:
        """Give the next event.

        Raises:
            StopAsyncIteration: the session has ended.
            Exception: what the session failed with; once.
        """
        buffer = self.buffer
        if not buffer.begun:
            buffer.begun = True
            self.on_begin()
        self._burst += 1
        if self._burst >= _BURST:
            self._burst = 0
            await trio.lowlevel.checkpoint()
        elif self._ended or len(buffer):  # else it waits, which is a checkpoint
            await trio.lowlevel.checkpoint_if_cancelled()
        while (event := buffer.pop()) is None:
            if self._ended and not buffer.is_held():
                self._end()
            self._burst = 0
            read = self._lender.wait()
            if read is None:
                await self.waiting.park()
            else:
                self.reading = True
                try:
                    await read
                finally:
                    self.reading = False
        if self._room.tasks:
            self._room.unpark_all()
        self._seq += 1
        if event.seq == 0:
            object.__setattr__(event, "seq", self._seq)  # nobody has seen it yet, so for everybody it never changes
            if isinstance(event, RealtimeAudio):
                self._given(event, trio.current_time())  # once, however many readers there are
        elif event.seq != self._seq:
            event = attrs.evolve(event, seq=self._seq)
        given: Any = event
        result: EventT_co = given
        return result

    def _end(self) -> None:
        failure, self._failure = self._failure, None
        if failure is None:
            raise StopAsyncIteration
        self._failed()
        raise failure

    # -- the session's side -----------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Let waiting readers look again."""
        if self.waiting.tasks:
            self.waiting.unpark_all()
        if self.reading:
            self._lender.recall()

    def finish(self, failure: BaseException | None) -> None:
        """End the stream after what is buffered."""
        if not self._ended:
            self._ended, self._failure = True, failure
            self.wake()
            self._room.unpark_all()

    def purge_audio(self, response_id: str | None) -> None:
        """Remove undelivered audio of a response; None for all."""
        self.buffer.purge_audio(response_id)
        self._room.unpark_all()

    async def wait_for_room(self) -> None:
        """Wait until the buffer is within its bounds."""
        while self.buffer.is_full() and not self._ended:
            await self._room.park()


class Delivery:
    """All readers of a session. A reader that the application has let go of is forgotten.

    Attributes:
        selected: what :meth:`selects` gives, as far as it is known.
        lender: lets readers read the connection.
    """

    __slots__ = ("_ended", "_failure", "_holds", "_streams", "_takers", "lender", "selected")

    def __init__(self) -> None:
        self._streams: list[ref[EventStream[Any]]] = []
        self._holds: list[Hold] = []
        self.selected: dict[type[RealtimeSessionEvent], bool] = {}
        self.lender: Lender = Lender()
        self._takers: dict[type[RealtimeSessionEvent], list[ref[EventStream[Any]]]] = {}
        self._ended = False
        self._failure: BaseException | None = None

    def add(self, stream: EventStream[Any]) -> None:
        """Begin to feed a reader."""
        self._streams.append(ref(stream, self._gone))
        stream.on_begin = self.selected.clear
        self._look_again()
        for hold in self._holds:
            stream.buffer.hold(hold)  # what is kept from others is kept from the new one
        if self._ended:
            stream.finish(self._failure)

    def _gone(self, reference: ref[EventStream[Any]]) -> None:
        self._streams.remove(reference)
        self._look_again()

    def _look_again(self) -> None:
        """Another reader, or one less: what is known of who wants what does not hold any more."""
        self.selected.clear()
        self._takers.clear()

    @property
    def streams(self) -> tuple[EventStream[Any], ...]:
        """The readers, the session's own first."""
        # a tuple first: a reader that goes meanwhile changes the list
        return tuple(stream for reference in tuple(self._streams) if (stream := reference()) is not None)

    def selects(self, kind: type[RealtimeSessionEvent]) -> bool:
        """Say whether events of that class have to be built: whether there is a reader that selects them."""
        selected = self.selected.get(kind)
        if selected is None:
            selected = self.selected[kind] = any(stream.buffer.selects(kind) for stream in self.streams)
        return selected

    def publish(self, event: RealtimeSessionEvent | Unbuilt, size: int = 0, audio_ms: float = 0.0) -> Overflow | None:
        """Give an event to every reader that wants it; say what one of them has too much of."""
        overflow: Overflow | None = None
        if self._ended:
            return None
        kind = event.kind if isinstance(event, Unbuilt) else type(event)
        takers = self._takers.get(kind)
        if takers is None:
            takers = self._takers[kind] = [ref(stream) for stream in self.streams if stream.buffer.wants(kind)]
        for reference in takers:
            stream = reference()
            if stream is not None:
                full = stream.buffer.put(event, size, audio_ms)
                if full is not None and overflow != "control":
                    overflow = full
                if stream.waiting.tasks or stream.reading:
                    stream.wake()
        return overflow

    def publish_first(self, event: RealtimeSessionEvent) -> None:
        """Give an event before everything that waits."""
        for stream in self.streams:
            if stream.buffer.wants(type(event)):
                stream.buffer.put_first(event)
                stream.wake()

    def hold(self) -> Hold:
        """Keep back everything that comes from now on."""
        hold = Hold()
        self._holds.append(hold)
        for stream in self.streams:
            stream.buffer.hold(hold)
        return hold

    def publish_before(self, hold: Hold, event: RealtimeSessionEvent, size: int = 0) -> None:
        """Give an event before what ``hold`` keeps back."""
        for stream in self.streams:
            if stream.buffer.wants(type(event)):
                stream.buffer.insert_before(hold, [(event, size)])
                stream.wake()

    def release(self, hold: Hold) -> None:
        """Let go what ``hold`` keeps back."""
        hold.released = True
        if hold in self._holds:
            self._holds.remove(hold)
        for stream in self.streams:
            stream.wake()

    def purge_audio(self, response_id: str | None) -> None:
        """Remove undelivered audio of a response; None for all."""
        for stream in self.streams:
            stream.purge_audio(response_id)

    async def wait_for_room(self) -> None:
        """Wait until every reader that somebody iterates is within its bounds."""
        for stream in self.streams:
            if stream.buffer.begun:
                await stream.wait_for_room()

    def finish(self, failure: BaseException | None) -> None:
        """End every reader after what it has."""
        self._ended, self._failure = True, failure
        for stream in self.streams:
            stream.finish(failure)
