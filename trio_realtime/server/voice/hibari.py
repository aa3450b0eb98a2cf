"""hibari: English text to speech at 24 kHz, with the voices of the service made from its one model."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from trio_realtime.server.audio import AudioClip
from trio_realtime.server.voice.interfaces import TextToSpeech
from trio_realtime.server.voice.libraries import library, onnx_session
from trio_realtime.server.voice.models import model_file
from trio_realtime.server.voice.turns import sentences

__all__ = ["VOICES", "HibariTextToSpeech", "VoiceShape"]

_RATE: Final = 24_000
_SEED: Final = 0
_PADS: Final = 2
_SLOWEST: Final = 0.25
_FASTEST: Final = 2.0


@attrs.frozen
class VoiceShape:
    """How a voice differs from the model's own.

    Attributes:
        pitch: factor of the pitch.
        size: factor of the resonances; below 1 it sounds like a larger person.
    """

    pitch: float = 1.0
    size: float = 1.0


VOICES: Final[Mapping[str, VoiceShape]] = {
    "alloy": VoiceShape(),
    "ash": VoiceShape(0.60, 0.92),
    "ballad": VoiceShape(0.70, 0.94),
    "cedar": VoiceShape(0.64, 0.88),
    "coral": VoiceShape(1.12),
    "echo": VoiceShape(0.66),
    "marin": VoiceShape(1.06, 1.02),
    "sage": VoiceShape(0.94),
    "shimmer": VoiceShape(1.25),
    "verse": VoiceShape(0.76),
}
"""The service's voices: variations of one speaker, which can be told apart and do not sound like the service's."""


class HibariTextToSpeech(TextToSpeech):
    """hibari with the voice that is in its package. Blocks while it loads (some 700 ms). English only.

    Args:
        model_dir: where ``hibari.onnx`` and its other files are (the ``oov``, ``tagger``, ``vocab``, ``tokenizer`` and
            ``lexicon_us`` ones of :data:`~trio_realtime.server.voice.models.HASHES`), as far as not in the installed
            package.

    Raises:
        UserError: the extra is not installed, or a model file is another one.
    """

    def __init__(self, model_dir: Path | None = None) -> None:
        self._numpy = library("numpy")
        self._soxr = library("soxr")
        self._engine = _engine(model_dir)
        self._shape = library("hibari.dsp").synth
        self._lock = threading.Lock()  # its dictionaries are not said to be safe in several threads
        self._phonemes("Ready.")

    def speak(self, text: str, *, voice: str, speed: float, rate: int) -> Iterator[tuple[str, AudioClip]]:
        """Give sentence by sentence; the same audio for the same arguments."""
        shape = VOICES.get(voice, VoiceShape())
        for sentence in sentences(text):
            yield sentence, AudioClip(pcm=self._pcm(sentence, shape, speed, rate), rate=rate)

    def _phonemes(self, text: str) -> list[list[int]]:
        with self._lock:
            return [self._engine.ids(phonemes) for phonemes in self._engine.phonemize(text)]

    def _pcm(self, text: str, shape: VoiceShape, speed: float, rate: int) -> bytes:
        numpy = self._numpy
        parts = [self._wave(ids, shape, speed) for ids in self._phonemes(text)]
        if not parts:
            return b""
        wave = numpy.concatenate(parts)
        made_at = _RATE * shape.size  # played at another rate than it was made for, everything in it moves
        if made_at != rate:
            wave = self._soxr.resample(wave, made_at, rate)
        pcm: bytes = (numpy.clip(wave, -1, 1) * 32767).astype("<i2").tobytes()
        return pcm

    def _wave(self, ids: list[int], shape: VoiceShape, speed: float) -> Any:
        numpy = self._numpy
        if len(ids) <= _PADS:
            return numpy.zeros(0, numpy.float32)
        pace = min(max(speed / shape.size, _SLOWEST), _FASTEST)
        feeds = {"ids": numpy.array([ids], numpy.int64), "speed": numpy.array([pace], numpy.float32)}
        *spectrum, pitch = (output[0] for output in self._engine.sess.run(None, feeds))
        return self._shape(*spectrum, pitch * (shape.pitch / shape.size), numpy.random.default_rng(_SEED))


def _engine(model_dir: Path | None) -> Any:
    """Make hibari's engine of checked files, wherever each of them is: its own constructors know one place."""
    hibari: Any = library("hibari").Hibari
    engine = hibari.__new__(hibari)
    engine.sess = onnx_session(model_file("hibari.onnx", model_dir))
    engine.vocab = _loaded("vocab.json", model_dir)
    engine._g2p = _phonemizer(model_dir)
    return engine


def _phonemizer(model_dir: Path | None) -> Any:
    """Make what turns words into sounds, for American English."""
    parts = library("hibari.g2p")
    made = parts.G2P.__new__(parts.G2P)
    gold, silver = (_loaded(f"lexicon_us_{name}.json.gz", model_dir) for name in ("gold", "silver"))
    made.lexicon = parts.Lexicon(gold, silver, False)
    made.tokenizer = parts.Tokenizer(_loaded("tokenizer_exceptions.json", model_dir))
    made.tagger = parts.Tagger(_loaded("tagger.json.gz", model_dir))
    unknown_words = onnx_session(model_file("oov.onnx", model_dir))
    described = model_file("oov.json", model_dir).with_suffix(".onnx")  # it looks for the description beside this
    made._oov = library("hibari.g2p.oov").OOV(str(described), session=unknown_words)
    made.unk = ""
    made.british = False
    return made


def _loaded(name: str, model_dir: Path | None) -> Any:
    data = model_file(name, model_dir).read_bytes()
    return json.loads(gzip.decompress(data) if name.endswith(".gz") else data)
