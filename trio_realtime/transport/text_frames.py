"""Text messages into WebSocket frames: one whole frame each, as a client (masked) or as a server (RFC 6455, 5.2)."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import chain, repeat
from typing import Final, TypeAlias

__all__ = ["TextFramer"]

_WHOLE_TEXT: Final = b"\x81"  # FIN, no extension, opcode 1
_ONE_BYTE: Final = 126
_TWO_BYTES: Final = 1 << 16
_KEYS: Final = 256

_Mask: TypeAlias = Callable[[bytes, bytes], bytes]


def mask(data: bytes, key: bytes) -> bytes:
    """Give ``data`` with the four bytes of ``key`` laid over it again and again (RFC 6455, 5.3)."""
    masked = bytearray(data)
    for place, byte in enumerate(key):
        masked[place::4] = masked[place::4].translate(_XOR[byte])
    return bytes(masked)


def _fastest() -> _Mask:
    try:
        from websockets.speedups import apply_mask
    except ImportError:
        return mask
    return apply_mask


_XOR: Final = [bytes(byte ^ other for byte in range(256)) for other in range(256)]
_mask: Final = _fastest()


def _draw(_: None) -> list[bytes]:
    """Draw masking keys, many at once: asking the system for each costs more than using it."""
    drawn = os.urandom(4 * _KEYS)
    return [drawn[place : place + 4] for place in range(0, len(drawn), 4)]


class _Keys:
    """The masking keys of all connections of a process: what each has of its own is never in the cache."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Draw anew: a forked process must not go on with its parent's."""
        self.next: Callable[[], bytes] = chain.from_iterable(map(_draw, repeat(None))).__next__


_keys: Final = _Keys()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keys.renew)


class TextFramer:
    """Frames the text messages of one side of a connection. Where ``websockets`` is installed, its C code masks them.

    Args:
        client: messages are masked, each with an unpredictable key of its own.
    """

    __slots__ = ("_flag", "_two_bytes")

    def __init__(self, *, client: bool) -> None:
        self._flag = 0x80 if client else 0
        self._two_bytes = _WHOLE_TEXT + bytes((self._flag | 126,))

    def frame(self, payload: bytes) -> bytes:
        """Give the frame of a message whose UTF-8 is ``payload``."""
        length, flag = len(payload), self._flag
        if length < _ONE_BYTE:
            head = _WHOLE_TEXT + bytes((flag | length,))
        elif length < _TWO_BYTES:
            head = self._two_bytes + length.to_bytes(2)
        else:
            head = _WHOLE_TEXT + bytes((flag | 127,)) + length.to_bytes(8)
        if not flag:
            return head + payload
        key = _keys.next()
        return head + key + _mask(payload, key)
