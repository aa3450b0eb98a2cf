"""A caller is handed over."""

from tests.examples.support import as_program, in_memory
from trio_realtime.examples import handoff

LINES = [
    "user: Hello",
    "Front desk: Hello! How can I help you?",
    "user: Please connect me to billing, I have a question on an invoice",
    "noted: I have a question on an invoice",
    "Front desk -> Billing",
    "Billing: You are now talking to Billing. How can I help you?",
    "user: Say the invoice is paid",
    "Billing: the invoice is paid",
]


async def test_in_memory(autojump_clock, monkeypatch, capsys):
    assert await in_memory(handoff.main, monkeypatch, capsys) == LINES


async def test_as_a_program():
    assert await as_program("handoff") == LINES
