from __future__ import annotations

from typing import Any

import pytest

from trio_realtime.core.replay import ROOT, message_content, output_item_id, plan_replay
from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from trio_realtime.server.state import SessionState


def user(item_id: str, *parts: Any) -> UserMessageItem:
    return UserMessageItem(item_id=item_id, content=parts)


def said(item_id: str, text: str) -> UserMessageItem:
    return user(item_id, InputText(text=text))


def spoken(item_id: str, transcript: str | None) -> UserMessageItem:
    return user(item_id, InputAudio(transcript=transcript))


def reply(item_id: str, *parts: Any) -> AssistantMessageItem:
    return AssistantMessageItem(item_id=item_id, content=parts)


def voice(item_id: str, text: str | None) -> AssistantMessageItem:
    return reply(item_id, AssistantAudio(transcript=text))


def call(item_id: str, call_id: str | None = "c1", output: str | None = None, **fields: Any) -> RealtimeToolCallItem:
    given = {"name": "look", "arguments": '{"a": 1}', **fields}
    return RealtimeToolCallItem(item_id=item_id, call_id=call_id, output=output, **given)


HISTORY: list[RealtimeItem] = [
    SystemMessageItem(item_id="s", content=(InputText(text="Be kind."),)),
    said("u1", "Hello"),
    voice("a1", "Good day."),
    spoken("u2", "What is this?"),
    user("u3", InputText(text="See:"), InputImage(image_url="data:image/png;base64,AA", detail="low")),
    call("f1", output="a cat"),
    reply("a2", AssistantText(text="A cat."), AssistantAudio(transcript=" Meow.")),
]


def test_every_kind_of_item():
    replay = plan_replay(HISTORY)
    assert [one.item for one in replay.items] == [
        {"id": "s", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be kind."}]},
        {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"id": "a1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Good day."}]},
        {"id": "u2", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is this?"}]},
        {
            "id": "u3",
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "See:"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
            ],
        },
        {"id": "f1", "type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a": 1}'},
        {"id": "f1_out", "type": "function_call_output", "call_id": "c1", "output": "a cat"},
        {
            "id": "a2",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "A cat."}, {"type": "output_text", "text": " Meow."}],
        },
    ]
    assert replay.ids == {"s", "u1", "a1", "u2", "u3", "f1", "f1_out", "a2"}
    assert not replay.left_out
    assert not replay.unsaid


def test_each_stands_after_the_one_before_and_the_first_at_the_root():
    replay = plan_replay(HISTORY)
    assert [one.previous_item_id for one in replay.items] == [ROOT, *(one.item_id for one in replay.items[:-1])]
    assert replay.items[1].fields == {"previous_item_id": "s", "item": replay.items[1].item}


def test_an_empty_server_takes_it_all():
    state = SessionState()
    state.open()
    replay = plan_replay(HISTORY)
    for one in replay.items:
        events = state.handle({"type": "conversation.item.create", **one.fields}, 0.0).events
        assert [event["type"] for event in events] == ["conversation.item.added", "conversation.item.done"], events
    assert [item.id for item in state.conversation] == [one.item_id for one in replay.items]


def test_the_order_holds_whatever_the_server_has_already():
    state = SessionState()
    early = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}], "id": "early"}
    state.handle({"type": "conversation.item.create", "item": early}, 0.0)
    for one in plan_replay(HISTORY).items:
        state.handle({"type": "conversation.item.create", **one.fields}, 0.0)
    assert [item.id for item in state.conversation] == [
        "s", "u1", "a1", "u2", "u3", "f1", "f1_out", "a2", "early",
    ]  # fmt: skip


def test_speech_without_a_transcript_is_left_out_and_counted():
    history = [spoken("u1", None), said("u2", "b"), spoken("u3", ""), user("u4", InputImage()), voice("a1", "c")]
    replay = plan_replay(history)
    assert [one.item_id for one in replay.items] == ["u2", "a1"]
    assert [one.previous_item_id for one in replay.items] == [ROOT, "u2"]
    assert replay.left_out == ("u1", "u3", "u4")
    assert replay.stands_for == {ROOT: "u1", "u2": "u4"}


def test_only_what_was_heard():
    replay = plan_replay([voice("a1", "one two three"), voice("a2", "four")], heard={"a1": "one two", "a2": ""})
    assert [one.item["content"] for one in replay.items] == [[{"type": "output_text", "text": "one two"}]]
    assert replay.unsaid == ("a2",)
    assert not replay.left_out
    assert replay.stands_for == {"a1": "a2"}


def test_a_reply_that_said_nothing_is_no_item():
    replay = plan_replay([voice("a1", None), reply("a2"), reply("a3", AssistantText())])
    assert not replay.items
    assert replay.unsaid == ("a1", "a2", "a3")
    assert replay.stands_for == {ROOT: "a3"}


@pytest.mark.parametrize("pending", [None, {"c1"}])
def test_a_call_that_runs_waits_for_its_output(pending):
    replay = plan_replay([call("f1")], pending=pending)
    assert [one.item["type"] for one in replay.items] == ["function_call"]


def test_a_call_that_nobody_answers_is_left_out():
    replay = plan_replay([call("f1"), call("f2", "c2", output="b")], pending=())
    assert [one.item_id for one in replay.items] == ["f2", "f2_out"]
    assert replay.unsaid == ("f1",)


def test_an_output_that_the_history_does_not_have_yet():
    replay = plan_replay([call("f1"), call("f2", "c2", output="own")], outputs={"c1": "given", "c2": "other"})
    assert [one.item.get("output") for one in replay.items] == [None, "given", None, "own"]


def test_calls_that_cannot_be_made():
    replay = plan_replay([call("f1", None, "x"), call("f2", name=""), call("f3", arguments="")])
    assert [one.item for one in replay.items] == [
        {"id": "f3", "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    ]
    assert replay.unsaid == ("f1", "f2")


def test_each_item_once():
    assert [one.item_id for one in plan_replay([said("u1", "a"), said("u1", "b")]).items] == ["u1"]


def test_ids_of_outputs_are_the_same_every_time_and_short_enough():
    long = "item_" + "x" * 27
    assert output_item_id("item_1") == "item_1_out"
    assert output_item_id(long) == output_item_id(long) != output_item_id(long[:-1] + "y")
    assert len(output_item_id(long)) == 32


def test_a_tool_call_has_no_content():
    assert message_content(call("f1")) == []
