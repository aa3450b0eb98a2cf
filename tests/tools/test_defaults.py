"""Defaults of parameters as JSON."""

from __future__ import annotations

import datetime as dt
import enum

import pytest

from trio_realtime.tools._defaults import json_default, sendable


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (3, 3),
        ((1, "a"), [1, "a"]),
        (Colour.RED, "red"),
        (dt.date(2030, 1, 31), "2030-01-31"),
        (..., ...),
        (object(), ...),
        (float("nan"), ...),
        (len, ...),
    ],
)
def test_defaults_with_and_without_a_json_form(value: object, expected: object) -> None:
    assert json_default(value) == expected


def test_only_what_utf8_cannot_hold_is_replaced() -> None:
    assert sendable("aé😀\ud800") == "aé😀?"
