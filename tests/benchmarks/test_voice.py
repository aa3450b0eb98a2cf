import time

import attrs
import pytest
import trio

from benchmarks.voice import LoopWatch, VoiceNumbers, main, measure_voice
from tests.server.voice.speech import needs_voice
from trio_realtime.server.voice import voice_available

NUMBERS = VoiceNumbers(
    speakers=2,
    answer_ms=[100.0, 200.0, 900.0],
    held_ms=[1.0] * 200 + [50.0],
    late_ms=[0.5],
    lost=0,
    heard=[("a", "a")],
    cpu_seconds=1.0,
    seconds=4.0,
)


def test_the_table_and_the_budgets():
    text = "\n".join(NUMBERS.lines())
    assert "2 at once, 3 turns in 4.0 s, 0 without an answer, 0.25 processors" in text
    assert "200.00" in text
    assert "50.00" in text
    assert NUMBERS.met
    assert not attrs.evolve(NUMBERS, lost=1).met
    assert not attrs.evolve(NUMBERS, held_ms=[1.0] * 90 + [11.0] * 10).met
    assert not attrs.evolve(NUMBERS, answer_ms=[400.0]).met


async def test_the_instrument_sees_that_the_loop_is_held():
    watch = LoopWatch()
    trio.lowlevel.add_instrument(watch)
    await trio.sleep(0.001)
    end = time.perf_counter() + 0.03
    while time.perf_counter() < end:
        pass
    await trio.sleep(0.001)
    trio.lowlevel.remove_instrument(watch)
    assert max(watch.held_ms) >= 30


@pytest.mark.skipif(voice_available(), reason="the extra 'voice' is installed")
def test_without_the_extra_it_says_so(capsys):
    assert main([]) == 2
    assert "trio-realtime[voice]" in capsys.readouterr().err


@needs_voice
async def test_two_people_at_once():
    numbers = await measure_voice(2, 1)
    assert numbers.lost == 0
    assert len(numbers.answer_ms) == 2
    assert len(numbers.heard) == 2
