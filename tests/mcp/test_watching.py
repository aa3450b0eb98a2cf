"""A read stream that tells of its end, in whichever way it is read."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anyio
import pytest

from trio_realtime.mcp.watching import watched


@pytest.mark.parametrize("read", ["receive", "__anext__"])
async def test_the_end_of_a_stream_is_told(read) -> None:
    send, receive = anyio.create_memory_object_stream[str](1)
    ends = []

    @asynccontextmanager
    async def transport():
        yield receive, send

    async with watched(transport(), lambda: ends.append(1)) as (stream, write):
        assert write is send
        async with stream:
            await send.send("one")
            assert await getattr(stream, read)() == "one"
            assert stream.last_context is None
            assert ends == []
            await send.aclose()
            with pytest.raises((anyio.EndOfStream, StopAsyncIteration)):
                await getattr(stream, read)()
            assert ends == [1]
        with pytest.raises(anyio.ClosedResourceError):
            receive.receive_nowait()
