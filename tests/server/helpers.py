"""What the tests of the local server share: the official types, a driver for the state machine, a client in memory."""

import base64
import functools
import json
from contextlib import asynccontextmanager

import trio

from trio_realtime.server import Say
from trio_realtime.server.actions import StartResponse
from trio_realtime.server.state import SessionState
from trio_realtime.transport.base import TransportConfig, WireRequest

URL = "ws://local/v1/realtime?model=gpt-realtime"


@functools.cache
def adapters():
    from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
    from pydantic import TypeAdapter

    return TypeAdapter(RealtimeServerEvent), TypeAdapter(RealtimeClientEvent)


def valid_server_event(event: dict) -> None:
    """Fail unless an event is one of the official types."""
    assert adapters()[0].validate_python(event).type == event["type"]


def valid_client_event(event: dict) -> None:
    adapters()[1].validate_python(event)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def user_message(text: str, **fields) -> dict:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content, **fields}
    return {"type": "conversation.item.create", "item": item}


def tool(name: str = "get_weather", **properties) -> dict:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "name": name, "description": name.replace("_", " "), "parameters": parameters}


def update(**session) -> dict:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def types(events) -> list[str]:
    return [event["type"] for event in events]


def squeezed(events) -> list[str]:
    """The types, with runs of one type (deltas) as one."""
    found: list[str] = []
    for event in events:
        if not found or found[-1] != event["type"]:
            found.append(event["type"])
    return found


class Talk:
    """Drives a state machine by hand; every event it gives is checked against the official types."""

    def __init__(self, **options):
        self.now = options.pop("now", 100.0)
        self.state = SessionState(now=self.now, unix_time=1_700_000_000.0, **options)
        self.actions: list = []
        self.log: list[dict] = []
        self._take(self.state.open())

    def _take(self, events):
        for event in events:
            valid_server_event(event)
        self.log += events
        return events

    def __call__(self, event) -> list[dict]:
        step = self.state.handle(event, self.now)
        self.actions += step.actions
        return self._take(step.events)

    def tick(self, now: float) -> list[dict]:
        self.now = now
        step = self.state.tick(now)
        self.actions += step.actions
        return self._take(step.events)

    def send(self, kind: str, **fields) -> list[dict]:
        return self({"type": kind, **fields})

    def error(self, event) -> dict:
        (answer,) = self(event)
        assert answer["type"] == "error"
        return answer["error"]

    def append(self, audio: bytes) -> list[dict]:
        return self.send("input_audio_buffer.append", audio=b64(audio))

    @property
    def response_id(self) -> str:
        return [action.response_id for action in self.actions if isinstance(action, StartResponse)][-1]

    def produce(self, *steps, response_id=None) -> list[dict]:
        events = []
        for step in steps:
            for emission in self.state.produce(response_id or self.response_id, step, lambda: self.now):
                events += self._take(emission.events)
        return events

    def answer(self, *steps) -> list[dict]:
        """Create a response, let it do the steps and complete it."""
        events = self.send("response.create")
        events += self.produce(*(Say(step) if isinstance(step, str) else step for step in steps))
        return events + self._take(self.state.finish(self.response_id, self.now))


class Client:
    """A client over a wire, in tests: sends dicts, reads dicts."""

    def __init__(self, wire):
        self.wire = wire
        self.events: list[dict] = []

    async def send(self, *events) -> None:
        for event in events:
            await self.wire.send(event if isinstance(event, str) else json.dumps(event))

    async def say(self, text: str) -> None:
        await self.send(user_message(text), {"type": "response.create"})

    async def read(self) -> dict:
        event = json.loads(await self.wire.receive())
        self.events.append(event)
        return event

    async def until(self, kind: str) -> list[dict]:
        """Read up to the first event of a type, that one included."""
        seen = []
        with trio.fail_after(7200):
            while not seen or seen[-1]["type"] != kind:
                seen.append(await self.read())
        return seen

    async def append(self, audio: bytes, size: int = 4800) -> None:
        for start in range(0, len(audio), size):
            await self.send({"type": "input_audio_buffer.append", "audio": b64(audio[start : start + size])})


@asynccontextmanager
async def connected(server, url: str = URL, **config):
    async with server.connector(WireRequest(url=url, config=TransportConfig(**config))) as wire:
        yield Client(wire)
