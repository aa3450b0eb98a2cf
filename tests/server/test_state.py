import pytest

from tests.server.helpers import URL, Talk, b64, tool, types, update, user_message, valid_server_event
from trio_realtime.server import Say, Transcript, silence, synthesize
from trio_realtime.server.actions import Close, StartResponse, StopResponse, Transcribe

ASSISTANT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
CALL = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1"}


def actions(talk, kind):
    return [action for action in talk.actions if isinstance(action, kind)]


# Opening, configuration


def test_the_session_is_created_with_the_model_of_the_url():
    talk = Talk(model="gpt-x", number=3)
    (created,) = talk.log
    assert created["type"] == "session.created"
    session = created["session"]
    assert (session["id"], session["model"], session["expires_at"]) == ("sess_00003", "gpt-x", 1_700_003_600)
    assert URL.endswith("gpt-realtime")


def test_an_update_is_confirmed_with_the_whole_session():
    talk = Talk()
    (updated,) = talk(update(instructions="Be brief.", tools=[tool()]))
    assert updated["type"] == "session.updated"
    assert updated["session"]["instructions"] == "Be brief."
    assert updated["session"]["audio"] == talk.log[0]["session"]["audio"]


def test_a_refused_update_changes_nothing_and_names_its_event():
    talk = Talk()
    error = talk.error({**update(instructions="new", tools=[{"type": "function"}]), "event_id": "mine"})
    assert error == {
        "type": "invalid_request_error",
        "code": "missing_required_parameter",
        "message": "Missing required parameter: 'session.tools[0].name'.",
        "param": "session.tools[0].name",
        "event_id": "mine",
    }
    assert talk.state.session["instructions"] != "new"
    assert talk.error({**update(colour=1), "event_id": 7})["event_id"] is None


@pytest.mark.parametrize(("codes", "event_id"), [((), "mine"), (("unknown_parameter",), None), (("*",), None)])
def test_errors_can_be_anonymous(codes, event_id):
    talk = Talk(anonymous_errors=frozenset(codes))
    assert talk.error({**update(colour=1), "event_id": "mine"})["event_id"] == event_id


@pytest.mark.parametrize("message", [None, [], "x", 3])
def test_what_is_no_object_is_refused(message):
    assert Talk().error(message)["code"] == "invalid_json"


def test_the_voice_is_settled_once_it_was_heard():
    talk = Talk()
    assert types(talk(update(audio={"output": {"voice": "ash"}}))) == ["session.updated"]
    talk.answer("Hello.")
    error = talk.error(update(audio={"output": {"voice": "verse"}}, instructions="new"))
    assert (error["code"], error["param"]) == ("cannot_update_voice", "session.audio.output.voice")
    assert talk.state.session["instructions"] != "new"
    assert types(talk(update(audio={"output": {"voice": "ash", "speed": 1.1}}))) == ["session.updated"]
    other = {"type": "response.create", "response": {"audio": {"output": {"voice": "verse"}}}}
    assert talk.error(other)["param"] == "response.audio.output.voice"


def test_written_answers_do_not_settle_the_voice():
    talk = Talk()
    talk(update(output_modalities=["text"]))
    talk.answer("Hello.")
    assert types(talk(update(audio={"output": {"voice": "verse"}}))) == ["session.updated"]


def test_a_transcription_session_hears_and_never_answers():
    talk = Talk(transcription=True)
    assert talk.log[0]["session"]["type"] == "transcription"
    transcription = {"input": {"transcription": {"model": "whisper-1"}}}
    assert talk.error(update())["param"] == "session.type"
    talk({"type": "session.update", "session": {"type": "transcription", "audio": transcription}})
    events = talk.append(silence(0.2) + synthesize("hello") + silence(0.5))
    assert types(events)[-1] == "conversation.item.done"
    assert [action.announce for action in talk.actions] == [True]
    assert talk.error({"type": "response.create"})["code"] == "invalid_value"


def test_a_realtime_session_takes_no_transcription_update():
    error = Talk().error({"type": "session.update", "session": {"type": "transcription"}})
    assert (error["code"], error["param"]) == ("invalid_value", "session.type")


# Items


def test_items_are_added_and_done_with_their_place():
    talk = Talk()
    added, done = talk(user_message("one", id="a"))
    assert types([added, done]) == ["conversation.item.added", "conversation.item.done"]
    assert added["item"]["id"] == "a"
    assert "object" not in added["item"]
    assert added["previous_item_id"] is done["previous_item_id"] is None
    assert talk(user_message("two"))[0]["previous_item_id"] == "a"
    assert talk({**user_message("zero", id="z"), "previous_item_id": "root"})[0]["previous_item_id"] is None
    assert talk({**user_message("half"), "previous_item_id": "z"})[0]["previous_item_id"] == "z"
    assert talk.error(user_message("again", id="a"))["param"] == "item.id"
    assert talk.error({**user_message("x"), "previous_item_id": "gone"})["param"] == "previous_item_id"


