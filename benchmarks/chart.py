"""Charts as SVG, without anything to install: grouped bars, and lines over numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final, Literal, TypeAlias

import attrs

__all__ = ["Panel", "Series", "svg", "ticks"]

COLOURS: Final = ("#8a8f98", "#1f77b4", "#2ca02c", "#c9ccd1", "#d98c1f", "#7b4fa3")
_WIDTH: Final = 760
_LEFT: Final = 70
_RIGHT: Final = 20
_PLOT: Final = 200
_TITLE: Final = 40
_FOOT: Final = 45
_HEAD: Final = 64

Series: TypeAlias = Mapping[str, Sequence[float | None]]
"""The values of each client, one for each place; None where there is none."""


@attrs.frozen(kw_only=True)
class Panel:
    """One diagram.

    Attributes:
        title: what is shown, with its unit.
        kind: bars in groups, or lines.
        places: the names of the groups or of the points.
        series: the values.
        log: a logarithmic axis.
    """

    title: str
    kind: Literal["bars", "lines"]
    places: Sequence[str]
    series: Series
    log: bool = False


def ticks(top: float) -> list[float]:
    """Give round numbers from 0 to at least ``top``, four to six of them."""
    if top <= 0:
        return [0.0, 1.0]
    raw = top / 4
    unit = 10 ** floor(log10(raw))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= raw)
    return [step * i for i in range(ceil(top / step - 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(floor(log10(low)), max(ceil(log10(high)), floor(log10(low)) + 1) + 1)]


def _number(value: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    text = f"{value:,.{min(digits, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Axis:
    """From values to heights, in pixels above the base line."""

    def __init__(self, panel: Panel) -> None:
        values = [value for line in panel.series.values() for value in line if value is not None]
        positive = [value for value in values if value > 0]
        self._log = panel.log and bool(positive)
        top = max(values, default=1.0)
        self.ticks = _log_ticks(min(positive), max(positive)) if self._log else ticks(top)

    def height(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        if self._log:
            return _PLOT * (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low))
        return _PLOT * max(0.0, value) / high


def svg(title: str, panels: Sequence[Panel]) -> str:
    """Draw panels below each other, with one legend."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    each = _TITLE + _PLOT + _FOOT
    height = _HEAD + each * len(panels)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">',
        '<g font-family="system-ui, sans-serif" font-size="12" fill="#333">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="24" font-size="16" font-weight="600">{escape(title)}</text>',
    ]
    x = float(_LEFT)
    for name in names:
        out.append(f'<rect x="{x:.0f}" y="38" width="12" height="12" fill="{colours[name]}"/>')
        out.append(f'<text x="{x + 17:.0f}" y="48">{escape(name)}</text>')
        x += 40 + 6.8 * len(name)
    for number, panel in enumerate(panels):
        out += _panel(panel, _HEAD + each * number + _TITLE + _PLOT, colours)
    return "\n".join([*out, "</g>", "</svg>"]) + "\n"


def _panel(panel: Panel, base: float, colours: Mapping[str, str]) -> list[str]:
    axis = _Axis(panel)
    out = [f'<text x="{_LEFT}" y="{base - _PLOT - 14}" font-weight="600">{escape(panel.title)}</text>']
    for tick in axis.ticks:
        y = base - axis.height(tick)
        out.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e5e8"/>')
        out.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>')
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(panel.places))
    centres = [_LEFT + step * (place + 0.5) for place in range(len(panel.places))]
    for centre, place in zip(centres, panel.places, strict=True):
        out.append(f'<text x="{centre:.1f}" y="{base + 18}" text-anchor="middle">{escape(place)}</text>')
    draw = _bars if panel.kind == "bars" else _lines
    return out + draw(panel, base, axis, centres, colours)


def _bars(panel: Panel, base: float, axis: _Axis, centres: Sequence[float], colours: Mapping[str, str]) -> list[str]:
    out: list[str] = []
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(panel.places))
    width = min(48.0, step * 0.8 / max(1, len(panel.series)))
    for number, (name, values) in enumerate(panel.series.items()):
        for centre, value in zip(centres, values, strict=True):
            if value is None:
                continue
            x = centre + (number - len(panel.series) / 2) * width
            height = axis.height(value)
            out.append(
                f'<rect x="{x + 1:.1f}" y="{base - height:.1f}" width="{width - 2:.1f}" height="{height:.1f}" '
                f'fill="{colours[name]}"><title>{escape(name)}: {_number(value)}</title></rect>'
            )
            out.append(
                f'<text x="{x + width / 2:.1f}" y="{base - height - 4:.1f}" text-anchor="middle" font-size="10">'
                f"{_number(value)}</text>"
            )
    return out


def _lines(panel: Panel, base: float, axis: _Axis, centres: Sequence[float], colours: Mapping[str, str]) -> list[str]:
    out: list[str] = []
    for name, values in panel.series.items():
        points = [
            (centre, base - axis.height(value), value)
            for centre, value in zip(centres, values, strict=True)
            if value is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
        out += (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colours[name]}">'
            f"<title>{escape(name)}: {_number(value)}</title></circle>"
            for x, y, value in points
        )
    return out
