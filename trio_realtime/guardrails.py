"""Guardrails: checks of what the model says, of what the user said, and of tool calls and their results.

A guardrail function may be plain or async; a plain one runs in the session's own task, so it should be quick. What
happens when one trips or raises is the session's policy (``guardrails_settings`` in the run config).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, overload

import attrs

from trio_realtime._awaitable import maybe_await
from trio_realtime.context import RunContextWrapper, TContext
from trio_realtime.tools.guardrails import (
    AllowBehavior,
    RaiseExceptionBehavior,
    RejectContentBehavior,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
    check_function,
    checked_result,
    function_name,
    tool_input_guardrail,
    tool_output_guardrail,
)

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent

__all__ = [
    "AllowBehavior",
    "GuardrailFunctionOutput",
    "InputGuardrail",
    "InputGuardrailResult",
    "OutputGuardrail",
    "OutputGuardrailResult",
    "RaiseExceptionBehavior",
    "RejectContentBehavior",
    "ToolGuardrailFunctionOutput",
    "ToolInputGuardrail",
    "ToolInputGuardrailData",
    "ToolOutputGuardrail",
    "ToolOutputGuardrailData",
    "input_guardrail",
    "output_guardrail",
    "tool_input_guardrail",
    "tool_output_guardrail",
]


@attrs.frozen
class GuardrailFunctionOutput:
    """What a guardrail function found.

    Attributes:
        output_info: anything that explains it; for the application's eyes.
        tripwire_triggered: whether what was checked must not stand.
    """

    output_info: Any
    tripwire_triggered: bool


@attrs.frozen
class OutputGuardrailResult:
    """One run of an output guardrail.

    Attributes:
        guardrail: which.
        agent_output: the text that was checked.
        agent: whose text.
        output: what was found.
    """

    guardrail: OutputGuardrail[Any]
    agent_output: Any
    agent: RealtimeAgent[Any]
    output: GuardrailFunctionOutput


@attrs.frozen
class InputGuardrailResult:
    """One run of an input guardrail.

    Attributes:
        guardrail: which.
        output: what was found.
    """

    guardrail: InputGuardrail[Any]
    output: GuardrailFunctionOutput


@attrs.frozen(eq=False)
class OutputGuardrail(Generic[TContext]):
    """A check of what the model says, run on the text so far while it is spoken, and once more on the whole.

    Attributes:
        guardrail_function: gets the session's context, the agent and the text.
        name: for events and errors; None for the function's name.
    """

    guardrail_function: Callable[
        [RunContextWrapper[TContext], RealtimeAgent[Any], str],
        Awaitable[GuardrailFunctionOutput] | GuardrailFunctionOutput,
    ]
    name: str | None = None

    def __attrs_post_init__(self) -> None:
        """Check that the function is one."""
        check_function(self.guardrail_function, "an output guardrail")

    def get_name(self) -> str:
        """Give the guardrail's name."""
        return self.name or function_name(self.guardrail_function)

    async def run(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], agent_output: str
    ) -> OutputGuardrailResult:
        """Check a text.

        A checkpoint only if the function is.

        Args:
            context: the session's context.
            agent: the agent that says it.
            agent_output: the text.

        Raises:
            UserError: the function returned something other than a :class:`GuardrailFunctionOutput`.
            Exception: what the function raised.
        """
        value = await maybe_await(self.guardrail_function(context, agent, agent_output))
        output = checked_result(value, GuardrailFunctionOutput, self.get_name())
        return OutputGuardrailResult(guardrail=self, agent_output=agent_output, agent=agent, output=output)


@attrs.frozen(eq=False)
class InputGuardrail(Generic[TContext]):
    """A check of what the user said, run on the final transcript before the model may answer (``gate_input``).

    Attributes:
        guardrail_function: gets the session's context, the agent and the text.
        name: for events and errors; None for the function's name.
        run_in_parallel: kept for the reference's signature; here the model always waits for the check.
    """

    guardrail_function: Callable[
        [RunContextWrapper[TContext], RealtimeAgent[Any], str],
        Awaitable[GuardrailFunctionOutput] | GuardrailFunctionOutput,
    ]
    name: str | None = None
    run_in_parallel: bool = True

    def __attrs_post_init__(self) -> None:
        """Check that the function is one."""
        check_function(self.guardrail_function, "an input guardrail")

    def get_name(self) -> str:
        """Give the guardrail's name."""
        return self.name or function_name(self.guardrail_function)

    async def run(
        self,
        agent: RealtimeAgent[Any],
        input: str,
        context: RunContextWrapper[TContext],
    ) -> InputGuardrailResult:
        """Check a text.

        A checkpoint only if the function is.

        Args:
            agent: the agent that would answer.
            input: the text.
            context: the session's context.

        Raises:
            UserError: the function returned something other than a :class:`GuardrailFunctionOutput`.
            Exception: what the function raised.
        """
        value = await maybe_await(self.guardrail_function(context, agent, input))
        return InputGuardrailResult(
            guardrail=self, output=checked_result(value, GuardrailFunctionOutput, self.get_name())
        )


OutputFunction = Callable[
    [RunContextWrapper[Any], "RealtimeAgent[Any]", str], Awaitable[GuardrailFunctionOutput] | GuardrailFunctionOutput
]


@overload
def output_guardrail(func: OutputFunction) -> OutputGuardrail[Any]: ...


@overload
def output_guardrail(
    func: None = None, *, name: str | None = None
) -> Callable[[OutputFunction], OutputGuardrail[Any]]: ...


def output_guardrail(
    func: OutputFunction | None = None, *, name: str | None = None
) -> OutputGuardrail[Any] | Callable[[OutputFunction], OutputGuardrail[Any]]:
    """Make an :class:`OutputGuardrail` of a function; with or without parentheses.

    Args:
        func: gets the session's context, the agent and the text; plain or async.
        name: instead of the function's name.
    """

    def make(function: OutputFunction) -> OutputGuardrail[Any]:
        return OutputGuardrail(function, name)

    return make if func is None else make(func)


@overload
def input_guardrail(func: OutputFunction) -> InputGuardrail[Any]: ...


@overload
def input_guardrail(
    func: None = None, *, name: str | None = None, run_in_parallel: bool = True
) -> Callable[[OutputFunction], InputGuardrail[Any]]: ...


def input_guardrail(
    func: OutputFunction | None = None, *, name: str | None = None, run_in_parallel: bool = True
) -> InputGuardrail[Any] | Callable[[OutputFunction], InputGuardrail[Any]]:
    """Make an :class:`InputGuardrail` of a function; with or without parentheses.

    Args:
        func: gets the session's context, the agent and the text; plain or async.
        name: instead of the function's name.
        run_in_parallel: kept for the reference's signature.
    """

    def make(function: OutputFunction) -> InputGuardrail[Any]:
        return InputGuardrail(function, name, run_in_parallel)

    return make if func is None else make(func)
