import msgspec.json
import pytest

from trio_realtime import (
    AssistantAudio,
    AssistantMessageItem,
    InputText,
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAudio,
    RealtimeError,
    RealtimeEventInfo,
    RealtimeHistoryUpdated,
    RealtimeToolCallItem,
    RealtimeToolEnd,
    RealtimeTranscript,
    RunContextWrapper,
    UserError,
    UserMessageItem,
    function_tool,
)
from trio_realtime.cli.playground.messages import audio_message, told, told_item
from trio_realtime.cli.playground.tap import shortened
from trio_realtime.model_events import RealtimeModelAudioEvent

INFO = RealtimeEventInfo(context=RunContextWrapper(None))
AGENT = RealtimeAgent(name="Assistant")


@function_tool
async def look() -> str:
    """Look."""
    return "x"


def test_events_become_json():
    transcript = RealtimeTranscript(info=INFO, role="user", item_id="a", delta="x", text="x y", final=True)
    assert told(transcript) == {
        "type": "transcript",
        "role": "user",
        "item_id": "a",
        "response_id": None,
        "text": "x y",
        "final": True,
        "error": None,
    }
    end = told(
        RealtimeAgentEndEvent(info=INFO, agent=AGENT, response_id="r", status="cancelled", reason="turn_detected")
    )
    assert (end["status"], end["reason"], end["tokens"]) == ("cancelled", "turn_detected", None)
    assert told(RealtimeError(info=INFO, error=UserError("no\nway")))["text"] == "no way"
    assert told(RealtimeError(info=INFO, error="odd"))["text"] == "odd"
    failed = RealtimeToolEnd(
        info=INFO, agent=AGENT, tool=look, tool_name="look", arguments="{}", output="o" * 9999, error=ValueError("bad")
    )
    assert (len(told(failed)["output"]), told(failed)["error"]) == (2000, "bad")
    assert told(RealtimeHistoryUpdated(info=INFO, history=[])) is None


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        (UserMessageItem(item_id="a", content=[InputText(text="hi")]), {"role": "user", "text": "hi"}),
        (
            AssistantMessageItem(item_id="a", status="completed", content=[AssistantAudio(transcript="ho")]),
            {"role": "assistant", "text": "ho", "status": "completed"},
        ),
        (
            RealtimeToolCallItem(item_id="a", call_id="c", status="completed", arguments="{}", name="look", output="x"),
            {"role": "tool", "name": "look", "output": "x"},
        ),
    ],
)
def test_items_become_json(item, shown):
    assert told_item(item).items() >= shown.items()


def test_audio_goes_with_its_item():
    model = RealtimeModelAudioEvent(data=b"\x01\x02", response_id="r", item_id="ab", content_index=1)
    event = RealtimeAudio(info=INFO, audio=model, item_id="ab", content_index=1)
    assert audio_message(event) == b"\x02ab\x01\x01\x02"


def test_the_raw_wire_is_shortened():
    event = {"type": "x", "audio": "A" * 5000, "text": "a b " * 100, "list": ["B" * 500, 1], "none": None}
    kind, text = shortened(msgspec.json.encode(event))
    assert kind == "x"
    assert msgspec.json.decode(text) == {
        **event,
        "audio": "<5000 characters>",
        "list": ["<500 characters>", 1],
    }
    assert shortened("{") == ("?", "<1 of something that is no JSON>")
    assert shortened("[1]") == ("?", "[1]")
