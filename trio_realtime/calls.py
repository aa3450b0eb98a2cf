"""What is done with a phone call over HTTP: accept, reject, refer, hang up.

Source of the endpoints: the Realtime API's reference, "Calls". The HTTP library is an extra,
``pip install trio-realtime[calls]``, and is imported when a :class:`RealtimeCalls` is entered.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast
from urllib.parse import quote, urlsplit

import msgspec
import trio

from trio_realtime.__about__ import __version__
from trio_realtime._urls import other_scheme
from trio_realtime.config import HeadersCallable, KeyCallable
from trio_realtime.errors import (
    CallRequestRefused,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    SessionClosed,
    UserError,
    UserTypeError,
)
from trio_realtime.openai.severity import severity_of
from trio_realtime.openai.websocket_model import get_api_key
from trio_realtime.transport.base import TransportConfig, WireRequest
from trio_realtime.transport.request_check import check_request, is_loopback

if TYPE_CHECKING:
    import httpx2

__all__ = ["RealtimeCalls"]

_MAX_BODY: Final = 64 * 1024  # of an answer that is only read for its error
_CLOSE: Final = 1.0  # seconds for closing idle connections; nothing is lost by cutting them
_KEY_STATUSES: Final = frozenset({401, 403})
_NOT_IN_URL: Final = re.compile(r"[^\x21-\x7e]")
_FRAMING: Final = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})
_CREDENTIAL: Final = re.compile(r"auth|cookie|credential|key|password|secret|signature|token", re.IGNORECASE)
_LONG: Final = 8  # a text this long is no ordinary word, and is cleaned from errors whatever its header is called


class RealtimeCalls:
    """Accepts, rejects, refers and ends phone calls. Used as ``async with RealtimeCalls() as calls:``, once.

    Its methods may run side by side. Each sends one request and never repeats it. When one of them is cancelled, or
    ends with a timeout or a lost connection, the service may have done what was asked, or not.

    Args:
        api_key: the key, or a function (sync or async) that gives it; else the environment's ``OPENAI_API_KEY``. A
            server on loopback needs none.
        auth: async function that gives headers, asked for each request; beats ``api_key``.
        base_url: where the API is; ``https://``, or ``http://`` to loopback.
        timeout: seconds for one request, from asking for the key to the whole answer (15: as for a connection).

    Raises:
        UserError: ``base_url`` or ``timeout`` is unusable; ``api_key`` or ``auth`` is of a wrong type: UserTypeError.
    """

    def __init__(
        self,
        *,
        api_key: str | KeyCallable | None = None,
        auth: HeadersCallable | None = None,
        base_url: str = "https://api.openai.com/v1",
        timeout: float = 15.0,
    ) -> None:
        if api_key is not None and not isinstance(api_key, str) and not callable(cast("Any", api_key)):
            raise UserTypeError(f"api_key must be text or a function, not {type(api_key).__name__}")
        if auth is not None and not callable(cast("Any", auth)):
            raise UserTypeError(f"auth must be an async function, not {type(auth).__name__}")
        self._api_key = api_key
        self._auth = auth
        self._loopback = _check_url(base_url)
        self._url = base_url.rstrip("/")
        self._timeout = _check_timeout(timeout)
        self._client: httpx2.AsyncClient | None = None
        self._entered = False

    async def __aenter__(self) -> Self:
        """Get ready; nothing is sent. A checkpoint.

        Raises:
            UserError: the extra is not installed, or this was entered before.
        """
        if self._entered:
            raise UserError("RealtimeCalls can be entered once; make another")
        self._client = self._make_client()
        self._entered = True
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections, in bounded time, cancelled or not."""
        client, self._client = self._client, None
        if client is not None:
            with trio.move_on_after(_CLOSE, shield=True):
                await client.aclose()

    async def accept(self, call_id: str, session_payload: Mapping[str, Any]) -> None:
        """Answer a call that rings, with a session that is configured by ``session_payload``.

        Args:
            call_id: the call, from the service's webhook.
            session_payload: from :meth:`OpenAIRealtimeSIPModel.build_initial_session_payload`.

        Raises:
            UserError: an argument is at fault, there is no key, or this was not entered; nothing was sent.
            SessionClosed: the block was left meanwhile.
            CallRequestRefused: the service answered with an error.
            RealtimeConnectionError: there is no connection, or it was lost.
            RealtimeTimeoutError: ``timeout`` passed (name ``"call"``).
        """
        if not isinstance(cast("Any", session_payload), Mapping):
            raise UserError(f"session_payload must be a dict, not {type(session_payload).__name__}")
        await self._post(call_id, "accept", session_payload)

    async def reject(self, call_id: str, *, status_code: int | None = None) -> None:
        """Refuse a call that rings.

        Args:
            call_id: the call.
            status_code: the SIP status for the caller, 300 to 699; the service says 603 (decline) without it.

        Raises:
            As :meth:`accept`.
        """
        given: Any = status_code
        if given is not None and (type(given) is not int or not 300 <= given <= 699):
            raise UserError("status_code must be a whole number from 300 to 699")
        await self._post(call_id, "reject", {} if status_code is None else {"status_code": status_code})

    async def refer(self, call_id: str, target_uri: str) -> None:
        """Hand a running call over to another phone.

        Args:
            call_id: the call.
            target_uri: whom to refer it to, for example ``"tel:+14155550123"`` or ``"sip:desk@example.com"``.

        Raises:
            As :meth:`accept`.
        """
        await self._post(call_id, "refer", {"target_uri": _text("target_uri", target_uri)})

    async def hangup(self, call_id: str) -> None:
        """End a running call.

        Raises:
            As :meth:`accept`.
        """
        await self._post(call_id, "hangup", None)

    async def _post(self, call_id: str, action: str, body: Mapping[str, Any] | None) -> None:
        url = f"{self._url}/realtime/calls/{_path_segment(call_id)}/{action}"
        content = _encode(body)
        if self._client is None:
            raise UserError("use it inside its block: async with RealtimeCalls() as calls")
        client = self._client
        with trio.move_on_after(self._timeout):
            headers = await self._headers()
            if self._client is not client:
                raise SessionClosed(f"RealtimeCalls was left before {action!r} was sent")
            status, answer = await _exchange(client, url, headers, content)
            if not 200 <= status < 300:
                raise _refused(action, status, answer, secrets=_credentials(headers))
            return
        raise RealtimeTimeoutError(
            f"the service did not answer {action!r} within {self._timeout:g} seconds",
            name="call",
            seconds=self._timeout,
        )

    async def _headers(self) -> dict[str, str]:
        if self._auth is not None:
            headers = await _given_headers(self._auth)
        elif key := await self._key():
            headers = {"Authorization": f"Bearer {key}"}
        elif self._loopback:
            headers = {}
        else:
            raise UserError("api_key: no key; give api_key or auth, or set OPENAI_API_KEY")
        for name in headers:
            if name.lower() in _FRAMING:
                raise UserError(f"header {name!r} belongs to the HTTP library and cannot be set")
        # all other rules for headers are those of every other request
        check_request(WireRequest(url="wss://localhost", headers=headers, config=TransportConfig()))
        return headers

    async def _key(self) -> str | None:
        key: Any = await get_api_key(self._api_key)
        if key is not None and not isinstance(key, str):
            raise UserTypeError(f"api_key: the function must give text, not {type(key).__name__}")
        return key

    def _make_client(self) -> httpx2.AsyncClient:
        try:
            import httpx2
        except ImportError:
            raise UserError("RealtimeCalls needs an HTTP library: pip install 'trio-realtime[calls]'") from None
        return httpx2.AsyncClient(
            headers={"User-Agent": f"trio-realtime/{__version__}", "Accept-Encoding": "identity"},
            verify=ssl.create_default_context(),
            timeout=None,  # the deadline is ours
            trust_env=False,  # a proxy of the environment's would read what goes to loopback
        )


