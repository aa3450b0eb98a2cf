from trio_realtime.server.playback import Playback


def test_without_a_call_nothing_is_reported():
    playback = Playback(reports=False)
    assert playback.start("r", 0) == []
    playback.finish("r", 1000)
    assert playback.stops_at is None
    assert playback.clear() == playback.tick(100) == []


def test_playback_stops_when_all_was_played():
    playback = Playback(reports=True)
    assert playback.start("r", 10.0) == [("output_audio_buffer.started", "r")]
    playback.finish("other", 1)
    assert playback.tick(99.0) == []
    playback.finish("r", 2000)
    assert playback.stops_at == 12.0
    assert playback.tick(11.9) == []
    assert playback.tick(12.0) == [("output_audio_buffer.stopped", "r")]
    assert playback.tick(13.0) == playback.clear() == []


def test_cleared_playback_does_not_stop_again():
    playback = Playback(reports=True)
    playback.start("r", 10.0)
    playback.finish("r", 2000)
    assert playback.clear() == [("output_audio_buffer.cleared", "r")]
    assert playback.tick(20.0) == []
