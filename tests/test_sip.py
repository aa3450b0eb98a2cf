"""A phone call is accepted with what a session would send; attaching to it says only what was set."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from tests.canary import KEY
from tests.openai.examples import EXAMPLES
from trio_realtime import (
    OpenAIRealtimeSIPModel,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSessionModelSettings,
    RunContextWrapper,
    UserError,
    UserTypeError,
    function_tool,
    realtime_handoff,
)
from trio_realtime.transport.memory import connector

payload = OpenAIRealtimeSIPModel.build_initial_session_payload


@function_tool
async def look_up(word: str) -> str:
    """Look a word up."""
    return word


@function_tool(is_enabled=False)
async def closed() -> str:
    """Not now."""
    return ""


BARE = RealtimeAgent[Any]("Bare")
FULL = RealtimeAgent[Any](
    "Full",
    instructions=lambda context, agent: f"{agent.name} for {context.context}",
    tools=[look_up, closed],
    handoffs=[BARE],
    prompt={"id": "pmpt_1"},
)


class Service:
    """Notes the address and the updates of each connection, and confirms them."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.updates: list[dict[str, Any]] = []

    async def serve(self, wire, request):
        self.urls.append(request.url)
        await wire.send(json.dumps(EXAMPLES["session.created"]))
        while True:
            message = json.loads(await wire.receive())
            self.updates.append(message["session"])
            await wire.send(json.dumps({**EXAMPLES["session.updated"], "session": message["session"]}))

    @asynccontextmanager
    async def session(self, agent, *, model=OpenAIRealtimeWebSocketModel, context=None, model_config=None, config=None):
        runner = RealtimeRunner(agent, model=model(transport=connector(self.serve)), config=config)
        configured = {"api_key": KEY, **(model_config or {})}
        async with await runner.run(context=context, model_config=configured) as session:
            yield session


@pytest.mark.parametrize("agent", [BARE, FULL], ids=["bare", "full"])
@pytest.mark.parametrize(
    ("model_config", "config"),
    [
        ({}, {}),
        ({"initial_model_settings": {"instructions": "Mine.", "voice": "cedar", "tools": [look_up, closed]}}, {}),
        ({}, {"model_settings": {"speed": 1.2, "instructions": "lost", "input_audio_format": "g711_ulaw"}}),
        ({"initial_model_settings": {"tracing": "auto"}}, {"tracing_disabled": True}),
        ({"initial_model_settings": {"model_name": "gpt-realtime-mini", "extra": {"new": 1}}}, {}),
    ],
    ids=["plain", "initial", "run", "tracing", "named"],
)
async def test_it_is_what_a_session_sends(autojump_clock, agent, model_config, config):
    built = await payload(agent, context="Robin", model_config=model_config, run_config=config)
    service = Service()
    async with service.session(agent, context="Robin", model_config=model_config, config=config):
        pass
    assert service.updates == [built]
    assert json.loads(json.dumps(built)) == built


async def test_what_is_in_it():
    built = await payload(FULL, context="Robin")
    assert built["type"] == "realtime"
    assert built["model"] == "gpt-realtime-2.1"
    assert built["instructions"] == "Full for Robin"
    assert built["prompt"] == {"id": "pmpt_1"}
    assert [tool["name"] for tool in built["tools"]] == ["look_up", "transfer_to_bare"]
    assert built["audio"]["output"] == {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "ash"}


async def test_a_wrapped_context_is_used_as_it_is():
    built = await payload(FULL, context=RunContextWrapper("Kim"))
    assert built["instructions"] == "Full for Kim"


async def test_a_call_that_rings_has_defaults():
    assert await payload(BARE, model_config={"call_id": "rtc_1"}) == await payload(BARE)


