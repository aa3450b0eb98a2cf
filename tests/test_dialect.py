"""Compatible servers: translation of single events, and whole conversations in another dialect."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.talk import KEY, collect, get_weather, make_agent, of
from trio_realtime import (
    AssistantAudio,
    Dialect,
    OpenAIRealtimeWebSocketModel,
    RealtimeRunner,
    UserError,
    UserTypeError,
)
from trio_realtime.audio import PCMU
from trio_realtime.dialect import BETA, dialect_of
from trio_realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage
from trio_realtime.server import CallTool, LocalServer, Say, ScriptEngine
from trio_realtime.transport.base import Wire

SESSION = {
    "type": "realtime",
    "model": "m",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "max_output_tokens": 100,
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "w"},
            "noise_reduction": None,
            "turn_detection": {"type": "server_vad"},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "ash", "speed": 1.1},
    },
    "tools": [],
}
FLAT = {
    "instructions": "Be brief.",
    "modalities": ["audio"],
    "max_response_output_tokens": 100,
    "input_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "w"},
    "input_audio_noise_reduction": None,
    "turn_detection": {"type": "server_vad"},
    "output_audio_format": "pcm16",
    "voice": "ash",
    "speed": 1.1,
    "tools": [],
}


class TestTranslation:
    def test_the_session_is_flat(self):
        event = {"type": "session.update", "event_id": "e", "session": SESSION}
        assert BETA.to_server(event) == {"type": "session.update", "event_id": "e", "session": FLAT}
        assert event["session"] is SESSION

    @pytest.mark.parametrize("audio", [{}, None, {"input": None, "output": {"format": "odd"}}])
    def test_a_session_with_little_in_it(self, audio):
        event = {"type": "session.update", "session": {"type": "realtime", "audio": audio}}
        flat = {"output_audio_format": "odd"} if audio else {}
        assert BETA.to_server(event)["session"] == flat

    def test_a_request_for_a_response_is_flat(self):
        response = {
            "output_modalities": ["text"],
            "max_output_tokens": 5,
            "metadata": {"a": "b"},
            "audio": {"output": {"voice": "ash", "format": {"type": "audio/pcma"}}},
            "input": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
                "odd",
            ],
        }
        assert BETA.to_server({"type": "response.create", "response": response})["response"] == {
            "modalities": ["text"],
            "max_response_output_tokens": 5,
            "metadata": {"a": "b"},
            "voice": "ash",
            "output_audio_format": "g711_alaw",
            "input": [{"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]}, "odd"],
        }
        assert BETA.to_server({"type": "response.create"}) == {"type": "response.create"}

    @pytest.mark.parametrize(
        ("item", "old"),
        [
            (
                {"role": "assistant", "content": [{"type": "output_audio", "transcript": "x"}, {"type": "new"}, 1]},
                {"role": "assistant", "content": [{"type": "audio", "transcript": "x"}, {"type": "new"}, 1]},
            ),
            (
                {"role": "user", "content": [{"type": "input_text"}]},
                {"role": "user", "content": [{"type": "input_text"}]},
            ),
            ({"type": "function_call_output"}, {"type": "function_call_output"}),
        ],
    )
    def test_parts_of_items_have_their_old_names(self, item, old):
        event = {"type": "conversation.item.create", "item": item}
        assert BETA.to_server(event) == {"type": "conversation.item.create", "item": old}

    def test_names(self):
        dialect = Dialect(server_events={"a.b": "error"}, client_events={"response.create": "go"})
        assert dialect.from_server({"type": "a.b", "x": 1}) == {"type": "error", "x": 1}
        assert dialect.from_server({"type": "other"}) == {"type": "other"}
        assert dialect.to_server({"type": "response.create", "response": {"audio": {}}}) == {
            "type": "go",
            "response": {"audio": {}},
        }
        assert dialect.to_server({"type": "session.update", "session": SESSION})["session"] is SESSION


class TestMeaning:
    def test_every_form(self):
        names = {"response.audio.delta": "response.output_audio.delta"}
        assert dialect_of(None) is None
        assert dialect_of("beta") is BETA
        assert dialect_of(BETA) is BETA
        assert dialect_of(names) == Dialect(server_events=names)
        assert dialect_of({"session": "flat"}) == Dialect(session="flat")
        assert dialect_of({}) == Dialect()

    def test_what_is_wrong_is_said_at_the_call(self):
        with pytest.raises(UserError, match="none called 'betta'; those with names are beta"):
            dialect_of("betta")
        with pytest.raises(UserError, match=r"dialect.sesion.*did you mean 'session'"):
            dialect_of({"sesion": "flat"})
        wrong: Any = 3
        with pytest.raises(UserTypeError, match="not int"):
            dialect_of(wrong)

    async def test_already_when_the_session_is_made(self):
        runner = RealtimeRunner(make_agent())
        with pytest.raises(UserError, match="betta"):
            await runner.run(model_config={"dialect": "betta"})

    async def test_a_name_that_means_no_server_event(self):
        for dialect, meant in (
            ({"a.b": "response.output_audio.detla"}, "response.output_audio.delta"),
            ({"client_events": {"response.creat": "x"}}, "response.create"),
        ):
            config = {"url": "ws://127.0.0.1:9", "dialect": dialect}
            with pytest.raises(UserError, match=f"did you mean {meant!r}"):
                async with await RealtimeRunner(make_agent()).run(model_config=config):
                    pytest.fail("must not connect")

    @pytest.mark.parametrize(
        "fields",
        [{"session": "flatt"}, {"server_events": {"a.b": 1}}, {"server_events": 5}, {"client_events": {"a.b": ["x"]}}],
    )
    def test_a_dialect_is_checked_when_it_is_made(self, fields):
        with pytest.raises(UserError, match=f"dialect.{next(iter(fields))}"):
            Dialect(**fields)

    def test_its_headers_are_not_shown(self):
        assert "canary" not in repr(Dialect(headers={"api-key": "canary"}))

    @pytest.mark.parametrize(
        "event",
        [
            {"type": "session.update", "session": {"audio": 1}},
            {"type": "session.update", "session": {"audio": {"input": "x"}}},
            {"type": "session.update", "session": {"audio": {"output": [1]}}},
            {"type": "response.create", "response": {"audio": {"output": "x"}}},
        ],
    )
    def test_what_is_no_object_is_a_user_error(self, event):
        with pytest.raises(UserError, match="must be an object"):
            BETA.to_server(event)

    def test_an_odd_part_passes(self):
        item = {"role": "assistant", "content": [{"type": ["x"]}]}
        event = {"type": "conversation.item.create", "item": item}
        assert BETA.to_server(event)["item"] == item
        assert BETA.to_server({"type": "session.update", "session": 5}) == {"type": "session.update", "session": 5}

    async def test_a_raw_event_that_cannot_be_flattened_changes_nothing(self, autojump_clock):
        server = LocalServer(ScriptEngine([Say("Hi.")]), pace=None)

        @asynccontextmanager
        async def connector(request):
            async with server.connector(request) as wire:
                yield OldWire(wire, [])

        model = OpenAIRealtimeWebSocketModel(transport=connector)
        config = {"api_key": KEY, "dialect": "beta"}
        async with await RealtimeRunner(make_agent(), model=model).run(model_config=config) as session:
            message = RealtimeModelRawClientMessage(
                type="session.update", other_data={"session": {"type": "realtime", "audio": {"input": "x"}}}
            )
            with pytest.raises(UserError):
                await session.model.send_event(RealtimeModelSendRawMessage(message=message))
            await session.send_message("Hello")
            await collect(session, "agent_end")


class OldWire(Wire):
    """What stands between a client of the old protocol and a server of the new one."""

    def __init__(self, inner: Wire, sent: list[dict[str, Any]]) -> None:
        self._inner = inner
        self._sent = sent
        self._names = {new: old for old, new in BETA.server_events.items()}

    async def send(self, message: str | bytes) -> None:
        event = json.loads(message)
        self._sent.append(event)
        if event["type"] == "session.update":
            session = event["session"]
            output = {"voice": session["voice"]} if "voice" in session else {}
            tools = {"tools": session["tools"]} if "tools" in session else {}
            event = {**event, "session": {"type": "realtime", "audio": {"output": output}, **tools}}
        await self._inner.send(json.dumps(event))

    def _old(self, message: str | bytes | None) -> str | bytes | None:
        if message is None:
            return None
        event = json.loads(message)
        event["type"] = self._names.get(event["type"], event["type"])
        if "session" in event:
            event["session"] = {"turn_detection": None, "output_audio_format": "g711_ulaw"}
        return json.dumps(event)

    async def receive(self) -> Any:
        return self._old(await self._inner.receive())

    def receive_nowait(self) -> Any:
        return self._old(self._inner.receive_nowait())

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await self._inner.aclose(code, reason)

    def statistics(self) -> Any:
        return self._inner.statistics()


async def test_need_36_a_conversation_in_the_old_dialect(autojump_clock):
    server = LocalServer(ScriptEngine([CallTool("get_weather", {"city": "Oslo"}), Say("It is sunny.")]), pace=None)
    sent: list[dict[str, Any]] = []
    requests: list[Any] = []

    @asynccontextmanager
    async def connector(request):
        requests.append(request)
        async with server.connector(request) as wire:
            yield OldWire(wire, sent)

    model = OpenAIRealtimeWebSocketModel(transport=connector)
    config = {"api_key": KEY, "dialect": "beta"}
    async with await RealtimeRunner(make_agent(tools=[get_weather]), model=model).run(model_config=config) as session:
        await session.send_message("Weather?")
        await session.send_audio(b"\0\0")
        events = await collect(session, "agent_end", 2)
        assert of(events, "audio")
        assert [event.text for event in of(events, "transcript") if event.final] == ["It is sunny."]
        assert session.history[-1].content == (AssistantAudio(transcript="It is sunny."),)
        assert session._hub.playback.format == PCMU
    assert requests[0].headers["OpenAI-Beta"] == "realtime=v1"
    update = next(event for event in sent if event["type"] == "session.update")
    assert {"modalities", "voice", "input_audio_format", "turn_detection"} <= update["session"].keys()
    assert not {"audio", "type", "model"} & update["session"].keys()
    assert next(event for event in sent if event["type"] == "input_audio_buffer.append")["audio"] == "AAA="


async def test_need_36_headers_are_asked_for_on_every_connection(autojump_clock):
    server = LocalServer(ScriptEngine([Say("Hi.")]))
    asked: list[str] = []

    async def auth():
        asked.append("token")
        return {"Authorization": f"Bearer {len(asked)}", "openai-beta": "mine"}

    requests: list[Any] = []

    @asynccontextmanager
    async def connector(request):
        requests.append(request)
        async with server.connector(request) as wire:
            yield wire

    runner = RealtimeRunner(make_agent(), model=OpenAIRealtimeWebSocketModel(transport=connector))
    config = {"auth": auth, "api_key": "unused", "dialect": Dialect(headers={"OpenAI-Beta": "realtime=v1"})}
    for _ in range(2):
        async with await runner.run(model_config=config):
            pass
    assert [request.headers["Authorization"] for request in requests] == ["Bearer 1", "Bearer 2"]
    assert "OpenAI-Beta" not in requests[0].headers
    assert requests[0].headers["openai-beta"] == "mine"
