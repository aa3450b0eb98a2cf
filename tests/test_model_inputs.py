from __future__ import annotations

import contextlib
import itertools
import typing

import attrs
import pytest

from trio_realtime import model_inputs
from trio_realtime.config import RealtimeSessionModelSettings
from trio_realtime.errors import UserError
from trio_realtime.model_events import RealtimeModelToolCallEvent
from trio_realtime.model_inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendResponseRequest,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelSendWithdrawal,
    RealtimeModelUserInputMessage,
    TruncationPoint,
)

CALL = RealtimeModelToolCallEvent(name="f", call_id="c", arguments="{}")
MADE = [
    RealtimeModelSendRawMessage(message=RealtimeModelRawClientMessage(type="response.create")),
    RealtimeModelSendUserInput(user_input="hi"),
    RealtimeModelSendAudio(audio=b"abc"),
    RealtimeModelSendToolOutput(tool_call=CALL, output="out"),
    RealtimeModelSendInterrupt(),
    RealtimeModelSendSessionUpdate(session_settings=RealtimeSessionModelSettings()),
    RealtimeModelSendResponseRequest(request_id="q"),
    RealtimeModelSendWithdrawal(request_id="q"),
]


def test_the_inputs():
    assert {type(event) for event in MADE} == set(typing.get_args(RealtimeModelSendEvent))
    for event in MADE:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(event, attrs.fields(type(event))[0].name, None)


def test_defaults():
    raw, user, audio, output, interrupt, update, *_ = MADE
    assert raw.message.other_data == {}
    assert RealtimeModelRawClientMessage(type="x").other_data is not raw.message.other_data
    assert user.item_id is None
    assert audio.commit is False
    assert output.start_response is True
    assert attrs.asdict(interrupt) == {
        "force_response_cancel": False,
        "response_id": None,
        "cancel_response_only": False,
        "playback_only": False,
        "truncations": (),
    }
    assert update.event_id is None


def test_audio_is_shown_by_its_size():
    shown = repr(RealtimeModelSendAudio(audio=b"secret" * 100))
    assert "<600 bytes>" in shown
    assert "secret" not in shown


def test_parts_of_a_message():
    message = RealtimeModelUserInputMessage(
        content=[RealtimeModelInputTextContent(text="hi"), RealtimeModelInputImageContent(image_url="data:x")]
    )
    assert (message.type, message.role) == ("message", "user")
    assert [part.type for part in message.content] == ["input_text", "input_image"]
    assert message.content[1].detail is None


@pytest.mark.parametrize(
    "options",
    [
        {"playback_only": True, "force_response_cancel": True},
        {"playback_only": True, "cancel_response_only": True, "response_id": "r"},
        {"cancel_response_only": True},
    ],
)
def test_interruptions_that_contradict_themselves(options):
    with pytest.raises(UserError) as caught:
        RealtimeModelSendInterrupt(**options)
    assert isinstance(caught.value, ValueError)


def test_every_combination_of_modes():
    for force, cancel_only, playback_only in itertools.product([False, True], repeat=3):
        for response_id in (None, "r"):
            wrong = (playback_only and (force or cancel_only)) or (cancel_only and response_id is None)
            with pytest.raises(UserError) if wrong else contextlib.nullcontext():
                RealtimeModelSendInterrupt(
                    force_response_cancel=force,
                    cancel_response_only=cancel_only,
                    playback_only=playback_only,
                    response_id=response_id,
                )


@pytest.mark.parametrize(
    "options",
    [
        {"playback_only": True},
        {"playback_only": True, "response_id": "r"},
        {"cancel_response_only": True, "response_id": "r"},
        {"force_response_cancel": True, "response_id": "r"},
        {"truncations": (TruncationPoint(item_id="i", content_index=0, audio_end_ms=5),)},
    ],
)
def test_interruptions_that_make_sense(options):
    event = RealtimeModelSendInterrupt(**options)
    assert {name: getattr(event, name) for name in options} == options


class TestReference:
    def test_names_and_fields(self):
        import dataclasses

        reference = pytest.importorskip("agents.realtime.model_inputs")
        for event in MADE[:6]:
            theirs = getattr(reference, type(event).__name__)
            ours = attrs.fields_dict(type(event))
            names = {field.name for field in dataclasses.fields(theirs)}
            assert names <= set(ours), theirs
            more = {name for name, field in ours.items() if field.default is attrs.NOTHING} - names
            assert not more, theirs


def test_public_names():
    public = {
        name
        for name, value in vars(model_inputs).items()
        if attrs.has(value) and value.__module__ == model_inputs.__name__
    }
    assert public <= set(model_inputs.__all__)
