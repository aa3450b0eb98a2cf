"""The few statistics that the tables need. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, nan
from typing import NamedTuple

__all__ = ["Spread", "percentile", "ratio_of", "spread_of"]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Give the smallest of the values that ``percent`` of them do not exceed (nearest rank); NaN for none.

    Args:
        ordered: the values, smallest first.
        percent: 0 to 100.
    """
    if not ordered:
        return nan
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


class Spread(NamedTuple):
    """The median of some values, the lowest and the highest of them."""

    median: float
    low: float
    high: float


def spread_of(values: Sequence[float]) -> Spread | None:
    """Give the spread of the values; None for no values. The median of an even number is the mean of the middle two."""
    if not values:
        return None
    ordered = sorted(values)
    half = len(ordered) // 2
    median = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return Spread(median, ordered[0], ordered[-1])


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> Spread | None:
    """Give the ratio of the medians, and the lowest and the highest ratio of two values of the same round.

    None where a side has no values, or the other's median is zero.
    """
    mine, other = spread_of(ours), spread_of(theirs)
    if mine is None or other is None or not other.median:
        return None
    pairs = [a / b for a, b in zip(ours, theirs, strict=False) if b]
    return Spread(mine.median / other.median, min(pairs), max(pairs))
