"""What every store does: the same for a SQLite file and for a real Redis server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.stores.redis_server import redis_server
from trio_realtime import RedisSessionStore, SessionInUse, SessionStore, SessionStoreError, SQLiteSessionStore

SNAPSHOT = {"version": 1, "agent": "Ä", "history": [{"text": "x" * 5000}], "n": None, "f": 1.5}


class Place:
    """Makes stores that share one place, and lets time pass there."""

    def __init__(self, make: Callable[[], Any], pass_time: Callable[[float], Any]) -> None:
        self.make = make
        self.pass_time = pass_time


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.slow)])
def place(request: Any, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        now = [1000.0]

        async def pass_time(seconds: float) -> None:
            now[0] += seconds

        yield Place(lambda: SQLiteSessionStore(tmp_path / "calls.db", clock=lambda: now[0]), pass_time)
        return
    with redis_server() as url:
        yield Place(lambda: RedisSessionStore(url), trio.sleep)


async def test_a_session_is_kept_whole_and_given_back(place: Place) -> None:
    store = place.make()
    assert isinstance(store, SessionStore)
    assert await store.acquire("call", "me", 30) is None
    await store.save("call", "me", SNAPSHOT, 30)
    await store.save("call", "me", {**SNAPSHOT, "agent": "B"}, 30)
    await store.release("call", "me")
    assert await place.make().acquire("call", "you", 30) == {**SNAPSHOT, "agent": "B"}
    assert await store.acquire("another", "me", 30) is None


async def test_the_second_owner_is_told(place: Place) -> None:
    first, second = place.make(), place.make()
    await first.acquire("call", "me", 30)
    await first.save("call", "me", SNAPSHOT, 30)
    for attempt in (
        lambda: second.acquire("call", "you", 30),
        lambda: second.save("call", "you", {}, 30),
        lambda: second.renew("call", "you", 30),
    ):
        with pytest.raises(SessionInUse, match="the session 'call' is in use elsewhere") as caught:
            await attempt()
        assert caught.value.session_id == "call"
        assert 25 < caught.value.expires_in <= 30
    await second.release("call", "you")  # nothing happens
    with pytest.raises(SessionInUse):
        await second.acquire("call", "you", 30)
    assert await first.acquire("call", "me", 30) == SNAPSHOT  # the owner may ask again


async def test_a_lease_ends_by_itself_unless_it_is_renewed(place: Place) -> None:
    first, second = place.make(), place.make()
    await first.acquire("call", "me", 0.4)
    await first.save("call", "me", SNAPSHOT, 0.4)
    for _ in range(3):
        await place.pass_time(0.2)
        await first.renew("call", "me", 0.4)
        with pytest.raises(SessionInUse):
            await second.acquire("call", "you", 0.4)
    await place.pass_time(0.5)
    assert await second.acquire("call", "you", 30) == SNAPSHOT
    for attempt in (lambda: first.save("call", "me", {}, 30), lambda: first.renew("call", "me", 30)):
        with pytest.raises(SessionInUse):
            await attempt()
    await first.release("call", "me")
    await second.release("call", "you")
    assert await first.acquire("call", "me", 30) == SNAPSHOT


async def test_a_lease_that_has_ended_can_be_renewed_while_nobody_else_has_it(place: Place) -> None:
    store = place.make()
    await store.acquire("call", "me", 0.1)
    await place.pass_time(0.2)
    await store.renew("call", "me", 30)
    with pytest.raises(SessionInUse):
        await place.make().acquire("call", "you", 30)


async def test_a_session_can_be_forgotten(place: Place) -> None:
    store = place.make()
    await store.acquire("call", "me", 30)
    await store.save("call", "me", SNAPSHOT, 30)
    await store.delete("call")
    await store.delete("call")
    assert await store.acquire("call", "you", 30) is None


async def test_many_at_once(place: Place) -> None:
    store = place.make()
    taken, refused = [], []

    async def take(owner: str) -> None:
        try:
            await store.acquire("call", owner, 30)
        except SessionInUse:
            refused.append(owner)
        else:
            taken.append(owner)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(take, f"owner{number}")
    assert (len(taken), len(refused)) == (1, 19)


async def test_a_call_that_is_cancelled_does_no_harm(place: Place) -> None:
    store = place.make()
    with trio.move_on_after(0):
        await store.acquire("call", "me", 30)
    await store.acquire("call", "me", 30)
    await store.save("call", "me", SNAPSHOT, 30)


async def test_something_else_in_the_place(place: Place) -> None:
    store = place.make()
    await store.acquire("call", "me", 30)
    await store.save("call", "me", SNAPSHOT, 30)
    if isinstance(store, RedisSessionStore):
        store._client.set("trio_realtime:{call}:snapshot", b"{not json")
    else:
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(store._path)) as db:
            db.execute("UPDATE trio_realtime_sessions SET snapshot = '{not json'")
            db.commit()
    with pytest.raises(SessionStoreError, match="what is kept of the session 'call' is not JSON"):
        await store.acquire("call", "me", 30)
