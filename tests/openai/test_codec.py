import base64
import contextlib
import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.openai.examples import AUDIO, EXAMPLES, TRACE
from trio_realtime._structure import NotGiven
from trio_realtime.errors import ModelBehaviorError, UserError
from trio_realtime.openai import server_events_response as rse
from trio_realtime.openai.codec import decode, encode, encode_append
from trio_realtime.openai.server_events import SERVER_EVENTS, UnknownServerEvent


def text(**fields):
    return json.dumps(fields)


@pytest.mark.parametrize("type_", sorted(EXAMPLES))
def test_every_event_is_decoded_into_its_class(type_):
    event = decode(json.dumps(EXAMPLES[type_]))
    assert type(event) is SERVER_EVENTS[type_]
    for field in attrs.fields(type(event)):
        value = getattr(event, field.name)
        if isinstance(value, str) and field.name in EXAMPLES[type_]:
            assert value == EXAMPLES[type_][field.name]


@pytest.mark.parametrize("line", TRACE)
def test_every_frame_of_the_service_is_decoded(line):
    assert type(decode(line)) is SERVER_EVENTS[json.loads(line)["type"]]


def required():
    for type_, cls in sorted(SERVER_EVENTS.items()):
        for field in attrs.fields(cls):
            if field.default is attrs.NOTHING:
                yield pytest.param(type_, field.name, id=f"{type_}-{field.name}")


@pytest.mark.parametrize(("type_", "name"), list(required()))
def test_a_missing_field_is_named(type_, name):
    data = {key: value for key, value in EXAMPLES[type_].items() if key != name}
    with pytest.raises(ModelBehaviorError, match=rf"{type_}.*{name} is missing") as caught:
        decode(json.dumps(data))
    assert caught.value.param == name


def wrong_values():
    for type_, name in (parameters.values for parameters in required()):
        for label, wrong in {"flag": True, "null": None, "number": 1e9 + 0.5}.items():
            if label != "number" or name not in {"start", "end"}:  # these are numbers
                yield pytest.param(type_, name, wrong, id=f"{type_}-{name}-{label}")


@pytest.mark.parametrize(("type_", "name", "wrong"), list(wrong_values()))
def test_a_field_of_the_wrong_type_is_named(type_, name, wrong):
    with pytest.raises(ModelBehaviorError, match=type_) as caught:
        decode(json.dumps({**EXAMPLES[type_], name: wrong}))
    assert caught.value.param == name


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (
            {"type": "response.done", "response": {"id": "r", "usage": {"total_tokens": "3"}}},
            "response.usage.total_tokens",
        ),
        ({"type": "response.done", "response": {"id": 5}}, "response.id"),
        ({"type": "response.done", "response": {"id": "r", "output": [{}, 1]}}, "response.output[1]"),
        (
            {
                "type": "conversation.item.added",
                "item": {"type": "message", "content": [{"type": "text"}, {"type": 1}]},
            },
            "item.content[1].type",
        ),
        ({"type": "conversation.item.added", "item": {"type": "message", "content": "x"}}, "item.content"),
        ({"type": "conversation.item.added", "item": {"type": "message", "content": ["x"]}}, "item.content[0]"),
        ({"type": "rate_limits.updated", "rate_limits": [{"reset_seconds": "1"}]}, "rate_limits[0].reset_seconds"),
        ({"type": "error", "error": {"message": 3}}, "error.message"),
        ({"type": "input_audio_buffer.cleared", "event_id": 3}, "event_id"),
        ({"type": "conversation.item.added", "item": {"type": "m"}, "previous_item_id": 3}, "previous_item_id"),
    ],
)
def test_the_path_leads_to_the_field(data, param):
    with pytest.raises(ModelBehaviorError) as caught:
        decode(json.dumps(data))
    assert caught.value.param == param
    assert param in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x",
        "{",
        "[]",
        "3",
        "null",
        '"text"',
        "{}",
        '{"type": 3}',
        '{"type": null}',
        "\ud800",
        '{"type": "error", "error": NaN}',
        "[" * 100_000,
        b"{}",
        b"\xff\x00",
    ],
    ids=range(15),
)
def test_what_is_no_event_is_a_model_behavior_error(message):
    with pytest.raises(ModelBehaviorError):
        decode(message)


def test_an_unknown_type_passes():
    assert decode(text(type="response.telepathy.delta", x=[1])) == UnknownServerEvent(
        type="response.telepathy.delta", data={"type": "response.telepathy.delta", "x": [1]}
    )


def test_unknown_fields_and_words_and_nulls_pass():
    event = decode(
        text(
            type="response.done",
            response={"id": "r", "status": "meditating", "usage": None, "metadata": None, "mood": 3},
            later={"a": 1},
        )
    )
    assert event == rse.ResponseDoneEvent(response=event.response)
    assert event.response.status == "meditating"
    assert isinstance(event.response.conversation_id, NotGiven)


def test_a_null_is_not_the_same_as_nothing():
    assert (
        decode(text(type="response.created", response={"id": "r", "conversation_id": None})).response.conversation_id
        is None
    )


def delta(value):
    return json.dumps({**EXAMPLES["response.output_audio.delta"], "delta": value})


@pytest.mark.parametrize("size", range(9))
def test_audio_is_decoded_on_arrival(size):
    data = bytes(range(size))
    assert decode(delta(base64.b64encode(data).decode())).delta == data


@pytest.mark.parametrize(
    "wrong", ["A", "AA", "AAA", "AA=", "AAAA=", "====", "AA==AAAA", "AAAA\n", "AA A", "AA-_", "é===", "AAAA===="]
)
def test_wrong_base64_is_a_model_behavior_error(wrong):
    with pytest.raises(ModelBehaviorError, match="base64") as caught:
        decode(delta(wrong))
    assert caught.value.param == "delta"


def test_the_repr_of_audio_is_its_size():
    assert "<6 bytes>" in repr(decode(delta(base64.b64encode(AUDIO).decode())))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.text() | st.binary())
def test_any_message_is_an_event_or_a_model_behavior_error(message):
    with contextlib.suppress(ModelBehaviorError):
        decode(message)


@given(st.data(), st.sampled_from(sorted(EXAMPLES)))
def test_any_change_of_an_event_is_an_event_or_a_model_behavior_error(data, type_):
    example = json.loads(json.dumps(EXAMPLES[type_]))
    place = example
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if key == "type" and place is example:
            break
        if isinstance(place[key], dict) and data.draw(st.booleans()):
            place = place[key]
            continue
        if data.draw(st.booleans()):
            del place[key]
        else:
            place[key] = data.draw(json_values)
        break
    try:
        event = decode(json.dumps(example))
    except ModelBehaviorError as error:
        assert error.param is not None
        assert type_ in str(error)
    else:
        assert type(event) is SERVER_EVENTS[type_]


def test_encode_is_json():
    event = {"type": "x", "n": [1, 2.5, None, True, "é"]}
    assert json.loads(encode(event)) == event


@pytest.mark.parametrize("wrong", [object(), "\ud800", {1, object()}, {("a", "b"): 1}])
def test_what_json_has_no_form_for_is_a_user_error(wrong):
    with pytest.raises(UserError, match=r"'x\.y'"):
        encode({"type": "x.y", "value": wrong})


def test_something_that_holds_itself_is_a_user_error():
    event = {"type": "x"}
    event["self"] = event
    with pytest.raises(UserError):
        encode(event)


@given(st.binary(max_size=64))
def test_an_append_is_the_event_of_its_audio(audio):
    assert json.loads(encode_append(audio)) == {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(audio).decode(),
    }
