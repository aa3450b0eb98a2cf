from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trio_realtime.config import DeliverySettings
from trio_realtime.context import RunContextWrapper
from trio_realtime.core.delivery import _EVENT_BYTES, EventBuffer, Hold
from trio_realtime.events import (
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeDtmf,
    RealtimeError,
    RealtimeEventInfo,
)
from trio_realtime.model_events import RealtimeModelAudioEvent

INFO = RealtimeEventInfo(RunContextWrapper(None))


def control(name="x") -> Any:
    return RealtimeDtmf(info=INFO, event=str(name))


def audio(name="a", response="r1", data=b"") -> Any:
    piece = RealtimeModelAudioEvent(data=data, response_id=response, item_id=str(name), content_index=0)
    return RealtimeAudio(info=INFO, audio=piece, item_id=str(name), content_index=0, response_id=response)


def interrupted(name="i") -> Any:
    return RealtimeAudioInterrupted(info=INFO, item_id=str(name), content_index=0)


def named(event):
    return event.event if isinstance(event, RealtimeDtmf) else event.item_id


def drain(buffer):
    names = []
    while (event := buffer.pop()) is not None:
        names.append(named(event))
    return names


def make(*, begun=True, wanted=None, **options):
    buffer = EventBuffer(DeliverySettings(**options), wanted)
    buffer.begun = begun
    return buffer


def put_audio(buffer, name, *, size=1000, ms=20.0, response="r1"):
    return buffer.put(audio(name, response), size, ms)


class TestOrder:
    def test_first_in_first_out(self):
        buffer = make()
        buffer.put(control(1))
        put_audio(buffer, "a")
        buffer.put(control(2))
        assert len(buffer) == 3
        assert drain(buffer) == ["1", "a", "2"]
        assert len(buffer) == 0
        assert buffer.pop() is None

    def test_an_interruption_goes_before_all_that_waits(self):
        buffer = make()
        for number in range(500):
            put_audio(buffer, number)
        buffer.purge_audio("r1")
        buffer.put_first(interrupted("one"))
        buffer.put_first(interrupted("two"))
        buffer.put(control("after"))
        assert len(buffer) == 3
        assert drain(buffer) == ["one", "two", "after"]

    def test_the_selection(self):
        buffer = make(wanted=(RealtimeDtmf, RealtimeError))
        assert buffer.wants(RealtimeDtmf)
        assert not buffer.wants(RealtimeAudio)
        assert make().wants(RealtimeAudio)
        assert not make(wanted=()).wants(RealtimeAudio)


class TestDropOldest:
    def test_the_oldest_audio_goes_when_there_is_too_much_by_time(self):
        buffer = make(max_buffered_ms=50)
        assert [put_audio(buffer, name) for name in "abcd"] == [None] * 4
        statistics = buffer.statistics()
        assert drain(buffer) == ["c", "d"]
        assert (statistics.dropped_events, statistics.dropped_ms) == (2, 40)

    def test_or_by_bytes(self):
        buffer = make(max_buffered_bytes=3 * (1000 + _EVENT_BYTES))
        for name in "abcde":
            put_audio(buffer, name)
        assert drain(buffer) == ["c", "d", "e"]

    def test_control_events_stay_in_order(self):
        buffer = make(max_buffered_ms=40)
        for number in range(300):
            buffer.put(control(number))
            put_audio(buffer, f"a{number}")
        assert drain(buffer) == [*map(str, range(299)), "a298", "299", "a299"]

    def test_the_newest_piece_stays_even_if_it_is_too_much_by_itself(self):
        buffer = make(max_buffered_bytes=100)
        assert put_audio(buffer, "a", size=10_000) is None
        assert put_audio(buffer, "b", size=10_000) is None
        assert drain(buffer) == ["b"]

    def test_control_alone_over_the_bytes_is_reported(self):
        buffer = make(max_buffered_bytes=2 * _EVENT_BYTES)
        assert buffer.put(control(1)) is None
        assert buffer.put(control(2)) is None
        assert buffer.put(control(3)) == "control"
        assert drain(buffer) == ["1", "2", "3"]

    def test_control_within_the_bytes_is_not_at_fault_for_the_audio_beside_it(self):
        buffer = make(max_buffered_bytes=2 * _EVENT_BYTES)
        buffer.put(control(1))
        assert put_audio(buffer, "a", size=10_000) is None
        assert buffer.put(control(2)) is None
        assert drain(buffer) == ["1", "a", "2"]


