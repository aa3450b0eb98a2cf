"""The guardrail task: checks the agent's words while they grow, and once more before their turn may end.

The end of a turn that has unchecked words is held back, with everything after it, until its last check is done. The
session goes on meanwhile, and an interruption still overtakes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trio_realtime.core.delivery import Hold
from trio_realtime.core.gate import Check
from trio_realtime.errors import RealtimeTimeoutError
from trio_realtime.events import RealtimeGuardrailTripped
from trio_realtime.guardrails import GuardrailFunctionOutput, OutputGuardrail, OutputGuardrailResult
from trio_realtime.session_tasks.recovery import recover
from trio_realtime.session_tasks.responses import Response
from trio_realtime.session_tasks.tool_scopes import called_by

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["GuardrailRunner"]


@attrs.define(eq=False)
class _Work:
    """What is to be checked of one response: the newest text of each item, and its end once it has come.

    Attributes:
        place: how far the checks reach, for audio that waits for them.
    """

    response: Response
    place: int = 0
    checks: dict[str, Check] = attrs.Factory(dict[str, Check])
    ends: list[tuple[Hold, Callable[[Hold], None]]] = attrs.field(factory=list[Any])

    @property
    def hold(self) -> Hold | None:
        """What keeps back the end of the response and all that follows it."""
        return self.ends[0][0] if self.ends else None


class GuardrailRunner:
    """Feeds the guardrail task from the reader and runs the checks."""

    __slots__ = ("_busy", "_hub", "_recovered", "_running", "_until", "_wake", "_woken", "_work")

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
        self._wake, self._woken = trio.open_memory_channel[None](1)
        self._work: dict[Response, _Work] = {}
        self._busy: Response | None = None
        self._running = trio.CancelScope()
        self._until = inf
        self._recovered = False

    @property
    def checking(self) -> bool:
        """Whether words are checked, or wait to be; the end of their response is held back meanwhile."""
        return bool(self._work) or self._busy is not None

    def settle(self, deadline: float) -> None:
        """Answer by ``deadline`` (trio clock, seconds) whatever is still checked: the session has ended."""
        self._until = deadline
        for response in self._hub.held.responses():
            if response not in self._work and response is not self._busy:
                self._hub.held.throw_away(response)
        self._running.deadline = min(self._running.deadline, deadline)

    def user_turn(self) -> None:
        """Note that the user has said something new, so that the next answer may be recovered from again."""
        self._recovered = False

    # -- the reader's side: synchronous ------------------------------------------------------------------------------

    def feed(self, response_id: str, item_id: str, content_index: int, delta: str) -> None:
        """Add words of a response."""
        response = self._guarded(response_id)
        if response is None:
            return
        hub = self._hub
        check = hub.gate.add(response_id, item_id, content_index, delta)
        if hub.held.on and delta:
            hub.held.words(response)
            self._poke()  # there may be a deadline now
        if check is not None:
            self._add(response, [*hub.gate.pending(response_id), check] if hub.held.on else [check])
        self._catch_up(response)

    def hold(self, response_id: str) -> None:
        """Keep audio of a response back until its words have passed, if there are guardrails that look at them."""
        response = self._guarded(response_id)
        if response is not None and (response.active or response in self._work or self._busy is response):
            self._hub.held.audio(response)

    def feed_final(self, response_id: str, item_id: str, content_index: int, text: str) -> None:
        """Set the final words of a part."""
        response = self._guarded(response_id)
        if response is not None:
            if self._hub.gate.replace(response_id, item_id, content_index, text) and self._hub.held.on:
                self._hub.held.words(response)
                self._poke()
            self._catch_up(response)

    def finish(self, response: Response, end: Callable[[Hold], None]) -> bool:
        """End a response: hold back what follows if words of it are still to be checked.

        Args:
            response: the response.
            end: publishes its end, before the hold that it is given.

        Returns:
            whether ``end`` will be called.
        """
        checks = self._hub.gate.finish(response.response_id)
        waits = response in self._work or self._busy is response
        if response.tripped or not (checks or waits):
            self._hub.held.finish(response)
            return False
        self._add(response, checks)
        work = self._work.setdefault(response, _Work(response))
        work.ends.append((self._hub.delivery.hold(), end))
        self._poke()
        return True

    def _guarded(self, response_id: str) -> Response | None:
        hub = self._hub
        response = hub.responses.get(response_id)
        if response is not None:
            return None if response.tripped or not self._guardrails(response.agent) else response
        if not self._guardrails(hub.agent):
            return None
        return hub.responses.begin(response_id, hub.agent)  # a model that announces nothing is checked all the same

    def _catch_up(self, response: Response) -> None:
        """Check words that came after the end of their response at once: nothing would ask for it later."""
        if not response.active:
            self._add(response, self._hub.gate.finish(response.response_id))

    def _guardrails(self, agent: RealtimeAgent[Any]) -> list[OutputGuardrail[Any]]:
        """The agent's and the run's, each once."""
        chosen: dict[int, OutputGuardrail[Any]] = {}
        for guardrail in (*agent.output_guardrails, *self._hub.run_config.output_guardrails):
            chosen.setdefault(id(guardrail), guardrail)
        return list(chosen.values())

    def _add(self, response: Response, checks: Sequence[Check]) -> None:
        for check in checks:
            self._work_on(response).checks[check.item_id] = check  # the newest text holds all of the older one

    def _work_on(self, response: Response) -> _Work:
        """Give the work on a response, which now reaches as far as its words do."""
        work = self._work.setdefault(response, _Work(response))
        work.place = self._hub.held.ask(response)
        self._poke()
        return work

    def _poke(self) -> None:
        with suppress(trio.WouldBlock):
            self._wake.send_nowait(None)

    # -- the task ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Check whatever is to be checked, one response after another, until cancelled; then hold nothing back."""
        held = self._hub.held
        called_by.set(self._hub)  # for this task, and so for every guardrail
        try:
            while True:
                with trio.move_on_at(held.due_at()):
                    await self._woken.receive()
                for response in held.due(trio.current_time()):
                    self._add(response, self._hub.gate.pending(response.response_id))
                    self._work_on(response)
                while self._work:
                    self._busy = next(iter(self._work))
                    work = self._work.pop(self._busy)
                    passed = False
                    try:
                        passed = await self._process(work)
                    finally:
                        self._busy = None
                        self._let_go(work, passed=passed)
        finally:
            held.close()
            for work in self._work.values():
                self._let_go(work, passed=False)

    async def _process(self, work: _Work) -> bool:
        """Make the checks; says whether all have passed."""
        for check in work.checks.values():
            if work.response.tripped:
                break
            results = await self._check(work, check)
            if results:
                self._trip(work, check, results)
        return not work.response.tripped

    def _let_go(self, work: _Work, *, passed: bool) -> None:
        """Let the audio be heard that has passed; give the end that was held back, and what follows it."""
        held = self._hub.held
        if not passed:
            held.throw_away(work.response)
        elif work.ends:
            held.finish(work.response)
        else:
            held.passed(work.response, work.place)
            if self._until != inf:
                held.throw_away(work.response)  # no more words will come to check
        for hold, end in work.ends:
            end(hold)
            self._hub.delivery.release(hold)

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
            now = trio.current_time()
            until = min(self._until, self._hub.held.expires_at(work.response))
            seconds = min(inf if settings.timeout is None else settings.timeout, max(until - now, 0.0))
            with trio.move_on_after(seconds) as self._running:
                return await guardrail.run(self._hub.wrapper, agent, text)
            seconds = trio.current_time() - now
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
        hub.held.throw_away(response)
        event = RealtimeGuardrailTripped(
            info=hub.info, guardrail_results=tuple(results), message=check.text, response_id=response.response_id
        )
        hub.publish_before(work.hold, event, len(check.text))
        if hub.ended.is_set():
            return
        newer = [other for other in hub.responses.active() if other is not response]
        command = hub.interrupt(response_id=response.response_id, cancel=response.active, by_user=False)
        hub.outbox.send_first(command)
        # A newer answer to the user stands; a message would only talk over it. What follows a recovery is not recovered
        # from: a guardrail that objects to everything would ask for responses for ever.
        if (response.active or not newer) and not self._recovered:
            self._recovered = True
            names = ", ".join(result.guardrail.get_name() for result in results)
            recover(hub, f"Output guardrail triggered: {names}", response.response_id)
