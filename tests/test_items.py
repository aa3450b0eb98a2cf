from __future__ import annotations

import typing

import attrs
import pytest

from trio_realtime import items
from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeMessageItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)

PARTS = {
    InputText: ("input_text", {"text"}),
    InputAudio: ("input_audio", {"audio", "transcript"}),
    InputImage: ("input_image", {"image_url", "detail"}),
    AssistantText: ("text", {"text"}),
    AssistantAudio: ("audio", {"audio", "transcript", "generated_transcript", "heard_ms"}),
}
MESSAGES = {SystemMessageItem: "system", UserMessageItem: "user", AssistantMessageItem: "assistant"}


@pytest.mark.parametrize("cls", PARTS)
def test_parts(cls):
    kind, values = PARTS[cls]
    part = cls()
    assert attrs.asdict(part) == {"type": kind, **dict.fromkeys(values)}
    assert hash(part) == hash(cls())
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        part.type = "other"


@pytest.mark.parametrize("cls", MESSAGES)
def test_messages(cls):
    message = cls(item_id="i")
    assert attrs.asdict(message) == {
        "item_id": "i",
        "previous_item_id": None,
        "type": "message",
        "role": MESSAGES[cls],
        "status": None,
        "content": (),
    }
    with pytest.raises(TypeError):
        cls()


def test_tool_calls():
    assert attrs.asdict(RealtimeToolCallItem(item_id="i")) == {
        "item_id": "i",
        "previous_item_id": None,
        "call_id": None,
        "type": "function_call",
        "status": "in_progress",
        "arguments": "",
        "name": "",
        "output": None,
    }


def test_the_unions():
    assert set(typing.get_args(RealtimeMessageItem)) == set(MESSAGES)
    assert set(typing.get_args(RealtimeItem)) == {*MESSAGES, RealtimeToolCallItem}
    assert set(typing.get_args(items.UserContent)) == {InputText, InputAudio, InputImage}
    assert set(typing.get_args(items.AssistantContent)) == {AssistantText, AssistantAudio}


@pytest.mark.parametrize("cls", [InputAudio, AssistantAudio])
def test_a_repr_shows_the_size_of_audio(cls):
    shown = repr(cls(audio="QUJD" * 1000, transcript="hi"))
    assert "<4000 B>" in shown
    assert "QUJD" not in shown
    assert "'hi'" in shown
    assert "audio=None" in repr(cls())


def test_a_repr_shows_the_beginning_of_an_image():
    shown = repr(InputImage(image_url="data:image/png;base64," + "A" * 10_000))
    assert len(shown) < 200
    assert "data:image/png" in shown
    assert "https://example.org/x.png" in repr(InputImage(image_url="https://example.org/x.png"))
    assert "image_url=None" in repr(InputImage())


def test_the_fields_of_the_reference():
    reference = pytest.importorskip("agents.realtime.items")
    for cls in [*PARTS, *MESSAGES, RealtimeToolCallItem]:
        theirs = getattr(reference, cls.__name__).model_fields
        ours = attrs.fields_dict(cls)
        assert set(theirs) <= set(ours), cls
        for name in theirs.keys() & {"type", "role"}:
            assert typing.get_args(theirs[name].annotation) == (ours[name].default,)
