"""A client of bare sockets: what the load generator itself can do, and what latency there is below any library.

``python -m benchmarks.client_bare``; see client.py. It parses nothing but what it must, and uses no event loop.
"""

from __future__ import annotations

import platform
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from benchmarks.client import main
from benchmarks.frames import BYTES_PER_MS
from benchmarks.process import Spent, cpu_seconds
from benchmarks.spread import percentile
from benchmarks.unframing import PING, masked
from benchmarks.workloads import turns_left

__all__ = ["connect"]

_CHUNK = 1 << 20
_GO = masked(b'{"type":"input_audio_buffer.append","audio":"AAA="}')
_PING = b"all of it"
_TOGETHER = 1 << 16
_LEAST = 1 << 26
_GONE = "the load generator has gone"
_END = b'"type":"response.done"'
_DELTA = b'"delta":"'


def connect(url: str) -> socket.socket:
    """Open a WebSocket and give its socket; what the server says first is still to be read."""
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
    sock.sendall((head + "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n").encode())
    sock.sendall(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    return sock


def _append(size: int) -> bytes:
    return masked(b'{"type":"input_audio_buffer.append","audio":"' + b"A" * (size * 4 // 3) + b'"}')


def _until_ends(sock: socket.socket, buffer: bytearray, answers: int) -> None:
    """Read until so many answers have ended."""
    tail = b""
    while answers:
        size = sock.recv_into(buffer)
        if not size:
            raise ConnectionError(_GONE)
        data = tail + bytes(memoryview(buffer)[:size])
        answers -= data.count(_END)
        tail = data[-len(_END) + 1 :]


def _receive(given: Mapping[str, Any]) -> dict[str, Any]:
    buffer = bytearray(_CHUNK)
    cpu = clock = 0.0
    for _ in range(given["sessions"]):
        with connect(given["url"]) as sock:
            sock.sendall(_GO)
            _until_ends(sock, buffer, given["warm_answers"])
            cpu, clock = cpu - cpu_seconds(), clock - time.perf_counter()
            sock.sendall(_GO)
            _until_ends(sock, buffer, given["answers"])
            cpu, clock = cpu + cpu_seconds(), clock + time.perf_counter()
    frames = given["frames"] * given["sessions"]
    return {
        "cpu_us_per_frame": cpu / frames * 1e6,
        "frames_per_s": frames / clock,
        "mb_per_s": given["bytes"] * given["sessions"] / clock / 1e6,
        "errors": 0,
    }


def _send(given: Mapping[str, Any]) -> dict[str, Any]:
    """Send many frames at once, until the load generator has answered a ping behind them."""
    chunk = _append(given["size"])
    together = max(1, _TOGETHER // len(chunk))
    times = max(1, given["calls"] // together, _LEAST // (together * len(chunk)))
    many = chunk * together
    with connect(given["url"]) as sock:
        cpu, clock = cpu_seconds(), time.perf_counter()
        for _ in range(times):
            sock.sendall(many)
        sock.sendall(masked(_PING, PING))
        tail = b""
        while _PING not in tail:
            data = sock.recv(_CHUNK)
            if not data:
                raise ConnectionError(_GONE)
            tail = tail[-len(_PING) :] + data
        cpu, clock = cpu_seconds() - cpu, time.perf_counter() - clock
    calls = times * together
    return {"cpu_us_per_call": cpu / calls * 1e6, "calls_per_s": calls / clock, "errors": 0}


def _live(given: Mapping[str, Any]) -> dict[str, Any]:
    """Hold many calls over one selector; the latency is that of the transcript deltas."""
    count, step = given["sessions"], given.get("chunk_ms", 20) / 1000
    chunk = _append(round(step * 1000 * BYTES_PER_MS))
    socks = [connect(f"{given['url']}&phase={number / count:.4f}") for number in range(count)]
    selector = selectors.DefaultSelector()
    for sock in socks:
        selector.register(sock, selectors.EVENT_READ, sock)
    latencies: list[float] = []
    spent, turns = Spent(), turns_left(given)
    for begins in turns:
        time.sleep(max(0.0, begins - time.monotonic()))
        number, before = 0, None
        while (now := time.monotonic() - begins) < given["warm_seconds"] + given["seconds"]:
            if now >= given["warm_seconds"] and before is None:
                before = Spent.now()
            due = number * step / count
            if due <= now:
                socks[number % count].sendall(_GO if number < count else chunk)
                number += 1
            else:
                for key, _ in selector.select(due - now):
                    ages = _stamps(key.data.recv(_CHUNK))
                    latencies += ages if before else ()
        if before is not None:
            spent = spent.plus(Spent.now().since(before))
    time.sleep(max(0.0, given.get("ends", 0.0) - time.monotonic()))
    for sock in socks:
        sock.close()
    latencies.sort()
    return {
        "core_share": spent.cpu / (spent.clock or 1.0),
        "waited_share": spent.waited / (spent.clock or 1.0),
        "p50_ms": percentile(latencies, 50),
        "p99_ms": percentile(latencies, 99),
        "p999_ms": percentile(latencies, 99.9),
        "turns": len(turns),
        "errors": 0,
    }


def _stamps(data: bytes) -> list[float]:
    """Give the ages, in milliseconds, of the transcript deltas in what was read."""
    clock, ages = time.monotonic_ns(), []
    place = data.find(_DELTA)
    while place >= 0:
        digits = data[place + len(_DELTA) : place + len(_DELTA) + 20]
        if len(digits) == 20 and digits.isdigit():
            ages.append((clock - int(digits)) / 1e6)
        place = data.find(_DELTA, place + 1)
    return ages


def _check() -> dict[str, str]:
    return {"python": platform.python_version()}


_WORKLOADS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "receive": _receive,
    "send": _send,
    "live": _live,
}

if __name__ == "__main__":
    main(lambda name, given: _WORKLOADS[name](given), _check, "python -m benchmarks.client_bare")
