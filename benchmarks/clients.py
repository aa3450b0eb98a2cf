"""The programs that are measured, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.budgets import OURS, OURS_FAST, REFERENCE
from benchmarks.process import apart

__all__ = ["BARE", "Client", "ClientFailed", "known_clients"]

BARE: Final = "bare sockets"
_ROOT: Final = Path(__file__).resolve().parent.parent
_LONGEST: Final = 1800.0
_IMPORT: Final = """
import time
from benchmarks.process import rss_mb
import json, resource
began = time.perf_counter()
{imports}
imported, memory = time.perf_counter() - began, rss_mb()
{ready}
ready, total = time.perf_counter() - began, rss_mb()
print(json.dumps(dict(import_s=imported, import_rss_mb=memory, ready_s=ready, ready_rss_mb=total)))
"""


class ClientFailed(Exception):
    """A measured program ended with an error; the text is the end of what it said."""


@attrs.frozen(kw_only=True)
class Client:
    """A program that takes requests as client.py says, and prints its numbers.

    Attributes:
        name: in tables.
        command: what to run; the requests are put behind it.
        environment: added to this process's.
        imports, ready: the statements whose time ``import`` measures; empty where that makes no sense.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = attrs.field(factory=dict[str, str])
    imports: str = ""
    ready: str = ""

    def _run(self, arguments: Sequence[str], timeout: float) -> str:
        # a proxy of the environment must not stand between the client and this machine
        environment = {**os.environ, "NO_PROXY": "127.0.0.1,localhost", "PYTHONPATH": str(_ROOT), **self.environment}
        try:
            with apart("clients"):
                done = subprocess.run(
                    arguments, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=timeout, check=False
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClientFailed(f"{self.name}: {error}") from error
        if done.returncode:
            raise ClientFailed(f"{self.name}: " + "\n".join(done.stderr.strip().splitlines()[-12:]))
        return done.stdout

    def run(self, requests: Sequence[Mapping[str, Any]], timeout: float = _LONGEST) -> list[dict[str, Any]]:
        """Run the program once and give the numbers of each request.

        Args:
            requests: see client.py.
            timeout: seconds that it may take (half an hour).

        Raises:
            ClientFailed: it failed, or took longer.
        """
        out = self._run([*self.command, *map(json.dumps, requests)], timeout)
        results: list[dict[str, Any]] = json.loads(out.strip().splitlines()[-1])
        return results

    def measure_import(self) -> dict[str, Any]:
        """Import the library in a fresh interpreter, the one that the client runs in."""
        code = _IMPORT.format(imports=self.imports, ready=self.ready)
        numbers: dict[str, Any] = json.loads(self._run([self.command[0], "-c", code], 120))
        return numbers

    def check(self) -> dict[str, str]:
        """Give the versions of what is measured.

        Raises:
            ClientFailed: it cannot run here; the text says what is missing.
        """
        answer = json.loads(self._run([*self.command, "--check"], 120).strip().splitlines()[-1])
        if "missing" in answer:
            raise ClientFailed(f"{self.name}: {answer['missing']}")
        versions: dict[str, str] = answer["versions"]
        return versions


def known_clients(reference_python: str | None = None) -> list[Client]:
    """Give the clients that there are: ours on each transport, the reference, and bare sockets.

    Args:
        reference_python: the interpreter that has the reference; this one by default.
    """
    imports = "import trio_realtime"
    model = "trio_realtime.OpenAIRealtimeWebSocketModel(transport={!r})"
    ours = [
        Client(
            name=name,
            command=(sys.executable, "-m", "benchmarks.client_ours"),
            environment={"TRIO_REALTIME_TRANSPORT": transport},
            imports=imports,
            ready=model.format(transport),
        )
        for name, transport in ((OURS, "trio-websocket"), (OURS_FAST, "websockets"))
    ]
    reference = Client(
        name=REFERENCE,
        command=(reference_python or sys.executable, "-m", "benchmarks.client_reference"),
        imports="import agents.realtime",
        ready="agents.realtime.OpenAIRealtimeWebSocketModel()",
    )
    bare = Client(name=BARE, command=(sys.executable, "-m", "benchmarks.client_bare"))
    return [reference, *ours, bare]
