"""The service's own calls of MCP servers, from the pieces that it sends."""

from __future__ import annotations

import pytest

from tests.openai.support import Talk
from trio_realtime.model_events import (
    RealtimeModelMcpApprovalRequestedEvent,
    RealtimeModelMcpCallEvent,
    RealtimeModelMcpListToolsEvent,
    ResponseError,
)

REQUEST = {"id": "q", "type": "mcp_approval_request", "server_label": "docs", "name": "find", "arguments": '{"a":1}'}
CALL = {"id": "c", "type": "mcp_call", "server_label": "docs", "name": "find", "arguments": '{"a":1}'}
IN_RESPONSE = {"response_id": "r", "output_index": 0}


@pytest.fixture
def talk():
    made = Talk()
    made.now = 5.0
    return made


def call(**fields):
    values = {"item_id": "c", "server_label": "docs", "name": "find", "arguments": '{"a":1}', "response_id": "r"}
    return RealtimeModelMcpCallEvent(received_at=5.0, **{**values, **fields})


def test_the_list_of_tools(talk):
    item = {"id": "l", "type": "mcp_list_tools", "server_label": "docs", "tools": []}
    tools = [{"name": "find", "input_schema": {}, "description": None}, {"name": "read", "input_schema": {}}]
    assert talk.hear("conversation.item.added", item=item, previous_item_id=None) == []
    (began,) = talk.hear("mcp_list_tools.in_progress", item_id="l")
    assert began == RealtimeModelMcpListToolsEvent(
        received_at=5.0, item_id="l", server_label="docs", status="in_progress"
    )
    assert talk.hear("conversation.item.done", item={**item, "tools": tools}, previous_item_id=None) == []
    (done,) = talk.hear("mcp_list_tools.completed", item_id="l")
    assert (done.status, done.tools) == ("completed", ("find", "read"))


def test_a_list_that_fails_of_an_item_that_nobody_named(talk):
    (failed,) = talk.hear("mcp_list_tools.failed", item_id="x")
    assert (failed.status, failed.server_label) == ("failed", "")


def test_a_request_is_told_once_when_it_is_whole(talk):
    assert talk.hear("response.output_item.added", **IN_RESPONSE, item={**REQUEST, "arguments": ""}) == []
    (event,) = talk.hear("response.output_item.done", **IN_RESPONSE, item=REQUEST)
    assert event == RealtimeModelMcpApprovalRequestedEvent(
        received_at=5.0, item_id="q", server_label="docs", name="find", arguments='{"a":1}', response_id="r"
    )
    assert talk.hear("conversation.item.done", item=REQUEST, previous_item_id=None) == []


def test_a_request_that_comes_outside_a_response(talk):
    assert talk.hear("conversation.item.added", item=REQUEST, previous_item_id=None) == []
    (event,) = talk.hear("conversation.item.done", item=REQUEST, previous_item_id=None)
    assert (event.item_id, event.response_id) == ("q", None)


def test_a_call_begins_and_ends_once(talk):
    assert talk.hear("response.output_item.added", **IN_RESPONSE, item={**CALL, "arguments": ""}) == []
    arguments = {"response_id": "r", "item_id": "c", "output_index": 0, "arguments": '{"a":1}'}
    assert talk.hear("response.mcp_call_arguments.done", **arguments) == []
    assert talk.hear("response.mcp_call.in_progress", item_id="c", output_index=0) == [call(status="in_progress")]
    assert talk.hear("response.mcp_call.in_progress", item_id="c", output_index=0) == []
    assert talk.hear("response.mcp_call.completed", item_id="c", output_index=0) == []
    done = {**CALL, "output": "It is here.", "error": None}
    assert talk.hear("response.output_item.done", **IN_RESPONSE, item=done) == [
        call(status="completed", output="It is here.")
    ]
    assert talk.hear("conversation.item.done", item=done, previous_item_id=None) == []
    assert talk.hear("response.mcp_call.in_progress", item_id="c", output_index=0) == []


def test_a_call_of_which_only_the_end_is_seen(talk):
    began, ended = talk.hear("conversation.item.done", item={**CALL, "output": "x"}, previous_item_id=None)
    assert (began.status, ended.status, ended.response_id) == ("in_progress", "completed", None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            {"type": "http_error", "code": 503, "message": "Gone."},
            ResponseError(type="http_error", code="503", message="Gone."),
        ),
        ({"type": "tool_execution_error", "message": "No."}, ResponseError(type="tool_execution_error", message="No.")),
        (None, ResponseError(type="mcp_call", message="the call of the tool failed")),
    ],
)
def test_a_call_that_fails(talk, error, expected):
    assert talk.hear("response.mcp_call.failed", item_id="c", output_index=0) == []
    ended = talk.hear("response.output_item.done", **IN_RESPONSE, item={**CALL, "error": error})[-1]
    assert (ended.status, ended.error, ended.output) == ("failed", expected, None)


def test_the_older_event_announces_only(talk):
    assert talk.hear("conversation.item.created", item={**CALL, "arguments": ""}, previous_item_id=None) == []
    assert talk.hear("conversation.item.created", item={**REQUEST, "arguments": ""}, previous_item_id=None) == []
    ended = talk.hear("response.output_item.done", **IN_RESPONSE, item={**CALL, "output": "x"})[-1]
    assert (ended.status, ended.output) == ("completed", "x")
    (asked,) = talk.hear("response.output_item.done", **IN_RESPONSE, item=REQUEST)
    assert asked.arguments == '{"a":1}'


def test_what_was_broken_off(talk):
    ended = talk.hear("response.output_item.done", **IN_RESPONSE, item={**CALL, "status": "incomplete"})[-1]
    assert (ended.status, ended.error.message) == ("failed", "the call of the tool was broken off")
    assert talk.hear("response.output_item.done", **IN_RESPONSE, item={**REQUEST, "status": "incomplete"}) == []


def test_a_list_is_told_once(talk):
    for status in ("in_progress", "failed"):
        assert len(talk.hear(f"mcp_list_tools.{status}", item_id="l")) == 1
        assert talk.hear(f"mcp_list_tools.{status}", item_id="l") == []
    assert len(talk.hear("mcp_list_tools.in_progress", item_id="l")) == 1  # asked again


def test_an_item_without_an_id_says_nothing(talk):
    assert talk.hear("response.output_item.done", **IN_RESPONSE, item={**REQUEST, "id": None}) == []


def test_what_is_remembered_is_bounded(talk):
    for number in range(400):
        talk.hear("conversation.item.added", item={**CALL, "id": f"c{number}"}, previous_item_id=None)
    (first,) = talk.hear("response.mcp_call.in_progress", item_id="c0", output_index=0)
    (last,) = talk.hear("response.mcp_call.in_progress", item_id="c399", output_index=0)
    assert (first.name, last.name) == ("", "find")
