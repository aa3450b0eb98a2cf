"""The 46 server events of the Realtime API (GA names), and the table from a type to its class.

Source: the protocol's reference and the official ``openai`` types.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from trio_realtime.openai import server_events_response as response
from trio_realtime.openai import server_events_session as session
from trio_realtime.openai.server_event import ServerEvent, UnknownServerEvent

__all__ = ["SERVER_EVENTS", "ServerEvent", "UnknownServerEvent"]


def _classes() -> dict[str, type[ServerEvent]]:
    table: dict[str, type[ServerEvent]] = {}
    for module in (session, response):
        for name in module.__all__:
            cls: type[ServerEvent] = getattr(module, name)
            table[cls.type] = cls
    return table


SERVER_EVENTS: Final[Mapping[str, type[ServerEvent]]] = MappingProxyType(_classes())
"""The class of each type."""
