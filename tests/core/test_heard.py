from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_realtime.core.conversation import Conversation
from trio_realtime.core.heard import Cut, WordTiming, heard_item, heard_text, whole_item
from trio_realtime.items import AssistantAudio, AssistantMessageItem, AssistantText, UserMessageItem

TEXT = "one two three four five six"
TIMED = (
    WordTiming("one", 0, 300),
    WordTiming("two", 1000, 1300),
    WordTiming("never said", 1300, 1400),
    WordTiming("three", 4000, 4400),
)


@pytest.mark.parametrize(
    ("heard_ms", "total_ms", "expected"),
    [
        (0, 10_000, ""),
        (1_000, 10_000, ""),  # in the middle of the first word
        (2_000, 10_000, "one"),
        (5_000, 10_000, "one two three"),
        (9_900, 10_000, "one two three four five"),
        (10_000, 10_000, TEXT),
        (20_000, 10_000, TEXT),
        (1_000, 0, "one two three"),  # nobody told the length: at a usual pace, 15 characters
        (60_000, 0, TEXT),
    ],
)
def test_in_proportion(heard_ms, total_ms, expected):
    assert heard_text(TEXT, Cut(heard_ms=heard_ms, total_ms=total_ms)) == expected


def test_a_text_without_spaces_is_cut_between_characters():
    assert heard_text("一二三四五六七八九十", Cut(heard_ms=2_500, total_ms=10_000)) == "一二"


@pytest.mark.parametrize(
    ("heard_ms", "expected"),
    [(0, ""), (299, ""), (300, "one"), (999, "one"), (2_000, "one two"), (3_999, "one two"), (4_400, "one two three")],
)
def test_by_the_times_of_the_words(heard_ms, expected):
    assert heard_text(TEXT, Cut(heard_ms=heard_ms, total_ms=8_800, words=TIMED)) == expected


def test_beyond_the_times_that_are_known_in_proportion():
    # 2.2 s of the 4.4 s after "three": half of " four five six"
    assert heard_text(TEXT, Cut(heard_ms=6_600, total_ms=8_800, words=TIMED)) == "one two three four"
    assert heard_text(TEXT, Cut(heard_ms=8_800, total_ms=8_800, words=TIMED)) == TEXT
    assert heard_text(TEXT, Cut(heard_ms=9_000, total_ms=4_400, words=TIMED)) == TEXT


@given(st.text(), st.integers(0, 20_000), st.integers(0, 20_000))
def test_always_a_prefix(text, heard_ms, total_ms):
    heard = heard_text(text, Cut(heard_ms=heard_ms, total_ms=total_ms))
    assert text.startswith(heard)


def spoken(*parts):
    return AssistantMessageItem(item_id="a", status="completed", content=parts)


def test_what_comes_after_the_cut_part_was_not_heard():
    item = spoken(AssistantAudio(transcript="x"), AssistantAudio(transcript=TEXT), AssistantAudio(transcript="more"))
    heard = heard_item(item, {1: Cut(heard_ms=2_000, total_ms=10_000)})
    assert heard.status == "incomplete"
    assert heard.content == (
        AssistantAudio(transcript="x"),
        AssistantAudio(transcript="one", generated_transcript=TEXT, heard_ms=2_000),
        AssistantAudio(transcript="", generated_transcript="more", heard_ms=0),
    )
    assert whole_item(heard).content == item.content


def test_what_is_no_speech_stays():
    user = UserMessageItem(item_id="u")
    assert heard_item(user, {0: Cut(heard_ms=1)}) is user
    assert whole_item(user) is user
    written = spoken(AssistantText(text="x"))
    assert heard_item(written, {0: Cut(heard_ms=1)}).content == written.content
    assert heard_item(spoken(AssistantAudio()), {0: Cut(heard_ms=1)}).content[0].transcript is None


class TestConversation:
    def make(self):
        conversation = Conversation()
        conversation.upsert(AssistantMessageItem(item_id="a", status="in_progress"))
        conversation.add_words("a", 0, "one two three ", "assistant_audio")
        return conversation

    def part(self, conversation):
        return conversation.snapshot()[0].content[0]

    def test_words_that_come_later_are_counted_in(self):
        conversation = self.make()
        cut = Cut(heard_ms=5_000, total_ms=10_000)
        assert conversation.truncate("a", 0, cut)
        assert self.part(conversation).transcript == "one two"
        conversation.add_words("a", 0, "four five six", "assistant_audio")
        assert self.part(conversation).transcript == "one two three"
        conversation.finish_words("a", 0, TEXT, "assistant_audio")
        assert self.part(conversation) == AssistantAudio(
            transcript="one two three", generated_transcript=TEXT, heard_ms=5_000
        )
        assert not conversation.truncate("a", 0, cut)
        assert conversation.cut_of("a", 0) == cut
        assert conversation.cut_of("a", 1) is None

    def test_what_the_server_says_of_the_item_later_does_not_bring_unheard_words_back(self):
        conversation = self.make()
        conversation.truncate("a", 0, Cut(heard_ms=5_000, total_ms=10_000))
        done = AssistantMessageItem(item_id="a", status="completed", content=(AssistantAudio(transcript=TEXT),))
        conversation.upsert(done)
        assert self.part(conversation).transcript == "one two three"
        assert self.part(conversation).generated_transcript == TEXT
        assert conversation.snapshot()[0].status == "incomplete"

    def test_an_item_that_is_not_there_is_not_cut(self):
        conversation = self.make()
        assert not conversation.truncate("b", 0, Cut(heard_ms=1))
        conversation.truncate("a", 0, Cut(heard_ms=1))
        conversation.delete("a")
        assert conversation.cut_of("a", 0) is None
