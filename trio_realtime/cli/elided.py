"""Events of the wire as they may be shown: audio and other long strings as their length, and no secrets."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from trio_realtime._urls import shown_url, without_keys

__all__ = ["elided"]

_SECRET: Final = "<secret>"  # noqa: S105  (what is shown instead of one)
_SECRET_NAME: Final = re.compile(
    r"(?i).*(?:secret|token|password|passwd|authorization|cookie|credentials?|api[_-]?key)|(?:.*[_-])?key"
)


def elided(event: Any, *, longest: int, words: bool = False) -> Any:
    """Give JSON with what is long, audio above all, replaced by its length, and secrets by the word.

    Secret are values whose name says so (``client_secret``, ``authorization``, ``api_key``, ...), all values of
    ``headers``, what looks like a key, and of URLs the user name and the query.

    Args:
        event: the JSON.
        longest: how many characters a string may have.
        words: leave longer strings with a space in them as they are.

    Raises:
        RecursionError: it is nested too deep.
    """
    return _Elision(longest, words).of("", event)


class _Elision:
    def __init__(self, longest: int, words: bool) -> None:
        self._longest = longest
        self._words = words

    def of(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._string(name, value)
        if isinstance(value, dict):
            return self._object(cast("dict[str, Any]", value))
        if isinstance(value, list):
            return [self.of(name, inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]
        return value

    def _object(self, fields: dict[str, Any]) -> dict[str, Any]:
        audio = "delta" if str(fields.get("type")).endswith("audio.delta") else "audio"
        shown: dict[str, Any] = {}
        for name, value in fields.items():
            if name == audio and isinstance(value, str):
                shown[name] = f"<{len(value)} characters>"
            elif isinstance(value, (str, dict, list)) and _is_secret(name, fields):
                shown[name] = _SECRET
            elif name == "headers" and isinstance(value, dict):
                shown[name] = dict.fromkeys(cast("dict[str, Any]", value), _SECRET)
            else:
                shown[name] = self.of(name, value)
        return shown

    def _string(self, name: str, value: str) -> str:
        if len(value) > self._longest and not (self._words and " " in value):
            return f"<{len(value)} characters>"
        if name.endswith("url") and not value.startswith("data:"):
            return shown_url(value)
        return without_keys(value)


def _is_secret(name: str, fields: dict[str, Any]) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None and "logprob" not in fields  # there a token is a piece of a word
