"""The tool runner: every call of the model gets exactly one output, whatever happens on the way.

A call is a task of its own. Its way is: approval, input guardrails, the tool, output guardrails, the output to the
model, ``tool_end``. A failure on the way becomes the output and an event; only a tool marked ``fatal`` ends the
session.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import attrs
import trio

from trio_realtime.errors import InternalError, ModelBehaviorError, SessionClosed, ToolTimeoutError
from trio_realtime.events import RealtimeHistoryUpdated, RealtimeToolEnd, RealtimeToolStart
from trio_realtime.handoffs import Handoff
from trio_realtime.model_events import RealtimeModelMcpApprovalRequestedEvent, RealtimeModelToolCallEvent
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendRawMessage,
    RealtimeModelSendToolOutput,
)
from trio_realtime.session_tasks.handoff_runner import run_handoff
from trio_realtime.session_tasks.hosted_tools import HostedToolRequest, answer_request, request_of
from trio_realtime.session_tasks.recovery import speak
from trio_realtime.session_tasks.tool_approval import wait_for_approval
from trio_realtime.session_tasks.tool_scopes import ToolScopes, called_by
from trio_realtime.tools import (
    FunctionTool,
    ToolContext,
    ToolResult,
    default_tool_error_function,
    invoke_function_tool,
    is_tool_enabled,
    run_tool_input_guardrails,
    run_tool_output_guardrails,
    tool_output_text,
    tool_respond,
)

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub
    from trio_realtime.tools import AgentTools

__all__ = ["Answer", "ToolCall", "ToolRunner"]

_WAITING = 1024  # calls that may wait to be started; they are started at once unless they run one by one


@attrs.frozen
class ToolCall:
    """A call, with the agent and the tools that were current when the model made it."""

    event: RealtimeModelToolCallEvent
    agent: RealtimeAgent[Any]
    tools: AgentTools


@attrs.frozen(kw_only=True)
class Answer:
    """What a call ends with.

    Attributes:
        text: the output for the model.
        value: the output for ``tool_end``: what the tool returned, or the text.
        respond: ask the model to go on.
        error: why the tool failed, if it did.
        fatal: end the session with ``error``.
        opening: what is said next, word for word.
    """

    text: str
    value: Any
    respond: bool = True
    error: Exception | None = None
    fatal: bool = False
    opening: str | None = None


class ToolRunner:
    """Runs the tool calls of one session."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._send, self._receive = trio.open_memory_channel[ToolCall](_WAITING)
        limit = hub.run_config.tool_execution.max_concurrency
        self._nursery: trio.Nursery | None = None
        self._early: list[RealtimeModelMcpApprovalRequestedEvent] = []
        self._limiter = None if limit is None else trio.CapacityLimiter(limit)
        self.scopes: ToolScopes = ToolScopes(hub)

    def submit(self, event: RealtimeModelToolCallEvent) -> None:
        """Take a call from the reader. Does not wait."""
        hub = self._hub
        admission = hub.ledger.admit(event)
        if admission == "repeated":
            return
        if admission != "run":
            what = (
                "without a call id"
                if admission == "nameless"
                else f"under the id {event.call_id!r}, which another call has already"
            )
            message = f"the model called the tool {event.name!r} {what}; the call is not run"
            hub.report(ModelBehaviorError(message, call_id=event.call_id), event.received_at)
            return
        self.scopes.add(event.call_id, event.response_id)
        try:
            self._send.send_nowait(ToolCall(event, *hub.owner(event.response_id)))
        except trio.WouldBlock:
            failure = ModelBehaviorError(f"more than {_WAITING} tool calls wait to be run", call_id=event.call_id)
            hub.finish(failure)

    def submit_hosted(self, event: RealtimeModelMcpApprovalRequestedEvent) -> None:
        """Take a call that the service asks about. Does not wait."""
        if self._nursery is None:
            self._early.append(event)  # nothing runs yet
        else:
            self._nursery.start_soon(
                self._handle_hosted, request_of(self._hub, event), name=f"hosted tool {event.name}"
            )

    async def _handle_hosted(self, request: HostedToolRequest) -> None:
        with suppress(SessionClosed):  # there is nobody left to tell
            await answer_request(self._hub, request)

    def go_on(self) -> None:
        """Ask the model for a response: a batch is complete, and no output of it is left to ask with. Does not wait."""
        message = RealtimeModelRawClientMessage(type="response.create", automatic=True)
        self._hub.input_gate.ask(RealtimeModelSendRawMessage(message=message))

    async def _go_on_at_last(self, response_id: str) -> None:
        """Ask at the latest when the end of a response is overdue: it may never be said."""
        response = self._hub.responses.get(response_id)
        if response is None:
            return
        with trio.move_on_after(self._hub.run_config.timeouts.response or float("inf")):
            await response.ended.wait()
            return
        if self._hub.ledger.response_ended(response_id):
            self.go_on()

    async def run(self) -> None:
        """Run calls until cancelled: side by side, or one by one if the configuration says so."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._hub.stop_tools = nursery.cancel_scope.cancel
            try:
                if self._hub.ended.is_set():
                    return
                for event in self._early:
                    self.submit_hosted(event)
                self._early.clear()
                async for call in self._receive:
                    if self._hub.run_config.async_tool_calls:
                        nursery.start_soon(self._handle, call, name=f"tool {call.event.name}")
                    else:
                        await self._handle(call)
            finally:
                self._nursery = None

    async def _handle(self, call: ToolCall) -> None:
        hub = self._hub
        inside = called_by.set(hub)
        try:
            try:
                target = await self._find(call)
            except Exception as error:  # noqa: BLE001  the user's own is_enabled
                hub.report(error, call.event.received_at)
                text = default_tool_error_function(hub.wrapper, error)
                await self._send_output(call, Answer(text=text, value=text, error=error))
                return
            if target is None:
                await self._answer_unknown(call)
            elif isinstance(target, Handoff):
                answer = await run_handoff(hub, call.event, target)
                await self._send_output(call, answer)
                if answer.opening is not None:
                    speak(hub, answer.opening)
            else:
                await self._answer_tool(call, target)
        except SessionClosed:
            pass  # there is nobody left to give the output to
        except Exception as error:  # noqa: BLE001
            failure = InternalError(f"running the tool call {call.event.call_id!r} failed")
            failure.__cause__ = error
            hub.finish(failure)
        finally:
            self.scopes.done(call.event.call_id)
            called_by.reset(inside)

    async def _find(self, call: ToolCall) -> FunctionTool | Handoff | None:
        """Give what the call names, if it is there and enabled now."""
        target = call.tools.find(call.event.name)
        if target is None or await is_tool_enabled(target, self._hub.wrapper, call.agent):
            return target
        return None

    async def _answer_unknown(self, call: ToolCall) -> None:
        """The model named a tool that is not there: tell it which ones are."""
        names = [tool.name for tool in call.tools.functions] + [handoff.tool_name for handoff in call.tools.handoffs]
        text = f"There is no tool named {call.event.name!r}. The tools are: {', '.join(names) or 'none'}."
        message = f"the model called {call.event.name!r}: no such tool"
        await self._send_output(call, Answer(text=text, value=text))
        self._hub.report(ModelBehaviorError(message, call_id=call.event.call_id), call.event.received_at)

    async def _answer_tool(self, call: ToolCall, tool: FunctionTool) -> None:
        hub, event = self._hub, call.event
        context: ToolContext[Any] = ToolContext[Any].from_agent_context(
            hub.wrapper,
            event.call_id,
            event,
            call.agent,
            tool_name=tool.name,
            tool_arguments=event.arguments,
            session=cast("Any", hub.session),
        )
        answer = await self._run_in_scope(call, tool, context)
        await self._send_output(call, answer)
        end = RealtimeToolEnd(
            info=hub.info,
            agent=call.agent,
            tool=tool,
            tool_name=tool.name,
            arguments=event.arguments,
            output=answer.value,
            call_id=event.call_id,
            error=answer.error,
        )
        hub.publish(end, len(answer.text))
        hub.hooks.tool_end(context, call.agent, tool, answer.value)
        if answer.fatal:
            hub.finish(answer.error)

    async def _run_in_scope(self, call: ToolCall, tool: FunctionTool, context: ToolContext[Any]) -> Answer:
        """Run the tool until an interruption, a handoff or the deadline of the call cancels it."""
        scope = self.scopes.begin(call.event.call_id, tool)
        answer: Answer | None = None
        if scope.cancelled_by(self._hub) is None:
            with scope.scope:
                answer = await self._run_tool(call, tool, context)
        cause = scope.cancelled_by(self._hub)
        if answer is not None:  # what has become pointless is not spoken about
            return answer if cause is None else attrs.evolve(answer, respond=False)
        if cause is not None:
            return Answer(text=scope.text(cause), value=scope.text(cause), respond=False)
        seconds = self._hub.run_config.tool_execution.deadline or 0.0
        error = ToolTimeoutError(tool.name, seconds)
        self._hub.report(error)
        text = default_tool_error_function(context, error)
        return Answer(text=text, value=text, error=error)

    async def _run_tool(self, call: ToolCall, tool: FunctionTool, context: ToolContext[Any]) -> Answer:
        """From approval to checked output. Whatever raises on the way is the answer."""
        try:
            settings = self._hub.run_config.tool_execution
            if settings.pre_approval_tool_input_guardrails:
                text = await run_tool_input_guardrails(tool, context, call.agent)
                if text is not None:
                    return Answer(text=text, value=text)
            refusal = await wait_for_approval(self._hub, call.event, call.agent, tool, context)
            if refusal is not None:
                return Answer(text=refusal, value=refusal)
            text = await run_tool_input_guardrails(tool, context, call.agent)
            if text is not None:
                return Answer(text=text, value=text)
            if self._limiter is None:
                return await self._invoke(call, tool, context)
            async with self._limiter:
                return await self._invoke(call, tool, context)
        except Exception as error:  # noqa: BLE001  the user's own: it becomes the output
            if not tool.fatal:
                self._hub.report(error)
            text = default_tool_error_function(context, error)
            return Answer(text=text, value=text, error=error, fatal=tool.fatal, respond=not tool.fatal)

    async def _invoke(self, call: ToolCall, tool: FunctionTool, context: ToolContext[Any]) -> Answer:
        hub = self._hub
        start = RealtimeToolStart(
            info=hub.info,
            agent=call.agent,
            tool=tool,
            tool_name=tool.name,
            arguments=call.event.arguments,
            call_id=call.event.call_id,
        )
        hub.publish(start)
        hub.hooks.tool_start(context, call.agent, tool)
        timeout = hub.run_config.tool_execution.default_timeout
        result = await invoke_function_tool(tool, context, call.event.arguments, default_timeout=timeout)
        respond = tool_respond(result)
        value: Any = cast("Any", result).value if isinstance(result, ToolResult) else result
        replacement = await run_tool_output_guardrails(tool, context, call.agent, value)
        if replacement is not None:
            return Answer(text=replacement, value=replacement, respond=respond, error=context.error)
        return Answer(text=tool_output_text(value), value=value, respond=respond, error=context.error)

    async def _send_output(self, call: ToolCall, answer: Answer) -> None:
        """Give the model its output, and ask it to go on if this is the last one of its batch."""
        hub, event = self._hub, call.event
        if event.response_id and not hub.responses.is_active(event.response_id):
            hub.ledger.response_ended(event.response_id)  # nobody will say that it ends
        last = hub.ledger.is_last(event.call_id)
        respond = last and hub.ledger.answer(event.call_id, respond=answer.respond)
        later = respond and hub.input_gate.on  # asked for apart: what is spoken meanwhile is looked at first
        output = RealtimeModelSendToolOutput(tool_call=event, output=answer.text, start_response=respond and not later)
        if answer.fatal:  # the session ends next: the output has to be out before
            await hub.outbox.send_and_wait(output)
        else:
            await hub.outbox.send(output)
        hub.latencies.tool_answered(event.received_at, trio.current_time())
        if later or (not last and hub.ledger.answer(event.call_id, respond=answer.respond)):  # or it has become so
            self.go_on()
        elif not last and event.response_id and self._nursery is not None:
            self._nursery.start_soon(self._go_on_at_last, event.response_id, name="tools: end of the response")
        if hub.conversation.complete_call(event.call_id, answer.text) is not None:
            hub.publish(RealtimeHistoryUpdated(info=hub.info, history=hub.told_history()))