def test_generated_ids_never_meet_the_clients():
    talk = Talk()
    for number in range(1, 30):
        assert types(talk(user_message("x", id=f"item_00001x{number:08d}")))[0] in {"conversation.item.added", "error"}
    added = talk(user_message("mine"))[0]
    assert added["type"] == "conversation.item.added"


def test_items_are_retrieved_and_deleted():
    talk = Talk()
    talk(user_message("one", id="a"))
    (retrieved,) = talk.send("conversation.item.retrieve", item_id="a")
    assert retrieved["item"]["content"] == [{"type": "input_text", "text": "one"}]
    (deleted,) = talk.send("conversation.item.delete", item_id="a")
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", "a")
    for verb in ("delete", "retrieve"):
        error = talk.error({"type": f"conversation.item.{verb}", "item_id": "a"})
        assert (error["code"], error["param"]) == (f"item_{verb}_invalid_item_id", "item_id")


def test_an_output_needs_its_call():
    talk = Talk()
    output = {"type": "function_call_output", "call_id": "c1", "output": "x"}
    error = talk.error({"type": "conversation.item.create", "item": output})
    assert (error["code"], error["param"]) == ("invalid_tool_call_id", "item.call_id")
    talk({"type": "conversation.item.create", "item": CALL})
    added, _ = talk({"type": "conversation.item.create", "item": output})
    assert added["item"]["output"] == "x"
    made, _ = talk({"type": "conversation.item.create", "item": {**CALL, "call_id": None}})
    assert made["item"]["call_id"]


def test_audio_in_an_item_is_heard_by_the_engine_only():
    talk = Talk()
    content = [{"type": "input_audio", "audio": b64(synthesize("hello"))}]
    item = {"type": "message", "role": "user", "id": "a", "content": content}
    talk({"type": "conversation.item.create", "item": item})
    (action,) = actions(talk, Transcribe)
    assert (action.item_id, action.announce, action.clip.seconds) == ("a", False, 5 / 16)
    talk.state.hear("a", Transcript("hello"))
    talk.send("response.create")
    request = talk.state.engine_request(talk.response_id)
    assert request.user_text == "hello"
    assert request.user_audio is not None
    (retrieved,) = talk.send("conversation.item.retrieve", item_id="a")
    assert retrieved["item"]["content"][0]["transcript"] is None
    bad = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "?"}]}
    assert talk.error({"type": "conversation.item.create", "item": bad})["param"] == "item.content[0].audio"


def test_truncation_is_confirmed_and_the_transcript_gone():
    talk = Talk()
    item_id = talk.answer("A few words to hear.")[1]["item"]["id"]
    cut = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 500}
    (truncated,) = talk(cut)
    assert {key: truncated[key] for key in cut if key != "type"} == {key: cut[key] for key in cut if key != "type"}
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] is None
    assert talk.error({**cut, "audio_end_ms": 501})["code"] == "invalid_value"
    assert talk.error({**cut, "item_id": "gone"})["code"] == "item_truncate_invalid_item_id"


# Audio in


def test_appended_audio_is_checked_and_not_confirmed():
    talk = Talk()
    assert talk.append(silence(0.1)) == []
    for audio in ("?", "AAA", b64(b"123")):
        error = talk.error({"type": "input_audio_buffer.append", "audio": audio})
        assert (error["code"], error["param"]) == ("invalid_value", "audio")


def test_an_odd_number_of_bytes_is_fine_for_g711():
    talk = Talk()
    talk(update(audio={"input": {"format": {"type": "audio/pcmu"}}}))
    assert talk.append(b"\xff" * 801) == []


def test_push_to_talk():
    talk = Talk()
    talk(update(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}))
    error = talk.error({"type": "input_audio_buffer.commit", "event_id": "e"})
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "e")
    assert talk.append(synthesize("hello")) == []
    committed, added, done = talk.send("input_audio_buffer.commit")
    assert committed["item_id"] == added["item"]["id"] == done["item"]["id"]
    (action,) = actions(talk, Transcribe)
    assert action.announce
    events = talk.state.transcribed(action.item_id, Transcript("hello"), action.clip)
    for event in events:
        valid_server_event(event)
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=action.item_id)
    assert retrieved["item"]["content"][0]["transcript"] == "hello"
    assert len(retrieved["item"]["content"][0]["audio"]) == 20_000
    assert actions(talk, StartResponse) == []


