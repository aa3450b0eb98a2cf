"""The voice engine with parts that need no model: sound that is loud is speech, and its length is its words."""

import base64
import threading

import pytest
import trio

from tests.server.helpers import Client, connected, tool, update
from trio_realtime.audio import PCM16, PCMU
from trio_realtime.server import AudioClip, EngineRequest, LocalServer, Say, silence, synthesize
from trio_realtime.server.hearing import LoudnessDetector
from trio_realtime.server.voice import SpeechToText, TextToSpeech, VoiceEngine

WORDS = {8: "What is the weather in Oslo?", 12: "Tell me everything.", 16: "So I would like to", 20: ""}


class Ears(SpeechToText):
    """Takes sounds of known lengths (in letters) for words."""

    def __init__(self):
        self.calls = 0
        self.threads = set()
        self.fail = False

    def transcribe(self, audio):
        self.calls += 1
        self.threads.add(threading.current_thread())
        if self.fail:
            raise RuntimeError("no ears")
        loud = sum(abs(sample) > 500 for sample in memoryview(audio.pcm).cast("h"))
        letters = loud / audio.rate * 16
        return WORDS[min(WORDS, key=lambda count: abs(count - letters * 1.15))]


class Mouth(TextToSpeech):
    def __init__(self):
        self.asked = []

    def speak(self, text, *, voice, speed, rate):
        self.asked.append((text, voice, speed, rate, threading.current_thread()))
        for part in text.split("|"):
            pcm = synthesize(part, PCM16, speed=speed)
            yield part, AudioClip(pcm=pcm, rate=24_000).resampled(rate)


class Parts:
    def __init__(self, mind=None, **options):
        self.ears, self.mouth = Ears(), Mouth()
        engine = VoiceEngine(
            mind, detector=LoudnessDetector(), speech_to_text=self.ears, text_to_speech=self.mouth, **options
        )
        self.server = LocalServer(engine, pace=None)
        self.engine = engine


def spoken(count, quiet=0.6, format=PCM16):
    return synthesize("a" * count, format) + silence(quiet, format)


def audio_update(**fields):
    return update(audio={"input": {"transcription": {"model": "x"}, **fields.pop("input", {})}, **fields})


async def until(client: Client, kind: str):
    with trio.fail_after(10):
        return await client.until(kind)


async def test_a_spoken_question_calls_the_tool_and_the_result_is_spoken():
    parts = Parts()
    async with connected(parts.server) as client:
        await client.send(
            update(tools=[tool(city={"type": "string"})], audio={"input": {"transcription": {"model": "x"}}})
        )
        await client.append(spoken(8))
        events = await until(client, "response.done")
        kinds = [event["type"] for event in events]
        assert "input_audio_buffer.speech_started" in kinds
        done = events[-1]["response"]
        assert done["output"][0]["name"] == "get_weather"
        assert done["output"][0]["arguments"] == '{"city":"Oslo"}'
        if "conversation.item.input_audio_transcription.completed" not in kinds:
            events += await until(client, "conversation.item.input_audio_transcription.completed")
        heard = next(event for event in events if event["type"].endswith("transcription.completed"))
        assert heard["transcript"] == WORDS[8]
        assert heard["usage"]["type"] == "tokens"
        deltas = [event["delta"] for event in events if event["type"].endswith("transcription.delta")]
        assert len(deltas) > 1
        assert "".join(deltas) == WORDS[8]
        output = {"type": "function_call_output", "call_id": done["output"][0]["call_id"], "output": "It is sunny."}
        await client.send({"type": "conversation.item.create", "item": output}, {"type": "response.create"})
        events = await until(client, "response.done")
        (item,) = events[-1]["response"]["output"]
        assert item["content"][0]["transcript"] == "Here is what I found: It is sunny."
    main = threading.current_thread()
    assert main not in parts.ears.threads
    assert all(call[-1] is not main for call in parts.mouth.asked)


