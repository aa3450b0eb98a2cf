"""The reference's process, with the same interface as the driver of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

_ROOT = Path(__file__).parents[2]


class ReferenceProcess:
    """A long-lived process that plays one scenario after another."""

    name = "reference"

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._buffer = b""
        self._number = 0

    async def call(self, command: str, **fields: Any) -> Any:
        """Send a command and give its result."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        self._number += 1
        answer: dict[str, Any] = {"number": -1}
        with trio.fail_after(30):
            await stdin.send_all(json.dumps({"command": command, "number": self._number, **fields}).encode() + b"\n")
            while answer["number"] != self._number:  # an answer that nobody has waited for is passed over
                while b"\n" not in self._buffer:
                    data = await stdout.receive_some()
                    if not data:
                        raise AssertionError("the reference's process has ended")
                    self._buffer += data
                line, self._buffer = self._buffer.split(b"\n", 1)
                answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer.get("result")

    async def start(self, scenario: dict[str, Any], port: int) -> None:
        """See :class:`OursDriver`, as for the others."""
        await self.call("new")
        await self.call("start", scenario=scenario, port=port)

    async def mark(self, name: str) -> bool:
        return bool(await self.call("mark", name=name))

    async def settle(self) -> int:
        return int(await self.call("settle"))

    async def do(self, name: str, value: Any) -> None:
        await self.call("do", act=name, value=value)

    async def wait(self, type: str, number: int) -> None:
        await self.call("wait", type=type, count=number)

    async def finish(self) -> dict[str, Any]:
        result: dict[str, Any] = await self.call("finish")
        return result


@asynccontextmanager
async def reference_process() -> AsyncGenerator[ReferenceProcess, None]:
    """Run the reference's process for the length of a block."""
    environment = {**os.environ, "OPENAI_API_KEY": "", "PYTHONPATH": str(_ROOT)}
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            lambda task_status: trio.run_process(
                [sys.executable, "-W", "ignore", "-m", "tests.conformance.driver_reference"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                check=False,
                env=environment,
                cwd=_ROOT,
                task_status=task_status,
            )
        )
        reference = ReferenceProcess(process)
        await reference.call("new")
        try:
            yield reference
        finally:
            nursery.cancel_scope.cancel()
