import struct

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


@pytest.mark.parametrize(("item_id", "index"), [("ab", 1), ("i" * 300, 300), ('\u00e9\n"', 0)])
def test_audio_goes_with_its_item(item_id, index):
    model = RealtimeModelAudioEvent(data=b"\x01\x02", response_id="r", item_id=item_id, content_index=index)
    message = audio_message(RealtimeAudio(info=INFO, audio=model, item_id=item_id, content_index=index))
    (size,) = struct.unpack("<I", message[:4])
    assert msgspec.json.decode(message[4 : 4 + size]) == {"id": item_id, "index": index}
    assert message[4 + size :] == b"\x01\x02"


def test_what_is_very_long_is_cut():
    item = RealtimeToolCallItem(
        item_id="a", call_id="c", status="completed", arguments="x" * 9999, name="look", output="y" * 9999
    )
    assert (len(told_item(item)["arguments"]), len(told_item(item)["output"])) == (2000, 2000)
    error = told(RealtimeError(info=INFO, error="no way to wss://u:pass@h " + "z" * 9999))["text"]
    assert len(error) == 2000
    assert "pass" not in error


def test_the_raw_wire_is_shortened():
    event = {"type": "x", "audio": "A" * 50, "text": "a b " * 100, "list": ["B" * 500, 1], "none": None}
    kind, text = shortened(msgspec.json.encode(event))
    assert kind == "x"
    assert msgspec.json.decode(text) == {
        **event,
        "audio": "<50 characters>",
        "list": ["<500 characters>", 1],
    }
    for nonsense in ("{", b"\xff\xfe", "[" * 100_000):
        assert shortened(nonsense) == ("?", f"<{len(nonsense)} of something that is no JSON>")
    assert shortened("[1]") == ("?", "[1]")
    kind, text = shortened(msgspec.json.encode({"type": "x" * 999, "many": ["a b"] * 9999}))
    assert (len(kind), len(text) < 20_100, text[-20:]) == (120, True, ". (60030 characters)")
