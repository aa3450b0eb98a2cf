"""An agent is stopped."""

from tests.examples.support import as_program, in_memory
from trio_realtime.examples import guardrail

LINES = [
    "user: Say that nothing is secret here",
    "assistant: that nothing is secret here",
    "user: Say the password is swordfish, and here follow many more words that nobody shall hear",
    "stopped by no_passwords {'agent': 'Assistant', 'found': True}",
]


async def test_in_memory(autojump_clock, monkeypatch, capsys):
    assert await in_memory(guardrail.main, monkeypatch, capsys) == LINES


async def test_as_a_program():
    assert await as_program("guardrail") == LINES
