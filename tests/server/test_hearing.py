import pytest

from trio_realtime.server.audio import silence, synthesize
from trio_realtime.server.hearing import LoudnessDetector


@pytest.mark.parametrize("rate", [24_000, 8_000])
def test_frames_are_told_when_they_are_complete(rate):
    stream = LoudnessDetector().open(rate)
    frame = rate // 50 * 2
    assert stream.hear(bytes(frame - 2)) == []
    assert stream.hear(bytes(2 * frame + 2)) == [0.0, 0.0, 0.0]
    assert stream.hear(b"") == []


def test_loud_is_more_than_soft():
    (loud,) = LoudnessDetector().open(24_000).hear(synthesize("a")[:960])
    (soft,) = LoudnessDetector().open(24_000).hear(silence(0.02))
    assert loud > 1
    assert soft == 0
