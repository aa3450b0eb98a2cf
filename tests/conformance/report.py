"""``python -m tests.conformance.report``: plays scenarios on both sides and prints how they compare.

Options: ``--only NAME`` (part of a scenario's name), ``--hunks`` (print the differences as they would be listed),
``--traces`` (print both sides' traces).
"""

from __future__ import annotations

import argparse
import sys
import traceback

import trio

from .compare import Result, check, shown
from .driver_ours import OursDriver
from .normalise import normalise
from .play import Scenario, load_all, play
from .reference import reference_process


def leaves(error: BaseException) -> list[BaseException]:
    """Give the errors in a group, or the one that is none."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for member in error.exceptions for leaf in leaves(member)]
    return [error]


async def run_one(scenario: Scenario, reference: object) -> Result:
    """Play one scenario on both sides."""
    async with trio.open_nursery() as nursery:
        try:
            return await check(scenario, reference, OursDriver(nursery))
        finally:
            nursery.cancel_scope.cancel()


async def _traces(scenario: Scenario, reference: object) -> None:
    async with trio.open_nursery() as nursery:
        for driver in (reference, OursDriver(nursery)):
            print(f"-- {scenario.name}, {driver.name}")  # type: ignore[attr-defined]
            for trace, lines in normalise(scenario, await play(scenario, driver)).items():
                for line in lines:
                    print(f"   {trace:7}{line}")
        nursery.cancel_scope.cancel()


def _line(result: Result) -> str:
    state = "FAILED" if result.problems else "differs" if result.lines else "same"
    return f"{result.name:50} {state:8} {'; '.join(result.lines)}"


async def _main(options: argparse.Namespace) -> int:
    failed = count = 0
    async with reference_process() as reference:
        for scenario in load_all():
            if options.only not in scenario.name:
                continue
            count += 1
            if options.traces:
                await _traces(scenario, reference)
            try:
                result = await run_one(scenario, reference)
            except Exception as error:
                failed += 1
                print(f"{scenario.name:50} FAILED")
                for leaf in leaves(error):
                    print("    " + "".join(traceback.format_exception(leaf, limit=-4)).replace("\n", "\n    "))
                continue
            failed += bool(result.problems)
            print(_line(result))
            if options.hunks and result.hunks:
                print(shown([hunk.listed() for hunk in result.hunks]))
            else:
                for problem in result.problems:
                    print("    " + problem.replace("\n", "\n    "))
    print(f"{count} scenarios, {failed} failed")
    return 1 if failed or not count else 0


def main() -> None:
    """Read the options, print the table, exit with 1 if anything fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a scenario's name")
    parser.add_argument("--hunks", action="store_true", help="print differences in the form in which they are listed")
    parser.add_argument("--traces", action="store_true", help="print both sides' traces")
    sys.exit(trio.run(_main, parser.parse_args()))


if __name__ == "__main__":
    main()
