from __future__ import annotations

import json
from typing import Any

import pytest

from trio_realtime.errors import UserError
from trio_realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from trio_realtime.snapshot import (
    SNAPSHOT_VERSION,
    AgentStep,
    OpenCall,
    SessionSnapshot,
    StandingDecision,
    checked_history,
    item_to_json,
    read_snapshot,
    to_json,
)
from trio_realtime.usage import ModalityTokens, TranscriptionUsage, Usage

USAGE = Usage(
    requests=3,
    total_tokens=30,
    input_modalities=ModalityTokens(audio_tokens=7),
    transcription=TranscriptionUsage(requests=1, seconds=1.5),
    agents={"A": Usage(requests=3, total_tokens=30)},
)
SNAPSHOT = SessionSnapshot(
    agent="A",
    history=(
        SystemMessageItem(item_id="s", content=(InputText(text="Be kind."),)),
        UserMessageItem(
            item_id="u",
            previous_item_id="s",
            status="completed",
            content=(
                InputText(text="Look:"),
                InputImage(image_url="data:image/png;base64,AA", detail="low"),
                InputAudio(transcript="at that"),
            ),
        ),
        AssistantMessageItem(item_id="a", content=(AssistantAudio(transcript="Good."), AssistantText(text="Day."))),
        RealtimeToolCallItem(
            item_id="f", call_id="c1", name="look", arguments="{}", output="a cat", status="completed"
        ),
        RealtimeToolCallItem(item_id="g", call_id="c2", name="look"),
    ),
    calls=(OpenCall(call_id="c2", state="running"),),
    awaits_response=True,
    decisions=(StandingDecision(tool="look of A", approved=False, message="No."),),
    ways_back=("B",),
    path=(AgentStep(agent="C"), AgentStep(agent="B", ways_back=("C",))),
    slots={"roster": "s"},
    usage=USAGE,
    seconds=12.5,
)


def test_to_json_and_back():
    made = to_json(SNAPSHOT)
    text = json.dumps(made)
    assert json.loads(text) == made  # JSON's own types only, lists among them
    assert read_snapshot(json.loads(text)) == SNAPSHOT
    assert read_snapshot(SNAPSHOT) is SNAPSHOT
    assert made["version"] == SNAPSHOT_VERSION == 1


def test_a_history_that_is_json_already():
    items = [item_to_json(item) for item in SNAPSHOT.history]
    assert to_json(SNAPSHOT, items) == to_json(SNAPSHOT)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"version": 2}, "resume.version: 2 is of a later version of this library; this one reads 1"),
        ({"version": None}, "resume.version: must be 1; is this the snapshot of a session"),
        ({"version": 0}, "resume.version: must be 1"),
        ({"agnet": "A"}, "resume.agnet: is not a key of SessionSnapshot; did you mean 'agent'"),
        ({"agent": 5}, "resume.agent: must be text"),
        ({"history": [{"item_id": "x", "type": "message", "role": "nobody"}]}, r"resume.history\[0\]"),
        (
            {"history": [{"item_id": "x" * 33, "type": "function_call"}]},
            r"resume.history\[0\].item_id: must have 1 to 32",
        ),
        ({"calls": [{"call_id": "c2", "state": "lost"}]}, r"resume.calls\[0\].state: must be 'waiting' or 'running'"),
    ],
)
def test_what_is_no_snapshot(change: dict[str, Any], match: str):
    with pytest.raises(UserError, match=match):
        read_snapshot({**to_json(SNAPSHOT), **change})


@pytest.mark.parametrize("value", [5, "{}", None, []])
def test_what_is_not_even_a_dict(value):
    with pytest.raises(UserError, match="resume: must be a SessionSnapshot or a dict"):
        read_snapshot(value)


def test_a_history_of_objects_and_dicts():
    history = checked_history(
        [
            SNAPSHOT.history[0],
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"item_id": "f", "type": "function_call", "call_id": "c", "name": "n", "output": "o"},
        ]
    )
    assert history[0] is SNAPSHOT.history[0]
    assert isinstance(history[1], UserMessageItem)
    assert history[1].item_id.startswith("item_")
    assert history[1].content == (InputText(text="Hi"),)
    assert isinstance(history[2], RealtimeToolCallItem)
    assert checked_history(()) == ()


@pytest.mark.parametrize(
    ("history", "match"),
    [
        ("words", "history: must be a list"),
        ([5], r"history\[0\]: must be"),
        ([{"item_id": "", "type": "function_call"}], r"history\[0\].item_id: must have 1 to 32 characters"),
        ([{"item_id": "a", "type": "function_call"}] * 2, r"history\[1\].item_id: 'a' is there twice"),
        ([{"type": "message", "role": "user", "contents": []}], r"history\[0\]"),
    ],
)
def test_a_history_at_fault(history: Any, match: str):
    with pytest.raises(UserError, match=match):
        checked_history(history)
