"""The three kinds, with real processes and sockets; and their parameters."""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import trio

from tests.mcp.peers import SCRIPT, STDIO, web_server
from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, UserError, UserTypeError
from trio_realtime.mcp import (
    MCPServerSse,
    MCPServerSseParams,
    MCPServerStdio,
    MCPServerStdioParams,
    MCPServerStreamableHttp,
)

SECRET = "canary"


def fail(**options):
    raise KeyError(str(options))


KINDS = {"sse": MCPServerSse, "http": MCPServerStreamableHttp}


async def check(server) -> None:
    names = [tool.name for tool in await server.list_tools()]
    assert {"add", "picture", "hang", "die"} <= set(names)
    assert (await server.call_tool("add", {"a": 1, "b": 2})).content[0].text == "3"
    result = await server.call_tool("fail", {})
    assert result.is_error
    assert "there is no such thing" in result.content[0].text
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.call_tool, "hang", {})
            assert (await server.call_tool("add", {"a": 2, "b": 2})).content[0].text == "4"
            scope.cancel()
    assert [prompt.name for prompt in (await server.list_prompts()).prompts] == ["greet"]
    assert "Ada" in (await server.get_prompt("greet", {"name": "Ada"})).messages[0].content.text
    assert str((await server.list_resources()).resources[0].uri) == "note://one"
    assert (await server.list_resource_templates()).resource_templates == []
    assert (await server.read_resource("note://one")).contents[0].text == "remember"


async def test_stdio() -> None:
    async with MCPServerStdio(STDIO) as server:
        assert server.name == f"stdio: {os.path.basename(sys.executable)}"
        await check(server)
        process = int((await server.call_tool("process", {})).content[0].text)
        with pytest.raises(RealtimeConnectionError, match="calling 'die' failed: the connection is lost"):
            await server.call_tool("die", {})
        again = int((await server.call_tool("process", {})).content[0].text)
        assert again != process
    with pytest.raises(ProcessLookupError):
        os.kill(again, 0)


async def test_a_process_that_dies_while_nothing_is_asked_is_started_again() -> None:
    async with MCPServerStdio(STDIO) as server:
        for ask in (lambda: server.call_tool("add", {"a": 1, "b": 2}), server.list_tools):
            os.kill(int((await server.call_tool("process", {})).content[0].text), signal.SIGKILL)
            while server._link.connected:
                await trio.sleep(0.001)
            await ask()


async def test_a_body_that_is_cancelled_leaves_no_process() -> None:
    with trio.CancelScope() as scope:
        async with MCPServerStdio(STDIO) as server:
            process = int((await server.call_tool("process", {})).content[0].text)
            scope.cancel()
            await trio.sleep_forever()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_http(kind) -> None:
    async with web_server(kind) as (url, _):
        async with KINDS[kind]({"url": f"{url}?key={SECRET}", "headers": {"x-key": SECRET}}) as server:
            await check(server)
            for tool in ("die", "add"):
                with pytest.raises(RealtimeConnectionError) as caught:
                    await server.call_tool(tool, {"a": 1, "b": 2})
                assert SECRET not in str(caught.value)
                assert caught.value.__cause__ is caught.value.__context__ is None
        assert SECRET not in server.name + repr(server.params)


async def test_a_server_that_stalls_is_too_slow() -> None:
    async with web_server("http") as (url, process):
        async with MCPServerStreamableHttp({"url": url}, client_session_timeout_seconds=0.2) as server:
            process.send_signal(signal.SIGSTOP)
            with pytest.raises(RealtimeTimeoutError, match=r"within 0.2 seconds"):
                await server.list_tools()


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_there(kind, unused_port) -> None:
    with pytest.raises(RealtimeConnectionError, match="connecting failed: ConnectError"):
        async with KINDS[kind]({"url": f"http://127.0.0.1:{unused_port}/"}):
            pytest.fail("entered")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_refuses(kind) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == SECRET
        return httpx2.Response(401, text="who are you?")

    made = []

    def factory(headers=None, timeout=None, auth=None):
        made.append(timeout)
        return httpx2.AsyncClient(headers=headers, auth=auth, transport=httpx2.MockTransport(refuse))

    params = {
        "url": "http://mcp.test/",
        "headers": {"authorization": SECRET},
        "httpx_client_factory": factory,
        "timeout": timedelta(seconds=2),
        "sse_read_timeout": 9,
    }
    with pytest.raises(RealtimeConnectionError, match="connecting failed: HTTP 401") as caught:
        async with KINDS[kind](params):
            pytest.fail("entered")
    assert caught.value.reason == "HTTP 401"
    assert made == [httpx2.Timeout(2, read=9)]


