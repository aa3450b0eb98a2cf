"""Plays a scenario on one side, and gives what was seen on the wire and by the application."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio
import trio_websocket
import yaml

from .peer import Peer

SCENARIOS = Path(__file__).parent / "scenarios"
_APPLICATION = frozenset({"do", "wait"})
_DEFAULT_URL = "ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime"


@attrs.frozen(kw_only=True)
class Scenario:
    """A conversation as data.

    Attributes:
        name: ``group/name`` of its file.
        data: all of the file.
    """

    name: str
    data: dict[str, Any]

    @property
    def steps(self) -> list[dict[str, Any]]:
        return self.data.get("steps") or []

    @property
    def differs(self) -> list[dict[str, Any]]:
        return self.data.get("differs") or []


@attrs.frozen(kw_only=True)
class Seen:
    """What one side did: the handshake, its client events, its session events, and its own functions' log."""

    handshake: dict[str, Any]
    wire: list[dict[str, Any]]
    events: list[dict[str, Any]]
    app: list[dict[str, Any]]
    aliases: dict[str, str]
    close_code: int | None


def load_all() -> list[Scenario]:
    """Read all scenarios, in the order of their names."""
    return [load(path) for path in sorted(SCENARIOS.glob("*/*.yaml"))]


def load(path: Path) -> Scenario:
    """Read one."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Scenario(name=str(path.relative_to(SCENARIOS).with_suffix("")), data=data)


def _given(scenario: Scenario, port: int) -> dict[str, Any]:
    """The scenario as a driver gets it: with an address, and a key unless it says otherwise."""
    data = {key: value for key, value in scenario.data.items() if key not in ("steps", "differs", "server")}
    config = {"url": _DEFAULT_URL, "api_key": "test-key", **(data.get("model_config") or {})}
    if config["url"] == "default":
        del config["url"]
    else:
        config["url"] = config["url"].format(port=port)
    if config["api_key"] is None:
        del config["api_key"]
    return {**data, "model_config": config}


class _Play:
    """One scenario on one side."""

    def __init__(self, driver: Any, peer: Peer) -> None:
        self._driver = driver
        self._peer = peer
        self._marks = 0
        self._waited: dict[str, int] = {}
        peer.pause = self.sync

    async def sync(self) -> None:
        """Go on until the client has read everything, has settled, and everything that it sent is here."""
        last = None
        for _ in range(30):
            if self._peer.handshake and not self._peer.closed.is_set():
                await self._mark()
            events = await self._driver.settle()
            now = (len(self._peer.received), events, self._peer.closed.is_set())
            if now == last:
                return
            last = now
        raise AssertionError(f"{self._driver.name}: does not settle: {last}")

    async def _mark(self) -> None:
        self._marks += 1
        name = f"{self._marks}."
        await self._peer.mark(name)
        with trio.move_on_after(5) as deadline:
            while not (marked := await self._driver.mark(name)):
                if self._peer.closed.is_set() or marked is None:
                    return
            with trio.fail_after(5):
                await self._peer.wait_marked(name)
        if deadline.cancelled_caught:
            raise AssertionError(f"{self._driver.name}: a frame was not read within 5 seconds")

    async def step(self, step: dict[str, Any]) -> None:
        """Do one step."""
        step = dict(step)
        synced = step.pop("sync", True)
        if step.pop("side", self._driver.name) != self._driver.name:
            return
        ((name, value),) = step.items()
        if name == "do":
            ((act, given),) = value.items() if isinstance(value, dict) else [(value, None)]
            await self._driver.do(act, given)
        elif name == "wait":
            number = self._waited[value] = self._waited.get(value, 0) + 1
            await self._driver.wait(value, number)
        else:
            with trio.fail_after(10):
                await self._peer.step(name, value)
        if synced:
            await self.sync()


async def play(scenario: Scenario, driver: Any) -> Seen:
    """Play a scenario with one driver, against a server of its own.

    Raises:
        AssertionError: a step could not be done.
    """
    peer = Peer(scenario.data.get("server") or {})
    async with trio.open_nursery() as nursery:
        serve = partial(trio_websocket.serve_websocket, peer, "127.0.0.1", 0, None, handler_nursery=nursery)
        server = await nursery.start(serve)
        given = _given(scenario, server.port)
        try:
            await driver.start(given, server.port)
            play = _Play(driver, peer)
            if peer.handshake:
                await peer.ready.wait()
                await play.sync()
            for number, step in enumerate(scenario.steps, 1):
                try:
                    await play.step(step)
                except (AssertionError, trio.TooSlowError) as error:
                    error.add_note(f"at step {number} of {scenario.name}, {driver.name}: {step}")
                    raise
        finally:
            result = await driver.finish()
        with trio.move_on_after(5):
            if peer.handshake:
                await peer.closed.wait()
        nursery.cancel_scope.cancel()
    return Seen(
        handshake=peer.handshake,
        wire=peer.received,
        events=result["events"],
        app=result["app"],
        aliases=peer.aliases,
        close_code=peer.close_code,
    )
