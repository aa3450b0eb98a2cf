"""Which words were heard, when speech was cut.

By the times of the words where the service gives them, else in proportion: of a speech of 10 s that was cut at 2 s, the
first fifth of the text, whole words only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from typing import Final, TypeVar

import attrs

from trio_realtime.items import AssistantAudio, AssistantContent, AssistantMessageItem, RealtimeItem

__all__ = ["Cut", "WordTiming", "heard_item", "heard_text", "whole_item"]

ItemT = TypeVar("ItemT", bound=RealtimeItem)

_CHARACTERS_PER_MS: Final = 0.015
"""A usual pace of speech, for audio whose length nobody told (a phone call that the service plays by itself)."""


@attrs.frozen
class WordTiming:
    """Where a word is in the audio of its part, in milliseconds."""

    text: str
    start_ms: float
    end_ms: float


@attrs.frozen(kw_only=True)
class Cut:
    """Where the audio of a part was cut.

    Attributes:
        heard_ms: how much of it was heard.
        total_ms: how much there was; 0 if nobody knows.
        words: where its words are, as far as the service told.
    """

    heard_ms: int
    total_ms: float = 0.0
    words: Sequence[WordTiming] = ()


def heard_text(text: str, cut: Cut) -> str:
    """Give the part of ``text`` that was heard: a prefix of it, of whole words."""
    heard, heard_until = 0, 0.0
    for word in cut.words:
        if word.end_ms > cut.heard_ms:
            return text[:heard]
        found = text.find(word.text.strip(), heard)
        if found >= 0:
            heard, heard_until = found + len(word.text.strip()), word.end_ms
    rest = cut.heard_ms - heard_until
    if cut.total_ms > heard_until:
        share = rest / (cut.total_ms - heard_until)
        size = len(text) - heard if share >= 1 else floor((len(text) - heard) * share)
    elif cut.total_ms:
        size = len(text) - heard
    else:
        size = floor(rest * _CHARACTERS_PER_MS)
    return _whole_words(text, heard + size)


def _whole_words(text: str, size: int) -> str:
    """Give at most ``size`` characters of a text and no half word, if there are spaces between words."""
    if size >= len(text):
        return text
    end = size
    if not text[size].isspace() and any(character.isspace() for character in text):
        while end and not text[end - 1].isspace():
            end -= 1
    return text[:end].rstrip()


def heard_item(item: ItemT, cuts: Mapping[int, Cut]) -> ItemT:
    """Give an item as it was heard: the words of cut parts, and none of what came after the first cut.

    The whole text goes to ``generated_transcript``.
    """
    if not isinstance(item, AssistantMessageItem) or not cuts:
        return item
    parts: list[AssistantContent] = []
    first = min(cuts)
    for index, part in enumerate(item.content):
        cut = cuts.get(index, Cut(heard_ms=0) if index > first else None)
        if isinstance(part, AssistantAudio) and cut is not None:
            text = part.transcript
            heard = None if text is None else heard_text(text, cut)
            part = attrs.evolve(part, transcript=heard, generated_transcript=text, heard_ms=cut.heard_ms)  # noqa: PLW2901
        parts.append(part)
    return attrs.evolve(item, status="incomplete", content=tuple(parts))


def whole_item(item: ItemT) -> ItemT:
    """Give an item as it was generated: the reverse of :func:`heard_item`, but for the status."""
    if not isinstance(item, AssistantMessageItem):
        return item
    parts = [
        attrs.evolve(part, transcript=part.generated_transcript, generated_transcript=None, heard_ms=None)
        if isinstance(part, AssistantAudio) and part.heard_ms is not None
        else part
        for part in item.content
    ]
    return attrs.evolve(item, content=tuple(parts))
