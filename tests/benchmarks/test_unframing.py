"""Clients' frames, taken apart."""

from __future__ import annotations

import pytest

from benchmarks.unframing import CLOSE, PONG, TEXT, Unframer, masked, unmask


def fed(data: bytes, size: int) -> tuple[Unframer, list[tuple[int, bytes]]]:
    found: list[tuple[int, bytes]] = []
    unframer = Unframer(lambda opcode, payload: found.append((opcode, payload)))
    for start in range(0, len(data), size):
        unframer.feed(data[start : start + size])
    return unframer, found


def test_a_mask_taken_off_is_what_there_was():
    assert unmask(unmask(b"some words", b"abcd"), b"abcd") == b"some words"
    assert unmask(b"", b"abcd") == b""


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
def test_frames_however_they_are_cut(size):
    small, large = [b'{"n":%d}' % n for n in range(20)], b"a" * 70_000
    data = (
        b"".join(map(masked, small)) + masked(large) + masked(b"pong", PONG) + masked(b"b" * 999) + masked(b"", CLOSE)
    )
    unframer, found = fed(data, size)
    assert found == [*((TEXT, text) for text in small), (PONG, b"pong"), (TEXT, b"b" * 999), (CLOSE, b"")]
    assert unframer.messages == 22
    assert unframer.bytes == sum(map(len, small)) + 70_000 + 999


@pytest.mark.parametrize("size", [200, 70_000])
def test_the_first_messages_are_read_whatever_their_size(size):
    _, found = fed(masked(b"c" * size), 1000)
    assert found == [(TEXT, b"c" * size)]