class TestOtherPolicies:
    @pytest.mark.parametrize("overflow", ["error", "block"])
    def test_nothing_is_dropped_and_the_overflow_is_named(self, overflow):
        buffer = make(overflow=overflow, max_buffered_ms=40, max_buffered_bytes=100_000)
        assert put_audio(buffer, "a") is None
        assert put_audio(buffer, "b") is None
        assert not buffer.is_full()
        assert put_audio(buffer, "c") == "audio"
        assert buffer.is_full()
        assert buffer.put(control(), 200_000) == "control"
        assert drain(buffer) == ["a", "b", "c", "x"]
        assert buffer.statistics().dropped_events == 0

    @pytest.mark.parametrize("overflow", ["error", "block"])
    def test_by_bytes(self, overflow):
        buffer = make(overflow=overflow, max_buffered_bytes=1000 + _EVENT_BYTES)
        assert put_audio(buffer, "a") is None
        assert put_audio(buffer, "b") == "audio"
        buffer.pop()
        assert not buffer.is_full()


class TestNotBegun:
    @pytest.mark.parametrize("overflow", ["drop_oldest", "error", "block"])
    def test_a_reader_that_nobody_iterates_fails_nothing_and_keeps_the_newest(self, overflow):
        buffer = make(begun=False, overflow=overflow, max_buffered_bytes=10 * _EVENT_BYTES, max_buffered_ms=100)
        for number in range(50):
            assert buffer.put(control(number)) is None
            assert put_audio(buffer, f"a{number}", size=0) is None
        statistics = buffer.statistics()
        assert statistics.events == 10
        assert statistics.dropped_events == 90
        buffer.begun = True
        assert drain(buffer)[-3:] == ["a48", "49", "a49"]

    def test_the_newest_alone_is_never_dropped(self):
        buffer = make(begun=False, max_buffered_bytes=1)
        buffer.put(control(1))
        buffer.put(control(2))
        assert drain(buffer) == ["2"]

    def test_purged_places_are_passed_over(self):
        buffer = make(begun=False, max_buffered_bytes=4 * _EVENT_BYTES)
        put_audio(buffer, "a", size=0)
        buffer.put(control(1))
        buffer.purge_audio(None)
        for number in range(2, 8):
            buffer.put(control(number))
        assert drain(buffer) == ["4", "5", "6", "7"]
        assert buffer.statistics().events == 0

    @pytest.mark.parametrize("released", [True, False])
    def test_a_hold_keeps_nothing_beyond_the_bounds(self, released):
        buffer = make(begun=False, max_buffered_bytes=4 * _EVENT_BYTES)
        hold = Hold()
        buffer.put(control(0))
        buffer.hold(hold)
        hold.released = released
        for number in range(1, 100):
            buffer.put(control(number))
        assert len(buffer) == 4
        assert buffer.is_held() is not released
        if not released:
            assert buffer.pop() is None
            buffer.insert_before(hold, [(control("end"), 0)])
            assert named(buffer.pop()) == "end"
            hold.released = True
        assert drain(buffer) == ["96", "97", "98", "99"]
        assert not buffer.is_held()


class TestPurge:
    def test_by_response(self):
        buffer = make()
        put_audio(buffer, "a", response="r1")
        buffer.put(control(1))
        put_audio(buffer, "b", response="r2")
        put_audio(buffer, "c", response="r1")
        buffer.purge_audio("r1")
        assert len(buffer) == 2
        assert buffer.statistics().purged_events == 2
        assert drain(buffer) == ["1", "b"]

    def test_all(self):
        buffer = make()
        put_audio(buffer, "a", response="r1")
        buffer.put(control(1))
        put_audio(buffer, "b", response="r2")
        buffer.purge_audio(None)
        assert drain(buffer) == ["1"]

    def test_a_piece_without_length_is_audio_too(self):
        buffer = make()
        put_audio(buffer, "a", size=0, ms=0.0)
        buffer.purge_audio("r1")
        assert drain(buffer) == []

    def test_behind_a_hold(self):
        buffer = make()
        hold = Hold()
        buffer.hold(hold)
        put_audio(buffer, "a")
        buffer.put(control(1))
        buffer.purge_audio("r1")
        hold.released = True
        assert drain(buffer) == ["1"]


