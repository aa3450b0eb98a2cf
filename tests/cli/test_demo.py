"""The ``demo`` command."""

import os
import re
import signal
import sys

import pytest
import trio

from tests.cli.programs import here, program, start
from trio_realtime.cli import demo
from trio_realtime.cli.call_steps import STEPS
from trio_realtime.cli.conversation import demo_server
from trio_realtime.server import Drop, RejectHandshake
from trio_realtime.server.voice import voice_available


@pytest.fixture(autouse=True)
def _tones(monkeypatch):
    """In this process nothing is spoken: the tests of the real voice are programs."""
    monkeypatch.setattr(demo, "voice_available", lambda: False)


TITLES = ["connecting", *(title for title, _ in STEPS), "end of the call"]


def test_as_a_program():
    """Whatever key there is, it is not used; nothing is coloured in a pipe, and any encoding will do."""
    result = program("demo", OPENAI_API_KEY="sk-not-a-key", PYTHONIOENCODING="ascii", TERM="dumb")
    assert (result.returncode, result.stderr) == (0, "")
    checklist = result.stdout.partition("Checklist")[2]
    for title in TITLES:
        assert re.search(rf"\bok\b[ |]+{title} ", checklist), title
    assert "All 10 steps went as expected" in checklist
    which = "real speech" if voice_available() else "the voices are tones"
    assert which in result.stdout
    assert "\x1b" not in result.stdout
    assert "sk-not-a-key" not in result.stdout


def test_something_that_did_not_happen_is_exit_code_1(capsys, monkeypatch):
    fault = Drop(event="response.done", skip=1)
    monkeypatch.setattr(demo, "demo_server", lambda speed: demo_server(speed, faults=[fault]))
    code, out, _ = here(capsys, "demo", "--speed", "20")
    assert code == 1
    assert "FAILED   audio turn" in out
    assert "8 of 10 steps failed." in out


def test_no_connection_is_exit_code_1(capsys, monkeypatch):
    monkeypatch.setattr(demo, "demo_server", lambda speed: demo_server(speed, faults=[RejectHandshake(503)]))
    code, out, _ = here(capsys, "demo")
    assert code == 1
    assert "10 of 10 steps failed." in out


def test_live_needs_a_key(capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert here(capsys, "demo", "--live") == (2, "", "error: --live needs a key in OPENAI_API_KEY\n")


def test_live_talks_to_the_service_in_real_time(capsys, monkeypatch):
    seen = {}

    async def converse(model, config, report, **options):
        seen.update(options, config=config, model=type(model).__name__)
        return demo.Outcome(steps=(), numbers=demo_numbers())

    def demo_numbers():
        from trio_realtime.cli.steps import Numbers

        return Numbers()

    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr(demo, "run_conversation", converse)
    assert here(capsys, "demo", "--live")[0] == 0
    assert seen["config"] == {}
    assert seen["model"] == "OpenAIRealtimeWebSocketModel"
    assert seen["pace"].speed == 1.0
    assert not seen["pace"].exact


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupted(capsys, monkeypatch):
    async def stopped(*_):
        os.kill(os.getpid(), signal.SIGINT)
        await trio.sleep_forever()

    monkeypatch.setattr(demo, "_local", stopped)
    code, _, err = here(capsys, "demo")
    assert (code, err) == (130, "error: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c():
    with start("demo") as process:
        assert process.stdout.readline()
        assert "voice" in process.stdout.readline()
        assert process.stdout.readline().startswith("on the local server ws://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (130, "error: interrupted\n")
