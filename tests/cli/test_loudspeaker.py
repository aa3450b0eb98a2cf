"""The pretended loudspeaker."""

from unittest.mock import sentinel

import pytest
import trio

from trio_realtime import RealtimeAudio, RealtimeEventInfo, RealtimeModelAudioEvent
from trio_realtime.cli.loudspeaker import Loudspeaker


def audio(ms: int, item_id: str = "one") -> RealtimeAudio:
    event = RealtimeModelAudioEvent(data=bytes(48 * ms), response_id="r", item_id=item_id, content_index=0)
    return RealtimeAudio(info=RealtimeEventInfo(sentinel.context), audio=event, item_id=item_id, content_index=0)


@pytest.fixture
async def speaker(nursery):
    speaker = Loudspeaker(2.0)
    nursery.start_soon(speaker.run)
    return speaker


async def test_plays_in_order_at_its_speed(autojump_clock, speaker):
    speaker.put(audio(1000))
    speaker.put(audio(450))
    speaker.put(audio(150, "two"))
    assert not speaker.silent
    began = trio.current_time()
    await speaker.wait_silent()
    assert trio.current_time() - began == pytest.approx(0.8)
    assert speaker.heard_ms == speaker.received_ms == {"one": 1450, "two": 150}
    assert speaker.tracker.get_state().current_item_id == "two"
    assert speaker.tracker.get_state().elapsed_ms == 150


async def test_stops_at_once(autojump_clock, speaker):
    speaker.put(audio(1000))
    speaker.put(audio(1000))
    await trio.sleep(0.26)
    speaker.stop()
    assert speaker.silent
    await trio.sleep(1)
    assert speaker.heard_ms == {"one": 500}
    assert speaker.received_ms == {"one": 2000}
    speaker.put(audio(100, "two"))
    await speaker.wait_silent()
    assert speaker.heard_ms["two"] == 100


async def test_wait_heard_is_about_what_still_plays(autojump_clock, speaker, nursery):
    speaker.put(audio(900))
    await speaker.wait_silent()
    heard = []

    async def wait():
        heard.append(await speaker.wait_heard(300))

    nursery.start_soon(wait)
    await trio.sleep(1)
    assert heard == []
    speaker.put(audio(900, "two"))
    await trio.sleep(0.16)
    assert heard == ["two"]


async def test_silence_is_waited_for_only_if_there_is_sound(autojump_clock, speaker):
    began = trio.current_time()
    await speaker.wait_silent()
    assert trio.current_time() == began
