"""What the application does in a scenario; both libraries have the same methods, so it is written once."""

from __future__ import annotations

from typing import Any

from .bytes_of import pattern


async def act(lib: Any, session: Any, cast: Any, name: str, value: Any) -> None:
    """Do one thing.

    Args:
        lib: the library's names.
        session: its session.
        cast: the scenario's cast.
        name, value: from ``do: {name: value}``, or ``do: name``.
    """
    match name:
        case "send_message":
            await session.send_message(value)
        case "send_audio":
            given = {"bytes": value} if isinstance(value, int) else dict(value)
            await session.send_audio(pattern(given.pop("bytes")), **given)
        case "interrupt":
            await session.interrupt()
        case "update_agent":
            await session.update_agent(cast.agents[value])
        case "approve_tool_call" | "reject_tool_call":
            given = {"call_id": value} if isinstance(value, str) else dict(value)
            await getattr(session, name)(given.pop("call_id"), **given)
        case "raw":
            data = dict(value)
            await session.model.send_event(lib.raw_message(data.pop("type"), data))
        case "played_ms":
            cast.tracker.on_play_ms(value["item"], value.get("index", 0), value["ms"])
        case "played_bytes":
            cast.tracker.on_play_bytes(value["item"], value.get("index", 0), pattern(value["bytes"]))
        case "release":
            cast.gate(value).set()
            cast.thread_gate(value).set()
        case "flag":
            cast.flags.update(value)
        case "close":
            await session.close()
        case _:
            raise AssertionError(f"there is no act {name!r}")
