"""WAV files, the play queue, and devices that are pretended."""

import sys
import types

import pytest
import trio

from trio_realtime import UserError
from trio_realtime.cli.sound import (
    CHUNK_BYTES,
    FileSound,
    PlayQueue,
    heard_words,
    open_device,
)


def test_the_queue_plays_in_order_and_tells_what_was_played():
    played = []
    queue = PlayQueue(lambda *what: played.append(what))
    queue.put("a", 0, b"\x01" * 480)
    queue.put("b", 1, b"\x02" * 960)
    assert queue.playing
    assert queue.take(960) == b"\x01" * 480 + b"\x02" * 480
    assert played == [("a", 0, 10.0), ("b", 1, 10.0)]
    assert (queue.share_heard("a"), queue.share_heard("b"), queue.share_heard("c")) == (1.0, 0.5, 0.0)
    queue.stop()
    assert not queue.playing
    assert queue.take(4) == bytes(4)
    assert len(played) == 2


@pytest.mark.parametrize(("share", "words"), [(1.0, "one two three"), (0.6, "one two"), (0.5, "one"), (0.0, "")])
def test_the_words_that_were_heard(share, words):
    assert heard_words("one two three", share) == words


async def test_a_recording_is_spoken_in_real_time_and_then_there_is_silence(autojump_clock):
    sound = FileSound(b"\x01" * (CHUNK_BYTES + 2), lambda *_: None)
    start = trio.current_time()
    chunks = [await sound.listen() for _ in range(3)]
    assert trio.current_time() - start == pytest.approx(0.04)
    assert chunks == [b"\x01" * CHUNK_BYTES, b"\x01\x01" + bytes(CHUNK_BYTES - 2), bytes(CHUNK_BYTES)]
    assert sound.exhausted


async def test_what_is_played_is_recorded_on_the_time_line(autojump_clock):
    sound = FileSound(b"", lambda *_: None, speed=2.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sound.play)
        await trio.sleep(0.495)
        sound.queue.put("a", 0, b"\x01" * CHUNK_BYTES)
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    assert len(sound.recorded) == pytest.approx(2 * 48_000, abs=2 * CHUNK_BYTES)
    assert sound.recorded.index(1) == pytest.approx(48_000, abs=2 * CHUNK_BYTES)


class Driver(types.ModuleType):
    """Looks like sounddevice."""

    class PortAudioError(Exception):
        pass

    class RawInputStream:
        def __init__(self, *, callback, **options):
            Driver.streams.append(self)
            self.callback, self.options, self.open = callback, options, False

        def start(self):
            self.open = True

        def close(self):
            self.open = False

    class RawOutputStream(RawInputStream):
        pass

    streams: list = []
    devices: dict = {}

    def query_devices(self, *, kind):
        return self.devices[kind]


@pytest.fixture
def driver(monkeypatch):
    module = Driver("sounddevice")
    Driver.streams = []
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


async def test_a_device_is_listened_to_and_played_to(driver):
    played = []
    async with open_device(lambda *what: played.append(what)) as sound:
        microphone, loudspeaker = driver.streams
        assert microphone.open
        assert microphone.options["samplerate"] == 24_000
        await trio.to_thread.run_sync(microphone.callback, memoryview(b"\x05" * 960), 480, None, None)
        with trio.fail_after(5):
            assert await sound.listen() == b"\x05" * 960
        sound.queue.put("a", 0, b"\x06" * 480)
        out = bytearray(960)
        await trio.to_thread.run_sync(loudspeaker.callback, out, 480, None, None)
        await trio.testing.wait_all_tasks_blocked()
        assert out == b"\x06" * 480 + bytes(480)
        assert played == [("a", 0, 10.0)]
        assert not sound.exhausted
        for _ in range(300):
            microphone.callback(memoryview(b"\x07" * 960), 480, None, None)
        await trio.testing.wait_all_tasks_blocked()
    assert not microphone.open


NAMES = {"input": {"name": "USB Audio"}, "output": {"name": "HDMI 1"}}


@pytest.mark.parametrize(
    ("stream", "devices", "words"),
    [
        (
            "RawInputStream",
            {},
            r"there is no microphone that can be used \(no default device\): connect one, or use WAV",
        ),
        ("RawOutputStream", {}, r"there is no loudspeaker that can be used .*\(--input and --output\)"),
        (
            "RawInputStream",
            NAMES,
            r"the microphone 'USB Audio' cannot be used \(no default device\): let other programs",
        ),
        (
            "RawOutputStream",
            NAMES,
            r"the loudspeaker 'HDMI 1' cannot be used .* settings of the system, or use WAV files",
        ),
    ],
)
@pytest.mark.parametrize("step", ["make", "start"])
async def test_a_device_that_cannot_be_used_is_named_with_what_can_be_done(
    driver, monkeypatch, stream, devices, words, step
):
    class Broken(getattr(driver, stream)):
        def __init__(self, **options):
            if step == "make":
                raise driver.PortAudioError("no default\n device")
            super().__init__(**options)

        def start(self):
            super().start()
            raise driver.PortAudioError("no default device")

    monkeypatch.setattr(driver, stream, Broken, raising=False)
    monkeypatch.setattr(driver, "devices", devices, raising=False)
    with pytest.raises(UserError, match=words) as caught:
        async with open_device(lambda *_: None):
            pass
    assert "\n" not in str(caught.value)
    assert not any(one.open for one in driver.streams)


@pytest.mark.parametrize(("stream", "name"), [(0, "microphone"), (1, "loudspeaker")])
async def test_a_device_that_is_unplugged_is_the_end(driver, stream, name):
    async with open_device(lambda *_: None) as sound:
        driver.streams[0].callback(memoryview(b"\x07" * 960), 480, None, None)
        await trio.to_thread.run_sync(driver.streams[stream].options["finished_callback"])
        driver.streams[0].callback(memoryview(b"\x08" * 960), 480, None, None)
        with trio.fail_after(5):
            assert await sound.listen() == b"\x07" * 960
            with pytest.raises(UserError, match=f"the {name} has stopped: connect it again, or use WAV files"):
                await sound.listen()


async def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match=r"trio-realtime\[audio\]"):
        async with open_device(lambda *_: None):
            pass
