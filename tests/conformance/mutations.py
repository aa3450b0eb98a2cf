"""``python -m tests.conformance.mutations``: does the suite notice when the library goes wrong?

Each mutation is made in a copy of the package, and the scenarios are played with that copy: they must fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs

from .reference import ROOT

PACKAGE = ROOT / "trio_realtime"


@attrs.frozen
class Mutation:
    """A fault: ``new`` in the place of ``old``, which is there once, in a file of the package."""

    name: str
    file: str
    old: str
    new: str


MUTATIONS = (
    Mutation(
        "an item loses the transcript of its speech",
        "openai/mapping.py",
        "return AssistantAudio(transcript=part.transcript)",
        "return AssistantAudio()",
    ),
    Mutation("another default voice", "openai/settings.py", '    voice="ash",', '    voice="sage",'),
    Mutation(
        "an event has another type",
        "events.py",
        'type: Literal["audio_end"] = "audio_end"',
        'type: Literal["audio_end"] = "audio_done"  # type: ignore',
    ),
    Mutation(
        "the buffer is committed before the audio is in it",
        "openai/outgoing.py",
        "frames.append(self._encode(InputAudioBufferCommit(",
        "frames.insert(0, self._encode(InputAudioBufferCommit(",
    ),
    Mutation(
        "images lose their detail",
        "openai/outgoing.py",
        'return image if part.detail is None else {**image, "detail": part.detail}',
        "return image",
    ),
    Mutation(
        "the model is not asked to go on after a tool",
        "openai/outgoing.py",
        "return self._item_and_request(item, now, respond=event.start_response)",
        "return self._item_and_request(item, now, respond=False)",
    ),
    Mutation(
        "the key goes out with another scheme",
        "openai/websocket_model.py",
        'headers = {"Authorization": f"Bearer {key}"}',
        'headers = {"Authorization": f"Basic {key}"}',
    ),
    Mutation(
        "a repeated call runs again",
        "core/tool_calls.py",
        'return "repeated" if seen == signature else "conflict"',
        'return "run" if seen == signature else "conflict"',
    ),
    Mutation(
        "a call keeps no output in the history",
        "core/conversation.py",
        'done = attrs.evolve(item, status="completed", output=output)',
        'done = attrs.evolve(item, status="completed")',
    ),
    Mutation(
        "an agent's settings are forgotten at an update",
        "session_tasks/configure.py",
        '        "instructions": instructions or "",\n',
        "",
    ),
)


def play(mutation: Mutation | None) -> str:
    """Play the scenarios with a mutated copy (or a faithful one), until one fails; give that line, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, copy / "trio_realtime", ignore=ignore)
        shutil.copytree(ROOT / "tests" / "conformance", copy / "tests" / "conformance", ignore=ignore)
        (copy / "tests" / "__init__.py").touch()
        if mutation is not None:
            path = copy / "trio_realtime" / mutation.file
            text = path.read_text(encoding="utf-8")
            if text.count(mutation.old) != 1:
                return f"{mutation.old!r} is not once in {mutation.file}"
            path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.conformance.report", "--until-failure"],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if done.returncode == 0:
        return ""
    failed = [line.split(" FAILED")[0].strip() + " FAILED" for line in done.stdout.splitlines() if " FAILED" in line]
    return failed[0] if failed else f"no scenario was played: {done.stderr[-500:]}"


def survivors() -> list[str]:
    """Play all mutations, print a table, and give the names of those that no scenario has noticed."""
    faithful = play(None)
    if faithful:
        return [f"without any mutation: {faithful}"]
    found: list[str] = []
    for mutation in MUTATIONS:
        noticed = play(mutation)
        print(f"{mutation.name:55} {noticed or 'SURVIVED'}", flush=True)
        if " FAILED" not in noticed:
            found.append(mutation.name)
    return found


if __name__ == "__main__":
    left = survivors()
    print(f"{len(MUTATIONS)} mutations, {len(left)} not noticed: {left}")
    sys.exit(1 if left else 0)
