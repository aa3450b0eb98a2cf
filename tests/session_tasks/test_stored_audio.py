from __future__ import annotations

import re
from pathlib import Path

import pybase64
import pytest

from tests.session_tasks.support import FakeConnection, scripted_session
from trio_realtime import AssistantAudio, AssistantMessageItem, AssistantText, InputAudio, ServerError, UserMessageItem
from trio_realtime import model_events as m
from trio_realtime.audio import PCMU
from trio_realtime.core.recording import InputRecording
from trio_realtime.model import RealtimeConnection
from trio_realtime.model_inputs import RealtimeModelSendAudio
from trio_realtime.session_tasks import stored_audio
from trio_realtime.session_tasks.stored_audio import _RecordedConnection

_TELLS = re.compile(r"RealtimeHistoryUpdated(\(|, ).*history=")


def audio(data, item_id="a", index=0, response_id="r"):
    return m.RealtimeModelAudioEvent(data=data, response_id=response_id, item_id=item_id, content_index=index)


def words(item_id="a", index=0, response_id="r"):
    return m.RealtimeModelTranscriptDeltaEvent(
        item_id=item_id, delta="Hello", response_id=response_id, content_index=index
    )


def stored(session):
    return [
        [pybase64.b64decode(part.audio) if getattr(part, "audio", None) else None for part in item.content]
        for item in session.history
    ]


STARTED = m.RealtimeModelTurnStartedEvent(response_id="r")
ENDED = m.RealtimeModelTurnEndedEvent(response_id="r")


async def test_the_end_of_a_response_completes_its_audio(autojump_clock):
    async with scripted_session(store_audio=True) as (session, model):
        await model.emit(STARTED, words(), audio(b"ab"), audio(b"cd"), words("b"), audio(b"ef", "b"))
        await model.emit(audio(b"gh", "z", response_id="other"))
        assert stored(session) == [[None], [None]]
        await model.emit(ENDED)
        assert stored(session) == [[b"abcd"], [b"ef"]]


async def test_an_item_of_two_parts_is_cut_in_the_first(autojump_clock):
    async with scripted_session(store_audio=True) as (session, model):
        await model.emit(STARTED, words(), audio(b"ab" * 48), words(index=2), audio(b"cd" * 48, index=2))
        await model.emit(m.RealtimeModelAudioDoneEvent(item_id="a", content_index=0, response_id="r"))
        await model.emit(m.RealtimeModelAudioDoneEvent(item_id="a", content_index=2, response_id="r"))
        assert stored(session) == [[b"ab" * 48, None, b"cd" * 48]]
        for _ in range(2):
            await model.emit(m.RealtimeModelItemTruncatedEvent(item_id="a", content_index=0, audio_end_ms=1))
            assert stored(session) == [[b"ab" * 24, None, None]]
        await model.emit(ENDED)
        assert session.statistics().stored_audio_bytes == 48


async def test_audio_without_words_makes_its_part(autojump_clock):
    async with scripted_session(store_audio=True) as (session, model):
        item = AssistantMessageItem(item_id="a")
        await model.emit(STARTED, m.RealtimeModelItemUpdatedEvent(item=item), audio(b"ab"), ENDED)
        assert stored(session) == [[b"ab"]]
        assert isinstance(session.history[0].content[0], AssistantAudio)


async def test_audio_of_no_item_is_not_kept(autojump_clock):
    async with scripted_session(store_audio=True) as (session, model):
        await model.emit(STARTED, audio(b"ab"), ENDED)
        assert stored(session) == []
        text = AssistantMessageItem(item_id="b", content=(AssistantText(text="x"),))
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=text), audio(b"ab", "b", response_id="s"))
        await model.emit(m.RealtimeModelAudioDoneEvent(item_id="b", content_index=0, response_id="s"))
        assert stored(session) == [[None]]
        assert session.statistics().stored_audio_bytes == 0


