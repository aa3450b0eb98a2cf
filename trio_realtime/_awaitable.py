"""One helper for callbacks that may be plain functions or async functions."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from typing import TypeVar, cast

__all__ = ["maybe_await"]

T = TypeVar("T")


async def maybe_await(value: Awaitable[T] | T) -> T:
    """Give the value, or what it gives when it is awaited.

    A checkpoint only if the value is an awaitable that has one.

    Args:
        value: what a callback returned.

    Returns:
        The plain value.
    """
    if inspect.isawaitable(value):
        return await cast("Awaitable[T]", value)
    return value
