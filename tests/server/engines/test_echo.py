from trio_realtime.server import AudioClip, EchoEngine, EngineRequest, Say

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]}
CLIP = AudioClip(pcm=bytes(100), rate=24_000)


async def test_words_and_audio_come_back():
    engine = EchoEngine()
    for items, audio, expected in [
        ([USER], None, [Say("one")]),
        ([USER], CLIP, [Say("one", audio=CLIP)]),
        ([], None, []),
    ]:
        request = EngineRequest(response_id="r", items=items, user_audio=audio)
        assert [step async for step in engine.respond(request)] == expected
