"""The ``chat`` command: a typed conversation."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import attrs
import trio
from rich.text import Text

from trio_realtime import (
    AgentsException,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeConnectionEvent,
    RealtimeError,
    RealtimeHistoryAdded,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
    RealtimeTimeoutError,
    RealtimeToolApprovalRequired,
    RealtimeToolCallItem,
    RealtimeToolEnd,
    RealtimeToolStart,
    RealtimeTranscript,
    SessionClosed,
    function_tool,
)
from trio_realtime._urls import host_of, shown_url
from trio_realtime.cli.output import error_line, make_console, one_line, plain, until_signalled
from trio_realtime.cli.sample_tools import LOOPBACK, roll_dice, tell_time
from trio_realtime.cli.typed_lines import TypedLines
from trio_realtime.server import LocalServer

__all__ = ["run_chat"]

_ENDED: Final = "the service has ended the session"
_SILENCE_SECONDS: Final = 60.0
_QUIT: Final = frozenset({"/quit", "/exit", "/q"})


@function_tool(needs_approval=True)
async def get_weather(city: str) -> str:
    """Look up the weather of a city (invented).

    Args:
        city: where.
    """
    sky = ("sunny", "cloudy", "rainy", "windy")[sum(city.encode()) % 4]
    return f"It is {sky} in {city}."


def run_chat(*, url: str | None = None, model: str | None = None) -> int:
    """Talk with an agent on the terminal.

    Args:
        url: the endpoint; else OpenAI's if the environment has a key, else a local server.
        model: the model's name.

    Returns:
        the exit code.

    Raises:
        AgentsException: no connection could be made, or it was lost.
    """
    finished = trio.run(until_signalled, partial(_chat, url, model))
    if finished is None:
        print(flush=True)  # after ^C the shell's prompt begins on a line of its own
    return finished or 0


async def _chat(url: str | None, model: str | None) -> int:
    lines = TypedLines()
    async with _service(url, model) as (where, config):
        console = make_console()
        console.print(Text(where, style="dim"))
        agent: RealtimeAgent[Any] = RealtimeAgent(
            name="Assistant",
            instructions="You are a friendly assistant in a terminal. Answer in a sentence or two, without markup.",
            tools=[tell_time, roll_dice, get_weather],
        )
        settings = {"output_modalities": ["text"], "turn_detection": None, "input_audio_transcription": None}
        run_config = {"model_settings": settings, "reconnect": None}  # who develops a server wants to see what happens
        runner = RealtimeRunner(agent, model=OpenAIRealtimeWebSocketModel(), config=run_config)
        async with await runner.run(model_config=config) as session:
            hint = "Say something: the time, dice, the weather. /quit or the end of input ends."
            console.print(Text(hint, style="dim"))
            return await _Chat(session, lines).run()


@asynccontextmanager
async def _service(url: str | None, model: str | None) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Choose where to connect: in words, and as a model config. A local server lives as long as the block."""
    config: dict[str, Any] = {} if model is None else {"initial_model_settings": {"model_name": model}}
    has_key = bool(os.environ.get("OPENAI_API_KEY"))
    if url is not None:
        config["url"] = url
        if not has_key and host_of(url) in LOOPBACK:
            config["api_key"] = "local"
        elif not has_key:
            config["headers"] = {}
        yield f"Connecting to {shown_url(url)}", config
    elif has_key:
        yield "Connecting to OpenAI", config
    else:
        async with LocalServer().serve() as address:
            where = "OPENAI_API_KEY is not set: a local server answers, by simple rules."
            yield where, {"url": address.url, "api_key": "local", **config}


@attrs.define
class _Turn:
    """What an answer is made of: responses, and the tool calls between them."""

    calls: int = 0
    column: int = 0