class TestHold:
    def test_what_comes_after_it_waits(self):
        buffer = make()
        hold = Hold()
        buffer.put(control(1))
        buffer.hold(hold)
        buffer.put(control(2))
        assert len(buffer) == 2
        assert buffer.is_held()
        assert drain(buffer) == ["1"]
        hold.released = True
        assert drain(buffer) == ["2"]
        assert not buffer.is_held()

    def test_an_interruption_overtakes_it(self):
        buffer = make()
        buffer.hold(Hold())
        buffer.put_first(interrupted())
        assert drain(buffer) == ["i"]

    def test_what_is_put_before_it_keeps_its_order(self):
        buffer = make()
        hold = Hold()
        buffer.put(control(1))
        buffer.hold(hold)
        buffer.put(control(4))
        buffer.insert_before(hold, [(control(2), 5), (control(3), 6)])
        assert drain(buffer) == ["1", "2", "3"]
        hold.released = True
        assert drain(buffer) == ["4"]
        assert buffer.statistics().peak_bytes == 4 * _EVENT_BYTES + 11

    def test_where_there_is_no_such_hold_it_is_appended(self):
        buffer = make()
        buffer.put(control(1))
        buffer.insert_before(Hold(), [(control(2), 0)])
        assert drain(buffer) == ["1", "2"]

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
    def test_several_released_in_any_order(self, order):
        buffer = make()
        holds = [Hold(), Hold(), Hold()]
        for number, hold in enumerate(holds):
            buffer.hold(hold)
            buffer.put(control(number))
        seen = []
        for step, index in enumerate(order):
            buffer.insert_before(holds[index], [(control(f"end{index}"), 0)])
            holds[index].released = True
            got = drain(buffer)
            seen += got
            free = next((i for i in range(3) if not holds[i].released), 3)
            assert len([name for name in seen if not name.startswith("end")]) == free, step
        assert seen == ["end0", "0", "end1", "1", "end2", "2"]

    def test_audio_behind_it_can_be_dropped(self):
        buffer = make(max_buffered_ms=40)
        hold = Hold()
        buffer.hold(hold)
        for name in "abcd":
            put_audio(buffer, name)
        hold.released = True
        assert drain(buffer) == ["c", "d"]


class TestStatistics:
    def test_exact(self):
        buffer = make(max_buffered_ms=60)
        put_audio(buffer, "a", size=100, ms=20.0)
        buffer.put(control(1), 50)
        buffer.put_first(interrupted())
        statistics = buffer.statistics()
        assert statistics.events == 3
        assert statistics.bytes == statistics.peak_bytes == 150 + 3 * _EVENT_BYTES
        assert statistics.audio_ms == 20.0
        for name in "bcd":
            put_audio(buffer, name, size=100, ms=20.0)
        statistics = buffer.statistics()
        assert (statistics.events, statistics.dropped_events, statistics.dropped_ms) == (5, 1, 20.0)
        assert statistics.peak_bytes == 450 + 6 * _EVENT_BYTES
        drain(buffer)
        statistics = buffer.statistics()
        assert (statistics.events, statistics.bytes, statistics.audio_ms) == (0, 0, 0.0)

    def test_no_rest_of_rounding(self):
        buffer = make()
        for _ in range(100):
            put_audio(buffer, "a", ms=0.1)
            put_audio(buffer, "b", ms=1 / 3)
            buffer.pop()
        drain(buffer)
        assert buffer.statistics().audio_ms == 0.0


class TestCost:
    def test_a_stalled_reader_holds_a_bounded_number_of_places(self):
        buffer = make(max_buffered_ms=2000)
        buffer.put(control("first"))  # nothing can leave at the front
        most = 0
        for number in range(20_000):
            put_audio(buffer, number)
            most = max(most, len(buffer._entries))
        assert most <= 2 * 100 + 200
        assert len(buffer._audio) == 100

    def test_looking_for_places_to_give_back_costs_little_for_each_event(self, monkeypatch):
        buffer = make(max_buffered_ms=2000)
        buffer.put(control("first"))
        compactions = 0
        compact = EventBuffer._compact

        def counting(counted):
            nonlocal compactions
            before = counted._entries
            compact(counted)
            compactions += counted._entries is not before

        monkeypatch.setattr(EventBuffer, "_compact", counting)
        for number in range(10_000):
            put_audio(buffer, number)
        assert 0 < compactions <= 10_000 / 64

    def test_a_reader_that_nobody_began_is_bounded_with_ever_more_holds(self):
        buffer = make(begun=False, max_buffered_bytes=20 * _EVENT_BYTES)
        for _ in range(5000):
            hold = Hold()
            buffer.hold(hold)
            hold.released = True
            buffer.put(control())
        assert len(buffer._entries) <= 45


