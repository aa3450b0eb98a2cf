"""Requests, retries and lost connections, with a server that is written by hand and a clock that is ours."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.mcp.peers import HANG, HANG_UP, INITIALIZED, Fault, HandServer
from trio_realtime import RealtimeAgent, RunContextWrapper
from trio_realtime.errors import (
    AgentsException,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    ServerError,
    UserError,
    UserTypeError,
)
from trio_realtime.mcp import create_static_tool_filter
from trio_realtime.mcp.link import Link

DONE = {"content": [{"type": "text", "text": "done"}]}
ONE = {"name": "one", "inputSchema": {"type": "object"}}
TWO = {"name": "two", "inputSchema": {"type": "object"}}


async def names(server, **about) -> list[str]:
    return [tool.name for tool in await server.list_tools(**about)]


async def test_tools_are_listed_and_called(autojump_clock) -> None:
    given = []

    def call(params):
        given.append((params["name"], params["arguments"], params.get("_meta", {}).get("k")))
        return DONE

    async with HandServer({"tools/call": call}) as server:
        assert await names(server) == ["one"]
        result = await server.call_tool("one", {"x": 1})
        await server.call_tool("one", None or {}, {"k": "v"})
    assert result.content[0].text == "done"
    assert given == [("one", {"x": 1}, None), ("one", {}, "v")]


async def test_outside_of_its_block_a_server_is_of_no_use(autojump_clock) -> None:
    server = HandServer()
    for _ in range(2):
        with pytest.raises(UserError, match=r"was not entered; use it inside of 'async with server:'"):
            await server.list_tools()
        with pytest.raises(UserError, match="was not entered"):
            await server.call_tool("one", {})
        async with server:
            pass


async def test_pages_are_put_together(autojump_clock) -> None:
    pages = {None: {"tools": [ONE], "nextCursor": "2"}, "2": {"tools": [TWO]}}
    answers = {"tools/list": lambda params: pages[params.get("cursor")]}
    async with HandServer(answers) as server:
        assert await names(server) == ["one", "two"]
    async with HandServer(answers, max_list_pages=2) as server:
        assert await names(server) == ["one", "two"]
    async with HandServer(answers, max_list_pages=1) as server:
        with pytest.raises(UserError, match="lists more than 1 pages"):
            await server.list_tools()


async def test_pages_in_a_circle_end(autojump_clock) -> None:
    async with HandServer({"tools/list": {"tools": [ONE], "nextCursor": "2"}}) as server:
        with pytest.raises(ServerError, match="in a circle"):
            await server.list_tools()


async def test_the_cache_asks_once_and_is_filtered_each_time(autojump_clock) -> None:
    listed = [{"tools": [ONE, TWO]}, {"tools": [TWO]}]
    async with HandServer({"tools/list": listed}, cache_tools_list=True) as server:
        assert server.cached_tools is None
        for _ in range(2):
            assert await names(server) == ["one", "two"]
        (await server.list_tools())[0].input_schema.clear()
        server.tool_filter = lambda about, tool: tool.name == "one"
        assert await names(server, run_context=RunContextWrapper(None), agent=RealtimeAgent("a")) == ["one"]
        assert [tool.input_schema for tool in server.cached_tools or ()] == [{"type": "object"}] * 2
        assert server.seen.count("tools/list") == 1
        server.invalidate_tools_cache()
        server.tool_filter = None
        assert await names(server) == ["two"]
    assert server.cached_tools is None


async def test_a_list_that_is_being_asked_for_is_not_cached_if_the_cache_is_forgotten(autojump_clock) -> None:
    def first(params):
        server.invalidate_tools_cache()
        return {"tools": [ONE]}

    server = HandServer({"tools/list": [first, {"tools": [TWO]}]}, cache_tools_list=True)
    async with server:
        assert await names(server) == ["one"]
        assert server.cached_tools is None
        assert await names(server) == ["two"]
        assert server.cached_tools is not None


async def test_a_list_is_filtered(autojump_clock) -> None:
    answers = {"tools/list": {"tools": [ONE, TWO]}}
    async with HandServer(answers, tool_filter=create_static_tool_filter(blocked_tool_names=["one"])) as server:
        assert await names(server) == ["two"]


async def test_without_it_each_list_is_asked_for(autojump_clock) -> None:
    async with HandServer() as server:
        await server.list_tools()
        await server.list_tools()
    assert server.seen.count("tools/list") == 2


async def test_a_request_has_a_timeout(autojump_clock) -> None:
    async with HandServer({"tools/call": HANG}, client_session_timeout_seconds=7) as server:
        began = trio.current_time()
        with pytest.raises(RealtimeTimeoutError, match="calling 'one' was not done within 7 seconds") as caught:
            await server.call_tool("one", {})
        assert trio.current_time() - began == pytest.approx(7)
        assert (caught.value.name, caught.value.seconds) == ("mcp", 7)
        await trio.testing.wait_all_tasks_blocked()
        assert server.seen[-1] == "notifications/cancelled"


@pytest.mark.parametrize("seconds", [None, 0])
async def test_which_can_be_turned_off(seconds, autojump_clock) -> None:
    async with HandServer({"tools/call": HANG}, client_session_timeout_seconds=seconds) as server:
        with trio.move_on_after(10_000) as scope:
            await server.call_tool("one", {})
    assert scope.cancelled_caught


async def test_a_cancelled_call_is_told_to_the_server(autojump_clock) -> None:
    async with HandServer({"tools/call": HANG}, client_session_timeout_seconds=None) as server:
        with trio.move_on_after(1):
            await server.call_tool("one", {})
        assert trio.current_time() == pytest.approx(1)
        await trio.testing.wait_all_tasks_blocked()
        assert server.seen[-1] == "notifications/cancelled"
        assert await names(server) == ["one"]


@pytest.mark.parametrize("broken", [Fault(-32603, "oh"), HANG, HANG_UP, {"content": 3}])
async def test_failures_are_tried_again_with_growing_pauses(broken, autojump_clock) -> None:
    server = HandServer(
        {"tools/call": [broken, broken, broken, DONE]},
        max_retry_attempts=3,
        retry_backoff_seconds_base=2,
        retry_backoff_seconds_max=5,
    )
    async with server:
        began = trio.current_time()
        result = await server.call_tool("one", {})
        took = trio.current_time() - began
    assert result.content[0].text == "done"
    assert server.seen.count("tools/call") == 4
    assert took == pytest.approx(2 + 4 + 5 + (15 if broken is HANG else 0))


async def test_and_given_up_after_as_many_as_were_asked_for(autojump_clock) -> None:
    async with HandServer({"tools/list": HANG_UP}, max_retry_attempts=2) as server:
        with pytest.raises(RealtimeConnectionError, match="listing tools failed: the connection is lost") as caught:
            await server.list_tools()
        assert trio.current_time() == pytest.approx(3)
    assert caught.value.attempts == 3
    assert server.seen.count("tools/list") == 4  # once more at once, over a connection that is new
    assert server.connections == 4


async def test_the_default_is_not_to_try_again(autojump_clock) -> None:
    async with HandServer({"tools/call": Fault(-32603, "oh")}) as server:
        with pytest.raises(ServerError, match="oh"):
            await server.call_tool("one", {})
    assert server.seen.count("tools/call") == 1


async def test_what_cannot_get_better_is_not_tried_again(autojump_clock) -> None:
    async with HandServer({"tools/call": Fault(-32602, "no such tool")}, max_retry_attempts=-1) as server:
        with pytest.raises(ServerError, match="no such tool"):
            await server.call_tool("two", {})
    assert server.seen.count("tools/call") == 1


async def test_without_a_limit_it_goes_on_until_it_is_cancelled(autojump_clock) -> None:
    async with HandServer({"tools/call": Fault(-32603, "oh")}, max_retry_attempts=-1) as server:
        with trio.move_on_after(2**80) as scope:
            await server.call_tool("one", {})
    assert scope.cancelled_caught
    assert 70 < server.seen.count("tools/call") < 90


async def test_a_lost_connection_is_made_again_by_the_next_request(autojump_clock) -> None:
    async with HandServer({"tools/call": [HANG_UP, DONE]}) as server:
        with pytest.raises(RealtimeConnectionError, match="connection is lost"):
            await server.call_tool("one", {})
        assert server.connections == 1
        assert (await server.call_tool("one", {})).content[0].text == "done"
    assert server.connections == 2


async def test_a_server_that_went_away_meanwhile_is_connected_before_the_next_request(autojump_clock) -> None:
    async with HandServer({"tools/call": DONE}) as server:
        for connections in (1, 2, 3):
            assert server.connections == connections
            await server.send.aclose()
            await trio.testing.wait_all_tasks_blocked()
            assert (await server.call_tool("one", {})).content[0].text == "done"
    assert server.seen.count("tools/call") == 3


@pytest.mark.parametrize("ask", ["list_tools", "list_prompts", "list_resources", "list_resource_templates"])
async def test_a_list_is_asked_for_again_over_a_new_connection(ask, autojump_clock) -> None:
    lists = {
        "tools": "tools",
        "prompts": "prompts",
        "resources": "resources",
        "resources/templates": "resourceTemplates",
    }
    answers = {f"{name}/list": [HANG_UP, {key: []}] for name, key in lists.items()}
    async with HandServer(answers) as server:
        await getattr(server, ask)()
        assert server.connections == 2


async def test_but_a_call_is_not(autojump_clock) -> None:
    async with HandServer({"tools/call": [HANG_UP, DONE]}) as server:
        with pytest.raises(RealtimeConnectionError, match="connection is lost"):
            await server.call_tool("one", {})
    assert server.seen.count("tools/call") == 1


async def test_nor_a_list_over_a_connection_that_was_made_for_it(autojump_clock) -> None:
    async with HandServer({"tools/list": HANG_UP}) as server:
        await server.send.aclose()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RealtimeConnectionError, match="connection is lost"):
            await server.list_tools()
    assert server.seen.count("tools/list") == 1


async def test_several_calls_lose_it_together_and_make_it_once(autojump_clock) -> None:
    async with HandServer({"tools/call": [HANG, HANG, HANG_UP, DONE]}, max_retry_attempts=1) as server:
        texts = []

        async def call() -> None:
            texts.append((await server.call_tool("one", {})).content[0].text)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(call)
    assert texts == ["done"] * 3
    assert server.connections == 2


async def test_one_that_comes_while_it_is_made_waits_too(autojump_clock) -> None:
    async with HandServer({"tools/call": [HANG_UP, DONE]}, client_session_timeout_seconds=None) as server:
        with pytest.raises(RealtimeConnectionError):
            await server.call_tool("one", {})
        server.answers["initialize"] = HANG
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(server.call_tool, "one", {})
                await trio.testing.wait_all_tasks_blocked()
            assert server.connections == 2
            nursery.cancel_scope.cancel()


async def test_a_transport_that_breaks_meanwhile_breaks_nothing_else(autojump_clock) -> None:
    async with HandServer({"tools/call": [OSError("cable"), DONE]}) as server:
        with pytest.raises(RealtimeConnectionError, match="connection is lost"):
            await server.call_tool("one", {})
        await trio.sleep(1)
        server.refuse = OSError("unplugged")
        with pytest.raises(RealtimeConnectionError, match="connecting failed: unplugged"):
            await server.call_tool("one", {})
        server.refuse = None
        assert (await server.call_tool("one", {})).content[0].text == "done"


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Fault(-32603, "not today"), ServerError, "connecting failed: not today"),
        (HANG_UP, RealtimeConnectionError, "the connection is lost"),
        (HANG, RealtimeTimeoutError, r"an answer took too long \(client_session_timeout_seconds is 5\)"),
        ({"nonsense": 1}, ServerError, "not as the protocol has it"),
        (OSError("cable"), RealtimeConnectionError, "cable|connection is lost"),
    ],
)
async def test_a_server_that_does_not_shake_hands_is_not_entered(answer, kind, text, autojump_clock) -> None:
    server = HandServer({"initialize": answer})
    with pytest.raises(kind, match=text):
        async with server:
            pytest.fail("entered")
    assert not server.entered
    server.answers["initialize"] = INITIALIZED
    async with server:
        assert await names(server) == ["one"]


async def test_nor_one_that_cannot_be_reached(autojump_clock) -> None:
    server = HandServer()
    server.refuse = FileNotFoundError(2, "No such file or directory", "uvx")
    with pytest.raises(RealtimeConnectionError, match=r"connecting failed: .*No such file") as caught:
        async with server:
            pytest.fail("entered")
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_connecting_has_a_bound_of_its_own(autojump_clock) -> None:
    class Slow(HandServer):
        def create_streams(self):
            return self

        async def __aenter__(self):
            if self.connecting:
                await trio.sleep_forever()
            self.connecting = True
            return await super().__aenter__()

        connecting = False

    with pytest.raises(RealtimeTimeoutError, match="connecting was not done within 35 seconds"):
        async with Slow():
            pytest.fail("entered")
    assert trio.current_time() == pytest.approx(35)


async def test_a_timeout_of_the_network_is_no_timeout_of_ours(autojump_clock) -> None:
    server = HandServer()
    server.refuse = TimeoutError(110, "Connection timed out")
    with pytest.raises(RealtimeConnectionError, match=r"connecting failed: .*Connection timed out"):
        async with server:
            pytest.fail("entered")
    server.refuse = TimeoutError()
    server.client_session_timeout_seconds = None
    with pytest.raises(RealtimeTimeoutError, match=r"connecting failed: an answer took too long$"):
        async with server:
            pytest.fail("entered")


async def test_entering_can_be_cancelled(autojump_clock) -> None:
    server = HandServer({"initialize": HANG}, client_session_timeout_seconds=None)
    with trio.move_on_after(3) as scope:
        async with server:
            pytest.fail("entered")
    assert scope.cancelled_caught
    assert trio.current_time() == pytest.approx(3)
    assert not server.entered


async def test_what_the_body_raises_is_raised_as_it_is(autojump_clock) -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        async with HandServer():
            raise error
    assert caught.value is error
    assert caught.value.__context__ is None


async def test_a_body_that_is_cancelled_leaves_in_order(autojump_clock) -> None:
    with trio.move_on_after(1) as scope:
        async with HandServer() as server:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    assert await names(server) == ["one"]  # still there
    assert scope.cancelled_caught


async def test_a_call_beyond_the_block_ends_with_it(autojump_clock) -> None:
    errors = []

    async def call(server) -> None:
        try:
            await server.call_tool("one", {})
        except AgentsException as error:
            errors.append(error)

    async with trio.open_nursery() as nursery:
        async with HandServer(
            {"tools/call": HANG}, client_session_timeout_seconds=None, max_retry_attempts=-1
        ) as server:
            nursery.start_soon(call, server)
            await trio.testing.wait_all_tasks_blocked()
    assert [type(error) for error in errors] == [UserError]
    assert "was not entered" in str(errors[0])


async def test_a_transport_that_does_not_close_is_given_up(autojump_clock) -> None:
    class Sticky(HandServer):
        def create_streams(self):
            return _Sticky(super().create_streams())

    class _Sticky:
        def __init__(self, inner) -> None:
            self.inner = inner

        async def __aenter__(self):
            return await self.inner.__aenter__()

        async def __aexit__(self, *details):
            try:
                await trio.sleep_forever()
            finally:
                await self.inner.__aexit__(*details)

    async with Sticky():
        pass
    assert trio.current_time() == pytest.approx(5)


@pytest.mark.parametrize("wait", [False, True])
async def test_notifications_go_to_the_handler(wait, autojump_clock) -> None:
    seen = []

    async def later(message) -> None:
        seen.append(message.method)

    handler = later if wait else lambda message: seen.append(message.method)
    async with HandServer(message_handler=handler) as server:
        await server.notify("notifications/tools/list_changed")
        await trio.testing.wait_all_tasks_blocked()
        assert seen == ["notifications/tools/list_changed"]


async def test_a_handler_that_raises_breaks_nothing(autojump_clock, caplog) -> None:
    async def broken(message) -> None:
        raise KeyError("mine")

    async with HandServer(message_handler=broken) as server:
        await server.notify("notifications/tools/list_changed")
        await trio.testing.wait_all_tasks_blocked()
        assert await names(server) == ["one"]
    assert "mine" in caplog.text


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"client_session_timeout_seconds": -1}, UserError, "client_session_timeout_seconds: must be 0 or"),
        ({"client_session_timeout_seconds": "5"}, UserTypeError, "not str"),
        ({"client_session_timeout_seconds": True}, UserTypeError, "not bool"),
        ({"retry_backoff_seconds_base": None}, UserTypeError, "retry_backoff_seconds_base: .* not NoneType"),
        ({"retry_backoff_seconds_max": float("inf")}, UserError, "retry_backoff_seconds_max"),
        ({"max_retry_attempts": -2}, UserError, "max_retry_attempts: must be a whole number of at least -1"),
        ({"max_retry_attempts": 1.5}, UserTypeError, "max_retry_attempts"),
        ({"max_retry_attempts": None}, UserTypeError, "max_retry_attempts"),
        ({"max_list_pages": 0}, UserError, "at least 1"),
        ({"message_handler": "x"}, UserTypeError, "message_handler: must be a function"),
        ({"cache_tools_list": "yes"}, UserTypeError, "cache_tools_list: must be a bool, not str"),
        ({"name": 5}, UserTypeError, "name: must be text or None, not int"),
        ({"use_structured_content": "x"}, UserTypeError, "use_structured_content: must be a bool, not str"),
        ({"tool_input_guardrails": 5}, UserTypeError, "must be a list of ToolInputGuardrail or None, not int"),
        ({"tool_output_guardrails": [5]}, UserTypeError, "must be a list of ToolOutputGuardrail, not of int"),
        ({"tool_filter": 5}, UserTypeError, "tool_filter: must be a function, or a dict of lists of names, not int"),
    ],
)
def test_options_are_checked(options, kind, text) -> None:
    with pytest.raises(kind, match=text):
        HandServer(**options)


async def test_a_link_that_was_left_gives_nothing(autojump_clock) -> None:
    link = Link(HandServer()._client, connect_seconds=1)
    link.leave()
    await link.run()
    with pytest.raises(OSError, match="was left"):
        await link.get()


@pytest.mark.parametrize("beside", [False, True])
async def test_a_transport_that_fails_while_it_is_cancelled_fails_alone(beside, autojump_clock) -> None:
    class Broken(HandServer):
        @asynccontextmanager
        async def create_streams(self):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.fail)
                await self.wait()
            yield

        async def wait(self):
            await trio.sleep_forever() if beside else await self.fail()

        async def fail(self):
            try:
                await trio.sleep_forever()
            finally:
                raise OSError("cable")

    with trio.move_on_after(1) as scope:
        async with Broken():
            pytest.fail("entered")
    assert scope.cancelled_caught


@pytest.mark.parametrize("when", ["while it is made", "in the moment that it is made"])
async def test_a_connection_that_is_lost_as_soon_as_it_is_made_is_none(when, autojump_clock) -> None:
    class Brief:
        def __init__(self, ended):
            self.ended = ended

        async def __aenter__(self):
            self.ended()
            return self

        async def __aexit__(self, *_):
            if when == "while it is made":
                self.ended()

    link = Link(Brief, connect_seconds=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        for _ in range(2):
            with pytest.raises(OSError, match="was lost"):
                await link.get()
            assert not link.connected
        link.leave()


async def test_the_end_of_an_older_connection_is_not_that_of_the_newer(autojump_clock) -> None:
    ends = []

    class Short:
        def __init__(self, ended):
            ends.append(ended)

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

    link = Link(Short, connect_seconds=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        try:
            await link.get()
            ends[0]()
            assert not link.connected
            client = await link.get()
            ends[0]()
            assert link.connected
            assert await link.get() is client
        finally:
            link.leave()


async def test_left_in_the_moment_of_being_connected(autojump_clock) -> None:
    class Late(HandServer):
        @asynccontextmanager
        async def create_streams(self):
            async with super().create_streams() as streams:
                self.late()
                yield streams

    server = Late()
    link = Link(server._client, connect_seconds=10)
    server.late = lambda: setattr(link, "_leaving", True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        with pytest.raises(OSError, match="was left"):
            await link.get()
