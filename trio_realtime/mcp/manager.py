"""Many servers at once: entered together, left together, and an application that goes on without those that fail."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from math import inf
from types import TracebackType
from typing import Any, Self, cast

import trio

from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, UserError, UserTypeError
from trio_realtime.mcp.block import Block
from trio_realtime.mcp.server import MCPServer, check_bool, server_label
from trio_realtime.tools.invoke import check_timeout
from trio_realtime.transport.lifetimes import beside

__all__ = ["MCPServerManager"]

_WHO = "the MCP server manager"


class _Holder:
    """The task that holds one server open. It is no part of the task that uses the manager, so that each server can be
    entered and left by itself."""

    def __init__(self, server: MCPServer, connect_seconds: float | None, cleanup_seconds: float | None) -> None:
        self.server = server
        self.error: Exception | None = None
        self.entered = False
        self.settled = trio.Event()
        self.done = trio.Event()
        self._connect_seconds = connect_seconds
        self._cleanup_seconds = inf if cleanup_seconds is None else cleanup_seconds
        self._leaving = trio.Event()
        self._scope = trio.CancelScope()

    async def run(self) -> None:
        self._scope.deadline = trio.current_time() + (inf if self._connect_seconds is None else self._connect_seconds)
        try:
            with self._scope:
                async with self.server:
                    if not self._scope.cancel_called:
                        self._scope.deadline = inf
                        self.entered = True
                        self.settled.set()
                        await self._leaving.wait()
                        self._scope.deadline = trio.current_time() + self._cleanup_seconds
            if self._scope.cancelled_caught and not self._leaving.is_set():
                self.error = self._too_late()
        except Exception as error:  # noqa: BLE001  told in MCPServerManager.errors
            self.error = error
        finally:
            self.entered = False
            self.settled.set()
            self.done.set()

    async def leave(self) -> None:
        """Leave the server: in order if it was entered, at once if not. Shielded; as long as the server takes."""
        self._leaving.set()
        if not self.entered:
            self._scope.cancel(reason="the application left the MCP server manager")
        with trio.CancelScope(shield=True):
            await self.done.wait()

    def _too_late(self) -> RealtimeTimeoutError:
        seconds = self._connect_seconds or 0.0
        message = f"{server_label(self.server)} was not connected within {seconds:g} seconds"
        return RealtimeTimeoutError(message, name="mcp", seconds=seconds)


class MCPServerManager:
    """Enters servers, leaves them, and gives those that could be entered.

    ``async with MCPServerManager([...]) as manager: RealtimeAgent(mcp_servers=manager.active_servers)``. Entered and
    left by one task, as everything with a nursery; ``connect_all()`` and ``cleanup_all()`` are not there for this
    reason.

    Args:
        servers: the servers; one that is there twice counts once.
        connect_timeout_seconds: for entering one server; None for no limit.
        cleanup_timeout_seconds: for leaving one server; after that it is cancelled. None for no limit.
        drop_failed_servers: ``active_servers`` are those that the manager has entered; False: all.
        strict: entering raises the first failure, and the servers that were entered are left; :meth:`reconnect` raises
            it too, and the servers that were entered stay so.
        connect_in_parallel: enter all servers at once, not one after the other.

    Raises:
        UserError: an argument has no good value; of a wrong type: UserTypeError.
    """

    def __init__(
        self,
        servers: Iterable[MCPServer],
        *,
        connect_timeout_seconds: float | None = 10.0,
        cleanup_timeout_seconds: float | None = 10.0,
        drop_failed_servers: bool = True,
        strict: bool = False,
        connect_in_parallel: bool = False,
    ) -> None:
        if not isinstance(cast("Any", servers), Iterable):
            raise UserTypeError(f"servers: must be a list of MCPServer, not {type(servers).__name__}")
        found: list[Any] = list(servers)
        for server in found:
            if not isinstance(server, MCPServer):
                raise UserTypeError(f"servers: must be of MCPServer, not {type(server).__name__}")
        check_timeout(connect_timeout_seconds, "connect_timeout_seconds")
        check_timeout(cleanup_timeout_seconds, "cleanup_timeout_seconds")
        check_bool("drop_failed_servers", drop_failed_servers)
        check_bool("strict", strict)
        check_bool("connect_in_parallel", connect_in_parallel)
        self.connect_timeout_seconds = connect_timeout_seconds
        self.cleanup_timeout_seconds = cleanup_timeout_seconds
        self.drop_failed_servers = drop_failed_servers
        self.strict = strict
        self.connect_in_parallel = connect_in_parallel
        self._servers: list[MCPServer] = list(dict.fromkeys(found))
        self._holders: dict[MCPServer, _Holder] = {}
        self._errors: dict[MCPServer, Exception] = {}
        self._nursery: trio.Nursery | None = None
        self._lock = trio.Lock()
        self._block = Block()

    @property
    def all_servers(self) -> list[MCPServer]:
        """All servers, in the order they were given."""
        return list(self._servers)

    @property
    def active_servers(self) -> list[MCPServer]:
        """The servers for an agent: those that are entered here, or all if ``drop_failed_servers`` is False."""
        return [server for server in self._servers if not self.drop_failed_servers or self._is_held(server)]

    @property
    def failed_servers(self) -> list[MCPServer]:
        """The servers that could not be entered, and those that failed since."""
        return [server for server in self._servers if server in self._errors and not self._is_held(server)]

    @property
    def errors(self) -> dict[MCPServer, Exception]:
        """Why: of each server that failed, on entering, meanwhile or on leaving, its error."""
        return dict(self._errors)

    async def reconnect(self, *, failed_only: bool = True) -> list[MCPServer]:
        """Enter servers again. A checkpoint; a cancellation leaves those that were not entered yet as failed.

        Args:
            failed_only: only those in ``failed_servers``; False: leave all of them first.

        Returns:
            ``active_servers``.

        Raises:
            UserError: the manager is not entered.
            Exception: the first failure, if ``strict``.
        """
        async with self._lock:
            if not failed_only and self._nursery is not None:
                await self._leave(self._servers)
            wanted = [server for server in self._servers if not self._is_held(server)]
            try:
                await self._enter(wanted)
            finally:  # of a cancellation, and of a failure if strict
                for server in wanted:
                    if not self._is_held(server):
                        message = f"{server_label(server)} was not connected again"
                        self._errors.setdefault(server, RealtimeConnectionError(message))
        return self.active_servers

    async def __aenter__(self) -> Self:
        """Enter the servers.

        Raises:
            UserError: the manager is entered already.
            Exception: the first failure, if ``strict``.
        """
        await self._block.enter(self._lifespan, _WHO)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Leave the servers, the last one first. Shielded, each within ``cleanup_timeout_seconds``."""
        return await self._block.leave(_WHO, kind, error, traceback)

    @asynccontextmanager
    async def _lifespan(self) -> AsyncGenerator[None, None]:
        leaving, opened = trio.Event(), trio.Event()

        async def hold() -> None:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    opened.set()
                    await leaving.wait()
                    self._nursery = None
                    await self._leave(self._servers)

        async def ready() -> None:
            await opened.wait()
            self._errors.clear()
            async with self._lock:
                await self._enter(self._servers)

        async with beside(hold, ready=ready, leave=leaving.set):
            yield

    async def _enter(self, servers: Iterable[MCPServer]) -> None:
        started: list[_Holder] = []
        try:
            for server in servers:
                started.append(self._start(server))
                if not self.connect_in_parallel:
                    await self._settle(started[-1])
            for holder in started:
                await self._settle(holder)
        except BaseException:
            for holder in started:
                if not holder.entered:
                    await holder.leave()
            raise

    def _start(self, server: MCPServer) -> _Holder:
        if self._nursery is None:  # left meanwhile, perhaps
            raise UserError(f"{_WHO} is not entered")
        holder = _Holder(server, self.connect_timeout_seconds, self.cleanup_timeout_seconds)
        self._holders[server] = holder
        self._nursery.start_soon(self._hold, holder, name=server_label(server))
        return holder

    async def _hold(self, holder: _Holder) -> None:
        await holder.run()
        if holder.error is not None:
            self._errors[holder.server] = holder.error

    async def _settle(self, holder: _Holder) -> None:
        await holder.settled.wait()
        if holder.entered:
            self._errors.pop(holder.server, None)
        elif holder.error is None:
            raise UserError(f"{_WHO} is not entered: it was left meanwhile")
        elif self.strict:
            raise holder.error

    def _is_held(self, server: MCPServer) -> bool:
        """Whether it is entered, and by this manager: a server that somebody else entered may be left at any time."""
        holder = self._holders.get(server)
        return holder is not None and holder.entered and server.entered

    async def _leave(self, servers: Iterable[MCPServer]) -> None:
        for server in reversed(list(servers)):
            holder = self._holders.get(server)
            if holder is not None:
                await holder.leave()
                self._holders.pop(server)
