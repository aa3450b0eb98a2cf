"""Running one tool: its deadline, its thread if it is a plain function, and what the model is told when it fails."""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from trio_realtime._awaitable import maybe_await
from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import ModelBehaviorError, ToolTimeoutError, UserError
from trio_realtime.tools.context import ToolContext

if TYPE_CHECKING:
    from trio_realtime.tools.function_tool import FunctionTool

__all__ = [
    "ToolErrorFunction",
    "default_tool_error_function",
    "invoke_function_tool",
    "run_user_function",
    "set_tool_threads",
    "tool_thread_limiter",
]

ToolErrorFunction = Callable[[RunContextWrapper[Any], Exception], "Awaitable[str] | str"]
"""Makes the text that the model gets from the exception; may be async."""

_DEFAULT_THREADS = 40
_MAX_ERROR_TEXT = 4_000

_limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("trio_realtime.tool_threads")


def tool_thread_limiter() -> trio.CapacityLimiter:
    """Give the limiter of the threads in which plain (not async) tools run.

    There is one for each trio run, with 40 tokens unless :func:`set_tool_threads` said otherwise, apart from trio's own
    limiter so that tools and the application's other threads cannot starve each other. The thread of a tool that was
    cancelled or timed out keeps its token until the function returns.

    Returns:
        The limiter of the current trio run.

    Raises:
        RuntimeError: called outside of a trio run.
    """
    try:
        return _limiter.get()
    except LookupError:
        limiter = trio.CapacityLimiter(_DEFAULT_THREADS)
        _limiter.set(limiter)
        return limiter


def set_tool_threads(total: int) -> None:
    """Set how many plain tools may run at once in this trio run.

    Args:
        total: threads, at least 1. Fewer than are running now takes effect as they end.

    Raises:
        UserError: not a whole number of at least 1.
        RuntimeError: called outside of a trio run.
    """
    value: Any = total
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UserError(f"the number of tool threads must be a whole number of at least 1, not {total!r}")
    tool_thread_limiter().total_tokens = total


async def run_user_function(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a tool's function: an async one here, a plain one in a worker thread.

    A checkpoint. A cancellation abandons the thread: nothing can stop it, and its result is dropped when it ends. A
    long plain function can stop early by calling ``trio.from_thread.check_cancelled()`` now and then. The thread has a
    copy of the task's context variables.

    Args:
        func: the function.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Returns:
        What it returned, awaited if that is an awaitable.
    """
    called: Any = func if inspect.isroutine(func) else type(func).__call__
    if inspect.iscoroutinefunction(called):
        return await func(*args, **kwargs)
    (result,) = await trio.to_thread.run_sync(  # in a tuple, because trio refuses a coroutine as the result
        lambda: (func(*args, **kwargs),), abandon_on_cancel=True, limiter=tool_thread_limiter()
    )
    return await maybe_await(result)


def check_timeout(timeout: Any, name: str = "timeout") -> None:
    """Check a number of seconds.

    Raises:
        UserError: not None and not a positive finite number.
    """
    if timeout is None:
        return
    if (
        isinstance(timeout, bool)
        or not isinstance(timeout, (int, float))
        or not (math.isfinite(timeout) and timeout > 0)
    ):
        raise UserError(f"{name} must be a positive, finite number of seconds, not {timeout!r}")


async def invoke_function_tool(
    tool: FunctionTool, context: ToolContext[Any], arguments: str, *, default_timeout: float | None = None
) -> Any:
    """Run a tool once, under its deadline.

    A checkpoint. A cancellation passes through the tool; the thread of a plain function is abandoned.

    Args:
        tool: the tool.
        context: the context of the call; ``context.error`` is set if the result stands for a failure or a timeout.
        arguments: the arguments as the model wrote them, a JSON text.
        default_timeout: seconds for a tool that has no timeout of its own; None for no limit. A result that is there
            when the deadline passes counts.

    Returns:
        What the tool returned (maybe a :class:`~trio_realtime.ToolResult`), or the text for the model that stands for
        its failure or timeout.

    Raises:
        ToolTimeoutError: the deadline passed and the tool's ``timeout_behavior`` is ``"raise_exception"``.
        Exception: what the tool raised, if it has no ``failure_error_function`` or is ``fatal``.
    """
    seconds = tool.timeout_seconds if tool.timeout_seconds is not None else default_timeout
    check_timeout(seconds, "default_timeout")
    await trio.lowlevel.checkpoint()
    if seconds is None:
        return await tool.on_invoke_tool(context, arguments)
    cause: Exception | None = None
    scope = trio.CancelScope(relative_deadline=seconds)  # not fail_after: the tool's own TooSlowError stays its own
    try:
        with scope:
            return await tool.on_invoke_tool(context, arguments)
    except Exception as exc:
        if not scope.cancelled_caught:
            raise
        cause = exc  # the tool was cancelled, and something in it failed while it was
    return await _timed_out(tool, context, seconds, cause)


async def _timed_out(tool: FunctionTool, context: ToolContext[Any], seconds: float, cause: Exception | None) -> Any:
    error = ToolTimeoutError(tool.name, seconds)
    if tool.timeout_behavior == "raise_exception":
        raise error from cause
    context.error = error
    if tool.timeout_error_function is not None:
        return await maybe_await(tool.timeout_error_function(context, error))
    return f"The tool {tool.name!r} timed out after {seconds:g} seconds."


def default_tool_error_function(ctx: RunContextWrapper[Any], error: Exception) -> str:  # noqa: ARG001
    """Tell the model that a tool failed. What the exception says stays here: it may hold what no caller is to hear.

    A ``failure_error_function`` of your own can tell more.

    Args:
        ctx: not used.
        error: what the tool raised. Of wrong arguments, which the model made itself, and of a timeout it is told.

    Returns:
        The text; its part about the arguments is cut after 4,000 characters.
    """
    if isinstance(error, ModelBehaviorError):
        fault = error.message[:_MAX_ERROR_TEXT].rstrip(".")
        return f"The tool was not run: {fault}. Correct the arguments and try again."
    if isinstance(error, ToolTimeoutError):
        return str(error)
    return "An error occurred while the tool was running. Please try again."
