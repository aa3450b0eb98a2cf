"""Sessions in Redis: several machines can take up each other's. Needs the extra ``redis``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

import msgspec.json
import trio

from trio_realtime.errors import SessionInUse, SessionStoreError, UserError

__all__ = ["RedisSessionStore"]

T = TypeVar("T")

_THREADS: Final = 8
"""Calls of one store at the same time: a call takes a round trip, and a session makes one at a time."""

_TAKE: Final = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return redis.call('PTTL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if ARGV[3] ~= '' then
    if ARGV[4] ~= '' then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
    else redis.call('SET', KEYS[2], ARGV[3]) end
end
return -10
"""
"""Take or renew the lease, and keep a snapshot if there is one; else the milliseconds that another's lease has left."""
_TAKEN: Final = -10
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisSessionStore:
    """Keeps sessions in a Redis server. Safe to share between sessions and threads.

    A snapshot and its lease are written by one script, whole or not at all. How well a snapshot survives a crash of the
    server is the server's configuration (``appendonly``, ``appendfsync``). The blocking client works in worker threads,
    at most eight at once; a call that is cancelled is finished there.

    Args:
        url: the server, for example ``"rediss://:password@host:6379/0"``; never shown.
        client: a ``redis.Redis`` of your own instead of the URL; it must not decode responses.
        prefix: what the names of all keys begin with.
        keep: seconds after which a session that is not written any more is forgotten; None for never.
        socket_timeout: seconds for the answer to one command (5: the server is near).

    Raises:
        UserError: neither or both of ``url`` and ``client``, or the extra is not installed.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        client: Any = None,
        prefix: str = "trio_realtime:",
        keep: float | None = None,
        socket_timeout: float = 5.0,
    ) -> None:
        try:
            import redis as library
        except ImportError:
            raise UserError("RedisSessionStore needs its library: pip install 'trio-realtime[redis]'") from None
        redis: Any = library
        if (url is None) == (client is None):
            raise UserError("RedisSessionStore: give a url or a client, and not both")
        if url is not None:
            try:
                client = redis.Redis.from_url(url, socket_timeout=socket_timeout, socket_connect_timeout=socket_timeout)
            except ValueError:
                raise UserError("RedisSessionStore: the url must begin with redis://, rediss:// or unix://") from None
        self._client: Any = client
        self._errors = redis.RedisError
        self._prefix = prefix
        self._keep = "" if keep is None else str(int(keep * 1000))
        self._limiter = trio.CapacityLimiter(_THREADS)

    def __repr__(self) -> str:
        return f"<RedisSessionStore {self._prefix!r}>"

    async def acquire(self, session_id: str, owner: str, lease: float) -> Mapping[str, Any] | None:
        """See :meth:`SessionStore.acquire`.

        Raises:
            SessionInUse: another owner has it.
            SessionStoreError: the server cannot be reached, or refuses.
        """

        def work() -> bytes | None:
            self._take(session_id, owner, lease, b"")
            return cast("bytes | None", self._client.get(self._keys(session_id)[1]))

        kept = await self._run(work)
        if kept is None:
            return None
        try:
            return cast("Mapping[str, Any]", msgspec.json.decode(kept))
        except msgspec.DecodeError as error:
            raise SessionStoreError(f"what is kept of the session {session_id!r} is not JSON") from error

    async def save(self, session_id: str, owner: str, snapshot: Mapping[str, Any], lease: float) -> None:
        """See :meth:`SessionStore.save`. Raises as :meth:`acquire`."""
        await self._run(lambda: self._take(session_id, owner, lease, msgspec.json.encode(snapshot)))

    async def renew(self, session_id: str, owner: str, lease: float) -> None:
        """See :meth:`SessionStore.renew`. Raises as :meth:`acquire`."""
        await self._run(lambda: self._take(session_id, owner, lease, b""))

    async def release(self, session_id: str, owner: str) -> None:
        """See :meth:`SessionStore.release`.

        Raises:
            SessionStoreError: the server cannot be reached, or refuses.
        """
        await self._run(lambda: self._client.eval(_RELEASE, 1, self._keys(session_id)[0], owner))

    async def delete(self, session_id: str) -> None:
        """See :meth:`SessionStore.delete`. Raises as :meth:`release`."""
        await self._run(lambda: self._client.delete(*self._keys(session_id)))

    def _keys(self, session_id: str) -> tuple[str, str]:
        """The keys of the lease and of the snapshot; the braces keep both in one slot of a cluster."""
        name = f"{self._prefix}{{{session_id}}}"
        return f"{name}:lease", f"{name}:snapshot"

    def _take(self, session_id: str, owner: str, lease: float, snapshot: bytes) -> None:
        milliseconds = max(int(lease * 1000), 1)
        left = int(self._client.eval(_TAKE, 2, *self._keys(session_id), owner, milliseconds, snapshot, self._keep))
        if left != _TAKEN:
            raise SessionInUse(session_id, expires_in=max(left, 0) / 1000)

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await trio.to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=True)
        except self._errors as error:
            # not its text: the library puts the address there
            raise SessionStoreError(f"the session store failed: {type(error).__name__}") from None
