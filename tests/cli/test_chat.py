"""The ``chat`` command."""

import io
import os
import signal
import sys
import time

import pytest
import trio

from tests.cli.programs import here, program, start
from trio_realtime.cli import chat
from trio_realtime.server import (
    MALFORMED_JSON,
    CloseWith,
    Drop,
    Fail,
    Incomplete,
    Inject,
    LocalServer,
    Refuse,
    RejectHandshake,
    Say,
    ScriptEngine,
    Stall,
)


@pytest.fixture
def talk(capsys, monkeypatch):
    """Type lines at a server: the exit code, the words of the conversation, and the errors."""

    def talk(*lines: str, server: LocalServer | None = None, arguments: tuple[str, ...] = (), **options):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.setattr(chat, "LocalServer", lambda: server or LocalServer(**{"pace": None, **options}))
        text = "".join(f"{line}\n" for line in lines)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
        code, out, err = here(capsys, "chat", *arguments)
        return code, out.splitlines()[2:], err

    return talk


def test_words_both_ways(talk):
    code, out, err = talk("hello", "", "  ", "say Grüße")
    assert (code, err) == (0, "")
    assert out == [
        "you> hello",
        "assistant> Hello! How can I help you?",
        "you> ",
        "you>   ",
        "you> say Grüße",
        "assistant> Grüße",
        "you> ",
    ]


@pytest.mark.parametrize("word", ["/quit", "/exit", " /QUIT "])
def test_quitting(talk, word):
    code, out, err = talk("hello", word, "not this")
    assert (code, err) == (0, "")
    assert out[-1] == f"you> {word}"


def test_it_says_that_a_local_server_answers(capsys, monkeypatch, talk):
    monkeypatch.setattr(sys, "stdin", None)
    assert here(capsys, "chat")[1].startswith("OPENAI_API_KEY is not set: a local server answers")


def test_tools(talk):
    _, out, _ = talk("What time is it?", "Roll two dice with 4 sides")
    assert out[1] == "  [tell_time {}]"
    assert out[2].startswith("  [tell_time: It is ")
    assert out[3].startswith("assistant> Here is what I found: It is ")
    assert out[5] == '  [roll_dice {"count":2,"sides":4}]'
    assert out[6].startswith("  [roll_dice: The dice show ")
    assert out[7].startswith("assistant> Here is what I found: The dice show ")


def test_two_tools_at_once_are_one_answer(talk):
    _, out, _ = talk("Roll dice and tell me the time", "bye")
    assert sum(line.startswith("assistant> ") for line in out) == 2
    assert out[-2] == "assistant> Goodbye, and thank you for calling."


@pytest.mark.parametrize(("answer", "runs"), [("y", True), (" YES", True), ("n", False), ("", False), ("what?", False)])
def test_approval(talk, answer, runs):
    _, out, _ = talk("weather in Oslo", answer, "bye")
    assert out[1] == f'  may it run get_weather {{"city":"Oslo"}}? [y/n] {answer}'
    if runs:
        assert out[2:4] == ['  [get_weather {"city":"Oslo"}]', "  [get_weather: It is cloudy in Oslo.]"]
    else:
        assert out[2] == "  [get_weather: The user said no.]"
    assert out[-2] == "assistant> Goodbye, and thank you for calling."


def test_the_end_of_input_is_a_no(talk):
    code, out, _ = talk("weather in Oslo")
    assert code == 0
    assert out[2] == "  [get_weather: The user said no.]"


def test_an_answer_that_fails_is_not_the_end(talk):
    engine = ScriptEngine([Fail("Too much."), Incomplete("content_filter"), ["Fine", Incomplete()], Say("Good.")])
    code, out, err = talk("one", "two", "three", "four", engine=engine)
    assert code == 0
    assert err.splitlines() == [
        "error: Too much. (server_error)",
        "error: the answer is incomplete: content_filter",
        "error: the answer is incomplete: max_output_tokens",
    ]
    assert "assistant> Good." in out


