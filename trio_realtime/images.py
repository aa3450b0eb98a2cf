"""Images for a user's message, from bytes, a file or an address."""

from __future__ import annotations

import os
import re
from typing import Any, Final, Literal, cast

import pybase64
import trio

from trio_realtime.config import RealtimeUserInputImage
from trio_realtime.errors import UserError, UserTypeError

__all__ = ["load_image"]

_ADDRESS: Final = re.compile(r"(https?|data):", re.IGNORECASE)
_DATA: Final = re.compile(r"data:(?P<type>image/[a-z0-9.+-]+);base64,(?P<data>[A-Za-z0-9+/=]+)", re.IGNORECASE)
_KINDS: Final[tuple[tuple[str, re.Pattern[bytes]], ...]] = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
)
"""How the kinds begin that the service takes."""


async def load_image(
    source: bytes | str | os.PathLike[str], *, detail: Literal["auto", "low", "high"] | None = None
) -> RealtimeUserInputImage:
    """Make the image part of a message::

        picture = await load_image("photo.jpg")
        await session.send_message({"content": [{"type": "input_text", "text": "What is this?"}, picture]})

    Its type is found by its first bytes, not by its name. A checkpoint.

    Args:
        source: the bytes of a PNG, JPEG, GIF or WebP image; the path of a file of such bytes; or an ``https:`` or
            ``data:`` address, of which the second is looked into and the first is left to the service.
        detail: how closely the model is to look.

    Raises:
        UserError: the bytes are no image of these kinds, the address is another or says another type than its
            bytes, or the file cannot be read. UserTypeError: the source is of another type.
    """
    await trio.lowlevel.checkpoint()
    if isinstance(source, bytes):
        return _from_bytes(source, "the bytes", detail)
    given: Any = source
    if isinstance(given, (bytearray, memoryview)):
        return _from_bytes(bytes(cast("Any", given)), "the bytes", detail)
    if isinstance(given, str) and _ADDRESS.match(given):
        return _from_address(given, detail)
    if not isinstance(given, (str, os.PathLike)):
        raise UserTypeError(f"an image is given as bytes, a path or an address, not as {type(given).__name__}")
    path: str = os.fspath(source)
    if not path:
        raise UserError("the path of an image must not be empty")
    try:
        data = await trio.Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: it has a null character
        raise UserError(f"the image {path!r} cannot be read: {getattr(error, 'strerror', error)}") from error
    return _from_bytes(data, repr(path), detail)


def _kind(data: bytes, name: str) -> str:
    for kind, beginning in _KINDS:
        if beginning.match(data):
            return kind
    raise UserError(f"{name}: not a PNG, JPEG, GIF or WebP image")


def _from_bytes(data: bytes, name: str, detail: Any) -> RealtimeUserInputImage:
    encoded = pybase64.b64encode(data).decode("ascii")
    return RealtimeUserInputImage(image_url=f"data:{_kind(data, name)};base64,{encoded}", detail=detail)


def _from_address(address: str, detail: Any) -> RealtimeUserInputImage:
    if address[:5].lower() == "data:":
        match = _DATA.fullmatch(address)
        if match is None:
            raise UserError("the data: address must be of an image/ type, in base64")
        try:
            data = pybase64.b64decode(match["data"], validate=True)
        except ValueError:
            raise UserError("the data: address must be of an image/ type, in base64") from None
        kind = _kind(data, "the data: address")
        if kind != match["type"].lower().replace("image/jpg", "image/jpeg"):
            raise UserError(f"the data: address says {match['type']}, but its bytes are {kind}")
    elif address[:6].lower() != "https:":
        raise UserError("the address of an image must be an https: or data: address")
    return RealtimeUserInputImage(image_url=address, detail=detail)
