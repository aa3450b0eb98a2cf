"""The ``talk`` command over the local server in memory and virtual time, and offline with its real voice."""

import os
import shutil
import subprocess
import sys

import pytest
import trio

from tests.cli.programs import COMMAND, environment, here
from tests.server.voice.speech import needs_voice
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimePlaybackTracker, RealtimeRunner, UserError
from trio_realtime.cli.assistant import assistant, speech_settings, voice_service
from trio_realtime.cli.sound import FileSound
from trio_realtime.cli.talk import Talk, _check_writable
from trio_realtime.cli.talk_view import TalkView, meter
from trio_realtime.cli.wav import read_wav, write_wav
from trio_realtime.server import LocalServer, RulesEngine, silence, synthesize


async def conversation(pcm, *transcripts, speed=1.0, **options):
    server = LocalServer(RulesEngine(transcripts=transcripts), pace=8.0 * speed)
    tracker = RealtimePlaybackTracker()
    sound = FileSound(pcm, tracker.on_play_ms, speed=speed)
    runner = RealtimeRunner(
        assistant(),
        model=OpenAIRealtimeWebSocketModel(transport=server.connector),
        config={"model_settings": speech_settings(voice="ash")},
    )
    view = TalkView()
    async with await runner.run(model_config={"api_key": "x", "playback_tracker": tracker}) as session:
        talk = Talk(session, sound, view, speed=speed, **options)
        with view:
            await talk.run()
    view.summary(talk.turns, talk.interruptions)
    return talk, sound, server


def spoken(letters, quiet):
    return synthesize("a" * letters) + silence(quiet)


async def test_turns_a_tool_and_an_interruption(autojump_clock, capsys):
    pcm = spoken(10, 8) + spoken(10, 4) + spoken(10, 1)
    talk, sound, _ = await conversation(pcm, "What is the weather in Oslo?", "Tell me a story", "Goodbye")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "you> What is the weather in Oslo?"
    assert lines[1:3] == ['  get_weather {"city":"Oslo"}', "  get_weather: It is cloudy in Oslo."]
    assert "assistant> Here is what I found: It is cloudy in Oslo." in lines
    (cut,) = [line for line in lines if line.endswith("(interrupted)")]
    assert cut.startswith("assistant> Here is what I found: A long time ago a small")
    assert len(cut) < 130
    assert lines[-2] == "assistant> Goodbye, and thank you for calling."
    assert lines[-1].startswith("3 spoken turns, median ")
    assert lines[-1].endswith(" 1 interruptions")
    assert len(talk.turns) == 3
    assert talk.interruptions == 1
    assert max(sound.recorded) > 0


async def test_the_recording_goes_faster_than_real_time(autojump_clock):
    began = trio.current_time()
    talk, _, _ = await conversation(spoken(10, 4), "Say hello", speed=4.0)
    assert len(talk.turns) == 1
    assert trio.current_time() - began < 4


async def test_the_microphone_is_off_while_the_agent_speaks(autojump_clock):
    pcm = spoken(10, 2) + spoken(10, 6)
    talk, _, _ = await conversation(pcm, "Tell me a story", "Stop", half_duplex=True)
    assert talk.interruptions == 0
    assert len(talk.turns) == 1


async def test_what_needs_an_approval_is_refused_aloud(autojump_clock, capsys):
    await conversation(spoken(10, 8), "Please book a table for two")
    out = capsys.readouterr().out
    assert "it needs an approval, which speech cannot give" in out
    assert "Nobody could approve it." in out


async def test_silence_is_no_turn(autojump_clock, capsys):
    talk, _, _ = await conversation(silence(3))
    assert talk.turns == []
    assert "no spoken turn was answered" in capsys.readouterr().out


@pytest.mark.parametrize(("level", "filled"), [(0, 0), (1500, 8), (6000, 16), (30_000, 16)])
def test_the_meter(level, filled):
    assert meter(level).count("\u25ae") == filled
    assert len(meter(level)) == 16


def test_a_terminal_has_a_line_for_the_level(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    view = TalkView()
    with view:
        for _ in range(8):
            view.level(3000, playing=True)
        view.words("a", "hello", final=False)
        view.hearing(on=True)
        assert "hello" in str(view._line())
        assert "you speak" in str(view._line())
        view.words("a", "hello there", final=True)
        assert view.partial("a") == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "x.wav"), "--output needs --input"),
        (("--input", "/no/such/file.wav"), "cannot be read"),
        (("--speed", "2"), "only a recording"),
    ],
)
def test_misuse(capsys, arguments, message):
    code, _, err = here(capsys, "talk", *arguments)
    assert code == 2
    assert message in err