class Naive:
    """What the buffer does, said as plainly as possible: a list in which everything is looked at every time."""

    def __init__(self, settings):
        self.settings = settings
        self.first: list[str] = []
        self.queue: list[tuple[str, Any, int, float, str | None]] = []
        self.dropped = 0
        self.purged = 0

    def bytes(self, *, control_only=False):
        sizes = [
            size for kind, _, size, _, response in self.queue if kind != "hold" and not (control_only and response)
        ]
        return sum(sizes) + _EVENT_BYTES * len(self.first)

    def ms(self):
        return sum(entry[3] for entry in self.queue)

    def full(self):
        return self.bytes() > self.settings.max_buffered_bytes or self.ms() > self.settings.max_buffered_ms

    def put(self, name, size, ms, response, *, begun):
        self.queue.append(("event", name, size + _EVENT_BYTES, ms, response))
        if not self.full():
            return None
        if begun and self.bytes(control_only=True) > self.settings.max_buffered_bytes:
            return "control"
        if begun and self.settings.overflow != "drop_oldest":
            return "audio"
        while self.full():
            may = [entry for entry in self.queue[:-1] if entry[0] == "event" and (entry[4] or not begun)]
            if begun and response is None:
                may = may[:-1] if may else may
            if not may:
                break
            self.queue.remove(may[0])
            self.dropped += 1
        return None

    def pop(self):
        if self.first:
            return self.first.pop(0)
        while self.queue:
            kind, value, *_ = self.queue[0]
            if kind == "hold" and not value.released:
                return None
            self.queue.pop(0)
            if kind == "event":
                return value
        return None

    def purge(self, response):
        kept = [entry for entry in self.queue if not entry[4] or response not in (None, entry[4])]
        self.purged += len(self.queue) - len(kept)
        self.queue = kept


class BufferMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.holds: list[Hold] = []
        self.start("drop_oldest", begun=True)

    def start(self, overflow, *, begun):
        settings = DeliverySettings(max_buffered_ms=100, max_buffered_bytes=12 * _EVENT_BYTES, overflow=overflow)
        self.buffer = EventBuffer(settings)
        self.buffer.begun = begun
        self.naive = Naive(settings)

    @precondition(lambda self: self.count == 0)
    @rule(overflow=st.sampled_from(["drop_oldest", "error", "block"]), begun=st.booleans())
    def configure(self, overflow, begun):
        self.start(overflow, begun=begun)
        self.holds.clear()

    def name(self):
        self.count += 1
        return f"n{self.count}"

    @rule(size=st.integers(0, 2000))
    def put(self, size):
        name = self.name()
        expected = self.naive.put(name, size, 0.0, None, begun=self.buffer.begun)
        assert self.buffer.put(control(name), size) == expected

    @rule(size=st.integers(0, 2000), ms=st.integers(0, 60), response=st.sampled_from(["r1", "r2"]))
    def put_audio(self, size, ms, response):
        name = self.name()
        expected = self.naive.put(name, size, float(ms), response, begun=self.buffer.begun)
        assert self.buffer.put(audio(name, response), size, float(ms)) == expected

    @rule()
    def put_first(self):
        name = self.name()
        self.naive.first.append(name)
        self.buffer.put_first(interrupted(name))

    @rule()
    def hold(self):
        hold = Hold()
        self.holds.append(hold)
        self.naive.queue.append(("hold", hold, 0, 0.0, None))
        self.buffer.hold(hold)

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data):
        hold = data.draw(st.sampled_from(self.holds))
        name = self.name()
        place = next((i for i, entry in enumerate(self.naive.queue) if entry[1] is hold), len(self.naive.queue))
        self.naive.queue.insert(place, ("event", name, _EVENT_BYTES, 0.0, None))
        self.buffer.insert_before(hold, [(control(name), 0)])
        hold.released = True
        self.holds.remove(hold)

    @rule()
    def pop(self):
        event = self.buffer.pop()
        assert (event and named(event)) == self.naive.pop()

    @rule(response=st.sampled_from(["r1", "r2", None]))
    def purge(self, response):
        self.naive.purge(response)
        self.buffer.purge_audio(response)

    @invariant()
    def same(self):
        statistics = self.buffer.statistics()
        events = [entry for entry in self.naive.queue if entry[0] == "event"]
        assert len(self.buffer) == statistics.events == len(events) + len(self.naive.first)
        assert statistics.bytes == self.naive.bytes()
        assert statistics.audio_ms == pytest.approx(self.naive.ms())
        assert statistics.dropped_events == self.naive.dropped
        assert statistics.purged_events == self.naive.purged
        assert statistics.peak_bytes >= statistics.bytes
        assert self.buffer.is_full() == self.naive.full()


BufferMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestBufferMachine = BufferMachine.TestCase
