from __future__ import annotations

import random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.core.conversation import Conversation, merge_items
from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)


def user(item_id, previous=None, *content, status=None):
    return UserMessageItem(item_id=item_id, previous_item_id=previous, content=content, status=status)


def assistant(item_id, previous=None, *content, status=None):
    return AssistantMessageItem(item_id=item_id, previous_item_id=previous, content=content, status=status)


def ids(conversation):
    return [item.item_id for item in conversation.snapshot()]


def build(*pairs):
    conversation = Conversation()
    for item_id, previous in pairs:
        conversation.upsert(user(item_id, previous), anchored=True)
    return conversation


class TestOrder:
    def test_items_follow_their_anchor(self):
        assert ids(build(("a", None), ("b", "a"), ("c", "b"))) == ["a", "b", "c"]

    def test_insert_in_the_middle(self):
        assert ids(build(("a", None), ("b", "a"), ("x", "a"))) == ["a", "x", "b"]

    def test_insert_at_the_front_by_null_and_by_root(self):
        assert ids(build(("a", None), ("b", "a"), ("x", None), ("y", "root"))) == ["y", "x", "a", "b"]

    def test_anchor_that_arrives_later(self):
        assert ids(build(("a", None), ("d", "c"), ("c", "b"), ("b", "a"))) == ["a", "b", "c", "d"]

    def test_unknown_anchor_appends(self):
        assert ids(build(("a", None), ("x", "never"), ("b", "a"))) == ["a", "b", "x"]

    def test_unanchored_is_appended_and_moved_when_its_place_is_known(self):
        conversation = build(("a", None), ("b", "a"))
        conversation.upsert(assistant("x"))
        assert ids(conversation) == ["a", "b", "x"]
        conversation.upsert(assistant("x", "a"), anchored=True)
        assert ids(conversation) == ["a", "x", "b"]
        assert conversation.get("x").previous_item_id == "a"

    def test_deleted_anchor_still_says_the_place(self):
        conversation = build(("a", None), ("b", "a"), ("c", "b"))
        assert conversation.delete("b")
        conversation.upsert(user("x", "b"), anchored=True)
        assert ids(conversation) == ["a", "x", "c"]

    def test_deleting_the_first_and_unknown(self):
        conversation = build(("a", None), ("b", "a"))
        assert conversation.delete("a")
        assert not conversation.delete("a")
        assert ids(conversation) == ["b"]
        assert "a" not in conversation
        assert "b" in conversation

    def test_a_deleted_item_does_not_come_back(self):
        conversation = build(("a", None))
        conversation.delete("a")
        assert conversation.upsert(user("a"), anchored=True) == "unchanged"
        assert conversation.add_words("a", 0, "x", "user_audio") == "x"
        assert ids(conversation) == []

    def test_ring_of_anchors_keeps_everything(self):
        conversation = build(("a", "b"), ("b", "a"), ("c", None))
        assert sorted(ids(conversation)) == ["a", "b", "c"]

    @settings(max_examples=300, deadline=None)
    @given(st.integers(0, 2**32))
    def test_whatever_servers_say_of_places_every_item_has_one(self, seed):
        """Rings, own anchors, anchors that are deleted or never come: nothing is lost, and nothing goes on for ever."""
        choose = random.Random(seed)
        conversation, expected = Conversation(), set()
        deleted = set()
        for _ in range(40):
            item_id, anchor = (choose.choice(["root", "", *(f"i{number}" for number in range(7))]) for _ in range(2))
            match choose.randrange(5):
                case 0:
                    conversation.delete(item_id)
                    if item_id in expected:
                        expected.discard(item_id)
                        deleted.add(item_id)
                case 1:
                    conversation.add_words(item_id, 0, "x", "user_audio")
                    expected |= {item_id} - deleted
                case kind:
                    conversation.upsert(user(item_id, choose.choice([anchor, None])), anchored=kind != 2)
                    expected |= {item_id} - deleted
            assert set(ids(conversation)) == expected
            assert len(ids(conversation)) == len(expected)

    def test_an_item_may_have_the_name_of_the_first_place(self):
        conversation = build(("a", None), ("root", "a"), ("b", "root"))
        assert ids(conversation) == ["b", "a", "root"]
        conversation.delete("root")
        assert ids(conversation) == ["b", "a"]

    def test_own_anchor_from_the_beginning(self):
        conversation = build(("a", "a"), ("b", "a"))
        assert ids(conversation) == ["a", "b"]
        assert conversation.delete("a")
        assert conversation.delete("b")
        assert ids(conversation) == []

    def test_own_anchor_is_ignored(self):
        conversation = build(("a", None))
        conversation.upsert(user("a", "a"), anchored=True)
        assert ids(conversation) == ["a"]

    @given(st.permutations(range(8)))
    def test_any_order_of_arrival_gives_the_same_history(self, order):
        conversation = Conversation()
        for number in order:
            previous = f"i{number - 1}" if number else None
            conversation.upsert(user(f"i{number}", previous), anchored=True)
        assert ids(conversation) == [f"i{number}" for number in range(8)]


