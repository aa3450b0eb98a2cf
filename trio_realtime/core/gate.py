"""When output guardrails look at a growing text.

A check is due whenever an item's text has grown past the next multiple of the debounce length, however big the step,
and once more at the end on whatever no check has seen: short replies and tails included.
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
    text: str = ""
    checked: int = 0


class TranscriptGate:
    """Collects the words of each response and says when a check is due.

    Args:
        debounce: characters between two checks of a growing text.
    """

    def __init__(self, debounce: int) -> None:
        self._debounce = debounce
        self._texts: dict[str, dict[tuple[str, int], _Text]] = {}

    def add(self, response_id: str, item_id: str, content_index: int, delta: str) -> Check | None:
        """Add words; give a check if one is due."""
        part = self._part(response_id, item_id, content_index)
        part.text += delta
        if len(part.text) // self._debounce <= part.checked // self._debounce:
            return None
        part.checked = len(part.text)
        return Check(response_id, item_id, part.text)

    def replace(self, response_id: str, item_id: str, content_index: int, text: str) -> None:
        """Set the final words of a part; if they are not the ones that came as deltas, no check has seen them."""
        part = self._part(response_id, item_id, content_index)
        if part.text != text:
            part.text, part.checked = text, 0

    def finish(self, response_id: str) -> Sequence[Check]:
        """End a response: give a check for every part with words that no check has seen, and forget it."""
        parts = self._texts.pop(response_id, {})
        return [
            Check(response_id, item_id, part.text)
            for (item_id, _), part in parts.items()
            if len(part.text) > part.checked
        ]

    def forget(self, response_id: str) -> None:
        """Drop a response whose words need no more checks."""
        self._texts.pop(response_id, None)

    def _part(self, response_id: str, item_id: str, content_index: int) -> _Text:
        return self._texts.setdefault(response_id, {}).setdefault((item_id, content_index), _Text())
