import pytest

from trio_realtime.server._schema import RefusedError
from trio_realtime.server.audio import AudioClip
from trio_realtime.server.conversation import (
    Conversation,
    EngineView,
    Item,
    Tokens,
    created_item,
    spoken_item,
    text_tokens,
)

CLIP = AudioClip(pcm=bytes(48_000), rate=24_000)


def message(item_id, text="hello", role="user"):
    kind = "output_text" if role == "assistant" else "input_text"
    return created_item({"type": "message", "role": role, "content": [{"type": kind, "text": text}]}, item_id, None)


def ids(conversation):
    return [item.id for item in conversation]


def test_items_go_where_they_are_told_to():
    conversation = Conversation()
    assert conversation.last_id is None
    assert conversation.insert(message("a")) is None
    assert conversation.insert(message("b")) == "a"
    assert conversation.insert(message("c"), "a") == "a"
    assert conversation.insert(message("d"), "root") is None
    assert conversation.insert(message("e"), "b") == "b"
    assert ids(conversation) == ["d", "a", "c", "b", "e"]
    assert (len(conversation), conversation.last_id) == (5, "e")
    assert [conversation.previous_id(item) for item in "dac"] == [None, "d", "a"]


@pytest.mark.parametrize(("item", "after", "param"), [("a", None, "item.id"), ("b", "nowhere", "previous_item_id")])
def test_a_taken_id_and_an_unknown_place_are_refused(item, after, param):
    conversation = Conversation()
    conversation.insert(message("a"))
    with pytest.raises(RefusedError) as caught:
        conversation.insert(message(item), after)
    assert (caught.value.code, caught.value.param) == ("invalid_value", param)
    assert ids(conversation) == ["a"]


def test_tokens_follow_the_items():
    conversation = Conversation()
    conversation.insert(message("a", "x" * 40))
    conversation.insert(spoken_item("b", CLIP))
    assert conversation.tokens == Tokens(text=10, audio=10)
    assert conversation.tokens.total == 20
    image = {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:,x"}]}
    conversation.insert(created_item(image, "c", None))
    assert conversation.tokens.image > 0
    for item_id in "cba":
        assert conversation.delete(item_id)
    assert conversation.tokens == Tokens()
    assert not conversation.delete("a")
    assert text_tokens("") == 0


def test_calls_are_known_until_they_are_deleted():
    conversation = Conversation()
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1"}
    assert not conversation.has_call("c1")
    conversation.insert(created_item(call, "a", None))
    assert conversation.has_call("c1")
    conversation.delete("a")
    assert not conversation.has_call("c1")


def test_the_audio_of_the_last_eight_spoken_items_is_kept():
    conversation = Conversation()
    for number in range(10):
        conversation.insert(spoken_item(str(number), CLIP))
    assert [item.clip is not None for item in conversation] == [False] * 2 + [True] * 8


def test_events_show_neither_audio_nor_images_but_retrieving_does():
    content = [
        {"type": "input_text", "text": "look"},
        {"type": "input_audio", "audio": "AAAA"},
        {"type": "input_image", "image_url": "data:,x", "detail": "low"},
    ]
    item = created_item({"type": "message", "role": "user", "content": content}, "a", CLIP)
    assert item.snapshot() == {
        "id": "a",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "look"},
            {"type": "input_audio", "transcript": None},
            {"type": "input_image", "detail": "low"},
        ],
    }
    retrieved = item.retrieved()["content"]
    assert len(retrieved[1]["audio"]) == 64_000
    assert retrieved[2]["image_url"] == "data:,x"
    item.heard = "the words"
    (seen,) = view = EngineView([item])
    assert view[:1] == [seen]
    assert seen["content"][1] == {"type": "input_audio", "audio": "AAAA", "transcript": "the words"}
    assert seen["content"][2]["image_url"] == "data:,x"


def test_a_part_without_type_and_fields_that_are_null():
    item = created_item(
        {"type": "message", "role": "assistant", "object": "realtime.item", "status": None, "content": [{"text": "x"}]},
        "a",
        None,
    )
    assert item.wire == {
        "id": "a",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "x"}],
    }


def assistant(ms=1000.0):
    content = [{"type": "output_audio", "transcript": "one two"}]
    wire = {"id": "a", "type": "message", "status": "completed", "role": "assistant", "content": content}
    return Item(wire, wire, audio_ms=ms)


def test_truncation_drops_the_transcript():
    conversation = Conversation()
    item = assistant()
    conversation.insert(item)
    before = conversation.tokens
    conversation.truncate("a", 0, 400)
    assert item.content == [{"type": "output_audio", "transcript": None}]
    assert (item.audio_ms, item.truncated) == (400, True)
    assert conversation.tokens.total < before.total
    conversation.truncate("a", 0, 400)


@pytest.mark.parametrize(
    ("item_id", "index", "end", "code", "param"),
    [
        ("nobody", 0, 1, "item_truncate_invalid_item_id", "item_id"),
        ("user", 0, 1, "item_truncate_invalid_item_id", "item_id"),
        ("a", 1, 1, "item_truncate_invalid_item_id", "item_id"),
        ("a", 0, 1001, "invalid_value", "audio_end_ms"),
    ],
)
def test_what_cannot_be_truncated(item_id, index, end, code, param):
    conversation = Conversation()
    conversation.insert(assistant())
    conversation.insert(spoken_item("user", CLIP))
    with pytest.raises(RefusedError) as caught:
        conversation.truncate(item_id, index, end)
    assert (caught.value.code, caught.value.param) == (code, param)
