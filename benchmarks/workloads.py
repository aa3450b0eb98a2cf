"""What a measured application does: the same code for each library, whose sessions have the same methods and events.

A workload is an async function of a :class:`Kit`, which is all that differs between the libraries, and of its
parameters; it gives its numbers by name. The server's part of each is the script of that name in scripts.py.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, Protocol, TypeAlias

from benchmarks.frames import BYTES_PER_MS, audio_stamp, text_stamp
from benchmarks.process import Spent, cpu_seconds, forget_peak, freeze_ms, peak_mb, rss_mb, settled_rss_mb
from benchmarks.spread import percentile

__all__ = ["GO", "WORKLOADS", "Kit", "Numbers", "Workload", "turns_left"]

GO: Final = b"\0\0"
"""Audio that tells the load generator to begin its next batch."""
Numbers: TypeAlias = dict[str, Any]
Job: TypeAlias = Callable[[], Awaitable[None]]


class Kit(Protocol):
    """A library and the event loop that it runs on."""

    def session(self, url: str) -> AbstractAsyncContextManager[Any]:
        """Give a session that connects to ``url`` on entering."""
        ...

    def words(self, event: Any) -> str | None:
        """Give the new words of an event that brings the agent's words; None for other events."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let others run for so long."""
        ...

    async def together(self, jobs: Sequence[Job], *, until: Job | None = None) -> None:
        """Run jobs side by side until all have ended, or until ``until`` has: then the others are cancelled."""
        ...


Workload: TypeAlias = Callable[[Kit, Mapping[str, Any]], Awaitable[Numbers]]