class _Chat:
    """One conversation."""

    def __init__(self, session: RealtimeSession[Any], lines: TypedLines) -> None:
        self._session = session
        self._events = aiter(session)
        self._connection = session.events(RealtimeConnectionEvent)
        self._lines = lines
        self._console = make_console()
        self._failure: AgentsException | None = None

    async def run(self) -> int:
        """Take lines and answer them until there are no more."""
        while True:
            line = await self._ask("you> ")
            if line is None or line.strip().lower() in _QUIT:
                return 0
            if not line.strip():
                continue
            await self._session.send_message(line)
            try:
                await self._answer()
            except StopAsyncIteration:
                raise SessionClosed(_ENDED) from None

    async def _ask(self, prompt: str) -> str | None:
        """Ask for a line; where nobody sees what is typed, show it."""
        self._write(prompt, style="bold blue")
        line = await self._line_or_end()
        if not self._lines.interactive:
            self._write(f"{plain(line or '')}\n")
        elif line is None:
            self._write("\n")
        return line

    async def _line_or_end(self) -> str | None:
        """Wait for a line, and raise what the session ends with if it does so first."""
        line: str | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_end, nursery.cancel_scope)
            line = await self._lines.next()
            nursery.cancel_scope.cancel()
        if self._failure is not None:
            self._write("\n")
            raise self._failure
        return line

    async def _watch_end(self, scope: trio.CancelScope) -> None:
        try:
            async for _ in self._connection:
                pass
            self._failure = SessionClosed(_ENDED)
        except AgentsException as error:
            self._failure = error
        scope.cancel()

    def _write(self, text: str, *, style: str = "") -> None:
        """Write at once, without wrapping."""
        self._console.print(Text(text, style=style, end=""), end="", soft_wrap=True)
        sys.stdout.flush()

    async def _answer(self) -> None:
        """Show one answer as it comes, tool calls included."""
        turn = _Turn()
        while True:
            event: RealtimeSessionEvent | None = None
            with trio.move_on_after(_SILENCE_SECONDS):
                event = await anext(self._events)
            if event is None:
                message = f"the service has said nothing for {_SILENCE_SECONDS:g} seconds"
                raise RealtimeTimeoutError(message, name="response", seconds=_SILENCE_SECONDS)
            if await self._take(event, turn):
                return

    async def _take(self, event: RealtimeSessionEvent, turn: _Turn) -> bool:
        """Show one event; whether it ends the answer."""
        match event:
            case RealtimeAgentStartEvent():
                turn.calls = 0
            case RealtimeHistoryAdded(item=RealtimeToolCallItem()):
                turn.calls += 1
            case RealtimeTranscript(role="assistant"):
                self._words(event, turn)
            case RealtimeToolStart():
                self._note(f"{event.tool.name} {event.arguments}", turn)
            case RealtimeToolEnd():
                self._note(f"{event.tool.name}: {event.output}", turn)
            case RealtimeToolApprovalRequired():
                await self._decide(event, turn)
            case RealtimeError():
                self._end_line(turn)
                error_line(one_line(event.error))
            case RealtimeAgentEndEvent():
                return self._ended(event, turn)
            case _:
                pass
        return False

    def _words(self, event: RealtimeTranscript, turn: _Turn) -> None:
        if event.delta:
            if not turn.column:
                self._write("assistant> ", style="bold green")
            turn.column += 1
            self._write(plain(event.delta))
        if event.final:
            self._end_line(turn)

    def _end_line(self, turn: _Turn) -> None:
        if turn.column:
            self._write("\n")
        turn.column = 0

    def _note(self, text: str, turn: _Turn) -> None:
        self._end_line(turn)
        self._write(f"  [{plain(text)}]\n", style="cyan")

    async def _decide(self, event: RealtimeToolApprovalRequired, turn: _Turn) -> None:
        """Ask whether a call may run; no answer is a no."""
        self._end_line(turn)
        answer = await self._ask(f"  may it run {event.tool.name} {plain(event.arguments)}? [y/n] ")
        if (answer or "").strip().lower() in {"y", "yes"}:
            await self._session.approve_tool_call(event.call_id)
        else:
            await self._session.reject_tool_call(event.call_id, rejection_message="The user said no.")

    def _ended(self, event: RealtimeAgentEndEvent, turn: _Turn) -> bool:
        """Note the end of a response; whether nothing follows it."""
        self._end_line(turn)
        if event.status in {"failed", "incomplete"}:
            if event.status == "incomplete":
                error_line(f"the answer is incomplete: {event.reason or 'nobody knows why'}")
            return True
        return not turn.calls
