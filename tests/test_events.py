from __future__ import annotations

import typing

import attrs
import pytest

from trio_realtime import events
from trio_realtime.context import RunContextWrapper
from trio_realtime.events import (
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeError,
    RealtimeEventInfo,
    RealtimeHistoryUpdated,
    RealtimeSessionEvent,
    RealtimeToolEnd,
)
from trio_realtime.model_events import RealtimeModelAudioEvent

INFO = RealtimeEventInfo(RunContextWrapper({"canary": 1}))
CLASSES = typing.get_args(RealtimeSessionEvent)

# what this library adds to the reference's events, and the events that it adds
ADDED = {
    "RealtimeToolStart": {"call_id", "tool_name"},
    "RealtimeToolEnd": {"call_id", "error", "tool_name"},
    "RealtimeToolApprovalRequired": {"tool_name"},
    "RealtimeAudio": {"response_id"},
    "RealtimeAudioEnd": {"response_id"},
    "RealtimeAudioInterrupted": {"response_id"},
    "RealtimeAgentStartEvent": {"response_id"},
    "RealtimeAgentEndEvent": {"response_id", "status", "reason", "error", "usage"},
    "RealtimeGuardrailTripped": {"response_id"},
    "RealtimeInputAudioTimeoutTriggered": {"item_id", "audio_start_ms", "audio_end_ms"},
}
NEW = {
    "RealtimeInputGuardrailTripped": "input_guardrail_tripped",
    "RealtimeTranscript": "transcript",
    "RealtimeUserSpeechStarted": "user_speech_started",
    "RealtimeUserSpeechStopped": "user_speech_stopped",
    "RealtimeConnectionEvent": "connection",
    "RealtimeRateLimits": "rate_limits",
    "RealtimeDtmf": "dtmf",
}


class Named:
    name = "Ada"


def make(cls, **values):
    """An event of the class, with something for what it needs."""
    needed = {
        field.alias: Named() if name in {"agent", "tool", "from_agent", "to_agent"} else ()
        for name, field in attrs.fields_dict(cls).items()
        if field.default is attrs.NOTHING and name != "info"
    }
    return cls(info=INFO, **{**needed, **values})


def fields(cls):
    return {field.alias for field in attrs.fields(cls)} - {"type", "info", "seq", "received_at"}


class TestEveryEvent:
    def test_is_public_and_in_the_union(self):
        named = {value for name, value in vars(events).items() if name in events.__all__ and attrs.has(value)}
        assert named == {*CLASSES, RealtimeEventInfo}

    @pytest.mark.parametrize("cls", CLASSES)
    def test_carries_the_common_fields(self, cls):
        event = make(cls)
        assert event.info is INFO
        assert event.info.context.context == {"canary": 1}
        assert event.seq == 0
        assert event.received_at is None
        assert attrs.evolve(event, seq=7, received_at=1.5).seq == 7

    @pytest.mark.parametrize("cls", CLASSES)
    def test_never_changes(self, cls):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            make(cls).seq = 3

    @pytest.mark.parametrize("cls", CLASSES)
    def test_is_told_apart_by_its_type(self, cls):
        field = attrs.fields_dict(cls)["type"]
        hints = typing.get_type_hints(
            cls,
            vars(events)
            | dict.fromkeys(
                ["RealtimeAgent", "FunctionTool", "HostedMCPTool", "OutputGuardrailResult", "InputGuardrailResult"],
                list,
            ),
        )
        assert typing.get_args(hints["type"]) == (field.default,)
        assert sum(attrs.fields_dict(other)["type"].default == field.default for other in CLASSES) == 1

    @pytest.mark.parametrize("cls", CLASSES)
    def test_does_not_show_the_context(self, cls):
        assert "canary" not in repr(make(cls))


class TestRepr:
    def test_agents_and_tools_by_name(self):
        shown = repr(make(RealtimeToolEnd, arguments="{}", output="out", call_id="c"))
        assert "agent='Ada'" in shown
        assert "tool='Ada'" in shown

    def test_audio_by_size(self):
        piece = RealtimeModelAudioEvent(data=b"secret!" * 100, response_id="r", item_id="i", content_index=0)
        shown = repr(RealtimeAudio(info=INFO, audio=piece, item_id="i", content_index=0))
        assert "<700 bytes>" in shown
        assert "secret" not in shown

    def test_a_history_by_size(self):
        assert "<3 items>" in repr(RealtimeHistoryUpdated(info=INFO, history=[1, 2, 3]))

    def test_what_has_no_name(self):
        assert "agent='plain'" in repr(make(RealtimeToolEnd, agent="plain"))


def test_match_by_type_and_by_class():
    match make(RealtimeAudioInterrupted, item_id="i", response_id="r"):
        case RealtimeAudioInterrupted(type="audio_interrupted", item_id=item_id, response_id=response_id):
            assert (item_id, response_id) == ("i", "r")
        case _:
            pytest.fail("no match")
    assert RealtimeError(info=INFO, error="any").error == "any"


class TestReference:
    def test_its_fifteen_events_have_their_names_types_and_fields(self):
        import dataclasses

        reference = pytest.importorskip("agents.realtime.events")
        theirs = {cls.__name__: cls for cls in typing.get_args(reference.RealtimeSessionEvent)}
        ours = {cls.__name__: cls for cls in CLASSES}
        assert len(theirs) == 15
        assert ours.keys() - theirs.keys() == NEW.keys()
        for name, cls in theirs.items():
            names = {field.name for field in dataclasses.fields(cls)} - {"type", "info"}
            assert attrs.fields_dict(ours[name])["type"].default == cls.type
            assert fields(ours[name]) == names | ADDED.get(name, set()), name

    def test_the_new_ones(self):
        for name, kind in NEW.items():
            assert attrs.fields_dict(getattr(events, name))["type"].default == kind
