from trio_realtime.server import AudioClip, Engine, EngineRequest, Transcript

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}, {"text": "two"}]}
SPOKEN = {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": "three"}]}
ASSISTANT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
SYSTEM = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "note"}]}
CALL = {"type": "function_call", "name": "f", "call_id": "c1", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "done"}


def request(*items):
    return EngineRequest(response_id="r", items=items)


def test_the_words_of_the_user():
    assert request().user_text == ""
    assert request(SPOKEN, USER, ASSISTANT).user_text == "one two"
    assert request(USER, SPOKEN, SYSTEM).user_text == "three"


def test_results_are_those_after_the_last_words():
    assert request(USER, CALL, OUTPUT).results == [("f", "done")]
    assert request(USER, CALL, OUTPUT, SYSTEM).results == [("f", "done")]
    assert request(USER, CALL, OUTPUT, ASSISTANT).results == []
    assert request(CALL, OUTPUT, USER).results == []
    assert request({**OUTPUT, "call_id": "other"}).results == [("", "done")]
    assert request(CALL, OUTPUT, {**OUTPUT, "output": "again"}).results == [("f", "done"), ("f", "again")]


class Silent(Engine):
    async def respond(self, request):
        return
        yield


async def test_by_default_audio_is_heard_as_its_length():
    engine = Silent()
    assert engine.open() is engine
    assert await engine.transcribe(AudioClip(pcm=bytes(48_000), rate=24_000)) == "(1.0 seconds of audio)"
    assert [step async for step in engine.respond(request())] == []
    assert Transcript("x") == Transcript("x", delay=0, error=None)
