"""What wires over a stream have in common, whichever library reads and writes their frames.

The connection lives in one shielded task with a nursery of its own. So a cancellation reaches the block that uses the
wire first, then the closing handshake runs, then the task ends; and nothing that a library raises leaves that task
other than as a value.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import cast

import trio

from trio_realtime.errors import AgentsException, RealtimeConnectionError, RealtimeTimeoutError, UserError
from trio_realtime.transport.base import BURST, TransportConfig, Wire, WireStatistics
from trio_realtime.transport.endings import TOO_BIG, Ending, check_close, leaves
from trio_realtime.transport.handshakes import HandshakeAnswer, rejection
from trio_realtime.transport.inbox import Burst, Inbox, as_utf8, nothing
from trio_realtime.transport.lending import Lending
from trio_realtime.transport.lifetimes import beside
from trio_realtime.transport.stream_proxy import BACKLOG, StreamProxy
from trio_realtime.transport.text_frames import TextFramer
from trio_realtime.transport.text_sieve import TextSieve

__all__ = ["StreamWire", "running"]

_HURRY = 0.1  # seconds that a cancelled close still gives its close frame to leave


class StreamWire(Wire):
    """One WebSocket connection over one stream: its handshake, heartbeat, close and end.

    Args:
        stream: an open stream; the wire closes it.
        config: limits and deadlines.
        deadline: when the handshake has to be done, on the trio clock.
        answer: reads the server's answer along; None on the server's side.
    """

    # fmt: off
    __slots__ = (
        "_answer", "_close_frame", "_close_scope", "_closing", "_config", "_deadline", "_delivering", "_finished",
        "_framed_here", "_framer", "_inbox", "_invalid", "_latency", "_messages_received", "_messages_sent", "_proxy",
        "_scope", "_settled", "_sieve", "failure",
    )
    # fmt: on

    def __init__(
        self, stream: trio.abc.Stream, *, config: TransportConfig, deadline: float, answer: HandshakeAnswer | None
    ) -> None:
        self.failure: AgentsException | None = None
        self._config = config
        self._deadline = deadline
        self._proxy = StreamProxy(
            stream, send_timeout=config.send_timeout, linger=config.close_timeout, on_stall=self._stalled
        )
        self._answer = answer
        what = "client's request" if answer is None else "server's answer"
        self._invalid = f"the {what} is not a valid WebSocket handshake"
        self._inbox = Inbox()
        self._framer = TextFramer(client=answer is not None)
        self._framed_here = True
        self._delivering = False
        self._sieve = TextSieve(self._inbox, config.max_size)
        self._scope = trio.CancelScope(shield=True)
        self._settled = trio.Event()
        self._closing = trio.Event()
        self._finished = trio.Event()
        self._close_frame = (1000, "")
        self._close_scope = trio.CancelScope()
        self._messages_sent = 0
        self._messages_received = 0
        self._latency: float | None = None

    # What a library does in its own way.

    @abstractmethod
    async def _handshake(self, nursery: trio.Nursery) -> None:
        """Make the handshake; tasks of the connection go into the nursery. Is cancelled when it cannot succeed."""

    @abstractmethod
    async def _pump(self) -> None:
        """Move messages into the inbox until the end, so that pings and the close are seen without a receiver."""

    @abstractmethod
    def _ping(self, nursery: trio.Nursery, answered: trio.Event) -> None:
        """Send a ping; when its pong has come, keep the latency and set the event."""

    @abstractmethod
    async def _close_connection(self) -> None:
        """Make the closing handshake, or write what is left of it. Has a deadline; the pump runs meanwhile."""

    @abstractmethod
    def _refused_with(self, exc: BaseException) -> int | None:
        """Give the HTTP status if this is the library's way to tell of a refused handshake."""

    def _write(self, texts: Sequence[bytes]) -> None:
        """Frame text messages and hand them over to be written.

        The library is not asked: its way costs a multiple. What it writes itself (pongs, the close) goes through the
        same stream, frame by frame.
        """
        frame = self._framer.frame
        self._proxy.hand_over(frame(texts[0]) if len(texts) == 1 else b"".join([frame(text) for text in texts]))

    def _closed_by_peer(self) -> Ending | None:
        """Give the end if the library knows of it before its reader has told."""
        return None

    # The wire.

    async def send(self, message: str | bytes) -> None:
        """See :meth:`Wire.send`."""
        await self.send_many((message,))
        # Behind the message, so that the writer runs in the same round; shielded, because the message is on its way.
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def send_many(self, messages: Sequence[str | bytes]) -> None:
        """See :meth:`Wire.send_many`: one write, and it yields only where it waits or fails."""
        texts = [as_utf8(message) for message in messages]
        proxy = self._proxy
        await trio.lowlevel.checkpoint_if_cancelled()
        if proxy.crowded:
            await proxy.wait_for_room()
        if proxy.write_failed:
            # Reading goes on for a moment: the peer's close frame says more than our failed write.
            with trio.move_on_after(self._config.close_timeout):
                await self._closing.wait()
            self._end(Ending.lost())
        ending = self._inbox.ending or self._closed_by_peer()
        if ending is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise ending.error()
        self._write(texts)
        self._messages_sent += len(texts)

    @property
    def ended(self) -> bool:
        """Whether the connection is over, or on its way to be."""
        return self._inbox.ending is not None

    def send_nowait(self, message: bytes | str) -> bool:
        """See :meth:`Wire.send_nowait`."""
        proxy = self._proxy
        if proxy.backlog >= BACKLOG or proxy.write_failed or self._inbox.ending is not None:
            return False
        text = message if type(message) is bytes and message.isascii() else as_utf8(message)
        if self._framed_here:
            proxy.hand_over(self._framer.frame(text))
        else:
            self._write((text,))
        self._messages_sent += 1
        return True

    async def receive(self) -> str | bytes:
        """See :meth:`Wire.receive`."""
        return await self._inbox.receive()

    @property
    def lending(self) -> Lending | None:
        """See :attr:`Wire.lending`; there is none before the first :meth:`deliver`."""
        return self._proxy.lending

    @property
    def read_at(self) -> float:
        """See :attr:`Wire.read_at`."""
        return self._proxy.last_received

    def receive_nowait(self) -> str | bytes | None:
        """See :meth:`Wire.receive_nowait`."""
        return self._inbox.receive_nowait()

    async def deliver(self, take: Callable[[str | bytes], bool]) -> None:
        """See :meth:`Wire.deliver`: the socket is read in the task of the caller."""
        if self._delivering:
            raise UserError("messages are delivered to somebody else already")
        await trio.lowlevel.checkpoint_if_cancelled()
        self._delivering = True
        inbox, proxy, burst = self._inbox, self._proxy, Burst(take)
        try:
            with proxy.aside():
                while not burst.enough:
                    inbox.pour(burst)
                    if burst.enough:
                        await trio.lowlevel.cancel_shielded_checkpoint()
                    elif burst.count >= BURST:
                        await trio.lowlevel.checkpoint()
                    elif inbox.ending is not None:
                        await trio.lowlevel.checkpoint()
                        raise inbox.ending.error()
                    else:
                        with self._taking(burst):
                            await proxy.read_aside(burst.goes_on)
        finally:
            self._delivering = False

    @contextmanager
    def _taking(self, burst: Burst) -> Generator[None, None, None]:
        """Let messages go to a burst as they come; the block is cancelled when it is enough, and at the end."""
        inbox = self._inbox
        with trio.CancelScope() as scope:
            inbox.burst, inbox.on_change = burst, scope.cancel
            try:
                yield
            finally:
                inbox.burst, inbox.on_change = None, nothing

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """See :meth:`Wire.aclose`."""
        check_close(code, reason)
        self.begin_close(code, reason)
        try:
            await self._finished.wait()
        except trio.Cancelled:
            self._close_scope.deadline = min(self._close_scope.deadline, trio.current_time() + _HURRY)
            raise

    def statistics(self) -> WireStatistics:
        """See :meth:`Wire.statistics`."""
        return WireStatistics(
            bytes_sent=self._proxy.bytes_sent,
            bytes_received=self._proxy.bytes_received,
            messages_sent=self._messages_sent,
            messages_received=self._messages_received + self._sieve.messages,
            last_received=self._proxy.last_received,
            latency=self._latency,
        )

    # Its life.

    async def wait_open(self) -> None:
        """Wait until the handshake is made. A checkpoint; a cancellation gives the connection up.

        Raises:
            HandshakeRejected, RealtimeConnectionError, RealtimeTimeoutError: there is no connection.
        """
        try:
            await self._settled.wait()
        except trio.Cancelled:
            self._scope.cancel()
            raise
        if self.failure is not None:
            raise self.failure

    def begin_close(self, code: int = 1000, reason: str = "") -> None:
        """Start to close without waiting; the first call, or the peer's own close before it, counts."""
        if self._end(Ending.closed_here(code, reason)):
            self._close_frame = (code, reason)

    async def run(self) -> None:
        """Hold the connection from the handshake to the end. Raises nothing but what interrupts the program."""
        with self._scope:
            try:
                async with trio.open_nursery() as inner:
                    inner.start_soon(self._proxy.write_frames)
                    await self._open(inner)
                    inner.start_soon(self._pump)
                    inner.start_soon(self._heartbeat, inner)
                    await self._closing.wait()
                    await self._close()
                    inner.cancel_scope.cancel()
            except Exception as exc:  # noqa: BLE001 - it leaves this task as a value
                self._crashed(exc)
            finally:
                self._end(Ending.lost())
                self._settled.set()
                if self._inbox.ending is not None and self._inbox.ending.code == TOO_BIG:
                    with trio.move_on_after(self._config.close_timeout):
                        await self._proxy.drain()
                await trio.aclose_forcefully(self._proxy)
                self._finished.set()

    async def _open(self, inner: trio.Nursery) -> None:
        proxy = self._proxy
        done = False
        with trio.CancelScope(deadline=self._deadline) as scope:
            proxy.on_over = scope.cancel
            if self._answer is not None:
                self._answer.on_settled = scope.cancel
                proxy.sift, proxy.wait_to_read = self._sift_answer, self._wait_to_read
            await self._handshake(inner)
            done = True
        proxy.on_over = None
        if not done:
            raise self._why_not_open()
        self._settled.set()

    def _sift_answer(self, data: bytes) -> bytes:
        """Read along until the server has accepted; from there on the sieve takes what comes."""
        answer = cast("HandshakeAnswer", self._answer)
        answer.feed(data)
        if not answer.accepted:
            return data
        self._proxy.sift = self._sieve.sift
        frames = answer.behind()
        return data[: len(data) - len(frames)] + self._sieve.sift(frames)

    async def _wait_to_read(self) -> None:
        """Read no more while too much waits to be received."""
        inbox = self._inbox
        while inbox.full and inbox.ending is None:
            await inbox.changed()

    def _why_not_open(self) -> AgentsException:
        answer = self._answer
        refusal = answer.refusal() if answer is not None else None
        if refusal is not None:
            return refusal
        if not self._proxy.over.is_set():
            seconds = self._config.handshake_timeout or 0.0
            return RealtimeTimeoutError(
                f"the WebSocket handshake was not done within {seconds:g} seconds", name="connect", seconds=seconds
            )
        return RealtimeConnectionError("the connection was closed during the WebSocket handshake")

    async def _heartbeat(self, inner: trio.Nursery) -> None:
        """Ping at intervals; end the connection when nothing at all came for ``ping_timeout`` after a ping."""
        interval, timeout = self._config.ping_interval, self._config.ping_timeout
        if interval is None:
            return
        while True:
            await trio.sleep(interval)
            answered = trio.Event()
            pinged = trio.current_time()
            self._ping(inner, answered)
            while not answered.is_set():
                # A peer that is busy sending is alive, even where its pong has to wait behind the data.
                quiet_since = max(pinged, self._proxy.last_received)
                deadline = math.inf if timeout is None else quiet_since + timeout
                if trio.current_time() >= deadline:
                    self._end(Ending.silent(timeout or 0.0))
                    return
                with trio.move_on_at(deadline):
                    await answered.wait()

    async def _close(self) -> None:
        ending = self._inbox.ending
        if ending is not None and ending.deadline is not None:
            return  # nobody is there to answer
        self._close_scope.deadline = min(self._close_scope.deadline, trio.current_time() + self._config.close_timeout)
        with self._close_scope:
            await self._close_connection()
            await self._proxy.flush()  # a close frame that answers the peer's, or tells of a message over the limit

    def _stalled(self) -> None:
        self._end(Ending.stalled(self._config.send_timeout or 0.0))

    def _end(self, ending: Ending) -> bool:
        first = self._inbox.end(ending)
        self._closing.set()
        return first

    def _crashed(self, exc: Exception) -> None:
        """Make a value of what came out of the library's reader, or of the handshake."""
        found = leaves(exc)
        if self._settled.is_set():
            # While closing this is noise.
            self._end(Ending.lost("the WebSocket layer failed", cause=found[0]))
            return
        refusal = self._answer.refusal() if self._answer is not None else None
        for leaf in found:
            if isinstance(leaf, AgentsException):
                self.failure = leaf
                return
            status = self._refused_with(leaf)
            if refusal is None and status is not None:
                refusal = rejection(status, (), b"")
        # With a status that refuses it does not matter what the library makes of the rest.
        self.failure = refusal or RealtimeConnectionError(self._invalid)
        if refusal is None:
            self.failure.__cause__ = found[0]


def running(wire: StreamWire) -> AbstractAsyncContextManager[None]:
    """Hold a wire's connection for the length of a block, from the handshake on, and close it at the end.

    The exception of the block leaves it as the same object. The close is shielded and takes ``close_timeout`` at most.

    Raises:
        HandshakeRejected, RealtimeConnectionError, RealtimeTimeoutError: there is no connection.
    """
    return beside(wire.run, ready=wire.wait_open, leave=wire.begin_close)
