"""An MCP server for the tests, run as a process of its own: ``server_script.py stdio|sse|http``.

Over HTTP it takes a free port, and writes it on a line."""

from __future__ import annotations

import os
import sys

import anyio
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("tests", log_level="CRITICAL")
ONE_PIXEL = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00"


@server.tool(title="Addition", structured_output=False)
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@server.tool(structured_output=True)
def weather(city: str) -> dict[str, str]:
    """Say what the weather is like."""
    return {"city": city, "sky": "clear ☀"}


@server.tool(structured_output=False)
def picture() -> list[str | Image]:
    """Draw a picture."""
    return ["a pixel", Image(data=ONE_PIXEL, format="gif")]


@server.tool(structured_output=False)
def fail() -> str:
    """Fail."""
    raise ToolError("there is no such thing")


@server.tool(structured_output=False)
async def hang() -> str:
    """Take for ever."""
    await anyio.sleep_forever()
    return ""


@server.tool(structured_output=False)
def die() -> str:
    """End the process in the middle of the call."""
    os._exit(7)


@server.tool(structured_output=False)
def process() -> str:
    """Tell which process this is."""
    return str(os.getpid())


@server.resource("note://one")
def note() -> str:
    """A note."""
    return "remember"


@server.prompt()
def greet(name: str) -> str:
    """A greeting."""
    return f"Say hello to {name}."


async def serve(app) -> None:
    import uvicorn

    web = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="on"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(web.serve)
        while not web.started:
            await anyio.sleep(0.005)
        print(web.servers[0].sockets[0].getsockname()[1], flush=True)


if __name__ == "__main__":
    kind = sys.argv[1]
    if kind == "stdio":
        server.run()
    elif kind == "sse":
        anyio.run(serve, server.sse_app())
    else:
        anyio.run(serve, server.streamable_http_app())
