"""The stream that is put between a WebSocket library and the socket.

Frames are written whole whatever is cancelled, a peer that takes no data is given up, the end of the stream is known at
once (during the handshake too), and every byte and the time of the last read are counted. For trio-websocket that needs
nothing private of it: it leaves all this to its stream.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import trio

from trio_realtime.transport.lending import SocketLending, lending_of

__all__ = ["BACKLOG", "StreamProxy"]

BACKLOG = 64 * 1024  # bytes on their way to the socket, from which on a sender waits
_READ = 64 * 1024  # bytes of one read
_SLICE = 64 * 1024  # a large message on a slow line makes progress: the deadline is for one slice


class StreamProxy(trio.abc.Stream):
    """A stream with a writer task of its own.

    Senders only hand their frames over. So a cancelled sender leaves at once, and what it had handed over is still
    written in full: a frame that was cut would turn everything after it into nonsense. And a burst is one write.

    Args:
        raw: the stream below.
        send_timeout: how long the peer may accept no data, in seconds, or None.
        linger: how long a close may still write, and how long what the peer has still sent is read after a write has
            failed, in seconds.
        on_stall: called when ``send_timeout`` has passed; the stream is closed then.
    """

    # fmt: off
    __slots__ = (
        "_aside", "_direct", "_end_seen", "_failure", "_fd", "_frames", "_left", "_left_bytes", "_library", "_linger",
        "_more", "_now", "_on_stall", "_progress", "_raw", "_send_timeout", "_stopped", "_turn", "_waiting", "_work",
        "backlog", "bytes_received", "bytes_sent", "last_received", "lending", "on_over", "over", "sift",
        "wait_to_read", "write_failed",
    )
    # fmt: on

    def __init__(
        self,
        raw: trio.abc.Stream,
        *,
        send_timeout: float | None,
        linger: float,
        on_stall: Callable[[], object],
    ) -> None:
        self.bytes_sent: int = 0
        self.bytes_received: int = 0
        self._now = trio.lowlevel.current_clock().current_time
        self.last_received: float = self._now()
        self.over: trio.Event = trio.Event()
        self.write_failed: bool = False
        self.on_over: Callable[[], object] | None = None
        self.sift: Callable[[bytes], bytes] | None = None
        self.wait_to_read: Callable[[], Awaitable[None]] | None = None
        self.lending: SocketLending | None = None
        self._more: Callable[[], bool] = lambda: False
        self._aside = False
        self._left: deque[bytes] = deque()
        self._left_bytes = 0
        self._failure: Exception | None = None
        self._end_seen = False
        self._waiting: trio.CancelScope | None = None
        self._library = trio.lowlevel.ParkingLot()
        self._turn = trio.lowlevel.ParkingLot()
        self._raw = raw
        self._send_timeout = math.inf if send_timeout is None else send_timeout
        self._linger = linger
        self._on_stall = on_stall
        self._stopped = False
        self._direct = isinstance(raw, trio.SocketStream) and os.name == "posix"
        self._fd = raw.socket.fileno() if isinstance(raw, trio.SocketStream) else -1
        self._frames: list[bytes] = []
        self.backlog: int = 0
        self._work = trio.lowlevel.ParkingLot()
        self._progress = trio.lowlevel.ParkingLot()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand a frame to the writer; wait before that while too much is on its way.

        A cancellation leaves the frame unsent. After a write has failed, frames are swallowed: reading goes on, and
        what the peer said before it went away is worth more. It does not always yield; trio-websocket's lock does.

        Raises:
            trio.ClosedResourceError: the proxy is closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.crowded:
            await self.wait_for_room()
        if self._stopped:
            raise trio.ClosedResourceError("the stream is closed")
        self.hand_over(bytes(data))

    @property
    def crowded(self) -> bool:
        """Whether so much is on its way that a sender has to wait."""
        return self.backlog >= BACKLOG and not (self._stopped or self.write_failed)

    async def wait_for_room(self) -> None:
        """Wait until a sender need not wait any more, or the stream takes nothing any more. Yields only if it waits."""
        while self.crowded:
            await self._progress.park()

    def hand_over(self, data: bytes) -> None:
        """Hand frames to the writer at once, however much is on its way. Nothing is left of them after the end."""
        if self._stopped or self.write_failed:
            return
        if self._direct and not self.backlog:
            # Two turns of the scheduler less than the writer task takes, which is most of the cost of a small message.
            try:
                written = os.write(self._fd, data)
            except OSError:  # it is full, or broken: the writer will find out which
                written = 0
            self.bytes_sent += written
            if written == len(data):
                return
            data = data[written:]
        if data:
            self._frames.append(data)
            self.backlog += len(data)
            self._work.unpark()

    async def flush(self) -> None:
        """Wait until what was handed over is written, or never will be. A checkpoint."""
        await trio.lowlevel.checkpoint()
        while self.backlog and not (self._stopped or self.write_failed):
            await self._progress.park()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until a frame could be handed over. A checkpoint."""
        await self._raw.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read for the WebSocket library, and notice the end. A checkpoint; a cancellation loses nothing.

        What ``sift`` keeps of the data is not given; only the end is b"". While somebody else reads (:meth:`aside`),
        it waits for what they leave.

        Raises:
            trio.BrokenResourceError: the stream below failed, with whatever exception.
            trio.ClosedResourceError: it is closed.
        """
        while True:
            if self._left:
                await trio.lowlevel.checkpoint()
                return self._take_left()
            if self._failure is not None:
                await trio.lowlevel.checkpoint()
                raise self._failure
            if self._end_seen:
                await trio.lowlevel.checkpoint()
                return b""
            if self._aside:
                await self._library.park()
                continue
            if self.wait_to_read is not None:
                await self.wait_to_read()
            data = b"" if self._aside else await self._read_unless_aside(max_bytes)
            if data or self._end_seen:
                return data

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        """Let the caller read with :meth:`read_aside`, instead of the library, for the length of a block."""
        self._aside = True
        if self.lending is None and self._direct and self._fd >= 0:
            self.lending = lending_of(self._fd, self._may_be_lent, self._read_if_more)
        if self._waiting is not None:
            self._waiting.cancel()
        try:
            yield
        finally:
            self._aside = False
            self._library.unpark_all()

    async def read_aside(self, more: Callable[[], bool]) -> None:
        """Read as long as ``more`` says so, and leave to the library what is not sifted out.

        Others may read in the place of this (``lending``). Each read is a checkpoint; a cancellation loses nothing.
        After the end of the stream it waits until it is cancelled: the end is the library's to tell.
        """
        self._more = more
        try:
            while more():
                while not self._is_free():
                    if self._end_seen or self._failure is not None:
                        await trio.sleep_forever()
                    await self._turn.park()  # for the library, on its way out of its read or behind with its answers
                try:
                    # As _next(), without its frame: every message that comes alone goes this way.
                    if self._direct:
                        await self._lend()
                        self._read_aside()
                    else:
                        self._leave(bytes(await self._raw.receive_some()))
                except Exception as exc:  # noqa: BLE001 - the library's reader is told
                    self._fails(exc)
        finally:
            if self.lending is not None:
                self.lending.recall()

    def _is_free(self) -> bool:
        """Whether the stream may be read aside."""
        behind = self._waiting is not None or self._left_bytes >= BACKLOG
        return not (behind or self._end_seen or self._failure is not None)

    def _may_be_lent(self) -> bool:
        """Whether others may read aside: not while the library has a message to take, which would end their wait."""
        return not self._left and self._is_free()

    async def _lend(self) -> None:
        """Wait until the socket can be read, while others may read it."""
        fd, lending = self._open_fd(), self.lending
        if lending is None:
            await trio.lowlevel.wait_readable(fd)
            return
        lending.offer()
        try:
            await trio.lowlevel.wait_readable(lending.guard)
        finally:
            lending.offered = False

    def _read_if_more(self) -> None:
        """Read in the place of :meth:`read_aside`, which waits."""
        if self._more():
            self._read_aside()

    def _read_aside(self) -> None:
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return  # it was a false alarm, or somebody else has read
        except OSError as exc:
            self._fails(exc)
        else:
            self._leave(data)

    def _leave(self, data: bytes) -> None:
        """Take what was read, and leave to the library what is its."""
        left = self._took(data)
        if left:
            self._left.append(left)
            self._left_bytes += len(left)
        elif data:
            return  # nothing of it is the library's: its task sleeps on
        self._library.unpark()

    def _fails(self, exc: Exception) -> None:
        self._failure = self._broken(exc)
        self._library.unpark()

    def _take_left(self) -> bytes:
        data = self._left.popleft()
        self._left_bytes -= len(data)
        self._turn.unpark_all()
        return data

    async def _read_unless_aside(self, max_bytes: int | None) -> bytes:
        """Read; b"" also if somebody wants to read aside meanwhile."""
        data = b""
        self._waiting = trio.CancelScope()
        try:
            with self._waiting:
                data = await self._next(max_bytes)
        finally:
            self._waiting = None
            self._turn.unpark_all()
        return data

    async def _next(self, max_bytes: int | None) -> bytes:
        """Read once, and give what is left of it after sifting: b"" for nothing, and at the end."""
        try:
            if self._direct:
                await trio.lowlevel.wait_readable(self._open_fd())
                data = os.read(self._fd, max_bytes or _READ)
            else:
                data = bytes(await self._raw.receive_some(max_bytes))
        except BlockingIOError:
            return b""
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._mark_over()
            raise
        except Exception as exc:
            raise self._broken(exc) from exc
        return self._took(data)

    def _open_fd(self) -> int:
        """Give the socket to wait for: that is what trio does too, after a read in vain and before another turn."""
        if self._fd < 0:
            raise trio.ClosedResourceError("the stream is closed")
        return self._fd

    def _took(self, data: bytes) -> bytes:
        """Note what was read, b"" for the end; gives what is left of it after sifting."""
        if data:
            self.last_received = self._now()
            self.bytes_received += len(data)
        left = data if self.sift is None else self.sift(data)
        if not data:
            self._end_seen = True
            self._mark_over()
        return left

    def _broken(self, exc: Exception) -> Exception:
        """Note that reading has failed; gives the exception to raise: trio-websocket knows only two."""
        self._mark_over()
        if isinstance(exc, (trio.BrokenResourceError, trio.ClosedResourceError)):
            return exc
        broken = trio.BrokenResourceError("the stream failed")
        broken.__cause__ = exc
        return broken

    async def aclose(self) -> None:
        """Write what is left, for ``linger`` seconds at most, and close the stream below.

        A checkpoint; a cancellation closes it at once.
        """
        try:
            with trio.move_on_after(self._linger):
                await self.flush()
        finally:
            self._stop()
            self._mark_over()
            await self._raw.aclose()

    async def drain(self) -> None:
        """Read and forget until the peer closes; a reset would take our last frame from it. A checkpoint."""
        try:
            while await self._raw.receive_some():
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def write_frames(self) -> None:
        """Write what is handed over; runs until it is cancelled, the stream fails or the peer stalls."""
        try:
            with trio.CancelScope() as scope:
                await self._write_until_failure(scope)
            if scope.cancelled_caught:
                self._on_stall()
            else:
                with trio.move_on_after(self._linger):
                    await self.over.wait()
        finally:
            self._stop()
        await trio.aclose_forcefully(self._raw)
        self._mark_over()

    async def _write_until_failure(self, scope: trio.CancelScope) -> None:
        while True:
            if not self._frames:
                await self._work.park()
                continue
            data = self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)
            self._frames.clear()
            try:
                await self._write(data, scope)
            except Exception:  # noqa: BLE001 - whatever it was, the reading side learns how the connection ended
                self.write_failed = True
            self.backlog -= len(data)
            self._progress.unpark_all()
            if self.write_failed:
                return

    async def _write(self, data: bytes, scope: trio.CancelScope) -> None:
        # One scope for all writes: moving its deadline costs a fraction of opening another.
        if self._direct:
            await self._write_to_socket(data, scope)
            return
        for start in range(0, len(data), _SLICE):
            scope.deadline = trio.current_time() + self._send_timeout
            chunk = data if len(data) <= _SLICE else data[start : start + _SLICE]
            await self._raw.send_all(chunk)
            self.bytes_sent += len(chunk)
        scope.deadline = math.inf

    async def _write_to_socket(self, data: bytes, scope: trio.CancelScope) -> None:
        """Write as the socket takes it: whatever it takes is a sign of life."""
        rest = memoryview(data)
        stalled = False
        while rest:
            try:
                written = os.write(self._fd, rest)
            except BlockingIOError:
                if not stalled:  # it may be waited for more than once, see _writable()
                    stalled, scope.deadline = True, trio.current_time() + self._send_timeout
                await self._writable()
            else:
                stalled = False
                self.bytes_sent += written
                rest = rest[written:]
        scope.deadline = math.inf

    async def _writable(self) -> None:
        """Wait until the socket can be written, or may be."""
        try:
            await trio.lowlevel.wait_writable(self._fd)
        except trio.ClosedResourceError:
            if self._fd < 0:
                raise  # else who waits for reading was called, see SocketLending.recall()

    def _mark_over(self) -> None:
        self.over.set()
        if self.on_over is not None:
            self.on_over()

    def _stop(self) -> None:
        self._stopped = True
        self._fd = -1  # the system may give the number to another socket once this one is closed
        if self.lending is not None:
            self.lending.close()
        self._frames.clear()
        self._progress.unpark_all()
