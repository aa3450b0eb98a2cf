"""Docstrings in three styles."""

from __future__ import annotations

import pytest

from trio_realtime.errors import UserError
from trio_realtime.tools.docstrings import Documentation, read_docstring

GOOGLE = """Add two numbers.

    Any numbers will do.

    Args:
        x (int): the first,
            on two lines
        *rest: the others
        empty:

    Returns:
        The sum.
    """
NUMPY = """Add two numbers.

    Any numbers will do.

    Parameters
    ----------
    x : int
        the first,
        on two lines
    *rest
        the others

    Returns
    -------
    int
        The sum.
    """
SPHINX = """Add two numbers.

    Any numbers will do.

    :param int x: the first,
        on two lines
    :param rest: the others
    :returns: The sum.
    """


@pytest.mark.parametrize(
    ("text", "style"),
    [
        (GOOGLE, None), (GOOGLE, "google"), (NUMPY, None), (NUMPY, "numpy"), (SPHINX, None), (SPHINX, "sphinx"),
    ],
)  # fmt: skip
def test_the_three_styles_say_the_same(text: str, style) -> None:
    found = read_docstring(text, style)
    assert found.description == "Add two numbers.\n\nAny numbers will do."
    assert found.params["x"].split() == ["the", "first,", "on", "two", "lines"]
    assert found.params["rest"] == "the others"
    assert set(found.params) == {"x", "rest"}


def test_numpy_documents_several_at_once() -> None:
    assert read_docstring("S.\n\nParameters\n----------\nx, y : int\n    both\n").params == {"x": "both", "y": "both"}


def test_attributes_of_a_class() -> None:
    assert read_docstring("A point.\n\nAttributes:\n    x: across\n").params == {"x": "across"}


@pytest.mark.parametrize("text", [None, "", "  \n "])
def test_no_docstring(text: str | None) -> None:
    assert read_docstring(text) == Documentation("", {})


def test_a_given_style_is_kept_to() -> None:
    assert read_docstring(SPHINX, "google").params == {}


def test_an_unknown_style_is_refused_even_without_a_docstring() -> None:
    with pytest.raises(UserError, match="docstring_style must be"):
        read_docstring(None, "epytext")


def test_a_docstring_that_cannot_be_parsed_is_a_description() -> None:
    text = ":param a b c d: too many words"
    assert read_docstring(text, "sphinx") == Documentation(text, {})
