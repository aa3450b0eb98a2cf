"""The measured program on the reference, agents.realtime: ``python -m benchmarks.client_reference``; see client.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession

from benchmarks.client import main
from benchmarks.workloads import WORKLOADS, Job

__all__ = ["AsyncioKit"]


class AsyncioKit:
    """agents.realtime on asyncio."""

    def __init__(self) -> None:
        self._agent: RealtimeAgent[None] = RealtimeAgent(name="Assistant", instructions="Keep answers short.")

    @asynccontextmanager
    async def session(self, url: str) -> AsyncGenerator[RealtimeSession, None]:
        """Give a session that connects to ``url``; each has a runner of its own, as the reference wants it."""
        session = await RealtimeRunner(self._agent).run(model_config={"url": url, "api_key": "none"})
        async with session:
            yield session

    def words(self, event: Any) -> str | None:
        """Give the words of a raw transcript event, which is where the reference has them."""
        if event.type == "raw_model_event" and event.data.type == "transcript_delta":
            return str(event.data.delta)
        return None

    sleep = staticmethod(asyncio.sleep)

    async def together(self, jobs: Sequence[Job], *, until: Job | None = None) -> None:
        """Run jobs as tasks; the first that fails ends all."""

        async def run(job: Job) -> None:
            await job()

        tasks = [asyncio.create_task(run(job)) for job in jobs]
        last = asyncio.create_task(run(until)) if until is not None else None
        try:
            waited = {last} if last is not None else set(tasks)
            while waited:
                done, _ = await asyncio.wait({*tasks, *waited}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                tasks = [task for task in tasks if task not in done]
                waited -= done
        finally:
            left = [task for task in (*tasks, last) if task is not None and not task.done()]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)


def _run(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return asyncio.run(WORKLOADS[name](AsyncioKit(), given))  # type: ignore[arg-type]


def _check() -> dict[str, str]:
    return {name: version(name) for name in ("openai-agents", "openai", "websockets")}


if __name__ == "__main__":
    main(_run, _check, "python -m benchmarks.client_reference")
