"""The OpenAI Realtime protocol: wire events, codec, settings, the protocol machine, and the model that speaks it."""

from __future__ import annotations

from trio_realtime.openai.connection import OpenAIRealtimeConnection
from trio_realtime.openai.settings import DEFAULT_MODEL_SETTINGS, DEFAULT_REALTIME_MODEL
from trio_realtime.openai.websocket_model import OpenAIRealtimeWebSocketModel, get_api_key

__all__ = [
    "DEFAULT_MODEL_SETTINGS",
    "DEFAULT_REALTIME_MODEL",
    "OpenAIRealtimeConnection",
    "OpenAIRealtimeWebSocketModel",
    "get_api_key",
]
