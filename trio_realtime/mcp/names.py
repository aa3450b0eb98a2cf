"""Names of tools with their server's name in front, so that the tools of several servers can be told apart."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

__all__ = ["prefixed_names"]

_LONGEST = 64  # what the service takes
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_DIGITS = 8


def prefixed_names(tools: Sequence[tuple[str, str]], reserved: Iterable[str]) -> list[str]:
    """Give each tool of some servers a name of its own.

    A name that would be too long, would be there twice, or is reserved ends in a hash instead; it depends on the names
    alone, not on their order, unless server and tool are the same.

    Args:
        tools: the server's and the tool's name, for each tool.
        reserved: names that are taken.

    Returns:
        ``mcp_<server>__<tool>``, in the order of ``tools``; letters, digits, ``_`` and ``-``, at most 64.
    """
    plain = [f"mcp_{_safe(server) or 'server'}__{_safe(tool) or 'tool'}" for server, tool in tools]
    times = Counter(plain)
    used = set(reserved)
    names: list[str] = []
    for name, (server, tool) in zip(plain, tools, strict=True):
        found, again = name, 0
        if len(name) > _LONGEST or times[name] > 1 or name in used:
            found = _hashed(name, f"{server}\0{tool}")
        while found in used:
            again += 1
            found = _hashed(name, f"{server}\0{tool}\0{again}")
        used.add(found)
        names.append(found)
    return names


def _safe(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name).strip("_-")


def _hashed(name: str, seed: str) -> str:
    digest = hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:_DIGITS]
    return f"{name[: _LONGEST - _DIGITS - 1].rstrip('_-')}_{digest}"
