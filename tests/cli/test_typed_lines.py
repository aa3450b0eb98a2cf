"""Lines from standard input."""

import io
import os
from types import SimpleNamespace

import pytest
import trio

from trio_realtime.cli.typed_lines import TypedLines


def typed(data: bytes, encoding: str = "utf-8") -> TypedLines:
    return TypedLines(io.TextIOWrapper(io.BytesIO(data), encoding=encoding))


async def all_of(lines: TypedLines) -> list[str]:
    found = []
    while (line := await lines.next()) is not None:
        found.append(line)
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"one\r\n\ntwo", ["one", "", "two"]),
        ("Grüße\n".encode(), ["Grüße"]),
        (b"\xff\n", ["\ufffd"]),
        (b"cut \xc3", ["cut \ufffd"]),
    ],
)
async def test_lines(data, expected):
    lines = typed(data)
    assert await all_of(lines) == expected
    assert await lines.next() is None
    assert not lines.interactive


async def test_another_encoding():
    assert await all_of(typed("Grüße".encode("latin-1"), "latin-1")) == ["Grüße"]


async def test_no_standard_input_at_all(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    lines = TypedLines()
    assert await lines.next() is None
    assert not lines.interactive


async def test_a_character_in_two_pieces_and_a_read_that_had_nothing(autojump_clock):
    pieces = [b"\xc3", None, b"\xa4\n", b""]
    raw = SimpleNamespace(read=lambda _: pieces.pop(0))
    stdin = SimpleNamespace(buffer=SimpleNamespace(raw=raw), encoding=None, isatty=lambda: True)
    lines = TypedLines(stdin)
    assert lines.interactive
    assert await all_of(lines) == ["ä"]


async def test_a_terminal_that_is_gone_is_the_end_of_input():
    stdin = io.TextIOWrapper(io.BytesIO(b"one\n"))
    lines = TypedLines(stdin)
    stdin.close()
    assert await lines.next() is None


async def test_a_wait_can_be_cancelled():
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb"), os.fdopen(reading) as stdin:
        lines = TypedLines(stdin)
        with trio.move_on_after(0.01) as scope:
            await lines.next()
        assert scope.cancelled_caught
        os.write(writing, b"late\n")  # lets the thread that was left behind end
        await trio.sleep(0.01)
