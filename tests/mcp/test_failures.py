"""What the SDK raises, as errors of this library."""

from __future__ import annotations

import sys

import anyio
import httpx2
import pytest
import trio
import trio.lowlevel
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter, ValidationError

from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, ServerError, UserError
from trio_realtime.mcp import MCPServerStdio
from trio_realtime.mcp.failures import can_retry, failure_of

SECRET = "canary"
REQUEST = httpx2.Request("GET", f"http://x/?key={SECRET}", headers={"authorization": SECRET})


def status_error(status: int) -> Exception:
    response = httpx2.Response(status, request=REQUEST)
    with pytest.raises(httpx2.HTTPStatusError) as caught:
        response.raise_for_status()
    return caught.value


def invalid() -> Exception:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("x")
    return caught.value


def made(error: BaseException, seconds: float | None = 5):
    return failure_of(error, server="s", doing="calling 'add'", seconds=seconds)


@pytest.mark.parametrize(
    ("error", "kind", "text", "retry"),
    [
        (MCPError(-32001, "Request timed out"), RealtimeTimeoutError, "calling 'add' was not done within 5 s", True),
        (TimeoutError(), RealtimeTimeoutError, "within 5 seconds", True),
        (MCPError(-32000, "Connection closed"), RealtimeConnectionError, "connection is lost", True),
        (MCPError(-32000, "SSE stream ended without a response"), RealtimeConnectionError, "SSE stream", True),
        (MCPError(-32600, "Session terminated"), RealtimeConnectionError, "Session terminated", True),
        (MCPError(-32000, "out of paper"), ServerError, r"out of paper \(-32000\)", True),
        (MCPError(-32603, "oh"), ServerError, "oh", True),
        (MCPError(-32602, "wrong"), ServerError, "wrong", False),
        (MCPError(-32601, "unknown"), ServerError, "unknown", False),
        (FileNotFoundError(2, "No such file", "uvx"), RealtimeConnectionError, "No such file", True),
        (httpx2.ConnectError("x", request=REQUEST), RealtimeConnectionError, "failed: ConnectError", True),
        (status_error(401), RealtimeConnectionError, "failed: HTTP 401", True),
        (anyio.ClosedResourceError(), RealtimeConnectionError, "ClosedResourceError", True),
        (invalid(), ServerError, "not as the protocol has it", True),
        (RuntimeError("no structured content"), ServerError, "no structured content", True),
        (UserError("mine"), UserError, "mine", False),
    ],
)
def test_each_has_its_class(error, kind, text, retry) -> None:
    failure = made(error)
    assert type(failure) is kind
    assert can_retry(failure) is retry
    with pytest.raises(kind, match=text):
        raise failure
    assert SECRET not in str(failure)


def test_no_timeout_is_not_named() -> None:
    assert str(made(TimeoutError(), None)) == "MCP server 's': calling 'add' was not done"


def test_a_group_is_its_cause() -> None:
    group = BaseExceptionGroup("", [anyio.ClosedResourceError(), ExceptionGroup("", [OSError("cable")])])
    assert made(group).reason == "cable"


async def test_a_cancellation_beside_it_says_nothing() -> None:
    failure = None
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as cancelled:
            failure = made(BaseExceptionGroup("", [cancelled, OSError("cable")]))
            raise
    assert failure is not None
    assert failure.reason == "cable"


def test_without_the_package_the_extra_is_named(monkeypatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "mcp"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(UserError, match=r"pip install 'trio-realtime\[mcp\]'"):
        MCPServerStdio({"command": "x"})
