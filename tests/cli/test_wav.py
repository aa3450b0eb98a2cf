"""WAV files of all kinds."""

import math
import struct
import wave
from array import array

import pytest

from trio_realtime import UserError
from trio_realtime.cli import wav
from trio_realtime.cli.wav import read_wav, write_wav


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


@pytest.mark.parametrize("soxr", [True, False])
def test_a_tone_is_the_same_at_another_rate(tmp_path, monkeypatch, soxr):
    if not soxr:
        monkeypatch.setattr(wav, "find_spec", lambda _: None)
    path = tmp_path / "a.wav"
    write(path, array("h", [round(9000 * math.sin(at / 10)) for at in range(96_000)]).tobytes(), rate=48_000)
    tone = samples(path)[1000:-1000]
    expected = [9000 * math.sin((at + 1000) / 5) for at in range(len(tone))]
    assert max(abs(one - other) for one, other in zip(tone, expected, strict=True)) < 30


@pytest.mark.parametrize("content", [b"", b"RIFF", b"nothing of the kind, but long enough to be looked at"])
def test_what_is_no_wav_file_is_refused(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(UserError, match="no WAV file"):
        read_wav(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_wav(tmp_path / "none.wav")


def test_a_file_that_ends_early_says_so(tmp_path):
    path = tmp_path / "early.wav"
    path.write_bytes(b"RIFF")
    with pytest.raises(UserError, match="it ends early"):
        read_wav(path)


EXTENSION = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name, content, size=None):
    return name + struct.pack("<I", len(content) if size is None else size) + content + b"\0" * (len(content) % 2)


def made(path, data, *, code=1, bits=16, channels=1, rate=24_000, extended=None, before=b"", size=None):
    """Write a file by hand; ``extended`` is the GUID behind the number of an extensible one."""
    width = (bits + 7) // 8
    number = code if extended is None else 0xFFFE
    about = struct.pack("<HHIIHH", number, channels, rate, rate * channels * width, channels * width, bits)
    if extended is not None:
        about += struct.pack("<HHIH", 22, bits, 0, code) + extended
    inner = b"WAVE" + before + chunk(b"fmt ", about) + chunk(b"data", data, size)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(inner)) + inner)


def samples(path):
    return list(array("h", read_wav(path)))


@pytest.mark.parametrize("extended", [None, EXTENSION])
@pytest.mark.parametrize(
    ("code", "bits", "data", "values"),
    [
        (1, 8, bytes([192, 128, 0]), [16_384, 0, -32_768]),
        (1, 16, struct.pack("<3h", 1, -1, 32_767), [1, -1, 32_767]),
        (1, 24, b"\x00\x00\x40\xff\xff\x7f", [16_384, 32_767]),
        (1, 20, b"\x00\x00\x40\x00\xff\x7f", [16_384, 32_767]),
        (1, 32, struct.pack("<2i", 1 << 30, -(1 << 31)), [16_384, -32_768]),
        (3, 32, struct.pack("<4f", 0.5, -1.0, 2.0, -9.0), [16_384, -32_767, 32_767, -32_767]),
        (3, 64, struct.pack("<3d", 0.5, float("nan"), float("inf")), [16_384, 0, 32_767]),
    ],
)
def test_every_kind_of_sample_in_plain_and_extensible_files(tmp_path, extended, code, bits, data, values):
    path = tmp_path / "a.wav"
    made(path, data, code=code, bits=bits, extended=extended)
    assert samples(path) == values


def test_floats_of_two_channels(tmp_path):
    path = tmp_path / "a.wav"
    made(path, struct.pack("<4f", 0.5, 0.0, -0.5, 0.5), code=3, bits=32, channels=2)
    assert samples(path) == [8_192, 0]


def test_many_blocks_are_put_together(tmp_path):
    path = tmp_path / "a.wav"
    expected = [number % 30_000 for number in range(200_000)]
    made(path, array("h", [value for value in expected for _ in range(2)]).tobytes(), channels=2)
    assert samples(path) == expected


def test_what_comes_before_the_audio_is_passed_over(tmp_path):
    path = tmp_path / "a.wav"
    made(path, b"\x01\x00", before=chunk(b"LIST", b"odd") + chunk(b"JUNK", bytes(1000)))
    assert samples(path) == [1]


@pytest.mark.parametrize("size", [0xFFFFFFFF, 1000])
def test_a_size_that_was_not_known_is_as_much_as_there_is(tmp_path, size):
    path = tmp_path / "a.wav"
    made(path, struct.pack("<5h", 1, 1, 2, 4, 5), channels=2, size=size)
    assert samples(path) == [1, 3]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"code": 7, "bits": 8}, r"its audio is mu-law \(format 7\); 8, 16, 24 and 32 bit PCM and 32 and 64 bit float"),
        ({"code": 2, "bits": 4}, r"its audio is ADPCM \(format 2\)"),
        ({"code": 85, "extended": EXTENSION}, r"its audio is MP3 \(format 85\)"),
        ({"code": 4711}, r"its audio is of an unknown kind \(format 4711\)"),
        ({"extended": bytes(14)}, r"its audio is of an unknown kind; 8, 16"),
        ({"bits": 40}, "its samples have 40 bits"),
        ({"bits": 0}, "its samples have 0 bits"),
        ({"code": 3, "bits": 16}, "its samples have 16 bits"),
        ({"channels": 0}, "it has 0 channels at 24000 Hz"),
        ({"channels": 999}, "it has 999 channels"),
        ({"rate": 0}, "1 channels at 0 Hz"),
        ({"before": chunk(b"JUNK", b"", size=0xFFFFFFF0)}, "no audio comes within its first 16 MiB"),
    ],
)
def test_the_rest_is_refused_in_words(tmp_path, options, words):
    path = tmp_path / "a.wav"
    made(path, bytes(100), **options)
    with pytest.raises(UserError, match=f"a.wav is no WAV file that can be read: .*{words}"):
        read_wav(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"RF64" + bytes(40), "it is an RF64 file"),
        (b"RIFF" + bytes(4) + b"AVI " + bytes(40), "it does not begin as one"),
        (b"RIFF" + bytes(4) + b"WAVE" + chunk(b"data", b"12"), "it does not say what its audio is"),
        (b"RIFF" + bytes(4) + b"WAVE" + chunk(b"fmt ", b"12"), "it ends early"),
    ],
)
def test_what_is_not_whole_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_wav(path)


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 1999), ("MOST_SECONDS", 1)])
def test_there_is_a_limit(tmp_path, monkeypatch, limit, value):
    path = tmp_path / "a.wav"
    made(path, bytes(2000), rate=1000, size=0xFFFFFFFF)
    assert len(read_wav(path)) == pytest.approx(48_000, abs=200)
    monkeypatch.setattr(wav, limit, value)
    if limit == "MOST_SECONDS":
        made(path, bytes(2002), rate=1000, size=0xFFFFFFFF)
    with pytest.raises(UserError, match="it is too long: at most"):
        read_wav(path)
