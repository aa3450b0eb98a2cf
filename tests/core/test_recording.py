from __future__ import annotations

import pytest

from trio_realtime.audio import PCMU
from trio_realtime.core.recording import InputRecording

SECOND = 48_000


def piece(letter: bytes, ms: int = 1000) -> bytes:
    return letter * (ms * 48)


@pytest.fixture
def recording() -> InputRecording:
    return InputRecording(None)


def test_turn_detection_tells_what_was_spoken(recording):
    for letter in (b"a", b"b", b"c"):
        recording.append(piece(letter))
    recording.speech_started("i", 500)
    recording.append(piece(b"d"))
    recording.speech_stopped("i", 3500)
    assert recording.take("i") == piece(b"a", 500) + piece(b"b") + piece(b"c") + piece(b"d", 500)
    assert recording.take("i") == b""


def test_an_item_whose_end_nobody_told_goes_as_far_as_the_audio(recording):
    recording.append(piece(b"a"))
    recording.speech_started("i", 900.01)
    assert recording.take("i") == piece(b"a", 100)


def test_what_the_application_commits(recording):
    recording.detects = False
    recording.append(piece(b"a", 60_000))
    recording.commit("e1")
    recording.append(piece(b"b"))
    recording.commit("e2")
    recording.append(piece(b"c"))
    assert recording.take("i1") == piece(b"a", 60_000)
    assert recording.take("i2") == piece(b"b")
    assert recording.take("i3") == b""
    assert recording.size == SECOND


def test_what_was_cleared_is_in_no_item(recording):
    recording.append(piece(b"a"))
    recording.speech_started("i", 0)
    recording.clear()
    assert recording.size == 0
    recording.append(piece(b"b"))
    recording.commit(None)
    assert recording.take("i") == piece(b"b")


@pytest.mark.parametrize(
    ("event_id", "certain", "expected"),
    [
        ("e1", False, [b"ab", b"c"]),
        ("e2", False, [b"a", b"bc"]),
        ("e3", True, [b"a", b"b"]),
        (None, True, [b"ab", b"c"]),
        (None, False, [b"a", b"b", b"c"]),
        ("other", True, [b"a", b"b"]),
        ("other", False, [b"a", b"b", b"c"]),
    ],
)
def test_a_refused_commit_leaves_its_audio_in_the_buffer(event_id, certain, expected, recording):
    for letter, name in ((b"a", "e1"), (b"b", "e2"), (b"c", None)):
        recording.append(piece(letter))
        recording.commit(name)
    recording.refused(event_id, certain=certain)
    for letters in expected:
        assert recording.take("i") == b"".join(piece(bytes([letter])) for letter in letters)
    assert recording.take("i") == b""
    recording.append(piece(b"d"))
    recording.commit("e4")
    kept = piece(b"c") if expected == [b"a", b"b"] else b""
    assert recording.take("i") == kept + piece(b"d")


def test_silence_is_not_kept_for_ever(recording):
    for _ in range(100):
        recording.append(piece(b"a"))
    assert recording.size == 30 * SECOND
    recording.speech_started("i", 71_000)
    for _ in range(100):
        recording.append(piece(b"b"))
    assert recording.size == 130 * SECOND
    recording.speech_stopped("i", 200_000)
    assert len(recording.take("i")) == 129 * SECOND
    assert recording.size == 0


@pytest.mark.parametrize("detects", [True, False])
def test_no_more_is_kept_than_may_be(detects):
    recording = InputRecording(5 * SECOND)
    recording.detects = detects
    recording.speech_started("i", 0)
    for letter in b"abcdefgh":
        recording.append(piece(bytes([letter])))
    assert recording.size == 5 * SECOND
    assert recording.take("i") == b"".join(piece(bytes([letter])) for letter in b"defgh")


def test_commits_that_nobody_answers_are_forgotten(recording):
    for _ in range(100):
        recording.append(b"ab")
        recording.commit(None)
    assert [recording.take("i") for _ in range(65)] == [b"ab"] * 64 + [b""]


def test_other_formats(recording):
    recording.format = PCMU
    recording.append(b"abcdefgh" * 2)
    recording.speech_started("i", 0.375)
    recording.speech_stopped("i", 1.125)
    assert recording.take("i") == b"defghabcd"[:6]
