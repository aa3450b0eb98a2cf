from __future__ import annotations

from typing import Any

from trio_realtime import RealtimeAgent
from trio_realtime.session_tasks.responses import ResponseBook

A = RealtimeAgent[Any]("A")


def test_begin_and_end() -> None:
    book = ResponseBook()
    first = book.begin("r1", A)
    assert book.begin("r1", A) is first  # announced twice
    assert book.get("r1") is first
    side = book.begin("side", A, default_conversation=False)
    assert book.active() == [first]
    assert book.end("r1", A) is first
    assert not first.active
    assert book.active() == []
    assert side.active
    assert book.begin("r1", A) is not first  # an id that comes again after its end is new
    assert not book.end("unheard", A).active


def test_a_model_without_ids() -> None:
    book = ResponseBook()
    first = book.begin("", A)
    assert book.begin("", A) is not first
    book.silence("")
    assert book.is_silenced("")
    book.begin("", A)
    assert not book.is_silenced("")


def test_silence() -> None:
    book = ResponseBook()
    first, second = book.begin("r1", A), book.begin("r2", A)
    assert book.silence("r1") == [first]
    assert book.silence("r1") == []  # it could not be heard any more
    assert book.silence(None) == [second]
    assert book.is_silenced("r1")
    assert book.is_silenced("r2")
    book.end("r2", A)
    third = book.begin("r3", A)
    book.end("r3", A)
    assert book.silence("r3") == []  # it is over, but late audio of it is dropped
    assert third.silenced


def test_silence_before_it_begins() -> None:
    book = ResponseBook()
    assert not book.is_silenced("later")
    book.silence("later")
    assert book.is_silenced("later")
    assert book.begin("later", A).silenced
    book.silence("")
    assert not book.is_silenced("")
    for index in range(300):
        book.silence(f"x{index}")
    assert not book.is_silenced("x0")
    assert book.is_silenced("x299")


def test_only_so_many_are_remembered() -> None:
    book = ResponseBook()
    active = book.begin("active", A)
    for index in range(1000):
        book.begin(f"r{index}", A)
        book.end(f"r{index}", A)
    assert book.get("active") is active
    assert book.get("r0") is None
    assert book.get("r999") is not None
    assert len(book._responses) <= 257


def test_is_active() -> None:
    book = ResponseBook()
    assert not book.is_active("r1")
    book.begin("r1", A)
    assert book.is_active("r1")
    book.end("r1", A)
    assert not book.is_active("r1")
