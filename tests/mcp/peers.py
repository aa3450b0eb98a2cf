"""MCP servers for the tests: one of our own kind, one in memory that is written by hand, and processes."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio
from mcp.shared.memory import create_client_server_memory_streams
from mcp.shared.message import SessionMessage
from mcp.types import CallToolResult, TextContent, Tool, jsonrpc_message_adapter

from trio_realtime.mcp import ClientMCPServer, MCPServer

SCRIPT = str(Path(__file__).with_name("server_script.py"))
STDIO = {"command": sys.executable, "args": [SCRIPT, "stdio"]}


def make_tool(name: str, **fields: Any) -> Tool:
    return Tool(**{"name": name, "input_schema": {"type": "object", "properties": {"x": {"type": "string"}}}, **fields})


def text_result(*texts: str, **fields: Any) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text) for text in texts], **fields)


class OwnServer(MCPServer):
    """A server without MCP: tools by name, a function for their results."""

    def __init__(self, *tools: Any, name: str = "own", answer: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self._name = name
        self.tools = [tool if isinstance(tool, Tool) else make_tool(tool) for tool in tools]
        self.answer = answer or text_result("done")
        self.calls: list[tuple[Any, ...]] = []
        self.log: list[str] = []

    @property
    def name(self) -> str:
        return self._name

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.log.append("entered")
        try:
            yield
        finally:
            self.log.append("left")

    async def list_tools(self, run_context: Any = None, agent: Any = None) -> list[Tool]:
        return self.tools

    async def call_tool(self, tool_name: str, arguments: Any, meta: Any = None) -> CallToolResult:
        self.calls.append((tool_name, arguments, meta))
        answer = self.answer(tool_name, arguments) if callable(self.answer) else self.answer
        return await answer if inspect.isawaitable(answer) else answer


@attrs.frozen
class NoParams:
    secret: str = ""


@attrs.frozen
class Fault:
    """What a hand-written server answers with: a JSON-RPC error."""

    code: int
    message: str


HANG, HANG_UP = object(), object()
INITIALIZED = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "by hand", "version": "1"},
}


class HandServer(ClientMCPServer[NoParams]):
    """A server in memory that answers as the test says: a dict of results, faults, or functions of the parameters."""

    _params_class = NoParams

    def __init__(self, answers: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(NoParams(), **options)
        self.answers = {
            "server/discover": Fault(-32601, "Method not found"),
            "initialize": INITIALIZED,
            "tools/list": {"tools": [{"name": "one", "inputSchema": {"type": "object"}}]},
            **(answers or {}),
        }
        self.seen: list[str] = []
        self.connections = 0
        self.refuse: Exception | None = None
        self.send: Any = None

    def _where(self) -> str:
        return "by hand"

    @asynccontextmanager
    async def create_streams(self) -> AsyncIterator[Any]:
        self.connections += 1
        if self.refuse is not None:
            raise self.refuse
        async with create_client_server_memory_streams() as (ours, (receive, send)):
            self.send = send
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._answer_all, receive, send)
                yield ours
                nursery.cancel_scope.cancel()

    async def notify(self, method: str, **params: Any) -> None:
        await self._write(self.send, {"method": method, "params": params})

    async def _answer_all(self, receive: Any, send: Any) -> None:
        async for message in receive:
            request = message.message.model_dump(by_alias=True, exclude_none=True)
            self.seen.append(request["method"])
            if "id" not in request:
                continue
            answer = self.answers[request["method"]]
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if callable(answer):
                answer = answer(request.get("params", {}))
            if isinstance(answer, Exception):
                raise answer
            if answer is HANG_UP:
                await send.aclose()
                return
            if isinstance(answer, Fault):
                await self._write(send, {"id": request["id"], "error": attrs.asdict(answer)})
            elif answer is not HANG:
                await self._write(send, {"id": request["id"], "result": answer})

    async def _write(self, send: Any, message: dict[str, Any]) -> None:
        await send.send(SessionMessage(jsonrpc_message_adapter.validate_python({"jsonrpc": "2.0", **message})))


@asynccontextmanager
async def web_server(kind: str) -> AsyncIterator[tuple[str, trio.Process]]:
    """A process that serves over HTTP: its address, and the process."""
    async with trio.open_nursery() as nursery:
        start = partial(trio.run_process, [sys.executable, SCRIPT, kind], stdout=subprocess.PIPE, check=False)
        process = await nursery.start(start)
        try:
            with trio.fail_after(30):
                line = b""
                while not line.endswith(b"\n"):
                    line += await process.stdout.receive_some(64)
            yield f"http://127.0.0.1:{int(line)}/{'sse' if kind == 'sse' else 'mcp'}", process
        finally:
            process.kill()
