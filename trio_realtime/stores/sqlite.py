"""Sessions in a SQLite file: the processes of one machine can take up each other's."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final, TypeVar, cast

import msgspec.json
import trio

from trio_realtime.errors import SessionInUse, SessionStoreError

__all__ = ["SQLiteSessionStore"]

T = TypeVar("T")

_BUSY_SECONDS: Final = 5.0
"""How long one statement waits for the writers of other processes, which take milliseconds."""
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS trio_realtime_sessions (
    session_id TEXT PRIMARY KEY,
    snapshot BLOB,
    owner TEXT,
    expires_at REAL NOT NULL DEFAULT 0,
    saved_at REAL
) WITHOUT ROWID
"""
_TAKE: Final = """
INSERT INTO trio_realtime_sessions (session_id, owner, expires_at) VALUES (:id, :owner, :expires)
ON CONFLICT (session_id) DO UPDATE SET owner = :owner, expires_at = :expires
WHERE owner IS NULL OR owner = :owner OR expires_at <= :now
"""
_KEEP: Final = """
INSERT INTO trio_realtime_sessions (session_id, owner, expires_at, snapshot, saved_at)
VALUES (:id, :owner, :expires, :snapshot, :now)
ON CONFLICT (session_id) DO UPDATE
SET owner = :owner, expires_at = :expires, snapshot = :snapshot, saved_at = :now
WHERE owner IS NULL OR owner = :owner OR expires_at <= :now
"""
_RELEASE: Final = "UPDATE trio_realtime_sessions SET owner = NULL, expires_at = 0 WHERE session_id = ? AND owner = ?"


class SQLiteSessionStore:
    """Keeps sessions in a SQLite file, made when it is first used. Safe to share between sessions and threads.

    A snapshot is written whole, in a transaction that is on the disk when the method returns (WAL,
    ``synchronous=FULL``), so that neither a killed process nor a power cut leaves half of one. Use a local disk: the
    locks of network file systems are not to be relied on. The work is done in one worker thread, one call after
    another; a call that is cancelled is finished there.

    Args:
        path: the file.
        clock: the wall clock by which leases end, in unix seconds; the processes of one machine share it.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        self._path = os.fspath(path)
        self._clock = clock
        self._limiter = trio.CapacityLimiter(1)

    def __repr__(self) -> str:
        return f"SQLiteSessionStore({self._path!r})"

    async def acquire(self, session_id: str, owner: str, lease: float) -> Mapping[str, Any] | None:
        """See :meth:`SessionStore.acquire`.

        Raises:
            SessionInUse: another owner has it.
            SessionStoreError: the file cannot be read or written.
        """

        def work(db: sqlite3.Connection) -> bytes | None:
            self._take(db, _TAKE, session_id, owner, lease)
            row = db.execute(
                "SELECT snapshot FROM trio_realtime_sessions WHERE session_id = ?", (session_id,)
            ).fetchone()
            return cast("bytes | None", row[0])

        kept = await self._run(work)
        if kept is None:
            return None
        try:
            return cast("Mapping[str, Any]", msgspec.json.decode(kept))
        except msgspec.DecodeError as error:
            raise SessionStoreError(f"what is kept of the session {session_id!r} is not JSON") from error

    async def save(self, session_id: str, owner: str, snapshot: Mapping[str, Any], lease: float) -> None:
        """See :meth:`SessionStore.save`. Raises as :meth:`acquire`."""

        def work(db: sqlite3.Connection) -> None:
            self._take(db, _KEEP, session_id, owner, lease, snapshot=msgspec.json.encode(snapshot))

        await self._run(work)

    async def renew(self, session_id: str, owner: str, lease: float) -> None:
        """See :meth:`SessionStore.renew`. Raises as :meth:`acquire`."""
        await self._run(lambda db: self._take(db, _TAKE, session_id, owner, lease))

    async def release(self, session_id: str, owner: str) -> None:
        """See :meth:`SessionStore.release`.

        Raises:
            SessionStoreError: the file cannot be written.
        """
        await self._run(lambda db: db.execute(_RELEASE, (session_id, owner)).close())

    async def delete(self, session_id: str) -> None:
        """See :meth:`SessionStore.delete`. Raises as :meth:`release`."""
        await self._run(
            lambda db: db.execute("DELETE FROM trio_realtime_sessions WHERE session_id = ?", (session_id,)).close()
        )

    def _take(
        self, db: sqlite3.Connection, sql: str, session_id: str, owner: str, lease: float, **more: object
    ) -> None:
        """Write, if the session is free or ours."""
        now = self._clock()
        values = {"id": session_id, "owner": owner, "expires": now + lease, "now": now, **more}
        if db.execute(sql, values).rowcount == 0:
            row = db.execute(
                "SELECT expires_at FROM trio_realtime_sessions WHERE session_id = ?", (session_id,)
            ).fetchone()
            raise SessionInUse(session_id, expires_in=max(row[0] - now, 0.0))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def in_thread() -> T:
            with self._open() as db:
                return work(db)

        try:
            return await trio.to_thread.run_sync(in_thread, limiter=self._limiter, abandon_on_cancel=True)
        except sqlite3.Error as error:
            raise SessionStoreError(f"the session store {self._path!r} failed: {error}") from error

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection, None, None]:
        """A connection for one transaction: nothing is shared with other threads, or with a forked process."""
        with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL").close()
            db.execute("PRAGMA synchronous = FULL").close()
            db.execute("BEGIN IMMEDIATE").close()
            db.execute(_TABLE).close()
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK").close()
                raise
            db.execute("COMMIT").close()
