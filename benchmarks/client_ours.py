"""The measured program on trio_realtime: ``python -m benchmarks.client_ours``; see client.py.

``TRIO_REALTIME_TRANSPORT`` in the environment names the transport.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import trio

from benchmarks.client import main
from benchmarks.workloads import WORKLOADS, Job
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner, RealtimeSession

__all__ = ["TrioKit"]


class TrioKit:
    """trio_realtime on trio.

    Args:
        transport: one of the model's transports, by name.
    """

    def __init__(self, transport: str) -> None:
        model: Any = OpenAIRealtimeWebSocketModel
        agent: RealtimeAgent[None] = RealtimeAgent(name="Assistant", instructions="Keep answers short.")
        self._runner = RealtimeRunner(agent, model=model(transport=transport))

    @asynccontextmanager
    async def session(self, url: str) -> AsyncGenerator[RealtimeSession[None], None]:
        """Give a session that connects to ``url``."""
        async with await self._runner.run(model_config={"url": url, "api_key": "none"}) as session:
            yield session

    def words(self, event: Any) -> str | None:
        """Give the words of a transcript event."""
        return event.delta if event.type == "transcript" else None

    sleep = staticmethod(trio.sleep)

    async def together(self, jobs: Sequence[Job], *, until: Job | None = None) -> None:
        """Run jobs in a nursery."""
        async with trio.open_nursery() as nursery:
            for job in jobs:
                nursery.start_soon(job)
            if until is not None:
                await until()
                nursery.cancel_scope.cancel()


def _transport() -> str:
    return os.environ.get("TRIO_REALTIME_TRANSPORT", "trio-websocket")


def _run(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    kit = TrioKit(_transport())
    return trio.run(WORKLOADS[name], kit, given)


def _check() -> dict[str, str]:
    TrioKit(_transport())
    names = ["trio-realtime", "trio", "trio-websocket" if _transport() == "trio-websocket" else _transport()]
    return {name: version(name) for name in names}


if __name__ == "__main__":
    main(_run, _check, "python -m benchmarks.client_ours")
