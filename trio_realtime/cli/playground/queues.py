"""What waits between a page and its session: bounded, and nothing is lost that somebody decided."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final

import attrs
import trio

__all__ = ["Orders", "Outbox", "Pieces"]

_MOST_LOOSE: Final = 8 * 1024 * 1024
_MOST_KEPT: Final = 8 * 1024 * 1024
_MOST_ORDERED: Final = 4 * 1024 * 1024
_MOST_PIECES: Final = 240_000


@attrs.frozen
class _Waiting:
    message: str | bytes
    loose: bool


class Outbox:
    """Messages to a page, in order.

    Of the loose ones (sound, the raw wire) the oldest go when there is too much of them. The others are never left
    out: a page that does not take them is given up.

    Args:
        give_up: is called once, when more waits than a page that is there would leave; nothing is taken after that.
        most_loose, most_kept: how many characters or bytes of each kind may wait.
    """

    def __init__(
        self, give_up: Callable[[], None], *, most_loose: int = _MOST_LOOSE, most_kept: int = _MOST_KEPT
    ) -> None:
        self._give_up = give_up
        self._most_loose = most_loose
        self._most_kept = most_kept
        self._waiting: OrderedDict[Hashable, _Waiting] = OrderedDict()
        self._loose: deque[int] = deque()
        self._loose_size = 0
        self._kept_size = 0
        self._count = 0
        self._closed = False
        self._news = trio.Event()

    def put(self, message: str | bytes) -> None:
        """Let a message wait that is not left out."""
        self._count += 1
        self._keep(self._count, message)

    def put_newest(self, name: str, message: str | bytes) -> None:
        """Let a message wait in place of the one of the same name that waits already."""
        old = self._waiting.pop(name, None)
        self._kept_size -= 0 if old is None else len(old.message)
        self._keep(name, message)

    def put_loose(self, message: str | bytes) -> None:
        """Let a message wait that may be left out."""
        if self._closed:
            return
        self._count += 1
        self._loose.append(self._count)
        self._loose_size += len(message)
        self._waiting[self._count] = _Waiting(message, loose=True)
        while self._loose_size > self._most_loose:
            self._loose_size -= len(self._waiting.pop(self._loose.popleft()).message)
        self._news.set()

    def _keep(self, key: Hashable, message: str | bytes) -> None:
        if self._closed:
            return
        self._kept_size += len(message)
        self._waiting[key] = _Waiting(message, loose=False)
        self._news.set()
        if self._kept_size > self._most_kept:
            self._closed = True
            self._give_up()

    def close(self) -> None:
        """Take no more; what waits can still be had."""
        self._closed = True
        self._news.set()

    async def take(self) -> str | bytes | None:
        """Wait for the next message and give it; None after the last one. A checkpoint."""
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            if self._closed:
                return None
            self._news = trio.Event()
            await self._news.wait()
        _, first = self._waiting.popitem(last=False)
        if first.loose:
            self._loose.popleft()
            self._loose_size -= len(first.message)
        else:
            self._kept_size -= len(first.message)
        return first.message


class Orders:
    """What a page asks for, in order; nothing of it is left out.

    Args:
        give_up: is called when more waits than people can ask for.
    """

    def __init__(self, give_up: Callable[[], None]) -> None:
        self._give_up = give_up
        self._send, self._receive = trio.open_memory_channel[str](float("inf"))
        self._size = 0

    def put(self, text: str) -> None:
        """Let it wait."""
        if self._size + len(text) > _MOST_ORDERED:
            self._give_up()
            return
        self._size += len(text)
        self._send.send_nowait(text)

    async def take(self) -> str:
        """Wait for the next one and give it. A checkpoint."""
        text = await self._receive.receive()
        self._size -= len(text)
        return text


class Pieces:
    """Pieces of the microphone's audio, five seconds of it: the oldest go when nobody takes them."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._news = trio.Event()

    def put(self, piece: bytes) -> None:
        """Let a piece wait."""
        self._waiting.append(piece)
        self._size += len(piece)
        while self._size > _MOST_PIECES and len(self._waiting) > 1:
            self._size -= len(self._waiting.popleft())
        self._news.set()

    async def take(self) -> bytes:
        """Wait for the next piece and give it. A checkpoint."""
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            self._news = trio.Event()
            await self._news.wait()
        piece = self._waiting.popleft()
        self._size -= len(piece)
        return piece