def test_an_error_event_is_one_line(talk):
    code, out, err = talk("hello", faults=[Inject(MALFORMED_JSON, event="response.done")])
    assert code == 0
    assert len(err.splitlines()) == 1
    assert "not JSON" in err
    assert "assistant> Hello! How can I help you?" in out


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Drop(event="response.done"), "connection"),
        (CloseWith(1011, "oops", event="response.created"), "1011"),
        (CloseWith(1000, event="response.created"), "the service has ended the session"),
    ],
)
def test_a_connection_that_is_lost_is_one_line(talk, fault, words):
    code, _, err = talk("hello", "hello", faults=[fault])
    assert code == 1
    assert err.startswith("error: ")
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (RejectHandshake(401), "is the key right?"),
        (RejectHandshake(429), "no quota left"),
        (Refuse("session.update", message="Not so."), "Not so."),
    ],
)
def test_no_session_is_one_line(talk, fault, words):
    code, _, err = talk("hello", faults=[fault])
    assert code == 1
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_service_that_says_nothing(talk, monkeypatch):
    monkeypatch.setattr(chat, "_SILENCE_SECONDS", 0.2)
    code, _, err = talk("hello", faults=[Stall(event="response.created")])
    assert (code, err) == (1, "error: the service has said nothing for 0.2 seconds\n")


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("ws://127.0.0.1:1/v1/realtime", 1, "refused"),
        ("nonsense", 2, "scheme"),
        ("ws://example.invalid/", 1, "example.invalid"),
    ],
)
def test_urls_that_lead_nowhere(talk, url, code, words):
    got, _, err = talk(arguments=("--url", url))
    assert got == code
    assert words in err
    assert len(err.splitlines()) == 1


async def test_where_it_connects(monkeypatch):
    async def service(url, model):
        async with chat._service(url, model) as (_, config):
            return {name: value for name, value in config.items() if name != "url" or url is not None}

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    named = {"initial_model_settings": {"model_name": "m"}}
    assert await service(None, "m") == {"api_key": "local", **named}
    assert await service("ws://localhost:1/", None) == {"url": "ws://localhost:1/", "api_key": "local"}
    assert await service("wss://example.org/", "m") == {"url": "wss://example.org/", "headers": {}, **named}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert await service(None, None) == {}
    assert await service("wss://example.org/", None) == {"url": "wss://example.org/"}


async def test_the_dice():
    from trio_realtime import ToolContext

    context = ToolContext(None, tool_name="roll_dice", tool_call_id="c", tool_arguments="{}")
    text = await chat.roll_dice.on_invoke_tool(context, '{"count": 500, "sides": 0}')
    assert text == f"The dice show {', '.join(['1'] * 100)}."


def test_as_a_program():
    result = program("chat", input="hello\n/quit\n", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-2:] == ["assistant> Hello! How can I help you?", "you> /quit"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_while_it_waits_for_a_line():
    with start("chat") as process:
        for _ in range(2):
            process.stdout.readline()
        process.stdin.write("hello\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("you> hello")
        assert process.stdout.readline().startswith("assistant> ")
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert process.stderr.read() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupted(capsys, monkeypatch, talk):
    async def stopped(*_):
        os.kill(os.getpid(), signal.SIGINT)
        await trio.sleep_forever()

    monkeypatch.setattr(chat, "_chat", stopped)
    assert here(capsys, "chat") == (0, "\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
@pytest.mark.parametrize(("code", "words"), [(1000, "the service has ended the session"), (1011, "1011")])
def test_at_a_terminal_the_end_of_the_session_ends_the_wait_for_a_line(capsys, monkeypatch, code, words):
    import pty

    near, far = pty.openpty()
    server = LocalServer(pace=None)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(chat, "LocalServer", lambda: server)
    with os.fdopen(near, "wb", buffering=0), open(far, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)

        async def main():
            async def end():
                connection = await server.wait_connection()
                await connection.wait_received("session.update")
                await trio.sleep(0.1)
                await connection.close(code)
                os.write(near, b"\n")  # lets the thread that was left behind end

            async with trio.open_nursery() as nursery:
                nursery.start_soon(end)
                with pytest.raises(chat.AgentsException, match=words):
                    await chat._chat(None, None)

        trio.run(main)