async def test_where_it_connects(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with voice_service(url="ws://127.0.0.1:1/x?y=z") as place:
        assert (place.words, place.local) == ("Connecting to ws://127.0.0.1:1/x", False)
        assert place.config["api_key"] == "local"
    async with voice_service(url="wss://example.org/x") as place:
        assert place.config["headers"] == {}
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    async with voice_service() as place:
        assert place.words == "Connecting to OpenAI"
        assert "secret" not in repr(place)


@needs_voice
def test_offline_three_turns_with_a_tool_and_an_interruption(tmp_path):
    from tests.server.voice.speech import recognizer, said, word_errors
    from trio_realtime.server import AudioClip

    questions = ("What is the weather in Oslo?", "Tell me a story.", "Thank you and goodbye.")
    one, two, three = (said(text, voice="shimmer") for text in questions)
    write_wav(tmp_path / "call.wav", silence(0.5) + one + silence(6) + two + silence(6) + three + silence(1))
    command = [*COMMAND, "talk", "--local", "--speed", "2", "--input", "call.wav", "--output", "reply.wav"]
    if sys.platform == "linux" and shutil.which("unshare") and os.geteuid() == 0:
        command = ["unshare", "-n", *command]  # no network at all, not even loopback
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=90, env=environment())
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    heard = [line.removeprefix("you> ") for line in lines if line.startswith("you> ")]
    assert len(heard) == 3
    errors = [word_errors(text, words) for text, words in zip(questions, heard, strict=True)]
    assert sum(wrong for wrong, _ in errors) == 0, heard
    assert '  get_weather {"city":"Oslo"}' in lines
    assert sum(line.endswith("(interrupted)") for line in lines) == 1
    assert lines[-1].startswith("3 spoken turns")
    reply = recognizer().transcribe(AudioClip(pcm=read_wav(tmp_path / "reply.wav"), rate=24_000)).lower()
    assert "it is cloudy" in reply
    assert "a long time ago" in reply
    assert "filled to the brim" not in reply
    assert "thank you for calling" in reply


@pytest.fixture
def tones(monkeypatch):
    """The command talks to a server that takes tones for words."""

    def tones(*transcripts):
        from contextlib import asynccontextmanager

        from trio_realtime.cli import talk
        from trio_realtime.cli.assistant import Place

        @asynccontextmanager
        async def service(*, url, local, speed):
            server = LocalServer(RulesEngine(transcripts=transcripts), pace=8.0 * speed)
            yield Place("Somewhere", server.connector, {"api_key": "x"}, local=local)

        monkeypatch.setattr(talk, "voice_service", service)

    return tones


def test_the_command_writes_what_was_played(capsys, tmp_path, tones):
    tones("Say hello")
    write_wav(tmp_path / "call.wav", spoken(10, 0.6))
    arguments = ("--input", str(tmp_path / "call.wav"), "--output", str(tmp_path / "reply.wav"))
    code, out, err = here(capsys, "talk", *arguments, "--local", "--speed", "8", "--voice", "ash")
    assert (code, err) == (0, "")
    assert out.splitlines()[:4] == [
        "getting ready ...",
        "Somewhere",
        "you> Say hello",
        "  " + out.splitlines()[3].strip(),
    ]
    assert "assistant> hello" in out
    assert max(read_wav(tmp_path / "reply.wav")) > 0


def test_a_call_without_a_turn_is_exit_code_1(capsys, tmp_path, tones):
    tones()
    write_wav(tmp_path / "call.wav", silence(0.5))
    assert here(capsys, "talk", "--input", str(tmp_path / "call.wav"), "--local", "--speed", "8")[0] == 1


def test_a_service_cannot_go_faster_than_real_time(capsys, tmp_path, tones):
    tones()
    write_wav(tmp_path / "call.wav", silence(0.5))
    code, _, err = here(capsys, "talk", "--input", str(tmp_path / "call.wav"), "--speed", "8")
    assert code == 2
    assert "only the voice on this machine" in err


async def test_an_answer_that_fails_is_told_and_the_call_goes_on(autojump_clock, capsys):
    from trio_realtime.server import Fail, ScriptEngine

    server = LocalServer(ScriptEngine([Fail("out of order"), "hello"]), pace=8.0)
    sound = FileSound(spoken(10, 3) + spoken(10, 3), lambda *_: None)
    runner = RealtimeRunner(
        assistant(),
        model=OpenAIRealtimeWebSocketModel(transport=server.connector),
        config={"model_settings": speech_settings()},
    )
    async with await runner.run(model_config={"api_key": "x"}) as session:
        talk = Talk(session, sound, TalkView())
        await talk.run()
    assert len(talk.turns) == 1
    captured = capsys.readouterr()
    assert "out of order" in captured.err
    assert "assistant> hello" in captured.out


async def test_a_session_that_is_lost_ends_the_call_with_its_error(autojump_clock):
    from trio_realtime import RealtimeConnectionError
    from trio_realtime.server import CloseWith

    server = LocalServer(faults=[CloseWith(4000, "enough", event="response.created")])
    sound = FileSound(spoken(10, 3), lambda *_: None)
    runner = RealtimeRunner(
        assistant(),
        model=OpenAIRealtimeWebSocketModel(transport=server.connector),
        config={"model_settings": speech_settings(), "reconnect": None},
    )
    with pytest.raises(RealtimeConnectionError):
        async with await runner.run(model_config={"api_key": "x"}) as session:
            await Talk(session, sound, TalkView()).run()


def test_a_recording_that_cannot_be_kept_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        _check_writable(tmp_path / "no folder" / "reply.wav")
    _check_writable(tmp_path / "reply.wav")
