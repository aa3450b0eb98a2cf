"""URLs and texts as they may be shown: without what a user name, a password or a query could give away."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

__all__ = ["host_of", "other_scheme", "scrubbed", "shown_origin", "shown_url", "without_keys"]

_HIDDEN: Final = "(an address that is not shown)"
_SCHEMES: Final = frozenset({"", "file", "ftp", "http", "https", "rediss", "redis", "tcp", "unix", "ws", "wss"})
_NAMES: Final = r"(?:key|token|secret|password|passwd|pwd|authorization|signature|credential)"
_KEYS: Final = (
    (re.compile(r"(?i)\b(bearer|basic) +(?=[\w.~+/=-]*\d)[\w.~+/=-]{8,}"), r"\1 ..."),
    (re.compile(r"\b([se]k)[-_][\w-]{8,}"), r"\1-..."),
)
_SECRETS: Final = (
    (re.compile(r"(?<=://)[^\s'\"]*@"), "...@"),  # to the last @: in a password there may be any character
    (re.compile(r"[^\s:/@'\"(]+:(?!//)[^\s@'\"]+@(?=[\w.\[-])"), "...@"),  # the same, where the scheme was forgotten
    (re.compile(r"(://[^\s?'\"]*)\?[^\s'\")]+"), r"\1?..."),
    (re.compile(rf"(?i)\b([\w-]*{_NAMES})=[^\s&'\")]+"), r"\1=..."),
    *_KEYS,
)


def shown_url(url: str) -> str:
    """Give a URL's scheme, host, port and path. Without a user name, query and fragment, which may hold secrets.

    Where it cannot be told for sure what is a password and what is a host, nothing of it is given.
    """
    parts = _taken_apart(url)
    return _HIDDEN if parts is None else f"{_origin(parts)}{parts.path}"


def shown_origin(url: str) -> str:
    """Give a URL's scheme, host and port, for those whose paths hold keys too; else as :func:`shown_url`."""
    parts = _taken_apart(url)
    return _HIDDEN if parts is None else _origin(parts)


def host_of(url: str) -> str:
    """Give a URL's host; empty where there is none to be seen."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def other_scheme(scheme: str) -> str:
    """Say which scheme was given, behind the ones that can be used.

    Only a known one: before the first colon of what is no URL a user name or a key may stand.
    """
    return f", not {scheme!r}" if scheme in _SCHEMES else ""


def scrubbed(text: str) -> str:
    """Give a text without the passwords and queries of URLs in it, and without what is named or looks like a key."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def without_keys(text: str) -> str:
    """Give a text without what looks like a key, and otherwise as it is."""
    for pattern, instead in _KEYS:
        text = pattern.sub(instead, text)
    return text


def _taken_apart(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # else a password may be taken for one
    except ValueError:
        return None
    sure = parts.hostname and parts.scheme in _SCHEMES and "@" not in f"{parts.path}{parts.query}{parts.fragment}"
    return parts if sure else None


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
