"""Dialects: servers that speak the protocol with other names, such as those of its time before general availability.

Everything inside the library speaks the protocol as it is now; a dialect translates at the wire. Pure functions of one
event each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, TypeGuard

import attrs

from trio_realtime._structure import structure
from trio_realtime.errors import UserError, UserTypeError

__all__ = ["BETA", "Dialect", "DialectLike", "dialect_of"]


def _is_mapping(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _are_words(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not _is_mapping(value) or not all(isinstance(word, str) for pair in value.items() for word in pair):
        raise UserTypeError(f"dialect.{attribute.name} must be a dict of strings")


def _is_shape(_: object, __: attrs.Attribute[Any], value: Any) -> None:
    if value not in ("nested", "flat"):
        raise UserError(f"dialect.session must be 'nested' or 'flat', not {value!r}")


@attrs.frozen(kw_only=True)
class Dialect:
    """How a compatible server's events differ.

    Attributes:
        server_events: types of its events, ``{"its.name": "the.protocol's.name"}``; what is not named is the same.
        client_events: types of the events that it wants, ``{"the.protocol's.name": "its.name"}``.
        session: its session and response objects are ``"nested"`` (``audio.output.voice``) or, as they were once,
            ``"flat"`` (``voice``, ``modalities``, ``output_audio_format``).
        headers: HTTP headers that it wants at connect, unless others of these names are given. Never shown.

    Raises:
        UserError, UserTypeError: a field is at fault.
    """

    server_events: Mapping[str, str] = attrs.field(factory=dict[str, str], validator=_are_words)
    client_events: Mapping[str, str] = attrs.field(factory=dict[str, str], validator=_are_words)
    session: Literal["nested", "flat"] = attrs.field(default="nested", validator=_is_shape)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], validator=_are_words, repr=False)

    def from_server(self, event: dict[str, Any]) -> dict[str, Any]:
        """Give a server event under the protocol's name."""
        name = self.server_events.get(event["type"])
        return event if name is None else {**event, "type": name}

    def to_server(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give a client event as this server wants it.

        Raises:
            UserError: something in it that has to be an object is none.
        """
        result = dict(event)
        if self.session == "flat":
            match event["type"]:
                case "session.update" if _is_mapping(event.get("session")):
                    result["session"] = _flat_session(event["session"])
                case "response.create" if _is_mapping(event.get("response")):
                    result["response"] = _flat_response(event["response"])
                case "conversation.item.create" if _is_mapping(event.get("item")):
                    result["item"] = _old_item(event["item"])
                case _:
                    pass
        result["type"] = self.client_events.get(event["type"], event["type"])
        return result


BETA: Final = Dialect(
    server_events={
        "response.text.delta": "response.output_text.delta",
        "response.text.done": "response.output_text.done",
        "response.audio.delta": "response.output_audio.delta",
        "response.audio.done": "response.output_audio.done",
        "response.audio_transcript.delta": "response.output_audio_transcript.delta",
        "response.audio_transcript.done": "response.output_audio_transcript.done",
    },
    session="flat",
    headers={"OpenAI-Beta": "realtime=v1"},
)
"""The protocol before general availability, which preview endpoints and older compatible servers speak. Source: the
protocol's own guide for moving from beta."""

_NAMED: Final[Mapping[str, Dialect]] = {"beta": BETA}

DialectLike: TypeAlias = Dialect | Mapping[str, Any] | str
"""A dialect: itself, a dict of its fields, a dict of server event names alone, or ``"beta"``."""


def dialect_of(value: DialectLike | None) -> Dialect | None:
    """Give the dialect that ``value`` means.

    Raises:
        UserError: there is no dialect of that name, or a key or value is wrong.
    """
    if value is None or isinstance(value, Dialect):
        return value
    if isinstance(value, str):
        if value not in _NAMED:
            raise UserError(f"dialect: there is none called {value!r}; those with names are {', '.join(_NAMED)}")
        return _NAMED[value]
    if not _is_mapping(value):
        raise UserTypeError(f"dialect must be a Dialect, a dict or a name, not {type(value).__name__}")
    names = value and all("." in str(key) for key in value)
    return structure({"server_events": value} if names else value, Dialect, name="dialect")


def _object(value: Any, path: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not _is_mapping(value):
        raise UserError(f"{path} must be an object, not {type(value).__name__}")
    return dict(value)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _flat_session(session: Mapping[str, Any]) -> dict[str, Any]:
    """Give the session object in its old shape; the model, then a part of the address only, is left out."""
    flat = _renamed(session, {"output_modalities": "modalities", "max_output_tokens": "max_response_output_tokens"})
    for name in ("type", "model", "audio"):
        flat.pop(name, None)
    audio = _object(session.get("audio"), "session.audio")
    into, out = (_object(audio.get(side), f"session.audio.{side}") for side in ("input", "output"))
    _move_format(into, flat, "input_audio_format")
    for name in ("transcription", "noise_reduction"):
        if name in into:
            flat[f"input_audio_{name}"] = into.pop(name)
    _move_format(out, flat, "output_audio_format")
    return {**flat, **into, **out}


def _flat_response(response: Mapping[str, Any]) -> dict[str, Any]:
    flat = _renamed(response, {"output_modalities": "modalities", "max_output_tokens": "max_response_output_tokens"})
    audio = _object(flat.pop("audio", None), "response.audio")
    out = _object(audio.get("output"), "response.audio.output")
    _move_format(out, flat, "output_audio_format")
    if _is_list(flat.get("input")):
        flat["input"] = [_old_item(item) if _is_mapping(item) else item for item in flat["input"]]
    return {**flat, **out}


def _old_item(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """An assistant's parts were once called ``text`` and ``audio``."""
    content: Any = item.get("content")
    if item.get("role") != "assistant" or not _is_list(content):
        return item
    old = {"output_text": "text", "output_audio": "audio"}
    parts: list[Any] = [
        {**part, "type": old.get(str(part.get("type")), part.get("type"))} if _is_mapping(part) else part
        for part in content
    ]
    return {**item, "content": parts}


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in fields.items()}


_FORMATS: Final[Mapping[str, str]] = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}


def _move_format(side: dict[str, Any], flat: dict[str, Any], name: str) -> None:
    found: Any = side.pop("format", None)
    if _is_mapping(found):
        flat[name] = _FORMATS.get(str(found.get("type")), found.get("type"))
    elif found is not None:
        flat[name] = found
