"""Where an example goes, and what it says when that is not possible."""

import sys

import pytest
import trio

from tests.canary import SECRET, leak_in
from tests.examples.support import as_program
from trio_realtime import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    HandshakeRejected,
    InputText,
    RealtimeRunner,
    UserMessageItem,
)
from trio_realtime.examples import _shared, quickstart
from trio_realtime.server import LocalServer


async def test_a_server_that_is_given(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    async with _shared.place("ws://127.0.0.1:1/x") as config:
        assert config.url == "ws://127.0.0.1:1/x"


async def test_the_service(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    async with _shared.place() as config:
        assert config.url is None


async def test_a_server_of_its_own(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with _shared.place() as config:
        async with await RealtimeRunner(quickstart.agent).run(model_config=config) as session:
            assert session.status == "connected"


async def test_a_program_talks_to_a_server_that_is_given():
    server = LocalServer(pace=None)
    async with server.serve() as address:
        lines = await as_program("quickstart", "--url", address.url)
    assert lines[0] == "assistant: hello in one short sentence."
    assert server.connections[0].received[0]["session"]["audio"]["output"]["voice"] == "ash"


@pytest.fixture
def program(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(sys, "argv", ["quickstart", "--url", "ws://127.0.0.1:9/x"])

    def run(main):
        monkeypatch.setattr(main, "__module__", quickstart.__name__)
        with pytest.raises(SystemExit) as caught:
            _shared.run_example(main)
        return caught.value.code

    return run


def test_errors_are_one_line(program):
    async def main(config):
        await trio.lowlevel.checkpoint()
        raise HandshakeRejected(f"refused at {config.url}", status=401)

    assert program(main) == "error: refused at ws://127.0.0.1:9/x"


def test_interrupted(program):
    async def main(config):
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    assert program(main) == 130


def test_help(program, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quickstart", "--help"])

    async def main(config):
        raise AssertionError

    assert program(main) == 0
    assert "Say one thing to an agent" in capsys.readouterr().out


def test_words():
    spoken = AssistantMessageItem(item_id="i", content=[AssistantAudio(transcript="Good"), AssistantText(text="day")])
    assert _shared.words_of(spoken) == "Good day"
    assert _shared.words_of(UserMessageItem(item_id="i", content=[InputText(text="Good day")])) is None
    assert _shared.words_of(None) is None


@pytest.mark.parametrize("arguments", [["ws://u:{}@h/x"], ["--url", "ws://u:{}@127.0.0.1:9/x"]])
def test_an_address_keeps_its_password(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["quickstart", *(argument.format(SECRET) for argument in arguments)])
    with pytest.raises(SystemExit) as caught:
        _shared.run_example(quickstart.main)
    captured = capsys.readouterr()
    assert leak_in(f"{caught.value.code}{captured.out}{captured.err}") is None
