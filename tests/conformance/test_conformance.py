"""Both libraries do the same in every scenario, but for the differences that it lists; see the package's text."""

from __future__ import annotations

import re

import pytest

from . import compare, normalise
from .mutations import MUTATIONS, PACKAGE, survivors
from .play import Scenario, load_all
from .reference import ROOT, reference_process
from .report import run_one

SCENARIOS = load_all()
README = normalise.readme_lines((ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reference():
    with reference_process() as process:
        yield process


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
async def test_scenario(scenario: Scenario, reference, monkeypatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = await run_one(scenario, reference)
    assert not result.problems, "\n".join(result.problems)


def test_every_line_is_in_the_readme():
    lines = {one["line"] for scenario in SCENARIOS for one in scenario.differs} - {compare.BUG}
    assert (lines | set(normalise.GLOBAL.values())) - {*compare.PROPOSED} <= {*README}


def test_every_scenario_has_a_title():
    for scenario in SCENARIOS:
        assert re.fullmatch(r"\S.*\.", scenario.data["title"]), scenario.name


def test_nothing_is_left_to_settle():
    assert (compare.BUGS, compare.PROPOSED) == ((), ())


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_mutation_still_fits(mutation):
    assert (PACKAGE / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1


@pytest.mark.slow
def test_no_mutation_survives():
    assert survivors() == []
