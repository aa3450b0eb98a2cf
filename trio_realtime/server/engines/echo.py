"""An engine that gives back what it got."""

from __future__ import annotations

from collections.abc import AsyncIterator

from trio_realtime.server.engines.base import Engine, EngineRequest, EngineStep, Say

__all__ = ["EchoEngine"]


class EchoEngine(Engine):
    """Says what the user said: typed words in the synthesized voice, spoken ones in the user's own audio."""

    async def respond(self, request: EngineRequest) -> AsyncIterator[EngineStep]:
        """Repeat the last user message; complete with no output if there is none."""
        text = request.user_text
        if text:
            yield Say(text, audio=request.user_audio)
