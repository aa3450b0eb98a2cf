"""Server events of responses and of the tools that the service runs itself."""

from __future__ import annotations

from typing import ClassVar

import attrs

from trio_realtime.openai._strict import ContentIndex
from trio_realtime.openai.server_event import ServerEvent
from trio_realtime.openai.server_values import ContentPart, ConversationItem, Response

__all__ = [
    "McpListToolsCompletedEvent",
    "McpListToolsFailedEvent",
    "McpListToolsInProgressEvent",
    "ResponseContentPartAddedEvent",
    "ResponseContentPartDoneEvent",
    "ResponseCreatedEvent",
    "ResponseDoneEvent",
    "ResponseFunctionCallArgumentsDeltaEvent",
    "ResponseFunctionCallArgumentsDoneEvent",
    "ResponseMcpCallArgumentsDeltaEvent",
    "ResponseMcpCallArgumentsDoneEvent",
    "ResponseMcpCallCompletedEvent",
    "ResponseMcpCallFailedEvent",
    "ResponseMcpCallInProgressEvent",
    "ResponseOutputAudioDeltaEvent",
    "ResponseOutputAudioDoneEvent",
    "ResponseOutputAudioTranscriptDeltaEvent",
    "ResponseOutputAudioTranscriptDoneEvent",
    "ResponseOutputItemAddedEvent",
    "ResponseOutputItemDoneEvent",
    "ResponseOutputTextDeltaEvent",
    "ResponseOutputTextDoneEvent",
]


@attrs.define(kw_only=True)
class ResponseCreatedEvent(ServerEvent):
    """A response has begun."""

    type: ClassVar[str] = "response.created"
    response: Response


@attrs.define(kw_only=True)
class ResponseDoneEvent(ServerEvent):
    """A response has ended."""

    type: ClassVar[str] = "response.done"
    response: Response


@attrs.define(kw_only=True)
class ResponseOutputItemAddedEvent(ServerEvent):
    """A response has begun an item of its output."""

    type: ClassVar[str] = "response.output_item.added"
    response_id: str
    output_index: int
    item: ConversationItem


@attrs.define(kw_only=True)
class ResponseOutputItemDoneEvent(ServerEvent):
    """A response has completed an item of its output, or broken it off."""

    type: ClassVar[str] = "response.output_item.done"
    response_id: str
    output_index: int
    item: ConversationItem


@attrs.define(kw_only=True)
class ResponseContentPartAddedEvent(ServerEvent):
    """An item has begun a part of its content."""

    type: ClassVar[str] = "response.content_part.added"
    response_id: str
    item_id: str
    output_index: int
    content_index: ContentIndex
    part: ContentPart


@attrs.define(kw_only=True)
class ResponseContentPartDoneEvent(ServerEvent):
    """A part of an item's content is complete."""

    type: ClassVar[str] = "response.content_part.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: ContentIndex
    part: ContentPart


@attrs.define(kw_only=True)
class ResponseOutputTextDeltaEvent(ServerEvent):
    """Some of the model's text."""

    type: ClassVar[str] = "response.output_text.delta"
    response_id: str
    item_id: str
    output_index: int
    content_index: ContentIndex
    delta: str


@attrs.define(kw_only=True)
class ResponseOutputTextDoneEvent(ServerEvent):
    """All of a part's text."""

    type: ClassVar[str] = "response.output_text.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: ContentIndex
    text: str


@attrs.define(kw_only=True)
class ResponseOutputAudioDeltaEvent(ServerEvent):
    """A piece of the model's speech; ``delta`` is base64 on the wire and audio here."""

    type: ClassVar[str] = "response.output_audio.delta"
    response_id: str
    item_id: str
    output_index: int
    content_index: ContentIndex
    delta: bytes = attrs.field(repr=lambda value: f"<{len(value)} bytes>")


@attrs.define(kw_only=True)
class ResponseOutputAudioDoneEvent(ServerEvent):
    """The last piece of a part's speech was sent."""

    type: ClassVar[str] = "response.output_audio.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: ContentIndex


@attrs.define(kw_only=True)
class ResponseOutputAudioTranscriptDeltaEvent(ServerEvent):
    """Some words of the model's speech."""

    type: ClassVar[str] = "response.output_audio_transcript.delta"
    response_id: str
    item_id: str
    output_index: int
    content_index: ContentIndex
    delta: str


@attrs.define(kw_only=True)
class ResponseOutputAudioTranscriptDoneEvent(ServerEvent):
    """All words of a part's speech."""

    type: ClassVar[str] = "response.output_audio_transcript.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: ContentIndex
    transcript: str


@attrs.define(kw_only=True)
class ResponseFunctionCallArgumentsDeltaEvent(ServerEvent):
    """Some of a tool call's arguments."""

    type: ClassVar[str] = "response.function_call_arguments.delta"
    response_id: str
    item_id: str
    output_index: int
    call_id: str
    delta: str


@attrs.define(kw_only=True)
class ResponseFunctionCallArgumentsDoneEvent(ServerEvent):
    """All of a tool call's arguments."""

    type: ClassVar[str] = "response.function_call_arguments.done"
    response_id: str
    item_id: str
    output_index: int
    call_id: str
    arguments: str
    name: str | None = None


@attrs.define(kw_only=True)
class McpListToolsInProgressEvent(ServerEvent):
    """The service asks an MCP server for its tools."""

    type: ClassVar[str] = "mcp_list_tools.in_progress"
    item_id: str


@attrs.define(kw_only=True)
class McpListToolsCompletedEvent(ServerEvent):
    """The service has got the tools of an MCP server."""

    type: ClassVar[str] = "mcp_list_tools.completed"
    item_id: str


@attrs.define(kw_only=True)
class McpListToolsFailedEvent(ServerEvent):
    """The service could not get the tools of an MCP server."""

    type: ClassVar[str] = "mcp_list_tools.failed"
    item_id: str


@attrs.define(kw_only=True)
class ResponseMcpCallArgumentsDeltaEvent(ServerEvent):
    """Some of an MCP call's arguments."""

    type: ClassVar[str] = "response.mcp_call_arguments.delta"
    response_id: str
    item_id: str
    output_index: int
    delta: str


@attrs.define(kw_only=True)
class ResponseMcpCallArgumentsDoneEvent(ServerEvent):
    """All of an MCP call's arguments."""

    type: ClassVar[str] = "response.mcp_call_arguments.done"
    response_id: str
    item_id: str
    output_index: int
    arguments: str


@attrs.define(kw_only=True)
class ResponseMcpCallInProgressEvent(ServerEvent):
    """The service calls an MCP server's tool."""

    type: ClassVar[str] = "response.mcp_call.in_progress"
    item_id: str
    output_index: int


@attrs.define(kw_only=True)
class ResponseMcpCallCompletedEvent(ServerEvent):
    """A call of an MCP server's tool has succeeded."""

    type: ClassVar[str] = "response.mcp_call.completed"
    item_id: str
    output_index: int


@attrs.define(kw_only=True)
class ResponseMcpCallFailedEvent(ServerEvent):
    """A call of an MCP server's tool has failed."""

    type: ClassVar[str] = "response.mcp_call.failed"
    item_id: str
    output_index: int
