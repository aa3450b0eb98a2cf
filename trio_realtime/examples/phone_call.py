"""A phone call of ten turns, with everything that happens on the phone.

Run with ``python -m trio_realtime.examples.phone_call``: a local server with a written conversation is at the other
end, and the call takes as long as such a call takes. It prints the history: what was said, and heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import trio

from trio_realtime import (
    GuardrailFunctionOutput,
    LocalPlaybackTracker,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeItem,
    RealtimeModelRawClientMessage,
    RealtimeModelSendRawMessage,
    RealtimeRunner,
    RealtimeSession,
    RunContextWrapper,
    ToolContext,
    function_tool,
    output_guardrail,
    realtime_handoff,
)
from trio_realtime.server import CallTool, LocalServer, ScriptEngine, Turn, silence, synthesize

__all__ = ["hold_call", "lines_of", "make_server"]

ISLANDS: Final = (
    "There are seven islands in the bay, and each has a story of its own. The first is Gull Island, where the old "
    "lighthouse stands, and the second is Seal Island."
)
OPENING: Final = "Billing here. What can I do for you?"
RECOVERY: Final = "I am sorry, I cannot give that out."
SCRIPT: Final = (
    Turn("Bay Ferries, good morning!"),
    Turn(ISLANDS, user="Tell me about the islands."),
    Turn("Of course. Which day?", user="Stop, I only want a ferry."),
    Turn("On Saturday, then.", user="On Saturday."),
    Turn(CallTool("find_ferry", {"day": "Saturday"}, "call_1"), user="Please look for one at noon."),
    Turn("One moment, I am looking."),
    Turn("The noon ferry has seats."),
    Turn(CallTool("book", {"seats": 40}, "call_2"), user="Book forty seats."),
    Turn("I may not book so many."),
    Turn(CallTool("transfer_to_billing", {}, "call_3"), user="Then I want billing."),
    Turn(OPENING),
    Turn(CallTool("transfer_to_front_desk", {}, "call_4"), user="Nothing, back to the desk."),
    Turn("The front desk again."),
    Turn("The captain's number is 555 0100.", user="What is the captain's number?"),
    Turn(RECOVERY),
    Turn(CallTool("hang_up", {}, "call_5"), user="Never mind. Goodbye!"),
    Turn("Goodbye, and a good crossing!"),
)
"""What the other end says, response by response, and the caller's words that each answers."""


@function_tool
async def find_ferry(context: ToolContext[Any], day: str) -> str:
    """Look for a ferry; that takes a while."""
    await context.progress("I am looking.")
    await trio.sleep(3)
    return f"There is a ferry with seats at noon on {day}."


@function_tool(needs_approval=True)
async def book(seats: int) -> str:
    """Book seats."""
    return f"{seats} seats are booked."


@function_tool
async def hang_up(context: ToolContext[Any]) -> str:
    """End the call."""
    if context.session is not None:
        await context.session.end("playback")
    return "The call ends after this."


@output_guardrail
def no_numbers(
    context: RunContextWrapper[Any],  # noqa: ARG001  guardrails get all three
    agent: RealtimeAgent[Any],  # noqa: ARG001
    text: str,
) -> GuardrailFunctionOutput:
    """Trip when a telephone number is given away."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="555" in text)


BILLING: RealtimeAgent[Any] = RealtimeAgent("Billing", instructions="Explain bills.", opening_line=OPENING)
DESK: RealtimeAgent[Any] = RealtimeAgent(
    "Front desk",
    instructions="You answer the phone of Bay Ferries.",
    tools=[find_ferry, book, hang_up],
    handoffs=[realtime_handoff(BILLING, way_back=True)],
)
CONFIG: Final[dict[str, Any]] = {
    "output_guardrails": [no_numbers],
    "guardrails_settings": {"hold_audio": True, "max_hold_ms": 2_000, "recovery": RECOVERY},
    "model_settings": {"turn_detection": {"type": "server_vad"}},
}


class Telephone:
    """The caller's end: it plays what comes, a tenth of a second at a time, and decides what a person has to decide."""

    def __init__(self) -> None:
        self.tracker: LocalPlaybackTracker = LocalPlaybackTracker()
        self._queue: deque[int] = deque()
        self._said = ""

    async def listen(self, session: RealtimeSession[Any]) -> None:
        """Take the session's events until it ends."""
        async for event in session:
            match event.type:
                case "audio":
                    self._queue.append(len(self.tracker.sent(event)))
                case "audio_interrupted":
                    self._queue.clear()
                case "tool_approval_required":
                    await session.reject_tool_call(event.call_id, rejection_message="At most ten seats.")
                case "transcript" if event.final and event.role == "assistant":
                    self._said = event.text
                case _:
                    pass

    async def play(self) -> None:
        """Play what was queued, in real time."""
        while True:
            await trio.sleep(0.1)
            size = 4_800  # a tenth of a second of 16 bit PCM at 24 kHz
            self.tracker.played(size)
            while self._queue and size:
                taken = min(size, self._queue[0])
                size -= taken
                self._queue[0] -= taken
                if not self._queue[0]:
                    self._queue.popleft()

    async def hear(self, words: str) -> None:
        """Wait until these words were said, and heard to their end."""
        while self._said != words or self._queue:  # noqa: ASYNC110
            await trio.sleep(0.1)

    async def begin_to_hear(self) -> None:
        """Wait for the first sound."""
        while not self._queue:  # noqa: ASYNC110
            await trio.sleep(0.01)


