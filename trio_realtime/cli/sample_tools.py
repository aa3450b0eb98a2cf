"""What the assistants of the command line have in common."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Final

from trio_realtime import function_tool

__all__ = ["LOOPBACK", "roll_dice", "tell_time"]

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@function_tool
async def tell_time() -> str:
    """Say what time it is here."""
    return datetime.now().astimezone().strftime("It is %H:%M on %A.")


@function_tool
async def roll_dice(count: int = 1, sides: int = 6) -> str:
    """Roll dice.

    Args:
        count: how many dice.
        sides: sides of each.
    """
    rolls = [random.randint(1, max(sides, 1)) for _ in range(min(max(count, 1), 100))]  # noqa: S311  (a game)
    return f"The dice show {', '.join(map(str, rolls))}."