class _Reader:
    """An application that looks at each event and uses the audio."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.events = self.audio_bytes = self.audio_events = self.errors = 0

    async def until_ends(self, answers: int) -> None:
        """Read until so many answers have ended."""
        async for event in self._session:
            self.events += 1
            kind = event.type
            if kind == "audio":
                self.audio_events += 1
                self.audio_bytes += len(event.audio.data)
            elif kind == "error":
                self.errors += 1
            elif kind == "agent_end":
                answers -= 1
                if not answers:
                    return


def _dropped(session: Any) -> int:
    """How many events the library dropped because this application was too slow; 0 where it does not say."""
    statistics = getattr(session, "statistics", None)
    return 0 if statistics is None else int(statistics().dropped_events)


async def receive(kit: Kit, given: Mapping[str, Any]) -> Numbers:
    """Read a stream as fast as it comes, in several sessions, so that the conversation's length plays no part.

    ``frames``, ``bytes``, ``audio_frames``, ``warm_answers`` and ``answers``: as the script sends them in each session.
    """
    cpu = clock = 0.0
    audio = errors = dropped = 0
    for _ in range(given["sessions"]):
        async with kit.session(given["url"]) as session:
            reader = _Reader(session)
            await session.send_audio(GO)
            await reader.until_ends(given["warm_answers"])
            cpu, clock, audio = cpu - cpu_seconds(), clock - time.perf_counter(), audio - reader.audio_events
            await session.send_audio(GO)
            await reader.until_ends(given["answers"])
            cpu, clock, audio = cpu + cpu_seconds(), clock + time.perf_counter(), audio + reader.audio_events
            errors, dropped = errors + reader.errors, dropped + _dropped(session)
    frames = given["frames"] * given["sessions"]
    return {
        "cpu_us_per_frame": cpu / frames * 1e6,
        "frames_per_s": frames / clock,
        "mb_per_s": given["bytes"] * given["sessions"] / clock / 1e6,
        "audio_lost": given["audio_frames"] * given["sessions"] - audio,
        "dropped": dropped,
        "errors": errors,
    }


async def growth(kit: Kit, given: Mapping[str, Any]) -> Numbers:
    """Hold a conversation of ``parts`` times ``turns`` short turns and give the CPU time of a turn in each part."""
    costs: list[float] = []
    memory: list[float] = []
    async with kit.session(given["warm_url"]) as session:
        await session.send_audio(GO)
        await _Reader(session).until_ends(given["warm_turns"])
    async with kit.session(given["url"]) as session:
        reader = _Reader(session)
        for _ in range(given["parts"]):
            cpu = cpu_seconds()
            await session.send_audio(GO)
            await reader.until_ends(given["turns"])
            costs.append((cpu_seconds() - cpu) / given["turns"] * 1e6)
            memory.append(settled_rss_mb() if given.get("memory") else rss_mb())
        return {
            "cpu_us_per_turn": costs,
            "rss_mb": memory,
            "growth": costs[-1] / costs[0],
            "bytes_per_turn": (memory[-1] - memory[0]) * 1024 * 1024 / (given["turns"] * max(1, given["parts"] - 1)),
            "errors": reader.errors,
        }


async def send(kit: Kit, given: Mapping[str, Any]) -> Numbers:
    """Call ``send_audio`` with ``size`` bytes ``calls`` times, one after another."""
    chunk, calls = bytes(given["size"]), given["calls"]
    async with kit.session(given["url"]) as session:
        for _ in range(max(20, calls // 20)):
            await session.send_audio(chunk)
        await kit.sleep(0.1)
        cpu, clock = cpu_seconds(), time.perf_counter()
        for _ in range(calls):
            await session.send_audio(chunk)
        clock = time.perf_counter() - clock
        await kit.sleep(0.1)  # what was handed over is written meanwhile, and counts
        return {"cpu_us_per_call": (cpu_seconds() - cpu) / calls * 1e6, "calls_per_s": calls / clock}


class _Call:
    """One of many live sessions: reads stamped events, sends microphone audio every 20 ms."""

    def __init__(self, kit: Kit, url: str, load: _Load, number: int) -> None:
        self._kit, self._url, self._load, self._number = kit, url, load, number

    async def run(self) -> None:
        """Connect, wait for all others, and talk until cancelled."""
        load, sleep = self._load, self._kit.sleep
        async with self._kit.session(self._url) as session:
            load.connected += 1
            while not load.turns:
                await sleep(0.02)
            await self._kit.together([lambda: self._read(session), lambda: self._send(session)])

    async def _read(self, session: Any) -> None:
        load, words = self._load, self._kit.words
        clock = time.monotonic_ns
        async for event in session:
            if event.type == "audio":
                stamp = audio_stamp(event.audio.data)
            elif event.type == "error":
                load.errors += 1
                continue
            else:
                delta = words(event)
                stamp = 0 if delta is None else text_stamp(delta)
            if stamp and load.recording:
                load.latencies_ms.append((clock() - stamp) / 1e6)

    async def _send(self, session: Any) -> None:
        load, sleep = self._load, self._kit.sleep
        step = load.chunk_ms / 1000
        chunk = bytes(round(load.chunk_ms * BYTES_PER_MS))
        for begins in load.turns:
            due = begins + step * self._number / load.sessions
            await sleep(max(0.0, due - time.monotonic()))
            await session.send_audio(GO)
            await self._speak(session, chunk, due, begins + load.turn_seconds)

    async def _speak(self, session: Any, chunk: bytes, due: float, ends: float) -> None:
        load, sleep = self._load, self._kit.sleep
        step = load.chunk_ms / 1000
        while due < ends and time.monotonic() < ends:  # who could not keep up is silent all the same
            due += step
            late = time.monotonic() - due
            await sleep(max(0.0, -late))
            await session.send_audio(chunk)
            if load.recording:
                load.sent += 1
                load.late_s = max(load.late_s, late)


class _Load:
    """What all calls share, and what they have measured."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.sessions: int = given["sessions"]
        self.chunk_ms: float = given.get("chunk_ms", 20)
        self.turn_seconds: float = given["warm_seconds"] + given["seconds"]
        self.turns: list[float] = []
        self.connected = self.sent = self.errors = 0
        self.recording = False
        self.latencies_ms: list[float] = []
        self.late_s = 0.0

    @property
    def messages(self) -> int:
        """Messages that count, in and out."""
        return len(self.latencies_ms) + self.sent


async def live(kit: Kit, given: Mapping[str, Any]) -> Numbers:
    """Hold ``sessions`` calls at once for ``seconds``, after ``warm_seconds`` that do not count.

    The CPU a message is that of the cheapest turn: what else the machine does can only add to it.

    What there is when all are connected is left alone by the garbage collector from there on.

    With ``turns``, times of CLOCK_MONOTONIC, they are silent but for so long from each of these times on, and are held
    until ``ends``: to end them costs, which is not to happen in the turns of others. A turn whose time has come before
    all are connected is left out.
    """
    load = _Load(given)
    result: Numbers = {}

    async def measure() -> None:
        while load.connected < load.sessions:
            await kit.sleep(0.05)
        result["gc_ms"] = freeze_ms()  # else chance would decide who is measured during a full pass
        load.turns = turns_left(given)
        spent, costs = Spent(), list[float]()
        for begins in load.turns:
            await kit.sleep(max(0.0, begins + given["warm_seconds"] - time.monotonic()))
            before, messages = Spent.now(), load.messages
            load.recording = True
            await kit.sleep(given["seconds"])
            load.recording = False
            part = Spent.now().since(before)
            spent = spent.plus(part)
            costs.append(part.cpu / max(1, load.messages - messages) * 1e6)
        await kit.sleep(max(0.0, given.get("ends", 0.0) - time.monotonic()))
        result.update(_live_numbers(load, spent), cpu_us_per_message=min(costs), turn_costs=costs)

    urls = [f"{given['url']}&phase={number / load.sessions:.4f}" for number in range(load.sessions)]
    await kit.together([_Call(kit, url, load, number).run for number, url in enumerate(urls)], until=measure)
    return result


