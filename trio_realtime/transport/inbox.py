"""The incoming side of a wire: messages that have arrived and, behind them, how the connection ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.transport.base import BURST
from trio_realtime.transport.endings import Ending

__all__ = ["MAX_BUFFERED", "Burst", "Inbox", "as_text", "as_utf8", "nothing", "text_bytes"]

MAX_BUFFERED = 16 * 1024 * 1024
"""How many bytes of messages a wire holds for its reader before it stops reading (16 MiB)."""

_MAX_MESSAGES = 64 * 1024  # however small they are


class Burst:
    """Who takes messages as they come, until nothing more is wanted or others should have a turn.

    Attributes:
        take: takes a message; True means that nothing more is wanted.
        count: messages since others had a turn.
        enough: nothing more is wanted.
    """

    __slots__ = ("count", "enough", "take")

    def __init__(self, take: Callable[[str | bytes], bool]) -> None:
        self.take: Callable[[str | bytes], bool] = take
        self.count: int = 0
        self.enough: bool = False

    def goes_on(self) -> bool:
        """Whether there can be another read at once; others had a turn before it."""
        if self.enough or self.count >= BURST:
            return False
        self.count = 0
        return True


class Inbox:
    """A queue that is bounded in bytes and keeps its order up to and including the end.

    Its bound is soft: one message always goes in, whatever its size, so what is held is at most the bound and one
    message more. Not for the application: wires are built on it.

    Attributes:
        ending: how the connection ended.
        burst: where messages go instead, as they come; it is forgotten once it is over.
        on_change: called when ``burst`` is over, and at the end.
    """

    __slots__ = ("_bytes", "_max_bytes", "_messages", "_readers", "_writers", "burst", "ending", "on_change")

    def __init__(self, max_bytes: int = MAX_BUFFERED) -> None:
        self.ending: Ending | None = None
        self.burst: Burst | None = None
        self.on_change: Callable[[], object] = nothing
        self._max_bytes = max_bytes
        self._messages: deque[str | bytes] = deque()
        self._bytes = 0
        self._readers = trio.lowlevel.ParkingLot()
        self._writers = trio.lowlevel.ParkingLot()

    @property
    def full(self) -> bool:
        """Whether the bound is reached."""
        return self._bytes >= self._max_bytes or len(self._messages) >= _MAX_MESSAGES

    def put(self, message: str | bytes) -> None:
        """Append a message and wake one reader. After the end it does nothing."""
        if self.ending is not None:
            return
        burst = self.burst
        if burst is not None and not self._messages:
            burst.count += 1
            burst.enough = burst.take(message)
            if burst.enough or burst.count >= BURST:
                self.burst = None
                self.on_change()
            return
        self._messages.append(message)
        self._bytes += len(message)
        if self._readers:
            self._readers.unpark()

    def end(self, ending: Ending) -> bool:
        """Record how the connection ended and wake everybody. The first end counts; returns whether this is it."""
        if self.ending is not None:
            return False
        self.ending = ending
        self.on_change()
        self._readers.unpark_all()
        self._writers.unpark_all()
        return True

    def wake_writers(self) -> None:
        """Wake those who wait in :meth:`changed`."""
        self._writers.unpark_all()

    async def changed(self) -> None:
        """Wait until something was taken out, the end came or somebody called :meth:`wake_writers`. A checkpoint."""
        await self._writers.park()

    def receive_nowait(self) -> str | bytes | None:
        """Take the next message if there is one. Not a checkpoint."""
        if not self._messages:
            return None
        message = self._messages.popleft()
        self._bytes -= len(message)
        if self._writers:
            self._writers.unpark_all()
        return message

    def pour(self, burst: Burst) -> None:
        """Give what is there to a burst, until that is over. Not a checkpoint."""
        burst.count = 0
        while burst.count < BURST and not burst.enough and (message := self.receive_nowait()) is not None:
            burst.count += 1
            burst.enough = burst.take(message)

    async def receive(self) -> str | bytes:
        """Take the next message. A checkpoint; a cancellation takes nothing.

        Raises:
            RealtimeConnectionError, RealtimeTimeoutError: the end was reached; all messages before it were given.
        """
        if self._messages or self.ending is not None:
            await trio.lowlevel.checkpoint()
        while True:
            message = self.receive_nowait()
            if message is not None:
                return message
            if self.ending is not None:
                raise self.ending.error()
            await self._readers.park()


def nothing() -> None:
    """What is called until something else is to be."""


def as_text(message: object) -> str:
    """Give the text of a message that is to be sent.

    Raises:
        UserError: bytes that are not UTF-8.
        UserTypeError: neither ``str`` nor ``bytes``.
    """
    if isinstance(message, str):
        return message
    if not isinstance(message, bytes):
        raise UserTypeError(f"a message is str or bytes, not {type(message).__name__}")
    try:
        return message.decode()
    except UnicodeDecodeError as exc:
        raise UserError(f"a message given as bytes has to be UTF-8, byte {exc.start} is not") from None


def as_utf8(message: object) -> bytes:
    """Give the bytes of a text message that is to be sent.

    Raises:
        UserError: bytes that are not UTF-8, or a text with a lone surrogate.
        UserTypeError: neither ``str`` nor ``bytes``.
    """
    if isinstance(message, bytes) and message.isascii():
        return message
    text = as_text(message)
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise _surrogate(exc) from None


def text_bytes(text: str) -> int:
    """Count the bytes of a text in UTF-8.

    Raises:
        UserError: the text has a lone surrogate, which UTF-8 cannot carry.
    """
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as exc:
        raise _surrogate(exc) from None


def _surrogate(exc: UnicodeEncodeError) -> UserError:
    return UserError(f"the message has a lone surrogate at position {exc.start}, which cannot be sent")
