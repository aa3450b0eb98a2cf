from __future__ import annotations

from math import inf
from typing import Any

import pytest

from trio_realtime import RealtimeConnection, RealtimeModel
from trio_realtime.audio import PCM16


class Smallest(RealtimeConnection):
    """No more than has to be there."""

    async def send_event(self, event: Any) -> None:
        pass

    async def __anext__(self) -> Any:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        pass


async def test_what_a_connection_need_not_say() -> None:
    connection = Smallest()
    assert not connection.confirms_configuration
    assert connection.output_audio_format == PCM16
    assert connection.next_nowait() is None
    assert connection.next_deadline() == inf
    assert connection.expire(0.0) == ()
    assert aiter(connection) is connection
    assert [event async for event in connection] == []


@pytest.mark.parametrize("interface", [RealtimeConnection, RealtimeModel])
def test_interfaces_are_abstract(interface: Any) -> None:
    with pytest.raises(TypeError):
        interface()
