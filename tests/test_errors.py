from __future__ import annotations

import inspect
import re

import pytest

import trio_realtime
from trio_realtime import errors
from trio_realtime.errors import (
    AgentsException,
    CallRequestRefused,
    ConfigRejected,
    HandshakeRejected,
    InputGuardrailTripwireTriggered,
    InternalError,
    ModelBehaviorError,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    ServerError,
    SessionClosed,
    SessionExpired,
    SessionInUse,
    SessionStoreError,
    SlowConsumer,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    ToolTimeoutError,
    UserError,
    UserTypeError,
)


class Guardrail:
    def get_name(self):
        return "no numbers"


GUARDRAIL, OUTPUT = Guardrail(), object()


class Result:
    guardrail = GUARDRAIL


RESULT = Result()

MADE = [
    (UserError("m"), {"message": "m"}, (ValueError,)),
    (UserTypeError("m"), {"message": "m"}, (UserError, TypeError, ValueError)),
    (
        ModelBehaviorError("m", param="session.voice", call_id="c"),
        {"message": "m", "param": "session.voice", "call_id": "c"},
        (),
    ),
    (ModelBehaviorError("m"), {"param": None, "call_id": None}, ()),
    (
        RealtimeConnectionError("m", code=1006, reason="r", attempts=3),
        {"message": "m", "code": 1006, "reason": "r", "attempts": 3},
        (),
    ),
    (RealtimeConnectionError("m"), {"code": None, "reason": None, "attempts": 1}, ()),
    (
        HandshakeRejected("m", status=429, headers={"retry-after": "1"}, body="slow", attempts=2),
        {"message": "m", "status": 429, "headers": {"retry-after": "1"}, "body": "slow", "attempts": 2, "code": None},
        (RealtimeConnectionError,),
    ),
    (
        CallRequestRefused("m", status=409, type="t", code="c", param="p", severity="fatal"),
        {"message": "m", "status": 409, "type": "t", "code": "c", "param": "p", "severity": "fatal", "event_id": None},
        (ServerError,),
    ),
    (HandshakeRejected("m", status=401), {"headers": {}, "body": "", "attempts": 1}, ()),
    (SessionExpired("m", code=1001), {"message": "m", "code": 1001}, (RealtimeConnectionError,)),
    (
        ConfigRejected("m", code="invalid_value", param="session.tools[0].name", event_id="e"),
        {"message": "m", "code": "invalid_value", "param": "session.tools[0].name", "event_id": "e"},
        (),
    ),
    (
        ServerError("m", type="t", code="c", param="p", event_id="e", severity="fatal"),
        {"message": "m", "type": "t", "code": "c", "param": "p", "event_id": "e", "severity": "fatal"},
        (),
    ),
    (ServerError("m"), {"type": "", "code": None, "severity": "recoverable"}, ()),
    (
        RealtimeTimeoutError("m", name="connect", seconds=15.0),
        {"message": "m", "name": "connect", "seconds": 15.0},
        (TimeoutError,),
    ),
    (ToolTimeoutError("get_weather", 2.5), {"tool_name": "get_weather", "timeout_seconds": 2.5}, ()),
    (InputGuardrailTripwireTriggered(RESULT), {"guardrail_result": RESULT}, ()),
    (ToolInputGuardrailTripwireTriggered(GUARDRAIL, OUTPUT), {"guardrail": GUARDRAIL, "output": OUTPUT}, ()),
    (ToolOutputGuardrailTripwireTriggered(GUARDRAIL, OUTPUT), {"guardrail": GUARDRAIL, "output": OUTPUT}, ()),
    (SessionClosed("m"), {}, ()),
    (SessionInUse("call", expires_in=3.25), {"session_id": "call", "expires_in": 3.25}, ()),
    (SessionStoreError("m"), {}, ()),
    (
        SlowConsumer("m", buffered_bytes=20, limit_bytes=10, buffered_ms=5.0),
        {"message": "m", "buffered_bytes": 20, "limit_bytes": 10, "buffered_ms": 5.0},
        (),
    ),
    (InternalError("m"), {}, ()),
]
CLASSES = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}


@pytest.mark.parametrize(("error", "data", "bases"), MADE, ids=lambda value: type(value).__name__)
def test_errors_carry_data(error, data, bases):
    assert isinstance(error, AgentsException)
    for base in bases:
        assert isinstance(error, base)
    assert {name: getattr(error, name) for name in data} == data
    assert str(error)


def test_one_tree():
    assert {type(error) for error, _, _ in MADE} | {AgentsException} == CLASSES
    assert {cls.__name__ for cls in CLASSES} | {"Severity"} == set(errors.__all__)
    assert all(issubclass(cls, AgentsException) for cls in CLASSES)
    assert not issubclass(RealtimeTimeoutError, UserError)


def test_the_tree_in_the_text_is_the_one_in_the_code():
    drawn = re.findall(r"^ {4}([│├└─ ]*)(\w+)", inspect.getdoc(errors).split("::")[1], re.MULTILINE)
    tree = {}
    path: list[str] = []
    for lines, name in drawn:
        depth = (len(lines) + 2) // 3
        path = [*path[:depth], name]
        tree[name] = path[-2] if depth else "Exception"
    assert set(tree) == {cls.__name__ for cls in CLASSES}
    for cls in CLASSES:
        assert tree[cls.__name__] == cls.__bases__[0].__name__


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ServerError("bad", type="invalid_request_error", code="invalid_value"), "bad (invalid_value)"),
        (ServerError("bad", type="server_error"), "bad (server_error)"),
        (ServerError("bad"), "bad"),
        (ToolTimeoutError("f", 2.5), "tool 'f' did not finish within 2.5 seconds"),
        (
            ToolInputGuardrailTripwireTriggered(GUARDRAIL, OUTPUT),
            "the tool input guardrail 'no numbers' was triggered",
        ),
        (
            ToolOutputGuardrailTripwireTriggered(GUARDRAIL, OUTPUT),
            "the tool output guardrail 'no numbers' was triggered",
        ),
    ],
)
def test_texts(error, text):
    assert str(error) == text


def test_the_headers_are_a_copy():
    headers = {"a": "b"}
    error = HandshakeRejected("m", status=401, headers=headers)
    headers["c"] = "d"
    assert error.headers == {"a": "b"}


def test_every_error_can_be_imported_from_the_top():
    for name in errors.__all__:
        assert getattr(trio_realtime, name) is getattr(errors, name)


def test_names_that_the_reference_has_are_its_names():
    reference = pytest.importorskip("agents.exceptions")
    ours = {cls.__name__ for cls in CLASSES}
    shared = {
        "AgentsException",
        "UserError",
        "ModelBehaviorError",
        "ToolTimeoutError",
        "ToolInputGuardrailTripwireTriggered",
        "ToolOutputGuardrailTripwireTriggered",
    }
    assert shared <= ours
    for name in shared:
        assert issubclass(getattr(reference, name), reference.AgentsException)
    assert vars(reference.ToolTimeoutError("t", 1.0)).keys() >= {"tool_name", "timeout_seconds"}
