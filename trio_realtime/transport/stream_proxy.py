"""The stream that is put between trio-websocket and the socket.

What trio-websocket leaves to its stream is decided here, without touching anything private of it: frames are written
whole whatever is cancelled, a peer that takes no data is given up, the end of the stream is known at once (during the
handshake too), and every byte and the time of the last read are counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

__all__ = ["StreamProxy"]

_SLICE = 64 * 1024  # a large message on a slow line makes progress: the deadline is for one slice


class StreamProxy(trio.abc.Stream):
    """A stream with a writer task of its own.

    A cancelled sender leaves at once, and the frame it had handed over is still written in full: this is what keeps
    frames whole, for a frame that was cut would turn everything after it into nonsense.

    Args:
        raw: the stream below.
        send_timeout: how long the peer may accept no data, in seconds, or None.
        linger: how long what the peer has still sent is read after a write has failed, in seconds.
        on_stall: called when ``send_timeout`` has passed; the stream is closed then.
    """

    def __init__(
        self,
        raw: trio.abc.Stream,
        *,
        send_timeout: float | None,
        linger: float,
        on_stall: Callable[[], object],
    ) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self.last_received = trio.current_time()
        self.over = trio.Event()
        self.write_failed = False
        self.on_over: Callable[[], object] | None = None
        self.on_data: Callable[[bytes], object] | None = None
        self._raw = raw
        self._send_timeout = math.inf if send_timeout is None else send_timeout
        self._linger = linger
        self._on_stall = on_stall
        self._stopped = False
        self._frame: bytes | None = None
        self._accepted = 0
        self._written = 0
        self._work = trio.lowlevel.ParkingLot()
        self._progress = trio.lowlevel.ParkingLot()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand a frame to the writer and wait until it is written.

        A checkpoint. A cancellation leaves the frame unsent or lets it be sent in full. After a write has failed,
        frames are swallowed: reading goes on, and what the peer said before it went away is worth more.

        Raises:
            trio.ClosedResourceError: the proxy is closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._frame is not None:  # the frame of a sender that was cancelled
            await self._progress.park()
        if self._stopped:
            raise trio.ClosedResourceError("the stream is closed")
        if self.write_failed:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        self._accepted += 1
        ticket = self._accepted
        self._frame = bytes(data)
        self._work.unpark()
        while self._written < ticket and not self._stopped:
            await self._progress.park()
        if self._written < ticket:
            raise trio.ClosedResourceError("the stream was closed while a frame was being sent")

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until a frame could be handed over. A checkpoint."""
        await self._raw.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read from the stream below, and notice its end. A checkpoint; a cancellation loses nothing.

        Raises:
            trio.BrokenResourceError: the stream below failed, with whatever exception.
            trio.ClosedResourceError: it is closed.
        """
        try:
            data = bytes(await self._raw.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._mark_over()
            raise
        except Exception as exc:
            # trio-websocket knows two exceptions of a stream and takes others for its own.
            self._mark_over()
            raise trio.BrokenResourceError("the stream failed") from exc
        if self.on_data is not None:
            self.on_data(data)
        if data:
            self.last_received = trio.current_time()
            self.bytes_received += len(data)
        else:
            self._mark_over()
        return data

    async def aclose(self) -> None:
        """Close the stream below. A checkpoint; a cancellation closes it at once."""
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
            if self._frame is None:
                await self._work.park()
                continue
            try:
                await self._write(self._frame, scope)
            except Exception:  # noqa: BLE001 - whatever it was, the reading side learns how the connection ended
                self.write_failed = True
            self._frame = None
            self._written = self._accepted
            self._progress.unpark_all()
            if self.write_failed:
                return

    async def _write(self, frame: bytes, scope: trio.CancelScope) -> None:
        # One scope for all frames: moving its deadline costs a fraction of opening another.
        for start in range(0, len(frame), _SLICE):
            scope.deadline = trio.current_time() + self._send_timeout
            chunk = frame if len(frame) <= _SLICE else frame[start : start + _SLICE]
            await self._raw.send_all(chunk)
            self.bytes_sent += len(chunk)
        scope.deadline = math.inf

    def _mark_over(self) -> None:
        self.over.set()
        if self.on_over is not None:
            self.on_over()

    def _stop(self) -> None:
        self._stopped = True
        self._frame = None
        self._progress.unpark_all()
