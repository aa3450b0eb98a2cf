"""The official types of the protocol: events made from them at random, and a check of client events against them.

The check is for everything that receives client events in a test::

    from tests.conformance.official_types import validate_client_event

    validate_client_event(json.loads(message))  # raises AssertionError that names each fault

    with everything_sent_is_checked() as sent:  # whatever any connection of this process sends meanwhile
        ...
    assert sent["response.create"]

``python -m tests.conformance.official_types model-events`` reads server events, one JSON object a line, and prints for
each what the reference's model makes of it: one line of ``[{"type": ..., scalar fields}]``. With ``names`` it reads what is
asked for, ``{"modules": [...], "others": [...], "targets": ["module:name", ...]}``, and prints the reference's names and parameters. It is
a program of its own because the reference is one for asyncio; :func:`ask_reference` runs it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import importlib
import inspect
import json
import random
import subprocess
import sys
import types
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from unittest import mock

import attrs
import openai.types.realtime as official
from pydantic import BaseModel, TypeAdapter, ValidationError

__all__ = [
    "CLIENT_TYPES",
    "SERVER_TYPES",
    "Generator",
    "ask_reference",
    "client_event_faults",
    "everything_sent_is_checked",
    "fields_of",
    "find",
    "members",
    "parameters_of",
    "validate_client_event",
]


def members(annotation: Any) -> list[Any]:
    """The members of a union, without None; one member for what is no union."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [one for arg in get_args(annotation) if arg is not type(None) for one in members(arg)]
    return [annotation]


def _by_type(union: Any) -> dict[str, type[BaseModel]]:
    return {get_args(cls.model_fields["type"].annotation)[0]: cls for cls in members(union)}


SERVER_TYPES: dict[str, type[BaseModel]] = _by_type(official.RealtimeServerEvent)
"""The official class of each server event."""
CLIENT_TYPES: dict[str, type[BaseModel]] = _by_type(official.RealtimeClientEvent)
"""The official class of each client event."""


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def fields_of(cls: type[BaseModel]) -> dict[str, Any]:
    """The fields of an official class as they are named on the wire, with their annotations."""
    return {field.alias or name: field.annotation for name, field in cls.model_fields.items()}


# Making events

IDS = {"id", "event_id", "item_id", "response_id", "call_id", "previous_item_id", "conversation_id"}
JSON_TEXTS = {"arguments"}
WORDS = ["", "a", "Hello there.", "naïve — “quoted” \\ \n\t", "日本語", "🎉 👩‍👩‍👧", "\u2028", "x" * 300]
ERROR_CODES = [
    "conversation_already_has_active_response",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_value",
    "item_delete_invalid_item_id",
    "item_truncate_invalid_item_id",
    "rate_limit_exceeded",
    "response_cancel_not_active",
    "server_error",
    "session_expired",
    "unknown_parameter",
    "a_code_of_tomorrow",
]
ALWAYS = {
    # The schema requires no id, the service always gives one: it is how a response is cancelled and how it ends.
    ("RealtimeResponse", "id"),
}


