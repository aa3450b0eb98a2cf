from __future__ import annotations

import pytest

from trio_realtime.errors import RealtimeConnectionError, RealtimeTimeoutError, UserError
from trio_realtime.transport.endings import Ending, check_close, leaves, only_tells_of_an_end


@pytest.mark.parametrize(
    ("ending", "message", "code", "reason"),
    [
        (Ending.closed(1001, "bye"), "the connection was closed with code 1001 (going away): bye", 1001, "bye"),
        (Ending.closed(1000, ""), "the connection was closed with code 1000 (normal closure)", 1000, None),
        (Ending.closed(4004), "the connection was closed with code 4004", 4004, None),
        (Ending.closed(1006), "the connection was lost", 1006, None),
        (Ending.lost("cut"), "the connection was lost: cut", 1006, "cut"),
        (Ending.closed_here(1000, ""), "the connection was closed on this side (code 1000)", 1000, None),
        (
            Ending.too_big(5),
            "the connection was closed with code 1009 (message too big): a message of more than 5 bytes arrived",
            1009,
            "a message of more than 5 bytes arrived",
        ),
    ],
)
def test_connection_errors(ending: Ending, message: str, code: int, reason: str | None) -> None:
    error = ending.error()
    assert isinstance(error, RealtimeConnectionError)
    assert (str(error), error.code, error.reason) == (message, code, reason)
    assert error.__cause__ is None


@pytest.mark.parametrize(("ending", "name"), [(Ending.stalled(1.5), "send"), (Ending.silent(1.5), "heartbeat")])
def test_timeouts(ending: Ending, name: str) -> None:
    error = ending.error()
    assert isinstance(error, RealtimeTimeoutError)
    assert (error.name, error.seconds) == (name, 1.5)
    assert "1.5 seconds" in str(error)


def test_cause_is_chained() -> None:
    cause = KeyError()
    ending = Ending.lost(cause=cause)
    assert ending.error().__cause__ is cause
    assert ending.error() is not ending.error()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_codes_that_can_be_sent(code: int) -> None:
    check_close(code, "x" * 123)


@pytest.mark.parametrize(("code", "reason"), [(1004, ""), (1006, ""), (2999, ""), (1000, "x" * 124)])
def test_codes_and_reasons_that_cannot(code: int, reason: str) -> None:
    with pytest.raises(UserError):
        check_close(code, reason)


def test_leaves() -> None:
    one, two, three = KeyError(), ValueError(), TypeError()
    assert leaves(one) == [one]
    assert leaves(ExceptionGroup("", [one, ExceptionGroup("", [two, three])])) == [one, two, three]


def test_what_only_tells_of_an_end() -> None:
    end = RealtimeConnectionError("gone")
    assert only_tells_of_an_end(end)
    assert only_tells_of_an_end(ExceptionGroup("", [end, Ending.silent(1).error()]))
    assert not only_tells_of_an_end(ExceptionGroup("", [end, KeyError()]))
