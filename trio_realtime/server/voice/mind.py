"""The mind of the voice engine: what is answered to the words that were heard."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias, cast

from trio_realtime.errors import UserTypeError
from trio_realtime.server.engines.base import (
    CallTool,
    EngineRequest,
    EngineStep,
    Fail,
    Incomplete,
    Pause,
    Say,
    closable,
)

__all__ = ["Mind", "MindReply", "think"]

MindReply: TypeAlias = str | EngineStep | Iterable[str | EngineStep] | None
"""What a mind says: words, a step such as a tool call, several of them, or nothing."""

Mind: TypeAlias = Callable[[Sequence[Mapping[str, Any]], EngineRequest], Awaitable[MindReply]]
"""``async (conversation, session) -> reply``.

``conversation`` holds the items, oldest first, in the protocol's shape: ``transcript`` has the words that were spoken,
and of an answer that was interrupted only those that were heard. ``session`` is the request: instructions, declared
tools, tool choice, and ``user_text`` and ``results`` as shortcuts. A tool is called with
:class:`~trio_realtime.server.CallTool`; its output is in the conversation when the mind is asked again.
An async generator function will do as well: what it yields is spoken as it comes.
"""

_STEPS = (Say, CallTool, Pause, Fail, Incomplete)


async def think(mind: Mind, request: EngineRequest) -> AsyncGenerator[EngineStep, None]:
    """Ask a mind and give its answer step by step.

    Raises:
        UserTypeError: it answered with something that is no reply.
    """
    made: object = mind(request.items, request)
    if isinstance(made, AsyncIterator):
        async with aclosing(closable(made)) as parts:
            async for said in parts:
                yield _step(said)
        return
    reply = await cast("Awaitable[object]", made)
    if reply is None:
        return
    for part in _parts(reply):
        yield _step(part)


def _parts(reply: object) -> Iterable[object]:
    if isinstance(reply, str) or not isinstance(reply, Iterable):
        return (reply,)
    return cast("Iterable[object]", reply)


def _step(part: object) -> EngineStep:
    if isinstance(part, str):
        return Say(part)
    if isinstance(part, _STEPS):
        return part
    raise UserTypeError(f"a mind must answer with words or engine steps, not {type(part).__name__}")
