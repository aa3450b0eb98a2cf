"""Takes a server's ordinary text messages out of what is read, and leaves everything else to the WebSocket library.

Nearly all that a server sends is text in one unmasked frame, and a library's way to such a message is long. Sans I/O.
"""

from __future__ import annotations

from typing import Final

from trio_realtime.transport.inbox import Inbox

__all__ = ["TextSieve"]

_WHOLE_TEXT: Final = 0x81  # FIN, no extension, opcode 1 (RFC 6455, 5.2)
_FIN: Final = 0x80
_OPCODE: Final = 0x0F
_FIRST_CONTROL: Final = 0x8
_PINGS: Final = (0x89, 0x8A)  # whole, and their answers
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127


class TextSieve:
    """Puts whole text messages into an inbox and gives the rest of the bytes back, frame by frame and in order.

    The library sees a valid stream without those messages: control frames, messages in parts, binary ones, compressed
    ones. While it has such a message, the text that comes behind it goes through the library too, so that no message
    overtakes another. What breaks the protocol, or the limit, is the library's from there on: it knows what to answer.

    Args:
        inbox: where messages go.
        limit: bytes of a message at most; None for any number.
    """

    __slots__ = ("_aside", "_behind", "_in_parts", "_kept", "_limit", "_needed", "_passing", "inbox", "messages")

    def __init__(self, inbox: Inbox, limit: int | None) -> None:
        self.inbox: Inbox = inbox
        self.messages: int = 0
        self._limit = 1 << 63 if limit is None else limit
        self._kept = bytearray()  # the beginning of a frame
        self._needed = 0
        self._passing = 0  # bytes still to come of a frame of the library
        self._in_parts = False
        self._behind = 0  # messages that the library has, or has parts of
        self._aside = False

    def delivered(self) -> None:
        """Say that the library has given one of the messages that went its way."""
        self._behind -= 1

    def sift(self, data: bytes) -> bytes:
        """Take what was read; gives what of it is the library's, which may be nothing."""
        if self._aside:
            return data
        if self._kept:
            self._kept += data
            if len(self._kept) < self._needed:
                return b""
            data = bytes(self._kept)
            self._kept.clear()
        rest: list[bytes] = []
        position, end = self._pass_on(data, rest) if self._passing else 0, len(data)
        while position < end:
            position = self._frame(data, position, rest)
        return b"".join(rest) if rest else b""

    def _pass_on(self, data: bytes, rest: list[bytes]) -> int:
        """Pass on what still belongs to a frame of the library; gives where the next frame begins."""
        rest.append(data[: self._passing])
        passed = len(rest[0])
        self._passing -= passed
        return passed

    def _frame(self, data: bytes, position: int, rest: list[bytes]) -> int:
        """Take the frame at ``position``; gives where the next one begins."""
        end = len(data)
        if end - position < 2:
            return self._keep(data, position, 2)
        length, start = data[position + 1], position + 2
        if length == _TWO_BYTES and end - position >= 4:  # as most are; the others in _long()
            start = position + 4
            length = data[position + 2] << 8 | data[position + 3]
            if length < _TWO_BYTES:
                length = -1
        elif length >= _TWO_BYTES:
            start = position + (10 if length == _EIGHT_BYTES else 4)
            if start > end:
                return self._keep(data, position, start - position)
            length = _long(data[position + 1 : start])
        if data[position] == _WHOLE_TEXT and not self._behind and 0 <= length <= self._limit:
            stop = start + length
            if stop > end:
                return self._keep(data, position, stop - position)
            try:
                text = str(data[start:stop], "utf-8")
            except UnicodeDecodeError:
                return self._give_up(data, position, rest)
            self.messages += 1
            self.inbox.put(text)
            return stop
        return self._leave(data, position, start + length, rest) if length >= 0 else self._give_up(data, position, rest)

    def _leave(self, data: bytes, position: int, stop: int, rest: list[bytes]) -> int:
        """Leave a frame to the library."""
        first = data[position]
        if first & _OPCODE < _FIRST_CONTROL:
            if not self._in_parts:
                self._behind += 1
            self._in_parts = not first & _FIN
        elif first not in _PINGS or data[position + 1] >= _TWO_BYTES:
            return self._give_up(data, position, rest)
        rest.append(data[position:stop])
        self._passing = max(0, stop - len(data))
        return min(stop, len(data))

    def _keep(self, data: bytes, position: int, needed: int) -> int:
        """Wait for the rest of a frame."""
        self._kept += data[position:]
        self._needed = needed
        return len(data)

    def _give_up(self, data: bytes, position: int, rest: list[bytes]) -> int:
        """Leave everything from here on to the library."""
        self._aside = True
        rest.append(data[position:])
        return len(data)


def _long(field: bytes) -> int:
    """Give the length in a length field of eight bytes; -1 if it is masked, or could have been shorter."""
    length = int.from_bytes(field[1:])
    return length if field[0] == _EIGHT_BYTES and length >= 1 << 16 else -1
