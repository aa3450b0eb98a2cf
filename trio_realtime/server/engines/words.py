"""Words of a user matched to tools, and arguments filled from words: what :class:`RulesEngine` does with language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

__all__ = ["Schema", "fill_arguments", "tool_score", "word_set"]

Schema: TypeAlias = Mapping[str, Any]
"""A JSON schema."""

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9'.@_+-]*")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COMMON_WORDS: Final = """
a about all an and any are as at be by call can current do does find for from function get give given has have how
i if in info information into is it its list look lookup make me my name new not of on one or our please return
returns search set should so some tell that the their them this to tool up us use user want was we what when where
which who will with would you your
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())
_NUMBER_WORDS: Final = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBERS: Final[Mapping[str, int]] = {word: value for value, word in enumerate(_NUMBER_WORDS.split())}
_PLACE: Final = ("in", "for", "to", "at", "from", "about", "of", "on", "with", "called", "named")
_BY_NAME: Final[Mapping[str, tuple[str, ...]]] = {
    "origin": ("from",),
    "source": ("from",),
    "sender": ("from",),
    "start": ("from",),
    "destination": ("to",),
    "target": ("to",),
    "recipient": ("to",),
    "end": ("to",),
    "title": ("called", "named", "titled"),
    "name": ("called", "named", "name is", "i am", "i'm"),
    "topic": ("about", "on"),
    "subject": ("about", "on"),
    "query": ("for", "about"),
}
_SHAPES: Final[Sequence[tuple[str, re.Pattern[str]]]] = (
    ("email", re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")),
    ("phone", re.compile(r"\+?\d[\d -]{5,}\d")),
    ("time", re.compile(r"\b\d{1,2}(?::\d{2})?\s*(?:am|pm)\b|\b\d{1,2}:\d{2}\b", re.IGNORECASE)),
    (
        "date",
        re.compile(
            r"\b\d{4}-\d{2}-\d{2}\b|\b(?:today|tomorrow|tonight|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
            re.IGNORECASE,
        ),
    ),
)
_NO: Final = re.compile(r"\b(?:no|not|don't|never|without|off|false|disable)\b", re.IGNORECASE)
_DEPTH: Final = 6


def _stem(word: str) -> str:
    word = word.lower().strip("'.-_")
    for endings in (("'s", "s"), ("ing", "ed"), ("e",)):
        ending = next((one for one in endings if word.endswith(one) and len(word) - len(one) >= 3), "")
        word = word.removesuffix(ending)
    return word


def word_set(text: str) -> frozenset[str]:
    """Give the telling words of a text or identifier, shortened so that ``bookings`` and ``booked`` match ``book``."""
    spaced = _CAMEL.sub(" ", text).replace("_", " ").replace("-", " ")
    stems = {_stem(word) for word in _WORD.findall(spaced) if word.lower() not in _COMMON}
    return frozenset(stem for stem in stems if len(stem) > 1)


def tool_score(tool: Mapping[str, Any], text: str) -> int:
    """Tell how well a tool fits the user's words: three for a word of its name, one for a word of its description."""
    said = word_set(text)
    named = word_set(str(tool.get("name") or ""))
    described = word_set(str(tool.get("description") or ""))
    return 3 * len(said & named) + len(said & (described - named))


def fill_arguments(tool: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Give arguments for a tool from the user's words, by the tool's JSON schema.

    Every required property gets a value of its type, found in the words or a plain default; others only if found.
    """
    parameters: Schema = tool.get("parameters") or {}
    return _Filler(parameters, word_set(str(tool.get("name") or "")), text).record(parameters)


class _Filler:
    """One filling: numbers and phrases are used up in the order of the properties."""

    def __init__(self, root: Schema, tool_words: frozenset[str], text: str) -> None:
        self._root = root
        self._tool_words = tool_words
        self._text = text.strip().rstrip("?!. ")
        self._numbers: list[float] = [
            _NUMBERS[word.lower()] if word.lower() in _NUMBERS else float(word)
            for word in re.findall(r"-?\b\d+(?:\.\d+)?\b|[A-Za-z]+", self._text)
            if word.lower() in _NUMBERS or word[-1].isdigit()
        ]
        self._used: set[str] = set()

    def record(self, schema: Schema, depth: int = 0) -> dict[str, Any]:
        properties: Mapping[str, Schema] = schema.get("properties") or {}
        required: list[str] = schema.get("required") or []
        values: dict[str, Any] = {}
        for name, inner in properties.items():
            found, value = self._value(name, inner, depth)
            if found or name in required:
                values[name] = value
        return values

    def _resolve(self, schema: Schema) -> Schema:
        """Follow references, and take the first alternative that is not null."""
        found: Any = schema
        for _ in range(_DEPTH):
            if "$ref" in found:
                path = str(found["$ref"]).removeprefix("#/").split("/")
                found = self._root
                for key in path:
                    found = found.get(key) or {}
                continue
            options: list[Any] = found.get("anyOf") or found.get("oneOf") or found.get("allOf") or []
            if not options:
                break
            found = next((option for option in options if option.get("type") != "null"), options[0])
        resolved: Schema = found
        return resolved

    def _value(self, name: str, schema: Schema, depth: int = 0) -> tuple[bool, Any]:
        """Give whether a value was found in the words, and the value or a default of the right type."""
        schema = self._resolve(schema)
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            kind = next((one for one in cast("list[str]", kind) if one != "null"), "null")
        if "const" in schema:
            found, value = True, schema["const"]
        elif schema.get("enum"):
            found, value = self._choice(schema["enum"])
        elif kind in {"integer", "number"}:
            found, value = self._number(schema, whole=kind == "integer")
        elif kind == "boolean":
            found, value = self._yes_or_no(name, schema)
        elif kind == "array":
            found, value = self._list(name, schema, depth)
        elif kind == "object":
            value = self.record(schema, depth + 1) if depth < _DEPTH else {}
            found = bool(value)
        elif kind == "null":
            found, value = False, None
        else:
            found, value = self._phrase(name, schema)
        return found, value

    def _choice(self, values: Sequence[Any]) -> tuple[bool, Any]:
        for value in values:
            if re.search(rf"\b{re.escape(str(value).replace('_', ' '))}", self._text, re.IGNORECASE):
                return True, value
        return False, values[0]

    def _number(self, schema: Schema, *, whole: bool) -> tuple[bool, float | int]:
        found = bool(self._numbers)
        value = self._numbers.pop(0) if found else schema.get("default") or schema.get("minimum") or 1
        return found, int(value) if whole or float(value).is_integer() else float(value)

    def _yes_or_no(self, name: str, schema: Schema) -> tuple[bool, bool]:
        mentioned = bool(word_set(name) & word_set(self._text)) or bool(_NO.search(self._text))
        default = schema.get("default")
        return mentioned, not _NO.search(self._text) if mentioned or default is None else bool(default)

    def _list(self, name: str, schema: Schema, depth: int) -> tuple[bool, list[Any]]:
        found, value = self._value(name, schema.get("items") or {}, depth + 1)
        if not isinstance(value, str):
            return found, [value] if found else []
        return found, [part.strip() for part in re.split(r",| and ", value) if part.strip()]

    def _phrase(self, name: str, schema: Schema) -> tuple[bool, str]:
        for shape, pattern in _SHAPES:
            if shape in name.lower() or schema.get("format") == shape:
                match = pattern.search(self._text)
                return match is not None, match[0] if match else str(schema.get("default") or self._text)
        for candidate in self._candidates(name):
            if candidate and candidate.lower() not in self._used:
                self._used.add(candidate.lower())
                return True, candidate
        return False, str(schema.get("default") or self._text)

    def _candidates(self, name: str) -> list[str]:
        """Give phrases that may be meant, best first: after a telling preposition, in capitals, or all that is left."""
        own = next((words for key, words in _BY_NAME.items() if key in name.lower()), ())
        found = [self._after(words) for words in (own, _PLACE) if words]
        names = re.findall(r"(?<![.?!] )(?<!^)\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*", self._text)
        found += [one for one in names if one not in {"I", "I'm", "I'd", "I'll"}]
        return [*found, self._rest()]

    def _after(self, words: Sequence[str]) -> str:
        ends = r"(?=\s+(?:in|for|to|at|from|about|on|with|please|today|tomorrow|tonight|called|named)\b|[,.?!]|$)"
        starts = "|".join(re.escape(word) for word in words)
        best = ""
        for match in re.finditer(
            rf"\b(?:{starts})\s+(?:the\s+|an?\s+|my\s+)?([^,.?!]+?){ends}", self._text, re.IGNORECASE
        ):
            phrase = match[1].strip()
            if phrase.lower() in self._used or phrase.lower() in {"me", "you", "us", "it", "know"}:
                continue
            if phrase[:1].isupper():
                return phrase
            best = best or phrase
        return "" if word_set(best) <= self._tool_words else best

    def _rest(self) -> str:
        """Give what follows the last word that named the tool."""
        position = 0
        for match in _WORD.finditer(self._text):
            if _stem(match[0]) in self._tool_words:
                position = match.end()
        return self._text[position:].strip(" ,:") if position else ""
