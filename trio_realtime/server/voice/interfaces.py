"""Parts of a voice engine that can be exchanged; the third is the detector in :mod:`trio_realtime.server.hearing`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from trio_realtime.server.audio import AudioClip

__all__ = ["SpeechToText", "TextToSpeech"]


class SpeechToText(ABC):
    """Gives the words of audio. One object serves any number of sessions, from several threads at once."""

    @abstractmethod
    def transcribe(self, audio: AudioClip) -> str:
        """Give the words in a user's turn; empty if it holds none.

        Called in a worker thread, for which a cancellation waits: it should take a bounded time, and can look with
        :func:`trio.from_thread.check_cancelled` whether it is still wanted.

        Args:
            audio: at any rate, silence around the words included.
        """


class TextToSpeech(ABC):
    """Gives audio of words. One object serves any number of sessions, from several threads at once."""

    @abstractmethod
    def speak(self, text: str, *, voice: str, speed: float, rate: int) -> Iterator[tuple[str, AudioClip]]:
        """Give a text piece by piece, each as words and their audio; the pieces' words together are the text.

        Each step of the iterator is taken in a worker thread, and the first is waited for: sentences are a good size.

        Args:
            text: any text, markup and other alphabets included; what cannot be spoken comes without audio.
            voice: one of the service's names; an unknown one gets some voice.
            speed: 0.25 to 1.5.
            rate: samples per second that are wanted, 24,000 or 8,000.
        """
