"""Every exception that this library raises on purpose, in one tree.

::

    AgentsException
    ├─ UserError                    misuse: bad configuration, bad input, wrong state (also a ValueError)
    │  └─ UserTypeError             the same, where Python users expect a TypeError
    ├─ ModelBehaviorError           the model or the server broke its protocol
    ├─ RealtimeConnectionError      could not connect, or the connection is lost for good
    │  ├─ HandshakeRejected         the server answered the handshake with an HTTP status other than 101
    │  └─ SessionExpired            the server ended the session at its maximum duration
    ├─ ConfigRejected               the server refused a session.update
    ├─ ServerError                  an error event of the server with no better home
    │  └─ CallRequestRefused        the service did not do what it was asked to do with a phone call
    ├─ RealtimeTimeoutError         one of our own deadlines passed (also a TimeoutError)
    ├─ ToolTimeoutError             a tool with ``timeout_behavior="raise_exception"`` took too long
    ├─ InputGuardrailTripwireTriggered
    ├─ ToolInputGuardrailTripwireTriggered
    ├─ ToolOutputGuardrailTripwireTriggered
    ├─ SessionClosed                a session was used after it had ended
    ├─ SessionInUse                 another process has the session that was to be taken up from a store
    ├─ SessionStoreError            a session store cannot be read or written
    ├─ SlowConsumer                 the application does not keep up with the events
    └─ InternalError                a bug in this library

Errors carry data (a close code, an HTTP status, a call id), not only text. No message contains a key or a header value.
Exceptions of other libraries are mapped onto this tree at the boundary; the user's own exceptions pass unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio_realtime.guardrails import (
        InputGuardrailResult,
        ToolGuardrailFunctionOutput,
        ToolInputGuardrail,
        ToolOutputGuardrail,
    )

__all__ = [
    "AgentsException",
    "CallRequestRefused",
    "ConfigRejected",
    "HandshakeRejected",
    "InputGuardrailTripwireTriggered",
    "InternalError",
    "ModelBehaviorError",
    "RealtimeConnectionError",
    "RealtimeTimeoutError",
    "ServerError",
    "SessionClosed",
    "SessionExpired",
    "SessionInUse",
    "SessionStoreError",
    "Severity",
    "SlowConsumer",
    "ToolInputGuardrailTripwireTriggered",
    "ToolOutputGuardrailTripwireTriggered",
    "ToolTimeoutError",
    "UserError",
    "UserTypeError",
]

Severity = Literal["benign", "recoverable", "fatal"]
"""How bad an error of the server is: to be ignored, to be reported, or the end of the session."""


class AgentsException(Exception):
    """The root of everything that this library raises on purpose."""


class UserError(AgentsException, ValueError):
    """The library was misused: bad configuration, bad input, or a call in the wrong state.

    Raised at the call that has the fault, before anything was sent.

    Attributes:
        message: what is wrong, and what was meant where that can be guessed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UserTypeError(UserError, TypeError):
    """A :exc:`UserError` where Python users expect a :exc:`TypeError`."""


