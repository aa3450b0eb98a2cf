"""What a process knows about itself, without anything to install: CPU time and memory."""

from __future__ import annotations

import gc
import resource
import sys
import time
from pathlib import Path

__all__ = ["cpu_seconds", "forget_peak", "peak_mb", "rss_mb", "settled_rss_mb", "waited_seconds"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_SCHED = Path("/proc/self/schedstat")


def cpu_seconds() -> float:
    """CPU time of all threads of this process, user and system."""
    return time.process_time()


def waited_seconds() -> float:
    """How long this process's main thread could have run and did not, because others did; 0 where nobody counts it."""
    try:
        return int(_SCHED.read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


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
