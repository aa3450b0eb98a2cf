from __future__ import annotations

import sys
from typing import Any

import pytest
import redis

from tests.stores.redis_server import redis_server
from trio_realtime import RedisSessionStore, SessionStoreError, UserError

CANARY = "sk-test-canary-of-redis"


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(UserError, match=r"pip install 'trio-realtime\[redis\]'"):
        RedisSessionStore("redis://127.0.0.1")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "give a url or a client"),
        ({"url": "redis://127.0.0.1", "client": object()}, "give a url or a client"),
        ({"url": f"http://:{CANARY}@127.0.0.1"}, "must begin with redis://"),
    ],
)
def test_at_fault(options: Any, match: str) -> None:
    with pytest.raises(UserError, match=match) as caught:
        RedisSessionStore(**options)
    assert CANARY not in repr(caught.value)


def test_its_repr_has_no_password() -> None:
    assert repr(RedisSessionStore(f"redis://:{CANARY}@127.0.0.1/0")) == "<RedisSessionStore 'trio_realtime:'>"


async def test_a_server_that_is_not_there() -> None:
    store = RedisSessionStore(f"redis://:{CANARY}@127.0.0.1:9/0", socket_timeout=2)
    for attempt in (
        lambda: store.acquire("call", "me", 30),
        lambda: store.save("call", "me", {}, 30),
        lambda: store.renew("call", "me", 30),
        lambda: store.release("call", "me"),
        lambda: store.delete("call"),
    ):
        with pytest.raises(SessionStoreError, match="the session store failed: ConnectionError") as caught:
            await attempt()
        assert caught.value.__cause__ is None


class Client:
    """Keeps what it is asked to do, and answers as if all were well."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.kept = b'{"version": 1}'

    def eval(self, *args: Any) -> int:
        self.calls.append(args[1:])
        return -10

    def get(self, key: str) -> bytes:
        return self.kept

    def delete(self, *keys: str) -> None:
        self.calls.append(("delete", *keys))


async def test_a_client_of_ones_own() -> None:
    client = Client()
    store = RedisSessionStore(client=client, prefix="my:", keep=60)
    assert await store.acquire("call", "me", 30) == {"version": 1}
    await store.save("call", "me", {"a": 1}, 30)
    await store.release("call", "me")
    await store.delete("call")
    keys = ("my:{call}:lease", "my:{call}:snapshot")
    assert client.calls == [
        (2, *keys, "me", 30_000, b"", "60000"),
        (2, *keys, "me", 30_000, b'{"a":1}', "60000"),
        (1, keys[0], "me"),
        ("delete", *keys),
    ]
    client.kept = b"{not json"
    with pytest.raises(SessionStoreError, match="not JSON"):
        await store.acquire("call", "me", 30)


@pytest.mark.slow
async def test_a_session_that_is_not_written_any_more_is_forgotten() -> None:
    with redis_server() as url:
        store = RedisSessionStore(url, keep=1000, prefix="my:")
        await store.acquire("call", "me", 30)
        await store.save("call", "me", {"a": 1}, 30)
        with redis.Redis.from_url(url) as client:
            assert sorted(client.keys()) == [b"my:{call}:lease", b"my:{call}:snapshot"]
            assert 990_000 < client.pttl("my:{call}:snapshot") <= 1_000_000
            assert 25_000 < client.pttl("my:{call}:lease") <= 30_000


@pytest.mark.slow
async def test_a_password_that_is_refused() -> None:
    with redis_server("--requirepass", "another") as url:
        store = RedisSessionStore(url.replace("redis://", f"redis://:{CANARY}@"))
        with pytest.raises(SessionStoreError, match="AuthenticationError") as caught:
            await store.acquire("call", "me", 30)
        assert CANARY not in repr(caught.value)


def test_a_machine_without_a_server_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(pytest.skip.Exception, match="no Redis server is installed: this test needs the program redis"):
        with redis_server():
            raise AssertionError
