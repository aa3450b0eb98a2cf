"""The whole voice engine, with its models, as a client meets it."""

import base64

import pytest
import trio

from tests.server.helpers import connected, tool, update
from trio_realtime.audio import PCMA, PCMU
from trio_realtime.server import LocalServer, silence
from trio_realtime.server.audio import encode
from trio_realtime.server.voice import VoiceEngine

from .speech import SENTENCES, detector, needs_voice, recognizer, said, speaker, word_errors

pytestmark = needs_voice


def server(mind=None):
    engine = VoiceEngine(mind, detector=detector(), speech_to_text=recognizer(), text_to_speech=speaker())
    return LocalServer(engine, pace=None)


def listening(**fields):
    detection = {
        "type": "server_vad",
        "silence_duration_ms": 500,
        "create_response": False,
        **fields.pop("detection", {}),
    }
    return update(audio={"input": {"transcription": {"model": "x"}, "turn_detection": detection, **fields}})


async def transcripts(client, count):
    """The words of the turns in their order; a short one may be known before a long one that came first."""
    heard = {}
    with trio.fail_after(60):
        while len(heard) < count:
            events = await client.until("conversation.item.input_audio_transcription.completed")
            heard[events[-1]["item_id"]] = events[-1]["transcript"]
    turns = [event["item_id"] for event in client.events if event["type"] == "input_audio_buffer.committed"]
    return [heard[item_id] for item_id in turns]


async def test_ten_sentences_in_a_row():
    async with connected(server()) as client:
        await client.send(listening())
        for index, text in enumerate(SENTENCES):
            voice = ("alloy", "shimmer", "ash")[index % 3]
            await client.append(said(text, voice=voice) + silence(1.0))
        heard = await transcripts(client, len(SENTENCES))
    counted = [word_errors(*pair) for pair in zip(SENTENCES, heard, strict=True)]
    wrong, total = (sum(column) for column in zip(*counted, strict=True))
    assert wrong / total <= 0.05, heard
    kinds = [event["type"] for event in client.events]
    assert kinds.count("input_audio_buffer.speech_started") == len(SENTENCES)


@pytest.mark.parametrize("format", [PCMU, PCMA], ids=lambda codec: codec.type)
async def test_a_telephone_call(format):
    async with connected(server()) as client:
        await client.send(
            update(
                tools=[tool(city={"type": "string"})],
                audio={"input": {"format": format.to_wire()}, "output": {"format": format.to_wire(), "voice": "echo"}},
            )
        )
        await client.append(encode(said("Say: good morning everybody.", rate=8_000) + bytes(16_000), format), size=160)
        with trio.fail_after(30):
            events = await client.until("response.done")
    (item,) = events[-1]["response"]["output"]
    assert item["content"][0]["transcript"].lower().startswith("good morning")
    audio = b"".join(base64.b64decode(e["delta"]) for e in events if e["type"] == "response.output_audio.delta")
    from trio_realtime.server.audio import decode

    wrong, _ = word_errors("good morning everybody", recognizer().transcribe(decode(audio, format)))
    assert wrong == 0


async def test_semantic_turn_detection_waits_for_a_speaker_who_has_not_finished():
    async with connected(server()) as client:
        await client.send(
            update(
                audio={
                    "input": {
                        "transcription": {"model": "x"},
                        "turn_detection": {"type": "semantic_vad", "eagerness": "auto", "create_response": False},
                    }
                }
            )
        )
        await client.append(said("I would like to book a table, and") + silence(0.5))
        await trio.sleep(0.5)
        await client.append(silence(0.7) + said("a room for the night.") + silence(0.4))
        await trio.sleep(0.5)
        await client.append(silence(1.0))
        (heard,) = await transcripts(client, 1)
    assert heard.lower().startswith("i would like to book a table")
    assert heard.lower().rstrip(".").endswith("for the night")


async def test_a_higher_threshold_needs_more_certainty():
    quiet = said(SENTENCES[0])
    async with connected(server()) as client:
        await client.send(listening(detection={"threshold": 1.0}))
        await client.append(quiet + silence(1))
        await client.send({"type": "input_audio_buffer.clear"})
        with trio.fail_after(20):
            events = await client.until("input_audio_buffer.cleared")
    assert "input_audio_buffer.speech_started" not in [event["type"] for event in events]


async def test_the_padding_before_the_words_is_as_long_as_told():
    starts = []
    for padding in (100, 500):
        async with connected(server()) as client:
            await client.send(listening(detection={"prefix_padding_ms": padding}))
            await client.append(silence(1) + said(SENTENCES[0]) + silence(1))
            with trio.fail_after(20):
                events = await client.until("input_audio_buffer.speech_started")
            starts.append(events[-1]["audio_start_ms"])
    assert starts[0] - starts[1] == 400
