"""Serving the playground: hypercorn's trio worker on a port of loopback."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any, Final

import trio

from trio_realtime.cli.assistant import Place, voice_service
from trio_realtime.cli.output import until_signalled
from trio_realtime.cli.playground.site import Site
from trio_realtime.errors import UserError

__all__ = ["run_playground", "serve_playground"]

_HOST: Final = "127.0.0.1"
_CLOSE_SECONDS: Final = 0.5
_MOST_BYTES: Final = 1024 * 1024


def run_playground(*, port: int = 0, url: str | None = None, local: bool = False, browse: bool = False) -> int:
    """Serve the page until SIGINT or SIGTERM comes.

    Args:
        port: the port of loopback, or 0 for a free one.
        url: where calls are held, in place of OpenAI (with a key) or this machine (without).
        local: this machine, even if there is a key.
        browse: open the page in the browser.

    Returns:
        the exit code, 0.

    Raises:
        UserError: something is not installed.
        OSError: the port cannot be used.
    """
    trio.run(until_signalled, partial(_run, port, url, local, browse))
    return 0


async def _run(port: int, url: str | None, local: bool, browse: bool) -> None:
    _hypercorn("config")  # before the models are loaded, if it is missing
    print("getting ready ...", flush=True)
    async with voice_service(url=url, local=local) as place, serve_playground(place, port) as address:
        print(place.words, flush=True)
        print(f"playground: {address}", flush=True)
        print("The address works once, in one tab. Ctrl-C ends.", flush=True)
        if browse:
            await trio.to_thread.run_sync(webbrowser.open, address, abandon_on_cancel=True)
        await trio.sleep_forever()


@asynccontextmanager
async def serve_playground(place: Place, port: int = 0) -> AsyncGenerator[str, None]:
    """Serve the page on loopback for the length of a block, and give its address with the token.

    Leaving it ends all calls, in bounded time. The exception of the block leaves it as the same object.

    Raises:
        UserError: the extra ``playground`` is not installed.
        OSError: the port cannot be used.
    """
    serve, config = _hypercorn("trio").serve, _hypercorn("config").Config()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        bound: int = listener.getsockname()[1]
        config.bind = [f"fd://{listener.detach()}"]  # hypercorn's from now on
    config.loglevel = "ERROR"
    config.graceful_timeout = _CLOSE_SECONDS
    config.websocket_max_message_size = _MOST_BYTES
    config.include_server_header = False
    site = Site(place, bound)
    parked: BaseException | None = None
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, site, config, mode="asgi"))
        try:
            yield f"http://{_HOST}:{bound}/#token={site.token}"
        except BaseException as error:  # noqa: BLE001  parked: raised outside of the nursery, which would wrap it
            parked = error
        nursery.cancel_scope.cancel()
    try:
        if parked is not None:
            raise parked
    finally:
        del parked


def _hypercorn(part: str) -> Any:
    try:
        return import_module(f"hypercorn.{part}")
    except ImportError as error:
        raise UserError("the playground needs its extra: pip install 'trio-realtime[playground]'") from error
