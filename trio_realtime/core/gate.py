"""When output guardrails look at a growing text.

A check is due whenever an item's text has grown past the next multiple of the debounce length, however big the step,
and once more at the end on whatever no check has seen: short replies and tails included. The parts of an item are one
text, so that the newest check of an item holds all of the older ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

__all__ = ["Check", "TranscriptGate"]


@attrs.frozen
class Check:
    """A text that guardrails have to look at.

    Attributes:
        response_id, item_id: where it is from.
        text: all words of the item so far.
    """

    response_id: str
    item_id: str
    text: str


@attrs.define
class _Text:
    """The words of an item, part by part."""

    parts: dict[int, str] = attrs.Factory(dict[int, str])
    size: int = 0
    checked: int = 0

    def set(self, content_index: int, text: str) -> None:
        self.size += len(text) - len(self.parts.get(content_index, ""))
        self.parts[content_index] = text

    def whole(self) -> str:
        return "".join(self.parts[index] for index in sorted(self.parts))


class TranscriptGate:
    """Collects the words of each response and says when a check is due.

    Args:
        debounce: characters between two checks of a growing text; 0 for a check of every piece.
    """

    __slots__ = ("_debounce", "_texts")

    def __init__(self, debounce: int) -> None:
        self._debounce = debounce
        self._texts: dict[str, dict[str, _Text]] = {}

    def add(self, response_id: str, item_id: str, content_index: int, delta: str) -> Check | None:
        """Add words; give a check if one is due."""
        item = self._item(response_id, item_id)
        item.set(content_index, item.parts.get(content_index, "") + delta)
        if self._debounce and item.size // self._debounce <= item.checked // self._debounce:
            return None
        item.checked = item.size
        return Check(response_id, item_id, item.whole())

    def replace(self, response_id: str, item_id: str, content_index: int, text: str) -> bool:
        """Set the final words of a part; if they are not the ones that came as deltas, no check has seen them.

        Returns:
            whether they are others.
        """
        item = self._item(response_id, item_id)
        if item.parts.get(content_index, "") == text:
            return False
        item.set(content_index, text)
        item.checked = 0
        return True

    def finish(self, response_id: str) -> Sequence[Check]:
        """End a response: give a check for every item with words that no check has seen, and forget it."""
        items = self._texts.pop(response_id, {})
        return [
            Check(response_id, item_id, item.whole()) for item_id, item in items.items() if item.size > item.checked
        ]

    def pending(self, response_id: str) -> Sequence[Check]:
        """Give a check for every item of a response with words that no check has seen; the response goes on."""
        checks: list[Check] = []
        for item_id, item in self._texts.get(response_id, {}).items():
            if item.size > item.checked:
                item.checked = item.size
                checks.append(Check(response_id, item_id, item.whole()))
        return checks

    def forget(self, response_id: str) -> None:
        """Drop a response whose words need no more checks."""
        self._texts.pop(response_id, None)

    def _item(self, response_id: str, item_id: str) -> _Text:
        return self._texts.setdefault(response_id, {}).setdefault(item_id, _Text())
