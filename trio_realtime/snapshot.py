"""A session as JSON: what another process needs to go on with it, and nothing that must not leave this one.

There is no key, no header, no setting and no context in it: these are the runner's, and are given again to ``run``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import attrs

from trio_realtime._structure import structure
from trio_realtime.errors import UserError
from trio_realtime.ids import new_id
from trio_realtime.items import RealtimeItem
from trio_realtime.usage import Usage

if TYPE_CHECKING:
    from cattrs.preconf.json import JsonConverter

__all__ = [
    "SNAPSHOT_VERSION",
    "AgentStep",
    "CallState",
    "OpenCall",
    "SessionSnapshot",
    "StandingDecision",
    "checked_history",
    "item_to_json",
    "read_snapshot",
    "to_json",
]

SNAPSHOT_VERSION: Final = 1
"""The form of the snapshots that are made. It is raised when an older library could not read them."""
_ITEM_ID_LENGTH: Final = 32
"""The protocol's limit."""

CallState: TypeAlias = Literal["waiting", "running"]
"""A tool call without an output either waits for a person's word, so that it has not begun, or it may have begun."""


@attrs.frozen(kw_only=True)
class OpenCall:
    """A tool call that had no output yet."""

    call_id: str
    state: CallState


@attrs.frozen(kw_only=True)
class StandingDecision:
    """A decision about tool calls that was made with ``always``; ``tool`` names the tool of an agent and server."""

    tool: str
    approved: bool
    message: str | None = None


@attrs.frozen(kw_only=True)
class AgentStep:
    """An agent that had handed over, and the names of the agents that it could hand back to."""

    agent: str
    ways_back: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class SessionSnapshot:
    """A session as it was at one moment.

    Attributes:
        version: of this form.
        agent: the name of the agent that answered.
        history: the items in order.
        calls: the tool calls of the history that had no output yet.
        awaits_response: a response was asked for, or had begun, and had not ended.
        decisions: what was decided with ``always``.
        ways_back: names of the agents that the current one can hand back to, beside its own handoffs.
        path: the agents that have handed over on the way to this one, the first one first.
        slots: the items of the named slots, by key.
        usage: the tokens so far, without the entries of single responses.
        seconds: how long the session had lasted.
    """

    version: int = SNAPSHOT_VERSION
    agent: str
    history: Sequence[RealtimeItem] = ()
    calls: Sequence[OpenCall] = ()
    awaits_response: bool = False
    decisions: Sequence[StandingDecision] = ()
    ways_back: Sequence[str] = ()
    path: Sequence[AgentStep] = ()
    slots: Mapping[str, str] = attrs.Factory(dict[str, str])
    usage: Usage = attrs.Factory(Usage)
    seconds: float = 0.0


@lru_cache(maxsize=1)
def _converter() -> JsonConverter:
    from cattrs.preconf.json import make_converter

    return make_converter()


def item_to_json(item: RealtimeItem) -> dict[str, Any]:
    """Give an item as a dict of JSON types."""
    return cast("dict[str, Any]", _converter().unstructure(item))


def to_json(snapshot: SessionSnapshot, history: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Give a snapshot as a dict of JSON types.

    Args:
        snapshot: the snapshot.
        history: its history, if that has been made JSON already.
    """
    plain = attrs.evolve(snapshot, history=())
    items = [item_to_json(item) for item in snapshot.history] if history is None else history
    return {**_converter().unstructure(plain), "history": items}


def read_snapshot(value: object, *, name: str = "resume") -> SessionSnapshot:
    """Read what :func:`to_json` gave.

    Raises:
        UserError: it is none, or of a later version; the error names the fault.
    """
    if isinstance(value, SessionSnapshot):
        return value
    given: Any = value
    if isinstance(given, Mapping):
        version = cast("Mapping[str, Any]", given).get("version")
        if isinstance(version, int) and version > SNAPSHOT_VERSION:
            text = f"{name}.version: {version} is of a later version of this library; this one reads {SNAPSHOT_VERSION}"
            raise UserError(text)
        if version != SNAPSHOT_VERSION:
            raise UserError(f"{name}.version: must be {SNAPSHOT_VERSION}; is this the snapshot of a session?")
    snapshot = structure(cast("object", given), SessionSnapshot, name=name)
    _check_ids(snapshot.history, f"{name}.history")
    return snapshot


def checked_history(history: object) -> tuple[RealtimeItem, ...]:
    """Read items to begin with: objects, or dicts of their fields; a dict without an ``item_id`` is given one.

    Raises:
        UserError: one is at fault; the error names it.
    """
    given: Any = history
    if isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        given = [_with_id(item) for item in _elements(given)]
    items: tuple[RealtimeItem, ...] = structure(
        cast("object", given), cast("Any", Sequence[RealtimeItem]), name="history"
    )
    _check_ids(items, "history")
    return items


def _elements(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value)


def _with_id(item: Any) -> Any:
    return {"item_id": new_id("item"), **cast("Mapping[str, Any]", item)} if isinstance(item, Mapping) else item


def _check_ids(items: Sequence[RealtimeItem], name: str) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if not 0 < len(item.item_id) <= _ITEM_ID_LENGTH:
            raise UserError(f"{name}[{index}].item_id: must have 1 to {_ITEM_ID_LENGTH} characters")
        if item.item_id in seen:
            raise UserError(f"{name}[{index}].item_id: {item.item_id!r} is there twice")
        seen.add(item.item_id)
