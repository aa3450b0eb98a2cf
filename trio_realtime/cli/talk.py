"""The ``talk`` command: a spoken conversation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from trio_realtime import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeError,
    RealtimePlaybackTracker,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
    RealtimeTranscript,
    RealtimeUserSpeechStarted,
    RealtimeUserSpeechStopped,
)
from trio_realtime.cli.assistant import assistant, speech_settings, voice_service
from trio_realtime.cli.output import error_line, one_line, until_signalled
from trio_realtime.cli.sound import FileSound, PlayQueue, Sound, heard_words, open_device
from trio_realtime.cli.talk_view import TalkView
from trio_realtime.cli.wav import read_wav, write_wav
from trio_realtime.errors import UserError
from trio_realtime.server.audio import rms

__all__ = ["Talk", "TalkOptions", "run_talk"]

_QUIET_SECONDS: Final = 2.5
_LEAST_QUIET: Final = 1.0
_LONGEST_ANSWER: Final = 60.0
_ECHO_SECONDS: Final = 0.3


@attrs.frozen(kw_only=True)
class TalkOptions:
    """What can be chosen.

    Attributes:
        input, output: WAV files in place of the microphone and the loudspeaker.
        url: the endpoint.
        local: this machine's voice even if there is a key.
        voice: the agent's.
        half_duplex: the microphone is off while the agent speaks, so that it does not hear itself.
        speed: how many times faster than real time it goes, with files and the local voice only.
    """

    input: Path | None = None
    output: Path | None = None
    url: str | None = None
    local: bool = False
    voice: str | None = None
    half_duplex: bool = False
    speed: float = 1.0


def run_talk(options: TalkOptions) -> int:
    """Talk until the recording is at its end and answered, or until SIGINT or SIGTERM comes.

    Returns:
        the exit code: 0; 1 if the service said nothing at all.

    Raises:
        UserError: a file cannot be read, or something is not installed.
        AgentsException: no connection could be made, or it was lost.
        OSError: the output cannot be written.
    """
    if options.output is not None and options.input is None:
        raise UserError("--output needs --input: the loudspeaker plays what is said to the microphone")
    recording = None if options.input is None else read_wav(options.input)
    finished = trio.run(until_signalled, partial(_talk, options, recording))
    return finished or 0


async def _talk(options: TalkOptions, recording: bytes | None) -> int:
    tracker = RealtimePlaybackTracker()
    view = TalkView()
    async with _sound(options, recording, tracker) as sound:
        view.note("getting ready ...")
        async with voice_service(url=options.url, local=options.local, speed=options.speed) as place:
            view.note(place.words)
            if options.speed != 1.0 and not place.local:
                raise UserError("only the voice on this machine can go faster than real time")
            runner = RealtimeRunner(
                assistant(),
                model=place.model(),
                config={"model_settings": speech_settings(voice=options.voice)},
            )
            config = {**place.config, "playback_tracker": tracker}
            async with await runner.run(model_config=config) as session:
                if recording is None:
                    view.note("Speak: ask for the weather, the time, dice, a story. Ctrl-C ends.")
                talk = Talk(session, sound, view, half_duplex=options.half_duplex, speed=options.speed)
                with view:
                    await talk.run()
    view.summary(talk.turns, talk.interruptions)
    return 0 if talk.turns else 1


@asynccontextmanager
async def _sound(
    options: TalkOptions, recording: bytes | None, tracker: RealtimePlaybackTracker
) -> AsyncGenerator[Sound, None]:
    if recording is None:
        async with open_device(tracker.on_play_ms) as device:
            yield device
        return
    if options.output is not None:
        _check_writable(options.output)
    files = FileSound(recording, tracker.on_play_ms, speed=options.speed)
    try:
        yield files
    finally:
        if options.output is not None:
            write_wav(options.output, bytes(files.recorded))


def _check_writable(path: Path) -> None:
    """Say before the conversation, not after it, that its recording cannot be kept."""
    try:
        path.open("ab").close()
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error


class Talk:
    """One spoken conversation.

    Args:
        session: the session.
        sound: microphone and loudspeaker.
        view: shows it.
        half_duplex: silence is sent while the agent speaks.
        speed: how many times faster than real time it goes.

    Attributes:
        turns: seconds from the detected end of each of the user's turns to the first sound of the answer.
        interruptions: how often the agent was interrupted.
    """

    def __init__(
        self,
        session: RealtimeSession[Any],
        sound: Sound,
        view: TalkView,
        *,
        half_duplex: bool = False,
        speed: float = 1.0,
    ) -> None:
        self.turns: list[float] = []
        self.interruptions: int = 0
        self._session = session
        self._sound = sound
        self._queue: PlayQueue = sound.queue
        self._view = view
        self._half_duplex = half_duplex
        self._speed = speed
        self._stopped_at: float | None = None
        self._active: set[str] = set()
        self._spoken: dict[str, str] = {}
        self._busy_at = trio.current_time()
        self._spoke_at = -_ECHO_SECONDS
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Talk until it is over.

        Raises:
            AgentsException: the session failed.
        """
        async with trio.open_nursery() as nursery:
            for task in (self._listen, self._sound.play, self._read, self._watch_end):
                nursery.start_soon(self._until_over, task, nursery.cancel_scope)
        if self._failure is not None:
            raise self._failure

    async def _until_over(self, task: Callable[[], Any], scope: trio.CancelScope) -> None:
        """Run a task; its end or failure ends all of them."""
        try:
            await task()
        except Exception as error:  # noqa: BLE001  parked: raised outside of the nursery, which would wrap it
            self._failure = self._failure or error
        scope.cancel()

    async def _listen(self) -> None:
        while True:
            pcm = await self._sound.listen()
            now = trio.current_time()
            if self._queue.playing:
                self._spoke_at = now
            elif self._spoken:
                self._all_played()
            if self._half_duplex and now - self._spoke_at < _ECHO_SECONDS / self._speed:
                pcm = bytes(len(pcm))
            self._view.level(rms(pcm), playing=self._queue.playing)
            await self._session.send_audio(pcm)

    async def _watch_end(self) -> None:
        """Come to an end when the recording is over, everything is answered, and nothing more is said."""
        quiet = max(_QUIET_SECONDS / self._speed, _LEAST_QUIET)
        while True:
            await trio.sleep(0.1)
            now = trio.current_time()
            if self._queue.playing or not self._sound.exhausted:
                self._busy_at = now
            patience = _LONGEST_ANSWER if self._active or self._stopped_at is not None else quiet
            if now - self._busy_at > patience:
                return

    async def _read(self) -> None:
        async for event in self._session:
            self._busy_at = trio.current_time()
            await self._take(event)

    async def _take(self, event: RealtimeSessionEvent) -> None:
        """Do what an event asks for."""
        match event:
            case RealtimeAudio():
                self._answered(event)
                self._queue.put(event.item_id, event.content_index, event.audio.data)
            case RealtimeAudioInterrupted():
                self._queue.stop()
                self.interruptions += 1
                self._interrupted(event.item_id)
            case RealtimeUserSpeechStopped():
                self._stopped_at = event.received_at or trio.current_time()
            case RealtimeToolApprovalRequired():
                await self._session.reject_tool_call(event.call_id, rejection_message="Nobody could approve it.")
            case RealtimeAgentStartEvent():
                self._active.add(event.response_id)
            case RealtimeAgentEndEvent():
                self._ended(event)
            case RealtimeError():
                error_line(one_line(event.error))
            case _:
                pass
        self._show(event)

    def _show(self, event: RealtimeSessionEvent) -> None:
        view = self._view
        match event:
            case RealtimeUserSpeechStarted() | RealtimeUserSpeechStopped():
                view.hearing(on=isinstance(event, RealtimeUserSpeechStarted))
            case RealtimeTranscript():
                view.words(event.item_id, event.text, final=event.final)
                if event.final and event.role == "user":
                    view.said("user", event.item_id, event.text)
                elif event.final:
                    self._spoken[event.item_id] = event.text
            case RealtimeToolStart():
                view.note(f"  {event.tool_name} {event.arguments}")
            case RealtimeToolEnd():
                view.note(f"  {event.tool_name}: {event.output}")
            case RealtimeToolApprovalRequired():
                view.note(f"  {event.tool_name} {event.arguments}: it needs an approval, which speech cannot give")
            case _:
                pass

    def _answered(self, event: RealtimeAudio) -> None:
        if self._stopped_at is None:
            return
        seconds = (event.received_at or trio.current_time()) - self._stopped_at
        self._stopped_at = None
        self.turns.append(seconds)
        self._view.latency(seconds)

    def _all_played(self) -> None:
        """Print what was said aloud, now that it was."""
        for item_id, text in self._spoken.items():
            self._view.said("assistant", item_id, text)
        self._spoken.clear()

    def _interrupted(self, item_id: str) -> None:
        """Print what was heard of an answer."""
        text = self._spoken.pop(item_id, None) or self._view.partial(item_id)
        self._view.said("assistant", item_id, heard_words(text, self._queue.share_heard(item_id)), cut=True)

    def _ended(self, event: RealtimeAgentEndEvent) -> None:
        self._active.discard(event.response_id)
        if event.status == "failed":
            self._stopped_at = None
