"""Reading a socket in the place of the task whose business it is.

A session's reader waits for the socket, and a task of the application waits for what the reader makes of it: two turns
of tasks for each message. So a task that waits for an event may wait for the socket itself, and do the reader's work
there and then. The reader sleeps on meanwhile. As soon as the other is away it is on guard again, without having been
woken for that: it waits for an epoll of its own, which watches the socket, or just does not.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final, Protocol

import trio

__all__ = ["Lending", "SocketLending", "lending_of"]

_READABLE: Final = 1  # EPOLLIN


class Lending(Protocol):
    """Lets a task that waits for messages read them itself, as long as their reader only waits.

    Attributes:
        lent: somebody waits in the reader's place.
    """

    lent: bool

    def wait(self) -> Awaitable[None] | None:
        """Wait for the next read, and do the reader's work with it; None if the reader cannot be replaced now.

        It may also end without a read: then there is news of another kind. To be awaited at once, which is a
        checkpoint; a cancellation loses nothing.
        """

    def recall(self) -> None:
        """End the wait, if there is one."""


class SocketLending:
    """The lending of one socket. Linux only.

    Args:
        fd: the socket.
        free: says whether it may be read in the reader's place now.
        read: does the reader's work with one read; neither waits nor raises.

    Attributes:
        guard: what the reader waits for, instead of the socket.
        offered: the reader waits there.
        lent: see :class:`Lending`.
    """

    __slots__ = ("_context", "_epoll", "_fd", "_free", "_read", "guard", "lent", "offered")

    def __init__(self, fd: int, free: Callable[[], bool], read: Callable[[], None]) -> None:
        self._epoll = select.epoll()
        self._epoll.register(fd, _READABLE)
        self._fd = fd
        self._free = free
        self._read = read
        self._context: Context | None = None
        self.guard: int = self._epoll.fileno()
        self.offered: bool = False
        self.lent: bool = False

    def offer(self) -> None:
        """Let others wait in the place of the current task, in whose context its work is done."""
        self._context = trio.lowlevel.current_task().context
        self.offered = True

    def wait(self) -> Awaitable[None] | None:
        """See :meth:`Lending.wait`."""
        return self._wait() if self.offered and not self.lent and self._free() else None

    async def _wait(self) -> None:
        self.lent = True
        self._epoll.modify(self._fd, 0)
        try:
            await trio.lowlevel.wait_readable(self._fd)
            self.lent = False
            if self.offered and self._context is not None:
                self._context.run(self._read)
        except trio.ClosedResourceError:
            pass  # recalled, or the socket is closed: who waits for messages looks again
        except OSError:
            self.offered = False  # the system cannot watch it: the reader will find out why
        finally:
            self.lent = False
            if not self._epoll.closed:
                self._epoll.modify(self._fd, _READABLE)

    def recall(self) -> None:
        """See :meth:`Lending.recall`."""
        if self.lent and not self._epoll.closed:  # once it is, the number may be another socket's
            trio.lowlevel.notify_closing(self._fd)  # wakes who waits for it; it is not closed

    def close(self) -> None:
        """Forget the socket, which is about to be closed. Idempotent."""
        self.offered = False
        if not self._epoll.closed:
            trio.lowlevel.notify_closing(self.guard)
            self._epoll.close()


def lending_of(fd: int, free: Callable[[], bool], read: Callable[[], None]) -> SocketLending | None:
    """Make the lending of a socket; None where the system has no epoll, or no file descriptor left."""
    if sys.platform != "linux":
        return None
    try:
        return SocketLending(fd, free, read)
    except OSError:
        return None
