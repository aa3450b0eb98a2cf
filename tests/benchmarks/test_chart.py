"""Charts."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.chart import Panel, svg, ticks

NS = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("top", "expected"), [(1, 1.0), (7, 8.0), (100, 100), (0.031, 0.04), (0, 1.0)])
def test_ticks_are_round_and_reach_the_top(top, expected):
    found = ticks(top)
    assert found[0] == 0
    assert found[-1] == pytest.approx(expected)
    assert 2 <= len(found) <= 6


def test_bars():
    panel = Panel(title="a < b", kind="bars", places=["x", "y"], series={"one": [1.0, 2.0], "two": [None, 4.0]})
    root = ET.fromstring(svg("Title & more", [panel]))
    texts = [text.text for text in root.iter(f"{NS}text")]
    assert {"Title & more", "a < b", "one", "two", "x", "y"} <= set(texts)
    heights = [float(bar.get("height")) for bar in root.iter(f"{NS}rect") if bar.find(f"{NS}title") is not None]
    assert heights == [50.0, 100.0, 200.0]


@pytest.mark.parametrize("log", [False, True])
def test_lines(log):
    panel = Panel(title="t", kind="lines", places=["1", "2", "3"], series={"one": [1.0, None, 100.0]}, log=log)
    root = ET.fromstring(svg("Title", [panel, panel]))
    assert len(list(root.iter(f"{NS}circle"))) == 4
    assert len(list(root.iter(f"{NS}polyline"))) == 2


def test_nothing_to_show():
    ET.fromstring(svg("Title", [Panel(title="t", kind="bars", places=[], series={})]))
