"""What the tasks of one session share: its state, and the few verbs that change it.

Everything here is synchronous unless it says otherwise, so that between two checkpoints the state is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import trio

from trio_realtime._growing import GrowingText
from trio_realtime.audio import PCM16, RealtimePlaybackTracker
from trio_realtime.config import RealtimeModelConfig, RealtimeRunConfig
from trio_realtime.context import RunContextWrapper
from trio_realtime.core.conversation import Conversation
from trio_realtime.core.delivery import EventBuffer, Hold, Overflow, Unbuilt
from trio_realtime.core.gate import TranscriptGate
from trio_realtime.core.latencies import Latencies
from trio_realtime.core.playback import Playback
from trio_realtime.core.tool_calls import ToolCallLedger
from trio_realtime.errors import ConfigRejected, SessionClosed, SlowConsumer
from trio_realtime.events import (
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeConnectionEvent,
    RealtimeError,
    RealtimeEventInfo,
    RealtimeSessionEvent,
)
from trio_realtime.items import RealtimeItem
from trio_realtime.model_events import RealtimeModelEvent
from trio_realtime.model_inputs import RealtimeModelSendInterrupt
from trio_realtime.session_tasks.heard_history import HeardHistory
from trio_realtime.session_tasks.held_audio import HeldAudio
from trio_realtime.session_tasks.hook_runner import HookRunner
from trio_realtime.session_tasks.input_gate import InputGate
from trio_realtime.session_tasks.item_answers import ItemAnswers
from trio_realtime.session_tasks.outbox import Outbox
from trio_realtime.session_tasks.responses import Response, ResponseBook
from trio_realtime.session_tasks.slots import ContextSlots
from trio_realtime.session_tasks.stored_audio import StoredAudio
from trio_realtime.session_tasks.streams import Delivery, EventStream
from trio_realtime.session_tasks.turns import TurnBook
from trio_realtime.snapshot import SessionSnapshot

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.handoffs import Handoff
    from trio_realtime.model import RealtimeConnection
    from trio_realtime.session import RealtimeSession
    from trio_realtime.session_tasks.approvals import Approvals
    from trio_realtime.session_tasks.ending import Ending
    from trio_realtime.session_tasks.guardrail_runner import GuardrailRunner
    from trio_realtime.session_tasks.handoff_path import PathStep
    from trio_realtime.session_tasks.saving import SessionKeeper
    from trio_realtime.session_tasks.supervisor import Supervisor
    from trio_realtime.session_tasks.tool_runner import ToolRunner
    from trio_realtime.tools import AgentTools

__all__ = ["ConfigWaiter", "SessionHub", "SessionStatus", "Watcher", "describe_error"]

SessionStatus: TypeAlias = Literal["connecting", "connected", "reconnecting", "ending", "closed"]
_ASIDE: Final = 64  # parts of out-of-band responses whose words are kept for their transcripts


def describe_error(error: BaseException) -> str:
    """Give an error's text, or at least its type: a user's own may have a text that cannot be made."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001
        return type(error).__name__


class Watcher(Protocol):
    """A task of a session that follows its events; made before any of the session's tasks runs."""

    async def run(self) -> None:
        """Do its work until cancelled, or until there is nothing more to do."""


class ConfigWaiter:
    """Waits for the server's answer to one session update."""

    def __init__(self) -> None:
        self.answered: trio.Event = trio.Event()
        self.error: Exception | None = None


