from __future__ import annotations

import typing

import attrs
import pytest

from trio_realtime import model_events
from trio_realtime.model_events import (
    RealtimeModelAudioEvent,
    RealtimeModelEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    ResponseError,
)

CLASSES = typing.get_args(RealtimeModelEvent)
VALUES = {
    "RateLimit",
    "ResponseError",
    "RealtimeModelCachedTokensDetails",
    "RealtimeModelInputTokensDetails",
    "RealtimeModelOutputTokensDetails",
}


def make(cls):
    needed = {
        name: b"" if name == "data" else "x"
        for name, field in attrs.fields_dict(cls).items()
        if field.default is attrs.NOTHING
    }
    return cls(**needed)


def test_every_event_is_public_and_in_the_union():
    public = {value for name, value in vars(model_events).items() if name in model_events.__all__ and attrs.has(value)}
    assert public == {*CLASSES, *(getattr(model_events, name) for name in VALUES)}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_event(cls):
    event = make(cls)
    assert event.received_at is None
    assert sum(attrs.fields_dict(other)["type"].default == event.type for other in CLASSES) == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.type = "other"
    assert attrs.evolve(event, received_at=2.0).received_at == 2.0


@pytest.mark.parametrize("name", sorted(VALUES))
def test_values_may_be_unknown(name):
    value = getattr(model_events, name)()
    assert all(field in (None, False) for field in attrs.astuple(value))


def test_audio_is_shown_by_its_size():
    event = RealtimeModelAudioEvent(data=b"\x01secret" * 10, response_id="r", item_id="i", content_index=0)
    assert "<70 bytes>" in repr(event)
    assert "secret" not in repr(event)


def test_a_turn_may_say_little():
    assert RealtimeModelTurnStartedEvent().response_id == ""
    assert RealtimeModelTurnStartedEvent().default_conversation
    assert not RealtimeModelTurnStartedEvent().cancelled
    ended = RealtimeModelTurnEndedEvent()
    assert (ended.status, ended.reason, ended.error, ended.usage) == ("completed", None, None, None)
    assert not ResponseError().retryable


class TestReference:
    def test_its_nineteen_events_have_their_names_types_and_fields(self):
        import dataclasses

        reference = pytest.importorskip("agents.realtime.model_events")
        theirs = typing.get_args(reference.RealtimeModelEvent)
        assert len(theirs) == 19
        for cls in theirs:
            ours = getattr(model_events, cls.__name__)
            assert ours in CLASSES
            assert attrs.fields_dict(ours)["type"].default == cls.type
            known = attrs.fields_dict(ours)
            for field in dataclasses.fields(cls):
                assert field.name in known, (cls, field.name)
                given = field.default is not dataclasses.MISSING
                optional = given or field.default_factory is not dataclasses.MISSING
                if optional:
                    assert known[field.name].default is not attrs.NOTHING, (cls, field.name)
            names = {field.name for field in dataclasses.fields(cls)}
            more = {name for name, field in known.items() if field.default is attrs.NOTHING} - names
            assert not more, cls

    def test_token_details(self):
        import dataclasses

        reference = pytest.importorskip("agents.realtime.model_events")
        for name in VALUES - {"RateLimit", "ResponseError"}:
            theirs = {field.name for field in dataclasses.fields(getattr(reference, name))}
            assert theirs == set(attrs.fields_dict(getattr(model_events, name)))
