import pytest

from trio_realtime.server.voice.turns import seems_finished, sentences


@pytest.mark.parametrize(
    "text",
    [
        "What is the weather in Oslo?",
        "Yes.",
        "hello there",
        "Where are you from?",
        "Which room is he in?",
        "Turn it on.",
        "Stop!",
        "3",
    ],
)
def test_whole_turns(text):
    assert seems_finished(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would like to book a table and",
        "Um.",
        "So I was wondering if",
        "Tell me about the",
        "On Monday,",
        "Well \u2014",
        "I need a room for",
        "It was because...",
    ],
)
def test_unfinished_turns(text):
    assert not seems_finished(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One sentence", 1),
        ("One. Two! Three?", 3),
        ("Dr. Smith has 3.5 apples. He eats them.", 2),
        ('He said "Stop!" Then he left.', 2),
        ("A line\nand another", 2),
    ],
)
def test_sentences(text, count):
    assert len(sentences(text)) == count
    assert "".join(sentences(text)) == text


@pytest.mark.parametrize("text", ["word " * 200, "a" * 1000, "this goes on, and on, and then " * 30])
def test_no_sentence_is_too_long_to_be_spoken_at_once(text):
    pieces = sentences(text)
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= 240