class Generator:
    """Makes server events at random from the official classes.

    Args:
        seed: makes the same events again.
        ids: also give items the ids that their types leave optional.
        extra: share of the objects that have a field that the types do not know.
    """

    def __init__(self, seed: int, *, ids: bool = False, extra: float = 0.15) -> None:
        self._random = random.Random(seed)
        self._ids = ids
        self._extra = extra

    def event(self, type_: str) -> dict[str, Any]:
        """Make one event of a type."""
        return self._model(SERVER_TYPES[type_], type_)

    def _model(self, cls: type[BaseModel], type_: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        fields = list(cls.model_fields.items())
        self._random.shuffle(fields)
        for name, field in fields:
            always = (cls.__name__, name) in ALWAYS or (self._ids and name in IDS and name != "previous_item_id")
            if not field.is_required() and not always:
                match self._random.randrange(4):
                    case 0:
                        continue
                    case 1:
                        made[field.alias or name] = None
                        continue
            made[field.alias or name] = self._value(field.annotation, name, type_)
        if self._random.random() < self._extra:
            made[self._random.choice(["of_tomorrow", "x-y"])] = self._anything()
        return made

    def _value(self, annotation: Any, name: str, type_: str) -> Any:
        one = self._random.choice(members(annotation))
        origin, args = get_origin(one), get_args(one)
        if origin is Literal:
            return self._random.choice(args)
        if origin is list:
            return [self._value(args[0], name, type_) for _ in range(self._random.randrange(4))]
        if origin is dict:
            return {f"k{index}": self._value(args[1], "", type_) for index in range(self._random.randrange(3))}
        if _is_model(one):
            return self._model(one, type_)
        if one is str:
            return self._text(name, type_)
        if one is bool:
            return self._random.random() < 0.5
        if one is int:
            many = (
                [960, 999] if name == "content_index" else [960, 2**31, 1763605109]
            )  # an item has parts, not that many
            return self._random.choice([0, 1, 7, *many])
        if one is float:
            return self._random.choice([0, 3, 0.0, 0.5, 2.265, -12.75, 1e-9])
        assert one is object, f"no idea how to make {one} for {name} of {type_}"
        return self._anything()

    def _text(self, name: str, type_: str) -> str:
        if name == "audio" or (name == "delta" and type_ == "response.output_audio.delta"):
            return base64.b64encode(self._random.randbytes(self._random.choice([0, 1, 2, 3, 480, 961]))).decode()
        if name in IDS:
            return f"{name}_{self._random.randrange(1000)}"
        if name in JSON_TEXTS:
            return json.dumps({"x": self._anything()} if self._random.random() < 0.8 else {})
        if name.endswith("url"):
            return self._random.choice(["https://example.com/a.png?b=c", "data:image/png;base64,iVBORw0KGgo="])
        if name == "code":
            return self._random.choice(ERROR_CODES)
        return self._random.choice(WORDS) if name != "name" else self._random.choice(["get_weather", "naïve_tool"])

    def _anything(self, depth: int = 2) -> Any:
        kind = self._random.randrange(7 if depth else 5)
        scalars = [None, True, self._random.randrange(10), 0.25, self._random.choice(WORDS)]
        if kind < 5:
            return scalars[kind]
        many = [self._anything(depth - 1) for _ in range(self._random.randrange(3))]
        return many if kind == 5 else {f"key {index}": value for index, value in enumerate(many)}


# Checking client events

ALLOWED_EXTRA: dict[str, str] = {
    "session.update: session.audio.input.turn_detection.model_version": "a key of the reference, which sends it too",
}
"""What may be sent although the official types do not know it, and why."""
MAX_ITEM_ID = 32
MAX_METADATA = (16, 64, 512)
MAX_AUDIO = 15 * 1024 * 1024


@cache
def _adapter(cls: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def validate_client_event(event: Mapping[str, Any]) -> None:
    """Check a client event against the official types, and against limits that the protocol states in words.

    Raises:
        AssertionError: it is of no official type, a field is wrong or missing, or the types do not know it.
    """
    faults = client_event_faults(event)
    assert not faults, f"the client event {event.get('type')!r} is not what the official types say:\n" + "\n".join(
        f"  {fault}" for fault in faults
    )


@contextmanager
def everything_sent_is_checked() -> Iterator[Counter[str]]:
    """Check whatever the protocol makes of model inputs, on every connection. Gives how many of each type there were.

    A fault shows where the event was to be sent, so that the session fails with it.
    """
    from trio_realtime.openai.protocol import OpenAIProtocol

    counts: Counter[str] = Counter()
    send = OpenAIProtocol.send

    def checked(self: Any, event: Any, now: float) -> Any:
        outgoing = send(self, event, now)
        for frame in outgoing.frames:
            message = json.loads(frame)
            validate_client_event(message)
            counts[message["type"]] += 1
        return outgoing

    with mock.patch.object(OpenAIProtocol, "send", checked):
        yield counts


def client_event_faults(event: Mapping[str, Any]) -> list[str]:
    """What is wrong with a client event; nothing if it is right."""
    type_ = event.get("type")
    cls = CLIENT_TYPES.get(type_) if isinstance(type_, str) else None
    if cls is None:
        return [f"type: {type_!r} is no client event"]
    try:
        _adapter(cls).validate_json(json.dumps(event), strict=True)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
    unknown = [path for path in _unknown_keys(event, cls, "") if f"{type_}: {path}" not in ALLOWED_EXTRA]
    return [f"{path}: the types do not know it" for path in unknown] + list(_beyond_limits(event))


def _unknown_keys(value: Any, annotation: Any, path: str) -> list[str]:
    """The paths of the keys that the types do not know; of a union, those of the member that fits best."""
    found = [
        _keys_of_one(value, one, path)
        for one in members(annotation)
        if not _is_model(one) or _fits(value, one) or len(members(annotation)) == 1
    ]
    return min(found, key=len, default=[])


def _fits(value: Any, cls: type[BaseModel]) -> bool:
    try:
        _adapter(cls).validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return False
    return True


def _keys_of_one(value: Any, annotation: Any, path: str) -> list[str]:
    args = get_args(annotation)
    if get_origin(annotation) is list and isinstance(value, list):
        return [key for index, one in enumerate(value) for key in _unknown_keys(one, args[0], f"{path}[{index}]")]
    if get_origin(annotation) is dict and isinstance(value, dict):
        return [key for name, one in value.items() for key in _unknown_keys(one, args[1], f"{path}.{name}")]
    if not _is_model(annotation) or not isinstance(value, Mapping):
        return []
    fields, unknown = fields_of(annotation), []
    for name, one in value.items():
        place = f"{path}.{name}" if path else name
        unknown += _unknown_keys(one, fields[name], place) if name in fields else [place]
    return unknown


def _beyond_limits(event: Mapping[str, Any]) -> Iterator[str]:
    """Limits that are in the official descriptions and not in the types."""
    metadata = (event.get("response") or {}).get("metadata") or {}
    count, key_length, value_length = MAX_METADATA
    if len(metadata) > count:
        yield f"response.metadata: {len(metadata)} keys, {count} are possible"
    for key, value in metadata.items():
        if len(key) > key_length or len(value) > value_length:
            yield f"response.metadata[{key!r}]: a key has at most {key_length} characters, a value {value_length}"
    item_id = (event.get("item") or {}).get("id")
    if item_id is not None and not 0 < len(item_id) <= MAX_ITEM_ID:
        yield f"item.id: {len(item_id)} characters, {MAX_ITEM_ID} are possible"
    if event["type"] == "input_audio_buffer.append":
        try:
            size = len(base64.b64decode(event["audio"], validate=True))
        except binascii.Error:
            yield "audio: no base64"
        else:
            if size > MAX_AUDIO:
                yield f"audio: {size} bytes, {MAX_AUDIO} are possible"


# What the reference makes of server events


def ask_reference(what: str, text: str) -> str:
    """Run this module as a program, with the reference, and give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.conformance.official_types", what],
        input=text,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def _print_model_events() -> None:  # pragma: no cover - runs in a process of its own
    from agents.realtime import OpenAIRealtimeWebSocketModel, RealtimeModelListener, openai_realtime

    adapter = openai_realtime.get_server_event_type_adapter()
    openai_realtime.get_server_event_type_adapter = lambda: adapter

    class Listener(RealtimeModelListener):
        def __init__(self) -> None:
            self.events: list[Any] = []

        async def on_event(self, event: Any) -> None:
            self.events.append(event)

    async def send_nothing(_: Any) -> None:
        return

    def scalars(event: Any) -> dict[str, Any]:
        values = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        values = {name: len(value) if isinstance(value, bytes) else value for name, value in values.items()}
        return {name: value for name, value in values.items() if isinstance(value, str | int)}

    for line in sys.stdin:
        model, listener = OpenAIRealtimeWebSocketModel(), Listener()
        model._send_raw_message = send_nothing
        model.add_listener(listener)
        try:
            await model._handle_ws_event(json.loads(line))
            seen = [scalars(event) for event in listener.events if event.type != "raw_server_event"]
        except Exception as error:  # noqa: BLE001 - the reader of the reference makes this of it
            seen = [{"type": "exception", "context": repr(error)}]
        print(json.dumps(seen))


# What the reference has


def _plain_default(value: Any) -> Any:
    """A default as JSON: empty containers are alike, functions are named by their kind, marks of absence are None."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | Mapping):
        return list(value)
    return "<function>" if inspect.isfunction(value) else None


def parameters_of(target: Any) -> dict[str, list[Any]]:
    """The parameters of a function or class of any making: ``{name: [may be positional, required, default]}``."""
    if hasattr(target, "__required_keys__"):  # a TypedDict: which keys it needs, it does not always tell
        return {name: [False, True, None] for name in target.__annotations__}
    fields = _fields_with_defaults(target)
    try:
        parameters = inspect.signature(target).parameters.values()
    except ValueError:  # such as a class whose signature something in it hides
        return {name: [not kw_only, required, _plain_default(default)] for name, required, kw_only, default in fields}
    made = {name: default for name, _, _, default in fields}
    found = {}
    for one in parameters:
        if one.name == "self" or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        required = one.default is one.empty
        default = None if required else made.get(one.name, one.default)
        found[one.name] = [one.kind is not one.KEYWORD_ONLY, required, _plain_default(default)]
    return found


def _fields_with_defaults(cls: Any) -> list[tuple[str, bool, bool, Any]]:
    """The fields of a dataclass or an attrs class: name, required, by keyword only, default."""
    if dataclasses.is_dataclass(cls):
        return [(field.name, *_dataclass_default(field)) for field in dataclasses.fields(cls) if field.init]
    found = []
    for field in getattr(cls, "__attrs_attrs__", ()):
        default = field.default
        if type(default).__name__ == "Factory":
            default = None if default.takes_self else default.factory()
        found.append((field.alias, default is attrs.NOTHING, field.kw_only, default))
    return found


def _dataclass_default(field: Any) -> tuple[bool, bool, Any]:
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        try:
            default = field.default_factory()
        except ValueError:  # it only says that the field is needed after all
            default = dataclasses.MISSING
    return default is dataclasses.MISSING, bool(field.kw_only), default


def find(path: str) -> Any:
    """Give what ``"package.module:name.name"`` names."""
    module, _, names = path.partition(":")
    found: Any = importlib.import_module(module)
    for name in names.split(".") if names else ():
        found = getattr(found, name)
    return found


def _has_parameters(target: Any) -> bool:
    return inspect.isclass(target) or inspect.isfunction(target)


def _print_names() -> None:  # pragma: no cover - runs in a process of its own
    asked = json.load(sys.stdin)
    names = {module: list(find(module).__all__) for module in asked["modules"]}
    exported = [f"{module}:{name}" for module, many in names.items() for name in many]
    made: dict[str, Any] = {}
    for path in [*(path for path in exported if _has_parameters(find(path))), *asked["targets"]]:
        try:
            made[path] = parameters_of(find(path))
        except (TypeError, ValueError):
            made[path] = None
    there = {module: dir(find(module)) for module in asked["others"]}
    print(json.dumps({"names": names, "parameters": made, "there": there}))


if __name__ == "__main__":  # pragma: no cover - runs in a process of its own
    import asyncio

    if sys.argv[1] == "names":
        _print_names()
    else:
        asyncio.run(_print_model_events())
