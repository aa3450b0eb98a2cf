"""What every server event is. They never leave this package, and so need not be frozen: making one costs half."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

__all__ = ["ServerEvent", "UnknownServerEvent"]


@attrs.define(kw_only=True)
class ServerEvent:
    """A server event. Fields are named as on the wire; only those that this library has a use for are here.

    Attributes:
        type: its type on the wire.
        event_id: its id; compatible servers leave it out.
    """

    type: ClassVar[str]
    event_id: str | None = None


@attrs.define(kw_only=True)
class UnknownServerEvent:
    """A server event of a type that this version does not know.

    Attributes:
        type: its type.
        data: the whole event.
    """

    type: str
    data: dict[str, Any]
