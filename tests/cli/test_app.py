"""The command line itself: help, versions, misuse, exit codes."""

import subprocess
import sys
from contextlib import asynccontextmanager, nullcontext

import pytest
import typer
from typer.testing import CliRunner

from tests.canary import SECRET, leak_in
from tests.cli.programs import here, program
from trio_realtime import InternalError, RealtimeConnectionError, UserError, __version__
from trio_realtime.cli import main
from trio_realtime.cli.app import app

RUNNER = CliRunner()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help(arguments):
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0
    for command in ("demo", "chat", "talk", "playground", "serve"):
        assert command in result.output


@pytest.mark.parametrize(
    ("command", "words"),
    [("demo", ["--live", "--speed"]), ("chat", ["--url", "--model"]), ("serve", ["--port", "--engine", "--pace"])],
)
@pytest.mark.parametrize("width", ["40", "80"])
def test_help_of_the_commands_has_options_and_an_example(command, words, width):
    result = RUNNER.invoke(app, [command, "--help"], env={"COLUMNS": width, "TERMINAL_WIDTH": width})
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    for word in [*words, f"trio_realtime {command}"]:
        assert word in " ".join(result.output.split())
    assert len(result.output.splitlines()) < 75


def test_version(capsys):
    assert here(capsys, "--version") == (0, f"trio_realtime {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["--bogus"], "No such option: --bogus"),
        (["serve", "--bogus"], "No such option: --bogus"),
        (["serve", "--port", "x"], "--port"),
        (["serve", "--port", "65536"], "--port"),
        (["serve", "--engine", "x"], "'x' is not one of rules, echo"),
        (["demo", "--speed", "0"], "--speed"),
        (["demo", "too", "much"], "too much"),
        (["chat", "--url"], "--url"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(capsys, arguments, words):
    code, out, err = here(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert err.startswith("error: ")


@asynccontextmanager
async def playground(place, port):
    print(place, place.words, port)
    raise UserError("not today")
    yield


@pytest.mark.parametrize("command", ["chat", "talk", "playground"])
@pytest.mark.parametrize(
    "url", ["ws://u:{}@127.0.0.1:9/x", "ws://127.0.0.1:9/x?api_key={}", "u:{}@h/x", "ws://u:{}/@["]
)
def test_no_command_shows_what_is_secret_in_a_url(capsys, monkeypatch, command, url):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("trio_realtime.cli.playground.serve._hypercorn", lambda _: None)
    monkeypatch.setattr("trio_realtime.cli.playground.serve.serve_playground", playground)
    monkeypatch.setattr("trio_realtime.cli.talk._sound", lambda *_: nullcontext())
    for arguments in (("--url", url), (url,), (f"--address={url}",)):
        code, out, err = here(capsys, command, *(argument.format(SECRET) for argument in arguments))
        assert code in {1, 2}
        assert leak_in(out + err) is None


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("wrong"), 2, "error: wrong\n"),
        (RealtimeConnectionError("refused"), 1, "error: refused\n"),
        (InternalError("a bug"), 1, "error: a bug\n"),
        (FileNotFoundError(2, "no such file"), 1, "error: [Errno 2] no such file\n"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Abort(), 130, ""),
    ],
)
def test_expected_errors_are_one_line(capsys, monkeypatch, error, code, line):
    def fail(**_):
        raise error

    monkeypatch.setattr("trio_realtime.cli.demo.run_demo", fail)
    got, _, err = here(capsys, "demo")
    assert (got, err) == (code, line)


def test_nobody_reads_any_more(capsys, monkeypatch):
    def fail(**_):
        raise BrokenPipeError

    monkeypatch.setattr("trio_realtime.cli.demo.run_demo", fail)
    assert here(capsys, "demo") == (1, "", "")


def test_main_exits():
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0


def test_as_a_program():
    result = program("bogus", TERM="dumb", NO_COLOR="1", COLUMNS="20")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: No such command 'bogus'. (see python -m trio_realtime --help)\n"


def test_help_in_ascii():
    result = program("serve", "--help", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert result.stdout.isascii()


def test_the_package_itself_needs_no_command_line():
    code = (
        "import sys, trio_realtime, trio_realtime.server, trio_realtime.testing, trio_realtime.cli.conversation\n"
        "assert not {'typer', 'rich', 'click'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
