"""How the demo looks."""

import io

import pytest
from rich.console import Console

from trio_realtime.cli.steps import Noted, Numbers, Outcome, Said, StepBegun, StepEnded, StepResult
from trio_realtime.cli.view import DemoView

GOOD = StepResult(title="text turn", ok=True, detail="answered in 3.2 s of speech", seconds=0.5)
BAD = StepResult(title="handoff", ok=False, detail="no handoff: the session has ended")


def shown(*reports, outcome=None, width=80, **options):
    console = Console(file=io.StringIO(), width=width, markup=False, **options)
    view = DemoView(console)
    for report in reports:
        view(report)
    if outcome is not None:
        view.summary(outcome)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_a_conversation():
    text = shown(
        StepBegun(3, "text turn"),
        Said(speaker="Caller", text="Hello", spoken=False),
        Said(speaker="Front Desk", text="Good [red]evening"),
        Said(speaker="Front Desk", text="I was", cut=True),
        Said(speaker="Front Desk", text="", cut=True),
        Noted("tool", "check_rooms {}"),
        StepEnded(GOOD),
        StepEnded(BAD),
    )
    assert text.splitlines() == [
        "",
        " 3  text turn",
        "    Caller       Hello  (typed)",
        "    Front Desk   Good [red]evening",
        "    Front Desk   I was -- (cut off)",
        "    Front Desk   (cut off before a word was heard)",
        "    tool         check_rooms {}",
        "    ok           answered in 3.2 s of speech",
        "    FAILED       no handoff: the session has ended",
    ]


def test_long_words_wrap_beside_the_label():
    lines = shown(Said(speaker="Caller", text="word " * 40), width=60).splitlines()
    assert lines[0].startswith("    Caller       word")
    assert all(line.startswith(" " * 17 + "word") and len(line) <= 60 for line in lines[1:])


def test_nothing_that_was_said_steers_the_terminal():
    assert "\x1b" not in shown(Said(speaker="\x1b[2J", text="\x1b]0;title\x07"), Noted("tool", "\x1b[31m"))


def test_a_good_outcome():
    numbers = Numbers(
        turns=3, first_audio=(0.01, 0.03), tools=(0.1,), interruptions=(0.002,), handoffs=1, seconds=4.25, audio_in=1.5
    )
    text = shown(outcome=Outcome(steps=(GOOD,), numbers=numbers))
    assert "time to first audio    20 ms on average of 2, 30 ms at most" in text
    assert "tool time              100 ms" in text
    assert "interruption latency   2 ms; no audio after it" in text
    assert "1.5 s in, 0.0 s out" in text
    assert "ok       text turn   0.50 s   answered in 3.2 s of speech" in text
    assert text.endswith("All 1 steps went as expected, in 4.2 s.")


def test_a_bad_outcome():
    text = shown(outcome=Outcome(steps=(GOOD, BAD), numbers=Numbers(interruptions=(1.0,), late_audio=2)))
    assert "FAILED   handoff     0.00 s   no handoff: the session has ended" in text
    assert "1000 ms; 2 audio events after it" in text
    assert "time to first audio    -" in text
    assert text.endswith("1 of 2 steps failed.")


def test_a_narrow_terminal_has_no_room_for_details():
    text = shown(outcome=Outcome(steps=(GOOD, BAD), numbers=Numbers()), width=40)
    assert "answered" not in text
    assert "FAILED   handoff     0.00 s" in text


@pytest.mark.parametrize("colour", [True, False])
def test_colour_is_for_terminals(colour):
    text = shown(StepBegun(1, "x"), force_terminal=colour, color_system="standard" if colour else None)
    assert ("\x1b" in text) is colour
