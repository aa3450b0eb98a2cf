"""One turn for each utterance in five conditions, and none for what is no speech."""

import pytest

from trio_realtime.audio import PCM16
from trio_realtime.server.input_buffer import InputBuffer, SpeechStarted, SpeechStopped
from trio_realtime.server.settings import default_session, merge_session

from .speech import SENTENCES, detector, needs_voice, noise, said

pytestmark = needs_voice

CONDITIONS = [("clean", None), ("white", 20), ("pink", 10), ("keys", 10), ("pink", 0)]


def buffer():
    session = default_session("s", model="m", expires_at=0)
    update = {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}}}
    detection = merge_session(session, update)["audio"]["input"]["turn_detection"]
    return InputBuffer(PCM16, detection, detector=detector())


def feed(pcm):
    import numpy as np

    data = np.clip(pcm, -32768, 32767).astype("<i2").tobytes()
    ears = buffer()
    heard = []
    for start in range(0, len(data), 960):
        heard += ears.append(data[start : start + 960])
    return heard


@pytest.mark.parametrize(("kind", "ratio"), CONDITIONS)
def test_each_utterance_is_one_turn(kind, ratio):
    import numpy as np

    rng = np.random.default_rng(7)
    pieces, spans, at = [np.zeros(24_000)], [], 24_000
    for index, text in enumerate(SENTENCES):
        voice = ("alloy", "ash", "shimmer", "verse")[index % 4]
        speech = np.frombuffer(said(text, voice=voice), "<i2").astype(float)
        pieces += [speech, np.zeros(36_000)]
        spans.append((at / 24, (at + len(speech)) / 24))
        at += len(speech) + 36_000
    audio = np.concatenate(pieces)
    if ratio is not None:
        level = np.sqrt(np.mean(np.concatenate(pieces[1::2]) ** 2)) / 10 ** (ratio / 20)
        audio = audio + noise(kind, len(audio), rng) * level
    heard = feed(audio)
    assert [type(event) for event in heard] == [SpeechStarted, SpeechStopped] * len(SENTENCES)
    for (begin, end), started, stopped in zip(spans, heard[::2], heard[1::2], strict=True):
        assert begin - 500 < started.audio_start_ms < begin + 500
        assert end - 400 < stopped.audio_end_ms < end + 800


@pytest.mark.parametrize("kind", ["silence", "white", "pink", "keys"])
def test_silence_and_noise_are_no_turn(kind):
    import numpy as np

    rng = np.random.default_rng(7)
    audio = np.zeros(24_000 * 20)
    if kind != "silence":
        audio = noise(kind, len(audio), rng) * 1500
    assert feed(audio) == []
