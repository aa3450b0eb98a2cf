"""What a server's tool gave, as a function tool's result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trio_realtime.errors import ServerError, UserTypeError
from trio_realtime.tools.results import tool_output_text

if TYPE_CHECKING:
    from mcp.types import CallToolResult

__all__ = ["check_result", "result_error", "tool_output"]


def check_result(result: Any, label: str) -> None:
    """Raise UserTypeError unless a server of the application's own gave a result; ``label`` begins the text."""
    from mcp.types import CallToolResult

    if not isinstance(result, CallToolResult):
        raise UserTypeError(f"{label} call_tool must give mcp.types.CallToolResult, not {type(result).__name__}")


def tool_output(result: CallToolResult, *, structured: bool) -> Any:
    """Give a result as the model and ``tool_end`` get it.

    Args:
        result: the server's result.
        structured: give the structured content alone, if there is some and the tool did not fail.

    Returns:
        The structured content's JSON text; or the one part; or the list of the parts. A part is a dict as of
        ``ToolOutputText`` or ``ToolOutputImage`` (with a data URL); a part of any other kind is a text that holds its
        JSON. The model gets them as JSON text.
    """
    if structured and result.structured_content and not result.is_error:
        return tool_output_text(result.structured_content)
    parts = [_part(part) for part in result.content]
    return parts[0] if len(parts) == 1 else parts


def _part(part: Any) -> dict[str, Any]:
    if part.type == "text":
        return {"type": "text", "text": part.text}
    if part.type == "image":
        return {"type": "image", "image_url": f"data:{part.mime_type};base64,{part.data}"}
    return {"type": "text", "text": part.model_dump_json(by_alias=True, exclude_none=True)}


def result_error(result: CallToolResult, tool_name: str) -> ServerError | None:
    """Give the error that a result tells of, for ``tool_end``; None if the tool did what it should."""
    if not result.is_error:
        return None
    texts = [part.text for part in result.content if part.type == "text"]
    message = f"the tool {tool_name!r} failed on its server: {' '.join(texts)[:1_000]}".rstrip(": ")
    return ServerError(message, type="mcp_tool_error")
