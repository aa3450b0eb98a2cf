"""Keys, headers and other secrets are in no repr, error, log, snapshot or recording; the whole suite is watched too."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
import trio

from tests import conftest
from tests.canary import CANARIES, HEADER, KEY, SECRET, leak_in
from tests.talk import collect, make_agent
from trio_realtime import (
    AgentsException,
    HostedMCPTool,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunner,
    RunContextWrapper,
    SQLiteSessionStore,
)
from trio_realtime.server import CloseWith, LocalServer, Refuse, RejectHandshake, Say, ScriptEngine
from trio_realtime.transport.base import TransportConfig, WireRequest

DOCS = HostedMCPTool(
    {
        "server_label": "docs",
        "server_url": f"https://u:{SECRET}@docs.example/mcp",
        "authorization": SECRET,
        "headers": {"X-Key": SECRET},
    }
)
URL = f"wss://localhost/v1/realtime?token={SECRET}"
NAMED = f"wss://user:{SECRET}@localhost/v1/realtime"
EXTRA = {"type": "mcp", "server_label": "x", "server_url": "https://x.example", "authorization": SECRET}
MODEL_CONFIGS: list[Any] = [
    {"api_key": KEY, "url": URL},
    {"api_key": lambda: KEY},
    {"headers": {"Authorization": f"Bearer {KEY}", "X-Mine": HEADER}},
    {"api_key": KEY, "initial_model_settings": {"extra": {"tools": [EXTRA]}}},
]


def check(*values: Any) -> None:
    for value in values:
        for text in (repr(value), str(value), f"{value!a}"):
            assert leak_in(text) is None, leak_in(text)


async def auth() -> dict[str, str]:
    await trio.lowlevel.checkpoint()
    return {"Authorization": f"Bearer {KEY}", "X-Mine": HEADER}


@pytest.mark.parametrize("model_config", [*MODEL_CONFIGS, {"auth": auth}], ids=range(5))
async def test_a_whole_session_shows_no_secret(model_config: Any, autojump_clock: Any, tmp_path: Any) -> None:
    server = LocalServer(ScriptEngine([Say("Hello."), Say("Good bye.")]), pace=None)
    model = OpenAIRealtimeWebSocketModel(transport=server.connector)
    agent = RealtimeAgent(name="Assistant", tools=[*make_agent().tools, DOCS])
    runner = RealtimeRunner(agent, model=model, config={"raw_events": True})
    context = RunContextWrapper({"password": SECRET})
    session = await runner.run(context=context, model_config=model_config)
    check(runner, model, agent, agent.tools, context, session)
    async with session:
        await session.send_message("Hi")
        events = await collect(session, "agent_end")
        hub: Any = session._hub
        check(*events)
        check(session, session.model, session.statistics(), session.usage, hub.connection, hub.connection._wire)
        check(server, *server.connections, hub.model_config, hub.run_config)
        assert f"Bearer {KEY}" in server.connections[0].headers.values()
        snapshot = json.dumps(session.snapshot())
        assert leak_in(snapshot) is None
    check(session, session.snapshot())


@pytest.mark.parametrize(
    "fault",
    [
        RejectHandshake(401, body="No such key."),
        RejectHandshake(500),
        CloseWith(1008, event="session.created", reason="No."),
        Refuse("session.update", param="session.tools[0]"),
    ],
    ids=["401", "500", "1008", "refused"],
)
@pytest.mark.parametrize("model_config", [*MODEL_CONFIGS, {"auth": auth}], ids=range(5))
async def test_no_error_shows_a_secret(fault: Any, model_config: Any, autojump_clock: Any) -> None:
    server = LocalServer(pace=None, faults=[fault])
    agent = RealtimeAgent(name="Assistant", tools=[DOCS])
    runner = RealtimeRunner(agent, model=OpenAIRealtimeWebSocketModel(transport=server.connector))
    with pytest.raises(AgentsException) as caught:
        async with await runner.run(model_config=model_config):
            raise AssertionError
    error: BaseException | None = caught.value
    assert leak_in("".join(traceback.format_exception(caught.value))) is None
    while error is not None:
        check(error, vars(error), error.args)
        error = error.__cause__ or error.__context__


def test_reprs_of_configuration() -> None:
    check(
        *(RealtimeModelConfig(**config) for config in MODEL_CONFIGS if "initial_model_settings" not in config),
        RealtimeModelConfig(auth=auth),
        TransportConfig(proxy=f"http://u:{SECRET}@proxy:1"),
        WireRequest(url=URL, headers={"Authorization": KEY, "X-Mine": HEADER}, config=TransportConfig()),
        WireRequest(url=NAMED, config=TransportConfig()),
        RealtimeModelConfig(url=NAMED),
        DOCS,
        SQLiteSessionStore("calls.db"),
    )


# -- the watch itself ----------------------------------------------------------------------------------------------


@pytest.fixture
def found() -> Any:
    """What the watch has found so far; taken away, so that this test does not fail by it."""
    yield conftest.FOUND
    conftest.FOUND.clear()


@pytest.mark.parametrize("canary", CANARIES)
def test_the_watch_sees_log_records(canary: str, found: list[str]) -> None:
    logging.getLogger("some.library.or.other").debug("request headers: %r", {"authorization": f"Bearer {canary}"})
    assert len(found) == 1
    assert canary in found[0]
    try:
        raise ValueError(canary)
    except ValueError:
        logging.getLogger("trio_realtime").exception("failed")
    assert len(found) >= 2


def test_the_watch_sees_errors_and_what_they_carry(found: list[str]) -> None:
    from trio_realtime import HandshakeRejected, UserError

    UserError(f"a bad key: {KEY}")
    assert found
    found.clear()
    HandshakeRejected("refused", status=401, headers={"x-echo": HEADER}, body="")
    assert found
    found.clear()
    UserError("fine")
    assert not found


def test_the_watch_fails_a_test_that_leaks(tmp_path: Path, found: list[str]) -> None:
    file = tmp_path / "test_leaks.py"
    file.write_text(
        f"""
import logging

def test_prints():
    print("{KEY}")

def test_logs():
    logging.getLogger("x").debug("{SECRET}")

def test_is_quiet():
    pass
"""
    )
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", *options, str(file)]
    result = subprocess.run(command, cwd=Path(conftest.__file__).parents[1], capture_output=True, text=True)
    assert result.returncode == 1, result.stdout
    assert "2 failed, 1 passed" in result.stdout
    assert "test_leaks.py::test_prints prints" in result.stdout
    assert "a secret was seen in a log record of 'x'" in result.stdout
