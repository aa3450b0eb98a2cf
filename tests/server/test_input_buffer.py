from array import array

import pytest

from trio_realtime.audio import PCM16, PCMA, PCMU
from trio_realtime.server import g711
from trio_realtime.server.audio import silence, synthesize
from trio_realtime.server.hearing import LoudnessDetector
from trio_realtime.server.input_buffer import InputBuffer, SpeechPaused, SpeechStarted, SpeechStopped
from trio_realtime.server.settings import default_session, merge_session


def detection(**fields):
    session = default_session("s", model="m", expires_at=0)
    update = {"audio": {"input": {"turn_detection": {"type": "server_vad", **fields}}}}
    return merge_session(session, update)["audio"]["input"]["turn_detection"]


def feed(buffer, audio, size=777):
    heard = []
    for start in range(0, len(audio), 2 * size):
        heard += buffer.append(audio[start : start + 2 * size])
    return heard


@pytest.mark.parametrize("format", [PCM16, PCMU, PCMA], ids=lambda codec: codec.type)
def test_speech_starts_with_padding_and_stops_after_silence(format):
    buffer = InputBuffer(format, detection())
    audio = silence(1.0, format) + synthesize("a" * 16, format) + silence(1.0, format)
    started, stopped = feed(buffer, audio)
    assert started == SpeechStarted(700)
    assert isinstance(stopped, SpeechStopped)
    assert stopped.audio_end_ms == 2200
    assert stopped.clip.seconds == pytest.approx(1.5)
    assert not buffer.speaking
    assert buffer.uncommitted_ms == pytest.approx(800)
    assert buffer.total_ms == 3000


def test_the_padding_does_not_reach_before_the_beginning_or_into_the_last_turn():
    buffer = InputBuffer(PCM16, detection(prefix_padding_ms=1000))
    first, _, second, _ = feed(buffer, (synthesize("aaaa") + silence(0.3)) * 2)
    assert first.audio_start_ms == 0
    assert second.audio_start_ms == 460


