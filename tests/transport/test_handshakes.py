from __future__ import annotations

import pytest

from trio_realtime.transport.handshakes import MAX_BODY, HandshakeAnswer, rejection

ACCEPT = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_acceptance_in_pieces(step: int) -> None:
    answer = HandshakeAnswer()
    data = ACCEPT + b"\x81\x01x"
    for start in range(0, len(data), step):
        answer.feed(data[start : start + step])
    assert answer.accepted
    assert not answer.settled
    assert not answer.malformed
    assert answer.refusal() is None


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_refusal_in_pieces(step: int) -> None:
    settled = []
    answer = HandshakeAnswer()
    answer.on_settled = lambda: settled.append(True)
    data = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nno"
    )
    for start in range(0, len(data), step):
        assert not settled
        answer.feed(data[start : start + step])
    assert settled
    refusal = answer.refusal()
    assert refusal is not None
    assert (refusal.status, refusal.body, refusal.headers["retry-after"]) == (429, "no", "3")
    answer.feed(b"more")
    assert len(settled) == 1


def test_nothing_yet() -> None:
    answer = HandshakeAnswer()
    answer.feed(b"HTTP/1.1 4")
    assert answer.refusal() is None
    assert not answer.accepted
    answer.feed(b"")
    assert not answer.malformed


def test_nonsense() -> None:
    answer = HandshakeAnswer()
    answer.feed(b"SMTP ready\r\n\r\n")
    answer.feed(b"HTTP/1.1 401 x\r\n\r\n")
    assert answer.malformed
    assert answer.refusal() is None


def test_body_is_cut() -> None:
    answer = HandshakeAnswer()
    answer.feed(b"HTTP/1.1 500 x\r\n\r\n")
    assert not answer.settled
    answer.feed(b"x" * (MAX_BODY + 5))
    assert answer.settled
    refusal = answer.refusal()
    assert refusal is not None
    assert refusal.body == "x" * MAX_BODY


def test_cookies_are_left_out_and_repeated_headers_joined() -> None:
    error = rejection(403, [("Set-Cookie", "a"), ("set-cookie2", "b"), ("Via", "1"), ("via", "2")], b"\xff")
    assert error.headers == {"via": "1, 2"}
    assert error.body == "\ufffd"
    assert str(error).endswith("403 (Forbidden)")
    assert str(rejection(599, [], b"")).endswith("599")