async def test_a_session_of_an_older_server_has_an_id() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "DELETE":
            gone.append(request.headers["mcp-session-id"])
            return httpx2.Response(200)
        if b'"initialize"' not in request.read():
            return httpx2.Response(202 if b'"id"' not in request.read() else 404)
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
        body = {
            "jsonrpc": "2.0",
            "id": int(request.read().split(b'"id":')[1].split(b",")[0].strip(b" }")),
            "result": result,
        }
        return httpx2.Response(200, json=body, headers={"mcp-session-id": "s-1"})

    def factory(**options):
        return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))

    for close in (True, False):
        gone: list[str] = []
        params = {"url": "http://mcp.test/", "httpx_client_factory": factory, "terminate_on_close": close}
        async with MCPServerStreamableHttp(params) as server:
            assert server.session_id == "s-1"
        assert gone == (["s-1"] if close else [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"httpx_client_factory": lambda **options: object()}, "must give an httpx2.AsyncClient, not object"),
        ({"httpx_client_factory": lambda headers: None}, r"the HTTP client cannot be made \(TypeError\)"),
        ({"httpx_client_factory": fail}, r"the HTTP client cannot be made \(KeyError\)"),
    ],
)
async def test_clients_that_are_none(kind, params, text) -> None:
    with pytest.raises(UserError, match=text) as caught:
        async with KINDS[kind]({"url": "http://mcp.test/", "headers": {"a": SECRET}, "auth": SECRET, **params}):
            pytest.fail("entered")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_authenticates(kind) -> None:
    for auth in (None, httpx2.BasicAuth("a", "b"), ("a", "b"), lambda request: request):
        KINDS[kind]({"url": "http://mcp.test/", "auth": auth})
    for auth in (f"Bearer {SECRET}", 3, (SECRET,), (SECRET, 1)):
        with pytest.raises(
            UserTypeError, match=r"params.auth: must be an httpx2.Auth, .* not (str|int|tuple)"
        ) as caught:
            KINDS[kind]({"url": "http://mcp.test/", "auth": auth})
        assert SECRET not in str(caught.value)


async def test_a_command_that_is_not_there() -> None:
    with pytest.raises(RealtimeConnectionError, match=r"connecting failed: .*No such file"):
        async with MCPServerStdio({"command": "/nowhere/no-such-command"}):
            pytest.fail("entered")


