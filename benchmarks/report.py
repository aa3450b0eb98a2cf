"""From samples to rows, from rows to a table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from typing import Final

import attrs

from benchmarks.budgets import REFERENCE, budget_for
from benchmarks.plan import Benchmark, Metric
from benchmarks.runner import Sample
from benchmarks.spread import Spread, ratio_of, spread_of

__all__ = ["Row", "ceilings", "notes", "rows", "table", "verdicts"]

_BUSY: Final = 0.1  # of the time
_LATE_MS: Final = 50.0
_ENOUGH: Final = 2.0


@attrs.frozen(kw_only=True)
class Row:
    """A client's number, next to the reference's and to its budget.

    Attributes:
        benchmark, case, metric, client: what it is.
        value: over all rounds.
        ratio: to the reference; None where there is none, or it makes no sense.
        budget: in words, or empty.
        met: None where there is no budget, or no ratio to hold against it.
        digits: how many behind the point mean something.
    """

    benchmark: str
    case: str
    metric: str
    client: str
    value: Spread
    ratio: Spread | None
    budget: str
    met: bool | None
    digits: int


def rows(benchmark: Benchmark, samples: Sequence[Sample]) -> list[Row]:
    """Give a row for each case, metric and client that has a number."""
    found: list[Row] = []
    clients = list(dict.fromkeys(sample.client for sample in sorted(samples, key=lambda s: s.client != REFERENCE)))
    for case in benchmark.cases:
        for metric in benchmark.metrics:
            theirs = _values(samples, REFERENCE, case.name, metric)
            for client in clients:
                values = _values(samples, client, case.name, metric)
                value = spread_of(values)
                if value is None:
                    continue
                ratio = ratio_of(values, theirs) if metric.compared and client != REFERENCE else None
                found.append(_row(benchmark.name, case.name, metric, client=client, value=value, ratio=ratio))
    return found


def _row(benchmark: str, case: str, metric: Metric, *, client: str, value: Spread, ratio: Spread | None) -> Row:
    budget = budget_for(benchmark, case, metric.key, client)
    held = None
    if budget is not None:
        held = ratio.median if budget.of == "ratio" and ratio else None if budget.of == "ratio" else value.median
    return Row(
        benchmark=benchmark,
        case=case,
        metric=metric.label,
        client=client,
        value=value,
        ratio=ratio,
        budget="" if budget is None else str(budget),
        met=None if budget is None or held is None else budget.met(held),
        digits=metric.digits,
    )


def _values(samples: Iterable[Sample], client: str, case: str, metric: Metric) -> list[float]:
    """Give a client's numbers, in the order of the rounds."""
    found = [
        (sample.round, sample.numbers.get(metric.key))
        for sample in samples
        if sample.client == client and sample.case == case
    ]
    ordered = sorted(found, key=lambda pair: pair[0])
    return [float(value) for _, value in ordered if isinstance(value, int | float) and not isnan(value)]


def table(found: Sequence[Row]) -> str:
    """Give rows as text: what stands above is not repeated."""
    head = ("benchmark", "case", "number", "client", "median", "low .. high", "ratio", "low .. high", "budget", "")
    lines: list[tuple[str, ...]] = [head]
    above: tuple[str, ...] = ("", "", "")
    for row in found:
        names = (row.benchmark, row.case, row.metric)
        shared = next((i for i in range(3) if names[i] != above[i]), 3)
        above = names
        shown = tuple("" if i < shared else name for i, name in enumerate(names))
        verdict = "" if not row.budget else "no reference" if row.met is None else "met" if row.met else "OVER"
        lines.append((*shown, row.client, *_spread(row.value, row.digits), *_ratio(row.ratio), row.budget, verdict))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    right = {4, 5, 6, 7}
    text = [
        "  ".join(c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in text)


def _spread(value: Spread, digits: int) -> tuple[str, str]:
    low, high = f"{value.low:,.{digits}f}", f"{value.high:,.{digits}f}"
    return f"{value.median:,.{digits}f}", "" if low == high else f"{low} .. {high}"


def _ratio(ratio: Spread | None) -> tuple[str, str]:
    return ("", "") if ratio is None else _spread(ratio, 2)


def verdicts(found: Iterable[Row]) -> str:
    """Say in one line how many budgets are met."""
    held = [row.met for row in found if row.met is not None]
    over = held.count(False)
    if not held:
        return "No budget could be held against anything"
    return f"{len(held) - over} of {len(held)} budgets met" + (f", {over} over" if over else "")


def notes(samples: Sequence[Sample]) -> list[str]:
    """Say what makes numbers doubtful: errors, a busy machine, late microphones, missing turns."""
    found: list[str] = []
    for client in dict.fromkeys(sample.client for sample in samples):
        mine = [sample.numbers for sample in samples if sample.client == client]
        errors = sum(numbers.get("errors", 0) for numbers in mine)
        waited = [numbers["waited_share"] for numbers in mine if numbers.get("waited_share", 0.0) > _BUSY]
        late = max((numbers.get("late_ms", 0.0) for numbers in mine), default=0.0)
        left_out = sum(numbers.get("turns_left_out", 0) for numbers in mine)
        if errors:
            found.append(f"{client}: {errors} error events")
        if waited:
            often = f"{len(waited)} of {len(mine)} measurements"
            found.append(f"{client}: waited for a CPU, up to {max(waited):.0%} of the time, in {often}")
        if late > _LATE_MS:
            found.append(f"{client}: microphone up to {late:,.0f} ms late: it could not keep up")
        if left_out:
            found.append(f"{client}: {left_out} turns left out: it was not connected in time, or knows of no turns")
    return found


def ceilings(found: Sequence[Row], ceiling: str) -> list[str]:
    """Say how much faster than the fastest measured client the load generator is, by its client of bare sockets.

    Args:
        found: all rows.
        ceiling: the name of that client.
    """
    lines: list[str] = []
    for limit in found:
        if limit.client != ceiling or not limit.metric.endswith(" a second"):
            continue
        same = (limit.benchmark, limit.case, limit.metric)
        best = max(
            (row.value.median for row in found if (row.benchmark, row.case, row.metric) == same and row is not limit),
            default=0.0,
        )
        if best:
            times = limit.value.median / best
            lines.append(
                f"{limit.benchmark}, {limit.case}: {limit.value.median:,.0f} {limit.metric}, "
                f"{times:,.1f} times the fastest client" + ("" if times >= _ENOUGH else ": TOO SLOW to measure with")
            )
    return lines
