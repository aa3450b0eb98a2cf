"""Takes clients' WebSocket frames apart, and looks only into those that a load generator has to understand."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

__all__ = ["CLOSE", "PING", "PONG", "TEXT", "Unframer", "masked", "unmask"]

TEXT: Final = 1
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
_FIRST: Final = 8
_SMALL: Final = 1000


def unmask(payload: bytes, key: bytes) -> bytes:
    """Apply a mask (RFC 6455, 5.3), which also takes it off."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def masked(payload: bytes, opcode: int = TEXT, key: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    """Give one whole frame as clients send them."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + key + unmask(payload, key)


class Unframer:
    """Takes the bytes of a connection; gives ``message`` the opcode and the payload of each message worth a look.

    Those are control frames, the first few messages and small ones. All others are audio, and only counted.

    Attributes:
        messages, bytes: text messages so far, and their payloads' size.
    """

    def __init__(self, message: Callable[[int, bytes], None]) -> None:
        self._message = message
        self._rest = b""
        self._skip = 0
        self.messages = 0
        self.bytes = 0

    def feed(self, data: bytes) -> None:
        """Take bytes as they come from the socket."""
        place = min(self._skip, len(data))
        self._skip -= place
        if self._rest:  # then there was nothing to skip
            data = self._rest + data
        end = len(data)
        while end - place >= 2:
            opcode, size, head = data[place] & 0x0F, data[place + 1] & 0x7F, 6
            if size == 126:
                head = 8
            elif size == 127:
                head = 14
            if end - place < head:
                break
            if head > 6:
                size = int.from_bytes(data[place + 2 : place + head - 4], "big")
            whole = opcode != TEXT or size < _SMALL or self.messages < _FIRST
            if whole and end - place < head + size:
                break
            if opcode == TEXT:
                self.messages += 1
                self.bytes += size
            start = place + head
            if whole:
                place = start + size
                self._message(opcode, unmask(data[start:place], data[start - 4 : start]))
            else:
                place = min(start + size, end)
                self._skip = start + size - place
        self._rest = data[place:]
