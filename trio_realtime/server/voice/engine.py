"""The voice engine: hears, thinks and speaks, with recognition and synthesis in worker threads."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeVar

import trio

from trio_realtime.errors import UserError
from trio_realtime.server.audio import AudioClip
from trio_realtime.server.engines.base import Considered, Engine, EngineRequest, EngineStep, Say, Transcript, closable
from trio_realtime.server.engines.rules import RulesEngine
from trio_realtime.server.hearing import VoiceActivityDetector
from trio_realtime.server.voice.hibari import HibariTextToSpeech
from trio_realtime.server.voice.interfaces import SpeechToText, TextToSpeech
from trio_realtime.server.voice.mind import Mind, think
from trio_realtime.server.voice.moonshine import MoonshineSpeechToText
from trio_realtime.server.voice.silero import SileroDetector
from trio_realtime.server.voice.turns import seems_finished

__all__ = ["VoiceEngine"]

T = TypeVar("T")

_PAUSE_MS: Final = 160.0
_UNHEARD: Final = "I am sorry, I did not catch that."
_STILL_THERE: Final = "Are you still there?"


class VoiceEngine(Engine):
    """An engine that understands English speech and answers in it, on this machine alone (extra ``voice``).

    ::

        server = LocalServer(VoiceEngine())

    ``server_vad`` means what it means at the service: threshold (of Silero's probability of speech), padding, silence.
    ``semantic_vad`` is a heuristic: at a pause the words so far are looked at (:func:`seems_finished`), and the turn
    ends after a short silence if they seem complete, else after the longest wait of the eagerness (2, 4 or 8 seconds).
    At every pause the words are worked out ahead, so that they are mostly there when the turn ends.

    The models are loaded when the server begins to listen, or with the first session, in worker threads (one to two
    seconds), and what the process holds by then is kept from the garbage collector (``gc.freeze``), which would stop
    everything for some 60 ms at a time. The object is for one trio run.

    Args:
        mind: what is answered: another engine, such as :class:`RulesEngine` (the default: it picks declared tools by
            the words, fills their arguments, speaks their results), or any ``async (conversation, session) -> reply``.
        detector, speech_to_text, text_to_speech: parts to take the place of Silero, Moonshine and hibari.
        model_dir: a folder with model files, which are checked by hash; what is not in it comes from the packages.
        threads: how many worker threads recognise and synthesise at the same time, for all sessions; by default as
            many as there are processors, and at most four.

    Raises:
        UserError: ``model_dir`` is no folder, or ``threads`` is less than one.
    """

    pause_ms: float | None = _PAUSE_MS

    def __init__(
        self,
        mind: Engine | Mind | None = None,
        *,
        detector: VoiceActivityDetector | None = None,
        speech_to_text: SpeechToText | None = None,
        text_to_speech: TextToSpeech | None = None,
        model_dir: str | os.PathLike[str] | None = None,
        threads: int | None = None,
    ) -> None:
        self._model_dir = None if model_dir is None else Path(model_dir)
        if self._model_dir is not None and not self._model_dir.is_dir():
            raise UserError(f"the model_dir {self._model_dir} is not a folder")
        if threads is not None and threads < 1:
            raise UserError("threads must be at least 1")
        self.detector: VoiceActivityDetector | None = detector
        self._mind: Engine | Mind = RulesEngine() if mind is None else mind
        self._speech_to_text = speech_to_text
        self._text_to_speech = text_to_speech
        self._processors = min(4, os.cpu_count() or 1)
        self._limiter = trio.CapacityLimiter(threads or self._processors)
        self._loading = trio.Lock()

    @property
    def limiter(self) -> trio.CapacityLimiter:
        """What bounds the worker threads."""
        return self._limiter

    def open(self) -> Engine:
        """Give the engine of one connection, with a mind of its own if the mind keeps something for each."""
        return _VoiceSession(self, self._mind.open() if isinstance(self._mind, Engine) else self._mind)

    async def prepare(self) -> None:
        """Load and check the models, once; a checkpoint.

        Raises:
            UserError: the extra is not installed, or a model file is another one.
        """
        async with self._loading:
            if self.detector is None:
                self.detector = await self.in_thread(lambda: SileroDetector(self._model_dir))
            if self._speech_to_text is None:
                self._speech_to_text = await self.in_thread(
                    lambda: MoonshineSpeechToText(self._model_dir, threads=min(2, self._processors))
                )
            if self._text_to_speech is None:
                self._text_to_speech = await self.in_thread(lambda: HibariTextToSpeech(self._model_dir))
                await self._warm_up()
                await self.in_thread(_settle)

    async def _warm_up(self) -> None:
        """Use the parts once: the first call of a model takes longer than the others."""
        async with aclosing(self.spoken(Say("Ready."), EngineRequest(response_id="", items=()))) as steps:
            async for step in steps:
                if isinstance(step, Say) and step.audio is not None:
                    await self.words(step.audio)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run a function in a worker thread of this engine.

        A cancellation waits for it: a thread that is inside of onnxruntime when the process ends would abort it. The
        parts look whether they were cancelled (:func:`trio.from_thread.check_cancelled`), so the wait is short.
        """
        return await trio.to_thread.run_sync(function, limiter=self._limiter)

    async def words(self, audio: AudioClip) -> str:
        """Give the words in audio."""
        part = self._speech_to_text
        if part is None:
            raise UserError("the voice engine is not prepared")
        return await self.in_thread(lambda: part.transcribe(audio))

    async def speak(self, text: str, *, voice: str = "alloy", speed: float = 1.0) -> AudioClip:
        """Give a text as speech at 24 kHz; loads what it needs first. A checkpoint.

        Args:
            text: what to say.
            voice: one of the service's names.
            speed: 0.25 to 1.5.

        Raises:
            UserError: the extra is not installed, or a model file is another one.
        """
        await self.prepare()
        request = EngineRequest(response_id="", items=(), voice=voice, speed=speed)
        async with aclosing(self.spoken(Say(text), request)) as steps:
            clips = [step.audio.pcm async for step in steps if isinstance(step, Say) and step.audio is not None]
        return AudioClip(pcm=b"".join(clips), rate=request.rate)

    async def spoken(self, step: Say, request: EngineRequest) -> AsyncGenerator[EngineStep, None]:
        """Give what is to be said with its audio, sentence by sentence."""
        part = self._text_to_speech
        if part is None:
            raise UserError("the voice engine is not prepared")
        pieces = part.speak(step.text, voice=request.voice, speed=request.speed, rate=request.rate)
        while (piece := await self.in_thread(lambda: next(pieces, None))) is not None:
            text, audio = piece
            yield Say(text, audio=audio, more=True)
        yield Say("", audio=AudioClip(pcm=b"", rate=request.rate), more=step.more)

    async def respond(self, request: EngineRequest) -> AsyncIterator[EngineStep]:
        """Answer as one session's engine would."""
        async with aclosing(closable(self.open().respond(request))) as steps:
            async for step in steps:
                yield step


class _VoiceSession(Engine):
    """The engine of one connection."""

    def __init__(self, voice: VoiceEngine, mind: Engine | Mind) -> None:
        self._voice = voice
        self._mind = mind

    async def prepare(self) -> None:
        await self._voice.prepare()

    async def respond(self, request: EngineRequest) -> AsyncIterator[EngineStep]:
        aloud = "audio" in request.output_modalities
        async with aclosing(self._thoughts(request)) as thoughts:
            async for step in thoughts:
                if isinstance(step, Say) and step.audio is None and aloud:
                    async with aclosing(self._voice.spoken(step, request)) as pieces:
                        async for piece in pieces:
                            yield piece
                else:
                    yield step

    def _thoughts(self, request: EngineRequest) -> AsyncGenerator[EngineStep, None]:
        if request.user_audio is not None and not request.user_text and not request.results:
            return _one(Say(_UNHEARD if _was_heard(request) else _STILL_THERE))
        steps = self._mind.respond(request) if isinstance(self._mind, Engine) else think(self._mind, request)
        return closable(steps)

    async def transcribe(self, audio: AudioClip) -> str | Transcript:
        return await self._voice.words(audio)

    async def consider(self, audio: AudioClip) -> Considered:
        words = await self._voice.words(audio)
        return Considered(Transcript(words), seems_finished(words))


def _settle() -> None:
    """Let the garbage collector pass over all that was loaded: the dictionaries hold it up for 60 ms each time."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else soxr's bindings complain at the end that they were not freed


def _was_heard(request: EngineRequest) -> bool:
    """Whether the user said something, however unclear; to what an idle timeout commits nobody listened."""
    user = next(item for item in reversed(request.items) if item.get("role") == "user")
    return any(part.get("transcript") is not None for part in user.get("content", ()))


async def _one(step: EngineStep) -> AsyncGenerator[EngineStep, None]:
    yield step
