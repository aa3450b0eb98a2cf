"""The keys and headers of the tests, which must not be seen anywhere; :mod:`tests.conftest` looks for them."""

from __future__ import annotations

from typing import Final

__all__ = ["CANARIES", "HEADER", "KEY", "SECRET", "leak_in"]

KEY: Final = "sk-test-canary"
"""What tests use as a key; a longer one may begin with it."""
HEADER: Final = "header-test-canary"
"""What tests use as the value of a header of their own."""
SECRET: Final = "secret-test-canary"
"""Any other secret: a password in an address, the authorization of a tool."""
CANARIES: Final = (KEY, HEADER, SECRET)


def leak_in(text: str) -> str | None:
    """Give the part of a text where a canary is, or None."""
    for canary in CANARIES:
        at = text.find(canary)
        if at >= 0:
            return text[max(0, at - 80) : at + len(canary) + 40]
    return None
