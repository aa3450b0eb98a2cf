"""Frames that another library reads as what was sent."""

from __future__ import annotations

import builtins
import importlib
import os
from typing import Any

import pytest
from wsproto.frame_protocol import FrameProtocol

from trio_realtime.transport import text_frames
from trio_realtime.transport.text_frames import TextFramer, mask

LENGTHS = [0, 1, 3, 125, 126, 127, 65535, 65536, 100_001]


def read(data: bytes, *, client: bool) -> str:
    """What the other side reads."""
    protocol = FrameProtocol(client=not client, extensions=[])
    protocol.receive_bytes(data)
    frames = list(protocol.received_frames())
    assert frames[-1].message_finished
    return "".join(str(frame.payload) for frame in frames)


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("length", LENGTHS)
def test_the_other_side_reads_the_message(length: int, client: bool) -> None:
    text = ("é" * length).encode()[:length].decode(errors="ignore")
    assert read(TextFramer(client=client).frame(text.encode()), client=client) == text


@pytest.mark.parametrize("length", LENGTHS)
def test_masks_are_the_same_with_and_without_the_c_code(length: int) -> None:
    from websockets.speedups import apply_mask

    data = bytes(range(256)) * (length // 256) + bytes(length % 256)
    assert mask(data, b"\x01\xff\x80\x00") == apply_mask(data, b"\x01\xff\x80\x00")


def test_without_the_c_code(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("websockets"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    slow = importlib.reload(text_frames)
    monkeypatch.undo()
    try:
        assert read(slow.TextFramer(client=True).frame(b"x" * 300), client=True) == "x" * 300
        assert slow._mask is slow.mask
    finally:
        importlib.reload(text_frames)


def test_each_message_has_a_key_of_its_own() -> None:
    framer = TextFramer(client=True)
    keys = {framer.frame(b"x")[2:6] for _ in range(600)}
    assert len(keys) > 590


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_process_has_masking_keys_of_its_own() -> None:
    TextFramer(client=True).frame(b"the parent has drawn")
    keys = set[bytes]()
    for _ in range(2):
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(theirs, TextFramer(client=True).frame(b"")[2:6])
            os._exit(0)
        os.waitpid(child, 0)
        keys.add(os.read(ours, 4))
        os.close(ours)
        os.close(theirs)
    assert len({*keys, TextFramer(client=True).frame(b"")[2:6]}) == 3
