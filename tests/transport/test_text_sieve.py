"""The sieve against wsproto's parser: whatever is sent in whatever pieces, the same messages come in the same order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from trio_realtime.transport.inbox import Inbox
from trio_realtime.transport.text_sieve import TextSieve


def frame(payload: bytes, first: int = 0x81, *, size: int | None = None) -> bytes:
    length = len(payload)
    if size is None:
        size = 0 if length < 126 else 2 if length < 65536 else 8
    head = bytes([first, length if size == 0 else 126 if size == 2 else 127])
    return head + length.to_bytes(size) + payload if size else head + payload


class Library:
    """What a WebSocket library does with the rest: it puts whole messages into the same inbox."""

    def __init__(self, limit: int | None = None) -> None:
        self.inbox = Inbox()
        self.sieve = TextSieve(self.inbox, limit)
        self.seen = b""
        self._protocol = FrameProtocol(client=True, extensions=[])
        self._parts: list[Any] = []
        self.controls: list[Opcode] = []

    def read(self, data: bytes) -> None:
        rest = self.sieve.sift(data)
        self.seen += rest
        self._protocol.receive_bytes(rest)
        for part in self._protocol.received_frames():
            if part.opcode.iscontrol():
                self.controls.append(part.opcode)
                continue
            self._parts.append(part.payload)
            if part.message_finished:
                empty: Any = type(part.payload)()
                self.inbox.put(empty.join(self._parts))
                self._parts.clear()
                self.sieve.delivered()

    @property
    def messages(self) -> list[str | bytes]:
        found: list[str | bytes] = []
        while (message := self.inbox.receive_nowait()) is not None:
            found.append(message)
        return found


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_whole_texts_of_every_length(length: int, step: int) -> None:
    if step == 1 and length > 70_000:
        step = 1000
    library = Library()
    text = ("ä" + "x" * length)[:length]
    data = frame(text.encode()) + frame(b"next")
    for start in range(0, len(data), step):
        library.read(data[start : start + step])
    assert library.messages == [text, "next"]
    assert library.seen == b""
    assert library.sieve.messages == 2


def test_control_frames_are_left_and_texts_go_on() -> None:
    library = Library()
    ping, pong = frame(b"p", 0x89), frame(b"", 0x8A)
    library.read(frame(b"1") + ping + frame(b"2") + pong + frame(b"3"))
    assert library.messages == ["1", "2", "3"]
    assert library.seen == ping + pong
    assert library.sieve.messages == 3


def test_no_message_overtakes_one_that_the_library_has() -> None:
    """A message in parts, with a ping between them, then a binary one: the texts behind them wait their turn."""
    library = Library()
    parts = frame(b"a", 0x01) + frame(b"p", 0x89) + frame(b"b", 0x00) + frame(b"c", 0x80)
    library.read(frame(b"1") + parts + frame(b"2") + frame(b"\0\1", 0x82) + frame(b"3"))
    assert library.messages == ["1", "abc", "2", b"\0\1", "3"]
    assert library.sieve.messages == 1, "the others were the library's"
    library.read(frame(b"4"))
    assert library.messages == ["4"]
    assert library.sieve.messages == 2, "everything was delivered, so the sieve takes texts again"


def test_a_long_frame_of_the_library_is_passed_on_as_it_comes() -> None:
    inbox = Inbox()
    sieve = TextSieve(inbox, None)
    data = frame(bytes(1000), 0x82)
    assert [len(sieve.sift(data[start : start + 300])) for start in range(0, len(data), 300)] == [300, 300, 300, 104]
    sieve.delivered()
    assert sieve.sift(frame(b"x")) == b""
    assert inbox.receive_nowait() == "x"


@pytest.mark.parametrize(
    "bad",
    [
        frame(b"\xff"),
        frame("ä".encode()[:1]),
        b"\x81\x81\0\0\0\0x",
        frame(b"x" * 125, size=2),
        frame(b"x" * 65535, size=8),
        frame(b"\x03\xe8", 0x88),
        frame(b"x" * 126, 0x89),
        frame(b"x", 0x09),
        frame(b"x", 0x8B),
    ],
    ids=["utf8", "cut utf8", "masked", "length in 2", "length in 8", "close", "long ping", "ping in parts", "unknown"],
)
def test_what_breaks_the_protocol_or_ends_it_is_the_librarys_with_all_that_follows(bad: bytes) -> None:
    inbox = Inbox()
    sieve = TextSieve(inbox, None)
    assert sieve.sift(frame(b"before") + bad + frame(b"after")) == bad + frame(b"after")
    assert sieve.sift(frame(b"later")) == frame(b"later")
    assert [inbox.receive_nowait(), inbox.receive_nowait()] == ["before", None]


def test_an_unknown_kind_of_data_is_the_librarys_too() -> None:
    inbox = Inbox()
    sieve = TextSieve(inbox, None)
    data = frame(b"x", 0x83) + frame(b"y")
    assert sieve.sift(data) == data
    assert inbox.receive_nowait() is None


def test_a_text_over_the_limit_is_the_librarys_to_refuse() -> None:
    inbox = Inbox()
    sieve = TextSieve(inbox, 10)
    assert sieve.sift(frame(b"x" * 10)) == b""
    over = frame(b"x" * 11)
    assert sieve.sift(over[:5]) == over[:5], "not a byte of it is kept"
    assert sieve.sift(over[5:]) == over[5:]
    assert inbox.receive_nowait() == "x" * 10


_KINDS = st.sampled_from(["text", "ping", "pong", "parts", "binary"])


@settings(max_examples=150, deadline=None)
@given(kinds=st.lists(_KINDS, max_size=12), size=st.integers(1, 300), seed=st.integers(0, 1 << 30))
def test_any_mixture_in_any_pieces(kinds: list[str], size: int, seed: int) -> None:
    rng = random.Random(seed)
    data, expected = b"", list[str | bytes]()
    for number, kind in enumerate(kinds):
        text = f"{number}" + "é" * rng.randrange(200)
        match kind:
            case "text":
                data += frame(text.encode())
            case "ping" | "pong":
                data += frame(b"p", 0x89 if kind == "ping" else 0x8A)
                continue
            case "parts":
                raw = text.encode()
                data += frame(raw[:1], 0x01) + frame(b"", 0x89) + frame(raw[1:3], 0x00) + frame(raw[3:], 0x80)
            case _:
                data += frame(text.encode(), 0x82)
        expected.append(text.encode() if kind == "binary" else text)
    library = Library()
    for start in range(0, len(data), size):
        library.read(data[start : start + size])
    assert library.messages == expected
    assert len(library.controls) == sum(1 for kind in kinds if kind in ("ping", "pong", "parts"))
