"""The ``serve`` command."""

import os
import re
import signal
import sys
from contextlib import contextmanager

import pytest
import trio

from tests.cli.programs import here, start
from tests.server.voice.speech import needs_voice
from trio_realtime import RealtimeAgent, RealtimeRunner
from trio_realtime.cli import serve
from trio_realtime.cli.assistant import voice_service
from trio_realtime.server import LocalServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@contextmanager
def serving(*arguments: str, **changes: str):
    with start("serve", *arguments, **changes) as process:
        try:
            first = process.stdout.readline()
            yield process, first.split()[-1]
        finally:
            process.kill()


def stop(process, number):
    process.send_signal(number)
    process.wait(2)


async def ask(url: str) -> str:
    runner = RealtimeRunner(RealtimeAgent("A"), config={"model_settings": {"output_modalities": ["text"]}})
    async with await runner.run(model_config={"url": url, "api_key": "any key"}) as session:
        await session.send_message("Hello")
        with trio.fail_after(10):
            async for event in session.events():
                if event.type == "transcript" and event.final:
                    return event.text
    raise AssertionError


def test_the_first_line_ends_with_the_url_and_clients_can_connect():
    with serving("--pace", "0", "--verbose", COLUMNS="10", FORCE_COLOR="1") as (process, url):
        assert re.fullmatch(r"ws://127\.0\.0\.1:\d+/v1/realtime", url)
        assert trio.run(ask, url + "?model=any-model") == "Hello! How can I help you?"
        err = ""
        while "has ended" not in err:
            err += process.stderr.readline()
        stop(process, signal.SIGINT)
        assert "\x1b" not in process.stdout.read()
    assert process.returncode == 0
    lines = [line.split(" {")[0] for line in err.splitlines()]
    assert lines[0] == "connection 1 has begun"
    assert "<- session.update" in lines
    assert lines.index("<- response.create") < lines.index("-> response.created")
    assert lines[-1] == "connection 1 has ended: 1000"


@pytest.mark.parametrize("verbose", [False, True])
async def test_it_serves_until_it_is_cancelled(capsys, nursery, verbose):
    server = LocalServer(pace=None)
    nursery.start_soon(serve._serve, server, "127.0.0.1", 0, verbose)
    out = ""
    with trio.fail_after(5):
        while "\n" not in out:
            await trio.sleep(0.01)
            out += capsys.readouterr().out
        assert await ask(out.splitlines()[0].split()[-1]) == "Hello! How can I help you?"
        await server.connections[0].wait_closed()
    nursery.cancel_scope.cancel()
    assert ("-> session.created" in capsys.readouterr().err) is verbose


def test_a_signal_is_exit_code_0(capsys, monkeypatch):
    async def stopped(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        await trio.sleep_forever()

    monkeypatch.setattr(serve, "_serve", stopped)
    assert here(capsys, "serve") == (0, "", "")


def test_sigterm_with_a_client_connected():
    async def main() -> None:
        runner = RealtimeRunner(RealtimeAgent("A"), config={"reconnect": None})
        with serving("--engine", "echo") as (process, url):
            async with await runner.run(model_config={"url": url, "api_key": "any key"}) as session:
                process.send_signal(signal.SIGTERM)
                with trio.move_on_after(5), pytest.raises(Exception, match="1001"):
                    async for _ in session:
                        pass
                assert await trio.to_thread.run_sync(process.wait, 2) == 0

    trio.run(main)


def test_a_port_that_is_taken_is_one_line(capsys):
    with serving() as (_, url):
        port = re.search(r":(\d+)/", url)[1]
        code, out, err = here(capsys, "serve", "--port", port)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: cannot listen on 127.0.0.1, port {port}: ")
    assert len(err.splitlines()) == 1


def test_a_host_that_does_not_exist_is_one_line(capsys):
    code, out, err = here(capsys, "serve", "--host", "no.such.host.invalid")
    assert (code, out, len(err.splitlines())) == (1, "", 1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"host": "127.0.0.1", "port": 0, "engine": "rules", "pace": 8.0, "verbose": False}),
        (
            ["--host", "::1", "--port", "81", "--engine", "echo", "--pace", "0", "-v"],
            {"host": "::1", "port": 81, "engine": "echo", "pace": None, "verbose": True},
        ),
    ],
)
def test_the_options(capsys, monkeypatch, arguments, expected):
    seen = {}
    monkeypatch.setattr(serve, "run_serve", lambda **options: seen.update(options) or 0)
    assert here(capsys, "serve", *arguments)[0] == 0
    assert seen == expected


@needs_voice
async def test_the_voice_engine_can_be_served():
    with serving("--engine", "voice") as (_, url):
        async with voice_service(url=url) as place:
            runner = RealtimeRunner(RealtimeAgent(name="Assistant"), model=place.model())
            async with await runner.run(model_config=place.config) as session:
                await session.send_message("Say hello")
                async for event in session:
                    if event.type == "agent_end":
                        assert event.status == "completed"
                        break
