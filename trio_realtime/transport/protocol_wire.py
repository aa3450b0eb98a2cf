"""A wire over the sans-I/O protocol of ``websockets``, whose masking is written in C. Needs the extra ``[fast]``.

One task reads: a read gives many messages, which go into the inbox in one go. One task writes. A message costs neither
a cancel scope nor a task of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from trio_realtime.transport.base import TransportConfig
from trio_realtime.transport.endings import Ending
from trio_realtime.transport.handshakes import HandshakeAnswer
from trio_realtime.transport.stream_wire import StreamWire

__all__ = ["ProtocolWire", "silent_logger"]

_ANSWERS = 64 * 1024  # bytes of answers to pings on their way, from which on no more pings are read
_TEXT, _BINARY, _CONTINUATION, _PONG = Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PONG


def silent_logger() -> logging.Logger:
    """Make the logger of a protocol. It writes nothing: the library's own shows every header, the key included."""
    logger = logging.Logger("trio_realtime.transport.websockets")  # noqa: LOG001 - nobody is to configure this one
    logger.disabled = True
    return logger


class ProtocolWire(StreamWire):
    """One client's connection of ``websockets`` over one stream.

    Args:
        stream: an open stream; the wire closes it.
        config: limits and deadlines.
        protocol: a new protocol, whose handshake request was sent to it.
        deadline: when the handshake has to be done, on the trio clock.
    """

    __slots__ = ("_answered", "_awaited", "_failed", "_is_text", "_parts", "_pings", "_protocol", "_pumped")

    def __init__(
        self, stream: trio.abc.Stream, *, config: TransportConfig, protocol: ClientProtocol, deadline: float
    ) -> None:
        super().__init__(stream, config=config, deadline=deadline, answer=HandshakeAnswer())
        self._protocol = protocol
        self._parts: list[bytes] = []
        self._is_text = True
        self._failed = False
        self._pings = 0
        self._answered = 0
        self._awaited: tuple[bytes, float, trio.Event] | None = None
        self._pumped = trio.Event()

    def _write(self, texts: Sequence[bytes]) -> None:
        if self._framed_here:
            super()._write(texts)
            return
        for text in texts:
            self._protocol.send_text(text)
        self._hand_over()

    async def _handshake(self, nursery: trio.Nursery) -> None:  # noqa: ARG002 - it needs no task of its own
        protocol, proxy = self._protocol, self._proxy
        self._hand_over()
        while protocol.state is State.CONNECTING:
            try:
                data = await proxy.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                await trio.sleep_forever()  # the end of the stream has cancelled this
            protocol.receive_data(data)
            if protocol.handshake_exc is not None:
                raise protocol.handshake_exc
        self._framed_here = not protocol.extensions

    def _refused_with(self, exc: BaseException) -> int | None:
        return exc.response.status_code if isinstance(exc, InvalidStatus) else None

    async def _pump(self) -> None:
        protocol, proxy = self._protocol, self._proxy
        try:
            while self._take():
                if not proxy.crowded:
                    self._answered = 0
                elif self._answered >= _ANSWERS:  # a peer that pings and does not read would fill the memory
                    await proxy.wait_for_room()
                try:
                    data = await proxy.receive_some()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    data = b""
                if data:
                    protocol.receive_data(data)
                else:
                    protocol.receive_eof()
        finally:
            self._pumped.set()

    def _take(self) -> bool:
        """Take what was read; says whether there can be more."""
        put, protocol = self._inbox.put, self._protocol
        try:
            for event in protocol.events_received():
                if not isinstance(event, Frame):
                    continue  # the answer to the handshake
                opcode = event.opcode
                if opcode is _TEXT and event.fin:
                    put(str(event.data, "utf-8"))
                    self._count_message()
                elif opcode is _PONG:
                    self._take_pong(bytes(event.data))
                elif opcode in (_TEXT, _BINARY, _CONTINUATION):
                    self._take_part(event)
        except UnicodeDecodeError as exc:
            protocol.fail(CloseCode.INVALID_DATA, f"{exc.reason} at position {exc.start}")
            self._failed = True
        self._answered += self._hand_over()
        if protocol.state is State.OPEN:
            return True
        unbroken = not self._failed and protocol.parser_exc is None
        if protocol.state is State.CLOSING and protocol.close_rcvd is None and unbroken:
            return True  # this side has closed, and the peer's close frame is still to come
        self._end(self._how_it_ended())
        return False

    def _take_part(self, frame: Frame) -> None:
        """Take a binary message or a part of any; the protocol has checked that it is in its place."""
        if frame.opcode is not _CONTINUATION:
            self._is_text = frame.opcode is _TEXT
        self._parts.append(bytes(frame.data))
        if frame.fin:
            message = b"".join(self._parts)
            self._parts.clear()
            self._inbox.put(message.decode() if self._is_text else message)
            self._count_message()

    def _count_message(self) -> None:
        self._messages_received += 1
        self._sieve.delivered()

    def _closed_by_peer(self) -> Ending | None:
        return None if self._protocol.state is State.OPEN else self._how_it_ended()

    def _how_it_ended(self) -> Ending:
        protocol = self._protocol
        if isinstance(protocol.parser_exc, PayloadTooBig):
            return Ending.too_big(self._config.max_size or 0)
        close = protocol.close_rcvd or protocol.close_sent
        return Ending.lost() if close is None else Ending.closed(int(close.code), close.reason)

    def _ping(self, nursery: trio.Nursery, answered: trio.Event) -> None:  # noqa: ARG002 - the pump sees the pong
        if self._protocol.state is State.OPEN:
            self._pings += 1
            payload = b"%d" % self._pings
            self._awaited = (payload, trio.current_time(), answered)
            self._protocol.send_ping(payload)
            self._hand_over()

    def _take_pong(self, payload: bytes) -> None:
        if self._awaited is not None and self._awaited[0] == payload:
            _, sent, answered = self._awaited
            self._awaited = None
            self._latency = trio.current_time() - sent
            answered.set()

    async def _close_connection(self) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(*self._close_frame)
            self._hand_over()
        await self._pumped.wait()

    def _hand_over(self) -> int:
        """Hand what the protocol has over to be written; how many bytes it was."""
        data = b"".join(self._protocol.data_to_send())  # b"" in it is the end, which the end of the wire's task sees to
        if data:
            self._proxy.hand_over(data)
        return len(data)