@pytest.mark.parametrize("stderr", [None, object()])
async def test_without_a_file_for_errors_they_go_nowhere(stderr, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    server = MCPServerStdio({**STDIO, "env": {"PYTHONUTF8": "1"}, "cwd": Path(SCRIPT).parent})
    async with server:
        assert (await server.call_tool("add", {"a": 1, "b": 2})).content[0].text == "3"


@pytest.mark.parametrize(
    ("cls", "params", "kind", "text"),
    [
        (MCPServerStdio, {"comand": "x"}, UserError, "params.comand: is not a key .* did you mean 'command'"),
        (MCPServerStdio, {}, UserError, "params.command: is missing"),
        (MCPServerStdio, {"command": "x", "args": "y"}, UserTypeError, r"params.args: must be a list"),
        (MCPServerStdio, {"command": "x", "encoding_error_handler": "drop"}, UserError, "encoding_error_handler"),
        (MCPServerSse, {"url": "x", "header": {}}, UserError, "did you mean 'headers'"),
        (MCPServerSse, {"url": "x", "headers": {"a": 1}}, UserTypeError, "params.headers.a: must be text"),
        (MCPServerSse, {"url": "x", "terminate_on_close": True}, UserError, "not a key of MCPServerSseParams"),
        (MCPServerStreamableHttp, {"url": "x", "timeout": "5"}, UserTypeError, "params.timeout: must be a number or"),
        (MCPServerStreamableHttp, "http://x", UserTypeError, "must be .* or a dict, not str"),
        (MCPServerStreamableHttp, {"url": ""}, UserError, "params.url: must begin with http:// or https://"),
        (MCPServerStreamableHttp, {"url": "nonsense"}, UserError, "params.url: must begin"),
        (MCPServerSse, {"url": "ftp://x"}, UserError, "params.url: must begin"),
        (MCPServerSse, {"url": "http://[::1"}, UserError, "params.url: is not valid"),
        (MCPServerSse, {"url": "http://x:99999"}, UserError, "params.url: is not valid"),
        (MCPServerSse, {"url": "http://x\n"}, UserError, "params.url: is not valid"),
        (MCPServerSse, {"url": "http://x y"}, UserError, "params.url: has a blank"),
        (MCPServerSse, {"url": "http:///mcp"}, UserError, "params.url: the host or the port is missing"),
        (MCPServerSse, {"url": "http://x", "timeout": -1}, UserError, "params.timeout: must be more than 0"),
        (MCPServerSse, {"url": "http://x", "timeout": timedelta()}, UserError, "params.timeout: must be more than 0"),
        (MCPServerSse, {"url": "http://x", "sse_read_timeout": 0}, UserError, "params.sse_read_timeout: must be more"),
        (MCPServerSse, {"url": "http://x", "headers": {"a b": "c"}}, UserError, "params.headers: 'a b' is not a valid"),
        (MCPServerSse, {"url": "http://x", "headers": {"a": "b\nc: d"}}, UserError, "params.headers: .*'a' has a line"),
        (MCPServerSse, {"url": "http://x", "headers": {"a": "é"}}, UserError, "params.headers: .* cannot be sent"),
        (MCPServerSse, {"url": "http://x", "headers": {"Upgrade": "x"}}, UserError, "belongs to the HTTP library"),
        (MCPServerSse, MCPServerSseParams(url=5), UserTypeError, "params.url: must be text, not int"),
        (
            MCPServerStreamableHttp,
            {"url": "http://x", "ignore_initialized_notification_failure": True},
            UserError,
            "ignore_initialized_notification_failure: the MCP SDK does not tell",
        ),
        (MCPServerStdio, {"command": ""}, UserError, "params.command: is empty"),
        (MCPServerStdio, {"command": "a\0b"}, UserError, "params.command: has a NUL"),
        (MCPServerStdio, {"command": "a", "args": ["\0"]}, UserError, "params.args: has a NUL"),
        (MCPServerStdio, {"command": "a", "env": {"A": "\0"}}, UserError, "params.env: has a NUL"),
        (MCPServerStdio, {"command": "a", "env": {"A=B": "c"}}, UserError, "params.env: a name is empty, or has a '='"),
        (MCPServerStdio, {"command": "a", "cwd": "\0"}, UserError, "params.cwd: has a NUL"),
        (MCPServerStdio, {"command": "a", "cwd": 5}, UserTypeError, "params.cwd: must be text or .*, not int"),
        (MCPServerStdio, {"command": "\ud800"}, UserError, "params.command: has a character that cannot be given"),
        (MCPServerStdio, {"command": "a", "encoding": "nope"}, UserError, "params.encoding: 'nope' is no encoding"),
        (MCPServerStdio, {"command": "a", "encoding": "base64"}, UserError, "params.encoding: 'base64' is no encoding"),
    ],
)
def test_parameters_are_checked(cls, params, kind, text) -> None:
    with pytest.raises(kind, match=text):
        cls(params)


def test_parameters_can_be_objects_and_show_no_secret() -> None:
    stdio = MCPServerStdioParams(command="x", args=[SECRET], env={"KEY": SECRET})
    assert MCPServerStdio(stdio).params is stdio
    sse = MCPServerSseParams(url=f"http://user:{SECRET}@host/{SECRET}?k={SECRET}#{SECRET}", headers={"a": SECRET})
    auth = MCPServerSseParams(url="http://host", auth=("a", SECRET))
    assert SECRET not in repr(stdio) + repr(sse) + repr(auth)
    assert MCPServerSse(sse).name == "sse: http://host"
    assert MCPServerStreamableHttp({"url": f"https://h:8/{SECRET}"}).name == "streamable_http: https://h:8"
    assert MCPServerSse({"url": f"http://user:1/{SECRET}@h"}).name == "sse: (an address that is not shown)"
    assert MCPServerSse(sse, name="mine").name == "mine"
    assert MCPServerStdio({"command": "x"}).params == MCPServerStdioParams(command="x")
