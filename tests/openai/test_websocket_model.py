"""What is connected to, with which key, and by when; over wires in memory."""

import json

import attrs
import pytest
import trio

from tests.canary import KEY
from tests.openai.examples import EXAMPLES
from trio_realtime.config import RealtimeModelConfig, RealtimeSessionModelSettings, Timeouts
from trio_realtime.errors import ConfigRejected, RealtimeTimeoutError, ServerError, UserError
from trio_realtime.openai.websocket_model import (
    DEFAULT_URL,
    OpenAIRealtimeWebSocketModel,
    get_api_key,
)
from trio_realtime.transport.memory import connector

MODEL = "gpt-realtime-2.1"


class Peer:
    """A server that notes each request and confirms each update, unless told otherwise."""

    def __init__(self, *, answer="session.updated", greet=True):
        self.requests = []
        self.updates = []
        self.answer = answer
        self.greet = greet

    async def serve(self, wire, request):
        self.requests.append(request)
        if not self.greet:
            wire.receive_nowait()
            await trio.sleep_forever()
        await wire.send(json.dumps(EXAMPLES["session.created"]))
        while True:
            update = json.loads(await wire.receive())
            self.updates.append(update)
            if self.answer == "error":
                error = {"type": "invalid_request_error", "code": "invalid_value", "message": "No."}
                error |= {"param": "session.voice", "event_id": update["event_id"]}
                await wire.send(json.dumps({"type": "error", "error": error}))
            elif self.answer == "fatal":
                error = {"type": "authentication_error", "code": "invalid_api_key", "message": "No."}
                await wire.send(json.dumps({"type": "error", "error": error}))
            elif self.answer is not None:
                await wire.send(json.dumps(EXAMPLES[self.answer]))


async def request_of(config, *, model=None, **options):
    peer = Peer()
    model = (model or OpenAIRealtimeWebSocketModel)(transport=connector(peer.serve), **options)
    async with model.connect(config):
        pass
    return peer.requests[0], peer.updates[0]["session"] if peer.updates else None


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({}, f"{DEFAULT_URL}?model={MODEL}"),
        (
            {"initial_model_settings": RealtimeSessionModelSettings(model_name="a b/c&d")},
            f"{DEFAULT_URL}?model=a%20b%2Fc%26d",
        ),
        ({"call_id": "rtc_1/2?&"}, f"{DEFAULT_URL}?call_id=rtc_1%2F2%3F%26"),
        ({"url": "wss://other.example/v1?x=1"}, "wss://other.example/v1?x=1"),
    ],
)
async def test_the_url(autojump_clock, config, url):
    request, _ = await request_of(RealtimeModelConfig(api_key=KEY, **config))
    assert request.url == url


async def test_a_call_has_its_model_and_hears_no_default(autojump_clock):
    settings = RealtimeSessionModelSettings(instructions="Hi")
    _, session = await request_of(RealtimeModelConfig(api_key=KEY, call_id="rtc_1", initial_model_settings=settings))
    assert session == {"type": "realtime", "instructions": "Hi"}
    named = attrs.evolve(settings, model_name="m")
    with pytest.raises(UserError, match="model_name"):
        await request_of(RealtimeModelConfig(api_key=KEY, call_id="rtc_1", initial_model_settings=named))


async def later():
    return "later"


@pytest.mark.parametrize(
    ("key", "expected"), [("k", "k"), (lambda: "called", "called"), (later, "later"), (None, None)]
)
async def test_the_key(key, expected):
    assert await get_api_key(key) == expected


async def test_the_key_of_the_environment(autojump_clock, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "env")
    request, _ = await request_of(RealtimeModelConfig())
    assert request.headers["Authorization"] == "Bearer env"
    assert request.headers["User-Agent"].startswith("trio-realtime/")
    assert "env" not in repr(request)


async def test_a_key_is_needed_except_on_loopback(autojump_clock):
    for url in (None, "wss://other.example/v1"):
        with pytest.raises(UserError, match="no key"):
            await request_of(RealtimeModelConfig(url=url))
    request, _ = await request_of(RealtimeModelConfig(url="ws://127.0.0.1:80/v1"))
    assert "Authorization" not in request.headers


async def test_headers_replace_what_a_key_would_give(autojump_clock):
    headers = {"api-key": "h", "user-agent": "mine"}
    request, _ = await request_of(RealtimeModelConfig(api_key=KEY, headers=headers))
    assert dict(request.headers) == headers


async def test_auth_is_called_for_each_connection(autojump_clock):
    calls = []

    async def auth():
        calls.append(1)
        return {"Authorization": f"Bearer {len(calls)}"}

    for number in (1, 2):
        request, _ = await request_of(RealtimeModelConfig(auth=auth))
        assert request.headers["Authorization"] == f"Bearer {number}"


@pytest.mark.parametrize(("greet", "answer"), [(False, "session.updated"), (True, None)])
async def test_one_deadline_for_everything(autojump_clock, greet, answer):
    peer = Peer(greet=greet, answer=answer)
    model = OpenAIRealtimeWebSocketModel(transport=connector(peer.serve))
    began = trio.current_time()
    with pytest.raises(RealtimeTimeoutError) as caught:
        async with model.connect(RealtimeModelConfig(api_key=KEY, timeouts=Timeouts(connect=3))):
            pytest.fail("connected")
    assert (caught.value.name, caught.value.seconds) == ("connect", 3)
    assert 3 <= trio.current_time() - began < 6


async def test_the_deadline_is_not_that_of_the_block(autojump_clock):
    model = OpenAIRealtimeWebSocketModel(transport=connector(Peer().serve))
    async with model.connect(RealtimeModelConfig(api_key=KEY, timeouts=Timeouts(connect=3))) as connection:
        await trio.sleep(100)
        assert connection.confirms_configuration


async def test_without_confirmation_nothing_is_waited_for(autojump_clock):
    model = OpenAIRealtimeWebSocketModel(transport=connector(Peer(answer=None).serve))
    async with model.connect(RealtimeModelConfig(api_key=KEY, timeouts=Timeouts(configure=None))) as connection:
        assert not connection.confirms_configuration


@pytest.mark.parametrize(("answer", "error"), [("error", ConfigRejected), ("fatal", ServerError)])
async def test_a_refused_configuration(autojump_clock, answer, error):
    model = OpenAIRealtimeWebSocketModel(transport=connector(Peer(answer=answer).serve))
    with pytest.raises(error, match=r"No\."):
        async with model.connect(RealtimeModelConfig(api_key=KEY)):
            pytest.fail("connected")


async def test_the_heartbeat_is_half_silence_and_half_answer(autojump_clock):
    given = {"ping_interval": 7, "ping_timeout": 9}
    request, _ = await request_of(RealtimeModelConfig(api_key=KEY), transport_config=given)
    assert (request.config.ping_interval, request.config.ping_timeout) == (7, 9)
    config = RealtimeModelConfig(api_key=KEY, timeouts=Timeouts(heartbeat=5))
    request, _ = await request_of(config, transport_config=given)
    assert (request.config.ping_interval, request.config.ping_timeout) == (2.5, 2.5)


def test_transports_have_names():
    OpenAIRealtimeWebSocketModel()
    with pytest.raises(UserError, match="transport"):
        OpenAIRealtimeWebSocketModel(transport="carrier-pigeon")


async def test_a_url_that_is_none(autojump_clock):
    with pytest.raises(UserError):
        await request_of(RealtimeModelConfig(url="ws://[::1"))
