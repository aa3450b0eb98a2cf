import pytest

from tests.server.helpers import Talk, squeezed, types, update
from trio_realtime.server import AudioClip, CallTool, Fail, Incomplete, Pause, Say, synthesize
from trio_realtime.server.responses import _pieces


def done(events):
    (event,) = [event for event in events if event["type"] == "response.done"]
    return event["response"]


def test_several_messages_are_several_items():
    response = done(Talk().answer("One.", Pause(1), "Two."))
    assert [item["content"][0]["transcript"] for item in response["output"]] == ["One.", "Two."]


def test_an_empty_response_completes():
    events = Talk().answer()
    assert types(events) == ["response.created", "response.done", "rate_limits.updated"]
    assert done(events)["status"] == "completed"
    assert done(events)["output"] == []


def test_empty_words_and_spaces_only():
    assert done(Talk().answer(Say("")))["output"][0]["content"][0]["transcript"] == ""
    assert done(Talk().answer(Say("  ")))["output"][0]["content"][0]["transcript"] == "  "


@pytest.mark.parametrize(
    ("step", "status", "details"),
    [
        (
            Fail("Too fast.", code="rate_limit_exceeded", type="rate_limit_error"),
            "failed",
            {"error": {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "Too fast."}},
        ),
        (Incomplete("content_filter"), "incomplete", {"reason": "content_filter"}),
        (Incomplete(), "incomplete", {"reason": "max_output_tokens"}),
    ],
)
def test_how_a_response_can_end(step, status, details):
    talk = Talk()
    response = done(talk.answer("Half of", step, "never said"))
    assert response["status"] == status
    assert response["status_details"] == {"type": status, **details}
    assert [item["status"] for item in response["output"]] == ["completed"]
    assert talk.state.active_response_id is None


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_max_output_tokens_cut_the_answer(modality):
    talk = Talk()
    talk(update(max_output_tokens=5, output_modalities=[modality]))
    response = done(talk.answer("A long answer, much longer than the few tokens that are allowed for it.", "More."))
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["max_output_tokens"] == 5
    assert 5 <= response["usage"]["output_tokens"] < 20
    assert [item["status"] for item in response["output"]] == ["incomplete"]


def test_usage_by_modality_and_what_was_cached():
    talk = Talk()
    talk(update(instructions="x" * 400))
    first = done(talk.answer("Hello there."))["usage"]
    assert first["input_tokens"] == first["input_token_details"]["text_tokens"] == 100
    assert first["input_token_details"]["cached_tokens"] == 0
    assert first["output_token_details"]["audio_tokens"] == 15
    assert first["output_tokens"] == sum(first["output_token_details"].values())
    assert first["total_tokens"] == first["input_tokens"] + first["output_tokens"]
    second = done(talk.answer("Again."))["usage"]
    assert second["input_tokens"] > 100
    assert second["input_token_details"]["audio_tokens"] > 0
    assert second["input_token_details"]["cached_tokens"] == 64
    assert second["input_token_details"]["cached_tokens_details"]["text_tokens"] == 64


def test_rate_limits_fill_up_again():
    talk = Talk()
    talk(update(instructions="x" * 40_000))
    used = talk.answer("x")[-1]["rate_limits"][0]
    assert used["name"] == "tokens"
    assert used["remaining"] < 30_000
    assert used["reset_seconds"] == pytest.approx((40_000 - used["remaining"]) * 60 / 40_000, abs=0.01)
    talk.now += 60
    assert talk.answer("x")[-1]["rate_limits"][0]["remaining"] > used["remaining"] - 1000


