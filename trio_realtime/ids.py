"""Ids of the client's own: short enough for the service (32 characters), random enough never to meet."""

from __future__ import annotations

import secrets

__all__ = ["new_id"]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def new_id(kind: str) -> str:
    """Give a new id such as ``item_`` (``kind``) followed by 21 letters and digits."""
    return f"{kind}_{''.join(secrets.choice(_ALPHABET) for _ in range(21))}"
