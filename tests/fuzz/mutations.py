"""Server messages that are nearly right: events of the official types and of real conversations, broken at random."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from tests.conformance.official_types import SERVER_TYPES, Generator

__all__ = ["Mutator"]

_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308, "", " ", "\0", "\ud83d", "ä" * 300,
    "item_1", "resp_1", "call_1", "root", "AAAA", "AAA", "!!!!", "inf", "null", [], {}, [[]], [None], [{}], {"type": None},
    {"": ""}, {"type": "message"}, {"code": "x", "message": None},
)  # fmt: skip
_IDS = ("id", "item_id", "response_id", "call_id", "previous_item_id", "event_id", "approval_request_id")
_SPLICES = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"1e999",
    b"\x00",
    b"\xff",
    b"\xc3",
)


class Mutator:
    """Makes messages, the same ones for the same seed.

    Args:
        seed: chooses.
        recorded: messages of conversations, which are used as often as generated events.
    """

    def __init__(self, seed: int, recorded: list[str]) -> None:
        self._random = random.Random(seed)
        self._generator = Generator(seed)
        self._types = sorted(SERVER_TYPES)
        self._recorded = recorded

    def messages(self, count: int) -> Iterator[str | bytes]:
        """Give ``count`` messages: text, and now and then bytes."""
        for _ in range(count):
            yield self._message()

    def _message(self) -> str | bytes:
        rng = self._random
        event = self._event()
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 8))):
            self._bend(event)
        text = json.dumps(event)
        if rng.random() < 0.35:
            text = self._break(text.encode()).decode("utf-8", "replace")
        return text.encode() if rng.random() < 0.01 else text

    def _event(self) -> dict[str, Any]:
        rng = self._random
        if self._recorded and rng.random() < 0.5:
            event: dict[str, Any] = json.loads(rng.choice(self._recorded))
        else:
            event = self._generator.event(rng.choice(self._types))
        if rng.random() < 0.7:
            self._name(event)
        return event

    def _name(self, value: Any) -> None:
        """Let ids be among a few, so that events are about one another."""
        rng = self._random
        for holder, key in list(_places(value)):
            if key in _IDS and isinstance(holder[key], str):
                holder[key] = f"{key}_{rng.randrange(6)}" if rng.random() < 0.5 else f"item_{rng.randrange(6)}"

    def _bend(self, event: dict[str, Any]) -> None:
        """Change one place of an event."""
        rng = self._random
        places = list(_places(event))
        if not places:
            return
        holder, key = rng.choice(places)
        match rng.randrange(7):
            case 0:
                del holder[key]
            case 1 | 2:
                holder[key] = copy.deepcopy(rng.choice(_ODD))
            case 3:
                other, at = rng.choice(places)
                holder[key] = json.loads(json.dumps(other[at]))
            case 4:
                holder[key] = [copy.deepcopy(holder[key]) for _ in range(rng.randrange(4))]
            case 5 if isinstance(holder, dict):
                holder[rng.choice(("type", "status", "role", "delta", "output", "content"))] = copy.deepcopy(
                    holder[key]
                )
            case _:
                holder[key] = str(holder[key])[: rng.randrange(40)]

    def _break(self, data: bytes) -> bytes:
        """Change a few bytes."""
        rng = self._random
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(data) + 1)
            match rng.randrange(5):
                case 0:
                    data = data[:at]
                case 1:
                    data = data[:at] + rng.choice(_SPLICES) + data[at:]
                case 2:
                    data = data[:at] + data[at + rng.randrange(1, 20) :]
                case 3:
                    data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
                case _:
                    data = data[:at] + data[at // 2 : at] + data[at:]
        return data


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give every place of a value in JSON, as what holds it and its key there."""
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from _places(value[key])
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield value, index
            yield from _places(inner)
