"""A plugin: the suite over one transport. ``python -m pytest -p tests.over --over websockets``.

Without it, tests talk to the local server in memory, or over sockets with the default transport. With it every client
makes WebSocket frames with the library that is named: in memory, too, over a stream and in virtual time.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
import trio
from trio.testing import memory_stream_pair

from trio_realtime.server import LocalServer
from trio_realtime.transport import trio_websocket
from trio_realtime.transport.base import Connector

NAMES = {"trio-websocket": "trio_websocket", "websockets": "websockets"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--over``."""
    parser.addoption("--over", choices=sorted(NAMES), default="trio-websocket", help="the transport of every client")


def pytest_configure(config: pytest.Config) -> None:
    """Put the transport in the place of the others, before any test module takes one of them."""
    module = importlib.import_module(f"trio_realtime.transport.{NAMES[config.getoption('--over')]}")
    trio_websocket.connect = module.connect
    trio_websocket.stream_connector = module.stream_connector
    LocalServer.connector = property(lambda server: _connector(server, module))  # type: ignore[assignment,method-assign]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what no WebSocket can do."""
    left = [item for item in items if item.get_closest_marker("wire_in_memory") is not None]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item.get_closest_marker("wire_in_memory") is None]


def _connector(server: LocalServer, module: ModuleType) -> Connector:
    """Give what opens connections to a server in memory, in frames."""

    async def open_stream() -> trio.abc.Stream:
        client, other = memory_stream_pair()
        trio.lowlevel.spawn_system_task(server.serve_stream, other)
        return client

    connector: Connector = module.stream_connector(open_stream)
    return connector
