"""An agent's own voice and model, and whether a connection can still take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from trio_realtime._structure import NOT_GIVEN
from trio_realtime.config import RealtimeSessionModelSettings

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["needs_fresh_connection", "with_voice_and_model"]


def with_voice_and_model(
    settings: RealtimeSessionModelSettings, agent: RealtimeAgent[Any]
) -> RealtimeSessionModelSettings:
    """Give settings with the voice and the model that an agent has of its own."""
    if agent.model_name is not None:
        settings = attrs.evolve(settings, model_name=agent.model_name)
    if agent.voice is None:
        return settings
    audio: Any = settings.audio
    output: Any = getattr(audio, "output", None)
    if getattr(output, "voice", NOT_GIVEN) is not NOT_GIVEN:  # the nested way beats the flat one
        return attrs.evolve(settings, audio=attrs.evolve(audio, output=attrs.evolve(output, voice=agent.voice)))
    return attrs.evolve(settings, voice=agent.voice)


def _voice(settings: RealtimeSessionModelSettings) -> Any:
    audio: Any = settings.audio
    nested = getattr(getattr(audio, "output", None), "voice", NOT_GIVEN)
    return settings.voice if nested is NOT_GIVEN else nested


def needs_fresh_connection(hub: SessionHub, settings: RealtimeSessionModelSettings) -> str | None:
    """Say why no update can bring these settings about; None if one can."""
    now = hub.supervisor.configuration.settings
    if settings.model_name != now.model_name:
        return "another model"
    return "another voice" if hub.connection.voice_fixed and _voice(settings) != _voice(now) else None
