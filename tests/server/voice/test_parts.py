"""Silero, Moonshine and hibari, each alone."""

from array import array

import pytest

from trio_realtime.server import AudioClip
from trio_realtime.server.audio import silence

from .speech import SENTENCES, clip, detector, needs_voice, recognizer, said, speaker, word_errors

pytestmark = needs_voice


def test_ten_sentences_are_understood():
    counted = [word_errors(text, recognizer().transcribe(clip(text))) for text in SENTENCES]
    wrong, total = (sum(column) for column in zip(*counted, strict=True))
    assert wrong / total <= 0.05


@pytest.mark.parametrize(
    "options", [{"voice": voice} for voice in ("ash", "echo", "shimmer", "cedar")] + [{"speed": 0.8}, {"speed": 1.3}]
)
def test_every_voice_and_speed_can_be_understood(options):
    wrong, total = word_errors(SENTENCES[0], recognizer().transcribe(clip(SENTENCES[0], **options)))
    assert wrong <= 1, total


def test_telephone_audio_is_understood():
    wrong, _ = word_errors(SENTENCES[1], recognizer().transcribe(clip(SENTENCES[1], rate=8_000)))
    assert wrong <= 1


def test_what_is_no_speech_has_no_words():
    assert recognizer().transcribe(AudioClip(pcm=silence(2), rate=24_000)) == ""
    assert recognizer().transcribe(AudioClip(pcm=silence(0.05), rate=24_000)) == ""


def test_a_long_turn_is_transcribed_in_pieces():
    pcm = b"".join(said(text) + silence(0.6) for text in SENTENCES)
    assert len(pcm) / 48_000 > 25
    wrong, total = word_errors(" ".join(SENTENCES), recognizer().transcribe(AudioClip(pcm=pcm, rate=24_000)))
    assert wrong / total <= 0.1


def test_speech_comes_sentence_by_sentence_and_is_the_same_each_time():
    text = "Hello there. How are you today?"
    pieces = list(speaker().speak(text, voice="alloy", speed=1.0, rate=24_000))
    assert "".join(words for words, _ in pieces) == text
    assert len(pieces) == 2
    assert all(0.3 < audio.seconds < 4 for _, audio in pieces)
    assert pieces == list(speaker().speak(text, voice="alloy", speed=1.0, rate=24_000))


def test_speed_makes_it_shorter():
    slow, fast = (len(said(SENTENCES[2], speed=speed)) for speed in (0.7, 1.4))
    assert 1.6 < slow / fast < 2.4


def test_voices_differ_in_pitch():
    def pitch(voice):
        import numpy as np

        wave = np.frombuffer(said("Aaaah, oh, you are here.", voice=voice), "<i2").astype(float)
        found = []
        for at in range(0, len(wave) - 1200, 600):
            frame = wave[at : at + 1200] - wave[at : at + 1200].mean()
            power = np.correlate(frame, frame, "full")[1199:]
            lags = power[60:400]
            if power[0] > 1e9 and lags.max() > 0.5 * power[0]:
                found.append(24_000 / (60 + int(lags.argmax())))
        return float(np.median(found))

    ash, alloy, shimmer = (pitch(voice) for voice in ("ash", "alloy", "shimmer"))
    assert ash < 0.8 * alloy < 0.9 * shimmer


@pytest.mark.parametrize(
    "text", ["", "   ", "\u65e5\u672c\u8a9e", "\U0001f600", "...", "$3.50 on 2026-03-01 at https://example.org"]
)
def test_any_text_can_be_spoken(text):
    assert "".join(words for words, _ in speaker().speak(text, voice="nobody", speed=1.0, rate=24_000)) == text


@pytest.mark.parametrize("rate", [24_000, 8_000])
def test_speech_is_told_from_silence(rate):
    pcm = silence(1)[: 2 * rate] + said(SENTENCES[0], rate=rate) + bytes(2 * rate)
    stream = detector().open(rate)
    likely = [one for at in range(0, len(pcm), 320) for one in stream.hear(pcm[at : at + 320])]
    assert abs(len(likely) * 32 - len(pcm) / 2 / rate * 1000) < 64
    assert max(likely[:25]) < 0.3
    assert max(likely) > 0.9
    assert max(likely[-15:]) < 0.3


def test_loud_noise_is_no_speech():
    import random

    random.seed(1)
    pcm = array("h", [random.randint(-8000, 8000) for _ in range(24_000 * 3)]).tobytes()
    assert max(detector().open(24_000).hear(pcm)) < 0.5


async def test_a_transcription_that_nobody_wants_ends():
    import time

    import trio

    audio = AudioClip(pcm=b"".join(said(text) + silence(0.6) for text in SENTENCES * 3), rate=24_000)
    recognizer()
    began = time.perf_counter()
    with trio.move_on_after(0.05):
        await trio.to_thread.run_sync(recognizer().transcribe, audio)
    assert time.perf_counter() - began < 5
