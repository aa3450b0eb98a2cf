"""The load generator: a WebSocket server that is much faster than what is measured against it.

It speaks as little of RFC 6455 and of the Realtime protocol as its scripts need: frames are encoded beforehand and
written in large chunks, and incoming frames are unmasked only where something depends on what they say. It is no test
of a client's correctness; ``trio_realtime.server`` is the server for that.

``python -m benchmarks.server --port 8765`` runs it for programs of your own: connect a client to
``ws://127.0.0.1:8765/v1/realtime?script=live&rate=15&id=mine`` (the scripts are in scripts.py), send two bytes of audio
to begin, and read ``http://127.0.0.1:8765/stats?id=mine`` afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import time
from base64 import b64encode
from contextlib import suppress
from hashlib import sha1
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from benchmarks.frames import Numbering, block, frame, numbered, session_object
from benchmarks.scripts import Batch, Ping, make_script
from benchmarks.unframing import CLOSE, PING, PONG, Unframer

__all__ = ["Connection", "LoadServer"]

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_GO_SIZE: Final = 200  # an append that is shorter begins a batch
_WRITE_AHEAD: Final = 2 * 1024 * 1024


class LoadServer:
    """Accepts clients, and remembers what each of them did by the ``id`` of its URL."""

    def __init__(self) -> None:
        self.stats: dict[str, dict[str, Any]] = {}

    def report(self, id: str) -> dict[str, Any]:
        """Give the counters of a client, and the CPU time of this process."""
        return {"server_cpu_s": time.process_time(), **self.stats.get(id, {})}

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Begin to listen."""
        return await asyncio.get_running_loop().create_server(lambda: Connection(self), host, port, backlog=1024)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: LoadServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._request = b""
        self._open = False
        self._unframer = Unframer(self._message)
        self._batch: Batch | None = None
        self._batches = 0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._answers = 0
        self.stats: dict[str, Any] = {"messages": 0, "bytes": 0, "pings": 0, "pongs": 0, "pong_ms": 0.0, "types": {}}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_WRITE_AHEAD, low=_WRITE_AHEAD // 2)

    def data_received(self, data: bytes) -> None:
        """Take bytes: of the request, then of frames."""
        if self._open:
            self._unframer.feed(data)
            self.stats["messages"], self.stats["bytes"] = self._unframer.messages, self._unframer.bytes
            return
        self._request += data
        head, end, rest = self._request.partition(b"\r\n\r\n")
        if end:
            self._answer(head)
            if rest and self._open:
                self.data_received(rest)

    def connection_lost(self, _: Exception | None) -> None:
        """Stop talking."""
        self._batch = None
        if self._timer is not None:
            self._timer.cancel()

    def pause_writing(self) -> None:
        """The client does not take what there is."""
        self._paused = True

    def resume_writing(self) -> None:
        """The client takes more."""
        self._paused = False
        self._pump()

    # -- the handshake -----------------------------------------------------------------------------------------------

    def _answer(self, head: bytes) -> None:
        request, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        url = urlsplit(request.split(" ")[1])
        parameters = dict(parse_qsl(url.query))
        if "sec-websocket-key" not in headers:
            self._answer_http(self._server.report(parameters.get("id", "")))
            return
        try:
            self._script = make_script(parameters)
        except (KeyError, ValueError) as error:
            self._answer_http({"error": repr(error)}, status="400 Bad Request")
            return
        if "id" in parameters:
            self._server.stats[parameters["id"]] = self.stats
        accept = b64encode(sha1(headers["sec-websocket-key"].encode() + _GUID, usedforsecurity=False).digest())
        upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._transport.write(upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        self._open = True
        self._say("session.created", session=session_object())

    def _answer_http(self, value: dict[str, Any], status: str = "200 OK") -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)
        self._transport.close()

    # -- what the client says ----------------------------------------------------------------------------------------

    def _message(self, opcode: int, payload: bytes) -> None:
        if opcode == PONG:
            self.stats["pongs"] += 1
            if len(payload) == 8:
                took = (time.monotonic_ns() - int.from_bytes(payload, "big")) / 1e6
                self.stats["pong_ms"] = max(self.stats["pong_ms"], took)
        elif opcode == PING:
            self._transport.write(frame(payload, PONG))
        elif opcode == CLOSE:
            self._transport.write(frame(payload[:2], CLOSE))
            self._transport.close()
        else:
            self._event(payload)

    def _event(self, payload: bytes) -> None:
        event = json.loads(payload)
        kind = event["type"]
        self.stats["types"][kind] = self.stats["types"].get(kind, 0) + 1
        if kind == "input_audio_buffer.append" and len(payload) < _GO_SIZE:
            if self._timer is not None:
                self._timer.cancel()
            self._batch = self._script(self._batches)
            self._batches += 1
            self._pump()
        elif kind == "session.update":
            self._say("session.updated", session={**session_object(), **event["session"]})
        elif kind == "conversation.item.retrieve":
            content = [{"type": "output_audio", "transcript": "As it was."}]
            item = {"id": event["item_id"], "type": "message", "role": "assistant", "status": "completed"}
            self._say("conversation.item.retrieved", item={**item, "content": content})
        elif kind == "conversation.item.truncate":
            named = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
            self._say("conversation.item.truncated", **named)
        elif kind == "conversation.item.delete":
            self._say("conversation.item.deleted", item_id=event["item_id"])

    def _say(self, type: str, **fields: Any) -> None:
        self._answers += 1
        self._transport.write(numbered(block([Numbering("answer").event(type, **fields)]), self._answers))

    # -- what the script says ----------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Do what the batch says until it waits, or the client does not take more."""
        while self._batch is not None and not self._paused:
            step = next(self._batch, None)
            if step is None:
                self._batch = None
            elif isinstance(step, bytes):
                self._transport.write(step)
            elif isinstance(step, Ping):
                self.stats["pings"] += 1
                self._transport.write(frame(time.monotonic_ns().to_bytes(8, "big"), PING))
            elif step > (now := time.monotonic()):
                self._timer = self._loop.call_later(step - now, self._pump)
                return


def _allow_files() -> None:
    """Let this process have as many connections as the system lets it: all clients of a case are connected at once."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems name a limit that they do not allow
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _main(host: str, port: int, *, until_eof: bool) -> None:
    _allow_files()
    gc.collect()
    gc.freeze()
    gc.disable()
    listener = await LoadServer().serve(host, port)
    print(json.dumps({"port": listener.sockets[0].getsockname()[1]}), flush=True)
    if until_eof:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    else:
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765, help="0 for a free one, which is printed")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(options.host, options.port, until_eof=options.until_eof))
