from __future__ import annotations

from itertools import islice
from math import inf
from random import Random

import pytest

from trio_realtime.config import ReconnectPolicy
from trio_realtime.core.reconnection import (
    CLOSES,
    LONGEST_LIFE,
    SHORTEST_LIFE,
    delays,
    judge_attempt,
    judge_loss,
    planned_at,
    seconds_left,
)
from trio_realtime.errors import (
    ConfigRejected,
    HandshakeRejected,
    ModelBehaviorError,
    RealtimeConnectionError,
    RealtimeTimeoutError,
    ServerError,
    SessionExpired,
    UserError,
)


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1013])
def test_recoverable_closes(code):
    assert judge_loss(RealtimeConnectionError("x", code=code)) == "reconnect"
    assert judge_attempt(RealtimeConnectionError("x", code=code)) == "reconnect"


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009, 1010, 1014, 1015, 3000, 4001])
def test_other_closes(code):
    assert judge_loss(RealtimeConnectionError("x", code=code)) == "fatal"
    assert judge_attempt(RealtimeConnectionError("x", code=code)) == "fatal"


def test_1000_is_the_servers_orderly_end():
    assert CLOSES[1000] == "orderly"
    assert judge_loss(StopAsyncIteration()) == "orderly"
    assert judge_attempt(RealtimeConnectionError("x", code=1000)) == "orderly"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SessionExpired("x", code=1001), "reconnect"),
        (SessionExpired("x", code=4000), "reconnect"),
        (RealtimeTimeoutError("x", name="heartbeat", seconds=1), "reconnect"),
        (RealtimeTimeoutError("x", name="send", seconds=1), "reconnect"),
        (RealtimeConnectionError("x"), "fatal"),
        (ServerError("x", severity="fatal"), "fatal"),
        (ModelBehaviorError("x"), "fatal"),
        (ValueError(), "fatal"),
    ],
)
def test_the_end_of_a_connection_in_use(error, expected):
    assert judge_loss(error) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RealtimeConnectionError("refused"), "reconnect"),
        (RealtimeTimeoutError("x", name="connect", seconds=1), "reconnect"),
        (ServerError("x", code="server_error"), "reconnect"),
        (ServerError("x", code="insufficient_quota", severity="fatal"), "fatal"),
        (ConfigRejected("x"), "fatal"),
        (UserError("x"), "fatal"),
        (HandshakeRejected("x", status=429, body='{"code": "insufficient_quota"}'), "fatal"),
        (HandshakeRejected("x", status=429, body='{"code": "rate_limit_exceeded"}'), "reconnect"),
        (HandshakeRejected("x", status=400, body='{"code": "model_not_found"}'), "fatal"),
        *[(HandshakeRejected("x", status=status), "fatal") for status in (400, 401, 403, 404, 410)],
        *[(HandshakeRejected("x", status=status), "reconnect") for status in (408, 425, 429, 500, 502, 503, 504)],
    ],
)
def test_a_connection_that_could_not_be_made_again(error, expected):
    assert judge_attempt(error) == expected


def test_404_is_the_end_of_a_call():
    assert judge_attempt(HandshakeRejected("x", status=404), attached=True) == "orderly"
    assert judge_attempt(HandshakeRejected("x", status=401), attached=True) == "fatal"


def test_delays_double_up_to_the_bound_and_end():
    policy = ReconnectPolicy(max_attempts=7, jitter=0)
    assert list(delays(policy, lambda: 0.5)) == [0, 0.5, 1, 2, 4, 8, 8]
    assert list(delays(ReconnectPolicy(max_attempts=1), lambda: 0.5)) == [0]


def test_a_share_of_each_delay_is_random():
    policy = ReconnectPolicy(max_attempts=4, jitter=0.5)
    assert list(delays(policy, lambda: 0.0)) == [0, 0.25, 0.5, 1]
    assert list(delays(policy, lambda: 1.0)) == [0, 0.5, 1, 2]
    seeded = [list(delays(policy, Random(7).random)) for _ in range(2)]
    assert seeded[0] == seeded[1]
    assert all(
        low <= made <= high for made, low, high in zip(seeded[0], [0, 0.25, 0.5, 1], [0, 0.5, 1, 2], strict=True)
    )
    assert list(islice(delays(policy, Random(8).random), 4)) != seeded[0]


def test_the_rest_of_a_sessions_time():
    assert seconds_left(None, 1000) == inf
    assert seconds_left(2800, 1000) == 1800
    assert seconds_left(1000, 5000) == SHORTEST_LIFE == 60
    assert seconds_left(100_000, 1000) == LONGEST_LIFE == 3600


def test_when_a_new_connection_is_made():
    assert planned_at(10, 3610, 60) == 3550
    assert planned_at(10, 70, 60) == 40  # never in the first half
    assert planned_at(10, inf, 60) == inf