async def test_classes_are_as_good_as_dicts():
    given = {"instructions": "Mine."}
    settings = RealtimeSessionModelSettings(instructions="Mine.")
    as_class = await payload(BARE, model_config=RealtimeModelConfig(initial_model_settings=settings))
    assert as_class == await payload(BARE, model_config={"initial_model_settings": given})
    assert as_class == await payload(BARE, overrides=settings) == await payload(BARE, overrides=given)


async def test_overrides_come_last():
    go = realtime_handoff(BARE, tool_name_override="go")
    built = await payload(
        FULL,
        model_config={"initial_model_settings": {"instructions": "initial", "voice": "cedar"}},
        run_config={"tracing_disabled": True},
        overrides={"instructions": "last", "turn_detection": None, "tracing": "auto", "handoffs": [go]},
    )
    assert (built["instructions"], built["tracing"]) == ("last", "auto")
    assert built["audio"]["input"]["turn_detection"] is None
    assert built["audio"]["output"]["voice"] == "cedar"
    assert [tool["name"] for tool in built["tools"]] == ["look_up", "go"]
    built = await payload(FULL, overrides={"tools": [closed]})
    assert [tool["name"] for tool in built["tools"]] == ["transfer_to_bare"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model_config": {"call": "x"}}, r"model_config\.call: .*'call_id'"),
        ({"run_config": {"tracing_disable": True}}, r"run_config\.tracing_disable: .*'tracing_disabled'"),
        ({"overrides": {"voise": "ash"}}, r"overrides\.voise: .*'voice'"),
        ({"overrides": {"tools": [look_up, look_up]}}, "look_up"),
    ],
)
async def test_faults_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        await payload(BARE, **arguments)


@pytest.mark.parametrize("agent", ["agent", None, RealtimeAgent])
async def test_only_an_agent_answers(agent):
    with pytest.raises(UserTypeError, match="agent must be a RealtimeAgent, not "):
        await payload(agent)


@pytest.mark.parametrize("name", ["model_config", "run_config", "overrides"])
@pytest.mark.parametrize("value", [0, [], "", False])
async def test_what_is_empty_is_no_configuration(name, value):
    with pytest.raises(UserTypeError, match=f"{name}: must be "):
        await payload(BARE, **{name: value})


async def test_attaching_needs_a_call():
    with pytest.raises(UserError, match="call_id"):
        OpenAIRealtimeSIPModel().connect(RealtimeModelConfig(api_key=KEY))


@pytest.mark.parametrize(
    ("agent", "config", "said"),
    [
        (BARE, {}, None),
        (BARE, {"model_settings": {"voice": "cedar"}}, {"audio": {"output": {"voice": "cedar"}}}),
        (BARE, {"tracing_disabled": True}, {"tracing": None}),
        (
            BARE,
            {"model_settings": {"turn_detection": {"type": "server_vad"}}},
            {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
        ),
        (RealtimeAgent[Any]("Speaks", instructions="Hi"), {}, {"instructions": "Hi"}),
    ],
    ids=["nothing", "voice", "tracing", "turn detection", "instructions"],
)
async def test_attaching_says_only_what_was_set(autojump_clock, agent, config, said):
    service = Service()
    attached = {"call_id": "rtc_1"}
    async with service.session(agent, model=OpenAIRealtimeSIPModel, model_config=attached, config=config):
        await trio.sleep(1)
    assert service.urls[0].endswith("?call_id=rtc_1")
    assert service.updates == ([] if said is None else [{"type": "realtime", **said}])


async def test_changing_agents_in_a_call_says_only_the_difference(autojump_clock):
    service = Service()
    async with service.session(BARE, model=OpenAIRealtimeSIPModel, model_config={"call_id": "rtc_1"}) as session:
        await session.update_agent(RealtimeAgent[Any]("Other", instructions="Be brief."))
        await session.update_agent(BARE)
        await session.update_agent(RealtimeAgent[Any]("Same"))
    assert service.updates == [
        {"type": "realtime", "instructions": "Be brief."},
        {"type": "realtime", "instructions": ""},
    ]