async def test_the_words_are_worked_out_once_at_the_pause():
    parts = Parts()
    async with connected(parts.server) as client:
        await client.send(audio_update(input={"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}))
        await client.append(spoken(8, 0.3))
        with trio.fail_after(5):
            while not parts.ears.calls:
                await trio.sleep(0.01)
        await client.append(silence(0.5))
        await until(client, "response.done")
    assert parts.ears.calls == 1


async def test_speech_that_goes_on_after_a_pause_is_heard_as_a_whole():
    parts = Parts()
    async with connected(parts.server) as client:
        await client.send(audio_update(input={"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}))
        await client.append(synthesize("aaaa") + silence(0.3) + spoken(8, 0.6))
        events = await until(client, "response.done")
        events += (
            await until(client, "conversation.item.input_audio_transcription.completed")
            if not any(event["type"].endswith("transcription.completed") for event in events)
            else []
        )
        heard = [event["transcript"] for event in events if event["type"].endswith("transcription.completed")]
    assert heard == [WORDS[12]]


async def test_an_answer_is_one_message_of_several_sentences():
    async def mind(conversation, session):
        return "One. |Two."

    parts = Parts(mind)
    async with connected(parts.server) as client:
        await client.say("Hello")
        events = await until(client, "response.done")
        (item,) = events[-1]["response"]["output"]
        assert item["content"][0]["transcript"] == "One. Two."
        assert item["status"] == "completed"
        sizes = [len(base64.b64decode(e["delta"])) for e in events if e["type"] == "response.output_audio.delta"]
        assert sum(sizes) == len(synthesize("One. Two."))
        assert sizes[:2] == [2400, 4800]


async def test_voice_speed_and_rate_reach_the_mouth():
    parts = Parts()
    async with connected(parts.server) as client:
        await client.send(
            audio_update(
                input={"format": {"type": "audio/pcmu"}},
                output={"voice": "ash", "speed": 1.25, "format": {"type": "audio/pcma"}},
            )
        )
        await client.append(spoken(8, format=PCMU), size=800)
        events = await until(client, "response.done")
    text, voice, speed, rate, _ = parts.mouth.asked[0]
    assert (voice, speed, rate) == ("ash", 1.25, 8_000)
    size = sum(len(base64.b64decode(e["delta"])) for e in events if e["type"] == "response.output_audio.delta")
    assert size == pytest.approx(len(text) / 16 / 1.25 * 8_000, rel=0.01)


async def test_a_written_answer_is_not_spoken():
    parts = Parts()
    async with connected(parts.server) as client:
        await client.send(update(output_modalities=["text"]))
        await client.say("Say this")
        events = await until(client, "response.done")
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "this"
    assert parts.mouth.asked == []


@pytest.mark.parametrize(("eagerness", "longest"), [("high", 2_000), ("medium", 4_000), ("low", 8_000)])
async def test_semantic_turn_detection_waits_for_the_end_of_a_thought(eagerness, longest):
    parts = Parts()
    async with connected(parts.server) as client:
        await client.send(audio_update(input={"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}))
        await client.append(spoken(16, 0.4))
        with trio.fail_after(5):
            while not parts.ears.calls:
                await trio.sleep(0.01)
        await client.append(silence(9))
        events = await until(client, "input_audio_buffer.speech_stopped")
        assert events[-1]["audio_end_ms"] == pytest.approx(1000 + longest, abs=20)


async def test_semantic_turn_detection_ends_a_whole_sentence_soon():
    parts = Parts()
    async with connected(parts.server) as client:
        await client.send(audio_update(input={"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}))
        await client.append(spoken(8, 0.2))
        with trio.fail_after(5):
            while not parts.ears.calls:
                await trio.sleep(0.01)
        await trio.sleep(0.05)
        await client.append(silence(2))
        events = await until(client, "input_audio_buffer.speech_stopped")
        assert events[-1]["audio_end_ms"] == pytest.approx(500 + 260, abs=20)


@pytest.mark.wire_in_memory  # what comes meanwhile comes at another moment in frames
async def test_a_verdict_that_comes_late_ends_the_turn_at_once():
    parts = Parts()
    go = threading.Event()
    ears = parts.ears.transcribe
    parts.ears.transcribe = lambda audio: go.wait(5) and ears(audio)
    async with connected(parts.server) as client:
        await client.send(audio_update(input={"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}))
        await client.append(spoken(8, 1.0))
        await until(client, "input_audio_buffer.speech_started")
        go.set()
        events = await until(client, "input_audio_buffer.speech_stopped")
        assert events[-1]["audio_end_ms"] == pytest.approx(1500, abs=20)


async def test_silence_of_the_user_ends_in_a_question():
    parts = Parts()
    async with connected(parts.server) as client:
        await client.send(audio_update(input={"turn_detection": {"type": "server_vad", "idle_timeout_ms": 1000}}))
        await client.append(silence(0.5))
        await client.say("Say a")
        await until(client, "response.done")
        await until(client, "input_audio_buffer.timeout_triggered")
        events = await until(client, "response.done")
    assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "Are you still there?"
    assert parts.ears.calls == 0


async def test_sound_without_words_is_asked_about():
    parts = Parts()
    async with connected(parts.server) as client:
        await client.append(spoken(20))
        events = await until(client, "response.done")
    assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "I am sorry, I did not catch that."


async def test_ears_that_fail_fail_the_transcription_and_not_the_session():
    parts = Parts()
    parts.ears.fail = True
    async with connected(parts.server) as client:
        await client.send(audio_update())
        await client.append(spoken(8))
        events = await until(client, "conversation.item.input_audio_transcription.failed")
        assert events[-1]["error"]["code"] == "audio_unintelligible"
        parts.ears.fail = False
        await client.say("Hello")
        await until(client, "response.done")


async def test_a_mind_knows_only_what_was_heard_of_an_interrupted_answer():
    seen = []

    async def mind(conversation, session):
        seen.append([part for item in conversation if item["role"] == "assistant" for part in item["content"]])
        return "One two three four. |Five six seven eight."

    parts = Parts(mind)
    async with connected(parts.server) as client:
        await client.say("Hello")
        events = await until(client, "response.done")
        item_id = events[-1]["response"]["output"][0]["id"]
        cut = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 1650}
        await client.send(cut)
        await until(client, "conversation.item.truncated")
        await client.say("And then?")
        await until(client, "response.done")
    assert seen[0] == []
    assert seen[1][0]["transcript"] == "One two three four. Five"


async def test_a_long_piece_of_audio_does_not_hold_the_loop():
    class Slices(LoudnessDetector):
        slice_ms = 100.0

    parts = Parts()
    parts.engine.detector = Slices()
    turns = 0
    async with connected(parts.server) as client:
        await client.send(audio_update())

        async def others():
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            await client.append(silence(10) + spoken(8), size=10**7)
            await until(client, "response.done")
            nursery.cancel_scope.cancel()
    assert turns > 90


async def test_no_more_threads_than_told():
    parts = Parts(threads=1)
    assert parts.engine.limiter.total_tokens == 1
    async with connected(parts.server) as client:
        await client.append(spoken(8))
        await until(client, "response.done")


async def test_the_engine_itself_answers_too():
    parts = Parts()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hello"}]}
    steps = [step async for step in parts.engine.respond(EngineRequest(response_id="r", items=[item]))]
    assert [step.text for step in steps if isinstance(step, Say)] == ["hello", ""]
    assert not steps[-1].more


async def test_over_memory_the_first_session_waits_until_the_engine_is_ready():
    parts = Parts()
    engine = parts.engine
    ready, engine.detector = engine.detector, None
    prepare = engine.prepare

    async def slowly():
        await trio.sleep(0.05)
        engine.detector = ready
        await prepare()

    engine.prepare = slowly
    async with connected(parts.server) as client:
        await until(client, "session.created")
        await client.append(spoken(8))
        await until(client, "response.done")
    assert parts.ears.calls


async def test_text_can_be_spoken_without_a_session():
    parts = Parts()
    clip = await parts.engine.speak("One. |Two.", voice="ash", speed=1.25)
    assert clip.rate == 24_000
    assert clip.seconds == pytest.approx(len("One. Two.") / 16 / 1.25, rel=0.02)
    assert parts.mouth.asked[0][1:3] == ("ash", 1.25)


async def test_a_cancellation_waits_for_the_thread_which_can_look_whether_it_is_wanted():
    parts = Parts()
    begun, over = threading.Event(), threading.Event()

    def patient(audio):
        begun.set()
        try:
            while True:
                trio.from_thread.check_cancelled()
                over.wait(0.01)
        finally:
            over.set()

    parts.ears.transcribe = patient
    async with connected(parts.server) as client:
        await client.append(spoken(8))
        with trio.fail_after(5):
            await trio.to_thread.run_sync(begun.wait)
    await parts.server.connections[0].wait_closed()
    assert over.is_set()
    assert parts.engine.limiter.borrowed_tokens == 0
