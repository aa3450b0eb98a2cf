"""The command line, ``python -m trio_realtime``: a demo, a chat, and the local server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code.

    Args:
        arguments: instead of those of the process.

    Raises:
        SystemExit: always.
    """
    from trio_realtime.cli.app import run

    sys.exit(run(arguments))
