"""One process of a call: ``begin`` asks for something whose tool hangs in this process, ``go_on`` takes the call up.

Arguments: what to do, the server's URL, the store (a file, or a Redis URL), and what becomes of calls that were cut.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import trio

from trio_realtime import (
    RealtimeAgent,
    RealtimeRunner,
    RedisSessionStore,
    SessionInUse,
    SQLiteSessionStore,
    function_tool,
)

WHAT, URL, PLACE, ON_RESUME = sys.argv[1:]


@function_tool
async def book_table(people: int) -> str:
    """Book a table.

    Args:
        people: For how many people.
    """
    if WHAT == "begin":
        await trio.sleep_forever()
    return f"booked for {people}"


def session_store() -> Any:
    return RedisSessionStore(PLACE) if PLACE.startswith("redis:") else SQLiteSessionStore(PLACE)


async def main() -> None:
    agent = RealtimeAgent(name="Host", instructions="Be brief.", tools=[book_table])
    config = {"timeouts": {"lease": 1.5}, "tool_execution": {"on_resume": ON_RESUME}}
    runner = RealtimeRunner(agent, config=config)

    async def run() -> Any:
        return await runner.run(model_config={"url": URL}, store=session_store(), session_id="call-17")

    if WHAT == "begin":
        async with await run() as session:
            await session.send_message("Hello")
            await until(session, "agent_end")
            await session.send_message("Please book table: 4 people")
            await trio.sleep_forever()
    while True:
        try:
            async with await run() as session:
                await until(session, "agent_end")
                await session.send_message("Thank you, good bye")
                await until(session, "agent_end")
                print(json.dumps(session.snapshot()))
            return
        except SessionInUse as error:
            print(f"refused: {error}", flush=True)
            await trio.sleep(min(error.expires_in, 0.5) + 0.05)


async def until(session: Any, kind: str) -> None:
    with trio.fail_after(20):
        async for event in session:
            if event.type == kind:
                return


trio.run(main)
