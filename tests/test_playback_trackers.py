from __future__ import annotations

import pytest

from trio_realtime import (
    BrowserPlaybackTracker,
    LocalPlaybackTracker,
    MarkPlaybackTracker,
    RealtimeAudio,
    RealtimeModelAudioEvent,
    RealtimePlaybackState,
    RealtimePlaybackTracker,
    RunContextWrapper,
)
from trio_realtime.events import RealtimeEventInfo

INFO = RealtimeEventInfo(RunContextWrapper(None))
NOTHING = RealtimePlaybackState()


def audio(item_id, ms, index=0):
    model = RealtimeModelAudioEvent(data=bytes(48 * ms), response_id="r", item_id=item_id, content_index=index)
    return RealtimeAudio(info=INFO, audio=model, item_id=item_id, content_index=index)


def at(item_id, ms, index=0):
    return RealtimePlaybackState(current_item_id=item_id, current_item_content_index=index, elapsed_ms=ms)


@pytest.mark.parametrize("kind", [BrowserPlaybackTracker, LocalPlaybackTracker, MarkPlaybackTracker])
def test_they_are_trackers_that_begin_with_nothing(kind):
    tracker = kind()
    assert isinstance(tracker, RealtimePlaybackTracker)
    assert tracker.get_state() == NOTHING
    tracker.on_interrupted()
    assert tracker.get_state() == NOTHING


class TestLocal:
    def test_bytes_are_counted_through_the_queue(self):
        tracker = LocalPlaybackTracker()
        assert tracker.sent(audio("a", 100)) == bytes(4800)
        tracker.sent(audio("a", 100))
        tracker.sent(audio("b", 100))
        tracker.played(48 * 50)
        assert tracker.get_state() == at("a", 50)
        tracker.played(48 * 100)
        assert tracker.get_state() == at("a", 150)
        tracker.played(48 * 100)
        assert tracker.get_state() == at("b", 50)
        tracker.played(48 * 500)  # silence after the end
        assert tracker.get_state() == at("b", 100)

    def test_after_an_interruption_nothing_old_counts(self):
        tracker = LocalPlaybackTracker()
        tracker.sent(audio("a", 100))
        tracker.played(480)
        tracker.on_interrupted()
        tracker.played(4800)
        assert tracker.get_state() == NOTHING
        tracker.sent(audio("a", 100))
        tracker.played(480)
        assert tracker.get_state() == at("a", 10)

    def test_in_the_format_of_the_session(self):
        tracker = LocalPlaybackTracker()
        tracker.set_audio_format("g711_ulaw")
        tracker.sent(audio("a", 100))  # 4,800 bytes: 600 ms
        tracker.played(4800)
        assert tracker.get_state() == at("a", 600)


class TestMarks:
    def test_a_mark_says_that_all_before_it_was_played(self):
        tracker = MarkPlaybackTracker()
        first, second, third = (tracker.mark(audio(item, 100)) for item in "aab")
        assert len({first, second, third}) == 3
        tracker.marked(first)
        assert tracker.get_state() == at("a", 100)
        tracker.marked(third)  # the second's echo was lost
        assert tracker.get_state() == at("b", 100)
        tracker.marked(second)
        tracker.marked(third)
        assert tracker.get_state() == at("b", 100)

    def test_echoes_of_what_was_cleared_change_nothing(self):
        tracker = MarkPlaybackTracker()
        name = tracker.mark(audio("a", 100))
        tracker.on_interrupted()
        tracker.marked(name)
        tracker.marked("never")
        assert tracker.get_state() == NOTHING


class TestBrowser:
    def test_reports_only_go_forward(self):
        tracker = BrowserPlaybackTracker()
        for item in "aab":
            assert tracker.sent(audio(item, 100)) == bytes(4800)
        tracker.played("a", 150)
        tracker.played("a", 120)
        assert tracker.get_state() == at("a", 150)
        tracker.played("a", 900)
        assert tracker.get_state() == at("a", 200)
        tracker.played("b", 10)
        tracker.played("a", 200)
        assert tracker.get_state() == at("b", 10)
        tracker.played("b", -5)
        assert tracker.get_state() == at("b", 10)

    def test_reports_of_what_was_not_sent_or_was_interrupted_change_nothing(self):
        tracker = BrowserPlaybackTracker()
        tracker.played("a", 100)
        assert tracker.get_state() == NOTHING
        tracker.sent(audio("a", 100))
        tracker.on_interrupted()
        tracker.played("a", 50)
        assert tracker.get_state() == NOTHING
        tracker.sent(audio("b", 100, index=2))
        tracker.played("b", 50, content_index=2)
        assert tracker.get_state() == at("b", 50, 2)
