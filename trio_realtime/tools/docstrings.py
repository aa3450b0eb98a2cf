"""Descriptions from docstrings in Google, NumPy and Sphinx style."""

from __future__ import annotations

import inspect
from typing import Literal, get_args

import attrs

from trio_realtime.errors import UserError

__all__ = ["DocstringStyle", "Documentation", "read_docstring"]

DocstringStyle = Literal["google", "numpy", "sphinx"]


@attrs.frozen
class Documentation:
    """What a docstring says.

    Attributes:
        description: the text before the sections.
        params: the text of each parameter (or attribute) that has one.
    """

    description: str = ""
    params: dict[str, str] = attrs.field(factory=dict[str, str])


def read_docstring(docstring: str | None, style: DocstringStyle | None = None) -> Documentation:
    """Read a docstring.

    Args:
        docstring: the text, as it stands in the source.
        style: how its sections are written; found out by itself if None.

    Returns:
        What it says; of a docstring that cannot be read, the whole text as description.

    Raises:
        UserError: the style is not one of the three.
    """
    if style is not None and style not in get_args(DocstringStyle):
        raise UserError(f"docstring_style must be 'google', 'numpy' or 'sphinx', not {style!r}")
    text = inspect.cleandoc(docstring or "")
    if not text:
        return Documentation()
    from docstring_parser import DocstringStyle as Style
    from docstring_parser import ParseError, parse

    styles = {"google": Style.GOOGLE, "numpy": Style.NUMPYDOC, "sphinx": Style.REST, None: Style.AUTO}
    try:
        parsed = parse(text, style=styles[style])
    except ParseError:
        return Documentation(text)
    params = {
        name.strip().lstrip("*"): param.description.strip()
        for param in parsed.params
        if param.description and param.description.strip()
        for name in param.arg_name.split(",")  # NumPy style documents several at once: "x, y : int"
    }
    return Documentation((parsed.description or "").strip(), params)
