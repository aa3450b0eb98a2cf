"""The session: a live conversation, as the application sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, cast, get_args, overload

import trio

from trio_realtime._structure import structure
from trio_realtime.agent import RealtimeAgent
from trio_realtime.config import (
    RealtimeModelConfig,
    RealtimeRunConfig,
    RealtimeUserInput,
)
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import UserError, UserTypeError
from trio_realtime.events import RealtimeSessionEvent
from trio_realtime.ids import new_id
from trio_realtime.items import RealtimeItem
from trio_realtime.model import RealtimeModel
from trio_realtime.model_inputs import (
    RealtimeModelSendEvent,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendUserInput,
)
from trio_realtime.session_tasks.approvals import PendingApproval
from trio_realtime.session_tasks.asking import respond
from trio_realtime.session_tasks.configure import apply_agent, apply_update
from trio_realtime.session_tasks.editing import (
    commit_audio,
    create_message,
    delete_item,
    raw_input,
    replace_message,
    send_and_commit,
)
from trio_realtime.session_tasks.ending import EndAfter, Ending
from trio_realtime.session_tasks.hub import SessionHub, SessionStatus
from trio_realtime.session_tasks.lifespan import close_connection, lifespan
from trio_realtime.session_tasks.limits import SessionLimits, has_limits
from trio_realtime.session_tasks.resuming import snapshot_of
from trio_realtime.session_tasks.saving import begin_with
from trio_realtime.session_tasks.spoken import item_content, user_message, words_in, words_of
from trio_realtime.session_tasks.statistics import SessionStatistics, statistics_of
from trio_realtime.session_tasks.streams import EventStream
from trio_realtime.session_tasks.supervisor import Supervisor
from trio_realtime.session_tasks.tool_scopes import called_by
from trio_realtime.snapshot import to_json
from trio_realtime.stores.base import SessionStore
from trio_realtime.tools.invoke import check_timeout
from trio_realtime.turn import TurnScope
from trio_realtime.usage import Usage

__all__ = ["LiveModel", "RealtimeSession", "SessionOutcome", "SessionStatistics"]

SessionOutcome: TypeAlias = Literal["left", "ended", "limit", "failed"]

TContext = TypeVar("TContext")
EventT = TypeVar("EventT")

_NOT_ENTERED = "enter the session first: async with await runner.run() as session"
_EVENT_CLASSES: tuple[Any, ...] = get_args(RealtimeSessionEvent)


class LiveModel:
    """The model connection of a session, for what the session's own methods do not offer."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        """Send a model input, and wait until it was sent; a session update, until the server has confirmed it.

        A checkpoint. When cancelled it is unsent, or sent whole. An update that changes nothing sends nothing. The
        refusal of a ``session.update`` that is sent as a raw message comes as an ``error`` event: nobody waits for it.

        Raises:
            UserError: the event is at fault; nothing was sent.
            ConfigRejected: the server refused the update; the configuration is as it was.
            RealtimeTimeoutError: it did not answer within ``timeouts.configure`` (name ``"configure"``).
            RealtimeConnectionError: the connection was lost meanwhile, and the event concerned that one only.
            SessionClosed: the session has ended.
        """
        _require_entered(self._hub)
        if isinstance(event, RealtimeModelSendSessionUpdate):
            await apply_update(self._hub, event)
        else:
            await self._hub.outbox.send_and_wait(event)


class RealtimeSession(Generic[TContext]):
    """A live conversation with a model, made by :meth:`RealtimeRunner.run`.

    It is an async context manager, entered once, and an async iterator of events::

        async with await runner.run() as session:
            await session.send_message("Hello")
            async for event in session:
                ...

    Leaving the block ends every task of the session in bounded time. If the session failed and the application has not
    seen it while iterating, leaving raises the error. Methods may be called from any task of the same trio run; each
    async method is a checkpoint and raises SessionClosed after the end.

    While a lost connection is made again (``status`` is ``"reconnecting"``), what the user says waits for the new one,
    in order: messages, items, commits, changes of the agent; a call that is cancelled meanwhile has sent nothing. Audio
    is kept, 30 seconds of it. Approvals count at once, and so does :meth:`interrupt`: what was being said is not asked
    for again. If no connection can be made, whoever waits gets SessionClosed. What was on its way and concerned the
    lost connection alone raises RealtimeConnectionError.
    """

    __slots__ = ("__dict__", "__weakref__", "_events", "_hub", "_lifespan", "_live", "_model")

    def __init__(
        self,
        model: RealtimeModel,
        agent: RealtimeAgent[TContext],
        context: TContext | RunContextWrapper[TContext] | None,
        model_config: RealtimeModelConfig | Mapping[str, Any] | None = None,
        run_config: RealtimeRunConfig | Mapping[str, Any] | None = None,
        *,
        history: Sequence[RealtimeItem | Mapping[str, Any]] | None = None,
        resume: Mapping[str, Any] | None = None,
        store: SessionStore | None = None,
        session_id: str | None = None,
    ) -> None:
        _check_agent(agent)
        wrapper: RunContextWrapper[Any] = (
            cast("RunContextWrapper[Any]", context)
            if isinstance(context, RunContextWrapper)
            else RunContextWrapper(context)
        )
        self._hub = SessionHub(
            cast("RealtimeSession[Any]", self),
            agent,
            wrapper,
            structure({} if model_config is None else model_config, RealtimeModelConfig, name="model_config"),
            structure({} if run_config is None else run_config, RealtimeRunConfig, name="config"),
        )
        self._model = model if self._hub.stored is None else self._hub.stored.recorded(model)
        self._hub.supervisor = Supervisor(self._hub, self._model)
        self._events = self._hub.stream(None, selects=False)
        self._live = LiveModel(self._hub)
        self._lifespan: AbstractAsyncContextManager[None] | None = None
        if has_limits(self._hub.run_config.limits):
            self._hub.watchers["limits"] = SessionLimits
        begin_with(self._hub, history=history, resume=resume, store=store, session_id=session_id)
        self._hub.ending = Ending(self._hub)
        self._hub.watchers["ending"] = lambda hub: hub.ending
        if self._hub.input_gate.on:
            self._hub.watchers["input gate"] = lambda hub: hub.input_gate

    # -- entering, leaving, reading ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect. Returns when the server has confirmed the configuration.

        Raises:
            RealtimeConnectionError, HandshakeRejected: no connection.
            RealtimeTimeoutError: the server did not answer in time (name ``"connect"``).
            ConfigRejected: the server refused the configuration.
            UserError: the configuration is at fault, or the session was entered before.
            SessionInUse, SessionStoreError: the session's store does not give it.
        """
        if self._lifespan is not None:
            raise UserError("a session can be entered once; ask the runner for another")
        self._lifespan = lifespan(self._hub, self._model)
        await self._lifespan.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Close the connection and end every task, within ``timeouts.close``, cancelled or not."""
        if self._lifespan is None:
            raise UserError(_NOT_ENTERED)
        return await self._lifespan.__aexit__(kind, error, traceback)

    def __aiter__(self) -> EventStream[RealtimeSessionEvent]:
        """Give the session's own reader, always the same: breaking off and iterating again goes on where it stopped.

        Raises:
            UserError: the session was not entered.
        """
        if self._lifespan is None:
            raise UserError(_NOT_ENTERED)
        return self._events

    @overload
    def events(self) -> EventStream[RealtimeSessionEvent]: ...
    @overload
    def events(self, *types: type[EventT]) -> EventStream[EventT]: ...
    def events(self, *types: type[Any]) -> EventStream[Any]:
        """Make another reader, which sees every event of the given classes from now on (all without any).

        Readers are independent of each other. One that nobody iterates keeps the newest events within the bounds. Of
        audio, transcripts, history and raw events, which are most of all, those that no reader has selected are not
        built; that the session itself can be read later does not count.

        Raises:
            UserTypeError: something that is not an event class.
        """
        for kind in types:
            if not any(kind is known for known in _EVENT_CLASSES):
                raise UserTypeError(f"events() takes event classes, not {kind!r}")
        return self._hub.stream(types or None)

    async def end(self, after: EndAfter = "turn", *, timeout: float | None = 30.0) -> None:  # noqa: ASYNC109  (a policy)
        """End the session when the agent has finished. Returns when it has ended: iteration ends by itself.

        Called by a tool or a guardrail, or by a task that one has started, it only notes the ending and returns: the
        tool completes, its reply is spoken, then the session leaves. A checkpoint. When cancelled, the session ends all
        the same.

        Args:
            after: ``"now"``, as :meth:`close`; ``"turn"``, when no response goes on or is asked for (after a lost
                connection: again), by a commit that is under way too, no guardrail looks at anything and no tool runs
                (at once, if there is nothing);
                ``"playback"``, when the listener has heard it too, by the playback tracker, else by the clock.
            timeout: seconds after which it ends in any case (30: a goodbye, and a tool before it); None for never.

        Raises:
            UserError: an argument is at fault, or the session was not entered.
            SessionClosed: the session has ended already.
        """
        hub = self._hub
        _require_entered(hub)
        if after not in get_args(EndAfter):
            raise UserError(f"after must be 'now', 'turn' or 'playback', not {after!r}")
        check_timeout(timeout)
        hub.ending.want(after, timeout)
        if called_by.get() is hub:
            await trio.lowlevel.checkpoint()
        else:
            await hub.ended.wait()

    async def close(self) -> None:
        """End the session now: the connection is closed in an orderly way and iteration ends.

        A checkpoint. Tools that run are cancelled and get no output any more, a calling one included. The block is
        still to be left by whoever entered it. Idempotent; after it the other methods raise SessionClosed.
        """
        hub = self._hub
        await trio.lowlevel.checkpoint()
        if hub.ended.is_set() or hub.status == "connecting":
            return
        hub.leave("the application closed the session")
        await close_connection(hub, trio.current_time() + hub.run_config.timeouts.close)
        hub.finish()

    # -- what is known -----------------------------------------------------------------------------------------------

    @property
    def history(self) -> Sequence[RealtimeItem]:
        """The conversation now: a snapshot that never changes."""
        return self._hub.conversation.snapshot()

    @property
    def current_agent(self) -> RealtimeAgent[TContext]:
        """The agent that answers."""
        return self._hub.agent

    @property
    def context(self) -> RunContextWrapper[TContext]:
        """The context that tools, guardrails and callbacks get."""
        return self._hub.wrapper

    @property
    def usage(self) -> Usage:
        """The tokens of the session so far; it grows."""
        return self._hub.wrapper.usage

    @property
    def pending_approvals(self) -> tuple[PendingApproval, ...]:
        """The tool calls that wait for a decision, in the order in which they came."""
        return self._hub.approvals.pending if self._lifespan is not None else ()

    @property
    def model(self) -> LiveModel:
        """The live connection."""
        return self._live

    @property
    def status(self) -> SessionStatus:
        """``"connecting"``, ``"connected"``, ``"reconnecting"``, ``"ending"`` or ``"closed"``."""
        return self._hub.status

    @property
    def outcome(self) -> SessionOutcome | None:
        """How the session ended; None before.

        ``"left"``: the application left or closed it; ``"ended"``: the server did, in an orderly way; ``"limit"``: one
        of its ``limits`` was reached; ``"failed"``: an error ended it.
        """
        hub = self._hub
        if not hub.ended.is_set():
            return None
        if hub.failure is not None:
            return "failed"
        if hub.limit is not None:
            return "limit"
        return "left" if hub.leaving is not None else "ended"

    def snapshot(self) -> dict[str, Any]:
        """Give the session as it is now, as a dict of JSON types; ``runner.run(resume=...)`` goes on with it.

        It has the conversation, the agent's name, the decisions made with ``always``, the tool calls without an output
        and the usage; no key, header, setting or context: these are the runner's; and no audio, ``store_audio`` or not.
        Of a reply that has not ended, what was heard is in it, and it will be asked for again. Not a checkpoint;
        possible at any time, after the end too.
        """
        return to_json(snapshot_of(self._hub))

    def statistics(self) -> SessionStatistics:
        """Give the counters now."""
        return statistics_of(self._hub, self._events.buffer)

    # -- speaking ----------------------------------------------------------------------------------------------------

    async def send_message(self, message: RealtimeUserInput) -> None:
        """Add a user message and ask for a response.

        Args:
            message: text, or a message of ``input_text`` and ``input_image`` parts, as an object or a dict.

        Raises:
            UserError: the message is at fault (an unknown part, a missing text); nothing was sent.
            InputGuardrailTripwireTriggered: with ``gate_input``, a guardrail objects; nothing was sent. What was spoken
                before is looked at first.
            SessionClosed: the session has ended.
        """
        user_input = user_message(message)
        _require_entered(self._hub)
        await self._hub.input_gate.screen(words_of(user_input))
        self._hub.guardrails.user_turn()
        await self._hub.outbox.send(RealtimeModelSendUserInput(user_input=user_input, item_id=new_id("item")))

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Append audio to the input buffer. Waits while the connection takes no data.

        Small pieces are only handed over, up to 64 KiB of them, and go out together; each call is a checkpoint for
        cancellation, and other tasks get a turn at least every 32 calls. When cancelled, nothing of it is sent.

        Args:
            audio: bytes in the session's input format (16 bit PCM at 24 kHz unless configured otherwise).
            commit: make a user item of the buffer afterwards; no response is asked for.

        Raises:
            UserTypeError: ``audio`` is not bytes.
            SessionClosed: the session has ended.
        """
        hub = self._hub
        if type(audio) is not bytes:
            given: Any = audio
            if not isinstance(given, (bytes, bytearray, memoryview)):
                raise UserTypeError(f"audio must be bytes, not {type(given).__name__}")
            audio = bytes(audio)
        if hub.status != "connected":
            _require_entered(hub)
        if commit:
            await send_and_commit(hub, audio)
        else:
            await hub.outbox.send_audio(audio)

    async def commit_audio(self, *, respond: bool = True) -> None:
        """Make a user item of the input buffer, for turns without turn detection. Returns when it is made.

        Push to talk is ``clear_audio()`` when the button goes down, ``send_audio()`` while it is held, and
        ``commit_audio()`` when it comes up; or ``commit_audio(respond=False)`` and :meth:`respond`. When cancelled, the
        item may be made, and nobody has been asked to answer it.

        Args:
            respond: ask for a response to it, once it is there.

        Raises:
            ServerError: there are less than 100 ms of audio (code ``"input_audio_buffer_commit_empty"``), or the server
                refused otherwise; no item is made and no response is asked for.
            RealtimeTimeoutError: the server did not answer (name ``"item"``).
            SessionClosed: the session has ended.
        """
        _require_entered(self._hub)
        self._hub.guardrails.user_turn()
        await commit_audio(self._hub, respond=respond)

    async def clear_audio(self) -> None:
        """Empty the input buffer."""
        await self._raw("input_audio_buffer.clear")

    def respond(
        self,
        input: RealtimeUserInput | Sequence[Mapping[str, Any]] | None = None,
        *,
        instructions: str | None = None,
        tools: Sequence[Any] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        conversation: Literal["auto", "none"] = "auto",
        metadata: Mapping[str, str] | None = None,
        output_modalities: Sequence[Literal["text", "audio"]] | None = None,
    ) -> TurnScope:
        """Ask for one response, and hold it as a block whose body is the turn::

            async with session.respond("Where is my order?") as turn:
                print(await turn.text(), turn.outcome)

        Entering returns when the request was handed over. Turns that are asked for at once are run in order; what was
        said with one goes into the conversation when its turn comes. Leaving the block before the response has ended,
        by return, error, timeout or cancellation, cancels exactly that response, cuts it where it was heard and purges
        its audio; so does leaving while its events are being read and were not read to their end. The session goes on.
        A turn is one response: if it calls tools, the response to their outputs is another.
        With ``gate_input``, entering waits until what was spoken has been looked at, and a turn whose words a guardrail
        objects to (``input``, or without it what was spoken meanwhile) has ``failed``, with the reason
        ``"input_guardrail"`` and the exception as its ``error``: nothing was sent.

        Args:
            input: what the user says, as in :meth:`send_message`; None for nothing (the agent speaks first). Of an
                out-of-band response also items in the protocol's form, which are then all that it knows.
            instructions, tool_choice, output_modalities: instead of the session's, for this response only.
            tools: the only ones for this response.
            conversation: ``"none"`` for an out-of-band response, which neither waits for others nor enters the history.
            metadata: given back by the server in the response.

        Returns:
            an async context manager that gives a :class:`RealtimeTurn`.

        Raises:
            UserError: an argument is at fault, or the session was not entered; nothing was sent.
            SessionClosed: the session has ended.
        """
        _require_entered(self._hub)
        if input is not None and conversation != "none":
            self._hub.guardrails.user_turn()
        settings = {
            "instructions": instructions,
            "tool_choice": tool_choice,
            "output_modalities": output_modalities,
        }
        return respond(self._hub, input, tools=tools, conversation=conversation, metadata=metadata, settings=settings)

    async def interrupt(self) -> None:
        """Stop the agent: cancel the response, cut its audio where it was heard, deliver none of the rest.

        ``audio_interrupted`` is the next event that is read, if anything was being said. With ``gate_input``, what was
        stopped to be asked for again is not; what the user says is looked at, and answered, all the same.
        """
        hub = self._hub
        _require_entered(hub)
        hub.check_open()
        hub.outbox.send_first(hub.interrupt())
        hub.input_gate.interrupted()
        await trio.lowlevel.checkpoint()

    async def add_item(
        self,
        role: Literal["user", "system", "assistant"],
        content: str | Sequence[Mapping[str, Any]],
        *,
        respond: bool = False,
        after: str | None = None,
    ) -> str:
        """Add a message to the conversation without asking for a reply. Returns when it is in its place.

        Args:
            role: whose words they are.
            content: text, or content parts of the protocol as dicts.
            respond: ask for a response afterwards.
            after: the id of the item to stand after, or ``"root"`` for the first place; the end without it.

        A checkpoint. When cancelled, the item may be there all the same, and no response is asked for.

        Returns:
            the new item's id.

        Raises:
            UserError: the role or the content is at fault; nothing was sent.
            InputGuardrailTripwireTriggered: with ``gate_input``, a guardrail objects to what a user says; nothing was
                sent.
            ServerError: the server refused: there is no item ``after``, say. Nothing has changed.
            RealtimeTimeoutError: it did not answer within ``timeouts.configure`` (name ``"item"``).
        """
        _require_entered(self._hub)
        parts = item_content(role, content)
        await self._hub.input_gate.screen(words_in(parts) if role == "user" else "", settle=False)
        item_id = await create_message(self._hub, role, parts, after=after)
        if respond:
            await self._hub.input_gate.screen("")
            await self._hub.outbox.send_and_wait(raw_input("response.create"))
        return item_id

    async def set_context(self, key: str, text: str | None) -> str | None:
        """Tell the model something that takes the place of what it was told under the same key before.

        A system message; nobody is asked to answer it. Returns when the server has done it. When cancelled, both the
        new and the old text may be there until the next change of this key.

        Args:
            key: names the slot, such as ``"roster"``.
            text: its text from now on; None for none.

        Returns:
            the new item's id.

        Raises:
            UserError: the key or the text is empty or no text.
            ServerError, RealtimeTimeoutError, SessionClosed: as for :meth:`add_item`.
        """
        if not isinstance(cast("Any", key), str) or not key:
            raise UserError(f"a context slot needs a key, not {key!r}")
        if text is not None and (not isinstance(cast("Any", text), str) or not text):
            raise UserError(f"a context slot needs a text, not {text!r}; None takes it out")
        _require_entered(self._hub)
        return await self._hub.slots.put(key, text)

    async def delete_item(self, item_id: str) -> None:
        """Take an item out of the conversation, a tool call together with its output.

        Returns when the server has done it and the history shows it.

        A checkpoint. When cancelled, the item may be gone all the same.

        Raises:
            ServerError: the server refused: there is no such item, say.
            RealtimeTimeoutError: it did not answer within ``timeouts.configure`` (name ``"item"``).
        """
        _require_entered(self._hub)
        await delete_item(self._hub, item_id)

    async def replace_item(self, item_id: str, content: str | Sequence[Mapping[str, Any]]) -> str:
        """Put a message with other content, of the same role, in the place of one. Returns when the server has done it.

        A checkpoint. When cancelled, both may be there, the new one behind the old one.

        Args:
            item_id: the message that goes.
            content: text, or content parts of the protocol as dicts.

        Returns:
            the new item's id.

        Raises:
            UserError: the history has no such message, or the content is at fault; nothing was sent.
            InputGuardrailTripwireTriggered: with ``gate_input``, a guardrail objects to what takes the place of a
                user's message; nothing was sent.
            ServerError: the server refused; nothing has changed.
            RealtimeTimeoutError: it did not answer within ``timeouts.configure`` (name ``"item"``).
        """
        _require_entered(self._hub)
        return await replace_message(self._hub, item_id, content)

    async def _raw(self, type: str, **fields: Any) -> None:
        _require_entered(self._hub)
        await self._hub.outbox.send_and_wait(raw_input(type, **fields))

    # -- agents and tools --------------------------------------------------------------------------------------------

    async def update_agent(self, agent: RealtimeAgent[TContext]) -> None:
        """Make another agent the current one. Returns when the server has confirmed its settings.

        When cancelled, the local agent is unchanged, and the server may have the new settings.

        Raises:
            ConfigRejected: the server refused; the agent is unchanged.
            RealtimeTimeoutError: the server did not answer (name ``"configure"``), or the agent's own instructions
                function or MCP servers did not (name ``"agent"``); the agent is unchanged.
            UserError: the agent or its tools are at fault.
            SessionClosed: the session has ended.
        """
        _check_agent(agent)
        _require_entered(self._hub)
        self._hub.check_open()
        await apply_agent(self._hub, agent)

    async def approve_tool_call(self, call_id: str, *, always: bool = False) -> None:
        """Let a waiting tool call run. Unknown ids change nothing.

        Args:
            call_id: the call, from ``tool_approval_required``.
            always: later calls of this tool of this agent in this session need no approval.
        """
        hub = self._hub
        _require_entered(hub)
        pending = hub.approvals.take(call_id)
        if pending is not None:
            hub.wrapper.approve_tool(pending.tool_name, call_id)
            if always:
                hub.wrapper.approve_tool(pending.policy, call_id, always=True)
            hub.approvals.decide(call_id)
        await trio.lowlevel.checkpoint()

    async def reject_tool_call(
        self, call_id: str, *, always: bool = False, rejection_message: str | None = None
    ) -> None:
        """Refuse a waiting tool call; the model is told so. Unknown ids change nothing.

        Args:
            call_id: the call.
            always: later calls of this tool of this agent in this session are refused with the same message.
            rejection_message: what the model is told; else the ``tool_error_formatter``'s text, else a fixed one.
        """
        hub = self._hub
        _require_entered(hub)
        pending = hub.approvals.take(call_id)
        if pending is not None:
            hub.wrapper.reject_tool(pending.tool_name, call_id, rejection_message=rejection_message)
            if always:
                hub.wrapper.reject_tool(pending.policy, call_id, always=True, rejection_message=rejection_message)
            hub.approvals.decide(call_id)
        await trio.lowlevel.checkpoint()


def _check_agent(agent: Any) -> None:
    if not isinstance(agent, RealtimeAgent):
        raise UserTypeError(f"agent must be a RealtimeAgent, not {type(agent).__name__}")


def _require_entered(hub: SessionHub) -> None:
    if hub.status == "connecting":
        raise UserError(_NOT_ENTERED)
    hub.check_open()
