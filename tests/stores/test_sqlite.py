from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import trio

from trio_realtime import SessionStoreError, SQLiteSessionStore

WRITER = """
import sys, trio
from trio_realtime import SQLiteSessionStore

async def main():
    store = SQLiteSessionStore(sys.argv[1])
    await store.acquire("call", "writer", 30)
    number = 0
    while True:
        number += 1
        await store.save("call", "writer", {"number": number, "again": number, "text": "x" * 100_000}, 30)
        print(number, flush=True)

trio.run(main)
"""


async def test_a_writer_that_is_killed_leaves_the_last_whole_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    for round_ in range(3):
        command = [sys.executable, "-c", WRITER, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
        assert process.stdout is not None
        seen = 0
        for line in process.stdout:
            seen = int(line)
            if seen >= 5 + 3 * round_:
                break
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        process.stdout.close()
        process.wait()
        seen = int(rest[-1]) if rest else seen
        store = SQLiteSessionStore(path, clock=lambda: 1e12)  # long after the lease
        kept = await store.acquire("call", "reader", 0)
        assert kept is not None
        assert kept["number"] == kept["again"]
        assert kept["number"] - seen in {0, 1}  # one may have been written and not told
        assert len(kept["text"]) == 100_000
        await store.release("call", "reader")


async def test_it_is_on_the_disk(tmp_path: Path) -> None:
    store = SQLiteSessionStore(tmp_path / "calls.db")
    with store._open() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("what", ["directory", "garbage"])
async def test_a_file_that_is_none(what: str, tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    if what == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"certainly no database" * 100)
    store = SQLiteSessionStore(path)
    for attempt in (
        lambda: store.acquire("call", "me", 30),
        lambda: store.save("call", "me", {}, 30),
        lambda: store.renew("call", "me", 30),
        lambda: store.release("call", "me"),
        lambda: store.delete("call"),
    ):
        with pytest.raises(SessionStoreError, match=r"calls\.db") as caught:
            await attempt()
        assert isinstance(caught.value.__cause__, sqlite3.Error)


async def test_the_loop_is_not_blocked_and_threads_are_few(tmp_path: Path) -> None:
    store = SQLiteSessionStore(tmp_path / "calls.db")
    await store.acquire("call", "me", 30)
    with closing(sqlite3.connect(store._path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # another process is writing
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(store.renew, "call", "me", 30)
            for _ in range(20):
                await trio.sleep(0.005)
            assert store._limiter.statistics().borrowed_tokens == 1
            other.execute("COMMIT")


def test_its_repr(tmp_path: Path) -> None:
    assert repr(SQLiteSessionStore("calls.db")) == "SQLiteSessionStore('calls.db')"
    assert os.fspath(tmp_path) in repr(SQLiteSessionStore(tmp_path / "calls.db"))
