"""The latency of turns, in virtual time against the local server in memory."""

from __future__ import annotations

from math import isnan

import pytest

from benchmarks.latency import STAGES, TurnLatencies, measure_turns
from trio_realtime import OpenAIRealtimeWebSocketModel, RealtimeConnectionError
from trio_realtime.server import CloseWith, LocalServer

RUN = {
    "model_settings": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}},
    "reconnect": None,
}
CONFIG = {"url": "ws://127.0.0.1/v1/realtime"}


async def test_every_stage_is_measured(autojump_clock):
    server = LocalServer()
    found = await measure_turns(
        CONFIG, turns=2, model=OpenAIRealtimeWebSocketModel(transport=server.connector), run_config=RUN
    )
    assert set(found.milliseconds) == set(STAGES)
    assert len(found.milliseconds["first_audio"]) == 2
    assert found.percentile("turn_end", 50) == pytest.approx(300, abs=40)
    assert found.percentile("first_audio", 50) >= found.percentile("turn_end", 50)
    assert found.percentile("interrupted", 100) < 50
    assert found.percentile("silence", 100) == 0
    assert found.late_audio == 0
    table = found.table()
    assert all(words in table for words in STAGES.values())


async def test_what_never_happens_is_left_out(autojump_clock):
    server = LocalServer()
    found = await measure_turns(
        CONFIG,
        turns=1,
        speech=bytes(48_000),
        patience=2,
        model=OpenAIRealtimeWebSocketModel(transport=server.connector),
        run_config=RUN,
    )
    assert "turn_end" not in found.milliseconds
    assert "tool_round_trip" in found.milliseconds


async def test_a_session_that_fails_is_one_plain_error(autojump_clock):
    server = LocalServer(faults=[CloseWith(code=1011, after=12)])
    with pytest.raises(RealtimeConnectionError):
        await measure_turns(
            CONFIG, turns=1, model=OpenAIRealtimeWebSocketModel(transport=server.connector), run_config=RUN
        )


def test_a_stage_without_numbers():
    none = TurnLatencies(milliseconds={})
    assert isnan(none.percentile("turn_end", 50))
    assert none.table().count("\n") == len(STAGES) + 1
