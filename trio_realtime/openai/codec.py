"""Messages into server events and client events into messages.

What is wrong with a message is found here, on arrival, whatever is done with the event later. New things pass: unknown
types, unknown fields, unknown words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec
import pybase64

from trio_realtime.errors import ModelBehaviorError, UserError
from trio_realtime.openai._strict import Hook, explain, hook_for
from trio_realtime.openai.server_events import SERVER_EVENTS, ServerEvent, UnknownServerEvent

__all__ = ["DecodedEvent", "decode", "encode", "encode_append", "parse", "structure_event"]

DecodedEvent: TypeAlias = ServerEvent | UnknownServerEvent

_HOOKS: Final[dict[str, tuple[type[ServerEvent], Hook]]] = {
    type_: (cls, hook_for(cls)) for type_, cls in SERVER_EVENTS.items()
}
_decode_json: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode_json: Final = msgspec.json.Encoder().encode
_APPEND_HEAD: Final = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_TAIL: Final = b'"}'


def decode(message: str | bytes) -> DecodedEvent:
    """Give the server event in a message: ``str`` for a text message, ``bytes`` for a binary one.

    Raises:
        ModelBehaviorError: a binary message, not JSON, not an object, no type, or a known type whose fields are missing
            or wrong; ``param`` is the path of the field.
    """
    return structure_event(parse(message))


def parse(message: str | bytes) -> dict[str, Any]:
    """Give the object in a message, which has a type that is text.

    Raises:
        ModelBehaviorError: as :func:`decode`, but for the fields.
    """
    if not isinstance(message, str):
        raise ModelBehaviorError(f"the server sent a binary message ({len(message)} bytes)")
    try:
        event: dict[str, Any] = _decode_json(message)
    except msgspec.ValidationError:
        raise ModelBehaviorError("the server sent JSON that is not an object") from None
    except (ValueError, RecursionError) as error:
        raise ModelBehaviorError(f"the server sent something that is not JSON: {error}") from None
    if not isinstance(event.get("type"), str):
        raise ModelBehaviorError("the server sent an event without a type", param="type")
    return event


def structure_event(data: dict[str, Any]) -> DecodedEvent:
    """Give the server event that ``data``, from :func:`parse`, describes.

    Raises:
        ModelBehaviorError: a known type whose fields are missing or wrong.
    """
    known = _HOOKS.get(data["type"])
    if known is None:
        return UnknownServerEvent(type=data["type"], data=data)
    cls, hook = known
    try:
        event: ServerEvent = hook(data, cls)
    except (ValueError, TypeError, KeyError) as error:
        fault = error
    else:
        return event
    found = explain(cls, data)
    if found is None:  # pragma: no cover - both passes use the same hooks
        raise ModelBehaviorError(f"the server sent a wrong {cls.type!r} event") from fault
    raise ModelBehaviorError(
        f"the server sent a wrong {cls.type!r} event: {found.path} {found.message}", param=found.path
    )


def encode(event: Mapping[str, Any]) -> str:
    """Give the text message of a client event.

    Raises:
        UserError: the event holds something that JSON has no form for.
    """
    try:
        return _encode_json(event).decode()
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"the client event {event.get('type')!r} cannot be sent as JSON: {error}") from None


def encode_append(audio: bytes) -> bytes:
    """Give the text message, as UTF-8, that appends ``audio`` to the input buffer. Built by hand: it is sent often."""
    return _APPEND_HEAD + pybase64.b64encode(audio) + _APPEND_TAIL
