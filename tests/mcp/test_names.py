"""Names with the server's in front."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from trio_realtime.mcp.names import prefixed_names


def test_plain() -> None:
    assert prefixed_names([("files", "read"), ("web", "read")], []) == ["mcp_files__read", "mcp_web__read"]


def test_odd_characters_and_nothing_left() -> None:
    assert prefixed_names([("http://x.y/", "a.b"), ("é", "☀")], []) == ["mcp_http___x_y__a_b", "mcp_server__tool"]


def test_a_name_that_is_taken_gets_a_hash() -> None:
    (name,) = prefixed_names([("files", "read")], ["mcp_files__read"])
    assert re.fullmatch(r"mcp_files__read_[0-9a-f]{8}", name)


def test_both_of_two_get_one_whatever_the_order() -> None:
    one, two = ("a.b", "read"), ("a_b", "read")
    first, second = prefixed_names([one, two], [])
    assert first != second
    assert prefixed_names([two, one], []) == [second, first]


def test_long_ones_are_cut() -> None:
    names = prefixed_names([("s" * 50, "t" * 50), ("s" * 50, "t" * 51)], [])
    assert all(len(name) <= 64 for name in names)
    assert len(set(names)) == 2


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), max_size=8), st.data())
def test_always_well_formed_and_unique(tools, data) -> None:
    reserved = data.draw(st.sets(st.sampled_from(prefixed_names(tools, []) or ["x"])))
    names = prefixed_names(tools, reserved)
    assert len(names) == len(tools)
    assert len({*names, *reserved}) == len(names) + len(reserved)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