def test_a_failed_transcription_leaves_no_transcript():
    talk = Talk()
    talk(update(audio={"input": {"turn_detection": None}}))
    talk.append(synthesize("hello"))
    item_id = talk.send("input_audio_buffer.commit")[0]["item_id"]
    clip = actions(talk, Transcribe)[0].clip
    (failed,) = talk.state.transcribed(item_id, Transcript("", error="noise"), clip)
    valid_server_event(failed)
    assert failed["error"]["message"] == "noise"
    talk.send("conversation.item.delete", item_id=item_id)
    assert talk.state.transcribed(item_id, Transcript("late"), clip) == []
    talk.state.hear(item_id, Transcript("late"))


def test_a_commit_in_the_middle_of_speech_takes_its_item():
    talk = Talk()
    (started,) = talk.append(silence(0.5) + synthesize("hello"))
    committed = talk.send("input_audio_buffer.commit")[0]
    assert committed["item_id"] == started["item_id"]
    assert talk.append(silence(1)) == []


def test_clear_forgets_speech():
    talk = Talk()
    talk.append(silence(0.5) + synthesize("hello"))
    assert types(talk.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert talk.append(silence(1)) == []


def test_new_turn_detection_forgets_speech():
    talk = Talk()
    talk.append(silence(0.5) + synthesize("hello"))
    talk(update(audio={"input": {"turn_detection": {"type": "semantic_vad"}}}))
    assert talk.append(silence(2)) == []


SPEECH = silence(0.5) + synthesize("hello") + silence(0.5)


def speaking(talk, *, answer="A long answer that is being spoken."):
    talk.send("response.create")
    emissions = talk.state.produce(talk.response_id, Say(answer), lambda: talk.now)
    for _ in range(4):
        talk._take(next(emissions).events)


def test_speech_interrupts_the_response():
    talk = Talk()
    speaking(talk)
    events = talk.append(SPEECH)
    assert types(events)[0] == "input_audio_buffer.speech_started"
    done = next(event for event in events if event["type"] == "response.done")
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert types(events).index("response.done") < types(events).index("input_audio_buffer.speech_stopped")
    assert types(events)[-1] == "response.created"
    assert [type(action) for action in talk.actions] == [StartResponse, StopResponse, Transcribe, StartResponse]


def detection(**fields):
    return update(audio={"input": {"turn_detection": {"type": "server_vad", **fields}}})


def test_without_interrupt_response_nothing_is_cut_and_no_second_response_opens():
    talk = Talk()
    talk(detection(interrupt_response=False))
    speaking(talk)
    running = talk.state.active_response_id
    events = talk.append(SPEECH)
    assert "response.done" not in types(events)
    assert talk.state.active_response_id == running
    error = events[-1]["error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", None)


def test_without_create_response_a_turn_is_only_committed():
    talk = Talk()
    talk(detection(create_response=False))
    assert types(talk.append(SPEECH))[-1] == "conversation.item.done"
    assert actions(talk, StartResponse) == []


# Responses


def test_one_response_at_a_time_in_the_conversation():
    talk = Talk()
    speaking(talk)
    running = talk.state.active_response_id
    error = talk.error({"type": "response.create", "event_id": "second"})
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "second")
    assert running in error["message"]
    aside = talk.send("response.create", response={"conversation": "none"})
    assert types(aside) == ["response.created"]
    assert talk.state.active_response_id == running
    aside_id = talk.response_id
    assert talk.state.running(aside_id)
    (done,) = [e for e in talk.send("response.cancel", response_id=aside_id) if e["type"] == "response.done"]
    assert done["response"]["id"] == aside_id
    assert talk.state.active_response_id == running


def test_a_response_outside_is_not_cut_by_speech():
    talk = Talk()
    talk.send("response.create", response={"conversation": "none"})
    aside = talk.response_id
    talk.append(SPEECH)
    assert talk.state.running(aside)


@pytest.mark.parametrize("fields", [{}, {"response_id": "resp_x"}])
def test_there_must_be_something_to_cancel(fields):
    error = Talk().error({"type": "response.cancel", **fields})
    assert error["code"] == "response_cancel_not_active"


def test_what_a_response_overrides_counts_for_the_engine():
    talk = Talk()
    talk(update(instructions="session", tools=[tool()]))
    talk(user_message("hello", id="a"))
    params = {
        "instructions": "once",
        "tools": [],
        "tool_choice": "none",
        "output_modalities": ["text"],
        "metadata": {"k": "v"},
        "conversation": "none",
        "input": [{"type": "item_reference", "id": "a"}, user_message("aside")["item"]],
    }
    (created,) = talk.send("response.create", response=params)
    assert created["response"]["metadata"] == {"k": "v"}
    assert created["response"]["output_modalities"] == ["text"]
    request = talk.state.engine_request(talk.response_id)
    assert (request.instructions, request.tools, request.tool_choice) == ("once", [], "none")
    assert request.metadata == {"k": "v"}
    assert not request.in_conversation
    assert [item["content"][0]["text"] for item in request.items] == ["hello", "aside"]
    assert request.user_text == "aside"
    talk.send("response.cancel", response_id=talk.response_id)
    talk.send("response.create")
    plain = talk.state.engine_request(talk.response_id)
    assert (plain.instructions, plain.tool_choice, plain.in_conversation) == ("session", "auto", True)
    assert plain.user_audio is None


