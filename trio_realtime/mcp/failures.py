"""What the MCP SDK raises, as errors of this library; and the SDK itself, if it is there.

The exceptions of the SDK and of its HTTP client go no further, not even as causes: they hold requests, and so headers
and addresses.
"""

from __future__ import annotations

from typing import Any

from trio_realtime.errors import (
    AgentsException,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    ServerError,
    UserError,
)
from trio_realtime.transport.endings import leaves

__all__ = ["can_retry", "failure_of", "require_sdk"]

_TIMED_OUT = -32001  # the SDK's codes, beyond those of JSON-RPC
_CLOSED = -32000
_HOPELESS = frozenset({"-32601", "-32602"})  # JSON-RPC: no such method, wrong parameters
_LOST = ("Connection closed", "SSE stream ")  # a server may use the same code for something else
_TERMINATED = "Session terminated"  # the SDK's word for a 404 of a server that had given a session
_MAX_TEXT = 1_000


def require_sdk() -> None:
    """Import the MCP SDK.

    Raises:
        UserError: it is not installed, or too old.
    """
    try:
        from mcp import Client as _  # noqa: F401
    except ImportError:
        message = "MCP servers need the 'mcp' package, version 2 or later: pip install 'trio-realtime[mcp]'"
        raise UserError(message) from None


def can_retry(error: AgentsException) -> bool:
    """Tell whether the same request might succeed the next time."""
    if isinstance(error, ServerError):
        return error.code not in _HOPELESS
    return isinstance(error, RealtimeConnectionError | RealtimeTimeoutError)


def failure_of(error: BaseException, *, server: str, doing: str, seconds: float | None) -> AgentsException:
    """Give the error of this library for what the SDK raised.

    Args:
        error: what it raised; of a group, the first member that says something.
        server: the server's name.
        doing: what was being done, for the text: ``"listing tools"``.
        seconds: the timeout of a request, or None.
    """
    leaf = min(leaves(error), key=_says_little)
    if isinstance(leaf, AgentsException):
        return leaf
    start = f"MCP server {server!r}: {doing}"
    if isinstance(leaf, TimeoutError) and leaf.errno is None:  # with an errno it is the network's
        return _late(start, seconds)
    if _is_mcp_error(leaf):
        return _answer(leaf, start, seconds)
    if _is_of(leaf, "httpx2", "httpx", "httpcore2", "httpcore", "anyio") or isinstance(leaf, OSError):
        reason = _reason(leaf)
        return RealtimeConnectionError(f"{start} failed: {reason}", reason=reason)
    if _is_of(leaf, "pydantic_core", "pydantic"):
        return ServerError(f"{start} failed: the server's answer is not as the protocol has it", type="mcp_protocol")
    return ServerError(f"{start} failed: {_text(leaf)}", type="mcp_protocol")


def _says_little(error: BaseException) -> int:
    """The cause comes before what only follows from it: streams that are closed, tasks that are cancelled."""
    if not isinstance(error, Exception):
        return 2
    return 1 if _is_of(error, "anyio") else 0


def _late(start: str, seconds: float | None) -> RealtimeTimeoutError:
    within = "" if seconds is None else f" within {seconds:g} seconds"
    return RealtimeTimeoutError(f"{start} was not done{within}", name="mcp", seconds=seconds or 0.0)


def _answer(error: Any, start: str, seconds: float | None) -> AgentsException:
    """An error that the server answered with, or that the SDK answers for it."""
    if error.code == _TIMED_OUT:
        return _late(start, seconds)
    text = _text(error)
    if (error.code == _CLOSED and text.startswith(_LOST)) or text == _TERMINATED:
        return RealtimeConnectionError(f"{start} failed: the connection is lost ({text})", reason=text)
    return ServerError(f"{start} failed: {text}", type="mcp_error", code=str(error.code))


def _is_mcp_error(error: BaseException) -> bool:
    from mcp.shared.exceptions import MCPError

    return isinstance(error, MCPError)


def _is_of(error: BaseException, *packages: str) -> bool:
    return any(cls.__module__.partition(".")[0] in packages for cls in type(error).__mro__)


def _reason(error: BaseException) -> str:
    """Give what a connection failed of, without the address that the HTTP client's texts have."""
    response: Any = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    if isinstance(error, OSError):
        return _text(error)
    return type(error).__name__


def _text(error: BaseException) -> str:
    return str(error)[:_MAX_TEXT] or type(error).__name__
