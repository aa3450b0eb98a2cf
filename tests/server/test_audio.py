import pytest

from trio_realtime.audio import PCM16, PCMA, PCMU
from trio_realtime.server.audio import AudioClip, decode, encode, rms, silence, synthesize


@pytest.mark.parametrize("format", [PCM16, PCMU, PCMA], ids=lambda codec: codec.type)
def test_the_length_is_proportional_to_the_text(format):
    text = "Hello, how are you?"
    assert format.duration_ms(len(synthesize(text, format))) == pytest.approx(len(text) * 62.5)
    assert format.duration_ms(len(silence(1.5, format))) == 1500


def test_speed_shortens_and_the_signal_is_deterministic():
    assert len(synthesize("hello", speed=2.0)) == len(synthesize("hello")) / 2
    assert synthesize("hello") == synthesize("hello") != synthesize("world")
    assert synthesize("") == b""


def test_letters_are_loud_and_spaces_quiet():
    assert rms(synthesize("a")) > 1500
    assert rms(synthesize(" ")) == 0
    assert rms(b"") == 0
    assert rms(decode(silence(0.1, PCMU), PCMU).pcm) < 50


@pytest.mark.parametrize("format", [PCMU, PCMA], ids=lambda codec: codec.type)
def test_g711_keeps_the_level(format):
    level = rms(decode(synthesize("hello", format), format).pcm)
    assert level == pytest.approx(rms(synthesize("hello")), rel=0.1)


def test_clips_can_change_their_rate():
    clip = decode(synthesize("hello"), PCM16)
    low = clip.resampled(8000)
    assert (low.rate, low.seconds) == (8000, clip.seconds)
    assert low.resampled(24000).seconds == clip.seconds
    assert clip.resampled(24000) is clip
    assert encode(low.pcm, PCMU) != low.pcm


def test_the_repr_of_a_clip_shows_its_size_only():
    assert repr(AudioClip(pcm=bytes(100), rate=8000)) == "AudioClip(pcm=<100 bytes>, rate=8000)"
