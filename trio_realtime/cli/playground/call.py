"""One call of one browser page: its messages to the session, and the session's events to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeAlias

import msgspec.json
import trio

from trio_realtime import (
    AgentsException,
    OpenAIRealtimeWebSocketModel,
    RealtimeAudio,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimePlaybackTracker,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
    RealtimeToolApprovalRequired,
    RealtimeTranscript,
    RealtimeUserSpeechStopped,
)
from trio_realtime.cli.assistant import Place, assistant, speech_settings
from trio_realtime.cli.output import one_line
from trio_realtime.cli.playground.messages import Json, audio_message, told, told_item
from trio_realtime.cli.playground.tap import shortened, tapped
from trio_realtime.errors import UserError

__all__ = ["Call", "Receive", "Send"]

Send: TypeAlias = Callable[[str | bytes], Awaitable[None]]
"""Sends a message to the page."""
Receive: TypeAlias = Callable[[], Awaitable[str | bytes | None]]
"""Waits for a message of the page; None: it has gone."""

_WAITING: Final = 2_000
_ITEMS: Final = 200
_HISTORY_SECONDS: Final = 0.1
_RAW_KEPT: Final = 500
_GOODBYE_SECONDS: Final = 1.0
_MICROPHONE: Final = "input_audio_buffer.append"
_TYPE_WITHIN: Final = 200
_MOST_TEXT: Final = 10_000
_LONGEST_MS: Final = 24 * 3600 * 1000.0
_MOST_AUDIO: Final = 480_000


class Call:
    """A session for as long as the page is there.

    Args:
        place: where the conversation is held.
        send: to the page.
        receive: from the page.
    """

    def __init__(self, place: Place, send: Send, receive: Receive) -> None:
        self._place = place
        self._send = send
        self._receive = receive
        self._began = trio.current_time()
        self._tracker = RealtimePlaybackTracker()
        self._waiting: deque[str | bytes] = deque(maxlen=_WAITING)
        self._raw: deque[tuple[float, str, str]] = deque(maxlen=_RAW_KEPT)
        self._show_raw = False
        self._history_changed = False
        self._asked: tuple[float, Literal["spoken", "typed"]] | None = None
        self._news = trio.Event()
        self._empty = trio.Event()
        self._commands: dict[str, Callable[[RealtimeSession[Any], Json], Awaitable[None]]] = {
            "say": self._say,
            "interrupt": self._interrupt,
            "approve": self._approve,
            "reject": self._reject,
            "played": self._played,
            "raw": self._set_raw,
        }

    async def run(self) -> None:
        """Hold the call until the page or the session ends it.

        A checkpoint; a cancellation ends the session. What the session ended with is told to the page, not raised.
        """
        self.tell({"type": "place", "words": self._place.words, "local": self._place.local})
        ended: Json = {"type": "ended", "reason": ""}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            try:
                await self._hold()
            except AgentsException as error:
                ended["reason"] = one_line(error)
            self.tell(ended)
            with trio.move_on_after(_GOODBYE_SECONDS):
                await self._empty.wait()
            nursery.cancel_scope.cancel()

    async def _hold(self) -> None:
        model = OpenAIRealtimeWebSocketModel(transport=tapped(self._place.connector, self._tap))
        runner = RealtimeRunner(assistant(), model=model, config={"model_settings": speech_settings()})
        config = {**self._place.config, "playback_tracker": self._tracker}
        failure: AgentsException | None = None
        async with await runner.run(model_config=config) as session:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_history, session)
                nursery.start_soon(self._take_commands, session, nursery.cancel_scope)
                try:
                    async for event in session:
                        self._take(event)
                except AgentsException as error:
                    failure = error  # raised outside of the nursery, which would wrap it
                nursery.cancel_scope.cancel()
            if failure is not None:
                raise failure

    def tell(self, message: Json) -> None:
        """Queue a message to the page, with the time since the call began; the oldest go if it takes none."""
        at = round(trio.current_time() - self._began, 4)
        self._post(msgspec.json.encode({"at": at, **message}).decode())

    def _post(self, message: str | bytes) -> None:
        if self._empty.is_set():
            self._empty = trio.Event()
        self._waiting.append(message)
        self._news.set()

    async def _write(self) -> None:
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                await self._send(message)
            self._empty.set()
            self._news = trio.Event()
            await self._news.wait()

    # From the session

    def _take(self, event: RealtimeSessionEvent) -> None:
        if isinstance(event, RealtimeAudio):
            self._answered()
            self._post(audio_message(event))
            return
        if isinstance(event, (RealtimeHistoryAdded, RealtimeHistoryUpdated)):
            self._history_changed = True
            return
        if isinstance(event, RealtimeUserSpeechStopped):
            self._asked = (trio.current_time(), "spoken")
        elif isinstance(event, RealtimeTranscript) and event.role == "assistant" and event.final:
            self._asked = None
        elif isinstance(event, RealtimeToolApprovalRequired):
            self._asked = None  # a person takes time
        message = told(event)
        if message is not None:
            self.tell(message)

    def _answered(self) -> None:
        if self._asked is not None:
            since, kind = self._asked
            self._asked = None
            self.tell({"type": "latency", "kind": kind, "ms": round((trio.current_time() - since) * 1000, 1)})

    async def _keep_history(self, session: RealtimeSession[Any]) -> None:
        """Send the history when it has changed, but not for every change."""
        while True:
            await trio.sleep(_HISTORY_SECONDS)
            if self._history_changed:
                self._history_changed = False
                items = [told_item(item) for item in session.history[-_ITEMS:]]
                self.tell({"type": "history", "items": items})

    def _tap(self, direction: Literal["sent", "received"], message: str | bytes) -> None:
        at = trio.current_time() - self._began
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        if _MICROPHONE not in text[:_TYPE_WITHIN]:  # fifty a second: nothing else would be left
            self._raw.append((at, direction, text))
        if self._show_raw:
            self._tell_raw(at, direction, text)

    def _tell_raw(self, at: float, direction: str, message: str) -> None:
        kind, text = shortened(message)
        self.tell({"type": "raw", "at": round(at, 4), "direction": direction, "event": kind, "text": text})

    # From the page

    async def _take_commands(self, session: RealtimeSession[Any], scope: trio.CancelScope) -> None:
        while True:
            message = await self._receive()
            if message is None:
                scope.cancel()
                return
            try:
                if isinstance(message, bytes):
                    await self._microphone(session, message)
                else:
                    await self._command(session, message)
            except UserError as error:
                self.tell({"type": "error", "text": one_line(error)})

    async def _microphone(self, session: RealtimeSession[Any], audio: bytes) -> None:
        if len(audio) % 2 or len(audio) > _MOST_AUDIO:
            raise UserError(f"{len(audio)} bytes are no piece of audio")
        await session.send_audio(audio)

    async def _command(self, session: RealtimeSession[Any], text: str) -> None:
        try:
            command = msgspec.json.decode(text, type=Json)
        except msgspec.DecodeError as error:
            raise UserError("the page sent something that is no JSON object") from error
        handler = self._commands.get(str(command.get("type")))
        if handler is None:
            raise UserError(f"the page sent an unknown command: {command.get('type')!r}")
        await handler(session, command)

    async def _say(self, session: RealtimeSession[Any], command: Json) -> None:
        text = str(command.get("text") or "").strip()[:_MOST_TEXT]
        if text:
            self._asked = (trio.current_time(), "typed")
            await session.interrupt()
            await session.send_message(text)

    async def _interrupt(self, session: RealtimeSession[Any], _command: Json) -> None:
        await session.interrupt()

    async def _approve(self, session: RealtimeSession[Any], command: Json) -> None:
        await session.approve_tool_call(str(command.get("call_id")))
        self._asked = (trio.current_time(), "typed")

    async def _reject(self, session: RealtimeSession[Any], command: Json) -> None:
        await session.reject_tool_call(str(command.get("call_id")), rejection_message="The user said no.")
        self._asked = (trio.current_time(), "typed")

    async def _played(self, _session: RealtimeSession[Any], command: Json) -> None:
        await trio.lowlevel.checkpoint()
        ms, index = command.get("ms"), command.get("content_index") or 0
        if not isinstance(ms, (int, float)) or not 0 <= ms <= _LONGEST_MS:
            raise UserError("the page said that something was played for no time")
        if not isinstance(index, int):
            raise UserError("the page said that no part of an item was played")
        self._tracker.on_play_ms(str(command.get("item_id")), index, float(ms))

    async def _set_raw(self, _session: RealtimeSession[Any], command: Json) -> None:
        await trio.lowlevel.checkpoint()
        wanted = bool(command.get("on"))
        if wanted and not self._show_raw:
            for at, direction, message in self._raw:
                self._tell_raw(at, direction, message)
        self._show_raw = wanted
