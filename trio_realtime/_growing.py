"""A text that grows piece by piece, and what it was at any moment, at a flat cost."""

from __future__ import annotations

__all__ = ["GrowingText"]


class GrowingText:
    """A text as it was at one moment; :meth:`plus` gives it as it is then.

    The pieces are shared by all moments of a text, so that a thousand of them take no more memory than the last one.
    The whole text is put together when somebody asks for it.
    """

    __slots__ = ("_count", "_length", "_pieces")

    def __init__(self, text: str = "") -> None:
        self._pieces = [text]
        self._count = 1
        self._length = len(text)

    def plus(self, piece: str) -> GrowingText:
        """Give the text with ``piece`` at its end."""
        grown = GrowingText.__new__(GrowingText)
        if self._count == len(self._pieces):
            grown._pieces = self._pieces
            grown._pieces.append(piece)
        else:  # another text has grown out of this one already
            grown._pieces = [*self._pieces[: self._count], piece]
        grown._count = self._count + 1
        grown._length = self._length + len(piece)
        return grown

    def __str__(self) -> str:
        return "".join(self._pieces[: self._count])

    def __repr__(self) -> str:
        return repr(str(self))

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, (str, GrowingText)) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))
