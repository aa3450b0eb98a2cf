"""Runs the measured programs against the load generator, in alternating rounds, and collects their numbers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import attrs

from benchmarks.clients import BARE, Client, ClientFailed
from benchmarks.plan import Benchmark, Case
from benchmarks.process import apart

__all__ = ["LoadGenerator", "Sample", "load_generator", "measure"]

_ROOT: Final = Path(__file__).resolve().parent.parent
_STARTS: Final = 3.0  # seconds until a client's process connects, at most
_CONNECTS: Final = 0.015  # seconds for each connection
_LEAVES: Final = 60.0  # seconds to disconnect, at most
_PAUSE: Final = 0.2  # seconds between two turns, in which the last audio is delivered


@attrs.frozen
class Sample:
    """What one client gave for one case in one round."""

    round: int
    client: str
    case: str
    numbers: Mapping[str, Any]


@attrs.frozen
class LoadGenerator:
    """The load generator's process, where it listens."""

    port: int

    def url(self, script: Mapping[str, str], id: str) -> str:
        """Give the URL of a script; ``id`` tells this connection's counters from others'."""
        return f"ws://127.0.0.1:{self.port}/v1/realtime?{urlencode({**script, 'id': id})}"

    def stats(self, id: str) -> dict[str, Any]:
        """Give what the load generator has counted of a connection, and its own CPU time."""
        address = f"http://127.0.0.1:{self.port}/stats?{urlencode({'id': id})}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=30) as answer:
            stats: dict[str, Any] = json.load(answer)
        return stats


@contextmanager
def load_generator() -> Generator[LoadGenerator, None, None]:
    """Run the load generator for the length of a block."""
    command = [sys.executable, "-m", "benchmarks.server", "--port", "0", "--until-eof"]
    with apart("generator"):
        started = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with started as process:
        assert process.stdout is not None
        try:
            yield LoadGenerator(json.loads(process.stdout.readline())["port"])
        finally:
            process.terminate()


def measure(
    benchmark: Benchmark, clients: Sequence[Client], rounds: int, say: Callable[[str], None]
) -> tuple[list[Sample], list[str]]:
    """Measure a benchmark.

    Args:
        benchmark: what to measure.
        clients: with whom; they take turns, and another one begins each round.
        rounds: how often.
        say: is told what goes on.

    Returns:
        the samples, and what went wrong, in words.
    """
    samples: list[Sample] = []
    failures: list[str] = []
    able = [client for client in clients if benchmark.bare or client.name != BARE]
    if benchmark.name == "import":
        able = [client for client in able if client.imports]
        for client in able:
            client.measure_import()  # so that the byte code is there
    with load_generator() as generator:
        for number in range(min(rounds, benchmark.most_rounds)):
            first = number % len(able) if able else 0
            groups = [list(benchmark.cases)] if benchmark.together else [[case] for case in benchmark.cases]
            for cases in groups:
                what, order = f"{benchmark.name}, round {number + 1}, {_names(cases)}", able[first:] + able[:first]
                say(what)
                if benchmark.turns:
                    runs = _at_once(generator, order, cases[0], benchmark.turns, number)
                else:
                    runs = _one_after_another(generator, order, cases, number, say)
                for found in runs:
                    if isinstance(found, ClientFailed):
                        failures.append(str(found))
                    else:
                        samples += found
    return samples, failures


_Outcome: TypeAlias = "list[Sample] | ClientFailed"


def _one_after_another(
    generator: LoadGenerator,
    clients: Sequence[Client],
    cases: Sequence[Case],
    number: int,
    say: Callable[[str], None],
) -> Generator[_Outcome, None, None]:
    """Run one client after another for the same cases, so that a slow minute hits all of them."""
    for client in clients:
        say(f"  {client.name}")
        yield _outcome(generator, client, cases, number)


def _at_once(
    generator: LoadGenerator, clients: Sequence[Client], case: Case, turns: int, number: int
) -> Generator[_Outcome, None, None]:
    """Run all clients at once; each is active when the others rest, for a moment and again.

    Every second time in the reverse order, so that nobody comes behind the same other always.
    """
    count, length = len(clients), case.given["warm_seconds"] + case.given["seconds"] + _PAUSE
    begins = time.monotonic() + _STARTS + _CONNECTS * case.given["sessions"] * count
    ends = begins + turns * count * length
    timeout = ends + _LEAVES - time.monotonic()
    with ThreadPoolExecutor(max(1, count)) as threads:
        runs: list[Future[_Outcome]] = []
        for place, client in enumerate(clients):
            places = [again * count + (count - 1 - place if again % 2 else place) for again in range(turns)]
            mine = {"turns": [begins + at * length for at in places], "ends": ends}
            cases = [attrs.evolve(case, given={**case.given, **mine})]
            runs.append(threads.submit(_outcome, generator, client, cases, number, timeout))
        for run in runs:
            found = run.result()
            yield found if isinstance(found, ClientFailed) else [_of_turns(sample, turns) for sample in found]


def _of_turns(sample: Sample, turns: int) -> Sample:
    """Say how many turns a client has missed; what the load generator has spent meanwhile, it did for all clients."""
    numbers = {**sample.numbers, "turns_left_out": turns - sample.numbers.get("turns", 0)}
    del numbers["server_cpu_s"]
    return attrs.evolve(sample, numbers=numbers)


def _outcome(
    generator: LoadGenerator, client: Client, cases: Sequence[Case], number: int, timeout: float | None = None
) -> _Outcome:
    try:
        return _run(generator, client, cases, number, timeout)
    except ClientFailed as failure:
        return failure


def _names(cases: Sequence[Case]) -> str:
    return ", ".join(case.name for case in cases)


def _run(
    generator: LoadGenerator, client: Client, cases: Sequence[Case], number: int, timeout: float | None = None
) -> list[Sample]:
    """Run one process of a client, for one or more cases."""
    if cases[0].workload == "import":
        return [Sample(number, client.name, cases[0].name, client.measure_import())]
    ids = [f"{number}/{client.name}/{case.name}" for case in cases]
    requests = [
        {
            "workload": case.workload,
            "url": generator.url(case.script, name),
            **case.given,
            **{key: generator.url(script, "") for key, script in case.urls.items()},
        }
        for case, name in zip(cases, ids, strict=True)
    ]
    cpu = generator.stats("")["server_cpu_s"]
    results = client.run(requests) if timeout is None else client.run(requests, timeout)
    cpu = generator.stats("")["server_cpu_s"] - cpu
    return [
        Sample(number, client.name, case.name, _completed(numbers, generator.stats(name), cpu))
        for case, name, numbers in zip(cases, ids, results, strict=True)
    ]


def _completed(numbers: Mapping[str, Any], counted: Mapping[str, Any], server_cpu: float) -> dict[str, Any]:
    """Add what is known from the numbers, and from the load generator."""
    whole = {**numbers, "server_cpu_s": server_cpu}
    if counted.get("pings"):
        whole["pong_share"] = counted["pongs"] / counted["pings"]
        whole["pong_ms"] = counted["pong_ms"]
    parts = numbers.get("cpu_us_per_turn")
    if parts:
        whole["first"], whole["last"] = parts[0], parts[-1]
        whole["rss_last"] = numbers["rss_mb"][-1]
    return whole
