"""The measured applications, on a library that only notes what is done with it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import trio

from benchmarks import process, workloads
from benchmarks.client_ours import TrioKit
from benchmarks.workloads import GO, WORKLOADS, turns_left


@pytest.fixture(autouse=True)
def one_clock(monkeypatch):
    """The system's clock is trio's."""
    clock = SimpleNamespace(monotonic=trio.current_time, monotonic_ns=lambda: int(trio.current_time() * 1e9))
    monkeypatch.setattr(workloads, "time", clock)
    monkeypatch.setattr(process, "time", SimpleNamespace(process_time=trio.current_time, **vars(clock)))
    monkeypatch.setattr(workloads, "freeze_ms", lambda: 1.0)


class Talkative:
    """A session that gives a word a second, each half a second old. Sending takes a while."""

    def __init__(self, takes):
        self.takes = takes
        self.sent: list[tuple[float, bytes]] = []

    async def send_audio(self, audio):
        self.sent.append((trio.current_time(), audio))
        await trio.sleep(self.takes)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await trio.sleep(1)
        said = int((trio.current_time() - 0.5) * 1e9)
        return SimpleNamespace(type="transcript", delta=f"{said:020d}")


class TalkativeKit(TrioKit):
    def __init__(self, connect_seconds, takes):
        self.connect_seconds, self.takes = connect_seconds, takes
        self.sessions: list[Talkative] = []

    @asynccontextmanager
    async def session(self, url):
        await trio.sleep(self.connect_seconds)
        self.sessions.append(Talkative(self.takes))
        yield self.sessions[-1]


async def live(connect_seconds, takes=0.0, **given):
    kit = TalkativeKit(connect_seconds, takes)
    request = {"sessions": 2, "url": "ws://x/?a", "warm_seconds": 0.5, "seconds": 1.5, **given}
    return kit, await WORKLOADS["live"](kit, request)


async def test_calls_are_active_in_their_turns_only_and_held_to_the_end(autojump_clock):
    kit, numbers = await live(1, turns=[10.0, 20.0], ends=30.0)
    assert trio.current_time() == pytest.approx(30)
    for session in kit.sessions:
        first, second = ([at for at, _ in session.sent if a <= at <= a + 2.1] for a in (10, 20))
        assert len(first) + len(second) == len(session.sent)
        assert len(first) == len(second) == pytest.approx(101, abs=1)
        assert [round(at / 10) * 10 for at, audio in session.sent if audio == GO] == [10, 20]
    assert numbers["turns"] == 2
    assert numbers["events_per_session_s"] * 2 * 3.0 == pytest.approx(2 * 3, abs=2), (
        "what comes elsewhere does not count"
    )
    assert numbers["p50_ms"] == pytest.approx(500)
    assert len(numbers["turn_costs"]) == 2
    assert numbers["cpu_us_per_message"] == min(numbers["turn_costs"])
    assert numbers["sends_per_session_s"] == pytest.approx(50, rel=0.02)


async def test_who_does_not_keep_up_is_silent_in_the_turns_of_others(autojump_clock):
    kit, numbers = await live(1, takes=0.03, turns=[10.0, 20.0], ends=30.0)
    for session in kit.sessions:
        assert not [at for at, _ in session.sent if not any(a <= at <= a + 2.1 for a in (10, 20))]
    assert numbers["sends_per_session_s"] == pytest.approx(33, rel=0.05)
    assert numbers["late_ms"] > 500


async def test_a_turn_that_came_too_early_is_left_out(autojump_clock):
    kit, numbers = await live(12, turns=[10.0, 20.0], ends=30.0)
    assert min(at for session in kit.sessions for at, _ in session.sent) == pytest.approx(20)
    assert numbers["turns"] == 1


async def test_without_turns_it_is_one_at_once(autojump_clock):
    _, numbers = await live(12)
    assert trio.current_time() == pytest.approx(14.1, abs=0.1)
    assert numbers["turns"] == 1


async def test_too_late_for_all_is_an_error(autojump_clock):
    await trio.sleep(5)
    with pytest.raises(TimeoutError):
        turns_left({"turns": [1.0, 2.0]})
