from trio_realtime.server import AudioClip, Transcript
from trio_realtime.server.transcription import transcription_events

CLIP = AudioClip(pcm=bytes(48_000), rate=24_000)
PREFIX = "conversation.item.input_audio_transcription."


def test_deltas_make_up_the_text():
    *deltas, (kind, done) = transcription_events(Transcript("one two three"), "i", CLIP, model="gpt-4o-transcribe")
    assert [kind for kind, _ in deltas] == [PREFIX + "delta"] * 2
    assert "".join(fields["delta"] for _, fields in deltas) == done["transcript"] == "one two three"
    assert kind == PREFIX + "completed"
    assert done["usage"] == {
        "type": "tokens",
        "total_tokens": 14,
        "input_tokens": 10,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 10},
        "output_tokens": 4,
    }


def test_whisper_counts_seconds_and_gives_no_deltas():
    ((kind, done),) = transcription_events(Transcript("one two"), "i", CLIP, model="whisper-1")
    assert kind == PREFIX + "completed"
    assert done["usage"] == {"type": "duration", "seconds": 1.0}


def test_a_failure():
    ((kind, failed),) = transcription_events(Transcript("", error="noise"), "i", CLIP, model=None)
    assert kind == PREFIX + "failed"
    assert failed["error"]["message"] == "noise"
    assert (failed["item_id"], failed["content_index"]) == ("i", 0)
