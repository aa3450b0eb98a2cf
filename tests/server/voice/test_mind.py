import pytest

from trio_realtime import UserTypeError
from trio_realtime.server import CallTool, EngineRequest, Say
from trio_realtime.server.voice.mind import think

REQUEST = EngineRequest(response_id="r", items=[{"type": "message", "role": "user", "content": [{"text": "Hi"}]}])


async def answers(mind):
    return [step async for step in think(mind, REQUEST)]


@pytest.mark.parametrize(
    ("reply", "steps"),
    [
        ("Hello", [Say("Hello")]),
        (CallTool("x"), [CallTool("x")]),
        (["One.", CallTool("x")], [Say("One."), CallTool("x")]),
        (None, []),
    ],
)
async def test_what_a_mind_may_answer(reply, steps):
    async def mind(conversation, session):
        return reply

    assert [type(step) for step in await answers(mind)] == [type(step) for step in steps]


async def test_a_mind_gets_the_conversation_and_the_request():
    async def mind(conversation, session):
        return f"{conversation[-1]['content'][0]['text']} {session.user_text}"

    assert await answers(mind) == [Say("Hi Hi")]


async def test_a_mind_may_speak_as_it_thinks():
    async def mind(conversation, session):
        yield "One."
        yield CallTool("x")

    assert [type(step) for step in await answers(mind)] == [Say, CallTool]


@pytest.mark.parametrize("reply", [3, [3], {"text": 1}.values()])
async def test_what_is_no_reply(reply):
    async def mind(conversation, session):
        return reply

    with pytest.raises(UserTypeError, match="int"):
        await answers(mind)
