"""What stands between a model's call and the tool: approval by a human, and guardrails on both sides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from trio_realtime._awaitable import maybe_await
from trio_realtime.errors import (
    ModelBehaviorError,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
)
from trio_realtime.tools.guardrails import ToolInputGuardrailData, ToolOutputGuardrailData
from trio_realtime.tools.results import ToolErrorFormatterArgs
from trio_realtime.tools.schema import parse_arguments

if TYPE_CHECKING:
    from trio_realtime.agent import RealtimeAgent
    from trio_realtime.context import RunContextWrapper
    from trio_realtime.tools.context import ToolContext
    from trio_realtime.tools.function_tool import FunctionTool

__all__ = [
    "DEFAULT_REJECTION",
    "ToolErrorFormatter",
    "rejection_text",
    "run_tool_input_guardrails",
    "run_tool_output_guardrails",
    "tool_needs_approval",
]

ToolErrorFormatter = Callable[[ToolErrorFormatterArgs], "Awaitable[str | None] | str | None"]
"""Words a text for the model; None for the default one."""

DEFAULT_REJECTION = "The call was not approved, so the tool was not run."
"""What the model is told about a call that a human rejected, unless somebody says it better."""


async def tool_needs_approval(
    tool: FunctionTool, context: RunContextWrapper[Any], arguments: str, call_id: str
) -> bool:
    """Tell whether a human must allow a call.

    A checkpoint only if the tool's function is. With a function and arguments that cannot be read: yes.

    Args:
        tool: the tool.
        context: the context of the call.
        arguments: the arguments, a JSON text.
        call_id: the call.

    Raises:
        Exception: what the tool's function raised.
    """
    if isinstance(tool.needs_approval, bool):
        return tool.needs_approval
    try:
        given = parse_arguments(arguments, f"tool {tool.name!r}")
    except ModelBehaviorError:
        return True
    return bool(await maybe_await(tool.needs_approval(context, given, call_id)))


async def rejection_text(
    context: RunContextWrapper[Any],
    tool_name: str,
    call_id: str,
    *,
    message: str | None = None,
    formatter: ToolErrorFormatter | None = None,
) -> str:
    """Give the text that the model gets for a call that a human rejected.

    Args:
        context: the session's context.
        tool_name: the tool.
        call_id: the call.
        message: the text that came with the rejection; wins if it is there.
        formatter: the run config's ``tool_error_formatter``; if it raises or gives no string, the default text is used.

    Returns:
        The text.
    """
    if message is not None:
        return message
    if formatter is None:
        return DEFAULT_REJECTION
    args = ToolErrorFormatterArgs(
        kind="approval_rejected",
        tool_name=tool_name,
        call_id=call_id,
        default_message=DEFAULT_REJECTION,
        run_context=context,
    )
    try:
        text: Any = await maybe_await(formatter(args))
    except Exception:  # noqa: BLE001  (the user's function; the model must get an answer)
        return DEFAULT_REJECTION
    return text if isinstance(text, str) else DEFAULT_REJECTION


async def run_tool_input_guardrails(
    tool: FunctionTool, context: ToolContext[Any], agent: RealtimeAgent[Any]
) -> str | None:
    """Run a tool's checks of the call, one after another; the first that does not allow it decides.

    Args:
        tool: the tool.
        context: the context of the call.
        agent: the agent whose tool it is.

    Returns:
        None if the call is allowed, else the text that the model gets instead of a result.

    Raises:
        ToolInputGuardrailTripwireTriggered: a check asked for an exception.
        Exception: what a check raised.
    """
    for guardrail in tool.tool_input_guardrails or ():
        output = await guardrail.run(ToolInputGuardrailData(context=context, agent=agent))
        if output.behavior["type"] == "raise_exception":
            raise ToolInputGuardrailTripwireTriggered(guardrail, output)
        if output.behavior["type"] == "reject_content":
            return output.behavior["message"]
    return None


async def run_tool_output_guardrails(
    tool: FunctionTool, context: ToolContext[Any], agent: RealtimeAgent[Any], output: Any
) -> str | None:
    """Run a tool's checks of its result, one after another; the first that does not allow it decides.

    Args:
        tool: the tool.
        context: the context of the call.
        agent: the agent whose tool it is.
        output: what the tool returned.

    Returns:
        None if the result is allowed, else the text that takes its place.

    Raises:
        ToolOutputGuardrailTripwireTriggered: a check asked for an exception.
        Exception: what a check raised.
    """
    for guardrail in tool.tool_output_guardrails or ():
        result = await guardrail.run(ToolOutputGuardrailData(context=context, agent=agent, output=output))
        if result.behavior["type"] == "raise_exception":
            raise ToolOutputGuardrailTripwireTriggered(guardrail, result)
        if result.behavior["type"] == "reject_content":
            return result.behavior["message"]
    return None
