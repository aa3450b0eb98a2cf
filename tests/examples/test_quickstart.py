"""An agent says hello."""

from tests.examples.support import as_program, in_memory
from trio_realtime.examples import quickstart

LINES = [
    "assistant: hello in one short sentence.",
    "heard 1750 ms of speech",
]


async def test_in_memory(autojump_clock, monkeypatch, capsys):
    assert await in_memory(quickstart.main, monkeypatch, capsys) == LINES


async def test_as_a_program():
    assert await as_program("quickstart") == LINES
