"""Running the command line: here, and as a program of its own."""

import os
import subprocess
import sys

from trio_realtime.cli.app import run

COMMAND = [sys.executable, "-m", "trio_realtime"]


def environment(**changes: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"OPENAI_API_KEY", "NO_COLOR", "FORCE_COLOR", "COLUMNS"} and not name.startswith("COV_")
    }
    return {**kept, **changes}


def program(*arguments: str, input: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], input=input, capture_output=True, text=True, timeout=60, env=environment(**changes)
    )


def start(*arguments: str, **changes: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**changes),
    )


def here(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process: its exit code, output and errors."""
    code = run(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err
