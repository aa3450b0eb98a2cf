from trio_realtime.openai.updates import SessionUpdates


def test_answers_come_in_order():
    updates = SessionUpdates()
    assert updates.oldest is None
    assert updates.confirmed() is None
    updates.add("a", {"type": "realtime", "instructions": "A"})
    updates.add("b", {"type": "realtime", "instructions": "B", "audio": {"input": {"format": 1}}})
    assert updates.oldest == "a"
    assert updates.sent == {"type": "realtime", "instructions": "B", "audio": {"input": {"format": 1}}}
    assert updates.confirmed() == "a"
    assert updates.confirmed() == "b"
    assert updates.confirmed() is None
    assert updates.sent["instructions"] == "B"


def test_a_refused_update_is_undone():
    updates = SessionUpdates()
    updates.add("a", {"type": "realtime", "instructions": "A", "tools": []})
    updates.confirmed()
    updates.add("b", {"type": "realtime", "instructions": "B"})
    updates.add("c", {"type": "realtime", "tool_choice": "none"})
    assert updates.is_waiting("b")
    updates.refused("b")
    assert not updates.is_waiting("b")
    assert updates.sent == {"type": "realtime", "instructions": "A", "tools": [], "tool_choice": "none"}
    assert updates.confirmed() == "c"
    updates.refused("b")
    assert updates.oldest is None


def test_only_what_differs_is_an_update():
    updates = SessionUpdates()
    updates.add("a", {"type": "realtime", "instructions": "A"})
    assert updates.difference({"type": "realtime", "instructions": "A"}, voice_fixed=False) is None
    assert updates.difference({"type": "realtime", "instructions": "B"}, voice_fixed=False) == {
        "type": "realtime",
        "instructions": "B",
    }
