"""How the demo's conversation looks on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trio_realtime.cli.call_log import CALLER
from trio_realtime.cli.output import plain
from trio_realtime.cli.steps import Noted, Numbers, Outcome, Report, Said, StepBegun, StepEnded, StepResult

__all__ = ["DemoView"]

_LABEL_WIDTH: Final = 12
_WIDE: Final = 60
_STYLES: Final = {
    "connection": "dim",
    "tool": "cyan",
    "approval": "yellow",
    "handoff": "magenta",
    "guardrail": "red",
    "interruption": "yellow",
    "error": "bold red",
}


class DemoView:
    """Prints what a conversation reports, as it comes, and its outcome at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        """Print a line about the conversation."""
        self._console.print(Text(plain(text), style="dim"))

    def __call__(self, report: Report) -> None:
        """Print one report."""
        match report:
            case StepBegun(number, title):
                self._console.print()
                self._console.print(Text(f"{number:>2}  {title}", style="bold"))
            case Said():
                self._said(report)
            case Noted(kind, text):
                self._line(kind, Text(plain(text)), style=_STYLES[kind])
            case StepEnded(result):
                style = "green" if result.ok else "bold red"
                self._line("ok" if result.ok else "FAILED", Text(plain(result.detail), style="dim"), style=style)

    def _said(self, said: Said) -> None:
        words = Text(plain(said.text))
        if said.cut:
            words.append(" -- (cut off)" if said.text else "(cut off before a word was heard)", style="yellow")
        if not said.spoken:
            words.append("  (typed)", style="dim")
        self._line(said.speaker, words, style="bold blue" if said.speaker == CALLER else "bold green")

    def _line(self, label: str, text: Text, *, style: str) -> None:
        """Print a label and a text that wraps beside it."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=3)
        grid.add_column(min_width=_LABEL_WIDTH, max_width=_LABEL_WIDTH, style=style)
        grid.add_column(ratio=1, overflow="fold")
        grid.add_row("", plain(label), text)
        self._console.print(grid)

    def summary(self, outcome: Outcome) -> None:
        """Print the numbers, the checklist and the verdict."""
        self._console.print()
        self._console.print(_numbers_table(outcome.numbers))
        self._console.print()
        self._console.print(_checklist(outcome.steps, self._console.width >= _WIDE))
        failed = sum(not step.ok for step in outcome.steps)
        count = len(outcome.steps)
        if failed:
            self._console.print(Text(f"{failed} of {count} steps failed.", style="bold red"))
        else:
            text = f"All {count} steps went as expected, in {outcome.numbers.seconds:.1f} s."
            self._console.print(Text(text, style="bold green"))


def _verdict(result: StepResult) -> Text:
    return Text("ok", style="bold green") if result.ok else Text("FAILED", style="bold red")


def _checklist(steps: Sequence[StepResult], wide: bool) -> Table:
    """Give each step on a line; without the details where they would not fit."""
    table = Table(title="Checklist", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("result", no_wrap=True)
    table.add_column("step", overflow="fold")
    table.add_column("time", justify="right", no_wrap=True)
    if wide:
        table.add_column("what happened", overflow="fold")
    for step in steps:
        detail = Text(plain(step.detail), style="dim" if step.ok else "red")
        table.add_row(_verdict(step), step.title, f"{step.seconds:.2f} s", *([detail] if wide else []))
    return table


def _numbers_table(numbers: Numbers) -> Table:
    table = Table(
        title="The call in numbers",
        title_justify="left",
        title_style="bold",
        show_header=False,
        box=box.SIMPLE,
        pad_edge=False,
    )
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    audio = f"{numbers.audio_in:.1f} s in, {numbers.audio_out:.1f} s out, {numbers.audio_heard:.1f} s of it heard"
    late = f"; {numbers.late_audio} audio events after it" if numbers.late_audio else "; no audio after it"
    interruptions = _times(numbers.interruptions) + (late if numbers.interruptions else "")
    for name, value in (
        ("turns", str(numbers.turns)),
        ("events", str(numbers.events)),
        ("audio", audio),
        ("time to first audio", _times(numbers.first_audio)),
        ("tool time", _times(numbers.tools)),
        ("interruption latency", interruptions),
        ("handoffs", str(numbers.handoffs)),
        ("guardrail trips", str(numbers.guardrail_trips)),
        ("history", f"{numbers.history_items} items"),
        ("tokens", f"{numbers.input_tokens} in, {numbers.output_tokens} out"),
        ("whole call", f"{numbers.seconds:.1f} s"),
    ):
        table.add_row(name, value)
    return table


def _times(seconds: Sequence[float]) -> str:
    """Give durations in milliseconds: the one, or how many, their mean and the longest."""
    if not seconds:
        return "-"
    longest = max(seconds) * 1000
    if len(seconds) == 1:
        return f"{longest:.0f} ms"
    return f"{sum(seconds) / len(seconds) * 1000:.0f} ms on average of {len(seconds)}, {longest:.0f} ms at most"
