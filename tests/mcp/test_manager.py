"""Many servers: entered and left together, with or without those that fail."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from tests.mcp.peers import HandServer, OwnServer
from trio_realtime.errors import RealtimeTimeoutError, UserError, UserTypeError
from trio_realtime.mcp import MCPServerManager


class Slow(OwnServer):
    """Takes seconds to be entered, and to be left; may raise instead."""

    def __init__(self, name="slow", *, enter=0.0, leave=0.0, error=None, late=None, log=None) -> None:
        super().__init__(name=name)
        self.enter, self.leave, self.error, self.late = enter, leave, error, late
        self.log = [] if log is None else log

    @asynccontextmanager
    async def lifespan(self):
        await trio.sleep(self.enter)
        if self.error is not None:
            raise self.error
        self.log.append(f"{self.name} entered")
        try:
            yield
        finally:
            try:
                with trio.CancelScope(shield=self.leave < 1):
                    await trio.sleep(self.leave)
            finally:
                self.log.append(f"{self.name} left")
        if self.late is not None:
            raise self.late


async def test_servers_are_entered_in_order_and_left_in_reverse(autojump_clock) -> None:
    log: list[str] = []
    one, two = Slow("one", enter=3, log=log), Slow("two", enter=4, log=log)
    manager = MCPServerManager([one, two, one])
    assert (manager.all_servers, manager.active_servers) == ([one, two], [])
    async with manager as entered:
        assert entered is manager
        assert trio.current_time() == pytest.approx(7)
        assert manager.active_servers == [one, two]
    assert log == ["one entered", "two entered", "two left", "one left"]
    assert manager.active_servers == []
    assert manager.errors == {}


async def test_or_all_at_once(autojump_clock) -> None:
    one, two = Slow("one", enter=3), Slow("two", enter=4)
    async with MCPServerManager([one, two], connect_in_parallel=True) as manager:
        assert trio.current_time() == pytest.approx(4)
        assert manager.active_servers == [one, two]


@pytest.mark.parametrize("parallel", [False, True])
async def test_one_that_fails_is_left_out(parallel, autojump_clock) -> None:
    error = KeyError("mine")
    good, bad, late = Slow("good"), Slow("bad", error=error), Slow("late", enter=20)
    async with MCPServerManager([bad, late, good], connect_in_parallel=parallel) as manager:
        assert trio.current_time() == pytest.approx(10)
        assert manager.active_servers == [good]
        assert manager.failed_servers == [bad, late]
        assert manager.errors[bad] is error
        failure = manager.errors[late]
        assert isinstance(failure, RealtimeTimeoutError)
        assert str(failure) == "MCP server 'late': was not connected within 10 seconds"


async def test_or_stays_if_that_is_wanted(autojump_clock) -> None:
    bad = Slow(error=KeyError())
    async with MCPServerManager([bad], drop_failed_servers=False) as manager:
        assert manager.active_servers == manager.failed_servers == [bad]


@pytest.mark.parametrize("parallel", [False, True])
async def test_strict_raises_and_leaves_the_others(parallel, autojump_clock) -> None:
    error, log = KeyError("mine"), []
    servers = [Slow("good", log=log), Slow("bad", enter=1, error=error), Slow("never", enter=5, log=log)]
    manager = MCPServerManager(servers, strict=True, connect_in_parallel=parallel)
    with pytest.raises(KeyError) as caught:
        async with manager:
            pytest.fail("entered")
    assert caught.value is error
    assert log == ["good entered", "good left"]
    assert not any(server.entered for server in servers)
    assert trio.current_time() == pytest.approx(1)


async def test_without_a_limit_it_waits(autojump_clock) -> None:
    slow = Slow(enter=5_000, leave=5_000)
    async with MCPServerManager([slow], connect_timeout_seconds=None, cleanup_timeout_seconds=None):
        assert slow.entered
    assert trio.current_time() == pytest.approx(10_000)


async def test_leaving_has_a_limit_each(autojump_clock) -> None:
    log: list[str] = []
    one, two = Slow("one", leave=1_000, log=log), Slow("two", leave=1_000, log=log)
    async with MCPServerManager([one, two], cleanup_timeout_seconds=3) as manager:
        pass
    assert trio.current_time() == pytest.approx(6)
    assert log == ["one entered", "two entered", "two left", "one left"]
    assert manager.active_servers == []


async def test_a_failure_on_leaving_is_told(autojump_clock) -> None:
    error = KeyError("mine")
    bad, good = Slow(late=error), Slow()
    async with MCPServerManager([bad, good]) as manager:
        pass
    assert manager.errors == {bad: error}
    assert good.log == ["slow entered", "slow left"]


async def test_the_body_s_own_error_is_raised_as_it_is(autojump_clock) -> None:
    error = KeyError("mine")
    slow = Slow()
    with pytest.raises(KeyError) as caught:
        async with MCPServerManager([slow]):
            raise error
    assert caught.value is error
    assert slow.log == ["slow entered", "slow left"]


async def test_a_cancelled_body_still_has_its_servers(autojump_clock) -> None:
    slow = Slow(leave=0.5)
    with trio.move_on_after(2) as scope:
        async with MCPServerManager([slow]):
            try:
                await trio.sleep_forever()
            finally:
                assert slow.entered
    assert scope.cancelled_caught
    assert slow.log == ["slow entered", "slow left"]


@pytest.mark.parametrize("parallel", [False, True])
async def test_entering_can_be_cancelled(parallel, autojump_clock) -> None:
    servers = [Slow("one"), Slow("two", enter=8), Slow("three", enter=9)]
    with trio.move_on_after(2) as scope:
        async with MCPServerManager(servers, connect_in_parallel=parallel):
            pytest.fail("entered")
    assert scope.cancelled_caught
    assert trio.current_time() == pytest.approx(2)
    assert not any(server.entered for server in servers)
    assert servers[0].log == ["one entered", "one left"]


async def test_those_that_failed_can_be_tried_again(autojump_clock) -> None:
    good, bad, worse = Slow("good"), Slow("bad", error=KeyError()), Slow("worse", error=KeyError())
    async with MCPServerManager([good, bad, worse]) as manager:
        bad.error = None
        assert await manager.reconnect() == [good, bad]
        assert manager.failed_servers == [worse]
        assert set(manager.errors) == {worse}
        assert good.log == ["good entered"]
        assert await manager.reconnect(failed_only=False) == [good, bad]
        assert good.log == ["good entered", "good left", "good entered"]
        manager.strict = True
        with pytest.raises(KeyError):
            await manager.reconnect()
        with trio.move_on_after(1) as scope:
            worse.error, worse.enter = None, 5
            await manager.reconnect()
        assert scope.cancelled_caught
        assert manager.active_servers == [good, bad]
    assert not worse.entered


async def test_a_reconnect_that_is_cancelled_leaves_none_unaccounted_for(autojump_clock) -> None:
    one, two, three = Slow("one"), Slow("two"), Slow("three")
    async with MCPServerManager([one, two, three]) as manager:
        two.enter = 5
        with trio.move_on_after(1):
            await manager.reconnect(failed_only=False)
        assert (manager.active_servers, manager.failed_servers) == ([one], [two, three])
        for server in (two, three):
            assert str(manager.errors[server]) == f"MCP server {server.name!r}: was not connected again"
        assert await manager.reconnect() == [one, two, three]
        assert manager.errors == {}


async def test_a_strict_reconnect_raises_and_the_others_stay(autojump_clock) -> None:
    error = KeyError("mine")
    one, bad, never = Slow("one"), Slow("bad"), Slow("never")
    async with MCPServerManager([one, bad, never], strict=True) as manager:
        bad.error = error
        with pytest.raises(KeyError) as caught:
            await manager.reconnect(failed_only=False)
        assert caught.value is error
        assert (manager.active_servers, manager.failed_servers) == ([one], [bad, never])
        assert manager.errors[bad] is error
        assert one.entered


@pytest.mark.parametrize("parallel", [False, True])
async def test_a_reconnect_that_the_end_overtakes_is_told(parallel, autojump_clock) -> None:
    errors = []

    async def again(manager) -> None:
        with pytest.raises(UserError, match="the MCP server manager is not entered") as caught:
            await manager.reconnect(failed_only=False)
        errors.append(caught.value)

    one, two = Slow("one"), Slow("two")
    async with trio.open_nursery() as nursery:
        async with MCPServerManager([one, two], connect_in_parallel=parallel) as manager:
            one.enter = two.enter = 5
            nursery.start_soon(again, manager)
            await trio.sleep(1)
    assert len(errors) == 1
    assert not one.entered
    assert not two.entered


async def test_a_server_that_fails_while_it_is_held_is_told(autojump_clock) -> None:
    class Fragile(OwnServer):
        error: Exception | None = OSError("cable")

        @asynccontextmanager
        async def lifespan(self):
            with trio.CancelScope() as scope:
                if self.error is not None:
                    scope.deadline = trio.current_time() + 3
                yield
            if scope.cancelled_caught:
                raise self.error

    server, other = Fragile(name="fragile"), Slow()
    async with MCPServerManager([server, other]) as manager:
        assert manager.active_servers == [server, other]
        await trio.sleep(4)
        assert (manager.active_servers, manager.failed_servers) == ([other], [server])
        assert manager.errors == {server: server.error}
        server.error = None
        assert await manager.reconnect() == [server, other]
        assert manager.errors == {}


async def test_a_manager_is_used_inside_of_its_block_once_at_a_time(autojump_clock) -> None:
    manager = MCPServerManager([Slow()])
    with pytest.raises(UserError, match="is not entered"):
        await manager.reconnect()
    with pytest.raises(UserError, match="was not entered"):
        await manager.__aexit__(None, None, None)
    for _ in range(2):
        async with manager:
            with pytest.raises(UserError, match="entered already"):
                await manager.__aenter__()
    with pytest.raises(UserError, match="is not entered"):
        await manager.reconnect(failed_only=False)


async def test_a_server_that_is_entered_elsewhere_fails(autojump_clock) -> None:
    async with Slow() as slow:
        async with MCPServerManager([slow]) as manager:
            assert "is entered already" in str(manager.errors[slow])
            assert (manager.active_servers, manager.failed_servers) == ([], [slow])
        assert slow.entered


async def test_it_holds_servers_that_speak_mcp(autojump_clock) -> None:
    servers = [HandServer(name="one"), HandServer(name="two")]
    async with MCPServerManager(servers, connect_in_parallel=True) as manager:
        for server in manager.active_servers:
            assert [tool.name for tool in await server.list_tools()] == ["one"]
    assert len(servers[0].seen) > 2


@pytest.mark.parametrize(
    ("servers", "options", "kind", "text"),
    [
        (["x"], {}, UserTypeError, "servers: must be of MCPServer, not str"),
        (5, {}, UserTypeError, "servers: must be a list of MCPServer, not int"),
        (OwnServer(), {}, UserTypeError, "servers: must be a list of MCPServer, not OwnServer"),
        ([], {"strict": "yes"}, UserTypeError, "strict: must be a bool, not str"),
        ([], {"drop_failed_servers": None}, UserTypeError, "drop_failed_servers: must be a bool"),
        ([], {"connect_in_parallel": 1}, UserTypeError, "connect_in_parallel: must be a bool"),
        ([], {"connect_timeout_seconds": 0}, UserError, "connect_timeout_seconds must be a positive"),
        ([], {"cleanup_timeout_seconds": "1"}, UserError, "cleanup_timeout_seconds"),
    ],
)
def test_arguments_are_checked(servers, options, kind, text) -> None:
    with pytest.raises(kind, match=text):
        MCPServerManager(servers, **options)
