from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.core.gate import Check, TranscriptGate


def feed(gate, *deltas, response="r", item="i", index=0):
    return [check.text for delta in deltas if (check := gate.add(response, item, index, delta)) is not None]


class TestSteps:
    def test_a_check_at_each_multiple(self):
        gate = TranscriptGate(10)
        checks = [gate.add("r", "i", 0, "x") for _ in range(35)]
        assert [number for number, check in enumerate(checks, 1) if check is not None] == [10, 20, 30]
        assert checks[9] == Check("r", "i", "x" * 10)

    def test_without_a_step_every_piece_is_checked(self):
        assert feed(TranscriptGate(0), "a", "b", "c") == ["a", "ab", "abc"]

    def test_a_big_step_is_one_check(self):
        assert feed(TranscriptGate(10), "x" * 57, "y", "z" * 2) == ["x" * 57, "x" * 57 + "yzz"]

    @pytest.mark.parametrize(("length", "checks"), [(9, 0), (10, 1), (11, 1)])
    def test_around_the_first_step(self, length, checks):
        assert len(feed(TranscriptGate(10), "x" * length)) == checks

    def test_items_and_responses_count_apart(self):
        gate = TranscriptGate(10)
        assert feed(gate, "x" * 6, item="a") == feed(gate, "x" * 6, item="b") == feed(gate, "x" * 6, response="s") == []
        assert feed(gate, "y" * 4, item="a") == ["xxxxxxyyyy"]

    def test_parts_of_an_item_are_one_text(self):
        gate = TranscriptGate(10)
        assert feed(gate, "second", index=1) == []
        assert feed(gate, "first ", index=0) == ["first second"]
        assert gate.finish("r") == []


class TestFinish:
    def test_a_short_reply(self):
        gate = TranscriptGate(100)
        feed(gate, "no")
        assert gate.finish("r") == [Check("r", "i", "no")]

    def test_the_tail(self):
        gate = TranscriptGate(10)
        feed(gate, "x" * 10, "tail")
        assert gate.finish("r") == [Check("r", "i", "x" * 10 + "tail")]

    def test_nothing_twice(self):
        gate = TranscriptGate(10)
        feed(gate, "x" * 10)
        assert gate.finish("r") == []
        assert gate.finish("r") == []

    def test_every_item_and_all_parts_of_it(self):
        gate = TranscriptGate(100)
        feed(gate, "one", item="a")
        feed(gate, "two", item="b")
        feed(gate, " more", item="a", index=1)
        assert gate.finish("r") == [Check("r", "a", "one more"), Check("r", "b", "two")]

    def test_no_words_no_check(self):
        gate = TranscriptGate(100)
        feed(gate, "")
        gate.replace("r", "i", 0, "")
        assert gate.finish("r") == []

    def test_a_dropped_response_needs_none(self):
        gate = TranscriptGate(100)
        feed(gate, "one")
        gate.forget("r")
        gate.forget("unknown")
        assert gate.finish("r") == []

    def test_responses_are_forgotten(self):
        gate = TranscriptGate(100)
        for number in range(100):
            feed(gate, "words", response=str(number))
            gate.finish(str(number))
        assert gate._texts == {}


class TestFinalWords:
    def test_as_they_came(self):
        gate = TranscriptGate(10)
        feed(gate, "x" * 10)
        gate.replace("r", "i", 0, "x" * 10)
        assert gate.finish("r") == []

    @pytest.mark.parametrize("final", ["y" * 10, "x", "x" * 11])
    def test_other_words_are_checked(self, final):
        gate = TranscriptGate(10)
        feed(gate, "x" * 10)
        gate.replace("r", "i", 0, final)
        assert gate.finish("r") == [Check("r", "i", final)]

    def test_without_any_delta(self):
        gate = TranscriptGate(10)
        gate.replace("r", "i", 0, "whole")
        assert gate.finish("r") == [Check("r", "i", "whole")]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 12),
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.text("xyz", max_size=15), st.booleans()), max_size=25
    ),
)
def test_every_word_is_checked_and_no_text_twice(debounce, steps):
    gate = TranscriptGate(debounce)
    texts: dict[str, dict[int, str]] = {}
    checks: dict[str, list[str]] = {"a": [], "b": []}

    def whole(item):
        return "".join(text for _, text in sorted(texts.get(item, {}).items()))

    for item, index, text, final in steps:
        parts = texts.setdefault(item, {})
        if final:
            if parts.get(index, "") != text:
                checks[item].clear()  # other words than those that were checked
            parts[index] = text
            gate.replace("r", item, index, text)
        else:
            before = len(whole(item))
            parts[index] = parts.get(index, "") + text
            check = gate.add("r", item, index, text)
            if len(whole(item)) // debounce > before // debounce:
                assert check is not None
            if check is not None:
                assert check.text == whole(item)
                checks[item].append(check.text)
    for check in gate.finish("r"):
        assert check.text == whole(check.item_id)
        checks[check.item_id].append(check.text)
    for item, seen in checks.items():
        assert len(set(map(len, seen))) == len(seen)
        if whole(item):
            assert seen
            assert len(seen[-1]) == len(whole(item))
            assert seen[-1] == whole(item)
