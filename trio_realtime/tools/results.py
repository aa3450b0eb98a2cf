"""What a tool may return, and how it is written for the model."""

from __future__ import annotations

import json
from typing import Any, Generic, Literal, TypeVar

import attrs

from trio_realtime.context import RunContextWrapper
from trio_realtime.tools._defaults import sendable, to_json_text

__all__ = [
    "ToolErrorFormatterArgs",
    "ToolOutputFileContent",
    "ToolOutputImage",
    "ToolOutputText",
    "ToolResult",
    "tool_output_text",
    "tool_respond",
]

T = TypeVar("T")


@attrs.frozen
class ToolResult(Generic[T]):
    """A tool's result with a word on what follows.

    Attributes:
        value: the result itself.
        respond: whether the model is asked to speak about it. With False it gets the output and stays silent until
            something else makes it respond.
    """

    value: T
    respond: bool = True


@attrs.frozen(kw_only=True)
class ToolOutputText:
    """Text as a structured output; the model gets it as JSON."""

    type: Literal["text"] = "text"
    text: str


@attrs.frozen(kw_only=True)
class ToolOutputImage:
    """An image as a structured output; the model gets it as JSON text, not as an image.

    Attributes:
        type: always ``"image"``.
        image_url: an address or a data URL.
        file_id: a file that the service has.
        detail: how closely to look.
    """

    type: Literal["image"] = "image"
    image_url: str | None = None
    file_id: str | None = None
    detail: Literal["low", "high", "auto"] | None = None


@attrs.frozen(kw_only=True)
class ToolOutputFileContent:
    """A file as a structured output; the model gets it as JSON text, not as a file.

    Attributes:
        type: always ``"file"``.
        file_data: the content, base64.
        file_url: an address.
        file_id: a file that the service has.
        filename: its name.
    """

    type: Literal["file"] = "file"
    file_data: str | None = attrs.field(default=None, repr=lambda value: "None" if value is None else f"<{len(value)}>")
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


@attrs.frozen(kw_only=True)
class ToolErrorFormatterArgs:
    """What a ``tool_error_formatter`` is given.

    Attributes:
        kind: what happened.
        tool_type: always ``"function"`` in realtime sessions.
        tool_name: the tool.
        call_id: the call.
        default_message: what the model is told if the formatter gives nothing.
        run_context: the session's context.
        error: the exception, if there is one.
    """

    kind: Literal["approval_rejected", "tool_not_found", "tool_exception"]
    tool_type: Literal["function"] = "function"
    tool_name: str
    call_id: str
    default_message: str
    run_context: RunContextWrapper[Any]
    error: Exception | None = None


def tool_output_text(value: Any) -> str:
    """Write a tool's result as the text that the model gets.

    Args:
        value: a string stays as it is; of a :class:`ToolResult`, its value counts; models, dataclasses, attrs classes,
            structs and JSON types become JSON without escapes; a date, an enum or a UUID becomes its JSON text without
            the quotes; anything else becomes ``str(value)``.

    Returns:
        The text.
    """
    result: Any = value
    if isinstance(result, ToolResult):
        return tool_output_text(value.value)
    if isinstance(value, str):
        return sendable(value)
    try:
        text = to_json_text(value)
    except (TypeError, ValueError, RecursionError):
        return sendable(str(value))
    return str(json.loads(text)) if text.startswith('"') else text


def tool_respond(value: Any) -> bool:
    """Tell whether a tool's result asks for a response; only a :class:`ToolResult` can say no."""
    return not isinstance(value, ToolResult) or value.respond
