"""Lines from standard input, read in a worker thread, so that the trio loop goes on and a signal ends the wait."""

from __future__ import annotations

import codecs
import sys
from typing import Any

import trio

__all__ = ["TypedLines"]

_SIZE = 65_536
_PAUSE = 0.05


class TypedLines:
    """Reads standard input line by line, from a terminal, a pipe or a file.

    The thread reads below Python's buffered streams: one that is left behind at a cancellation holds none of their
    locks, which the interpreter would miss when it exits.

    Attributes:
        interactive: whether somebody types at a terminal.
    """

    def __init__(self, stdin: Any = None) -> None:
        stream = sys.stdin if stdin is None else stdin
        self._stream = stream  # keeps what is below it open
        buffer: Any = getattr(stream, "buffer", None)
        self._raw: Any = getattr(buffer, "raw", buffer)
        self._decode = codecs.getincrementaldecoder(getattr(stream, "encoding", None) or "utf-8")("replace").decode
        self._text = ""
        self._ended = self._raw is None
        self.interactive: bool | Any = stream is not None and stream.isatty()

    async def next(self) -> str | None:
        """Give the next line without its end, or None at the end of input.

        A checkpoint. When cancelled it leaves its thread behind, which ends with the next input.
        """
        await trio.lowlevel.checkpoint()
        while "\n" not in self._text and not self._ended:
            data = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
            if data is None:  # a terminal that somebody has made non-blocking
                await trio.sleep(_PAUSE)
                continue
            self._ended = not data
            self._text += self._decode(data, final=self._ended)
        line, found, self._text = self._text.partition("\n")
        return line.rstrip("\r") if line or found else None

    def _read(self) -> bytes | None:
        try:
            data: bytes | None = self._raw.read(_SIZE)
        except (OSError, ValueError):
            return b""  # the terminal is gone
        return data
