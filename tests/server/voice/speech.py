"""Speech for the tests, made by the engine's own voice, and the measure of how well it was heard."""

import functools
import re

import pytest

from trio_realtime.server import AudioClip
from trio_realtime.server.voice import voice_available

needs_voice = pytest.mark.skipif(
    not voice_available(), reason="the extra 'voice' is not installed: pip install '.[voice]'"
)

SENTENCES = (
    "What is the weather in Oslo today?",
    "Please book a table for two people.",
    "I would like to know when the museum opens.",
    "Could you call me back tomorrow morning?",
    "The train to the city leaves from platform nine.",
    "My name is Robin and I live near the harbour.",
    "Thank you very much for your help.",
    "Can you turn the lights off in the kitchen?",
    "She wrote a long letter to her brother.",
    "We are looking for a quiet room with a view.",
)


@functools.cache
def speaker():
    from trio_realtime.server.voice import HibariTextToSpeech

    return HibariTextToSpeech()


@functools.cache
def recognizer():
    from trio_realtime.server.voice import MoonshineSpeechToText

    return MoonshineSpeechToText()


@functools.cache
def detector():
    from trio_realtime.server.voice import SileroDetector

    return SileroDetector()


@functools.cache
def said(text, voice="alloy", speed=1.0, rate=24_000):
    """The text as 16 bit PCM."""
    return b"".join(clip.pcm for _, clip in speaker().speak(text, voice=voice, speed=speed, rate=rate))


def clip(text, **options):
    return AudioClip(pcm=said(text, **options), rate=options.get("rate", 24_000))


_SAME = {"harbor": "harbour", "9": "nine", "2": "two"}


def words(text):
    found = re.findall(r"[a-z0-9']+", text.lower().replace("good-bye", "goodbye"))
    return [_SAME.get(word, word) for word in found]


def word_errors(truth, heard):
    """Edits that make one text of the other, and how many words there are."""
    a, b = words(truth), words(heard)
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1], len(a)


def noise(kind, count, rng):
    """Noise of loudness 1 (root mean square)."""
    import numpy as np

    if kind == "white":
        made = rng.standard_normal(count)
    elif kind == "pink":
        spectrum = np.fft.rfft(rng.standard_normal(count))
        made = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), count)
    else:  # a humming fan, and somebody typing
        time = np.arange(count) / 24_000
        made = 0.3 * np.sin(2 * np.pi * 50 * time) + 0.15 * np.sin(2 * np.pi * 150 * time)
        click = rng.standard_normal(240) * np.exp(-np.arange(240) / 40)
        for at in range(0, count - 4000, 4000):
            start = at + int(rng.integers(0, 3000))
            made[start : start + 240] += 3 * click
    return made / np.sqrt(np.mean(made**2))
