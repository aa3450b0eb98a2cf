from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.session_tasks.support import drain, kinds, make, now
from trio_realtime import RealtimeConnectionError, SessionClosed
from trio_realtime import model_events as m
from trio_realtime.config import RealtimeModelConfig
from trio_realtime.model_inputs import RealtimeModelSendAudio, RealtimeModelSendUserInput
from trio_realtime.testing import (
    RealtimeScriptError,
    RealtimeStep,
    ScriptedRealtimeModel,
    UnconsumedRealtimeSteps,
    UnexpectedRealtimeSend,
)

KEY = m.RealtimeModelDtmfEvent(event="1")
AUDIO = RealtimeModelSendAudio(audio=b"x")


@pytest.mark.parametrize(
    "expect", [AUDIO, RealtimeModelSendAudio, lambda event: event.audio == b"x"], ids=["equal", "class", "predicate"]
)
async def test_a_script_is_followed(autojump_clock: Any, expect: Any) -> None:
    model = ScriptedRealtimeModel([RealtimeStep(expect, [KEY]), RealtimeStep(expect)], connect_events=[KEY])
    async with await make(model, model_config={"api_key": "sk-test-canary"}) as session:
        assert model.connected
        assert not model.closed
        await session.model.send_event(AUDIO)
        assert len(model.remaining_steps) == 1
        with pytest.raises(UnconsumedRealtimeSteps) as caught:
            model.assert_complete()
        assert caught.value.remaining_steps == model.remaining_steps
        await session.model.send_event(AUDIO)
        model.assert_complete()
        assert kinds(now(session)) == ["connection", "history_updated", "dtmf", "dtmf"]
    assert not model.connected
    assert model.closed
    assert model.sent_events == [AUDIO, AUDIO]
    (connected,) = model.connect_calls
    assert (connected.has_api_key, connected.has_headers) == (True, False)
    assert connected.config.api_key is None


@pytest.mark.parametrize("steps", [[], [RealtimeStep(RealtimeModelSendUserInput)], [RealtimeStep(lambda event: False)]])
async def test_what_no_step_expects_is_raised_where_it_was_sent(autojump_clock: Any, steps: Any) -> None:
    model = ScriptedRealtimeModel(steps)
    async with await make(model) as session:
        with pytest.raises(UnexpectedRealtimeSend):
            await session.model.send_event(AUDIO)
        _, error = await drain(session)
        assert isinstance(error, UnexpectedRealtimeSend)
        assert error.actual == AUDIO
        assert error.expected == (steps[0].expect if steps else None)


async def test_a_step_that_raises(autojump_clock: Any) -> None:
    lost = RealtimeConnectionError("lost")
    model = ScriptedRealtimeModel([RealtimeStep(RealtimeModelSendAudio, error=lost)])
    async with await make(model) as session:
        await session.send_audio(b"x")
        assert (await drain(session))[1] is lost
    with pytest.raises(ValueError, match="either emits or raises"):
        RealtimeStep(AUDIO, [KEY], lost)


async def test_not_strict_records_everything(autojump_clock: Any) -> None:
    model = ScriptedRealtimeModel(strict=False)
    async with await make(model) as session:
        await session.send_audio(b"x")
        await session.send_message("y")
        await trio.testing.wait_all_tasks_blocked()
    assert [type(event) for event in model.sent_events] == [RealtimeModelSendAudio, RealtimeModelSendUserInput]


async def test_emitting_needs_a_session(autojump_clock: Any) -> None:
    model = ScriptedRealtimeModel()
    await model.end()  # nothing to end
    with pytest.raises(SessionClosed):
        await model.emit(KEY)
    async with await make(model) as session:
        await model.emit(KEY)
        await model.end()
        events, error = await drain(session)
        assert error is None
        assert kinds(events)[-2:] == ["dtmf", "connection"]
    with pytest.raises(SessionClosed):
        await model.emit(KEY)


async def test_one_session_at_a_time(autojump_clock: Any) -> None:
    model = ScriptedRealtimeModel()
    async with await make(model):
        with pytest.raises(RealtimeScriptError, match="one session at a time"):
            await (await make(model)).__aenter__()
    async with await make(model):
        pass
    assert len(model.connect_calls) == 3


async def test_sending_after_the_end(autojump_clock: Any) -> None:
    model = ScriptedRealtimeModel(strict=False)
    async with model.connect(RealtimeModelConfig(headers={"a": "b"})) as connection:
        await connection.aclose()
        with pytest.raises(RealtimeConnectionError, match="has ended"):
            await connection.send_event(AUDIO)
        with pytest.raises(StopAsyncIteration):
            await anext(connection)
    assert model.close_calls == 1
    assert model.connect_calls[0].has_headers
    assert model.connect_calls[0].config.headers is None
