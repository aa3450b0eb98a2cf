"""The guardrail task: checks the agent's words while they grow, and once more before their turn may end.

The end of a turn that has unchecked words is held back, with everything after it, until its last check is done. The
session goes on meanwhile, and an interruption still overtakes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trio_realtime.core.delivery import Hold
from trio_realtime.core.gate import Check
from trio_realtime.errors import RealtimeTimeoutError
from trio_realtime.events import RealtimeGuardrailTripped
from trio_realtime.guardrails import GuardrailFunctionOutput, OutputGuardrail, OutputGuardrailResult
from trio_realtime.model_inputs import RealtimeModelSendUserInput
from trio_realtime.session_tasks.responses import Response

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["GuardrailRunner"]


@attrs.define(eq=False)
class _Work:
    """What is to be checked of one response: the newest text of each item, and its end once it has come."""

    response: Response
    checks: dict[str, Check] = attrs.Factory(dict[str, Check])
    hold: Hold | None = None
    end: Callable[[Hold], None] | None = None


class GuardrailRunner:
    """Feeds the guardrail task from the reader and runs the checks."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._wake, self._woken = trio.open_memory_channel[None](1)
        self._work: dict[str, _Work] = {}
        self._busy: str | None = None

    # -- the reader's side: synchronous ------------------------------------------------------------------------------

    def feed(self, response_id: str, item_id: str, content_index: int, delta: str) -> None:
        """Add words of a response."""
        response = self._guarded(response_id)
        if response is not None:
            check = self._hub.gate.add(response_id, item_id, content_index, delta)
            if check is not None:
                self._add(response, check)

    def feed_final(self, response_id: str, item_id: str, content_index: int, text: str) -> None:
        """Set the final words of a part."""
        if self._guarded(response_id) is not None:
            self._hub.gate.replace(response_id, item_id, content_index, text)

    def finish(self, response: Response, end: Callable[[Hold], None]) -> bool:
        """End a response: hold back what follows if words of it are still to be checked.

        Args:
            response: the response.
            end: publishes its end, before the hold that it is given.

        Returns:
            whether ``end`` will be called.
        """
        checks = self._hub.gate.finish(response.response_id)
        waits = response.response_id in self._work or self._busy == response.response_id
        if response.tripped or self._hub.ended.is_set() or not (checks or waits):
            return False
        work = self._work.setdefault(response.response_id, _Work(response))
        for check in checks:
            work.checks[check.item_id] = check
        work.hold, work.end = self._hub.delivery.hold(), end
        self._poke()
        return True

    def _guarded(self, response_id: str) -> Response | None:
        response = self._hub.responses.get(response_id)
        if response is None or response.tripped or not self._guardrails(response.agent):
            return None
        return response

    def _guardrails(self, agent: RealtimeAgent[Any]) -> list[OutputGuardrail[Any]]:
        """The agent's and the run's, each once."""
        chosen: dict[int, OutputGuardrail[Any]] = {}
        for guardrail in (*agent.output_guardrails, *self._hub.run_config.output_guardrails):
            chosen.setdefault(id(guardrail), guardrail)
        return list(chosen.values())

    def _add(self, response: Response, check: Check) -> None:
        work = self._work.setdefault(response.response_id, _Work(response))
        work.checks[check.item_id] = check  # the newest text holds all of the older one
        self._poke()

    def _poke(self) -> None:
        try:
            self._wake.send_nowait(None)
        except trio.WouldBlock:
            pass

    # -- the task ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Check whatever is to be checked, one response after another."""
        async for _ in self._woken:
            while self._work:
                response_id = next(iter(self._work))
                work = self._work.pop(response_id)
                self._busy = response_id
                try:
                    await self._process(work)
                finally:
                    self._busy = None

    async def _process(self, work: _Work) -> None:
        for check in work.checks.values():
            if work.response.tripped:
                break
            results = await self._check(work, check)
            if results:
                self._trip(work, check, results)
        if work.hold is not None and work.end is not None:
            work.end(work.hold)
            self._hub.delivery.release(work.hold)

    async def _check(self, work: _Work, check: Check) -> list[OutputGuardrailResult]:
        """Run every guardrail on a text and give the results that tripped."""
        tripped: list[OutputGuardrailResult] = []
        for guardrail in self._guardrails(work.response.agent):
            result = await self._run(work, guardrail, check.text)
            if result is not None and result.output.tripwire_triggered:
                tripped.append(result)
        return tripped

    async def _run(self, work: _Work, guardrail: OutputGuardrail[Any], text: str) -> OutputGuardrailResult | None:
        """Run one guardrail; one that raises or takes too long has tripped, unless the settings say otherwise."""
        agent = work.response.agent
        settings = self._hub.run_config.guardrails_settings
        error: Exception
        try:
            with trio.move_on_after(settings.timeout if settings.timeout is not None else float("inf")):
                return await guardrail.run(self._hub.wrapper, agent, text)
            seconds = settings.timeout or 0.0
            message = f"the guardrail {guardrail.get_name()} did not answer within {seconds:g} seconds"
            error = RealtimeTimeoutError(message, name="guardrail", seconds=seconds)
        except Exception as fault:  # noqa: BLE001  the user's own
            error = fault
        self._hub.report(error, before=work.hold)
        if settings.on_error == "skip":
            return None
        return OutputGuardrailResult(
            guardrail=guardrail,
            agent_output=text,
            agent=agent,
            output=GuardrailFunctionOutput(output_info={"error": error}, tripwire_triggered=True),
        )

    def _trip(self, work: _Work, check: Check, results: Sequence[OutputGuardrailResult]) -> None:
        """Stop the response, tell the application, and let the model say something else."""
        hub, response = self._hub, work.response
        response.tripped = True
        hub.gate.forget(response.response_id)
        event = RealtimeGuardrailTripped(
            info=hub.info, guardrail_results=tuple(results), message=check.text, response_id=response.response_id
        )
        if work.hold is None:
            hub.publish(event, len(check.text))
        else:
            hub.delivery.publish_before(work.hold, event)
        if hub.ended.is_set():
            return
        newer = [other for other in hub.responses.active() if other is not response]
        hub.outbox.send_first(hub.interrupt(response_id=response.response_id, cancel=response.active))
        if response.active or not newer:  # a newer answer to the user stands; a message would only talk over it
            names = ", ".join(result.guardrail.get_name() for result in results)
            recovery = hub.run_config.guardrails_settings.recovery
            text = recovery if recovery is not None else f"Output guardrail triggered: {names}"
            hub.outbox.send_first(RealtimeModelSendUserInput(user_input=text))