async def _given_headers(auth: HeadersCallable) -> dict[str, str]:
    """Ask for the headers; their names and values are checked with those of every other request."""
    asked: Any = auth()
    if not inspect.isawaitable(asked):
        raise UserTypeError("auth must be an async function")
    headers: Any = await asked
    if not isinstance(cast("object", headers), Mapping):
        raise UserTypeError(f"auth must give a dict of headers, not {type(headers).__name__}")
    given: dict[Any, Any] = dict(headers)
    for name in given:
        if not isinstance(name, str):
            raise UserTypeError(f"auth: names of headers are text, not {type(name).__name__}")
    return given


async def _exchange(
    client: httpx2.AsyncClient, url: str, headers: Mapping[str, str], content: bytes | None
) -> tuple[int, bytes]:
    """Send a request, and give the status and, of an error, the beginning of the body."""
    import httpx2

    sent = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    if content is not None:
        sent["Content-Type"] = "application/json"
    try:
        async with client.stream("POST", url, headers=sent, content=content) as response:
            body = b""
            if not response.is_success:
                async for part in response.aiter_raw():  # to its end: breaking off leaves generators behind
                    body += part[: _MAX_BODY - len(body)]
            return response.status_code, body
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        reason = _without(str(error), _credentials(headers)) or type(error).__name__
    raise RealtimeConnectionError(f"the service gave no answer about the call: {reason}", reason=reason)


