"""The voice engine: turn detection, transcription and speech on this machine, without network (extra ``voice``).

:class:`VoiceEngine` is an engine of the local server that understands English speech and answers in it. Its parts are
Silero VAD, Moonshine tiny-en and hibari, each behind an interface of one method, so that another can take its place.
Importing this package loads none of them.
"""

from __future__ import annotations

from trio_realtime.server.hearing import VoiceActivity, VoiceActivityDetector
from trio_realtime.server.voice.engine import VoiceEngine
from trio_realtime.server.voice.hibari import HibariTextToSpeech
from trio_realtime.server.voice.interfaces import SpeechToText, TextToSpeech
from trio_realtime.server.voice.libraries import voice_available
from trio_realtime.server.voice.mind import Mind
from trio_realtime.server.voice.moonshine import MoonshineSpeechToText
from trio_realtime.server.voice.silero import SileroDetector
from trio_realtime.server.voice.turns import seems_finished

__all__ = [
    "HibariTextToSpeech",
    "Mind",
    "MoonshineSpeechToText",
    "SileroDetector",
    "SpeechToText",
    "TextToSpeech",
    "VoiceActivity",
    "VoiceActivityDetector",
    "VoiceEngine",
    "seems_finished",
    "voice_available",
]
