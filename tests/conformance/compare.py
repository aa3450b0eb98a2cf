"""The differences of two sides, and whether they are the ones that a scenario lists."""

from __future__ import annotations

import difflib
from typing import Any

import attrs
import yaml

from .normalise import Lines, normalise
from .play import Scenario, Seen, play

BUGS: tuple[str, ...] = ()
"""Scenarios that may list hunks with ``line: BUG``. It is to be empty."""

PROPOSED: tuple[str, ...] = ()
"""Lines that the README's table should have, and has not yet. It is to be empty."""

BUG = "BUG"


@attrs.frozen
class Hunk:
    """Lines of one trace that differ."""

    trace: str
    reference: tuple[str, ...]
    ours: tuple[str, ...]

    def listed(self, line: str = "?") -> dict[str, Any]:
        """Give it as an entry of ``differs``."""
        return {
            "line": line,
            "trace": self.trace,
            "reference": list(self.reference),
            "ours": list(self.ours),
        }


@attrs.frozen(kw_only=True)
class Result:
    """How a scenario came out.

    Attributes:
        name: the scenario.
        hunks: every difference.
        lines: the lines of the README that allow them, in order of appearance; ``BUG`` for a known fault.
        problems: what is wrong, in words; nothing if it passes.
    """

    name: str
    hunks: tuple[Hunk, ...]
    lines: tuple[str, ...]
    problems: tuple[str, ...]


def hunks(reference: Lines, ours: Lines) -> list[Hunk]:
    """Find the differences of all traces."""
    found: list[Hunk] = []
    for trace, there in reference.items():
        here = ours[trace]
        matcher = difflib.SequenceMatcher(None, there, here, autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag != "equal":
                found.append(Hunk(trace, tuple(there[a:b]), tuple(here[c:d])))
    return found


def shown(entries: list[dict[str, Any]]) -> str:
    """Give entries of ``differs`` as YAML."""
    return yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000)


def compare(scenario: Scenario, reference: Seen, ours: Seen) -> Result:
    """Compare two sides, and the differences with those that are listed."""
    found = hunks(normalise(scenario, reference), normalise(scenario, ours))
    listed = [
        Hunk(one["trace"], tuple(one.get("reference") or ()), tuple(one.get("ours") or ())) for one in scenario.differs
    ]
    problems = [f"a difference that is not listed:\n{shown([one.listed()])}" for one in _without(found, listed)]
    problems += [
        f"a listed difference that does not occur:\n{shown([one.listed()])}" for one in _without(listed, found)
    ]
    lines = list(dict.fromkeys(one["line"] for one in scenario.differs))
    if BUG in lines and scenario.name not in BUGS:
        problems.append("lists a BUG, and is not among those that may (compare.BUGS)")
    return Result(name=scenario.name, hunks=tuple(found), lines=tuple(lines), problems=tuple(problems))


def _without(some: list[Hunk], others: list[Hunk]) -> list[Hunk]:
    left = list(others)
    missing = []
    for one in some:
        if one in left:
            left.remove(one)
        else:
            missing.append(one)
    return missing


async def check(scenario: Scenario, reference: Any, ours: Any) -> Result:
    """Play a scenario on both sides and compare."""
    there = await play(scenario, reference)
    here = await play(scenario, ours)
    return compare(scenario, there, here)