class TestEventOrders:
    """Any order of server events that keeps each item's own causes before their effects gives one history."""

    @staticmethod
    def events():
        spoken = InputAudio(transcript=None)
        said = AssistantAudio(transcript="It is sunny.")
        return {
            "u1": [
                lambda c: c.upsert(user("u1", None, spoken, status="completed"), anchored=True),
                lambda c: c.upsert(user("u1", None, spoken, status="completed"), anchored=True),
            ],
            "u1 words": [
                lambda c: c.add_words("u1", 0, "What ", "user_audio"),
                lambda c: c.add_words("u1", 0, "weather?", "user_audio"),
                lambda c: c.finish_words("u1", 0, "What weather?", "user_audio"),
            ],
            "f1": [
                lambda c: c.upsert(RealtimeToolCallItem(item_id="f1", call_id="c1", name="w")),
                lambda c: c.upsert(
                    RealtimeToolCallItem(item_id="f1", previous_item_id="u1", call_id="c1", name="w"), anchored=True
                ),
                lambda c: c.upsert(RealtimeToolCallItem(item_id="f1", call_id="c1", name="w", arguments="{}")),
                lambda c: c.complete_call("c1", "sun"),
            ],
            "a1": [
                lambda c: c.upsert(assistant("a1", status="in_progress")),
                lambda c: c.upsert(assistant("a1", "f1", status="in_progress"), anchored=True),
                lambda c: c.add_words("a1", 0, "It is ", "assistant_audio"),
                lambda c: c.add_words("a1", 0, "sunny.", "assistant_audio"),
                lambda c: c.finish_words("a1", 0, "It is sunny.", "assistant_audio"),
                lambda c: c.upsert(assistant("a1", "f1", said, status="completed"), anchored=True),
            ],
            "u2": [lambda c: c.upsert(user("u2", "a1", InputText(text="Thanks"), status="completed"), anchored=True)],
        }

    @settings(max_examples=300, deadline=None)
    @given(st.integers(0, 2**32))
    def test_same_final_history(self, seed):
        choose = random.Random(seed)
        queues = self.events()
        conversation = Conversation()
        while queues:
            name = choose.choice(sorted(queues))
            queues[name].pop(0)(conversation)
            if choose.random() < 0.3:
                conversation.snapshot()
            if not queues[name]:
                del queues[name]
        assert list(conversation.snapshot()) == [
            user("u1", None, InputAudio(transcript="What weather?"), status="completed"),
            RealtimeToolCallItem(
                item_id="f1",
                previous_item_id="u1",
                call_id="c1",
                name="w",
                arguments="{}",
                status="completed",
                output="sun",
            ),
            assistant("a1", "f1", AssistantAudio(transcript="It is sunny."), status="completed"),
            user("u2", "a1", InputText(text="Thanks"), status="completed"),
        ]


