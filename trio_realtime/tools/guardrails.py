"""Guardrails of one tool: checks of its calls, and of its results.

They are made by ``tool_input_guardrail`` and ``tool_output_guardrail``, given to ``function_tool``, and run by the
session through ``run_tool_input_guardrails`` and ``run_tool_output_guardrails``.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, cast, overload

import attrs

from trio_realtime._awaitable import maybe_await
from trio_realtime.errors import UserError, UserTypeError

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.tools.context import ToolContext

__all__ = [
    "AllowBehavior",
    "RaiseExceptionBehavior",
    "RejectContentBehavior",
    "ToolGuardrailFunctionOutput",
    "ToolInputGuardrail",
    "ToolInputGuardrailData",
    "ToolOutputGuardrail",
    "ToolOutputGuardrailData",
    "tool_input_guardrail",
    "tool_output_guardrail",
]

R = TypeVar("R")


def check_function(function: Any, what: str) -> None:
    """Raise UserTypeError unless ``function`` can be called; ``what`` is told to need it."""
    if not callable(function):
        raise UserTypeError(f"{what} needs a function, not {function!r}")


def function_name(function: Any) -> str:
    """Give the name of a function, or of the class of a callable object."""
    return getattr(function, "__name__", None) or type(function).__name__


def checked_result(value: Any, expected: type[R], name: str) -> R:
    """Give what the guardrail ``name`` returned, or raise UserError if it is not an ``expected``."""
    if not isinstance(value, expected):
        if inspect.iscoroutine(value):  # pragma: no cover  (an async function that returns a coroutine)
            value.close()
        raise UserError(f"the guardrail {name!r} must return a {expected.__name__}, not {type(value).__name__}")
    return value


class AllowBehavior(TypedDict):
    """The call or result may pass."""

    type: Literal["allow"]


class RejectContentBehavior(TypedDict):
    """The model gets the message instead."""

    type: Literal["reject_content"]
    message: str


class RaiseExceptionBehavior(TypedDict):
    """The guardrail's exception is raised."""

    type: Literal["raise_exception"]


def _allow() -> AllowBehavior | RejectContentBehavior | RaiseExceptionBehavior:
    return AllowBehavior(type="allow")


