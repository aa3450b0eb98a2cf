"""Which commands outlive their connection, and which responses are asked for again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.session_tasks.support import begin, call, scripted_session
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.model import Unfinished, UnfinishedResponse
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendResponseRequest,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelSendWithdrawal,
)
from trio_realtime.openai.state import FollowUpMessage
from trio_realtime.session_tasks.loss import outlives, request_name, requests_again


def raw(type_: str, **fields: Any) -> RealtimeModelSendRawMessage:
    return RealtimeModelSendRawMessage(message=RealtimeModelRawClientMessage(type=type_, other_data=fields))


@pytest.mark.parametrize(
    "event",
    [
        RealtimeModelSendUserInput(user_input="x"),
        RealtimeModelSendAudio(audio=b"x"),
        RealtimeModelSendToolOutput(tool_call=call("t"), output="x"),
        RealtimeModelSendSessionUpdate(session_settings=RealtimeSessionModelSettings()),
        RealtimeModelSendResponseRequest(request_id="r"),
        raw("conversation.item.create", item={"type": "message"}),
        raw("conversation.item.delete", item_id="x"),
        raw("input_audio_buffer.append", audio=""),
        raw("input_audio_buffer.clear"),
        raw("input_audio_buffer.commit"),
        raw("response.create"),
        raw("session.update", session={}),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_is_still_to_be_done(event: Any) -> None:
    assert outlives(event)


@pytest.mark.parametrize(
    "event",
    [
        RealtimeModelSendInterrupt(),
        RealtimeModelSendWithdrawal(request_id="r"),
        raw("conversation.item.create", item={"type": "mcp_approval_response"}),
        raw("conversation.item.truncate", item_id="x"),
        raw("conversation.item.retrieve", item_id="x"),
        raw("response.cancel", response_id="x"),
        raw("output_audio_buffer.clear"),
        raw("something.new"),
        RealtimeModelSendRawMessage(message=FollowUpMessage(type="response.create")),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_concerned_the_lost_connection_only(event: Any) -> None:
    assert not outlives(event)


def left(response_id: str | None, name: str = "event_1") -> UnfinishedResponse:
    return UnfinishedResponse(response_id=response_id, again=raw("response.create", event_id=name))


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        ((), ["a", "b"]),
        ((RealtimeModelSendInterrupt(),), []),
        ((RealtimeModelSendInterrupt(playback_only=True),), ["a", "b"]),
        ((RealtimeModelSendInterrupt(response_id="r1"),), ["b"]),
        ((raw("response.cancel"),), []),
        ((raw("response.cancel", response_id="r1"),), ["b"]),
        ((RealtimeModelSendWithdrawal(request_id="b"),), ["a"]),
        ((raw("something.new"),), ["a", "b"]),
    ],
)
async def test_what_was_to_be_stopped_is_not_asked_for_again(autojump_clock: Any, dropped: Any, expected: Any) -> None:
    async with scripted_session() as (session, model):
        await model.emit(begin("r1"))
        unfinished = Unfinished(responses=(left("r1", "a"), left(None, "b")))
        again = requests_again(session._hub, unfinished, dropped)
        assert [request_name(event) for event in again] == expected
        response = session._hub.responses.get("r1")
        assert response is not None
        assert response.asked_again == ("a" in expected)


async def test_a_response_that_has_called_a_tool_is_not_asked_for_again(autojump_clock: Any) -> None:
    async with scripted_session() as (session, model):
        await model.emit(begin("r1"), call("t", response_id="r1"))
        assert not requests_again(session._hub, Unfinished(responses=(left("r1"),)), ())


def test_the_names_of_requests() -> None:
    assert request_name(RealtimeModelSendResponseRequest(request_id="r")) == "r"
    assert request_name(raw("response.create", event_id="e")) == "e"
    assert request_name(raw("response.cancel", event_id="e")) is None
