"""Results of tools, as the model gets them."""

from __future__ import annotations

import json

from mcp.types import CallToolResult, EmbeddedResource, ImageContent, TextContent, TextResourceContents

from tests.mcp.peers import text_result
from trio_realtime.mcp.results import result_error, tool_output
from trio_realtime.tools import tool_output_text

IMAGE = ImageContent(type="image", data="AAAA", mime_type="image/png")


def test_one_part_is_itself_and_more_are_a_list() -> None:
    assert tool_output(text_result("ä"), structured=False) == {"type": "text", "text": "ä"}
    output = tool_output(CallToolResult(content=[TextContent(type="text", text="a"), IMAGE]), structured=False)
    assert output == [
        {"type": "text", "text": "a"},
        {"type": "image", "image_url": "data:image/png;base64,AAAA"},
    ]
    assert tool_output_text(output).endswith('{"type": "image", "image_url": "data:image/png;base64,AAAA"}]')


def test_other_parts_are_texts_with_their_json() -> None:
    resource = TextResourceContents(uri="note://one", text="remember", mime_type="text/plain")
    output = tool_output(
        CallToolResult(content=[EmbeddedResource(type="resource", resource=resource)]), structured=False
    )
    assert output["type"] == "text"
    assert json.loads(output["text"]) == {
        "type": "resource",
        "resource": {"uri": "note://one", "text": "remember", "mimeType": "text/plain"},
    }


def test_no_part_is_an_empty_list() -> None:
    assert tool_output(CallToolResult(content=[]), structured=True) == []


def test_structured_content_goes_alone_if_it_is_wanted() -> None:
    result = text_result("a", structured_content={"sky": "☀"})
    assert tool_output(result, structured=True) == '{"sky": "☀"}'
    assert tool_output(result, structured=False) == {"type": "text", "text": "a"}
    assert tool_output(text_result("a"), structured=True) == {"type": "text", "text": "a"}


def test_the_words_of_a_failure_count_more() -> None:
    result = text_result("no such", "city", structured_content={"code": 1}, is_error=True)
    assert tool_output(result, structured=True) == [
        {"type": "text", "text": "no such"},
        {"type": "text", "text": "city"},
    ]
    error = result_error(result, "weather")
    assert error is not None
    assert str(error) == "the tool 'weather' failed on its server: no such city (mcp_tool_error)"
    assert result_error(text_result("a"), "weather") is None
