"""A small sum is approved, a large one is not."""

from tests.examples.support import as_program, in_memory
from trio_realtime.examples import approval

LINES = [
    "user: Please transfer money: 50 euros",
    "may transfer_money move 50 euros?",
    "gets 50 euros are on their way.",
    "assistant: Here is what I found: 50 euros are on their way.",
    "user: Please transfer money: 5000 euros",
    "may transfer_money move 5000 euros?",
    "gets That is too much for today.",
    "assistant: Here is what I found: That is too much for today.",
]


async def test_in_memory(autojump_clock, monkeypatch, capsys):
    assert await in_memory(approval.main, monkeypatch, capsys) == LINES


async def test_as_a_program():
    assert await as_program("approval") == LINES
