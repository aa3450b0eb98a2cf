"""Moonshine tiny-en: English speech to text, by a greedy decoder on onnxruntime."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from trio_realtime.server.audio import AudioClip
from trio_realtime.server.voice.interfaces import SpeechToText
from trio_realtime.server.voice.libraries import give_up_if_cancelled, library, onnx_session
from trio_realtime.server.voice.models import model_file

__all__ = ["MoonshineSpeechToText"]

_RATE: Final = 16_000
_BEGIN: Final = 1
_END: Final = 2
_LEAST: Final = _RATE // 10
"""The encoder cannot take less audio."""
_MOST: Final = 20 * _RATE
"""Longer turns are cut where they are quietest: the cost of the encoder grows with the square of the length."""
_QUIET_AFTER: Final = _RATE * 7 // 10
"""Silence that is put behind the words: with less than half a second of it the last of them are often misheard."""
_SEARCH: Final = 5 * _RATE
_TOKENS_PER_SECOND: Final = 7
_UNSURE: Final = -0.6
"""Mean log probability of the words below which there was no speech: words have -0.02 to -0.23, silence about -1."""
_SPACE: Final = b"\xe2\x96\x81"
_LONG: Final = 128


class MoonshineSpeechToText(SpeechToText):
    """Moonshine tiny-en. Blocks while it loads (some 200 ms).

    English only. It writes numbers as digits, and gives nothing for what it is unsure of.

    Args:
        model_dir: where ``encoder_model.ort``, ``decoder_model_merged.ort`` and ``tokenizer.bin`` are, if not in the
            installed package.
        threads: how many threads one transcription uses.

    Raises:
        UserError: the extra is not installed, or a model file is another one.
    """

    def __init__(self, model_dir: Path | None = None, *, threads: int = 2) -> None:
        self._numpy = library("numpy")
        self._soxr = library("soxr")
        self._encoder = onnx_session(model_file("encoder_model.ort", model_dir), threads=threads)
        self._decoder = onnx_session(model_file("decoder_model_merged.ort", model_dir), threads=threads)
        self._tokens = read_tokens(model_file("tokenizer.bin", model_dir).read_bytes())
        self._encoder_takes_mask = "attention_mask" in {one.name for one in self._encoder.get_inputs()}
        inputs = {one.name: one.shape for one in self._decoder.get_inputs()}
        self._decoder_takes_mask = "encoder_attention_mask" in inputs
        self._past = [name for name in inputs if name.startswith("past_key_values")]
        self._outputs = [one.name for one in self._decoder.get_outputs()]
        heads, size = inputs[self._past[0]][1], inputs[self._past[0]][3]
        self._no_past = self._numpy.zeros((1, heads, 0, size), self._numpy.float32)
        self._one_past = self._numpy.zeros((1, heads, 1, size), self._numpy.float32)

    def transcribe(self, audio: AudioClip) -> str:
        """Give the words; empty for less than a tenth of a second, and where the model is unsure of them."""
        numpy = self._numpy
        samples = numpy.frombuffer(audio.pcm, "<i2").astype(numpy.float32) / 32768
        samples = self._soxr.resample(samples, audio.rate, _RATE)
        texts = [self._words(piece) for piece in self._pieces(samples) if len(piece) >= _LEAST]
        return " ".join(text for text in texts if text)

    def _pieces(self, samples: Any) -> list[Any]:
        """Cut long audio where it is quietest."""
        numpy = self._numpy
        pieces: list[Any] = []
        while len(samples) > _MOST:
            window = samples[_MOST - _SEARCH : _MOST]
            loudness = numpy.square(window).reshape(-1, _LEAST).sum(axis=1)
            at = _MOST - _SEARCH + int(loudness.argmin()) * _LEAST + _LEAST // 2
            pieces.append(samples[:at])
            samples = samples[at:]
        return [*pieces, samples]

    def _words(self, samples: Any) -> str:
        numpy = self._numpy
        audio = numpy.concatenate([samples, numpy.zeros(_QUIET_AFTER)]).astype(numpy.float32)[None]
        mask = numpy.ones(audio.shape, numpy.int64)
        feeds = {"input_values": audio, **({"attention_mask": mask} if self._encoder_takes_mask else {})}
        fixed = {"encoder_hidden_states": self._encoder.run(None, feeds)[0]}
        if self._decoder_takes_mask:
            fixed["encoder_attention_mask"] = mask
        tokens, sureness = self._decode(fixed, max(8, audio.shape[1] * _TOKENS_PER_SECOND // _RATE))
        if not tokens or sureness / len(tokens) < _UNSURE:
            return ""
        pieces = [self._tokens[token] for token in tokens if token > _END]
        return b"".join(pieces).replace(_SPACE, b" ").decode("utf-8", "ignore").strip()

    def _decode(self, fixed: dict[str, Any], most: int) -> tuple[list[int], float]:
        """Take the likeliest token until the end; give them and the sum of their log probabilities."""
        numpy = self._numpy
        past = {name: self._no_past if ".decoder." in name else self._one_past for name in self._past}
        tokens: list[int] = []
        sureness, last = 0.0, _BEGIN
        for step in range(most):
            give_up_if_cancelled()
            feeds = {**fixed, **past, "input_ids": numpy.array([[last]]), "use_cache_branch": numpy.array([step > 0])}
            output = dict(zip(self._outputs, self._decoder.run(None, feeds), strict=True))
            logits = output["logits"][0, -1]
            last = int(logits.argmax())
            best = float(logits[last])
            sureness -= math.log(float(numpy.exp(logits - best).sum()))
            if last == _END:
                break
            tokens.append(last)
            for name in self._past:
                if step == 0 or ".decoder." in name:  # what the encoder said does not change
                    past[name] = output[name.replace("past_key_values", "present")]
        return tokens, sureness


def read_tokens(data: bytes) -> list[bytes]:
    """Give the tokens of a tokenizer file: each is its length (two bytes above 127, low part first) and its bytes."""
    tokens: list[bytes] = []
    at = 0
    while at < len(data):
        length, at = data[at], at + 1
        if length >= _LONG:
            length, at = data[at] * _LONG + length - _LONG, at + 1
        tokens.append(data[at : at + length])
        at += length
    return tokens
