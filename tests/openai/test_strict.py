from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from trio_realtime.openai._strict import Explanation, explain, hook_for


@attrs.frozen(kw_only=True)
class Inner:
    word: str
    number: float | None = None


@attrs.frozen(kw_only=True)
class Outer:
    inner: Inner
    inners: tuple[Inner, ...] = ()
    flag: bool = False
    many: Mapping[str, Any] | None = None
    words: Mapping[str, str] | None = None
    anything: Any = None
    either: str | int | None = None


def test_what_fits_is_structured_and_the_rest_ignored():
    data = {
        "inner": {"word": "a", "number": 1, "more": 2},
        "inners": [{"word": "b", "number": None}],
        "flag": True,
        "many": {"x": 1},
        "words": {"x": "y"},
        "anything": [1],
        "either": 5,
        "other": None,
    }
    assert hook_for(Outer)(data, Outer) == Outer(
        inner=Inner(word="a", number=1),
        inners=(Inner(word="b"),),
        flag=True,
        many={"x": 1},
        words={"x": "y"},
        anything=[1],
        either=5,
    )
    assert explain(Outer, data) is None


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        ({}, "inner", "is missing"),
        ({"inner": {}}, "inner.word", "is missing"),
        ({"inner": 3}, "inner", "must be an object, not int"),
        ({"inner": {"word": b"x"}}, "inner.word", "must be text, not bytes"),
        ({"inner": {"word": "a", "number": "1"}}, "inner.number", "must be a number, not str"),
        ({"inner": {"word": "a", "number": True}}, "inner.number", "must be a number, not bool"),
        ({"inner": {"word": "a"}, "inners": {}}, "inners", "must be a list, not dict"),
        ({"inner": {"word": "a"}, "inners": [{"word": "a"}, {}]}, "inners[1].word", "is missing"),
        ({"inner": {"word": "a"}, "flag": 1}, "flag", "must be true or false, not int"),
        ({"inner": {"word": "a"}, "many": []}, "many", "must be an object, not list"),
        ({"inner": {"word": "a"}, "words": {"x": 1}}, "words", "['x'] must be text, not int"),
        ([], "", "must be an object, not list"),
    ],
)
def test_what_does_not_fit_is_explained(data, path, message):
    with pytest.raises((ValueError, TypeError, KeyError)):
        hook_for(Outer)(data, Outer)
    assert explain(Outer, data) == Explanation(path, message)
