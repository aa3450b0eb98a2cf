"""Servers of one's own: entering, leaving, options."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from tests.mcp.peers import OwnServer
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.mcp import MCPServer


async def test_a_server_is_entered_and_left_any_number_of_times() -> None:
    server = OwnServer()
    assert not server.entered
    for _ in range(2):
        async with server as entered:
            assert entered is server
            assert server.entered
    assert not server.entered
    assert server.log == ["entered", "left"] * 2


async def test_but_not_twice_at_once() -> None:
    server = OwnServer()
    async with server:
        with pytest.raises(UserError, match="is entered already"):
            async with server:
                pass
        assert server.entered
    with pytest.raises(UserError, match="was not entered"):
        await server.__aexit__(None, None, None)


@pytest.mark.parametrize("moment", ["while it is entered", "while it is left"])
async def test_nor_while_it_is_on_the_way(moment, autojump_clock) -> None:
    class Slow(OwnServer):
        @asynccontextmanager
        async def lifespan(self):
            await trio.sleep(3)
            yield
            await trio.sleep(3)

    server = Slow()

    async def look() -> None:
        await trio.sleep(1 if moment == "while it is entered" else 4)
        assert not server.entered
        with pytest.raises(UserError, match="is entered already"):
            await server.__aenter__()
        with pytest.raises(UserError, match="was not entered"):
            await server.__aexit__(None, None, None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        async with server:
            assert server.entered
    assert trio.current_time() == pytest.approx(6)


async def test_a_server_that_cannot_be_entered_is_not_entered() -> None:
    class Broken(OwnServer):
        def lifespan(self):
            raise KeyError("mine")

    server = Broken()
    with pytest.raises(KeyError, match="mine"):
        async with server:
            pass
    assert not server.entered


async def test_what_the_body_raises_is_raised() -> None:
    server = OwnServer()
    with pytest.raises(KeyError):
        async with server:
            raise KeyError
    with trio.CancelScope() as scope:
        async with server:
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert server.log == ["entered", "left"] * 2


async def test_a_server_needs_no_lifespan() -> None:
    class Least(MCPServer):
        name = "least"

        async def list_tools(self, run_context=None, agent=None):
            return []

        async def call_tool(self, tool_name, arguments, meta=None):
            raise NotImplementedError

    async with Least() as server:
        assert server.entered


class Forgetful(MCPServer):
    def __init__(self):
        pass

    @property
    def name(self):
        return self._name

    async def list_tools(self, run_context=None, agent=None):
        return []

    async def call_tool(self, tool_name, arguments, meta=None):
        raise NotImplementedError


async def test_a_subclass_that_forgets_our_init_is_told() -> None:
    server = Forgetful()
    assert not server.entered
    with pytest.raises(UserError, match=r"^MCP server Forgetful: does not call super\(\)\.__init__\(\)$"):
        await server.__aenter__()
    server._name = "books"
    with pytest.raises(UserError, match=r"^MCP server 'books': does not call super"):
        await server.__aenter__()
    with pytest.raises(UserError, match="was not entered"):
        await server.__aexit__(None, None, None)


async def test_a_name_is_text() -> None:
    server = OwnServer(name=5)  # type: ignore[arg-type]
    with pytest.raises(UserTypeError, match="MCP server 5: the name must be text, not int"):
        await server.__aenter__()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"custom_data_extractor": len}, "custom_data_extractor is not available"),
        ({"failure_error_function": "x"}, "failure_error_function must be a function or None, not str"),
        ({"tool_meta_resolver": {}}, "tool_meta_resolver must be a function"),
    ],
)
def test_options_are_checked(options, text) -> None:
    with pytest.raises(UserError, match=text):
        OwnServer(**options)
