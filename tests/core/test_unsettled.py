from __future__ import annotations

import pytest

from trio_realtime.audio import PCMU
from trio_realtime.core.unsettled import MAX_AUDIO_SECONDS, Unsettled

SECOND = bytes(48_000)


def made(item_id: str) -> dict[str, object]:
    return {"id": item_id, "type": "message"}


def left(unsettled: Unsettled) -> list[object]:
    """What is left: the bytes of audio, or the type and the item."""
    found: list[object] = []
    for event in unsettled.rest():
        if event.__class__.__name__ == "RealtimeModelSendAudio":
            found.append(event.audio)
        else:
            data = event.message.other_data
            item_id = data.get("item_id") or data.get("item", {}).get("id")
            found.append((event.message.type.rpartition(".")[2], item_id) if item_id else event.message.type)
    return found


@pytest.fixture
def unsettled() -> Unsettled:
    return Unsettled()


def test_items_until_the_server_has_them(unsettled):
    for item_id in ("a", "b", "c"):
        unsettled.create(f"event_{item_id}", made(item_id), {"item": made(item_id), "previous_item_id": "x"})
    unsettled.delete("event_d", "d")
    assert unsettled.created("b") == made("b")
    assert unsettled.created("b") is None
    assert left(unsettled) == [("create", "a"), ("create", "c"), ("delete", "d")]
    assert unsettled.rest()[0].message.other_data == {
        "event_id": "event_a",
        "item": made("a"),
        "previous_item_id": "x",
    }
    unsettled.refused("event_a")
    unsettled.deleted("d")
    assert left(unsettled) == [("create", "c")]
    assert unsettled.has_events
    unsettled.refused_oldest("conversation.item.delete")
    unsettled.refused_oldest("conversation.item.create")
    assert not unsettled.has_events
    assert not unsettled.rest()


def test_a_server_that_confirms_nothing_does_not_fill_the_memory(unsettled):
    unsettled.audio(b"ab")
    for number in range(2000):
        unsettled.create(None, made(f"i{number}"), {"item": made(f"i{number}")})
    assert len(left(unsettled)) == 1000
    assert left(unsettled)[:2] == [b"ab", ("create", "i1001")]


def test_audio_until_it_is_committed(unsettled):
    unsettled.audio(b"")
    assert not unsettled.has_audio
    unsettled.audio(b"ab")
    unsettled.audio(b"cd")
    assert unsettled.has_audio
    assert not unsettled.has_events
    unsettled.commit("event_1")
    unsettled.audio(b"ef")
    unsettled.create("event_2", made("a"), {"item": made("a")})
    unsettled.audio(b"gh")
    assert left(unsettled) == [b"abcd", "input_audio_buffer.commit", b"ef", ("create", "a"), b"gh"]
    unsettled.committed()
    assert left(unsettled) == [b"ef", ("create", "a"), b"gh"]
    unsettled.commit("event_3")
    unsettled.refused("event_3")
    assert left(unsettled) == [b"ef", ("create", "a"), b"gh"]


def test_turn_detection_commits_up_to_the_end_of_the_speech(unsettled):
    for second in range(4):
        unsettled.audio(bytes([second]) * 48_000)
    unsettled.speech_stopped(2_500)  # in the middle of the third
    unsettled.committed()
    assert b"".join(left(unsettled)) == bytes([2]) * 24_000 + bytes([3]) * 48_000
    unsettled.committed()  # nobody said where the speech ended
    assert not unsettled.has_audio
    unsettled.audio(bytes([9]) * 48_000)
    unsettled.speech_stopped(5_000)
    unsettled.committed()
    assert not left(unsettled)


def test_clearing_takes_what_no_commit_comes_for(unsettled):
    unsettled.audio(b"ab")
    unsettled.commit("event_1")
    unsettled.audio(b"cd")
    unsettled.clear()
    assert left(unsettled) == [b"ab", "input_audio_buffer.commit"]
    unsettled.audio(b"ef")
    assert left(unsettled)[-1] == b"ef"


def test_only_the_last_thirty_seconds_are_kept_and_the_rest_is_counted(unsettled):
    for second in range(40):
        unsettled.audio(bytes([second]) * 48_000)
    assert MAX_AUDIO_SECONDS == 30
    assert [piece[0] for piece in left(unsettled)] == list(range(10, 40))
    assert unsettled.dropped_ms == 10_000
    unsettled.committed()
    assert unsettled.dropped_ms == 0


def test_the_bound_is_in_seconds_of_the_format(unsettled):
    unsettled.audio_format = PCMU
    assert unsettled.audio_format is PCMU
    unsettled.audio(bytes(8_000 * 31))
    unsettled.commit("event_1")
    unsettled.audio(bytes(1_000))
    assert unsettled.dropped_ms == 31_000
    assert left(unsettled) == ["input_audio_buffer.commit", bytes(1_000)]
    unsettled.clear()
    assert unsettled.dropped_ms == 0


def test_audio_goes_again_in_pieces_of_a_second(unsettled):
    for _ in range(150):
        unsettled.audio(bytes(960))
    assert [len(piece) for piece in left(unsettled)] == [48_000, 48_000, 48_000]
    unsettled.audio(bytes(960))
    assert [len(piece) for piece in left(unsettled)][-1] == 960


def test_a_piece_that_was_committed_in_part_is_cut_between_samples(unsettled):
    unsettled.audio(bytes(range(100)) * 960)  # two seconds in one piece
    unsettled.speech_stopped(0.35)
    unsettled.committed()
    assert left(unsettled)[0][0] == 16
    unsettled.speech_stopped(1_000)
    unsettled.committed()
    assert sum(map(len, left(unsettled))) == 48_000
    unsettled.audio_format = PCMU
    unsettled.speech_stopped(48_003 / 8)
    unsettled.committed()
    assert sum(map(len, left(unsettled))) == 47_997
