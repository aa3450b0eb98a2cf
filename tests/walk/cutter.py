"""Cuts the stream under a WebSocket after its k-th frame, in any way in which a connection can end."""

from __future__ import annotations

import struct
from typing import Literal

import trio

How = Literal["eof", "reset", "1001", "1011", "stall"]
Way = Literal["in", "out"]
"""Frames to the client, or from it."""

HOWS: tuple[How, ...] = ("eof", "reset", "1001", "1011", "stall")
WAYS: tuple[Way, ...] = ("in", "out")


class Frames:
    """Finds where the frames of one direction end."""

    def __init__(self) -> None:
        self.count = 0
        self._head = b""
        self._handshake = True
        self._left = 0  # bytes of the frame that has begun

    def until(self, data: bytes, frame: int | None) -> int:
        """Take bytes, and give how many of them belong to the first ``frame`` frames."""
        at = 0
        while at < len(data) and (frame is None or self.count < frame):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                self.count += not self._left
                continue
            self._head += data[at : at + 1]
            at += 1
            if self._handshake:
                if self._head.endswith(b"\r\n\r\n"):
                    self._handshake, self._head = False, b""
                continue
            size = self._size()
            if size is not None:
                self._left, self._head = size, b""
                self.count += not size
        return at

    def _size(self) -> int | None:
        """Give the length of what follows a header, once it is whole."""
        head = self._head
        if len(head) < 2:
            return None
        short = head[1] & 0x7F
        extended = {126: 2, 127: 8}.get(short, 0)
        if len(head) < 2 + extended:
            return None
        size = int.from_bytes(head[2 : 2 + extended], "big") if extended else short
        return size + (4 if head[1] & 0x80 else 0)


class CutStream(trio.abc.Stream):
    """The client's end of a connection that is cut.

    Args:
        stream: what is beneath.
        how: the way of the end.
        way: the direction whose frames are counted.
        frame: the number of the last frame that gets through; None for no cut.
    """

    def __init__(self, stream: trio.abc.Stream, how: How, way: Way, frame: int | None) -> None:
        self._stream = stream
        self._how = how
        self._way = way
        self._frame = frame
        self._rest = b""
        self._news = trio.Event()
        self.cut = False
        self.into = Frames()
        self.out = Frames()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        data = bytes(data)
        if self.cut:
            await self._dead_send()
            return
        passing = self.out.until(data, self._frame if self._way == "out" else None)
        if passing:
            await self._stream.send_all(data[:passing])
        if self._way == "out" and self._frame is not None and self.out.count >= self._frame:
            await self._end()
            if passing < len(data):
                await self._dead_send()

    async def _dead_send(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._how == "stall":
            return  # it goes nowhere
        if self._how in {"eof", "reset"}:
            raise trio.BrokenResourceError("cut")

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while not self._rest:
            if self.cut:
                return await self._dead_receive()
            data: bytes | None = None
            async with trio.open_nursery() as nursery:

                async def read() -> None:
                    nonlocal data
                    data = bytes(await self._stream.receive_some())
                    nursery.cancel_scope.cancel()

                nursery.start_soon(read)
                await self._news.wait()
                nursery.cancel_scope.cancel()
            if data is None:
                continue
            if not data:
                return b""
            if self.cut:
                continue  # too late
            passing = self.into.until(data, self._frame if self._way == "in" else None)
            self._rest = data[:passing]
            if self._way == "in" and self._frame is not None and self.into.count >= self._frame:
                await self._end()
        given, self._rest = self._rest[: max_bytes or len(self._rest)], self._rest[max_bytes or len(self._rest) :]
        return given

    async def _dead_receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if self._how == "stall":
            await trio.sleep_forever()
        if self._how == "reset":
            raise trio.BrokenResourceError("reset by peer")
        return b""

    async def _end(self) -> None:
        if self.cut:
            return
        self.cut = True
        if self._how in {"1001", "1011"}:
            self._rest += b"\x88\x02" + struct.pack("!H", int(self._how))
        self._news.set()
        if self._how != "stall":
            await trio.aclose_forcefully(self._stream)

    async def aclose(self) -> None:
        self.cut = True
        self._news.set()
        await self._stream.aclose()
