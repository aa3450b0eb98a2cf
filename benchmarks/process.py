"""What a process knows about itself, without much to install: CPU time and memory."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

import attrs

__all__ = [
    "Spent",
    "apart",
    "cpu_seconds",
    "forget_peak",
    "freeze_ms",
    "peak_mb",
    "rss_mb",
    "settled_rss_mb",
    "waited_seconds",
]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_SCHED = Path("/proc/self/schedstat")


@contextmanager
def apart(part: Literal["generator", "clients"]) -> Generator[None, None, None]:
    """Let the processes that are started in the block have CPUs of their own, where there are two and the system can.

    The load generator has the first, the clients the others: what a client costs must not depend on where the system
    happens to put it, beside the generator or on top of it.
    """
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(allowed) < 2:
        yield
        return
    os.sched_setaffinity(0, allowed[:1] if part == "generator" else allowed[1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def cpu_seconds() -> float:
    """CPU time of all threads of this process, user and system."""
    return time.process_time()


def waited_seconds() -> float:
    """How long this process's main thread could have run and did not, because others did; 0 where nobody counts it."""
    try:
        return int(_SCHED.read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


@attrs.frozen
class Spent:
    """What a process has spent, until now or in a while.

    Attributes:
        cpu: see :func:`cpu_seconds`.
        clock: seconds.
        waited: see :func:`waited_seconds`.
    """

    cpu: float = 0.0
    clock: float = 0.0
    waited: float = 0.0

    @classmethod
    def now(cls) -> Self:
        """Give what this process has spent until now."""
        return cls(cpu_seconds(), time.monotonic(), waited_seconds())

    def since(self, before: Self) -> Self:
        """Give what was spent after an earlier moment."""
        return self.plus(before, -1)

    def plus(self, other: Self, sign: Literal[1, -1] = 1) -> Self:
        """Give the sum, or the difference."""
        mine, others = attrs.astuple(self), attrs.astuple(other)
        return type(self)(*(one + sign * another for one, another in zip(mine, others, strict=True)))


def freeze_ms() -> float:
    """Let the garbage collector look at all objects once and never again; gives its CPU time in milliseconds."""
    began = cpu_seconds()
    gc.collect()
    took = cpu_seconds() - began
    gc.freeze()
    return took * 1000


def _status_mb(name: str) -> float | None:
    if not _STATUS.exists():
        return None
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return None


def rss_mb() -> float:
    """Resident memory in MiB; where /proc is missing, the highest there was."""
    now = _status_mb("VmRSS")
    return peak_mb() if now is None else now


def settled_rss_mb() -> float:
    """Resident memory in MiB without what only waits for the garbage collector."""
    gc.collect()
    return rss_mb()


def peak_mb() -> float:
    """The highest resident memory in MiB, since :func:`forget_peak` where the system can forget."""
    peak = _status_mb("VmHWM")
    if peak is not None:
        return peak
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak() -> None:
    """Begin to measure the peak anew, where the system lets us (Linux)."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return
