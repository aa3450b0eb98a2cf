import json

import openai.types.realtime as official
import pytest
from pydantic import TypeAdapter

from trio_realtime.errors import UserError
from trio_realtime.model_inputs import RealtimeModelRawClientMessage
from trio_realtime.openai import client_events as ce
from trio_realtime.openai.codec import encode

MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
EXAMPLES = {
    "session.update": ce.SessionUpdate(event_id="e", session={"type": "realtime", "instructions": "Be kind."}),
    "input_audio_buffer.append": ce.InputAudioBufferAppend(audio=b"\x01\x02\x03"),
    "input_audio_buffer.commit": ce.InputAudioBufferCommit(event_id="e"),
    "input_audio_buffer.clear": ce.InputAudioBufferClear(event_id="e"),
    "output_audio_buffer.clear": ce.OutputAudioBufferClear(event_id="e"),
    "conversation.item.create": ce.ConversationItemCreate(event_id="e", item=MESSAGE, previous_item_id="root"),
    "conversation.item.retrieve": ce.ConversationItemRetrieve(event_id="e", item_id="item_1"),
    "conversation.item.truncate": ce.ConversationItemTruncate(item_id="item_1", content_index=0, audio_end_ms=10),
    "conversation.item.delete": ce.ConversationItemDelete(item_id="item_1"),
    "response.create": ce.ResponseCreate(event_id="e", response={"instructions": "Say hi.", "metadata": {"a": "b"}}),
    "response.cancel": ce.ResponseCancel(response_id="resp_1"),
}


def raw(type, **data):
    return RealtimeModelRawClientMessage(type=type, other_data=data)


def test_exactly_the_official_types_are_known():
    members = {member.model_fields["type"].annotation.__args__[0] for member in official_client_classes()}
    assert set(ce.CLIENT_EVENTS) == members == set(EXAMPLES)
    assert len(members) == 11


def official_client_classes():
    annotation = official.RealtimeClientEvent
    return annotation.__args__[0].__args__ if hasattr(annotation, "__metadata__") else annotation.__args__


@pytest.mark.parametrize("type_", sorted(EXAMPLES))
def test_each_is_what_the_official_types_say(type_):
    event = json.loads(encode(EXAMPLES[type_].to_wire()))
    parsed = TypeAdapter(official.RealtimeClientEvent).validate_python(event)
    assert parsed.model_dump(exclude_unset=True, mode="json") == event


@pytest.mark.parametrize("type_", sorted(EXAMPLES))
def test_each_passes_its_own_check_and_so_do_fields_of_tomorrow(type_):
    event = {**EXAMPLES[type_].to_wire(), "of_tomorrow": {"x": 1}}
    type_name = event.pop("type")
    assert ce.checked(raw(type_name, **event)) == {**event, "type": type_name}


def test_a_field_that_is_none_is_not_sent():
    assert ce.ResponseCreate().to_wire() == {"type": "response.create"}


def test_an_unknown_type_is_sent_as_given():
    assert ce.checked(raw("response.telepathy", a=object)) == {"type": "response.telepathy", "a": object}


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (raw("session.update"), "session is missing"),
        (raw("session.update", session=[]), "session must be an object"),
        (raw("session.update", session={}), "session.type is missing"),
        (raw("session.update", session={"type": "realtime", "tools": {}}), "session.tools must be a list"),
        (raw("session.update", session={"type": "realtime", "tools": ["x"]}), r"session.tools\[0\] must be an object"),
        (raw("input_audio_buffer.append"), "audio is missing"),
        (raw("input_audio_buffer.append", audio=b"xx"), "audio must be text"),
        (raw("input_audio_buffer.append", audio="xx"), "audio is not valid base64"),
        (raw("input_audio_buffer.commit", event_id=3), "event_id must be text"),
        (raw("conversation.item.create"), "item is missing"),
        (raw("conversation.item.create", item={}), "item.type is missing"),
        (raw("conversation.item.create", item={"type": "message", "role": "user"}), "item.content is missing"),
        (raw("conversation.item.create", item={"type": "message", "content": []}), "item.role is missing"),
        (
            raw("conversation.item.create", item={**MESSAGE, "content": [{"text": "x"}]}),
            r"item.content\[0\].type is missing",
        ),
        (raw("conversation.item.create", item={"type": "function_call_output", "output": ""}), "item.call_id"),
        (raw("conversation.item.create", item={"type": "function_call", "name": "f"}), "item.arguments is missing"),
        (raw("conversation.item.create", item=MESSAGE, previous_item_id=1), "previous_item_id must be text"),
        (raw("conversation.item.create", item={"type": "mcp_approval_response", "approve": True}), "item.approval_req"),
        (
            raw("session.update", session={"type": "realtime", "parallel_tool_calls": "x"}),
            "session.parallel_tool_calls",
        ),
        (raw("response.create", response={"prompt": "pmpt_1"}), "response.prompt must be an object"),
        (raw("conversation.item.delete"), "item_id is missing"),
        (raw("conversation.item.retrieve", item_id=None), "item_id must be text"),
        (raw("conversation.item.truncate", item_id="i", content_index=0), "audio_end_ms is missing"),
        (raw("conversation.item.truncate", item_id="i", content_index="0", audio_end_ms=1), "content_index must be"),
        (raw("response.create", response="x"), "response must be an object"),
        (raw("response.create", response={"metadata": {"a": 1}}), r"response.metadata \['a'\] must be text"),
        (raw("response.create", response={"instructions": 1}), "response.instructions must be text"),
        (raw("response.cancel", response_id=5), "response_id must be text"),
    ],
)
def test_a_wrong_shape_of_a_known_type_is_named(message, path):
    with pytest.raises(UserError, match=f"{message.type}.*{path}"):
        ce.checked(message)


def test_an_item_of_an_unknown_kind_passes():
    assert ce.checked(raw("conversation.item.create", item={"type": "dream", "depth": 3}))


def test_the_repr_of_audio_is_its_size():
    assert "<3 bytes>" in repr(EXAMPLES["input_audio_buffer.append"])
