"""``python -m benchmarks``: measures, prints the table, and writes numbers and charts."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.chart import Panel, svg
from benchmarks.clients import BARE, Client, ClientFailed, known_clients
from benchmarks.plan import NAMES, Benchmark, Chart, plan
from benchmarks.report import Row, ceilings, notes, rows, table, verdicts
from benchmarks.runner import Sample, measure
from benchmarks.spread import spread_of

RESULTS: Final = Path(__file__).resolve().parent / "results"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure trio_realtime.")
    parser.add_argument("--quick", action="store_true", help="less of everything, one round: under two minutes")
    parser.add_argument("--only", metavar="NAME", action="append", choices=NAMES, help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, help="how often each is measured (5; quick: 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where numbers and charts are written")
    parser.add_argument("--reference-python", metavar="PATH", help="the interpreter that has the reference")
    parser.add_argument("--without", metavar="CLIENT", action="append", default=[], help="leave a client out")
    parser.add_argument(
        "--client",
        metavar="NAME=COMMAND",
        action="append",
        default=[],
        help="measure a program of your own as well; it takes requests as benchmarks/client.py says",
    )
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _clients(options: argparse.Namespace) -> tuple[list[Client], dict[str, dict[str, str]], list[str]]:
    """Give the clients that can run here, the versions of what they measure, and which cannot, and why."""
    clients = [client for client in known_clients(options.reference_python) if client.name not in options.without]
    for given in options.client:
        name, _, command = given.partition("=")
        clients.append(Client(name=name, command=shlex.split(command)))
    able: list[Client] = []
    skipped: list[str] = []
    versions: dict[str, dict[str, str]] = {}
    for client in clients:
        try:
            versions[client.name] = client.check()
        except ClientFailed as failure:
            skipped.append(f"{client.name}: {str(failure).splitlines()[-1].removeprefix(client.name + ': ')}")
            _say(f"skipped {skipped[-1]}")
        else:
            able.append(client)
    return able, versions, skipped


def _chart(benchmark: Benchmark, samples: Sequence[Sample]) -> str:
    """Draw a benchmark's chart."""
    names = list(dict.fromkeys(sample.client for sample in samples))
    panels: list[Panel] = []
    for chart in benchmark.charts:
        if chart.kind == "parts":
            series = {name: _parts(samples, name, chart) for name in names}
            places = [str(part + 1) for part in range(max(map(len, series.values()), default=0))]
        else:
            series = {name: [_median(samples, name, case.name, chart) for case in benchmark.cases] for name in names}
            places = [case.name for case in benchmark.cases]
        series = {name: values for name, values in series.items() if any(value is not None for value in values)}
        panels.append(
            Panel(
                title=chart.title,
                kind="bars" if chart.kind == "bars" else "lines",
                places=places,
                series=series,
                log=chart.log,
            )
        )
    return svg(benchmark.title, panels)


def _median(samples: Sequence[Sample], client: str, case: str, chart: Chart) -> float | None:
    values = [s.numbers.get(chart.metric) for s in samples if s.client == client and s.case == case]
    found = spread_of([value for value in values if isinstance(value, int | float)])
    return None if found is None else found.median


def _parts(samples: Sequence[Sample], client: str, chart: Chart) -> list[float | None]:
    """Give the medians of a metric that is a list, place by place."""
    values = [sample.numbers.get(chart.metric) for sample in samples if sample.client == client]
    lists = [value for value in values if isinstance(value, list)]
    medians = (spread_of(part) for part in zip(*lists, strict=True))
    return [None if found is None else found.median for found in medians]


def _write(
    folder: Path, benchmark: Benchmark, samples: Sequence[Sample], found: Sequence[Row], about: Mapping[str, Any]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    value = {
        "benchmark": benchmark.name,
        "title": benchmark.title,
        **about,
        "cases": {case.name: {**case.script, **case.given} for case in benchmark.cases},
        "rows": [attrs.asdict(row) for row in found],
        "samples": [attrs.asdict(sample) for sample in samples],
    }
    (folder / f"{benchmark.name}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    (folder / f"{benchmark.name}.svg").write_text(_chart(benchmark, samples), encoding="utf-8")


def main() -> int:
    """Run what was asked for. Gives the exit status: 1 where a measured program failed."""
    options = _arguments()
    began = time.monotonic()
    clients, versions, skipped = _clients(options)
    rounds = options.rounds or (1 if options.quick else 5)
    about = {"quick": options.quick, "python": platform.python_version(), "cpus": os.cpu_count(), "versions": versions}
    everything: list[Row] = []
    doubts: list[str] = []
    failures: list[str] = []
    for name in options.only or NAMES:
        benchmark = plan(name, quick=options.quick)
        samples, failed = measure(benchmark, clients, rounds, _say)
        found = rows(benchmark, samples)
        _write(options.results, benchmark, samples, found, about)
        everything += found
        failures += failed
        doubts += [f"{name}, {note}" for note in notes(samples)]
    print(table(everything))
    print(f"\n{verdicts(everything)}; {time.monotonic() - began:.0f} s")
    limits = ceilings(everything, BARE)
    remarks = {"The load generator's ceiling": limits, "Doubtful": doubts, "Skipped": skipped, "Failed": failures}
    for title, lines in remarks.items():
        if lines:
            print(f"\n{title}:", *lines, sep="\n  ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
