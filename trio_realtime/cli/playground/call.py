"""One call of one browser page: its messages to the session, and the session's events to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
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
    SessionClosed,
)
from trio_realtime.cli.assistant import Place, assistant, speech_settings
from trio_realtime.cli.output import one_line
from trio_realtime.cli.playground.messages import Json, audio_message, told, told_item
from trio_realtime.cli.playground.queues import Orders, Outbox, Pieces
from trio_realtime.cli.playground.tap import Direction, RawLog, Shown, is_microphone, shortened, tapped
from trio_realtime.errors import UserError

__all__ = ["Call", "Receive", "Send"]

Send: TypeAlias = Callable[[str | bytes], Awaitable[None]]
"""Sends a message to the page."""
Receive: TypeAlias = Callable[[], Awaitable[str | bytes | None]]
"""Waits for a message of the page; None: it has gone."""

_ITEMS: Final = 200
_HISTORY_SECONDS: Final = 0.1
_GOODBYE_SECONDS: Final = 1.0
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
        self._scope = trio.CancelScope()
        self._given_up = ""
        self._outbox = Outbox(partial(self._give_up, "the page takes nothing"))
        self._orders = Orders(partial(self._give_up, "the page asks for too much at once"))
        self._heard = Pieces()
        self._raw = RawLog()
        self._show_raw = False
        self._history_changed = False
        self._asked: tuple[float, Literal["spoken", "typed"]] | None = None
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
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            reason = await self._until_over()
            self.tell({"type": "ended", "reason": reason or self._given_up})
            self._outbox.close()
            nursery.cancel_scope.deadline = trio.current_time() + _GOODBYE_SECONDS

    async def _until_over(self) -> str:
        """Hold the call until the session ends, which may be said why, or the page goes, at whatever time."""
        reason = ""
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen)
                try:
                    await self._hold()
                except AgentsException as error:
                    reason = one_line(error)
                nursery.cancel_scope.cancel()
        return reason

    def _give_up(self, reason: str) -> None:
        self._given_up = reason
        self._scope.cancel()

    async def _hold(self) -> None:
        model = OpenAIRealtimeWebSocketModel(transport=tapped(self._place.connector, self._tap))
        runner = RealtimeRunner(assistant(), model=model, config={"model_settings": speech_settings()})
        config = {**self._place.config, "playback_tracker": self._tracker}
        failure: AgentsException | None = None
        async with await runner.run(model_config=config) as session:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_history, session)
                nursery.start_soon(self._obey, session)
                nursery.start_soon(self._speak, session)
                try:
                    async for event in session:
                        self._take(event)
                except AgentsException as error:
                    failure = error  # raised outside of the nursery, which would wrap it
                nursery.cancel_scope.cancel()
            if failure is not None:
                raise failure

    def tell(self, message: Json) -> None:
        """Queue a message to the page, with the time since the call began. It is not left out."""
        self._outbox.put(self._dated(message))

    def _dated(self, message: Json) -> str:
        at = round(trio.current_time() - self._began, 4)
        return msgspec.json.encode({"at": at, **message}).decode()

    async def _write(self) -> None:
        while (message := await self._outbox.take()) is not None:
            await self._send(message)

    # From the session

    def _take(self, event: RealtimeSessionEvent) -> None:
        if isinstance(event, RealtimeAudio):
            self._answered()
            self._outbox.put_loose(audio_message(event))
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
                self._outbox.put_newest("history", self._dated({"type": "history", "items": items}))

    def _tap(self, direction: Direction, message: str | bytes) -> None:
        heard = is_microphone(message)
        if heard and not self._show_raw:
            return
        shown = Shown(trio.current_time() - self._began, direction, *shortened(message))
        if not heard:
            self._raw.keep(shown)
        if self._show_raw:
            self._tell_raw(shown)

    def _tell_raw(self, raw: Shown) -> None:
        fields = {"at": round(raw.at, 4), "direction": raw.direction, "event": raw.kind, "text": raw.text}
        self._outbox.put_loose(msgspec.json.encode({"type": "raw", **fields}).decode())

    # From the page

    async def _listen(self) -> None:
        """Take what the page sends, whatever the session does meanwhile, and end the call when the page has gone."""
        while (message := await self._receive()) is not None:
            if isinstance(message, str):
                self._orders.put(message)
            elif len(message) % 2 or len(message) > _MOST_AUDIO:
                self._complain(UserError(f"{len(message)} bytes are no piece of audio"))
            else:
                self._heard.put(message)
        self._scope.cancel()

    async def _speak(self, session: RealtimeSession[Any]) -> None:
        with suppress(SessionClosed):  # whoever reads the events learns why
            while True:
                await session.send_audio(await self._heard.take())

    async def _obey(self, session: RealtimeSession[Any]) -> None:
        while True:
            text = await self._orders.take()
            try:
                await self._command(session, text)
            except SessionClosed:
                return
            except AgentsException as error:
                self._complain(error)

    def _complain(self, error: AgentsException) -> None:
        self.tell({"type": "error", "text": one_line(error)})

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
            for raw in self._raw:
                self._tell_raw(raw)
        self._show_raw = wanted
