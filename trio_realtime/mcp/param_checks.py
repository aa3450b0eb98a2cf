"""Checks of a server's parameters where it is made, so that connecting fails of the server alone.

No text shows a value: addresses, headers and variables hold keys.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.transport.base import TransportConfig, WireRequest
from trio_realtime.transport.request_check import check_request

if TYPE_CHECKING:
    from trio_realtime.mcp.params import MCPServerSseParams, MCPServerStdioParams

__all__ = ["as_seconds", "check_http", "check_stdio"]

_FRAMING = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})


def as_seconds(value: float | timedelta) -> float:
    """Give a time in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def check_http(params: MCPServerSseParams) -> None:
    """Check the parameters of a server that is spoken to over HTTP.

    Raises:
        UserError: the URL, a header or a time cannot be used; ``auth`` is of a wrong type: UserTypeError.
    """
    _check_url(params.url)
    headers = dict(params.headers or {})
    for name in headers:
        if name.lower() in _FRAMING:
            raise UserError(f"params.headers: header {name!r} belongs to the HTTP library and cannot be set")
    try:
        check_request(WireRequest(url="wss://localhost", headers=headers, config=TransportConfig()))
    except UserError as error:
        raise UserError(f"params.headers: {error}") from None
    for name, value in {"timeout": params.timeout, "sse_read_timeout": params.sse_read_timeout}.items():
        if as_seconds(value) <= 0:
            raise UserError(f"params.{name}: must be more than 0 seconds")
    if params.httpx_client_factory is None:  # a factory takes what it likes
        _check_auth(params.auth)


def _check_url(url: str) -> None:
    import httpx2

    try:
        # urlsplit drops line breaks silently, and httpx2 knows what else cannot be sent
        parts, port, host = urlsplit(url), urlsplit(url).port, httpx2.URL(url).host
    except (ValueError, httpx2.InvalidURL):
        raise UserError("params.url: is not valid") from None
    if any(not letter.isprintable() or letter.isspace() for letter in url):
        raise UserError("params.url: has a blank, or a character that cannot be sent")
    if parts.scheme not in {"http", "https"}:
        raise UserError("params.url: must begin with http:// or https://")
    if not host or port == 0:
        raise UserError("params.url: the host or the port is missing")


def _check_auth(auth: Any) -> None:
    import httpx2

    if auth is None or isinstance(auth, httpx2.Auth) or callable(auth):
        return
    if isinstance(cast("object", auth), tuple) and len(auth) == 2 and all(isinstance(part, str) for part in auth):
        return
    kind = type(auth).__name__
    raise UserTypeError(f"params.auth: must be an httpx2.Auth, a function, or a tuple of name and password, not {kind}")


def check_stdio(params: MCPServerStdioParams) -> None:
    """Check the parameters of a server that is started here.

    Raises:
        UserError: the program is missing, a text cannot be given to a process, or there is no such encoding.
    """
    if not params.command:
        raise UserError("params.command: is empty")
    for name, text in _texts(params):
        if "\0" in text:
            raise UserError(f"params.{name}: has a NUL character")
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            raise UserError(f"params.{name}: has a character that cannot be given to a process") from None
    for name in params.env or ():
        if not name or "=" in name:
            raise UserError("params.env: a name is empty, or has a '='")
    try:
        "{}\n".encode(params.encoding)
    except (LookupError, ValueError):
        raise UserError(f"params.encoding: {params.encoding!r} is no encoding of text") from None


def _texts(params: MCPServerStdioParams) -> Iterator[tuple[str, str]]:
    yield "command", params.command
    for argument in params.args:
        yield "args", argument
    for name, value in (params.env or {}).items():
        yield "env", name
        yield "env", value
    yield "cwd", os.fspath(params.cwd or "")