async def test_speech_that_is_dropped_while_it_comes_does_not_begin_anew(autojump_clock):
    async with scripted_session(store_audio=True, max_stored_audio_bytes=5) as (session, model):
        await model.emit(STARTED, words(), audio(b"abcd"), audio(b"ef"), audio(b"gh"), ENDED)
        assert stored(session) == [[None]]
        statistics = session.statistics()
        assert (statistics.stored_audio_bytes, statistics.forgotten_audio_bytes) == (0, 6)


@pytest.mark.parametrize("limit", [None, 3])
async def test_an_item_is_given_its_audio_once(limit, autojump_clock):
    async with scripted_session(store_audio=True, max_stored_audio_bytes=limit) as (session, model):
        for number in range(100):
            await session.send_audio(b"%04d" % number, commit=True)
        error = ServerError("no", code="other", event_id="e")
        await model.emit(m.RealtimeModelErrorEvent(error=error), m.RealtimeModelErrorEvent(error=ValueError("x")))
        for number in range(70):
            item = UserMessageItem(item_id=f"u{number}", content=(InputAudio(),))
            for _ in range(3):
                await model.emit(m.RealtimeModelItemUpdatedEvent(item=item, anchored=False))
        got = [parts[0] for parts in stored(session)]
        assert got == ([None] * 70 if limit else [b"%04d" % number for number in range(36, 100)] + [None] * 6)


async def test_what_is_not_spoken_has_no_audio(autojump_clock):
    async with scripted_session(store_audio=True) as (session, model):
        await session.send_audio(b"abcd", commit=True)
        text = UserMessageItem(item_id="t", content=())
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=text))
        spoken = UserMessageItem(item_id="u", content=(InputAudio(),))
        await model.emit(m.RealtimeModelItemUpdatedEvent(item=spoken))
        assert stored(session) == [[], [b"abcd"]]


class Full(FakeConnection):
    """Says something else than the defaults, wherever a connection can."""

    output_audio_format = input_audio_format = PCMU
    expires_at = idle = voice_fixed = responding = lending = "own"
    confirms_configuration = restorable = names_requests = "own"

    def unfinished(self):
        return "own"

    def send_audio_nowait(self, audio):
        self.sent.append(audio)
        return audio != b"no"

    def next_nowait(self):
        return "own"

    async def deliver(self, take):
        take("own")

    def next_deadline(self):
        return "own"

    def expire(self, now):
        return ("own", now)


async def test_a_recorded_connection_is_as_the_one_behind_it(autojump_clock):
    inner = Full()
    recorded = _RecordedConnection(inner, InputRecording(None), lambda: True)
    names = {name for name in vars(RealtimeConnection) if not name.startswith("_")}
    methods = {
        "unfinished",
        "send_event",
        "send_events",
        "send_audio_nowait",
        "next_nowait",
        "deliver",
        "next_deadline",
    }
    for name in names - methods - {"expire", "aclose"}:
        assert getattr(recorded, name) == (PCMU if name.endswith("format") else "own"), name
    assert recorded.unfinished() == recorded.next_nowait() == recorded.next_deadline() == "own"
    assert recorded.expire(3) == ("own", 3)
    taken = []
    await recorded.deliver(taken.append)
    inner.events.append("own")
    assert [*taken, await anext(recorded)] == ["own", "own"]
    yes = RealtimeModelSendAudio(audio=b"yes")
    assert recorded.send_audio_nowait(b"yes") is True
    assert recorded.send_audio_nowait(b"no") is False
    await recorded.send_events([yes, yes])
    await recorded.send_event(yes)
    assert inner.sent == [b"yes", b"no", yes, yes, yes]
    assert inner.bursts == [2]
    assert recorded._recording.size == 12
    await recorded.aclose()
    assert inner.closed == 1


def test_no_event_takes_the_history_with_its_audio():
    """Every event that tells of the history tells of it without stored audio, which it would keep alive."""
    folder = Path(stored_audio.__file__).parent
    told = [
        line for file in folder.glob("*.py") for line in file.read_text("utf-8").splitlines() if _TELLS.search(line)
    ]
    assert len(told) >= 5
    assert [line for line in told if "snapshot()" in line] == []