@pytest.mark.parametrize(("threshold", "events"), [(0.1, 2), (0.5, 2), (1.0, 0)])
def test_the_threshold_counts(threshold, events):
    soft = g711.samples_pcm(array("h", [sample // 5 for sample in g711.pcm_samples(synthesize("aaaaaaaa"))]))
    audio = silence(0.2) + soft + silence(0.5)
    assert len(feed(InputBuffer(PCM16, detection(threshold=threshold)), audio)) == events


def test_a_click_of_one_frame_is_no_speech():
    click = synthesize("a")[:960]
    assert feed(InputBuffer(PCM16, detection()), silence(0.2) + click + silence(0.5)) == []


@pytest.mark.parametrize(("pause_ms", "turns"), [(180, 1), (220, 2)])
def test_the_silence_that_ends_a_turn(pause_ms, turns):
    audio = synthesize("aaaa") + silence(pause_ms / 1000) + synthesize("aaaa") + silence(0.5)
    heard = feed(InputBuffer(PCM16, detection(silence_duration_ms=200)), audio)
    assert len(heard) == 2 * turns


@pytest.mark.parametrize(("eagerness", "end"), [("high", 1260), ("auto", 1500), ("medium", 1500), ("low", 2000)])
def test_semantic_turn_detection_waits_by_eagerness(eagerness, end):
    settings = {"type": "semantic_vad", "eagerness": eagerness, "create_response": True, "interrupt_response": True}
    _, stopped = feed(InputBuffer(PCM16, settings), synthesize("a" * 16) + silence(2))
    assert stopped.audio_end_ms == end


def test_without_turn_detection_nothing_is_heard_and_all_is_kept():
    buffer = InputBuffer(PCM16, None)
    assert feed(buffer, synthesize("a" * 300)) == []
    assert not buffer.speaking
    clip = buffer.commit()
    assert clip is not None
    assert clip.seconds == 18.75
    assert buffer.uncommitted_ms == 0
    assert buffer.total_ms == 18_750


def test_less_than_100_ms_is_not_committed_and_not_lost():
    buffer = InputBuffer(PCM16, None)
    buffer.append(silence(0.099))
    assert buffer.commit() is None
    buffer.append(silence(0.001))
    clip = buffer.commit()
    assert clip is not None
    assert clip.seconds == pytest.approx(0.1)
    assert buffer.take().pcm == b""


def test_silence_is_kept_for_ten_seconds_only():
    buffer = InputBuffer(PCM16, detection())
    feed(buffer, silence(60))
    assert 9_000 <= buffer.uncommitted_ms <= 12_000
    assert buffer.total_ms == 60_000


def test_clear_forgets_the_audio_and_the_speech():
    buffer = InputBuffer(PCM16, detection())
    feed(buffer, silence(0.5) + synthesize("aaaa"))
    assert buffer.speaking
    buffer.clear()
    assert not buffer.speaking
    assert buffer.uncommitted_ms == 0
    assert feed(buffer, silence(1)) == []
    assert [type(event) for event in feed(buffer, synthesize("aa") + silence(1))] == [SpeechStarted, SpeechStopped]
    InputBuffer(PCM16, None).clear()


def test_another_format_drops_what_waits_and_keeps_the_time():
    buffer = InputBuffer(PCM16, detection())
    feed(buffer, silence(1))
    buffer.configure(PCMU, detection())
    assert (buffer.total_ms, buffer.uncommitted_ms) == (1000, 0)
    (started,) = feed(buffer, synthesize("aa", PCMU))
    assert started.audio_start_ms == 1000
    buffer.configure(PCMU, None)
    assert buffer.uncommitted_ms == 125


SEMANTIC = {"type": "semantic_vad", "eagerness": "high", "create_response": True, "interrupt_response": True}


def test_a_pause_is_told_once_with_the_turn_so_far():
    buffer = InputBuffer(PCM16, detection(silence_duration_ms=500), pause_ms=160)
    heard = feed(buffer, synthesize("aaaa") + silence(0.4))
    assert [type(event) for event in heard] == [SpeechStarted, SpeechPaused]
    assert heard[1].clip.seconds == pytest.approx(0.41, abs=0.02)
    (stopped,) = feed(buffer, silence(0.2))
    assert stopped.pause == heard[1].number


def test_speech_that_goes_on_makes_the_pause_void():
    buffer = InputBuffer(PCM16, SEMANTIC, pause_ms=160)
    _, pause = feed(buffer, synthesize("aaaa") + silence(0.2))
    assert feed(buffer, synthesize("aaaa")) == []
    assert buffer.considered(pause.number, finished=True) is None
    _, stopped = feed(buffer, silence(2.1))
    assert stopped.pause == pause.number + 1


@pytest.mark.parametrize(("finished", "end"), [(True, 500), (False, 2260)])
def test_what_is_thought_of_a_pause_decides_how_long_it_may_be(finished, end):
    buffer = InputBuffer(PCM16, SEMANTIC, pause_ms=160)
    _, pause = feed(buffer, synthesize("aaaa") + silence(0.18))
    assert buffer.considered(pause.number, finished=finished) is None
    (stopped,) = feed(buffer, silence(3))
    assert stopped.audio_end_ms == pytest.approx(end, abs=20)
    assert buffer.considered(pause.number, finished=True) is None


def test_a_thought_that_comes_late_ends_the_turn_at_once():
    buffer = InputBuffer(PCM16, SEMANTIC, pause_ms=160)
    _, pause = feed(buffer, synthesize("aaaa") + silence(1))
    stopped = buffer.considered(pause.number, finished=True)
    assert stopped.audio_end_ms == 1240
    assert not buffer.speaking


def test_without_turn_detection_no_thought_counts():
    assert InputBuffer(PCM16, None).considered(1, finished=True) is None


def test_a_long_piece_is_listened_to_in_slices():
    class Slices(LoudnessDetector):
        slice_ms = 100.0

    buffer = InputBuffer(PCM16, detection(), detector=Slices())
    assert buffer.append(silence(0.25) + synthesize("aaaa")) == []
    assert buffer.total_ms == 100
    heard, slices = [], 1
    while buffer.unheard:
        heard += buffer.go_on()
        slices += 1
    assert slices == 5
    assert [type(event) for event in heard] == [SpeechStarted]
    assert buffer.total_ms == 500


def test_a_threshold_that_speech_may_fall_below():
    class Patient(LoudnessDetector):
        hysteresis = 0.4

    soft = g711.samples_pcm(array("h", [sample // 6 for sample in g711.pcm_samples(synthesize("aaaaaaaa"))]))
    audio = synthesize("aaaa") + soft + silence(0.5)
    ends = []
    for detector in (LoudnessDetector(), Patient()):
        *_, stopped = feed(InputBuffer(PCM16, detection(threshold=0.8), detector=detector), audio)
        ends.append(stopped.audio_end_ms)
    assert ends[0] + 400 < ends[1]
