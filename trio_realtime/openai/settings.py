"""Settings into the protocol's session object, and the difference between two of them.

The nested way of saying something beats the flat way, which beats the default. Source: the protocol's reference; the
defaults are the reference's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar

import attrs

from trio_realtime._structure import NOT_GIVEN, NotGiven, given
from trio_realtime.audio import parse_audio_format
from trio_realtime.config import (
    RealtimeAudioConfig,
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeSessionModelSettings,
    RealtimeTurnDetectionConfig,
)
from trio_realtime.errors import UserError

if TYPE_CHECKING:
    from trio_realtime.handoffs import Handoff
    from trio_realtime.tools import FunctionTool, HostedMCPTool

__all__ = ["DEFAULT_MODEL_SETTINGS", "DEFAULT_REALTIME_MODEL", "changed", "merged", "session_object"]

T = TypeVar("T")
logger: logging.Logger = logging.getLogger("trio_realtime")

DEFAULT_REALTIME_MODEL: Final = "gpt-realtime-2.1"
"""The model of a connection that names none."""

DEFAULT_MODEL_SETTINGS: Final = RealtimeSessionModelSettings(
    voice="ash",
    modalities=("audio",),
    input_audio_format="pcm16",
    output_audio_format="pcm16",
    input_audio_transcription=RealtimeInputAudioTranscriptionConfig(model="gpt-4o-mini-transcribe"),
    turn_detection=RealtimeTurnDetectionConfig(type="semantic_vad", interrupt_response=True),
)
"""What holds where nothing else was said."""

_TOOL_CHOICES: Final = frozenset({"auto", "none", "required"})
_SERVER_VAD_ONLY: Final = ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms")
_UNSUPPORTED_TOOL_FIELDS: Final = ("defer_loading", "allowed_callers", "output_json_schema")
_RESETS: Final[Mapping[str, Any]] = {
    "include": None,
    "instructions": "",
    "max_output_tokens": "inf",
    "output_modalities": ["audio"],
    "parallel_tool_calls": True,
    "prompt": None,
    "reasoning": None,
    "tool_choice": "auto",
    "tools": [],
    "tracing": None,
    "truncation": "auto",
}
"""What takes back a setting that was sent before and is not wanted any more; another one is nulled."""
_KEPT: Final = frozenset({"format", "model", "turn_detection", "type", "voice"})
"""What has no way back that is known: it stays as it was sent."""


def session_object(
    settings: RealtimeSessionModelSettings, *, model: str = DEFAULT_REALTIME_MODEL, attached: bool = False
) -> dict[str, Any]:
    """Give the session object that says ``settings``.

    Args:
        settings: the whole settings.
        model: the model that they mean if they name none.
        attached: the session runs already (it is a call), so that only what was set is said and no default.

    Raises:
        UserError: a tool is no function tool, a handoff is none, two have one name, a value is unusable.
    """
    session: dict[str, Any] = {"type": "realtime"}
    audio = _audio(settings, attached=attached)
    if audio:
        session["audio"] = audio
    if settings.model_name is not NOT_GIVEN or not attached:
        session["model"] = _or(settings.model_name, model)
    modalities = _first(settings.output_modalities, settings.modalities, None if attached else ["audio"])
    if modalities is not None:
        session["output_modalities"] = list(modalities)
    if settings.instructions is not NOT_GIVEN and (settings.instructions or not attached):
        session["instructions"] = settings.instructions
    tools = _tools(_first(settings.tools, ()), _first(settings.handoffs, ()))
    if tools or not attached:
        session["tools"] = tools
    if settings.tool_choice is not NOT_GIVEN:
        session["tool_choice"] = _tool_choice(settings.tool_choice)
    if settings.tracing is not NOT_GIVEN or not attached:
        session["tracing"] = _plain("auto" if settings.tracing is NOT_GIVEN else settings.tracing)
    for name in ("prompt", "max_output_tokens", "parallel_tool_calls", "reasoning", "truncation", "include"):
        value = getattr(settings, name)
        if value is not NOT_GIVEN:
            session[name] = _plain(value)
    return merged(session, settings.extra) if settings.extra is not NOT_GIVEN else session


def _or(value: T | NotGiven | None, default: T) -> T:
    return default if value is None or isinstance(value, NotGiven) else value


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not NOT_GIVEN), NOT_GIVEN)


def _plain(value: Any) -> Any:
    """Give the JSON form of a setting."""
    if attrs.has(value.__class__):
        return {name: _plain(inner) for name, inner in given(value).items()}
    if _is_mapping(value):
        return {name: _plain(inner) for name, inner in value.items()}
    if _is_sequence(value):
        return [_plain(inner) for inner in value]
    return value


def _is_mapping(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _audio(settings: RealtimeSessionModelSettings, *, attached: bool) -> dict[str, Any]:
    defaults = RealtimeSessionModelSettings() if attached else DEFAULT_MODEL_SETTINGS
    nested = _or(settings.audio, RealtimeAudioConfig())
    nested_in = _or(nested.input, RealtimeAudioInputConfig())
    nested_out = _or(nested.output, RealtimeAudioOutputConfig())
    into: dict[str, Any] = {
        "format": _first(nested_in.format, settings.input_audio_format, defaults.input_audio_format),
        "noise_reduction": _first(nested_in.noise_reduction, settings.input_audio_noise_reduction),
        "transcription": _first(
            nested_in.transcription, settings.input_audio_transcription, defaults.input_audio_transcription
        ),
        "turn_detection": _first(nested_in.turn_detection, settings.turn_detection, defaults.turn_detection),
    }
    out: dict[str, Any] = {
        "format": _first(nested_out.format, settings.output_audio_format, defaults.output_audio_format),
        "voice": _first(nested_out.voice, settings.voice, defaults.voice),
        "speed": _first(nested_out.speed, settings.speed),
    }
    into["turn_detection"] = _turn_detection(into["turn_detection"])
    sides = {"input": _side(into), "output": _side(out)}
    return {name: side for name, side in sides.items() if side}


def _side(values: Mapping[str, Any]) -> dict[str, Any]:
    side: dict[str, Any] = {}
    for name, value in values.items():
        if value is NOT_GIVEN:
            continue
        if name == "format":
            known = parse_audio_format(value)
            if known is None:
                logger.debug("the audio format %r is not known and is left to the server", value)
                continue
            side[name] = known.to_wire()
        else:
            side[name] = _plain(value)
    return side


def _turn_detection(value: RealtimeTurnDetectionConfig | NotGiven | None) -> dict[str, Any] | NotGiven | None:
    """The protocol needs a type; without one, the keys tell which it is."""
    if not isinstance(value, RealtimeTurnDetectionConfig):
        return value
    plain = given(value)
    vad = any(name in plain for name in _SERVER_VAD_ONLY)
    return {"type": "server_vad" if vad else "semantic_vad", **plain}


def _tool_choice(value: str | Mapping[str, Any] | NotGiven | None) -> Any:
    if value == "programmatic_tool_calling":
        raise UserError("tool_choice: programmatic tool calling does not exist in realtime sessions")
    if isinstance(value, str) and value not in _TOOL_CHOICES:
        return {"type": "function", "name": value}
    return _plain(value)


def _tools(tools: Sequence[FunctionTool | HostedMCPTool], handoffs: Sequence[Handoff]) -> list[dict[str, Any]]:
    servers = [(tool, _hosted(tool)) for tool in tools]
    hosted = [_plain(config) for _, config in servers if config is not None]
    payload = [_tool(tool) for tool, config in servers if config is None] + [_handoff(handoff) for handoff in handoffs]
    if twice := _twice(tool["name"] for tool in payload):
        raise UserError(f"tools: two tools or handoffs have the name {twice!r}")
    if twice := _twice(tool["server_label"] for tool in hosted):
        raise UserError(f"tools: two MCP servers have the label {twice!r}")
    return payload + hosted


def _hosted(tool: Any) -> Any:
    """Give the configuration of an MCP server that the service calls; None for another tool."""
    config = getattr(tool, "tool_config", None)
    return config if getattr(config, "type", None) == "mcp" else None


def _twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _tool(tool: Any) -> dict[str, Any]:
    """Look at a tool's shape only: its class belongs to a higher layer."""
    if not isinstance(getattr(tool, "params_json_schema", None), Mapping) or not hasattr(tool, "on_invoke_tool"):
        name = getattr(tool, "name", None) or type(tool).__name__
        raise UserError(
            f"tools: {name!r} is not a function tool or a hosted MCP server; realtime sessions have no others"
        )
    for field in _UNSUPPORTED_TOOL_FIELDS:
        if getattr(tool, field, None):
            raise UserError(f"tools: {tool.name!r} has {field}, which realtime sessions do not support")
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.params_json_schema),
    }


