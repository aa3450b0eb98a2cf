from __future__ import annotations

from trio_realtime._growing import GrowingText


def test_each_moment_keeps_its_text():
    first = GrowingText("a")
    second = first.plus("b")
    third = second.plus("c")
    assert [str(first), str(second), str(third)] == ["a", "ab", "abc"]
    assert [len(first), len(second), len(third)] == [1, 2, 3]


def test_two_texts_can_grow_out_of_one():
    stem = GrowingText("a")
    assert (stem.plus("b"), stem.plus("c")) == ("ab", "ac")


def test_pieces_are_shared():
    text = GrowingText()
    grown = text.plus("x")
    assert grown._pieces is text._pieces


def test_it_compares_as_text():
    assert GrowingText("a") == "a"
    assert GrowingText("a").plus("b") == GrowingText("ab")
    assert GrowingText("a") != 3
    assert hash(GrowingText("a")) == hash("a")
    assert repr(GrowingText("a")) == "'a'"
