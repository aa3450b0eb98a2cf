"""The connection to a server: a task that makes it, holds it, and makes it again when it was lost and is needed.

The SDK's client has nurseries of its own, and an error in one of them cancels whatever is inside. So nothing of the
application is inside: the client lives in a task that does nothing but wait, and requests are sent from other tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from math import inf
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["CLOSE_SECONDS", "ConnectTimedOut", "Link"]

CLOSE_SECONDS = 5.0
"""How long a server may take to hear that its client leaves. Ending a process of it can take as long again."""


class ConnectTimedOut(TimeoutError):
    """Connecting took longer than it may; of this library, and not of the server's answers or the network."""


class Link:
    """See the module's text.

    Args:
        open_client: gives the SDK's client for one connection, not entered yet. It is given a function to call when
            nothing can arrive any more.
        connect_seconds: how long connecting may take.
    """

    def __init__(
        self,
        open_client: Callable[[Callable[[], None]], AbstractAsyncContextManager[Client]],
        *,
        connect_seconds: float,
    ) -> None:
        self._open_client = open_client
        self._connect_seconds = connect_seconds
        self._scope = trio.CancelScope(shield=True)
        self._connecting = False
        self._leaving = False
        self._wanted = trio.Event()
        self._settled = trio.Event()
        self._lost = trio.Event()
        self._client: Client | None = None
        self._failure: Exception | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._client is not None

    async def run(self) -> None:
        """Hold the connection until :meth:`leave`. Shields itself, and raises no Exception."""
        try:
            with self._scope:
                while not self._leaving:
                    await self._wanted.wait()
                    await self._connection()
        except Exception as error:  # noqa: BLE001  the SDK's, while it was cancelled
            self._failure = error
        finally:
            self._leaving = True
            self._down()

    async def get(self) -> Client:
        """Give the client; connect first if there is no connection.

        A checkpoint if there is none. A cancellation leaves the connecting to go on.

        Raises:
            Exception: what the SDK raised when it tried; OSError if the server was left.
        """
        if self._client is None and not self._leaving:
            if not self._connecting:
                self._wanted.set()
            if self._settled.is_set():
                self._settled = trio.Event()
            await self._settled.wait()
        if self._client is None:
            raise self._failure or OSError("the server was left")
        return self._client

    def drop(self, client: Client) -> None:
        """Say that the connection of ``client`` is of no use any more. Does not wait."""
        if self._client is client:
            self._client = None
            self._lost.set()

    def leave(self) -> None:
        """End :meth:`run`: in order if there is a connection, at once if there is none. Does not wait."""
        self._leaving = True
        if self._client is None:
            self._scope.cancel(reason="the application left the MCP server")
        else:
            self._client = None
            self._lost.set()
            self._scope.deadline = trio.current_time() + CLOSE_SECONDS

    async def _connection(self) -> None:
        """One connection, from its beginning to its end, with what went wrong as a value."""
        self._connecting, self._wanted, self._lost = True, trio.Event(), trio.Event()
        self._failure = None
        lost = self._lost

        def ended() -> None:
            if lost is self._lost:  # of this connection
                self._client = None
            lost.set()

        scope = trio.CancelScope(deadline=trio.current_time() + self._connect_seconds)
        try:
            with scope:
                async with self._open_client(ended) as client:
                    scope.deadline = inf
                    if not scope.cancel_called:
                        self._up(client)
                        await lost.wait()
                        scope.deadline = trio.current_time() + CLOSE_SECONDS
        except Exception as error:  # noqa: BLE001  mapped where it is raised
            self._failure = error
        finally:
            if self._connecting and scope.cancelled_caught and self._failure is None:
                self._failure = ConnectTimedOut()
            self._connecting = False
            self._down()

    def _up(self, client: Client) -> None:
        if self._leaving:
            self._lost.set()
        if self._lost.is_set():
            self._failure = None if self._leaving else OSError("the connection was lost")
            return
        self._connecting = False
        self._client = client
        self._settled.set()

    def _down(self) -> None:
        self._client = None
        if not self._wanted.is_set() or self._leaving:
            self._settled.set()