def _handoff(handoff: Any) -> dict[str, Any]:
    if not hasattr(handoff, "tool_name"):
        raise UserError(f"handoffs: a {type(handoff).__name__} is not a Handoff")
    return {
        "type": "function",
        "name": handoff.tool_name,
        "description": handoff.tool_description,
        "parameters": dict(handoff.input_json_schema),
    }


def merged(session: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Give the session object after an update: ``audio`` is merged field by field, everything else is replaced."""
    result = {**session, **{name: value for name, value in update.items() if name != "audio"}}
    if "audio" in update:
        result["audio"] = _merged_audio(session.get("audio"), update["audio"])
    return result


def _merged_audio(old: Any, new: Any) -> Any:
    if not _is_mapping(old) or not _is_mapping(new):
        return new
    sides = dict(old)
    for name, side in new.items():
        before = sides.get(name)
        sides[name] = {**before, **side} if _is_mapping(before) and _is_mapping(side) else side
    return sides


def changed(sent: Mapping[str, Any], wanted: Mapping[str, Any], *, voice_fixed: bool = False) -> dict[str, Any] | None:
    """Give the smallest update that turns one session object into another, or None if there is nothing to change.

    What was sent and is not wanted any more is set back. A format and a voice have no way back and stay.

    Args:
        sent: what the server has been told so far.
        wanted: what shall hold.
        voice_fixed: the model has spoken, after which the service refuses another voice: it is left out.
    """
    update = _difference(
        {name: value for name, value in sent.items() if name != "audio"},
        {name: value for name, value in wanted.items() if name != "audio"},
    )
    audio: dict[str, Any] = {}
    for side in ("input", "output"):
        fields = _difference(_fields(sent, side), _fields(wanted, side), audio=True)
        if voice_fixed:
            fields.pop("voice", None)
        if fields:
            audio[side] = fields
    if audio:
        update["audio"] = audio
    return {"type": wanted.get("type", "realtime"), **update} if update else None


def _fields(session: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    audio = session.get("audio")
    fields = audio.get(side) if _is_mapping(audio) else None
    return fields if _is_mapping(fields) else {}


def _difference(sent: Mapping[str, Any], wanted: Mapping[str, Any], *, audio: bool = False) -> dict[str, Any]:
    fields = {name: value for name, value in wanted.items() if name not in sent or sent[name] != value}
    for name in sent:
        if name not in wanted and name not in _KEPT:
            reset = (1.0 if name == "speed" else None) if audio else _RESETS.get(name)
            if sent[name] != reset:
                fields[name] = reset
    fields.pop("type", None)
    return fields
