"""Rows, budgets and tables."""

from __future__ import annotations

from benchmarks.budgets import BUDGETS, OURS, OURS_FAST, REFERENCE, budget_for
from benchmarks.clients import BARE
from benchmarks.plan import NAMES, plan
from benchmarks.report import ceilings, notes, rows, table, verdicts
from benchmarks.runner import Sample

RECEIVE = plan("receive", quick=True)


def samples(ours, theirs, metric="cpu_us_per_frame"):
    found = [Sample(i, OURS, "mixed", {metric: value}) for i, value in enumerate(ours)]
    return found + [Sample(i, REFERENCE, "mixed", {metric: value}) for i, value in enumerate(theirs)]


def test_every_budget_is_about_something_that_is_measured():
    for budget in BUDGETS:
        benchmark = plan(budget.benchmark, quick=False)
        assert budget.metric in {metric.key for metric in benchmark.metrics}
        assert budget.case == "*" or budget.case in {case.name for case in benchmark.cases}


def test_every_chart_shows_something():
    for name in NAMES:
        assert plan(name, quick=False).charts
        assert plan(name, quick=True).name == name


def test_a_ratio_within_its_budget():
    [reference, ours] = rows(RECEIVE, samples([25.0, 27.0, 26.0], [50.0, 52.0, 54.0]))
    assert reference.client == REFERENCE
    assert reference.ratio is None
    assert ours.ratio.median == 0.5
    assert (ours.budget, ours.met) == ("<= 1 x", True)


def test_a_ratio_over_its_budget():
    found = rows(RECEIVE, samples([60.0], [50.0]))
    assert found[-1].met is False
    assert verdicts(found) == "0 of 1 budgets met, 1 over"
    assert "OVER" in table(found)


def test_without_the_reference_there_is_no_verdict():
    [ours] = rows(RECEIVE, samples([60.0], []))
    assert ours.met is None
    assert "no reference" in table([ours])
    assert verdicts([ours]).startswith("No budget")


def test_budgets_of_values_need_no_reference():
    [ours] = rows(plan("growth", quick=True), [Sample(0, OURS_FAST, "500 turns", {"growth": 1.04})])
    assert ours.met is True


def test_a_budget_that_is_a_least():
    budget = budget_for("stall", "10 minutes of audio", "pong_share", OURS)
    assert budget.met(1.0)
    assert not budget.met(0.98)


def test_missing_numbers_and_those_that_are_none_are_left_out():
    assert rows(RECEIVE, samples([None, float("nan")], [])) == []


def test_a_table_does_not_repeat_what_stands_above():
    text = table(rows(RECEIVE, samples([25.0], [50.0])))
    assert text.count("receive") == 1
    assert [line.split()[0] for line in text.splitlines()][2:] == ["receive", "trio_realtime"]


def test_what_makes_numbers_doubtful():
    busy = Sample(0, OURS, "50 calls", {"waited_share": 0.4, "late_ms": 250.0, "errors": 2})
    fine = Sample(0, REFERENCE, "50 calls", {"waited_share": 0.01, "late_ms": 0.0, "errors": 0})
    found = notes([busy, fine])
    assert len(found) == 3
    assert all(note.startswith(f"{OURS}: ") for note in found)


def test_missing_turns_are_noted():
    fine = Sample(0, REFERENCE, "mixed", {"turns_left_out": 0})
    [note] = notes([*(Sample(i, OURS, "mixed", {"turns_left_out": 1}) for i in range(2)), fine])
    assert note.startswith(f"{OURS}: 2 turns left out")


def test_the_ceiling_is_held_against_the_fastest_client():
    found = [
        Sample(0, name, "mixed", {"frames_per_s": value})
        for name, value in ((OURS, 10_000), (REFERENCE, 20_000), (BARE, 100_000))
    ]
    [line] = ceilings(rows(RECEIVE, found), BARE)
    assert "5.0 times the fastest client" in line
    [line] = ceilings(rows(RECEIVE, [*found[:2], Sample(0, BARE, "mixed", {"frames_per_s": 30_000})]), BARE)
    assert line.endswith("TOO SLOW to measure with")