def turns_left(given: Mapping[str, Any]) -> list[float]:
    """Give when the turns of a live load begin, without those that it is too late for: one now, if nobody says.

    Raises:
        TimeoutError: it is too late for all.
    """
    now = time.monotonic()
    turns: list[float] = [begins for begins in given.get("turns", (now + 0.1,)) if begins > now]
    if not turns:
        raise TimeoutError("the calls were not connected when their last turn began")
    return turns


def _live_numbers(load: _Load, spent: Spent) -> Numbers:
    cpu, clock = spent.cpu, spent.clock
    received = len(load.latencies_ms)
    ordered = sorted(load.latencies_ms)
    return {
        "core_share": cpu / clock,
        "p50_ms": percentile(ordered, 50),
        "p99_ms": percentile(ordered, 99),
        "p999_ms": percentile(ordered, 99.9),
        "max_ms": percentile(ordered, 100),
        "events_per_session_s": received / load.sessions / clock,
        "sends_per_session_s": load.sent / load.sessions / clock,
        "late_ms": load.late_s * 1000,
        "waited_share": spent.waited / clock,
        "turns": len(load.turns),
        "errors": load.errors,
    }


async def interrupt(kit: Kit, given: Mapping[str, Any]) -> Numbers:
    """Play a second of an answer, look away for ``pause`` seconds while the user interrupts it, and read on."""
    heard = before = after = others_before = errors = 0
    order: list[str] = []
    resumed = found = 0.0
    async with kit.session(given["url"]) as session:
        await session.send_audio(GO)
        async for event in session:
            kind = event.type
            audio = kind == "audio"
            errors += kind == "error"
            if not resumed:
                heard += audio
                if heard == given["heard"]:
                    await kit.sleep(given["pause"])
                    resumed = time.perf_counter()
                continue
            if len(order) < 5:
                order.append(kind)
            if kind == "audio_interrupted" and not found:
                found = time.perf_counter()
            elif kind == "agent_end":
                break
            elif found:
                after += audio
            else:
                before += audio
                others_before += not audio
    return {
        "next_events": order,
        "events_before": before + others_before,
        "audio_before": before,
        "audio_after": after,
        "interrupted": bool(found),
        "ms_to_interrupted": (found - resumed) * 1000 if found else None,
        "errors": errors,
    }


async def stall(kit: Kit, given: Mapping[str, Any]) -> Numbers:
    """Read the first piece of audio, then nothing for ``seconds``, then the rest, up to the end of ``answers``."""
    async with kit.session(given["url"]) as session:
        await kit.sleep(0.3)
        before = settled_rss_mb()
        forget_peak()
        await session.send_audio(GO)
        async for event in session:
            if event.type == "audio":
                break
        await kit.sleep(given["seconds"])
        stalled, peak = rss_mb(), peak_mb()
        reader = _Reader(session)
        await reader.until_ends(given["answers"])
        return {
            "rss_mb": stalled - before,
            "peak_mb": peak - before,
            "audio_s": (reader.audio_bytes / BYTES_PER_MS + 100) / 1000,
            "audio_dropped": _dropped(session),
            "errors": reader.errors,
        }


async def idle(kit: Kit, given: Mapping[str, Any]) -> Numbers:
    """Open ``sessions`` sessions that do nothing, one after another, and close them again."""
    connects: list[float] = []
    closes: list[float] = []
    for _ in range(3):
        async with kit.session(given["url"]):
            await kit.sleep(0.01)
    before, cpu = settled_rss_mb(), cpu_seconds()
    async with AsyncExitStack() as stack:
        for _ in range(given["sessions"]):
            began = time.perf_counter()
            await stack.enter_async_context(kit.session(given["url"]))
            connects.append((time.perf_counter() - began) * 1000)
        await kit.sleep(0.5)
        cpu, memory = cpu_seconds() - cpu, settled_rss_mb() - before
    for _ in range(given["closes"]):
        async with kit.session(given["url"]):
            await kit.sleep(0.01)
            began = time.perf_counter()
        closes.append((time.perf_counter() - began) * 1000)
    return {
        "kb_per_session": memory * 1024 / given["sessions"],
        "connect_ms": percentile(sorted(connects), 50),
        "connect_cpu_ms": cpu / given["sessions"] * 1000,
        "close_ms": percentile(sorted(closes), 50),
    }


WORKLOADS: Final[Mapping[str, Workload]] = {
    "receive": receive,
    "growth": growth,
    "send": send,
    "live": live,
    "interrupt": interrupt,
    "stall": stall,
    "idle": idle,
}
