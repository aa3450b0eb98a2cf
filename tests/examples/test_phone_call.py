"""A call of ten turns leaves exactly this history."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.examples.support import as_program
from trio_realtime import OpenAIRealtimeWebSocketModel
from trio_realtime.examples import phone_call

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
HISTORY = """\
assistant: Bay Ferries, good morning!
user: Tell me about the islands.
assistant: There are seven islands in the [interrupted after 2000 ms]
user: Stop, I only want a ferry.
assistant: Of course. Which day?
user: On Saturday.
assistant: On Saturday, then.
user: Please look for one at noon.
find_ferry({"day":"Saturday"}) -> There is a ferry with seats at noon on Saturday.
system: The tool 'find_ferry' is still running. Tell the user this now, in one short sentence, without calling a tool: I am looking.
assistant: One moment, I am looking.
assistant: The noon ferry has seats.
user: Book forty seats.
book({"seats":40}) -> At most ten seats.
assistant: I may not book so many.
user: Then I want billing.
transfer_to_billing({}) -> {"assistant": "Billing"}
assistant: Billing here. What can I do for you?
user: Nothing, back to the desk.
transfer_to_front_desk({}) -> {"assistant": "Front desk"}
assistant: The front desk again.
user: What is the captain's number?
assistant: I am sorry, I cannot give that out.
user: Never mind. Goodbye!
hang_up({}) -> The call ends after this.
assistant: Goodbye, and a good crossing!
"""


async def call():
    """Hold the call in memory; give its history, and the server's side of it."""
    server = phone_call.make_server()
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    with trio.fail_after(300):
        history = await phone_call.hold_call(model)
    return history, await server.wait_connection()


async def test_the_history_is_exactly_this(autojump_clock):
    history, server = await call()
    assert phone_call.lines_of(history) == HISTORY.splitlines()
    await server.wait_closed()
    assert server.close_code == 1000


async def test_what_was_interrupted_and_what_was_tripped_on(autojump_clock):
    history, server = await call()
    (cut,) = [event for event in server.received if event["type"] == "conversation.item.truncate"]
    assert cut["audio_end_ms"] == 2000
    (part,) = next(item for item in history if item.item_id == cut["item_id"]).content
    assert part.generated_transcript == phone_call.ISLANDS
    (deleted,) = [event["item_id"] for event in server.received if event["type"] == "conversation.item.delete"]
    assert deleted not in {item.item_id for item in history}  # of the captain's number nothing was heard
    assert "555" not in str(history)


def test_the_readme_shows_it():
    assert f"```text\n{HISTORY}```" in README


async def test_as_a_program():
    """In real time, so that only what does not depend on a loaded machine's clock is looked at."""
    lines = await as_program("phone_call")
    assert lines[0] == HISTORY.splitlines()[0]
    assert lines[-1] == HISTORY.splitlines()[-1]