def test_a_reference_to_nothing_is_refused():
    params = {"input": [{"type": "item_reference", "id": "gone"}]}
    assert Talk().error({"type": "response.create", "response": params})["param"] == "response.input[0].id"


def test_an_engine_that_failed_fails_its_response():
    talk = Talk()
    talk.send("response.create")
    error = {"type": "server_error", "code": "server_error", "message": "x"}
    done = talk._take(talk.state.finish(talk.response_id, 0.0, error=error))[0]
    assert done["response"]["status"] == "failed"
    assert done["response"]["status_details"]["error"] == error
    assert talk.state.finish("resp_gone", 0.0) == []
    assert list(talk.state.produce("resp_gone", Say("x"), lambda: 0.0)) == []


def test_a_response_can_be_opened_from_the_side():
    talk = Talk()
    step = talk.state.open_response(0.0, (Say("x"),))
    assert types(step.events) == ["response.created"]
    assert step.actions[0].steps == (Say("x"),)
    assert talk.state.open_response(0.0).events == []


# Time


def test_a_session_expires():
    talk = Talk(session_seconds=600)
    assert talk.state.deadline == 700
    assert talk.tick(699) == []
    (expired,) = talk.tick(700)
    assert expired["error"]["code"] == "session_expired"
    assert "10 minutes" in expired["error"]["message"]
    assert talk.actions == [Close(1001, "session expired")]
    assert talk.state.deadline is None
    assert talk.tick(800) == []


def test_the_idle_timeout_counts_from_the_end_of_playback():
    talk = Talk()
    talk(detection(idle_timeout_ms=5000))
    talk.append(silence(1))
    talk.answer("x" * 32)  # two seconds
    assert talk.state.deadline == 107
    talk.append(silence(6))
    events = talk.tick(107)
    assert types(events) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    triggered = events[0]
    assert (triggered["audio_start_ms"], triggered["audio_end_ms"]) == (3000, 7000)
    assert triggered["item_id"] == events[1]["item_id"]
    assert actions(talk, Transcribe) == []
    assert talk.state.engine_request(talk.response_id).user_text == ""


def test_speech_a_response_or_new_settings_stop_the_idle_timer():
    for interfere in (
        lambda talk: talk.append(silence(0.5) + synthesize("aaa")),
        lambda talk: talk.send("response.create"),
        lambda talk: talk(detection()),
    ):
        talk = Talk()
        talk(detection(idle_timeout_ms=5000))
        talk.answer("x")
        assert talk.state.deadline == pytest.approx(105.0625)
        interfere(talk)
        assert talk.state.deadline == 3700


def test_the_idle_timer_waits_while_the_user_speaks():
    talk = Talk()
    talk(detection(idle_timeout_ms=5000, interrupt_response=False))
    talk.send("response.create")
    talk.append(silence(0.5) + synthesize("aaa"))
    talk._take(talk.state.finish(talk.response_id, talk.now))
    assert talk.state.deadline == 3700


# A phone call's output buffer


def test_a_call_reports_its_output_buffer():
    talk = Talk(call_id="rtc_1")
    events = types(talk.answer("x" * 32))
    assert events.index("response.content_part.added") < events.index("output_audio_buffer.started")
    assert events.index("output_audio_buffer.started") < events.index("response.output_audio.delta")
    assert events.count("output_audio_buffer.started") == 1
    assert talk.state.deadline == 102
    assert types(talk.tick(102)) == ["output_audio_buffer.stopped"]


def test_speech_clears_the_output_buffer_of_a_call():
    talk = Talk(call_id="rtc_1")
    speaking(talk)
    events = types(talk.append(silence(0.5) + synthesize("aaa")))
    assert events.index("response.done") < events.index("output_audio_buffer.cleared")


def test_a_client_can_clear_the_output_buffer_of_a_call():
    talk = Talk(call_id="rtc_1")
    talk.answer("Hello.")
    assert types(talk.send("output_audio_buffer.clear")) == ["output_audio_buffer.cleared"]
    assert talk.error({"type": "output_audio_buffer.clear"})["code"] == "invalid_value"
    assert Talk().error({"type": "output_audio_buffer.clear"})["code"] == "invalid_value"