class SessionHub:
    """The shared state of one session."""

    # fmt: off
    __slots__ = (
        "_aside", "_tokens_before", "agent", "agent_lock", "approvals", "began", "blocked", "cancel_body", "closing",
        "committing", "config_waiters", "connection", "conversation", "delivery", "ended", "ending",
        "events_published", "failure", "failure_seen", "gate", "guardrails", "handle", "heard", "held", "hooks",
        "info", "input_gate", "item_answers", "keeper", "latencies", "leaving", "ledger", "limit",
        "model_config", "more_handoffs", "outbox", "over", "path", "playback", "replayed", "responses", "resumed",
        "run_config", "session", "settle_checks", "slots", "stands_for", "status", "stop_tools", "stored",
        "supervisor", "tool_runner", "tools", "tracker", "turns", "watchers", "wrapper", "writer_done",
    )
    # fmt: on

    over: bool
    connection: RealtimeConnection
    tools: AgentTools
    approvals: Approvals
    ending: Ending
    guardrails: GuardrailRunner
    tool_runner: ToolRunner
    writer_done: trio.Event
    supervisor: Supervisor

    def __init__(
        self,
        session: RealtimeSession[Any],
        agent: RealtimeAgent[Any],
        wrapper: RunContextWrapper[Any],
        model_config: RealtimeModelConfig,
        run_config: RealtimeRunConfig,
    ) -> None:
        self.session: RealtimeSession[Any] = session
        self.over = False  # as ``ended``, for who asks at every event
        self.agent: RealtimeAgent[Any] = agent
        self.wrapper: RunContextWrapper[Any] = wrapper
        self.info: RealtimeEventInfo = RealtimeEventInfo(wrapper)
        self.model_config: RealtimeModelConfig = model_config
        self.run_config: RealtimeRunConfig = run_config
        self.conversation: Conversation = Conversation()
        self.stored: StoredAudio | None = StoredAudio(self) if run_config.store_audio else None
        self.tracker: RealtimePlaybackTracker | None = model_config.playback_tracker
        self.playback: Playback = Playback(PCM16, tracked=self.tracker is not None)
        self.gate: TranscriptGate = TranscriptGate(run_config.guardrails_settings.debounce_text_length)
        self.ledger: ToolCallLedger = ToolCallLedger()
        self.responses: ResponseBook = ResponseBook()
        self.turns: TurnBook = TurnBook(self)
        self.latencies: Latencies = Latencies()
        self.delivery: Delivery = Delivery()
        self.slots: ContextSlots = ContextSlots(self)
        self.held: HeldAudio = HeldAudio(self)
        self.input_gate: InputGate = InputGate(self)
        self.outbox: Outbox = Outbox()
        self.hooks: HookRunner = HookRunner(self)
        self.heard: HeardHistory = HeardHistory(self)
        self.agent_lock: trio.Lock = trio.Lock()
        self.config_waiters: dict[str, ConfigWaiter] = {}
        self.item_answers: ItemAnswers = ItemAnswers()
        self.status: SessionStatus = "connecting"
        self.ended: trio.Event = trio.Event()
        self.closing: trio.Event | None = None
        self.leaving: str | None = None
        self.failure: Exception | None = None
        self.failure_seen: bool = False
        self.handle: Callable[[RealtimeModelEvent], None] = lambda _: None
        self.stop_tools: Callable[[], None] = lambda: None
        self.settle_checks: Callable[[float], None] = lambda _: None
        self.cancel_body: Callable[[], None] = lambda: None
        self.watchers: dict[str, Callable[[SessionHub], Watcher]] = {}
        self.keeper: SessionKeeper | None = None
        self.limit: str | None = None
        self.resumed: SessionSnapshot | None = None
        self.more_handoffs: tuple[Handoff, ...] = ()
        self.path: Sequence[PathStep] = ()
        self.replayed: frozenset[str] = frozenset()
        self.stands_for: Mapping[str, str] = {}
        self.began: float | None = None
        self.blocked: Overflow | None = None
        self.committing: int = 0  # commits whose items, or requests for an answer, are not there yet
        self.events_published: int = 0
        self._aside: dict[tuple[str, int], GrowingText] = {}
        self._tokens_before: int = self._tokens()

    # -- events ------------------------------------------------------------------------------------------------------

    def stream(self, types: tuple[type[Any], ...] | None, *, selects: bool = True) -> EventStream[Any]:
        """Make a reader that sees everything of its selection from now on.

        Args:
            types: the event classes; None for all.
            selects: events are built for it although nobody has begun to read it.
        """
        return self.stream_over(EventBuffer(self.run_config.delivery, types, selects=selects))

    def stream_over(self, buffer: EventBuffer) -> EventStream[Any]:
        """Make a reader of what a buffer takes."""
        stream: EventStream[Any] = EventStream(buffer, self._given, self._seen, self.delivery.lender)
        self.delivery.add(stream)
        return stream

    def inner_stream(self, types: tuple[type[Any], ...]) -> EventStream[Any]:
        """Make a reader for a task of the session itself: what it is given, the application has not seen."""
        stream: EventStream[Any] = EventStream(
            EventBuffer(self.run_config.delivery, types), lambda _event, _now: None, lambda: None
        )
        self.delivery.add(stream)
        return stream

    def publish_first(self, event: RealtimeSessionEvent) -> None:
        """Give an event to the application before everything that waits."""
        self.events_published += 1
        self.delivery.publish_first(event)

    def publish_before(self, hold: Hold | None, event: RealtimeSessionEvent, size: int = 0) -> None:
        """Give an event to the application before what ``hold`` keeps back; None holds nothing."""
        if hold is None:
            self.publish(event, size)
        else:
            self.events_published += 1
            self.delivery.publish_before(hold, event, size)

    def _given(self, event: RealtimeAudio, now: float) -> None:
        length = self.playback.format.duration_ms(len(event.audio.data))
        self.latencies.audio_given(event.received_at, now)
        self.playback.given(event.item_id, event.content_index, length, now)

    def _seen(self) -> None:
        self.failure_seen = True

    def offer(self, kind: type[RealtimeSessionEvent], /, size: int = 0, audio_ms: float = 0.0, **fields: Any) -> None:
        """Give an event to the application, and build it only if somebody has selected its class.

        Args:
            kind: the class of the event.
            size, audio_ms: as for :meth:`publish`.
            fields: its arguments but for ``info``.
        """
        fields["info"] = self.info
        self.offer_fields(kind, fields, size, audio_ms)

    def offer_fields(
        self, kind: type[RealtimeSessionEvent], fields: dict[str, Any], size: int, audio_ms: float
    ) -> None:
        """Give an event as :meth:`offer` does, with all of its arguments in a dict that is nobody else's."""
        self.events_published += 1
        delivery = self.delivery
        selected = delivery.selected.get(kind)
        if selected is None:
            selected = delivery.selects(kind)
        overflow = delivery.publish(kind(**fields) if selected else Unbuilt(kind, fields), size, audio_ms)
        if overflow is not None:
            self._overflows(overflow)

    def publish(self, event: RealtimeSessionEvent, size: int = 0) -> None:
        """Give an event to the application; a reader that has too much of it may end the session."""
        self.events_published += 1
        overflow = self.delivery.publish(event, size)
        if overflow is not None:
            self._overflows(overflow)

    def _overflows(self, overflow: Overflow) -> None:
        if overflow == "audio" and self.run_config.delivery.overflow == "block":
            self.blocked = overflow
            return
        self.slow_consumer(overflow)

    def slow_consumer(self, overflow: Overflow) -> None:
        """End the session: the application does not keep up."""
        worst = max((stream.buffer.statistics() for stream in self.delivery.streams), key=lambda s: s.bytes)
        self.finish(
            SlowConsumer(
                f"the application does not keep up: {worst.bytes} bytes and {worst.audio_ms:.0f} ms of audio wait"
                + (", and what is not audio is never dropped" if overflow == "control" else ""),
                buffered_bytes=worst.bytes,
                limit_bytes=self.run_config.delivery.max_buffered_bytes,
                buffered_ms=worst.audio_ms,
            )
        )

    def report(self, error: Any, received_at: float | None = None, *, before: Hold | None = None) -> None:
        """Tell the application and the hooks of an error that does not end the session."""
        self.publish_before(before, RealtimeError(info=self.info, error=error, received_at=received_at))
        self.hooks.error(error)

    def told_history(self) -> Sequence[RealtimeItem]:
        """Give the history as events tell of it: without stored audio, which an event that waits would keep alive."""
        history = self.conversation.snapshot()
        return history if self.stored is None else self.stored.without(history)

    def tokens_used(self) -> int:
        """Tokens of the responses and transcripts of this session; of all its sessions, if the context is shared."""
        return self._tokens() - self._tokens_before

    def _tokens(self) -> int:
        usage = self.wrapper.usage
        return usage.total_tokens + usage.transcription.total_tokens

    def seconds(self) -> float:
        """How long the session has lasted, where it began elsewhere included."""
        before = 0.0 if self.resumed is None else self.resumed.seconds
        return before if self.began is None else before + trio.current_time() - self.began

    def owner(self, response_id: str | None) -> tuple[RealtimeAgent[Any], AgentTools]:
        """Give the agent whose response it is, with what it offered then; the current one for an unknown response."""
        response = self.responses.get(response_id) if response_id is not None else None
        if response is None or response.tools is None:
            return self.agent, self.tools
        return response.agent, response.tools

    def out_of_band_words(self, item_id: str, content_index: int, delta: str) -> GrowingText:
        """Collect words that are not part of the conversation, and give all of that part."""
        key = (item_id, content_index)
        self._aside[key] = self._aside.get(key, GrowingText()).plus(delta)
        while len(self._aside) > _ASIDE:
            del self._aside[next(iter(self._aside))]
        return self._aside[key]

    # -- interruption ------------------------------------------------------------------------------------------------

    def interrupt(
        self, *, response_id: str | None = None, cancel: bool = True, by_user: bool = True
    ) -> RealtimeModelSendInterrupt:
        """Stop the agent's speech here and now, and give what the model has to be told.

        Undelivered audio is purged, the responses are marked so that none of it follows, and ``audio_interrupted`` is
        put before everything that waits.

        Args:
            response_id: only this response; None for everything that is spoken or waits to be.
            cancel: the response has not been cancelled by the server already.
            by_user: somebody wants it, so that tools may have become pointless: no guardrail, no lost connection.
        """
        now = trio.current_time()
        state = self.tracker.get_state() if self.tracker is not None else None
        playing, points = self.playback.interrupt(now, response_id=response_id, tracker=state)
        stopped = self.responses.silence(response_id)
        self.purge_audio(response_id)
        if playing is not None:
            self.responses.silence(playing.response_id)
            event = RealtimeAudioInterrupted(
                info=self.info,
                item_id=playing.item_id,
                content_index=playing.content_index,
                response_id=playing.response_id,
            )
            self.publish_first(event)
            if self.tracker is not None:
                self.tracker.on_interrupted()
        if playing is not None or stopped:
            self.hooks.interrupt()
        if by_user:
            self.tool_runner.scopes.happened("interrupt", response_id)
        return RealtimeModelSendInterrupt(
            response_id=response_id,
            force_response_cancel=cancel,
            playback_only=not cancel,
            truncations=self.supervisor.replayer.cut(self.heard.cut(points, stopped)) if self._plays_audio() else (),
        )

    def purge_audio(self, response_id: str | None) -> None:
        """Take away audio that the application was not given yet, of a response or (None) all; none of it is held."""
        self.delivery.purge_audio(response_id)
        self.held.purged(response_id)

    def silence_from_the_start(self, response: Response) -> None:
        """Let nothing be heard of a response that has begun and was not wanted any more by then."""
        response.silenced = True
        response.cut = self._plays_audio()

    def _plays_audio(self) -> bool:
        """Say whether anybody takes audio: an application that only reads transcripts has no heard point to cut at."""
        return self.tracker is not None or any(
            stream.buffer.begun and stream.buffer.wants(RealtimeAudio) for stream in self.delivery.streams
        )

    def follow_audio_format(self) -> None:
        """Count audio in the format that the connection has now."""
        self.playback.format = self.connection.output_audio_format
        if self.tracker is not None:
            self.tracker.set_audio_format(self.playback.format)

    # -- ending ------------------------------------------------------------------------------------------------------

    def leave(self, reason: str) -> None:
        """Note that the application ends the session, so that what follows is known to come from that."""
        if not self.ended.is_set():
            self.status = "ending"
            self.leaving = self.leaving or reason

    def finish(self, failure: Exception | None = None, *, reason: str | None = None) -> None:
        """End the session: the first cause counts. What was delivered before stays readable."""
        if self.ended.is_set():
            return
        self.ended.set()
        self.over = True
        self.failure, self.status = failure, "closed"
        reason = (self.leaving or reason) if failure is None else describe_error(failure)
        self.events_published += 1
        # not publish(): if this is one event too many, the session ends in any case
        self.delivery.publish(RealtimeConnectionEvent(info=self.info, status="closed", reason=reason))
        self.delivery.finish(failure)
        self.outbox.close(failure)
        self.turns.close(self.closed_error(failure))
        for waiter in self.config_waiters.values():
            waiter.error = self.closed_error(failure)
            waiter.answered.set()
        self.item_answers.fail_all(self.closed_error(failure))
        self.stop_tools()
        self.supervisor.stop()
        self.settle_checks(trio.current_time() + (0.0 if self.leaving else self.run_config.timeouts.close))

    def fail(self, failure: Exception) -> None:
        """End the session with a failure; if it has ended already, and well, keep the failure for who leaves it."""
        if not self.ended.is_set():
            self.finish(failure)
        elif self.failure is None:
            self.failure = failure

    def closed_error(self, cause: BaseException | None) -> SessionClosed:
        """Make the error of a call that comes after the end."""
        error = SessionClosed("the session has ended")
        error.__cause__ = cause
        return error

    def check_open(self) -> None:
        """Raise SessionClosed unless the session is connected.

        Raises:
            SessionClosed: it has ended.
        """
        if self.status in ("closed", "ending"):
            raise self.closed_error(self.failure)

    # -- configuration -----------------------------------------------------------------------------------------------

    def config_answered(self, event_id: str | None, error: ConfigRejected | None) -> bool:
        """Wake whoever waits for the answer to an update; says whether anybody did."""
        waiter = self.config_waiters.get(event_id or "")
        if waiter is None:
            return False
        waiter.error = error
        waiter.answered.set()
        return True