async def say(session: RealtimeSession[Any], words: str) -> None:
    """Say something into the telephone; the service finds the end of it by the silence."""
    await session.send_audio(synthesize(words) + silence(1.0))


async def detect_turns(session: RealtimeSession[Any], detection: dict[str, Any] | None) -> None:
    """Let the service find the ends of the caller's turns, or a button."""
    changed = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    message = RealtimeModelRawClientMessage(type="session.update", other_data={"session": changed})
    await session.model.send_event(RealtimeModelSendRawMessage(message=message))


async def talk(session: RealtimeSession[Any], phone: Telephone) -> None:
    """Hold the conversation of ten turns."""
    async with session.respond(instructions="Greet the caller.") as greeting:  # 1: the agent speaks first
        await phone.hear(await greeting.text())
    await say(session, "Tell me about the islands.")  # 2
    await phone.begin_to_hear()
    await trio.sleep(2.05)
    await say(session, "Stop, I only want a ferry.")  # 3: the caller barges in, after 2 s of 10 s
    await phone.hear("Of course. Which day?")
    await detect_turns(session, None)  # 4: push to talk
    await session.clear_audio()
    await session.send_audio(synthesize("On Saturday."))
    await session.commit_audio()
    await phone.hear("On Saturday, then.")
    await detect_turns(session, {"type": "server_vad"})
    await say(session, "Please look for one at noon.")  # 5: a tool that says how far it is
    await phone.hear("The noon ferry has seats.")
    await say(session, "Book forty seats.")  # 6: an approval that is refused
    await phone.hear("I may not book so many.")
    await say(session, "Then I want billing.")  # 7: another agent takes the floor
    await phone.hear(OPENING)
    await say(session, "Nothing, back to the desk.")  # 8: and hands back
    await phone.hear("The front desk again.")
    await say(session, "What is the captain's number?")  # 9: nobody hears the number
    await phone.hear(RECOVERY)
    await say(session, "Never mind. Goodbye!")  # 10: the tool hangs up, when the goodbye was heard


async def hold_call(
    model: OpenAIRealtimeWebSocketModel | None = None, url: str | None = None
) -> Sequence[RealtimeItem]:
    """Hold the call, and give its history.

    Args:
        model: the model, if not the usual one.
        url: the server's address.
    """
    phone = Telephone()
    runner = RealtimeRunner(DESK, model=model, config=CONFIG)
    config = {"url": url, "playback_tracker": phone.tracker, "api_key": "any"}
    async with await runner.run(model_config=config) as session, trio.open_nursery() as nursery:
        nursery.start_soon(phone.play)
        nursery.start_soon(talk, session, phone)
        await phone.listen(session)  # until the call has ended
        nursery.cancel_scope.cancel()
    return session.history


def lines_of(history: Sequence[RealtimeItem]) -> list[str]:
    """Give a line for each item: who, what, and what became of it."""
    lines: list[str] = []
    for item in history:
        if item.type == "function_call":
            lines.append(f"{item.name}({item.arguments}) -> {item.output}")
            continue
        for part in item.content:
            words: str | None = getattr(part, "transcript", None) or getattr(part, "text", None)
            heard: int | None = getattr(part, "heard_ms", None)
            lines.append(f"{item.role}: {words}" + ("" if heard is None else f" [interrupted after {heard} ms]"))
    return lines


def make_server() -> LocalServer:
    """Give a server that follows the script."""
    return LocalServer(ScriptEngine(SCRIPT), pace=None)


async def main() -> None:
    """Hold the call with a local server, over a real socket."""
    async with make_server().serve() as address:
        for line in lines_of(await hold_call(url=address.url)):
            print(line)


if __name__ == "__main__":
    trio.run(main)
