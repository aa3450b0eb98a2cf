"""Engines: what the local server says and hears."""

from __future__ import annotations

from trio_realtime.server.engines.base import (
    CallTool,
    Considered,
    Engine,
    EngineRequest,
    EngineStep,
    Fail,
    Incomplete,
    Pause,
    Say,
    Transcript,
)
from trio_realtime.server.engines.echo import EchoEngine
from trio_realtime.server.engines.rules import RulesEngine
from trio_realtime.server.engines.script import ScriptEngine, ScriptTurn, Turn

__all__ = [
    "CallTool",
    "Considered",
    "EchoEngine",
    "Engine",
    "EngineRequest",
    "EngineStep",
    "Fail",
    "Incomplete",
    "Pause",
    "RulesEngine",
    "Say",
    "ScriptEngine",
    "ScriptTurn",
    "Transcript",
    "Turn",
]
