"""A process is killed in the middle of a tool call; another one takes the call up from the store and finishes it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
import trio

from tests.stores.redis_server import redis_server
from tests.talk import outputs
from trio_realtime.server import LocalServer

PROGRAM = Path(__file__).parent / "program.py"
Look = Callable[[], Any]


def in_file(path: Path) -> Any:
    """What the file has of the call; None for nothing yet."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as db:
        try:
            row = db.execute("SELECT snapshot FROM trio_realtime_sessions").fetchone()
        except sqlite3.OperationalError:
            return None
    return json.loads(row[0]) if row and row[0] else None


def in_redis(client: Any) -> Any:
    kept = client.get("trio_realtime:{call-17}:snapshot")
    return json.loads(kept) if kept else None


@contextmanager
def place(kind: str, directory: Path) -> Iterator[tuple[str, Look]]:
    """A store as an argument of the program, and a way to look into it from outside."""
    if kind == "sqlite":
        path = directory / "calls.db"
        yield str(path), partial(in_file, path)
        return
    with redis_server() as url, redis.Redis.from_url(url) as client:
        yield url, partial(in_redis, client)


def command(what: str, *arguments: str) -> list[str]:
    return [sys.executable, str(PROGRAM), what, *arguments]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("redis", marks=pytest.mark.slow)])
@pytest.mark.parametrize("on_resume", ["fail", "run"])
async def test_a_call_is_taken_up_by_another_process(kind: str, on_resume: str, tmp_path: Path) -> None:
    with place(kind, tmp_path) as (where, look):
        server = LocalServer(pace=None)
        async with server.serve() as address, trio.open_nursery() as nursery:
            arguments = (address.url, where, on_resume)
            with trio.fail_after(60):
                begin = partial(trio.run_process, command("begin", *arguments), check=False)
                process = await nursery.start(begin)
                while not ((kept := look()) and kept["calls"]):
                    assert process.poll() is None
                    await trio.sleep(0.02)
                other = await nursery.start(
                    partial(trio.run_process, command("go_on", *arguments), stdout=subprocess.PIPE)
                )
                said = b""
                async for some in other.stdout:
                    said += some
                    if b"\n" in said and process.returncode is None:  # two processes cannot have one call
                        assert said.startswith(b"refused: the session 'call-17' is in use elsewhere")
                        process.send_signal(signal.SIGKILL)
                        assert await process.wait() == -signal.SIGKILL
        snapshot = json.loads(said.splitlines()[-1])
        first, second = server.connections
        assert outputs(first) == []
        ((call_id, output),) = outputs(second)
        assert kept["calls"] == [{"call_id": call_id, "state": "running"}]
        assert output == "booked for 4" if on_resume == "run" else "cut off before it had a result" in output
    before, after = kept["history"], snapshot["history"]
    ids = [item["item_id"] for item in after]
    assert ids[: len(before)] == [item["item_id"] for item in before]
    assert len(set(ids)) == len(ids)
    assert (after[len(before) - 1]["status"], after[len(before) - 1]["output"]) == ("completed", output)
    assert snapshot["calls"] == []
    roles = [item.get("role", "call") for item in after]
    assert roles == ["user", "assistant", "user", "call", "assistant", "user", "assistant"]
