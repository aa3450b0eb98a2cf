"""What the load generator says when."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

from benchmarks.frames import block, numbered, response_stream
from benchmarks.scripts import SCRIPTS, Ping, make_script


def text_of(batch) -> bytes:
    return b"".join(step for step in batch if isinstance(step, bytes))


def test_batches_of_a_stream_go_on_numbering():
    template = block(response_stream("300 B"))
    script = make_script({"script": "receive", "stream": "300 B", "batches": "2,3"})
    assert text_of(script(0)) == b"".join(numbered(template, n) for n in (0, 1))
    assert text_of(script(1)) == b"".join(numbered(template, n) for n in (2, 3, 4))
    assert text_of(script(2)) == b"".join(numbered(template, n) for n in (5, 6, 7))


def test_turns():
    script = make_script({"script": "turns", "turns": "40"})
    assert text_of(script(1)).count(b'"response.done"') == 40


def test_live_ticks_are_evenly_spaced_and_two_thirds_are_audio():
    steps = list(islice(make_script({"script": "live", "rate": "15", "seconds": "2"})(0), 200))
    ticks = [step for step in steps if isinstance(step, float)]
    assert {round(b - a, 6) for a, b in pairwise(ticks)} == {round(1 / 15, 6)}
    frames = [step for step in steps if isinstance(step, bytes) and b'"delta":' in step]
    audio = sum(b"output_audio.delta" in step for step in frames)
    assert 0.6 < audio / len(frames) < 0.7


def test_a_live_load_that_lasts_ends_its_answer_and_begins_again():
    script = make_script({"script": "live", "rate": "15", "seconds": "1", "lasts": "2.5"})
    for index in range(2):
        steps = list(script(index))
        assert len([step for step in steps if isinstance(step, float)]) == 38
        assert text_of(steps).count(b'"response.created"') == text_of(steps).count(b'"response.done"') == 3


def test_an_interruption_comes_after_the_pause():
    first, pause, second = make_script({"script": "interrupt", "frames": "5", "late": "2", "after": "0.5"})(0)
    assert first.count(b"output_audio.delta") == 5
    assert isinstance(pause, float)
    assert second.index(b"speech_started") < second.index(b"output_audio.delta")
    assert second.count(b"output_audio.delta") == 2
    assert b'"cancelled"' in second


def test_a_stalled_client_is_sent_all_the_audio_and_pinged():
    steps = list(make_script({"script": "stall", "audio_seconds": "60", "seconds": "3"})(0))
    assert text_of(steps).count(b"output_audio.delta") == 600
    times = [step for step in steps if isinstance(step, float)]
    assert times[-1] - times[0] == pytest.approx(3, rel=0.01)
    assert 25 <= sum(isinstance(step, Ping) for step in steps) <= 30


def test_silence():
    assert list(make_script({})(0)) == []


def test_unknown_scripts():
    with pytest.raises(KeyError):
        make_script({"script": "song"})
    assert "song" not in SCRIPTS
