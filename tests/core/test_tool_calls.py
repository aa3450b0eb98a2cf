from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.core.tool_calls import ToolCallLedger
from trio_realtime.model_events import RealtimeModelToolCallEvent


def call(call_id, *, name="tool", arguments="{}", response="r1"):
    return RealtimeModelToolCallEvent(name=name, call_id=call_id, arguments=arguments, response_id=response)


def ledger_of(*call_ids, response="r1"):
    ledger = ToolCallLedger()
    for call_id in call_ids:
        assert ledger.admit(call(call_id, response=response)) == "run"
    return ledger


class TestAdmission:
    def test_a_call_is_run_once(self):
        ledger = ledger_of("a")
        assert ledger.admit(call("a")) == "repeated"
        ledger.response_ended("r1")
        ledger.answer("a", respond=True)
        assert ledger.admit(call("a")) == "repeated"

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ('{"a": 1, "b": [1, 2]}', '{"b":[1,2],"a":1}'),
            ("not json", "not json"),
            ('{"a": {"x": 1, "y": 2}}', '{"a": {"y": 2, "x": 1}}'),
            ("[" * 100_000, "[" * 100_000),
        ],
    )
    def test_equal_arguments_are_a_repetition(self, one, other):
        ledger = ToolCallLedger()
        assert ledger.admit(call("a", arguments=one)) == "run"
        assert ledger.admit(call("a", arguments=other)) == "repeated"
        assert ledger.running() == 1

    @pytest.mark.parametrize(
        "other", [{"arguments": '{"a": 2}'}, {"name": "other"}, {"arguments": "not json"}, {"arguments": '{"a": "1"}'}]
    )
    def test_another_call_under_the_same_id_is_a_conflict(self, other):
        ledger = ToolCallLedger()
        ledger.admit(call("a", arguments='{"a": 1}'))
        assert ledger.admit(call("a", **{"arguments": '{"a": 1}', **other})) == "conflict"
        assert ledger.running() == 1

    def test_a_call_without_an_id(self):
        ledger = ToolCallLedger()
        assert ledger.admit(call("")) == "nameless"
        assert ledger.running() == 0


class TestBatches:
    @pytest.mark.parametrize("order", list(itertools.permutations("abc")))
    def test_of_parallel_calls_the_last_answer_asks(self, order):
        ledger = ledger_of("a", "b", "c")
        ledger.response_ended("r1")
        assert [ledger.answer(call_id, respond=True) for call_id in order] == [False, False, True]
        assert ledger.running() == 0

    @pytest.mark.parametrize("wishes", list(itertools.product([True, False], repeat=3)))
    def test_one_that_wants_a_response_is_enough(self, wishes):
        ledger = ledger_of("a", "b", "c")
        ledger.response_ended("r1")
        asked = [ledger.answer(call_id, respond=wish) for call_id, wish in zip("abc", wishes, strict=True)]
        assert asked == [False, False, any(wishes)]

    def test_responses_do_not_wait_for_one_another(self):
        ledger = ledger_of("a")
        ledger.admit(call("b", response="r2"))
        ledger.response_ended("r1")
        ledger.response_ended("r2")
        assert ledger.answer("a", respond=True)
        assert ledger.answer("b", respond=True)

    @pytest.mark.parametrize("response", [None, ""])
    def test_a_call_without_a_response_is_a_batch_of_its_own(self, response):
        ledger = ledger_of("a", "b", response=response)
        assert ledger.answer("a", respond=True)
        assert ledger.answer("b", respond=True)

    def test_an_answer_counts_once(self):
        ledger = ledger_of("a")
        ledger.response_ended("r1")
        assert ledger.answer("a", respond=True)
        assert not ledger.answer("a", respond=True)
        assert not ledger.answer("never", respond=True)


class TestRunningResponses:
    def test_answers_before_the_end_do_not_ask_and_the_end_does(self):
        ledger = ledger_of("a", "b")
        assert not ledger.answer("a", respond=True)
        assert not ledger.answer("b", respond=False)
        assert ledger.response_ended("r1")
        assert not ledger.response_ended("r1")

    def test_where_no_answer_wanted_a_response_the_end_does_not_ask(self):
        ledger = ledger_of("a")
        assert not ledger.answer("a", respond=False)
        assert not ledger.response_ended("r1")

    def test_a_call_that_still_runs_at_the_end_asks(self):
        ledger = ledger_of("a", "b")
        assert not ledger.answer("a", respond=True)
        assert not ledger.response_ended("r1")
        assert ledger.answer("b", respond=False)

    def test_a_call_that_comes_after_the_others_answers_is_one_of_them(self):
        ledger = ledger_of("a")
        assert not ledger.answer("a", respond=True)
        ledger.admit(call("b"))
        assert not ledger.answer("b", respond=True)
        assert ledger.response_ended("r1")

    def test_calls_that_come_after_the_end(self):
        ledger = ToolCallLedger()
        assert not ledger.response_ended("r1")
        ledger.admit(call("a"))
        ledger.admit(call("b"))
        assert not ledger.answer("a", respond=True)
        assert ledger.answer("b", respond=True)


