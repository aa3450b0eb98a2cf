"""The statistics of the tables."""

from __future__ import annotations

from math import isnan

import pytest

from benchmarks.spread import Spread, percentile, ratio_of, spread_of


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (25, 1), (26, 2), (50, 2), (51, 3), (99, 4), (99.9, 4), (100, 4)]
)
def test_percentile_is_the_nearest_rank(percent, expected):
    assert percentile([1, 2, 3, 4], percent) == expected


def test_percentile_of_a_hundred_values():
    values = list(range(1, 101))
    assert [percentile(values, p) for p in (50, 99, 99.9)] == [50, 99, 100]


def test_percentile_of_nothing_is_no_number():
    assert isnan(percentile([], 50))


def test_spread():
    assert spread_of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread_of([4.0, 1.0]) == Spread(2.5, 1.0, 4.0)
    assert spread_of([]) is None


def test_a_ratio_is_that_of_the_medians_and_its_range_that_of_the_rounds():
    assert ratio_of([2.0, 4.0, 3.0], [1.0, 1.0, 2.0]) == Spread(3.0, 1.5, 4.0)


@pytest.mark.parametrize(("ours", "theirs"), [([], [1.0]), ([1.0], []), ([1.0], [0.0])])
def test_no_ratio(ours, theirs):
    assert ratio_of(ours, theirs) is None