def _refused(action: str, status: int, body: bytes, *, secrets: tuple[str, ...]) -> CallRequestRefused:
    error = {name: _without(said, secrets) for name, said in _error_in(body).items() if isinstance(said, str)}
    message = f"the service refused {action!r} with HTTP status {status}{_phrase(status)}"
    if said := error.get("message"):
        message = f"{message}: {said}"
    kind, code = error.get("type"), error.get("code")
    return CallRequestRefused(
        message,
        status=status,
        type=kind or "",
        code=code,
        param=error.get("param"),
        severity="fatal" if status in _KEY_STATUSES else severity_of(code, kind),
    )


def _error_in(body: bytes) -> dict[str, Any]:
    try:
        answer: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {}
    error: Any = cast("dict[str, Any]", answer).get("error") if isinstance(answer, dict) else None
    return cast("dict[str, Any]", error) if isinstance(error, dict) else {}


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""


def _credentials(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Give what must not be repeated: values that are long, or of a header for credentials, and their last words (a
    scheme goes before a key). Others are ordinary words, which an error may well use."""
    found = {
        part
        for name, value in headers.items()
        for part in (value, value.rpartition(" ")[2])
        if len(part) >= _LONG or _CREDENTIAL.search(name)
    }
    return tuple(sorted(filter(None, found), key=len, reverse=True))


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if len(secret) >= _LONG:
            text = text.replace(secret, "...")
        else:  # only as a word of its own: inside of others it tells nothing, and they stay readable
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "...", text)
    return text


def _encode(body: Mapping[str, Any] | None) -> bytes | None:
    """Give the JSON. Numbers that JSON has not are refused: msgspec would say null, which means something else."""
    try:
        if body is None:
            return None
        plain = msgspec.to_builtins(body, str_keys=True)
        return json.dumps(plain, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"session_payload cannot be sent as JSON: {error}") from None


def _path_segment(call_id: str) -> str:
    if _text("call_id", call_id) in {".", ".."}:
        raise UserError("call_id: dots alone are no call")  # they would be another path
    return quote(call_id, safe="")


def _text(name: str, value: str) -> str:
    given: Any = value
    if not isinstance(given, str) or not given:
        raise UserError(f"{name} must be text that is not empty")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise UserError(f"{name} must be text that has a UTF-8 form") from None
    return given


def _check_timeout(timeout: float) -> float:
    given: Any = timeout
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given) or given <= 0:
        raise UserError("timeout must be a number of seconds, more than 0")
    return float(given)


def _check_url(url: str) -> bool:
    """Say whether the host is this machine."""
    if _NOT_IN_URL.search(_text("base_url", url)):
        raise UserError("base_url must be printable ASCII without spaces")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UserError("base_url: the host or the port is not valid") from None
    if parts.scheme not in {"https", "http"}:
        raise UserError(f"base_url: the scheme has to be https or http{other_scheme(parts.scheme)}")
    if not host or port == 0:
        raise UserError("base_url: the host or the port is missing")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise UserError("base_url can have no user name, query or fragment")
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise UserError("base_url: the key would go unencrypted over http:// to another host; use https://")
    return loopback