class TestApprovals:
    def test_a_call_that_waits_for_a_person_does_not_hold_up_the_others(self):
        ledger = ledger_of("a", "b")
        assert not ledger.suspend("a")
        ledger.response_ended("r1")
        assert ledger.answer("b", respond=True)
        assert ledger.running() == 1
        assert ledger.answer("a", respond=True)

    def test_two_of_them_answer_apart(self):
        ledger = ledger_of("a", "b")
        assert not ledger.suspend("a")
        assert not ledger.suspend("b")
        assert not ledger.response_ended("r1")
        assert ledger.answer("a", respond=True)
        assert ledger.answer("b", respond=True)

    def test_leaving_last_after_the_end_the_model_has_to_be_asked(self):
        ledger = ledger_of("a", "b")
        ledger.response_ended("r1")
        assert not ledger.answer("b", respond=True)
        assert ledger.suspend("a")
        assert not ledger.answer("a", respond=False)

    def test_leaving_last_before_the_end_it_is_asked_at_the_end(self):
        ledger = ledger_of("a", "b")
        assert not ledger.answer("b", respond=True)
        assert not ledger.suspend("a")
        assert ledger.response_ended("r1")
        assert not ledger.response_ended("r1")

    def test_or_by_a_later_call_of_the_response(self):
        ledger = ledger_of("a", "b")
        ledger.answer("b", respond=True)
        ledger.suspend("a")
        ledger.admit(call("c"))
        assert not ledger.response_ended("r1")
        assert ledger.answer("c", respond=False)

    def test_where_no_output_wanted_a_response_nobody_asks(self):
        ledger = ledger_of("a", "b")
        ledger.answer("b", respond=False)
        assert not ledger.suspend("a")
        assert not ledger.response_ended("r1")

    def test_again_or_of_an_unknown_call(self):
        ledger = ledger_of("a", response=None)
        assert not ledger.suspend("a")
        assert not ledger.suspend("never")
        assert ledger.answer("a", respond=True)
        assert not ledger.suspend("a")


class TestMemory:
    def test_what_is_done_is_forgotten(self):
        ledger = ToolCallLedger()
        for number in range(1000):
            response = f"r{number}"
            for name in ("a", "b", "c"):
                ledger.admit(call(f"{name}{number}", response=response))
            ledger.suspend(f"c{number}")
            ledger.response_ended(response)
            for name in ("a", "b", "c"):
                ledger.answer(f"{name}{number}", respond=True)
        assert ledger.running() == 0
        assert not ledger._batches
        assert not ledger._batch_of
        assert len(ledger._ended) <= 64


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["call", "answer", "suspend", "end"]), st.integers(0, 3), st.booleans()), max_size=40
    )
)
def test_each_response_is_asked_for_as_often_as_it_has_to_be(steps):
    """Answers of a batch ask once if one of them wants it; each suspended call asks for itself."""
    ledger = ToolCallLedger()
    open_: dict[str, str | None] = {}
    asked = suspended_wishes = 0
    wished: set[str] = set()
    count = 0
    ended: set[str] = set()

    def answer(call_id, wish):
        nonlocal asked, suspended_wishes
        response = open_.pop(call_id)
        asked += ledger.answer(call_id, respond=wish)
        if wish and response is None:
            suspended_wishes += 1
        elif wish and response is not None:
            wished.add(response)

    for step, which, wish in steps:
        response = f"r{which}"
        if step == "call" and response not in ended:
            count += 1
            ledger.admit(call(f"c{count}", response=response))
            open_[f"c{count}"] = response
        elif step == "answer" and open_:
            call_id = sorted(open_)[which % len(open_)]
            answer(call_id, wish)
        elif step == "suspend" and open_:
            call_id = sorted(open_)[which % len(open_)]
            asked += ledger.suspend(call_id)
            open_[call_id] = None
        elif step == "end" and response not in ended:
            ended.add(response)
            asked += ledger.response_ended(response)
    for response in ("r0", "r1", "r2", "r3"):
        if response not in ended:
            asked += ledger.response_ended(response)
    for call_id in sorted(open_):
        answer(call_id, True)
    assert asked == suspended_wishes + len(wished)
    assert ledger.running() == 0
    assert not ledger._batches


def test_a_call_of_another_session_is_known_and_not_open():
    ledger = ToolCallLedger()
    ledger.note_past("c1", "look", '{"a": 1}')
    assert ledger.open_calls() == ()
    assert (ledger.is_past("c1"), ledger.knows("c1"), ledger.is_past("c2")) == (True, False, False)
    assert ledger.admit(call("c1", name="look", arguments='{"a":1}')) == "repeated"
    assert ledger.admit(call("c1", name="look", arguments="{}")) == "conflict"
    assert ledger.admit(call("c2")) == "run"
    assert ledger.open_calls() == ("c2",)
    ledger.answer("c2", respond=True)
    assert ledger.open_calls() == ()
