"""What the measured programs have in common: they take requests as JSON and print their numbers as one JSON line.

A request is a dict: ``workload`` names one of workloads.WORKLOADS, ``url`` is where to connect, all else are the
workload's own parameters. ``wall_s`` and ``waited_share`` are added to each result: how long it took, and in what
share of that time the process could have run but the machine was busy with others. Garbage collection is as every
program has it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.process import waited_seconds

__all__ = ["main"]


def main(
    run: Callable[[str, Mapping[str, Any]], dict[str, Any]], check: Callable[[], dict[str, str]], prog: str
) -> None:
    """Be a measured program.

    Args:
        run: does one workload of the given name, in an event loop of its own, and gives its numbers.
        check: gives versions, or raises what is missing.
        prog: how the program is called.
    """
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("request", nargs="*", help="requests, each a JSON object")
    parser.add_argument("--check", action="store_true", help="say whether this can run here, and which versions")
    options = parser.parse_args()
    if options.check:
        try:
            print(json.dumps({"versions": check()}))
        except Exception as error:  # noqa: BLE001 - whatever is missing is what is asked for
            print(json.dumps({"missing": f"{type(error).__name__}: {error}"}))
        return
    results: list[dict[str, Any]] = []
    for text in options.request:
        request = json.loads(text)
        waited, clock = waited_seconds(), time.perf_counter()
        numbers = run(request.pop("workload"), request)
        waited, clock = waited_seconds() - waited, time.perf_counter() - clock
        results.append({"wall_s": clock, "waited_share": waited / clock, **numbers})
    json.dump(results, sys.stdout)
    print()
