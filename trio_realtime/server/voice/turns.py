"""What words tell about turns: where sentences end, and whether a speaker seems to have finished.

The second is a heuristic on the transcript, no model of turn taking: it knows the words with which nobody ends a turn.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["seems_finished", "sentences"]

_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])[\"'\u201d\u2019)\]]*\s+(?=\S)|\n+")
_ABBREVIATION: Final = re.compile(r"(?:\b(?:[A-Z]|Dr|Mr|Mrs|Ms|St|Prof|No|vs|e\.g|i\.e))\.$")
_CLAUSE_END: Final = re.compile(r"(?<=[,;:—])\s+|\s+(?=(?:and|or|but|because|which|while)\b)")
_MOST: Final = 240
_WORD: Final = re.compile(r"[a-z']+")
_UNFINISHED_WORDS: Final = """
a about after although an and as at because before but by could does for from had has have if in into is it's i'd i'll
i'm like maybe my of on or our please should so some than that the their then there's these this those to until very
was we're were when where whether which while who whose will with would you're your um uh er erm hmm well
"""
_UNFINISHED: Final = frozenset(_UNFINISHED_WORDS.split())
_MAY_END_WORDS: Final = "about at for from in on to with of please that this well"
_MAY_END: Final = frozenset(_MAY_END_WORDS.split())
"""Words of the list above that can end a question or a request."""


def sentences(text: str) -> list[str]:
    """Cut a text into sentences of speakable length; together they are the text, spaces included."""
    cuts = [match.end() for match in _SENTENCE_END.finditer(text) if not _ABBREVIATION.search(text[: match.start()])]
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return [part for piece in pieces for part in _shorter(piece) if part]


def _shorter(sentence: str) -> list[str]:
    """Cut a sentence that is too long where a clause ends, or else between words."""
    parts: list[str] = []
    while len(sentence) > _MOST:
        cuts = [match.end() for match in _CLAUSE_END.finditer(sentence, 1, _MOST)]
        at = cuts[-1] if cuts else sentence.rfind(" ", 1, _MOST) + 1 or _MOST
        parts.append(sentence[:at])
        sentence = sentence[at:]
    return [*parts, sentence]


def seems_finished(words: str) -> bool:
    """Whether somebody who has said this, and is silent, seems to be done.

    Not after a word with which no sentence ends ("and", "um", "the"), a comma or a dash; a question mark or an
    exclamation mark settles it, and so does a full stop except after such a word (transcripts get one at every pause).
    """
    text = words.strip().lower().rstrip("\"'\u201d\u2019)")
    if not text or text.endswith((",", "-", "\u2014", "\u2013", "...", "…", ":")):
        return False
    found = _WORD.findall(text)
    if not found:
        return True
    last = found[-1]
    if last not in _UNFINISHED:
        return True
    return last in _MAY_END and text.endswith(("?", "!", "."))
