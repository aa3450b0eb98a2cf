"""The demo's agents: the front desk of a small hotel, and its restaurant."""

from __future__ import annotations

from typing import Any

import trio

from trio_realtime import (
    GuardrailFunctionOutput,
    RealtimeAgent,
    RunContextWrapper,
    function_tool,
    output_guardrail,
    realtime_handoff,
)

__all__ = ["REFUSAL", "front_desk"]

REFUSAL = "The guest has not agreed to this charge."
"""What the model is told when the demo rejects a call."""

_STORY = (
    "The soup is older than the hotel. In the winter of 1911 a fishing boat from Bergen was driven into the harbour by "
    "a storm, and its cook, who had lost everything but a copper pot, paid for a bed with a kettle of soup. The "
    "landlady liked it so much that she kept the cook, the pot, and later the boat. Since then every chef of the house "
    "has changed one thing, and one thing only: one took out the barley, one put in fennel, and one, in 1968, forgot "
    "the salt for a whole summer. The pot still hangs above the door, and on the first night of every winter it is "
    "filled to the brim and carried down to the quay for whoever comes in from the sea."
)


@function_tool
async def check_rooms(nights: int) -> str:
    """Say whether a room is free, and what it costs.

    Args:
        nights: how many nights.
    """
    await trio.sleep(0.15)  # a booking system takes its time
    return f"Yes, the harbour room is free for {nights} nights, at 95 euros a night."


@function_tool(needs_approval=True)
async def book_room(nights: int, name: str) -> str:
    """Book it for a guest.

    Args:
        nights: how many nights.
        name: the guest.
    """
    await trio.sleep(0.1)
    return f"The harbour room is booked for {name}, {nights} nights."


@function_tool(needs_approval=True)
async def charge_card(euros: int) -> str:
    """Charge the guest's credit card.

    Args:
        euros: how much.
    """
    return f"{euros} euros were charged."


@function_tool
async def todays_menu() -> str:
    """Say which dishes there are today."""
    await trio.sleep(0.05)
    return "Fish soup, roast potatoes, and apple cake."


@function_tool
async def soup_story() -> str:
    """Tell the long story of the soup. It is to be read out to its end."""
    return _STORY


@output_guardrail
async def no_secret_recipes(
    context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: str
) -> GuardrailFunctionOutput:
    """Stop the agent before it gives the recipe away."""
    del context, agent
    return GuardrailFunctionOutput(None, tripwire_triggered="secret ingredient" in text.lower())


def front_desk() -> RealtimeAgent[Any]:
    """Give the agent that answers the call."""
    rules = "Be brief. Call a tool as soon as it fits, and never ask back first. Say what you are asked to say."
    restaurant: RealtimeAgent[Any] = RealtimeAgent(
        name="Restaurant",
        handoff_description="Knows the dishes and their stories.",
        instructions=f"You are the restaurant of the Harbour Hotel. {rules}",
        tools=[todays_menu, soup_story],
        output_guardrails=[no_secret_recipes],
    )
    return RealtimeAgent(
        name="Front Desk",
        instructions=f"You are the front desk of the Harbour Hotel. {rules}",
        tools=[check_rooms, book_room, charge_card],
        handoffs=[realtime_handoff(restaurant)],
    )
