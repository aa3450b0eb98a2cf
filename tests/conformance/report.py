"""``python -m tests.conformance.report``: plays scenarios on both sides and prints how they compare.

Options: ``--only NAME`` (part of a scenario's name), ``--hunks`` (print the differences as they would be listed),
``--traces`` (print both sides' traces), ``--accept LINE`` (write what is not listed into the scenario's file, with that
line of the README's table or ``BUG``, and drop what does not occur; read what it wrote before you believe it).
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback

import trio

from .compare import Result, check, shown
from .driver_ours import OursDriver
from .normalise import normalise
from .play import SCENARIOS, Scenario, load_all, play
from .reference import Process, reference_driver, reference_process


def leaves(error: BaseException) -> list[BaseException]:
    """Give the errors in a group, or the one that is none."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for member in error.exceptions for leaf in leaves(member)]
    return [error]


async def run_one(scenario: Scenario, process: Process) -> Result:
    """Play one scenario on both sides."""
    async with reference_driver(process) as reference, trio.open_nursery() as nursery:
        try:
            return await check(scenario, reference, OursDriver(nursery))
        finally:
            nursery.cancel_scope.cancel()


async def _traces(scenario: Scenario, process: Process) -> None:
    async with reference_driver(process) as reference, trio.open_nursery() as nursery:
        for driver in (reference, OursDriver(nursery)):
            print(f"-- {scenario.name}, {driver.name}")
            for trace, lines in normalise(scenario, await play(scenario, driver)).items():
                for line in lines:
                    print(f"   {trace:7}{line}")
        nursery.cancel_scope.cancel()


def _line(result: Result) -> str:
    state = "FAILED" if result.problems else "differs" if result.lines else "same"
    return f"{result.name:50} {state:8} {'; '.join(result.lines)}"


def _accept(scenario: Scenario, result: Result, line: str) -> None:
    """Bring a scenario's ``differs`` up to date."""
    entries = []
    listed = list(scenario.differs)
    for hunk in result.hunks:
        known = next((one for one in listed if {**hunk.listed(), "line": one["line"]} == one), None)
        if known is not None:
            listed.remove(known)
        entries.append(known or hunk.listed(line))
    path = SCENARIOS / f"{scenario.name}.yaml"
    head = path.read_text(encoding="utf-8").split("\ndiffers:", 1)[0].rstrip("\n") + "\n"
    path.write_text(head + ("differs:\n" + shown(entries) if entries else ""), encoding="utf-8")


async def _main(options: argparse.Namespace) -> int:
    os.environ.pop("OPENAI_API_KEY", None)  # as the reference's process has it
    failed = count = 0
    scenarios = load_all()
    with reference_process() as process:
        for scenario in scenarios:
            if failed and options.until_failure:
                break
            if options.only not in scenario.name:
                continue
            count += 1
            if options.traces:
                await _traces(scenario, process)
            try:
                result = await run_one(scenario, process)
            except Exception as error:  # noqa: BLE001
                failed += 1
                print(f"{scenario.name:50} FAILED")
                for leaf in leaves(error):
                    print("    " + "".join(traceback.format_exception(leaf, limit=-4)).replace("\n", "\n    "))
                continue
            failed += bool(result.problems)
            if options.accept:
                _accept(scenario, result, options.accept)
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
    parser.add_argument("--accept", metavar="LINE", help="list what is not listed yet, with this line")
    parser.add_argument("--until-failure", action="store_true", help="stop at the first failure")
    sys.exit(trio.run(_main, parser.parse_args()))


if __name__ == "__main__":
    main()
