"""Safe text, errors on one line, and the end by a signal."""

import os
import signal
import sys

import pytest
import trio

from trio_realtime import HandshakeRejected, RealtimeConnectionError, ServerError, SessionClosed, UserError
from trio_realtime.cli.output import error_line, forgive_encoding, make_console, one_line, plain, until_signalled


def test_plain_keeps_words_and_nothing_that_steers():
    assert plain("Grüße, 東京 -- \x1b[31m\x07\n\tend") == "Grüße, 東京 -- \ufffd[31m\ufffd  end"


def closed_by(cause):
    error = SessionClosed("the session has ended")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UserError("two\nlines"), "two lines"),
        (ValueError(), "ValueError"),
        (closed_by(None), "the session has ended"),
        (closed_by(RealtimeConnectionError("cut off", code=1006)), "cut off"),
        (HandshakeRejected("status 401", status=401), "status 401; is the key right?"),
        (HandshakeRejected("status 403", status=403), "status 403; is the key right?"),
        (HandshakeRejected("status 429", status=429), "status 429; too many requests, or no quota left"),
        (HandshakeRejected("status 500", status=500), "status 500"),
        (ServerError("no", type="server_error"), "no (server_error)"),
    ],
)
def test_one_line(error, text):
    assert one_line(error) == text


def test_an_error_is_one_line_however_narrow_the_terminal_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    error_line("a long text that would be wrapped [bold]three times[/bold] at least")
    assert capsys.readouterr().err == ("error: a long text that would be wrapped [bold]three times[/bold] at least\n")


def test_a_broken_pipe_is_no_exit(monkeypatch):
    class Broken:
        encoding = "utf-8"

        def write(self, _):
            raise BrokenPipeError

        def flush(self):
            pass

        def isatty(self):
            return False

        def fileno(self):
            raise OSError

    console = make_console()
    console.file = Broken()
    with pytest.raises((BrokenPipeError, OSError)):
        console.print("x")


def test_characters_that_the_terminal_lacks(monkeypatch, tmp_path):
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", None)
        forgive_encoding()
        print("東")
    assert (tmp_path / "out").read_text() == "?\n"


async def test_runs_to_the_end_without_a_signal(autojump_clock):
    async def run():
        await trio.sleep(1)
        return 5

    assert await until_signalled(run) == 5


async def test_what_it_raises_comes_out_as_it_is():
    error = ZeroDivisionError()

    async def run():
        raise error

    with pytest.raises(ZeroDivisionError) as caught:
        await until_signalled(run)
    assert caught.value is error


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_cancels(number):
    async def run():
        os.kill(os.getpid(), number)
        await trio.sleep_forever()

    before = signal.getsignal(number)
    with trio.fail_after(5):
        assert await until_signalled(run) is None
    assert signal.getsignal(number) is before


async def test_a_cancellation_from_outside_passes():
    with trio.move_on_after(0) as scope:
        await until_signalled(trio.sleep_forever)
    assert scope.cancelled_caught
