"""A session and the local server, joined in memory: what most tests of behaviour need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.canary import KEY
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner, RealtimeSession, function_tool
from trio_realtime.server import LocalServer
from trio_realtime.server.connection import ServerConnection


@function_tool
async def get_weather(city: str) -> str:
    """Say what the weather is like."""
    return f"It is sunny in {city}."


def make_agent(**changes: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(**{"name": "Assistant", "instructions": "Be brief.", "tools": [get_weather], **changes})


@asynccontextmanager
async def talk(
    engine: Any = None,
    *,
    agent: RealtimeAgent[Any] | None = None,
    config: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    context: Any = None,
    transport_config: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    **server_options: Any,
) -> AsyncIterator[tuple[RealtimeSession[Any], ServerConnection]]:
    """A session on a new in-memory server; yields it and the server's side of its connection."""
    server = LocalServer(engine, **{"pace": None, **server_options})
    model = OpenAIRealtimeWebSocketModel(transport=server.connector, transport_config=transport_config)
    runner = RealtimeRunner(agent or make_agent(), model=model, config=config)
    session = await runner.run(context=context, model_config={"api_key": KEY, **(model_config or {})}, **(run or {}))
    async with session:
        connection = await server.wait_connection()
        yield session, connection


async def collect(session: Any, kind: str, count: int = 1, **fields: Any) -> list[Any]:
    """Read events up to and including the ``count``-th of a type (with these fields); within a minute of the clock."""
    seen: list[Any] = []
    with trio.fail_after(60):
        async for event in session:
            seen.append(event)
            if event.type == kind and all(getattr(event, name) == value for name, value in fields.items()):
                count -= 1
                if count == 0:
                    break
    return seen


def of(events: Sequence[Any], kind: str) -> list[Any]:
    return [event for event in events if event.type == kind]


def kinds(events: Sequence[Any]) -> list[str]:
    return [event.type for event in events]


def outputs(connection: ServerConnection) -> list[tuple[str, str]]:
    """The tool outputs that the server got, with their call ids."""
    return [
        (event["item"]["call_id"], event["item"]["output"])
        for event in connection.received
        if event["type"] == "conversation.item.create" and event["item"]["type"] == "function_call_output"
    ]


def count(connection: ServerConnection, kind: str) -> int:
    return connection.received_types(audio=True).count(kind)
