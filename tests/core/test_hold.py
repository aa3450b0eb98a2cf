from __future__ import annotations

import itertools
from math import inf

from trio_realtime.core.hold import AudioHold


def make(longest=None):
    numbers = itertools.count(1)
    return AudioHold(longest, lambda: next(numbers))


def test_a_passage_waits_for_text_after_it():
    hold = make()
    hold.words(0.0)
    hold.audio()
    hold.audio()
    assert hold.passed(hold.ask()) == []  # no text has come since
    hold.words(1.0)
    place = hold.ask()
    hold.audio()
    hold.words(2.0)
    assert hold.passed(place) == [1]
    assert hold
    assert hold.passed(hold.ask()) == [2]
    assert not hold


def test_the_final_check_lets_everything_go():
    hold = make()
    hold.audio()
    hold.words(0.0)
    hold.audio()
    assert hold.drop() == [1, 2]
    hold.audio()
    assert hold.drop() == [3]


def test_without_a_longest_hold_there_is_no_deadline():
    hold = make()
    hold.audio()
    hold.words(0.0)
    assert (hold.due_at(), hold.expires_at()) == (inf, inf)


def test_deadlines_run_from_the_text():
    hold = make(2.0)
    hold.audio()
    assert (hold.due_at(), hold.expires_at()) == (inf, inf)  # its text is not there
    hold.words(10.0)
    assert (hold.due_at(), hold.expires_at()) == (11.0, 12.0)
    place = hold.ask()
    assert (hold.due_at(), hold.expires_at()) == (inf, 12.0)
    hold.audio()
    hold.words(11.5)
    assert (hold.due_at(), hold.expires_at()) == (12.5, 12.0)
    assert hold.passed(place) == [1]
    assert (hold.due_at(), hold.expires_at()) == (12.5, 13.5)
