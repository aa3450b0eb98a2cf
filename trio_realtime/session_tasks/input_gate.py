"""Screens the user's words before the model answers (``gate_input``).

Turn detection makes no response by itself then: when a spoken item's transcript is final, the input guardrails look at
it, and only what passes is answered. What trips is taken out of the conversation, so that no later response answers it
either. Typed messages are looked at before they are sent, and nothing that asks for a response is sent while a
spoken item is still looked at: not what the application asks for, nor what follows a tool's output, a handoff or a
trip, nor what has waited for another response to end. It costs the time of a transcript and of the guardrails.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trio_realtime._structure import NOT_GIVEN
from trio_realtime.config import RealtimeSessionModelSettings, RealtimeTurnDetectionConfig
from trio_realtime.core.replay import message_content
from trio_realtime.errors import InputGuardrailTripwireTriggered, RealtimeTimeoutError, ServerError, UserError
from trio_realtime.events import RealtimeInputGuardrailTripped
from trio_realtime.guardrails import GuardrailFunctionOutput, InputGuardrail, InputGuardrailResult
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendUserInput,
)
from trio_realtime.session_tasks.loss import request_name
from trio_realtime.session_tasks.recovery import speak
from trio_realtime.session_tasks.tool_scopes import called_by
from trio_realtime.session_tasks.unscreened import UnscreenedResponses

if TYPE_CHECKING:
    from trio_realtime.config import RealtimeRunConfig
    from trio_realtime.model_events import RealtimeModelTurnStartedEvent
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.session_tasks.responses import Response

__all__ = ["InputGate", "gated_settings"]

_EMPTY = "input_audio_buffer_commit_empty"
_OWN = 64  # requests of guardrails that are remembered until they are sent
_WORDS = 60.0  # seconds for a transcript where guardrails have no timeout: what has not come by then does not come
_looking: ContextVar[bool] = ContextVar("_looking", default=False)  # in a guardrail: what it asks for is not held up


def gated_settings(
    settings: RealtimeSessionModelSettings, run_config: RealtimeRunConfig
) -> RealtimeSessionModelSettings:
    """Give settings with which turn detection leaves the answering to the gate, if there is one.

    Raises:
        UserError: the settings turn transcription off, so that there are no words to look at.
    """
    if not run_config.gate_input:
        return settings
    audio: Any = settings.audio
    side: Any = getattr(audio, "input", None)
    transcription: Any = getattr(side, "transcription", NOT_GIVEN)
    if transcription is NOT_GIVEN:
        transcription = settings.input_audio_transcription
    if transcription is None:
        raise UserError("gate_input needs the user's words: input_audio_transcription must not be None")
    detection, nested = _detection(settings)
    if detection is None:
        return settings
    if detection is NOT_GIVEN:
        detection = RealtimeTurnDetectionConfig(type="semantic_vad", interrupt_response=True)
    detection = attrs.evolve(detection, create_response=False)
    if nested:
        return attrs.evolve(settings, audio=attrs.evolve(audio, input=attrs.evolve(side, turn_detection=detection)))
    return attrs.evolve(settings, turn_detection=detection)


@contextmanager
def _look() -> Generator[None, None, None]:
    token = _looking.set(True)
    try:
        yield
    finally:
        _looking.reset(token)


def _detection(settings: RealtimeSessionModelSettings) -> tuple[Any, bool]:
    """Give the turn detection of settings, and whether they say it the nested way."""
    audio: Any = settings.audio
    detection: Any = getattr(getattr(audio, "input", None), "turn_detection", NOT_GIVEN)
    return (settings.turn_detection, False) if detection is NOT_GIVEN else (detection, True)


@attrs.frozen
class _Heard:
    """A spoken item whose words are known, or will not be."""

    item_id: str
    text: str
    error: Exception | None
    since: float


@attrs.define(eq=False)
class _Commit:
    """A commit of the application whose item has not come: whether it is to be answered, and until when it may come."""

    event_id: str
    respond: bool
    deadline: float = inf


class InputGate:
    """The input guardrails of one session, and what waits for them.

    Attributes:
        on: the user's words are screened.
        stopped: responses that know words which nobody had looked at.
    """

    # fmt: off
    __slots__ = (
        "_again", "_answers", "_asked", "_changed", "_checks", "_commits", "_follow_ups", "_guardrails", "_hub",
        "_judged", "_last_trip", "_lost", "_over", "_own", "_pending", "_receive", "_send", "_trips", "_unanswered",
        "_unjudged", "on", "stopped",
    )
    # fmt: on

    def __init__(self, hub: SessionHub) -> None:
        config = hub.run_config
        self.on: bool = config.gate_input
        self.stopped: UnscreenedResponses = UnscreenedResponses(hub)
        self._hub = hub
        settings = config.model_settings.overlaid(hub.model_config.initial_model_settings)
        self._answers: bool = getattr(_detection(settings)[0], "create_response", NOT_GIVEN) is not False
        self._guardrails: tuple[InputGuardrail[Any], ...] = tuple(config.input_guardrails)
        self._send, self._receive = trio.open_memory_channel[_Heard](inf)  # none may go by unseen
        self._unanswered: set[str] = set()
        self._commits: list[_Commit] = []
        self._pending: dict[str, float] = {}
        self._unjudged: set[str] = set()
        self._lost: set[str] = set()
        self._judged: tuple[str, trio.CancelScope] | None = None
        self._checks: int = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._trips: int = 0
        self._last_trip: InputGuardrailResult | None = None
        self._over = False
        self._asked: list[RealtimeModelSendEvent] = []
        self._again: list[RealtimeModelSendEvent] = []  # of what was asked for, what was asked for before
        self._follow_ups: list[RealtimeModelSendEvent] = []
        self._own: dict[str, None] = {}

    @property
    def screening(self) -> bool:
        """Whether the user has said or typed something that is still looked at, or whose words still come."""
        return self._is_busy() or bool(self._asked or self._follow_ups) or self._checks > 0

    def _is_busy(self) -> bool:
        """Say whether there may be spoken words in the conversation that nobody has looked at."""
        self._forget_commits()
        return bool(self._unjudged or self._commits)

    # -- what waits for it, beside the application's own -------------------------------------------------------------

    def ask(self, event: RealtimeModelSendEvent, *, first: bool = False, again: bool = False) -> None:
        """Ask for a response, once everything that was spoken has been looked at. Does not wait.

        Args:
            event: what asks for it.
            first: before what waits already: it is about what was spoken.
            again: it asks for what an interruption takes back.
        """
        if not self._is_busy():
            self._hub.outbox.send_first(event)
            return
        if again:
            self._again.append(event)
        elif _is_automatic(event):  # it is wanted for another reason too
            self._again = [one for one in self._again if not _is_automatic(one)]
        if isinstance(event, RealtimeModelSendUserInput):  # its answer will do for what has become automatic
            self._asked = [event, *filter(lambda one: not _is_automatic(one), self._asked)]
        elif not _is_automatic(event):
            self._asked.insert(0 if first else len(self._asked), event)
        elif not any(_is_automatic(one) or isinstance(one, RealtimeModelSendUserInput) for one in self._asked):
            self._asked.append(event)

    def follow_up(self, event: RealtimeModelSendEvent) -> None:
        """Send what the connection has held back, as :meth:`ask`: the response that was in its way has ended."""
        message = event.message if isinstance(event, RealtimeModelSendRawMessage) else None
        asks = message is not None and message.type == "response.create"
        if message is None or not asks or message.other_data.get("event_id") in self._own or not self._is_busy():
            self._hub.outbox.send_first(event)
        else:
            self._follow_ups.append(event)

    def let_pass(self, request_id: str) -> None:
        """A guardrail asks the model itself, if it is one: what it waits for does not wait for it."""
        if self.on and _looking.get():
            self._own[request_id] = None
            if len(self._own) > _OWN:
                del self._own[next(iter(self._own))]

    def begun(self, event: RealtimeModelTurnStartedEvent, response: Response) -> bool:
        """A response has begun: one that was asked for too early, so that it knows unscreened words, is stopped.

        It has no effect: nobody is told of it, and none of its calls are run. It is asked for again when they have been
        looked at; for the application it is the same turn. Says whether it is stopped.
        """
        hub = self._hub
        named = hub.connection.names_requests and event.default_conversation and not response.silenced
        if not (self._unjudged and named) or event.request_id in self._own:
            return False
        unfinished = hub.connection.unfinished().responses
        agains = [left.again for left in unfinished if left.response_id == event.response_id]
        for again in agains:
            self.stopped.add(event.response_id)
            response.silenced = response.cut = response.asked_again = True
            stop = RealtimeModelSendInterrupt(
                response_id=event.response_id, force_response_cancel=True, cancel_response_only=True
            )
            hub.outbox.send_first(stop)
            self.ask(again, again=True)
        return bool(agains)

    def interrupted(self) -> None:
        """The user has interrupted what would be asked for again: it is not any more. What the user says is kept."""
        for event in self._again:
            self._asked = [one for one in self._asked if one is not event]
            self._hub.turns.interrupted(request_name(event))
        self._again.clear()

    def forget(self, request_id: str) -> None:
        """Nobody wants the response any more that has waited here."""
        self._asked = [event for event in self._asked if request_name(event) != request_id]

    def _release(self) -> None:
        """Ask for what has waited, unless something is spoken that nobody has looked at."""
        if self._is_busy():
            return
        # What the connection holds back goes last: it is the first to be answered in any case, and what is automatic
        # is answered with it.
        for event in (*self._asked, *self._follow_ups):
            self._hub.outbox.send_first(event)
        self._asked.clear()
        self._again.clear()
        self._follow_ups.clear()

    # -- what the reader and the application tell ------------------------------------------------------------------

    def commit(self, event_id: str, *, respond: bool) -> None:
        """The application commits the input buffer, and says whether the item is to be answered."""
        if self.on:
            self._commits.append(_Commit(event_id, respond))

    def uncommit(self, event_id: str | None) -> None:
        """A commit came to nothing; None stands for the oldest."""
        self._commits = [one for one in self._commits if one.event_id != (event_id or self._commits[0].event_id)]
        self._changed.unpark_all()
        self._release()

    def leave_commit(self, event_id: str) -> None:
        """Nobody waits for a commit that was handed over: its item comes soon, unanswered, or not at all."""
        seconds = self._hub.run_config.timeouts.configure
        for one in self._commits:
            if one.event_id == event_id:
                one.respond = False
                one.deadline = trio.current_time() + (inf if seconds is None else seconds)
        self._changed.unpark_all()
        self._send_nowait(None)

    def refused(self, error: object) -> None:
        """Note an error of the server that may be the refusal of a commit."""
        if isinstance(error, ServerError) and (error.event_id is not None or error.code == _EMPTY):
            self.uncommit(error.event_id)

    def _forget_commits(self) -> None:
        now = trio.current_time()
        self._commits = [one for one in self._commits if one.deadline > now]

    def item(self, item_id: str) -> None:
        """A spoken item has come into the conversation: its words follow."""
        self._forget_commits()
        if not (self._commits.pop(0).respond if self._commits else self._answers):
            self._unanswered.add(item_id)
        seconds = self._hub.run_config.guardrails_settings.timeout
        self._unjudged.add(item_id)
        self._pending[item_id] = trio.current_time() + (_WORDS if seconds is None else seconds)
        self._send_nowait(None)

    def gone(self, item_id: str) -> None:
        """An item was deleted: there is nothing to look at, and what waits does not wait for it."""
        self._pending.pop(item_id, None)
        self._lost.discard(item_id)
        self._unanswered.discard(item_id)
        if item_id in self._unjudged:
            self._unjudged.discard(item_id)
            if self._judged is not None and self._judged[0] == item_id:
                self._judged[1].cancel()
            self._changed.unpark_all()
            self._send_nowait(None)

    def connection_lost(self) -> None:
        """The conversation is made again elsewhere: of what was spoken, with the words that are known by now.

        An item without any is not made again, so that nothing waits for it. Should its words come all the same, with
        what the lost connection had still to say, it is made again, and looked at.
        """
        for item_id in list(self._pending):
            item = self._hub.conversation.get(item_id)
            content = [] if item is None else message_content(item)
            if content:
                self.words(item_id, " ".join(part.get("text", "") for part in content))
            else:
                unanswered = item_id in self._unanswered
                self.gone(item_id)
                self._lost.add(item_id)
                if unanswered:
                    self._unanswered.add(item_id)

    def words(self, item_id: str, text: str, error: Exception | None = None) -> None:
        """The words of a spoken item are known, or will not be."""
        if item_id in self._lost:
            self._lost.discard(item_id)
            self._unjudged.add(item_id)
        elif self._pending.pop(item_id, None) is None:
            return
        self._send_nowait(_Heard(item_id, text, error, trio.current_time()))

    def _send_nowait(self, heard: _Heard | None) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            self._send.send_nowait(heard or _Heard("", "", None, 0.0))

    # -- checking ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look at spoken items one after another, in the order in which their words come, until cancelled."""
        try:
            await self._look_on()
        finally:
            self._over = True
            self._asked.clear()
            self._follow_ups.clear()
            self._changed.unpark_all()

    async def _look_on(self) -> None:
        while True:
            heard = None
            commits = (one.deadline for one in self._commits)
            with trio.move_on_at(min((*self._pending.values(), *commits), default=inf)):
                heard = await self._receive.receive()
            now = trio.current_time()
            for item_id in [one for one, deadline in self._pending.items() if deadline <= now]:
                seconds = self._hub.run_config.guardrails_settings.timeout or _WORDS
                message = f"the words of {item_id} did not come within {seconds:g} seconds"
                self.words(item_id, "", RealtimeTimeoutError(message, name="transcription", seconds=seconds))
            if heard is not None and heard.item_id in self._unjudged:
                await self._judge(heard)
                self._unjudged.discard(heard.item_id)
                self._changed.unpark_all()
            self._release()

    async def _judge(self, heard: _Heard) -> None:
        hub = self._hub
        results: list[InputGuardrailResult] = []
        if heard.error is not None:
            hub.report(heard.error)
            if hub.run_config.guardrails_settings.on_error == "trip":
                results = [self._failed(guardrail, heard.error) for guardrail in self._guardrails]
        else:
            with trio.CancelScope() as scope:
                self._judged = heard.item_id, scope
                results = await self._check(heard.text)
            self._judged = None
            if heard.item_id not in self._unjudged:
                return  # it has gone meanwhile
        answered = heard.item_id not in self._unanswered
        self._unanswered.discard(heard.item_id)
        hub.latencies.input_checked(heard.since, trio.current_time())
        if results:
            delete = RealtimeModelRawClientMessage(
                type="conversation.item.delete", other_data={"item_id": heard.item_id}
            )
            hub.outbox.send_first(RealtimeModelSendRawMessage(message=delete))
            self._tripped(results, heard.text, heard.item_id)
        elif answered:
            hub.tool_runner.go_on()

    async def screen(self, text: str | None, *, settle: bool = True) -> None:
        """Look at what the user has typed, and wait until everything that was spoken has been looked at.

        Args:
            text: what was typed; None for nothing: what is to be answered is what was spoken, if anything was.
            settle: what follows is answered with what was spoken.

        Raises:
            InputGuardrailTripwireTriggered: it must not reach the model.
            RealtimeTimeoutError: the server made no item of a commit (name ``"item"``).
            SessionClosed: the session has ended.
        """
        if not self.on or _looking.get():
            return
        results = await self._check(text) if text else []
        if results:
            self._tripped(results, text or "", None)
            raise InputGuardrailTripwireTriggered(results[0])
        before = self._trips
        if settle:
            await self._settled()
        if text is None and self._last_trip is not None and self._trips != before:
            raise InputGuardrailTripwireTriggered(self._last_trip)

    async def _settled(self) -> None:
        """Wait until no spoken item is looked at or on its way."""
        hub = self._hub
        self._forget_commits()
        while self._unjudged or self._commits:
            if self._over or hub.ended.is_set():
                raise hub.closed_error(hub.failure)
            with trio.move_on_at(min((one.deadline for one in self._commits), default=inf)) as scope:
                await self._changed.park()
            if scope.cancelled_caught:
                self._forget_commits()
                message = "the server did not say whether there is an item of the audio"
                raise RealtimeTimeoutError(message, name="item", seconds=hub.run_config.timeouts.configure or 0.0)

    def _tripped(self, results: list[InputGuardrailResult], text: str, item_id: str | None) -> None:
        hub = self._hub
        if item_id is not None:
            self._trips, self._last_trip = self._trips + 1, results[0]
        hub.publish(
            RealtimeInputGuardrailTripped(
                info=hub.info, guardrail_results=tuple(results), message=text, item_id=item_id
            ),
            len(text),
        )
        recovery = hub.run_config.guardrails_settings.recovery
        if recovery is not None:
            speak(hub, recovery, first=True)

    async def _check(self, text: str) -> list[InputGuardrailResult]:
        """Run every guardrail, and give the results that tripped."""
        inside = called_by.set(self._hub)
        self._checks += 1
        try:
            results = [await self._run(guardrail, text) for guardrail in self._guardrails]
        finally:
            self._checks -= 1
            called_by.reset(inside)
        return [result for result in results if result is not None and result.output.tripwire_triggered]

    async def _run(self, guardrail: InputGuardrail[Any], text: str) -> InputGuardrailResult | None:
        hub, settings = self._hub, self._hub.run_config.guardrails_settings
        error: Exception
        try:
            with trio.move_on_after(inf if settings.timeout is None else settings.timeout), _look():
                return await guardrail.run(hub.agent, text, hub.wrapper)
            seconds = settings.timeout or 0.0
            message = f"the guardrail {guardrail.get_name()} did not answer within {seconds:g} seconds"
            error = RealtimeTimeoutError(message, name="guardrail", seconds=seconds)
        except Exception as fault:  # noqa: BLE001  the user's own
            error = fault
        hub.report(error)
        return None if settings.on_error == "skip" else self._failed(guardrail, error)

    def _failed(self, guardrail: InputGuardrail[Any], error: Exception) -> InputGuardrailResult:
        output = GuardrailFunctionOutput(output_info={"error": error}, tripwire_triggered=True)
        return InputGuardrailResult(guardrail=guardrail, output=output)


def _is_automatic(event: RealtimeModelSendEvent) -> bool:
    return isinstance(event, RealtimeModelSendRawMessage) and event.message.automatic
