"""What each number may be. Ratios are to the reference, measured in the same run; the others are values of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import attrs

__all__ = ["BUDGETS", "OURS", "OURS_FAST", "REFERENCE", "Budget", "budget_for"]

OURS: Final = "trio_realtime"
OURS_FAST: Final = "trio_realtime, websockets"
REFERENCE: Final = "agents.realtime"


@attrs.frozen
class Budget:
    """A limit.

    Attributes:
        benchmark, case, metric, client: what it is about; case ``"*"`` is any.
        limit: the most that is allowed.
        of: a ratio to the reference, or the value itself; ``"least"`` is a value's least.
    """

    benchmark: str
    case: str
    metric: str
    client: str
    limit: float
    of: Literal["ratio", "value", "least"] = "ratio"

    def met(self, measured: float) -> bool:
        """Say whether a measured ratio or value is within the limit, as a table with two decimals would show it."""
        shown = round(measured, 2)
        return shown >= self.limit if self.of == "least" else shown <= self.limit

    def __str__(self) -> str:
        sign, unit = (">=" if self.of == "least" else "<="), (" x" if self.of == "ratio" else "")
        return f"{sign} {self.limit:g}{unit}"


def _both(
    benchmark: str, case: str, metric: str, limit: float, of: Literal["ratio", "value", "least"]
) -> Iterable[Budget]:
    return (Budget(benchmark, case, metric, client, limit, of) for client in (OURS, OURS_FAST))


_SEND: Final[Mapping[str, tuple[float, float]]] = {"960 B": (2.0, 1.2), "4.8 KB": (1.2, 0.8), "24 KB": (1.2, 0.8)}
_CAP_MB: Final = 16 + 20 * 1e6 / 2**20  # the default bound of delivery, and 20 MB

BUDGETS: Final = (
    Budget("receive", "mixed", "cpu_us_per_frame", OURS, 1.0),
    Budget("receive", "mixed", "cpu_us_per_frame", OURS_FAST, 0.5),
    *_both("receive", "*", "audio_lost", 0, "value"),
    *_both("growth", "*", "growth", 1.1, "value"),
    *(Budget("send", case, "cpu_us_per_call", OURS, slow) for case, (slow, _) in _SEND.items()),
    *(Budget("send", case, "cpu_us_per_call", OURS_FAST, fast) for case, (_, fast) in _SEND.items()),
    Budget("live", "*", "cpu_us_per_message", OURS, 1.4),
    Budget("live", "*", "cpu_us_per_message", OURS_FAST, 1.0),
    Budget("live", "*", "p99_ms", OURS_FAST, 1.0),
    *_both("interrupt", "*", "events_before", 0, "value"),
    *_both("interrupt", "*", "audio_after", 0, "value"),
    *_both("stall", "*", "peak_mb", round(_CAP_MB, 1), "value"),
    *_both("stall", "*", "pong_share", 1.0, "least"),
    *_both("import", "*", "import_s", 0.6, "value"),
    *_both("import", "*", "import_rss_mb", round(45e6 / 2**20, 1), "value"),
)


def budget_for(benchmark: str, case: str, metric: str, client: str) -> Budget | None:
    """Give the limit of a number; None if it has none."""
    for budget in BUDGETS:
        if (budget.benchmark, budget.metric, budget.client) == (benchmark, metric, client) and budget.case in (
            "*",
            case,
        ):
            return budget
    return None
