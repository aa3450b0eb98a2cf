from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.session_tasks.support import drain, kinds, now
from tests.talk import KEY, collect, count, make_agent, of, outputs, talk
from trio_realtime import (
    HandshakeRejected,
    RealtimeTimeoutError,
    SessionClosed,
    SessionInUse,
    SessionStoreError,
    SQLiteSessionStore,
    UserError,
    function_tool,
)
from trio_realtime.server import CallTool, Pause, RejectHandshake, Say, ScriptEngine


class Shelf:
    """A store in memory, on trio's clock, that fails where it is told to."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.calls: list[str] = []
        self.fail: dict[str, Exception] = {}
        self.hang: set[str] = set()

    async def _step(self, name: str, session_id: str, owner: str, lease: float | None = None) -> None:
        self.calls.append(name)
        await trio.lowlevel.checkpoint()
        if name in self.hang:
            await trio.sleep_forever()
        if name in self.fail:
            raise self.fail[name]
        other, until = self.leases.get(session_id, ("", 0.0))
        if other not in {"", owner} and until > trio.current_time():
            raise SessionInUse(session_id, expires_in=until - trio.current_time())
        if lease is not None:
            self.leases[session_id] = (owner, trio.current_time() + lease)

    async def acquire(self, session_id: str, owner: str, lease: float) -> Any:
        await self._step("acquire", session_id, owner, lease)
        return json.loads(self.kept[session_id]) if session_id in self.kept else None

    async def save(self, session_id: str, owner: str, snapshot: Any, lease: float) -> None:
        await self._step("save", session_id, owner, lease)
        self.kept[session_id] = json.dumps(snapshot)

    async def renew(self, session_id: str, owner: str, lease: float) -> None:
        await self._step("renew", session_id, owner, lease)

    async def release(self, session_id: str, owner: str) -> None:
        await self._step("release", session_id, owner)
        self.leases.pop(session_id, None)

    async def delete(self, session_id: str) -> None:
        raise AssertionError

    def now(self, session_id: str = "call") -> Any:
        return json.loads(self.kept[session_id])


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def at(shelf: Any, **more: Any) -> Any:
    return {"store": shelf, "session_id": "call", **more}


async def test_a_session_is_kept_after_every_turn_and_taken_up_again(shelf: Shelf, autojump_clock: Any) -> None:
    engine = ScriptEngine([Say("Hello."), Say("Fine.")])
    async with talk(engine, run=at(shelf)) as (session, _):
        assert shelf.calls[0] == "acquire"
        for turn in (1, 2):
            await session.send_message("Hi")
            await collect(session, "agent_end")
            await trio.testing.wait_all_tasks_blocked()
            assert [item["role"] for item in shelf.now()["history"]] == ["user", "assistant"] * turn
            assert not shelf.now()["awaits_response"]
        history = list(session.history)
    assert shelf.calls[-2:] == ["save", "release"]
    assert shelf.leases == {}
    assert KEY not in shelf.kept["call"]
    async with talk(ScriptEngine([Say("Again.")]), run=at(shelf)) as (session, server):
        assert list(session.history) == history
        assert len(server.state.conversation) == 4
        await session.send_message("And now?")
        await collect(session, "agent_end")
    assert len(shelf.now()["history"]) == 6


async def test_a_history_is_for_a_session_that_the_store_does_not_know(shelf: Shelf, autojump_clock: Any) -> None:
    history = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]
    for _ in range(2):
        async with talk(run=at(shelf, history=history)) as (session, server):
            assert len(session.history) == len(server.state.conversation) == 1
    assert len(shelf.now()["history"]) == 1


async def test_the_second_process_gets_a_clear_error(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(run=at(shelf)):
        with pytest.raises(SessionInUse) as caught:
            async with talk(run=at(shelf)):
                raise AssertionError
        assert (caught.value.session_id, caught.value.expires_in) == ("call", 30)
        await trio.sleep(300)  # the lease is renewed
        with pytest.raises(SessionInUse):
            async with talk(run=at(shelf)):
                raise AssertionError
        async with talk(run=at(shelf, session_id="another")):
            pass
    async with talk(run=at(shelf)):
        pass


async def test_the_first_process_ends_when_another_has_taken_the_session_up(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(run=at(shelf)) as (session, _):
        await trio.sleep(1)
        shelf.leases["call"] = ("somebody else", trio.current_time() + 60)
        saved = shelf.calls.count("save")
        events, error = await drain(session)
        assert isinstance(error, SessionInUse)
        assert trio.current_time() == 10  # at the next renewal
        assert session.outcome == "failed"
        assert events[-1].status == "closed"
    assert shelf.calls.count("save") == saved
    assert shelf.leases["call"][0] == "somebody else"


async def test_renewed_three_times_in_a_lease(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(run=at(shelf), config={"timeouts": {"lease": 6}}):
        await trio.sleep(11)
        assert shelf.calls == ["acquire", "save", *["renew"] * 5]


async def test_a_store_that_fails_is_reported_and_tried_again(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(run=at(shelf)) as (session, _):
        await trio.sleep(1)
        now(session)
        fault = shelf.fail["save"] = SessionStoreError("the disk is full")
        await session.add_item("user", "Hi")
        await trio.sleep(1)
        assert {event.error for event in of(now(session), "error")} == {fault}
        shelf.fail.clear()
        await trio.sleep(15)  # with the next renewal
        assert len(shelf.now()["history"]) == 1
        assert session.outcome is None


async def test_a_store_that_hangs_is_reported_too(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(run=at(shelf), config={"timeouts": {"store": 2}}) as (session, _):
        shelf.hang.add("save")
        began = trio.current_time()
        await session.add_item("user", "Hi")
        (error,) = of(await collect(session, "error"), "error")
        assert isinstance(error.error, RealtimeTimeoutError)
        assert (error.error.name, error.error.seconds) == ("store", 2)
        shelf.hang.add("release")
        began = trio.current_time()
    assert trio.current_time() - began <= 2 + 2 + 5  # leaving is bounded


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_a_store_that_does_not_give_the_session(how: str, shelf: Shelf, autojump_clock: Any) -> None:
    if how == "fails":
        shelf.fail["acquire"] = SessionStoreError("the disk is gone")
    else:
        shelf.hang.add("acquire")
    with pytest.raises(SessionStoreError if how == "fails" else RealtimeTimeoutError) as caught:
        async with talk(run=at(shelf)):
            raise AssertionError
    if how == "hangs":
        assert (caught.value.name, trio.current_time()) == ("store", 10)  # type: ignore[attr-defined]
    assert shelf.calls == ["acquire", "release"]


async def test_what_is_kept_cannot_be_used(shelf: Shelf, autojump_clock: Any) -> None:
    shelf.kept["call"] = '{"version": 99}'
    with pytest.raises(UserError, match=r"store\.version: 99 is of a later version"):
        async with talk(run=at(shelf)):
            raise AssertionError
    assert shelf.leases == {}
    assert shelf.kept["call"] == '{"version": 99}'


async def test_no_connection_leaves_what_is_kept(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(run=at(shelf)) as (session, _):
        await session.add_item("user", "Hi")
    kept = shelf.kept["call"]
    with pytest.raises(HandshakeRejected):
        async with talk(run=at(shelf), faults=[RejectHandshake(401)]):
            raise AssertionError
    assert shelf.kept["call"] == kept
    assert shelf.leases == {}


async def test_cancelled_sessions_are_kept_and_let_go(shelf: Shelf, autojump_clock: Any) -> None:
    with trio.move_on_after(5):
        async with talk(run=at(shelf)) as (session, _):
            await session.add_item("user", "Hi")
            await trio.sleep_forever()
    assert len(shelf.now()["history"]) == 1
    assert shelf.leases == {}


async def test_a_call_in_the_middle_of_a_tool_is_kept_as_such(shelf: Shelf, autojump_clock: Any) -> None:
    @function_tool
    async def slow() -> str:
        await trio.sleep(60)
        return "done"

    agent = make_agent(tools=[slow])
    engine = ScriptEngine([CallTool("slow", {}, "c1"), Say("Done.")])
    async with talk(engine, agent=agent, run=at(shelf)) as (session, _):
        await session.send_message("Go")
        await trio.sleep(1)
        assert shelf.now()["calls"] == [{"call_id": "c1", "state": "running"}]
        await collect(session, "agent_end", 2)
        await trio.sleep(1)
        assert shelf.now()["calls"] == []
        assert shelf.now()["history"][1]["output"] == "done"


async def test_a_death_in_the_middle_of_an_answer(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(ScriptEngine([[Say("Once "), Pause(60), Say("more.")]]), run=at(shelf)) as (session, _):
        await session.send_message("Go")
        await trio.sleep(1)
        as_it_was = shelf.kept["call"]
    shelf.kept["call"] = as_it_was
    async with talk(ScriptEngine([Say("Once more.")]), run=at(shelf)) as (session, server):
        await collect(session, "agent_end")
        assert count(server, "response.create") == 1
        assert outputs(server) == []


async def test_an_item_that_does_not_change_is_made_json_once(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(run=at(shelf)) as (session, _):
        for word in "abc":
            await session.add_item("user", word)
            await trio.sleep(1)
        keeper: Any = session._hub.keeper
        before = dict(keeper._json)
        await session.delete_item(session.history[0].item_id)
        await session.add_item("user", "d")
        await trio.sleep(1)
        assert len(keeper._json) == 3
        shared = before.keys() & keeper._json.keys()
        assert len(shared) == 2
        assert all(before[item_id] is keeper._json[item_id] for item_id in shared)


async def test_nothing_is_kept_without_a_store(autojump_clock: Any) -> None:
    async with talk() as (session, _):
        assert session._hub.keeper is None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (lambda shelf: {"store": shelf}, "session_id: a store needs the id"),
        (lambda shelf: {"store": shelf, "session_id": ""}, "session_id: a store needs the id"),
        (lambda shelf: {"store": shelf, "session_id": 5}, "session_id: a store needs the id"),
        (lambda shelf: {"session_id": "call"}, "session_id: is of use with a store only"),
        (lambda shelf: {"store": {}, "session_id": "call"}, "store must have the methods of a SessionStore, not dict"),
        (lambda shelf: {"store": shelf, "session_id": "call", "resume": {}}, "store, resume"),
    ],
)
async def test_at_fault(options: Callable[[Any], Any], match: str, shelf: Shelf, autojump_clock: Any) -> None:
    with pytest.raises(UserError, match=match):
        async with talk(run=options(shelf)):
            raise AssertionError


async def test_a_closed_session_is_let_go(shelf: Shelf, autojump_clock: Any) -> None:
    async with talk(run=at(shelf)) as (session, _):
        await session.close()
        with pytest.raises(SessionClosed):
            await session.add_item("user", "Hi")
        assert kinds(now(session))[-1] == "connection"
    assert shelf.leases == {}


async def test_in_a_file(tmp_path: Path) -> None:
    store = SQLiteSessionStore(tmp_path / "calls.db")
    async with talk(ScriptEngine([Say("Hello.")]), run=at(store)) as (session, _):
        await session.send_message("Hi")
        await collect(session, "agent_end")
        with pytest.raises(SessionInUse):
            async with talk(run=at(SQLiteSessionStore(tmp_path / "calls.db"))):
                raise AssertionError
        history = list(session.history)
    async with talk(run=at(SQLiteSessionStore(tmp_path / "calls.db"))) as (session, _):
        assert list(session.history) == history
