"""What is measured, with which parameters, quick and in full. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from benchmarks.frames import STREAMS, block, response_stream

__all__ = ["NAMES", "Benchmark", "Case", "Chart", "Metric", "plan"]


@attrs.frozen(kw_only=True)
class Case:
    """One way to measure something.

    Attributes:
        name: tells it from the other cases of its benchmark.
        workload: of workloads.WORKLOADS.
        script: the query of the URL: which script of the load generator, and its parameters.
        given: the workload's parameters.
        urls: more URLs that the workload wants, by the names of their parameters.
    """

    name: str
    workload: str
    script: Mapping[str, str]
    given: Mapping[str, Any]
    urls: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict[str, Mapping[str, str]])


@attrs.frozen
class Metric:
    """A number of the results: its key, what it is called in tables, and how many digits of it mean something."""

    key: str
    label: str
    digits: int = 1
    compared: bool = True


@attrs.frozen
class Chart:
    """A panel of a benchmark's chart: bars or lines of a metric; ``x`` gives the places of a list's values."""

    kind: Literal["bars", "lines", "parts"]
    metric: str
    title: str
    log: bool = False


@attrs.frozen(kw_only=True)
class Benchmark:
    """What belongs together in a table and a chart.

    Attributes:
        name: for the command line and the files of results.
        title: for people.
        cases: measured in this order.
        metrics: shown in the table, in this order.
        charts: the panels of its chart.
        together: all cases in one process, one after another; else each has a process of its own.
        turns: the clients run at once, and each is active for a moment in turn, so many times a round; 0: one after
            another.
        most_rounds: fewer rounds than asked for, where a round is long and the numbers hardly differ.
        bare: the client of bare sockets can do it.
    """

    name: str
    title: str
    cases: Sequence[Case]
    metrics: Sequence[Metric]
    charts: Sequence[Chart] = ()
    together: bool = False
    turns: int = 0
    most_rounds: int = 100
    bare: bool = False


def _receive(*, quick: bool) -> Benchmark:
    sessions = {"mixed": 2, "300 B": 2, "20 KB": 1} if quick else {"mixed": 10, "300 B": 15, "20 KB": 5}
    count = 30
    cases: list[Case] = []
    for name, number in sessions.items():
        payloads = response_stream(name)
        given = {
            "sessions": number,
            "warm_answers": 5,
            "answers": count,
            "frames": count * len(payloads),
            "bytes": count * len(block(payloads)),
            "audio_frames": count * sum(size > 0 for size in STREAMS[name]),
        }
        script = {"script": "receive", "stream": name, "batches": f"5,{count}"}
        cases.append(Case(name=name, workload="receive", script=script, given=given))
    return Benchmark(
        name="receive",
        title="From the socket to the application",
        cases=cases,
        metrics=[
            Metric("cpu_us_per_frame", "CPU a frame, µs"),
            Metric("frames_per_s", "frames a second", 0, compared=False),
            Metric("audio_lost", "audio events lost", 0, compared=False),
        ],
        charts=[Chart("bars", "cpu_us_per_frame", "CPU of the client for each frame, µs")],
        together=True,
        bare=True,
    )


def _growth(*, quick: bool) -> Benchmark:
    turns = 50 if quick else 300
    case = Case(
        name=f"{10 * turns:,} turns",
        workload="growth",
        script={"script": "turns", "turns": str(turns)},
        given={"parts": 10, "turns": turns, "warm_turns": 50},
        urls={"warm_url": {"script": "turns", "turns": "50"}},
    )
    return Benchmark(
        name="growth",
        title="The cost of a turn as the conversation grows",
        cases=[case],
        metrics=[
            Metric("growth", "last tenth / first tenth", 2),
            Metric("first", "CPU a turn, first tenth, µs", 0),
            Metric("last", "CPU a turn, last tenth, µs", 0),
        ],
        charts=[Chart("parts", "cpu_us_per_turn", "CPU of the client for each turn, µs, by tenths")],
    )


def _history(*, quick: bool) -> Benchmark:
    turns = 30 if quick else 1000
    case = Case(
        name=f"{10 * turns:,} turns",
        workload="growth",
        script={"script": "turns", "turns": str(turns)},
        given={"parts": 10, "turns": turns, "warm_turns": 50, "memory": True},
        urls={"warm_url": {"script": "turns", "turns": "50"}},
    )
    return Benchmark(
        name="history",
        title="Memory of a long conversation",
        cases=[case],
        metrics=[Metric("bytes_per_turn", "memory a turn, bytes", 0), Metric("rss_last", "RSS at the end, MiB")],
        charts=[Chart("parts", "rss_mb", "Memory (RSS), MiB, by tenths")],
        most_rounds=1,
    )


def _send(*, quick: bool) -> Benchmark:
    calls = {960: 20_000, 4_800: 10_000, 24_000: 4_000}
    labels = {960: "960 B", 4_800: "4.8 KB", 24_000: "24 KB"}
    return Benchmark(
        name="send",
        title="send_audio",
        cases=[
            Case(
                name=labels[size],
                workload="send",
                script={"script": "silent"},
                given={"size": size, "calls": count // 10 if quick else count},
            )
            for size, count in calls.items()
        ],
        metrics=[
            Metric("cpu_us_per_call", "CPU a call, µs"),
            Metric("calls_per_s", "calls a second", 0, compared=False),
        ],
        charts=[Chart("bars", "cpu_us_per_call", "CPU of the client for each call, µs")],
        together=True,
        bare=True,
    )


def _live(*, quick: bool) -> Benchmark:
    numbers = (25, 50) if quick else (25, 50, 100, 200)
    warm, seconds = 0.4, 0.9
    return Benchmark(
        name="live",
        title="Live calls: 15 events a second in, 50 x 20 ms of audio a second out, each",
        cases=[
            Case(
                name=f"{number} calls",
                workload="live",
                script={"script": "live", "rate": "15", "lasts": str(warm + seconds)},
                given={"sessions": number, "warm_seconds": warm, "seconds": seconds},
            )
            for number in numbers
        ],
        metrics=[
            Metric("cpu_us_per_message", "CPU a message, in or out, µs"),
            Metric("core_share", "CPU, share of a core", 2, compared=False),
            Metric("p50_ms", "latency p50, ms", 2),
            Metric("p99_ms", "latency p99, ms", 2),
            Metric("p999_ms", "latency p99.9, ms", 2),
            Metric("gc_ms", "a full pass of the garbage collector, ms of CPU", 0),
            Metric("sends_per_session_s", "sent a second and call", compared=False),
        ],
        charts=[
            Chart("lines", "core_share", "CPU of the client, share of a core"),
            Chart("lines", "p50_ms", "Latency, median, ms", log=True),
            Chart("lines", "p99_ms", "Latency, p99, ms", log=True),
        ],
        turns=2 if quick else 6,
        bare=True,
    )


def _interrupt(*, quick: bool) -> Benchmark:
    _ = quick
    script = {"script": "interrupt", "frames": "510", "after": "0.7", "late": "20"}
    return Benchmark(
        name="interrupt",
        title="An interruption with 500 pieces of audio undelivered",
        cases=[Case(name="500 behind", workload="interrupt", script=script, given={"heard": 10, "pause": 1.2})],
        metrics=[
            Metric("events_before", "events read before audio_interrupted", 0, compared=False),
            Metric("audio_after", "audio events after it", 0, compared=False),
            Metric("ms_to_interrupted", "from reading on to it, ms", 3),
        ],
        charts=[Chart("bars", "events_before", "Events read before audio_interrupted")],
        most_rounds=3,
    )


def _stall(*, quick: bool) -> Benchmark:
    audio, seconds = (300, 3) if quick else (600, 20)
    script = {"script": "stall", "audio_seconds": str(audio), "seconds": str(seconds)}
    case = Case(
        name=f"{audio // 60} minutes of audio",
        workload="stall",
        script=script,
        given={"seconds": seconds + 1.5, "answers": audio // 30},
    )
    return Benchmark(
        name="stall",
        title="Memory while the application does not read",
        cases=[case],
        metrics=[
            Metric("rss_mb", "memory above the start, MiB"),
            Metric("peak_mb", "its peak, MiB"),
            Metric("pong_share", "pings answered", 2, compared=False),
            Metric("pong_ms", "slowest answer, ms", compared=False),
            Metric("audio_s", "audio read afterwards, s", compared=False),
        ],
        charts=[Chart("bars", "peak_mb", "Peak of memory above the start, MiB")],
        most_rounds=2,
    )


def _idle(*, quick: bool) -> Benchmark:
    case = Case(
        name="idle",
        workload="idle",
        script={"script": "silent"},
        given={"sessions": 25 if quick else 100, "closes": 5 if quick else 20},
    )
    return Benchmark(
        name="idle",
        title="Sessions that do nothing",
        cases=[case],
        metrics=[
            Metric("kb_per_session", "memory a session, KiB", 0),
            Metric("connect_ms", "connect, ms", 2),
            Metric("connect_cpu_ms", "CPU to connect, ms", 2),
            Metric("close_ms", "close, ms", 2),
        ],
        charts=[Chart("bars", "kb_per_session", "Memory of an idle session, KiB")],
    )


def _imports(*, quick: bool) -> Benchmark:
    _ = quick
    return Benchmark(
        name="import",
        title="Importing",
        cases=[Case(name="import", workload="import", script={}, given={})],
        metrics=[
            Metric("import_s", "import, s", 2),
            Metric("import_rss_mb", "RSS after it, MiB"),
            Metric("ready_s", "import and a model made, s", 2),
            Metric("ready_rss_mb", "RSS after that, MiB"),
        ],
        charts=[
            Chart("bars", "import_s", "Time to import, s"),
            Chart("bars", "import_rss_mb", "Memory after the import, MiB"),
        ],
    )


_PLANS: Final = {
    "receive": _receive,
    "growth": _growth,
    "history": _history,
    "send": _send,
    "live": _live,
    "interrupt": _interrupt,
    "stall": _stall,
    "idle": _idle,
    "import": _imports,
}
NAMES: Final = tuple(_PLANS)
"""The benchmarks, in their order."""


def plan(name: str, *, quick: bool) -> Benchmark:
    """Give a benchmark with its parameters.

    Raises:
        KeyError: there is none of that name.
    """
    return _PLANS[name](quick=quick)
