"""An agent uses its tools."""

from tests.examples.support import as_program, in_memory
from trio_realtime.examples import tool

LINES = [
    "user: What is the weather in Oslo?",
    "calls get_weather",
    "gets It is sunny in Oslo.",
    "Robin hears: Here is what I found: It is sunny in Oslo.",
    "user: Can you find my reservation?",
    "calls find_reservation",
    "gets Robin has table 4.",
    "Robin hears: Here is what I found: Robin has table 4.",
]


async def test_in_memory(monkeypatch, capsys):
    # in real time: a mock clock does not see the thread of a plain function
    assert await in_memory(tool.main, monkeypatch, capsys) == LINES


async def test_as_a_program():
    assert await as_program("tool") == LINES
