"""The reference's process, with the same interface as the driver of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import trio

ROOT = Path(__file__).parents[2]

Process = subprocess.Popen[bytes]


@contextmanager
def reference_process() -> Generator[Process, None, None]:
    """Run the reference's process for the length of a block; its import takes seconds."""
    environment = {key: value for key, value in os.environ.items() if key not in ("OPENAI_API_KEY", "PYTHONPATH")}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.conformance.driver_reference"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def reference_driver(process: Process) -> AsyncGenerator[ReferenceDriver, None]:
    """Speak with the process from the calling trio program."""
    assert process.stdin is not None
    assert process.stdout is not None
    async with (
        trio.lowlevel.FdStream(os.dup(process.stdin.fileno())) as stdin,
        trio.lowlevel.FdStream(os.dup(process.stdout.fileno())) as stdout,
    ):
        yield ReferenceDriver(stdin, stdout)


class ReferenceDriver:
    """Plays one scenario after another in the process."""

    name = "reference"
    _number = 0

    def __init__(self, stdin: trio.lowlevel.FdStream, stdout: trio.lowlevel.FdStream) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._buffer = b""

    async def call(self, command: str, **fields: Any) -> Any:
        """Send a command and give its result."""
        ReferenceDriver._number += 1
        number = ReferenceDriver._number
        answer: dict[str, Any] = {"number": -1}
        with trio.fail_after(30):
            await self._stdin.send_all(json.dumps({"command": command, "number": number, **fields}).encode() + b"\n")
            while answer["number"] != number:  # an answer that nobody has waited for is passed over
                while b"\n" not in self._buffer:
                    data = await self._stdout.receive_some()
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