def test_a_message_that_is_cut_is_closed_as_the_service_does():
    talk = Talk()
    events = talk.send("response.create")
    emissions = talk.state.produce(talk.response_id, Say("A long answer, word by word."), lambda: 0.0)
    for _ in range(3):
        events += next(emissions).events
    ended = talk.send("response.cancel", response_id=talk.response_id)
    assert types(ended) == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    said = "".join(e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta")
    assert 0 < len(said) < 28
    assert ended[1]["transcript"] == said
    assert ended[3]["item"]["status"] == "incomplete"
    assert done(ended)["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert list(emissions) == []


def test_a_call_that_is_cut_is_incomplete():
    talk = Talk()
    talk.send("response.create")
    emissions = talk.state.produce(talk.response_id, CallTool("f", {"text": "x" * 60}), lambda: 0.0)
    for _ in range(3):
        talk._take(next(emissions).events)
    ended = talk.send("response.cancel")
    assert types(ended)[:2] == ["response.function_call_arguments.done", "response.output_item.done"]
    assert ended[0]["arguments"] == '{"text":"' + "x" * 23
    assert ended[1]["item"]["status"] == "incomplete"
    assert list(emissions) == []


@pytest.mark.parametrize("step", [Say("text of some length"), CallTool("f", {"a": "x" * 40})])
@pytest.mark.parametrize("modality", ["audio", "text"])
def test_a_cancel_between_any_two_pieces_ends_it(step, modality):
    for count in range(12):
        talk = Talk()
        talk(update(output_modalities=[modality]))
        talk.send("response.create")
        emissions = talk.state.produce(talk.response_id, step, lambda: 0.0)
        for emission, _ in zip(emissions, range(count), strict=False):
            talk._take(emission.events)
        if talk.state.active_response_id is None:
            continue
        assert done(talk.send("response.cancel"))["status"] == "cancelled"
        assert list(emissions) == []
        assert talk.state.finish(talk.response_id, 0.0) == []


def test_an_item_that_is_truncated_while_it_is_spoken_stays_truncated():
    talk = Talk()
    events = talk.send("response.create")
    emissions = talk.state.produce(talk.response_id, Say("A long answer, word by word."), lambda: 0.0)
    for _ in range(3):
        events += next(emissions).events
    item_id = events[1]["item"]["id"]
    (truncated,) = talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=50)
    assert truncated["audio_end_ms"] == 50
    for emission in emissions:
        talk._take(emission.events)
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"] == [{"type": "output_audio", "transcript": None}]
    assert talk.error(
        {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 51}
    )


def test_an_item_that_is_deleted_while_it_is_spoken_is_not_done_in_the_conversation():
    talk = Talk()
    events = talk.send("response.create")
    emissions = talk.state.produce(talk.response_id, Say("Hello there."), lambda: 0.0)
    events += next(emissions).events
    talk.send("conversation.item.delete", item_id=events[1]["item"]["id"])
    rest = [event for emission in emissions for event in emission.events]
    assert "response.output_item.done" in types(rest)
    assert "conversation.item.done" not in types(rest)


def test_given_audio_is_played_in_the_output_format():
    talk = Talk()
    talk(update(audio={"output": {"format": {"type": "audio/pcmu"}}}))
    clip = AudioClip(pcm=synthesize("aaaa"), rate=24_000)
    events = talk.answer(Say("ok", audio=clip))
    import base64

    audio = b"".join(base64.b64decode(e["delta"]) for e in events if e["type"] == "response.output_audio.delta")
    assert len(audio) == 2000


def test_speed_and_format_of_one_response():
    talk = Talk()
    output = {"format": {"type": "audio/pcmu"}, "voice": "verse"}
    events = talk.send("response.create", response={"audio": {"output": output}})
    assert events[0]["response"]["audio"] == {"output": {"format": {"type": "audio/pcmu"}, "voice": "verse"}}
    seconds = sum(e.seconds for e in talk.state.produce(talk.response_id, Say("x" * 16), lambda: 0.0))
    assert seconds == 1
    talk.send("response.cancel")
    talk(update(audio={"output": {"speed": 0.5}}))
    talk.send("response.create")
    assert sum(e.seconds for e in talk.state.produce(talk.response_id, Say("x" * 16), lambda: 0.0)) == 2


def test_outside_of_the_conversation_no_item_is_added():
    talk = Talk()
    events = talk.send("response.create", response={"conversation": "none", "metadata": {"k": "v"}})
    events += talk.produce(Say("Aside."), CallTool("f"))
    events += talk._take(talk.state.finish(talk.response_id, 0.0))
    assert "conversation.item.added" not in squeezed(events)
    assert len(talk.state.conversation) == 0
    assert events[0]["response"]["conversation_id"] is None
    assert done(events)["metadata"] == {"k": "v"}
    assert len(done(events)["output"]) == 2


@pytest.mark.parametrize(
    ("text", "least", "pieces"),
    [("", 1, []), ("a b", 1, ["a", " b"]), (" a  b ", 1, [" a", "  b "]), ("aa bb cc", 5, ["aa bb", " cc"])],
)
def test_pieces(text, least, pieces):
    assert _pieces(text, least) == pieces


def test_a_message_may_be_said_in_several_steps():
    talk = Talk()
    events = talk.answer(Say("One.", more=True), Say(" Two.", more=True), Say(" Three."), Say("Another."))
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert [item["content"][0]["transcript"] for item in done] == ["One. Two. Three.", "Another."]
    assert [item["status"] for item in done] == ["completed", "completed"]


def test_a_message_that_was_to_go_on_ends_with_the_response_or_before_a_call():
    talk = Talk()
    events = talk.answer(Say("One.", more=True), CallTool("look"))
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert [(item["type"], item["status"]) for item in items] == [
        ("message", "completed"),
        ("function_call", "completed"),
    ]
    events = talk.answer(Say("One.", more=True))
    assert events[-2]["response"]["output"][0]["status"] == "completed"


def test_the_engine_knows_the_words_that_were_heard_of_a_cut_answer():
    talk = Talk()
    events = talk.answer(Say("One two", more=True), Say(" three four"))
    item_id = next(event["item"]["id"] for event in events if event["type"] == "response.output_item.done")
    talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=900)
    item = talk.state.conversation.get(item_id)
    assert item.content[0]["transcript"] is None
    assert item.for_engine()["content"][0]["transcript"] == "One two three"
    talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    assert item.for_engine()["content"][0]["transcript"] == ""
