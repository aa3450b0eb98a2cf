"""The demo's reader of events, fed by hand."""

from types import SimpleNamespace

import pytest
import trio

from tests.cli.test_loudspeaker import audio
from trio_realtime import (
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeConnectionEvent,
    RealtimeError,
    RealtimeEventInfo,
    RealtimeTranscript,
    ServerError,
)
from trio_realtime.cli.call_log import CallLog
from trio_realtime.cli.loudspeaker import Loudspeaker
from trio_realtime.cli.steps import Noted, Said, Unexpected

INFO = RealtimeEventInfo(SimpleNamespace())


def words(text: str, *, final: bool = False, **fields) -> RealtimeTranscript:
    fields = {"role": "assistant", "item_id": "one", "response_id": "r", **fields}
    return RealtimeTranscript(info=INFO, delta="", text=text, final=final, **fields)


async def feed(log: CallLog, *events, error: Exception | None = None) -> None:
    async def session():
        for event in events:
            yield event
        if error is not None:
            raise error

    await log.read(session())


@pytest.fixture
def told():
    return []


@pytest.fixture
def log(told):
    return CallLog(Loudspeaker(1.0), told.append)


async def test_audio_after_its_interruption_is_counted(log):
    cut = RealtimeAudioInterrupted(info=INFO, item_id="one", content_index=0, response_id="")
    await feed(log, audio(100), cut, audio(100), audio(100))
    numbers = log.numbers(None, 1.5)
    assert numbers.late_audio == 2
    assert numbers.seconds == 1.5
    assert (numbers.history_items, numbers.input_tokens) == (0, 0)


async def test_words_that_nobody_heard_are_not_told(log, told):
    cut = RealtimeAudioInterrupted(info=INFO, item_id="one", content_index=0, response_id="r")
    await feed(log, words("Once upon a time"), audio(100), cut, words("Once upon a time", final=True), cut)
    assert told == [Said(speaker="Agent", text="", cut=True)]


async def test_all_words_are_told_once_heard(log, told):
    cut = RealtimeAudioInterrupted(info=INFO, item_id="one", content_index=0, response_id="r")
    log._speaker.heard_ms["one"] = 100.0
    await feed(log, words("Once upon a time"), audio(100), cut)
    assert told == [Said(speaker="Agent", text="Once upon a time", cut=True)]


async def test_a_transcript_that_failed(log, told):
    await feed(log, words("", final=True, role="user", error="unintelligible", response_id=None))
    assert told == [Said(speaker="Caller", text="(unintelligible)")]


async def test_words_of_a_response_that_has_several_items(log):
    await feed(log, words("One"), words("One.", final=True), words("Two.", item_id="two"), words("No", response_id="x"))
    assert log.words("r") == "One. Two."
    assert log.words("r", mark=2) == "Two."


async def test_errors_are_kept_and_told(log, told):
    await feed(log, RealtimeError(info=INFO, error=ServerError("no way", type="server_error")))
    assert log.errors == ["no way (server_error)"]
    assert told == [Noted("error", "no way (server_error)")]


async def test_until_gives_what_is_there_and_what_comes(log, nursery, autojump_clock):
    end = RealtimeAudioEnd(info=INFO, item_id="one", content_index=0)
    found = []

    async def wait():
        found.append(await log.until(0, RealtimeAudioEnd, "end"))

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    await feed(log, end)
    await trio.testing.wait_all_tasks_blocked()
    assert found == [end]
    assert await log.until(0, RealtimeAudioEnd, "end") is end
    await log.wait_over()


async def test_until_says_why_nothing_will_come(log):
    await feed(log)
    with pytest.raises(Unexpected, match="no end: the session has ended"):
        await log.until(0, RealtimeAudioEnd, "end")


async def test_until_says_how_the_session_failed(log):
    fault = ValueError("broken")
    await feed(log, error=fault)
    assert log.fault is fault
    with pytest.raises(Unexpected, match="no end: the session has failed: broken"):
        await log.until(0, RealtimeAudioEnd, "end")


async def test_the_end_is_told_with_its_reason(log, told):
    await feed(log, RealtimeConnectionEvent(info=INFO, status="closed", reason="tired"))
    assert told == [Noted("connection", "closed: tired")]
