"""WAV files, the play queue, and devices that are pretended."""

import sys
import types
import wave
from array import array

import pytest
import trio

from trio_realtime import UserError
from trio_realtime.cli.sound import (
    CHUNK_BYTES,
    FileSound,
    PlayQueue,
    heard_words,
    open_device,
    read_wav,
    write_wav,
)


def write(path, samples, *, width=2, channels=1, rate=24_000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)


def test_a_file_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, b"\x01\x02" * 100)
    assert read_wav(path) == b"\x01\x02" * 100


@pytest.mark.parametrize(
    ("width", "data", "value"),
    [(1, bytes([192]), 16_384), (3, b"\x00\x00\x40", 16_384), (4, b"\x00\x00\x00\xc0", -16_384)],
)
def test_every_width_is_read(tmp_path, width, data, value):
    path = tmp_path / "a.wav"
    write(path, data * 10, width=width)
    assert list(array("h", read_wav(path))) == [value] * 10


def test_two_channels_become_one(tmp_path):
    path = tmp_path / "a.wav"
    write(path, array("h", [100, 300] * 10).tobytes(), channels=2)
    assert list(array("h", read_wav(path))) == [200] * 10


def test_another_rate_is_resampled(tmp_path):
    path = tmp_path / "a.wav"
    write(path, array("h", [1000] * 8000).tobytes(), rate=8_000)
    assert len(read_wav(path)) == pytest.approx(48_000, abs=200)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"nothing of the kind, but long enough to be looked at"])
def test_what_is_no_wav_file_is_refused(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(UserError, match="no WAV file"):
        read_wav(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_wav(tmp_path / "none.wav")


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

        def __enter__(self):
            self.open = True

        def __exit__(self, *_):
            self.open = False

    class RawOutputStream(RawInputStream):
        pass

    streams: list = []


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


async def test_without_a_sound_card_it_says_what_else_there_is(driver, monkeypatch):
    def fail(**_):
        raise driver.PortAudioError("no default device")

    monkeypatch.setattr(driver, "RawInputStream", fail, raising=False)
    with pytest.raises(UserError, match="--input"):
        async with open_device(lambda *_: None):
            pass


async def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match=r"trio-realtime\[audio\]"):
        async with open_device(lambda *_: None):
            pass


def test_a_file_that_ends_early_says_so(tmp_path):
    path = tmp_path / "early.wav"
    path.write_bytes(b"RIFF")
    with pytest.raises(UserError, match="it ends early"):
        read_wav(path)