@attrs.frozen
class ToolGuardrailFunctionOutput:
    """What a tool guardrail decided; made by :meth:`allow`, :meth:`reject_content` or :meth:`raise_exception`.

    Attributes:
        output_info: anything that explains it.
        behavior: what is to happen.
    """

    output_info: Any = None
    behavior: AllowBehavior | RejectContentBehavior | RaiseExceptionBehavior = attrs.field(factory=_allow)

    @classmethod
    def allow(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Let the call or the result pass.

        Args:
            output_info: anything that explains it.
        """
        return cls(output_info, AllowBehavior(type="allow"))

    @classmethod
    def reject_content(cls, message: str, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Do not run the tool, or do not show its result; the session goes on.

        Args:
            message: what the model gets instead.
            output_info: anything that explains it.

        Raises:
            UserTypeError: the message is not a string.
        """
        if not isinstance(cast("Any", message), str):
            raise UserTypeError(f"reject_content needs a message for the model, not {message!r}")
        return cls(output_info, RejectContentBehavior(type="reject_content", message=message))

    @classmethod
    def raise_exception(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Make the call fail with the guardrail's exception.

        Args:
            output_info: anything that explains it.
        """
        return cls(output_info, RaiseExceptionBehavior(type="raise_exception"))


@attrs.frozen
class ToolInputGuardrailData:
    """What a tool input guardrail is given.

    Attributes:
        context: the context of the call, with the tool's name and the arguments' JSON text.
        agent: the agent whose tool it is.
    """

    context: ToolContext[Any]
    agent: RealtimeAgent[Any]


@attrs.frozen
class ToolOutputGuardrailData(ToolInputGuardrailData):
    """What a tool output guardrail is given.

    Attributes:
        output: what the tool returned.
    """

    output: Any


ToolGuardrailOutput = Awaitable[ToolGuardrailFunctionOutput] | ToolGuardrailFunctionOutput


@attrs.frozen(eq=False)
class ToolInputGuardrail:
    """A check of a call before the tool runs.

    Attributes:
        guardrail_function: gets a :class:`ToolInputGuardrailData`.
        name: for events and errors; None for the function's name.
    """

    guardrail_function: Callable[[ToolInputGuardrailData], ToolGuardrailOutput]
    name: str | None = None

    def __attrs_post_init__(self) -> None:
        """Check that the function is one."""
        check_function(self.guardrail_function, "a tool input guardrail")

    def get_name(self) -> str:
        """Give the guardrail's name."""
        return self.name or function_name(self.guardrail_function)

    async def run(self, data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        """Check a call.

        A checkpoint only if the function is.

        Raises:
            UserError: the function returned something other than a :class:`ToolGuardrailFunctionOutput`.
            Exception: what the function raised.
        """
        return checked_result(
            await maybe_await(self.guardrail_function(data)), ToolGuardrailFunctionOutput, self.get_name()
        )


@attrs.frozen(eq=False)
class ToolOutputGuardrail:
    """A check of a tool's result, before the model or the application see it.

    Attributes:
        guardrail_function: gets a :class:`ToolOutputGuardrailData`.
        name: for events and errors; None for the function's name.
    """

    guardrail_function: Callable[[ToolOutputGuardrailData], ToolGuardrailOutput]
    name: str | None = None

    def __attrs_post_init__(self) -> None:
        """Check that the function is one."""
        check_function(self.guardrail_function, "a tool output guardrail")

    def get_name(self) -> str:
        """Give the guardrail's name."""
        return self.name or function_name(self.guardrail_function)

    async def run(self, data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        """Check a result.

        A checkpoint only if the function is.

        Raises:
            UserError: the function returned something other than a :class:`ToolGuardrailFunctionOutput`.
            Exception: what the function raised.
        """
        return checked_result(
            await maybe_await(self.guardrail_function(data)), ToolGuardrailFunctionOutput, self.get_name()
        )


ToolInputFunction = Callable[[ToolInputGuardrailData], ToolGuardrailOutput]
ToolOutputFunction = Callable[[ToolOutputGuardrailData], ToolGuardrailOutput]


@overload
def tool_input_guardrail(func: ToolInputFunction) -> ToolInputGuardrail: ...


@overload
def tool_input_guardrail(
    func: None = None, *, name: str | None = None
) -> Callable[[ToolInputFunction], ToolInputGuardrail]: ...


def tool_input_guardrail(
    func: ToolInputFunction | None = None, *, name: str | None = None
) -> ToolInputGuardrail | Callable[[ToolInputFunction], ToolInputGuardrail]:
    """Make a :class:`ToolInputGuardrail` of a function; with or without parentheses.

    Args:
        func: gets a :class:`ToolInputGuardrailData`; plain or async.
        name: instead of the function's name.
    """

    def make(function: ToolInputFunction) -> ToolInputGuardrail:
        return ToolInputGuardrail(function, name)

    return make if func is None else make(func)


@overload
def tool_output_guardrail(func: ToolOutputFunction) -> ToolOutputGuardrail: ...


@overload
def tool_output_guardrail(
    func: None = None, *, name: str | None = None
) -> Callable[[ToolOutputFunction], ToolOutputGuardrail]: ...


def tool_output_guardrail(
    func: ToolOutputFunction | None = None, *, name: str | None = None
) -> ToolOutputGuardrail | Callable[[ToolOutputFunction], ToolOutputGuardrail]:
    """Make a :class:`ToolOutputGuardrail` of a function; with or without parentheses.

    Args:
        func: gets a :class:`ToolOutputGuardrailData`; plain or async.
        name: instead of the function's name.
    """

    def make(function: ToolOutputFunction) -> ToolOutputGuardrail:
        return ToolOutputGuardrail(function, name)

    return make if func is None else make(func)