class ModelBehaviorError(AgentsException):
    """The model or the server did something its protocol does not allow.

    Attributes:
        message: what happened.
        param: the path of the field at fault, if one field is at fault.
        call_id: the tool call at fault, if one is.
    """

    def __init__(self, message: str, *, param: str | None = None, call_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.call_id = call_id


class RealtimeConnectionError(AgentsException):
    """A connection could not be made, or it is lost for good.

    Attributes:
        code: the WebSocket close code, if the connection was closed with one (1006: without a close frame).
        reason: the close reason that the peer gave, or what happened below the protocol.
        attempts: how many times a connection was tried.
    """

    def __init__(self, message: str, *, code: int | None = None, reason: str | None = None, attempts: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.attempts = attempts


class HandshakeRejected(RealtimeConnectionError):
    """The server answered the WebSocket handshake with a status other than 101.

    Attributes:
        status: the HTTP status (401 and 403: the key; 429: the rate or the quota).
        headers: the response's headers, without cookies.
        body: the response's body, at most 4 KiB of it.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        attempts: int = 1,
    ) -> None:
        super().__init__(message, attempts=attempts)
        self.status = status
        self.headers: dict[str, str] = dict(headers or {})
        self.body = body


class SessionExpired(RealtimeConnectionError):
    """The server ended the session at its maximum duration, and reconnection is off."""


class ConfigRejected(AgentsException):
    """The server refused a ``session.update``; the session goes on with the configuration it had.

    Attributes:
        message: the server's message.
        code: the server's error code, for example ``"invalid_value"``.
        param: the path of the refused field, for example ``"session.tools[0].name"``.
        event_id: the id of the refused client event.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.event_id = event_id


class ServerError(AgentsException):
    """An ``error`` event of the server that no more specific exception describes.

    Attributes:
        message: the server's message.
        type: the server's kind of error, for example ``"invalid_request_error"``.
        code: the server's error code, or None.
        param: the field at fault, or None.
        event_id: the client event that it answers; the service often leaves it null.
        severity: ``"benign"``, ``"recoverable"`` or ``"fatal"``.
    """

    def __init__(
        self,
        message: str,
        *,
        type: str = "",
        code: str | None = None,
        param: str | None = None,
        event_id: str | None = None,
        severity: Severity = "recoverable",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.event_id = event_id
        self.severity: Severity = severity

    def __str__(self) -> str:
        return f"{self.message} ({self.code or self.type})" if self.code or self.type else self.message


class CallRequestRefused(ServerError):
    """The service did not do what it was asked to do with a call.

    Attributes:
        status: the HTTP status (401 and 403: the key; 404: no such call, or it is over; 409: not in this state).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type: str = "",
        code: str | None = None,
        param: str | None = None,
        severity: Severity = "recoverable",
    ) -> None:
        super().__init__(message, type=type, code=code, param=param, severity=severity)
        self.status = status


class RealtimeTimeoutError(AgentsException, TimeoutError):
    """One of this library's own deadlines passed.

    Attributes:
        name: which one: ``"connect"``, ``"close"``, ``"configure"``, ``"item"``, ``"agent"``, ``"response"``,
            ``"heartbeat"``, ``"send"``, ``"store"``, ``"approval"``, ``"guardrail"``, ``"hook"``, ``"call"`` or
            ``"mcp"``.
        seconds: how long it was.
    """

    def __init__(self, message: str, *, name: str, seconds: float) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.seconds = seconds


class ToolTimeoutError(AgentsException):
    """A tool whose ``timeout_behavior`` is ``"raise_exception"`` took longer than its timeout.

    Attributes:
        tool_name: the tool.
        timeout_seconds: its timeout.
    """

    def __init__(self, tool_name: str, timeout_seconds: float) -> None:
        super().__init__(f"tool {tool_name!r} did not finish within {timeout_seconds:g} seconds")
        self.tool_name = tool_name
        self.timeout_seconds = timeout_seconds


class InputGuardrailTripwireTriggered(AgentsException):
    """An input guardrail tripped on what the user has typed; it was not sent.

    Attributes:
        guardrail_result: the first result that tripped.
    """

    def __init__(self, guardrail_result: InputGuardrailResult) -> None:
        super().__init__(f"the input guardrail {guardrail_result.guardrail.get_name()!r} was triggered")
        self.guardrail_result = guardrail_result


class ToolInputGuardrailTripwireTriggered(AgentsException):
    """A tool's input guardrail asked for an exception.

    Attributes:
        guardrail: the guardrail.
        output: what it returned.
    """

    def __init__(self, guardrail: ToolInputGuardrail, output: ToolGuardrailFunctionOutput) -> None:
        super().__init__(f"the tool input guardrail {guardrail.get_name()!r} was triggered")
        self.guardrail = guardrail
        self.output = output


class ToolOutputGuardrailTripwireTriggered(AgentsException):
    """A tool's output guardrail asked for an exception.

    Attributes:
        guardrail: the guardrail.
        output: what it returned.
    """

    def __init__(self, guardrail: ToolOutputGuardrail, output: ToolGuardrailFunctionOutput) -> None:
        super().__init__(f"the tool output guardrail {guardrail.get_name()!r} was triggered")
        self.guardrail = guardrail
        self.output = output


class SessionClosed(AgentsException):
    """A session, or its connection, was used after it had ended; ``__cause__`` is the error that ended it, if any."""


class SessionInUse(AgentsException):
    """Another process has the session of a store: it was there first, or it has taken the session up meanwhile.

    Attributes:
        session_id: the session.
        expires_in: seconds after which the other's lease ends, unless it renews it.
    """

    def __init__(self, session_id: str, *, expires_in: float) -> None:
        super().__init__(
            f"the session {session_id!r} is in use elsewhere; its lease ends in {expires_in:.1f} seconds unless it is "
            "renewed"
        )
        self.session_id = session_id
        self.expires_in = expires_in


class SessionStoreError(AgentsException):
    """A session store cannot be read or written; ``__cause__`` may say more."""


class SlowConsumer(AgentsException):
    """The application does not keep up with the events, and the delivery settings say that this is the end.

    Attributes:
        buffered_bytes: how much was waiting.
        limit_bytes: how much may wait.
        buffered_ms: how much audio was waiting, in milliseconds.
    """

    def __init__(self, message: str, *, buffered_bytes: int, limit_bytes: int, buffered_ms: float = 0.0) -> None:
        super().__init__(message)
        self.message = message
        self.buffered_bytes = buffered_bytes
        self.limit_bytes = limit_bytes
        self.buffered_ms = buffered_ms


class InternalError(AgentsException):
    """A bug in this library; ``__cause__`` is what happened. Please report it."""
