from __future__ import annotations

from trio_realtime.core.latencies import Latencies, LatencyStatistics


def test_nothing_was_measured():
    latencies = Latencies()
    assert latencies.delivery == latencies.first_audio == latencies.tools == LatencyStatistics()


def test_last_mean_and_worst():
    latencies = Latencies()
    for received, given in ((1.0, 1.5), (2.0, 4.0), (5.0, 5.5)):
        latencies.audio_given(received, given)
    latencies.audio_given(None, 9.0)  # nothing was read for it
    assert latencies.delivery == LatencyStatistics(count=3, last=0.5, mean=1.0, worst=2.0)


def test_the_first_audio_after_the_end_of_speech():
    latencies = Latencies()
    latencies.audio_received(1.0)
    latencies.user_stopped(2.0)
    latencies.audio_received(2.75)
    latencies.audio_received(3.0)
    assert latencies.first_audio == LatencyStatistics(count=1, last=0.75, mean=0.75, worst=0.75)
    latencies.user_stopped(4.0)
    latencies.user_speaks()
    latencies.audio_received(5.0)
    latencies.user_stopped(None)
    latencies.audio_received(6.0)
    latencies.user_stopped(7.0)
    latencies.audio_received(None)
    assert latencies.first_audio.count == 1


def test_tools():
    latencies = Latencies()
    latencies.tool_answered(1.0, 3.0)
    latencies.tool_answered(None, 4.0)
    assert latencies.tools == LatencyStatistics(count=1, last=2.0, mean=2.0, worst=2.0)