class TestMerge:
    def test_missing_words_keep_the_old(self):
        old = user("a", None, InputAudio(transcript="hi", audio="QQ=="), InputText(text="t"))
        new = user("a", None, InputAudio(), InputText())
        assert merge_items(old, new).content == old.content

    def test_incoming_words_win(self):
        old = user("a", None, InputAudio(transcript="hi"), InputText(text="t"))
        new = user("a", None, InputAudio(transcript="ho"), InputText(text="u"))
        assert merge_items(old, new).content == new.content

    def test_images_missing_from_the_update_are_kept_in_front(self):
        image = InputImage(image_url="data:image/png;base64,AA==")
        merged = merge_items(user("a", None, InputText(text="x"), image), user("a", None, InputText(text="x")))
        assert merged.content == (image, InputText(text="x"))
        again = merge_items(user("a", None, image), user("a", None, InputImage()))
        assert again.content == (image,)

    def test_empty_content_leaves_the_item(self):
        old = user("a", None, InputText(text="x"))
        assert merge_items(old, user("a")).content == old.content
        spoken = assistant("a", None, AssistantText(text="x"))
        assert merge_items(spoken, assistant("a")).content == spoken.content
        system = SystemMessageItem(item_id="s", content=(InputText(text="x"),))
        assert merge_items(system, SystemMessageItem(item_id="s")).content == system.content

    def test_role_change_replaces(self):
        assert merge_items(user("a"), assistant("a")) == assistant("a")
        call = RealtimeToolCallItem(item_id="a")
        assert merge_items(user("a"), call) == call

    @pytest.mark.parametrize("end", ["completed", "incomplete"])
    def test_status_only_moves_forward(self, end):
        conversation = Conversation()
        conversation.upsert(assistant("a", None, status=end), anchored=True)
        assert conversation.upsert(assistant("a", None, status="in_progress"), anchored=True) == "unchanged"
        assert conversation.get("a").status == end
        conversation.upsert(assistant("b", "a", status="in_progress"), anchored=True)
        assert conversation.upsert(assistant("b", "a", status=end), anchored=True) == "updated"

    def test_assistant_text_and_audio(self):
        old = assistant("a", None, AssistantText(text="one"), AssistantAudio(transcript="two"))
        assert merge_items(old, assistant("a", None, AssistantText(), AssistantAudio())).content == old.content
        assert merge_items(old, assistant("a", None, AssistantText(text="1"))).content == (
            AssistantText(text="1"),
            AssistantAudio(transcript="two"),
        )
        changed = assistant("a", None, AssistantAudio(transcript="x"))
        assert merge_items(old, changed).content[0] == AssistantAudio(transcript="x")


class TestWords:
    def test_deltas_show_in_the_snapshot_and_do_not_touch_older_ones(self):
        conversation = Conversation()
        conversation.upsert(assistant("a", None, status="in_progress"), anchored=True)
        assert conversation.add_words("a", 0, "Hel", "assistant_audio") == "Hel"
        first = conversation.snapshot()
        assert conversation.add_words("a", 0, "lo", "assistant_audio") == "Hello"
        assert first[0].content == (AssistantAudio(transcript="Hel"),)
        assert conversation.snapshot()[0].content == (AssistantAudio(transcript="Hello"),)

    def test_text_reaches_the_history(self):
        conversation = Conversation()
        conversation.add_words("a", 1, "x", "assistant_text")
        assert conversation.get("a").content == (AssistantText(), AssistantText(text="x"))

    def test_late_delta_after_the_final_words_changes_nothing(self):
        conversation = Conversation()
        assert conversation.finish_words("u", 0, "all", "user_audio") == "added"
        assert conversation.add_words("u", 0, "!", "user_audio") == "all"
        assert conversation.finish_words("u", 0, "all", "user_audio") == "unchanged"
        assert conversation.get("u").content == (InputAudio(transcript="all"),)

    def test_transcription_completes_the_user_item(self):
        conversation = Conversation()
        conversation.upsert(user("u", None, InputAudio(), status="in_progress"), anchored=True)
        assert conversation.finish_words("u", 0, "hi", "user_audio") == "updated"
        assert conversation.get("u") == user("u", None, InputAudio(transcript="hi"), status="completed")

    def test_words_of_the_wrong_side_change_nothing(self):
        conversation = Conversation()
        conversation.upsert(user("u", None, InputText(text="x")), anchored=True)
        conversation.add_words("u", 0, "y", "assistant_audio")
        conversation.upsert(user("v", "u", InputText(text="x")), anchored=True)
        conversation.add_words("v", 0, "y", "user_audio")
        assert [item.content for item in conversation.snapshot()] == [(InputText(text="x"),)] * 2

    def test_calls(self):
        conversation = Conversation()
        assert conversation.complete_call("c", "x") is None
        assert conversation.get("f") is None
        conversation.upsert(RealtimeToolCallItem(item_id="f", call_id="c", name="n", arguments="{}"))
        done = conversation.complete_call("c", "out")
        assert done == attrs.evolve(conversation.call_item("c"))
        assert (done.status, done.output) == ("completed", "out")
        conversation.upsert(RealtimeToolCallItem(item_id="f", call_id="c", name="n", status="in_progress"))
        assert conversation.call_item("c") == done
        assert len(conversation) == 1
