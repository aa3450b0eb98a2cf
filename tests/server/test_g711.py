from array import array

import pytest

from trio_realtime.server import g711

CODECS = {"u": (g711.ulaw_encode, g711.ulaw_decode), "a": (g711.alaw_encode, g711.alaw_decode)}


@pytest.mark.parametrize("law", CODECS)
def test_every_code_survives_a_round_trip(law):
    encode, decode = CODECS[law]
    codes = bytes(range(256))
    again = encode(decode(codes))
    assert decode(again) == decode(codes)
    # mu-law has two zeros; all else is one to one
    assert len(set(again)) >= 255


@pytest.mark.parametrize(("law", "code", "sample"), [
    ("u", 0xFF, 0), ("u", 0x00, -32124), ("u", 0x80, 32124), ("u", 0x7F, 0),
    ("a", 0xD5, 8), ("a", 0x55, -8), ("a", 0xAA, 32256), ("a", 0x2A, -32256),
])  # fmt: skip
def test_known_values_of_the_standard(law, code, sample):
    assert array("h", CODECS[law][1](bytes([code])))[0] == sample


@pytest.mark.parametrize("law", CODECS)
def test_the_error_is_small(law):
    encode, decode = CODECS[law]
    samples = array("h", range(-32000, 32000, 37))
    back = array("h", decode(encode(samples.tobytes())))
    assert max(abs(a - b) / (abs(a) + 300) for a, b in zip(samples, back, strict=True)) < 0.07


def test_an_odd_byte_is_left_out():
    assert list(g711.pcm_samples(b"\x01\x00\x02")) == [1]
