"""Moving over is changing the imports, and ``asyncio`` to ``trio``: five programs are moved so, and do the same."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trio

from trio_realtime.server import LocalServer

HERE = Path(__file__).parent / "moving"
NAMES = ("quickstart", "tool", "approval", "handoff", "guardrail")
SUBSTITUTIONS = (
    (r"^from agents(?:\.realtime)? import ", "from trio_realtime import "),
    (r"\basyncio\.run\((\w+)\((.*)\)\)", r"trio.run(\1, \2)"),  # trio.run takes the function and its arguments
    (r"\basyncio\b", "trio"),  # import asyncio, asyncio.sleep
)
RUN = """
import runpy, sys
url, *paths = sys.argv[1:]
for path in paths:
    print("#", path)
    sys.argv = [path, url]
    runpy.run_path(path, run_name="__main__")
"""


def moved(source: str) -> str:
    for pattern, replacement in SUBSTITUTIONS:
        source = re.sub(pattern, replacement, source, flags=re.MULTILINE)
    return source


class Server(threading.Thread):
    """A local server on sockets, in a thread of its own."""

    def __init__(self):
        super().__init__()
        self.ready = threading.Event()

    def run(self):
        trio.run(self.serve)

    async def serve(self):
        async with LocalServer(pace=50).serve() as address:
            self.url = address.url
            self.token, self.over = trio.lowlevel.current_trio_token(), trio.Event()
            self.ready.set()
            await self.over.wait()

    def __enter__(self):
        self.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_):
        self.token.run_sync_soon(self.over.set)
        self.join(10)


def start(url: str, folder: Path) -> subprocess.Popen[str]:
    paths = [str(folder / f"{name}.py") for name in NAMES]
    command = [sys.executable, "-W", "ignore", "-c", RUN, url, *paths]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def printed(process: subprocess.Popen[str]) -> dict[str, list[str]]:
    """Give the lines of each program."""
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    parts = re.split(r"^# .*/(\w+)\.py\n", output, flags=re.MULTILINE)[1:]
    return {name: text.splitlines() for name, text in zip(parts[::2], parts[1::2], strict=True)}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What the programs print there, and here."""
    folder = tmp_path_factory.mktemp("moved")
    for name in NAMES:
        (folder / f"{name}.py").write_text(moved((HERE / f"{name}.py").read_text()))
    with Server() as there, Server() as here:
        processes = start(there.url, HERE), start(here.url, folder)
        return [printed(process) for process in processes]


@pytest.mark.parametrize("name", NAMES)
def test_it_prints_the_same(both, name):
    there, here = both
    assert there[name] == here[name]
    assert len(there[name]) > 2


@pytest.mark.parametrize("name", NAMES)
def test_nothing_else_is_changed(name):
    before = (HERE / f"{name}.py").read_text().splitlines()
    after = moved("\n".join(before)).splitlines()
    changed = [line for line, other in zip(before, after, strict=True) if line != other]
    assert all(re.match(r"from agents|import asyncio|\s+(await )?asyncio\.(run|sleep)\(", line) for line in changed)
    assert not re.search(r"\basyncio\b|\bagents\b", "\n".join(after))
