import pytest

from trio_realtime.errors import UserError
from trio_realtime.server import (
    AudioClip,
    CallTool,
    EngineRequest,
    Fail,
    Incomplete,
    Pause,
    Say,
    ScriptEngine,
    Transcript,
    Turn,
)

REQUEST = EngineRequest(response_id="r", items=())
CLIP = AudioClip(pcm=bytes(48_000), rate=24_000)


async def steps(engine):
    return [step async for step in engine.respond(REQUEST)]


async def test_turns_are_taken_in_their_order():
    turns = [
        "Hello.",
        CallTool("f"),
        [CallTool("f"), CallTool("g"), "Wait."],
        Turn(Pause(1), Incomplete()),
        (),
        Fail(),
    ]
    engine = ScriptEngine(turns)
    assert [await steps(engine) for _ in turns] == [
        [Say("Hello.")],
        [CallTool("f")],
        [CallTool("f"), CallTool("g"), Say("Wait.")],
        [Pause(1), Incomplete()],
        [],
        [Fail()],
    ]
    assert engine.remaining == 0
    ((exhausted),) = await steps(engine)
    assert exhausted.code == "script_exhausted"


async def test_connections_begin_at_the_first_turn_or_share_one_course():
    for restart, second in [(True, "one"), (False, "two")]:
        engine = ScriptEngine(["one", "two"], restart=restart)
        assert await steps(engine.open()) == [Say("one")]
        assert await steps(engine.open()) == [Say(second)]


async def test_the_words_of_the_user_belong_to_the_turn_that_answers_them():
    late = Transcript("two", delay=1)
    engine = ScriptEngine([Turn("a", user="one"), "b", Turn("c", user=late)])
    assert await engine.transcribe(CLIP) == Transcript("one")
    await steps(engine)
    await steps(engine)
    assert await engine.transcribe(CLIP) is late
    assert await engine.transcribe(CLIP) == "(1.0 seconds of audio)"


def test_what_makes_no_script():
    with pytest.raises(UserError):
        ScriptEngine([])
    with pytest.raises(TypeError):
        ScriptEngine([3])
