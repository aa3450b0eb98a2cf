from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.audio import PCM16, PCMU, RealtimePlaybackState
from trio_realtime.core.playback import Heard, Playback
from trio_realtime.model_inputs import TruncationPoint


def ms(length, audio_format=PCM16):
    """The size in bytes of that many milliseconds."""
    return length * audio_format.bytes_per_second // 1000


def at(item_id, elapsed, index=0):
    return RealtimePlaybackState(current_item_id=item_id, current_item_content_index=index, elapsed_ms=elapsed)


def cut(item_id, end, index=0):
    return TruncationPoint(item_id=item_id, content_index=index, audio_end_ms=end)


class Talk:
    """A playback whose audio goes to the application as it comes."""

    def __init__(self, **options):
        self.playback = Playback(**options)

    def receive(self, item, length, *, response="r1", index=0):
        return self.playback.received(response, item, index, ms(length))

    def speak(self, item, length, now, *, response="r1", index=0):
        self.playback.given(item, index, self.receive(item, length, response=response, index=index), now)

    def heard(self, now, tracker=None):
        return {(part.item_id, part.content_index): part.heard_ms for part in self.playback.heard(now, tracker)}


class TestRealTime:
    @pytest.mark.parametrize(
        ("now", "heard"), [(9.0, 0), (10.0, 0), (10.25, 250), (10.999, 999), (11.0, 1000), (99.0, 1000)]
    )
    def test_begins_with_the_first_piece_and_goes_on_in_real_time(self, now, heard):
        talk = Talk()
        talk.speak("a", 1000, 10.0)
        assert talk.heard(now)["a", 0] == pytest.approx(heard)

    def test_what_was_not_given_cannot_have_been_heard(self):
        talk = Talk()
        talk.receive("a", 5000)
        talk.playback.given("a", 0, 1000, 0.0)
        assert talk.heard(60.0) == {("a", 0): 1000}

    def test_pieces_that_come_early_are_played_without_a_gap(self):
        talk = Talk()
        for now in (0.0, 0.1, 0.2):
            talk.speak("a", 1000, now)
        assert talk.heard(2.5) == {("a", 0): pytest.approx(2500)}

    def test_a_late_piece_makes_a_pause_that_does_not_count(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        talk.speak("a", 1000, 5.0)
        assert talk.heard(5.0) == {("a", 0): pytest.approx(1000)}
        assert talk.heard(5.4) == {("a", 0): pytest.approx(1400)}

    def test_items_are_played_one_after_another(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        talk.speak("b", 1000, 0.0)
        assert talk.heard(0.5) == {("a", 0): pytest.approx(500), ("b", 0): 0}
        assert talk.heard(1.5) == {("a", 0): pytest.approx(1000), ("b", 0): pytest.approx(500)}

    def test_pieces_of_two_items_may_alternate(self):
        talk = Talk()
        for item in ("a", "b", "a", "b"):
            talk.speak(item, 1000, 0.0)
        assert talk.heard(0.5) == {("a", 0): pytest.approx(500), ("b", 0): 0}
        assert talk.heard(1.5) == {("a", 0): pytest.approx(1000), ("b", 0): pytest.approx(500)}
        assert talk.heard(2.5) == {("a", 0): pytest.approx(1500), ("b", 0): pytest.approx(1000)}
        assert talk.heard(9.0) == {("a", 0): 2000, ("b", 0): 2000}

    def test_a_part_is_over_when_it_is_complete_and_played(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        assert talk.heard(2.0) == {("a", 0): 1000}
        talk.playback.completed("a", 0)
        assert talk.heard(0.9) != {}
        assert talk.heard(2.0) == {}

    def test_the_end_of_a_response_completes_its_parts_only(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0, response="r1")
        talk.speak("b", 1000, 0.0, response="r2")
        talk.playback.response_ended("r1")
        assert talk.heard(9.0) == {("b", 0): 1000}

    def test_unknown_parts_are_ignored(self):
        talk = Talk()
        talk.playback.given("never", 0, 100, 0.0)
        talk.playback.completed("never", 0)
        talk.playback.response_ended("never")
        assert talk.heard(1.0) == {}
        assert talk.playback.remaining_ms(0.0) == 0

    def test_a_second_reader_of_the_same_audio_does_not_count(self):
        talk = Talk()
        for _ in range(3):
            length = talk.receive("a", 1000)
            talk.playback.given("a", 0, length, 0.0)
            talk.playback.given("a", 0, length, 0.0)
        talk.speak("b", 1000, 0.0)
        assert talk.heard(3.5) == {("a", 0): 3000, ("b", 0): pytest.approx(500)}

    def test_lengths_follow_the_format(self):
        playback = Playback(PCMU)
        assert playback.received("r", "a", 0, 8000) == 1000
        playback.format = PCM16
        assert playback.received("r", "a", 0, 48_000) == 1000


class TestRemaining:
    def test_what_was_given_and_is_not_played_yet(self):
        talk = Talk()
        assert talk.playback.remaining_ms(0.0) == 0
        talk.speak("a", 1000, 0.0)
        talk.speak("b", 500, 0.2)
        assert talk.playback.remaining_ms(0.5) == pytest.approx(1000)
        assert talk.playback.remaining_ms(5.0) == 0

    def test_nothing_after_an_interruption(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        talk.playback.interrupt(0.5)
        assert talk.playback.remaining_ms(0.5) == 0


class TestInterrupt:
    def test_before_anything_was_given(self):
        talk = Talk()
        talk.receive("a", 1000)
        playing, points = talk.playback.interrupt(0.0)
        assert playing is not None
        assert playing.item_id == "a"
        assert points == (cut("a", 0),)

    def test_without_audio_there_is_nothing_to_say(self):
        assert Playback().interrupt(0.0) == (None, ())

    def test_in_the_middle_of_the_first_of_two_items(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        talk.playback.completed("a", 0)
        talk.speak("b", 1000, 0.0)
        playing, points = talk.playback.interrupt(0.4)
        assert playing == Heard(
            response_id="r1", item_id="a", content_index=0, heard_ms=400, given_ms=1000, total_ms=1000, complete=True
        )
        assert points == (cut("a", 400), cut("b", 0))

    def test_in_the_second_item_the_first_is_left_alone(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        talk.playback.completed("a", 0)
        talk.speak("b", 1000, 0.0)
        playing, points = talk.playback.interrupt(1.25)
        assert playing is not None
        assert playing.item_id == "b"
        assert points == (cut("b", 250),)

    def test_after_the_end(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        talk.playback.completed("a", 0)
        assert talk.playback.interrupt(1.0) == (None, ())

    def test_where_more_was_to_come_it_is_cut_at_what_came(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        _, points = talk.playback.interrupt(7.0)
        assert points == (cut("a", 1000),)

    def test_a_part_without_audio_is_not_cut(self):
        talk = Talk()
        talk.receive("a", 0)
        playing, points = talk.playback.interrupt(0.0)
        assert playing is not None
        assert points == ()

    def test_twice(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        talk.playback.interrupt(0.5)
        assert talk.playback.interrupt(0.6) == (None, ())

    def test_the_next_item_begins_at_once(self):
        talk = Talk()
        talk.speak("a", 60_000, 0.0)
        talk.playback.interrupt(1.0)
        talk.speak("b", 1000, 2.0, response="r2")
        assert talk.heard(2.5) == {("b", 0): pytest.approx(500)}

    def test_of_one_response(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0, response="r1")
        talk.speak("b", 1000, 0.0, response="r2")
        playing, points = talk.playback.interrupt(0.5, response_id="r2")
        assert playing is not None
        assert playing.item_id == "b"
        assert points == (cut("b", 0),)
        assert talk.heard(0.6) == {("a", 0): pytest.approx(600)}
        assert talk.playback.remaining_ms(0.6) == pytest.approx(400)

    def test_of_another_response_changes_nothing(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0, response="r1")
        assert talk.playback.interrupt(0.5, response_id="other") == (None, ())
        assert talk.heard(0.5) == {("a", 0): pytest.approx(500)}

    def test_audio_given_after_the_interruption_does_not_count(self):
        talk = Talk()
        length = talk.receive("a", 1000)
        talk.playback.interrupt(0.0)
        talk.playback.given("a", 0, length, 0.1)
        assert talk.heard(1.0) == {}

    def test_an_item_is_cut_in_its_first_unheard_part(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0, index=0)
        talk.speak("a", 1000, 0.0, index=1)
        _, points = talk.playback.interrupt(0.5)
        assert points == (cut("a", 500, 0),)

    @pytest.mark.parametrize("late", [0.0, 3.0])
    def test_an_item_of_which_a_part_was_heard_is_not_deleted(self, late):
        talk = Talk()
        talk.speak("a", 1000, 0.0, index=0)
        talk.playback.completed("a", 0)
        talk.receive("a", 1000, index=1)
        talk.speak("a", 1000, late, index=2)
        playing, points = talk.playback.interrupt(late + 1.0)
        assert playing is not None
        assert playing.content_index == 1
        assert points == ()

    def test_less_than_a_millisecond_is_nothing(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        _, points = talk.playback.interrupt(0.0005)
        assert points == (cut("a", 0),)


class TestDroppedAudio:
    def test_what_the_application_never_got_does_not_keep_a_part_alive(self):
        talk = Talk()
        length = talk.receive("a", 1000)
        talk.receive("a", 1000)  # dropped on its way
        talk.playback.given("a", 0, length, 0.0)
        talk.playback.response_ended("r1")
        talk.speak("b", 1000, 5.0, response="r2")
        playing, points = talk.playback.interrupt(5.5)
        assert playing is not None
        assert playing.item_id == "b"
        assert points == (cut("b", 500),)

    def test_a_part_that_may_still_get_audio_is_kept(self):
        talk = Talk()
        talk.receive("a", 1000)
        talk.speak("b", 1000, 0.0)
        _, points = talk.playback.interrupt(0.5)
        assert points == (cut("a", 0), cut("b", 500))


class TestTracker:
    def test_its_word_replaces_the_assumption(self):
        talk = Talk()
        talk.speak("a", 1000, 0.0)
        assert talk.heard(0.9, at("a", 100)) == {("a", 0): 100}

    def test_before_its_item_all_was_heard_and_after_it_nothing(self):
        talk = Talk(tracked=True)
        for item in ("a", "b", "c"):
            talk.speak(item, 1000, 0.0)
        _, points = talk.playback.interrupt(0.0, tracker=at("b", 300))
        assert points == (cut("b", 300), cut("c", 0))

    @pytest.mark.parametrize("state", [RealtimePlaybackState(), at("unknown", 500), at("a", 500, index=7)])
    def test_without_a_word_on_our_items_nothing_was_heard(self, state):
        talk = Talk(tracked=True)
        talk.speak("a", 1000, 0.0)
        _, points = talk.playback.interrupt(5.0, tracker=state)
        assert points == (cut("a", 0),)

    @pytest.mark.parametrize(
        ("elapsed", "end"),
        [(None, 0), (-5.0, 0), (float("nan"), 0), (999.9, 999), (5000.0, 1000), (float("inf"), 1000)],
    )
    def test_it_cannot_have_played_more_than_there_is_nor_less_than_nothing(self, elapsed, end):
        talk = Talk(tracked=True)
        talk.speak("a", 1000, 0.0)
        _, points = talk.playback.interrupt(0.5, tracker=at("a", elapsed))
        assert points == (cut("a", end),)

    def test_all_of_it(self):
        talk = Talk(tracked=True)
        talk.speak("a", 1000, 0.0)
        talk.playback.completed("a", 0)
        assert talk.playback.interrupt(0.5, tracker=at("a", 1000)) == (None, ())

    def test_a_slow_player_is_cut_where_it_is_however_late(self):
        talk = Talk(tracked=True)
        talk.speak("a", 1000, 0.0, response="r1")
        talk.playback.response_ended("r1")
        talk.speak("b", 1000, 10.0, response="r2")
        _, points = talk.playback.interrupt(11.0, tracker=at("a", 500))
        assert points == (cut("a", 500), cut("b", 0))

    def test_what_was_heard_is_forgotten_even_when_only_one_response_is_interrupted(self):
        talk = Talk(tracked=True)
        talk.speak("a", 1000, 0.0, response="r1")
        talk.playback.response_ended("r1")
        talk.speak("b", 1000, 0.0, response="r2")
        talk.speak("c", 1000, 0.0, response="r3")
        talk.playback.interrupt(1.5, response_id="r2", tracker=at("b", 500))
        _, points = talk.playback.interrupt(2.0, tracker=RealtimePlaybackState())
        assert points == (cut("c", 0),)

    def test_a_part_before_its_item_keeps_the_item(self):
        talk = Talk(tracked=True)
        talk.speak("a", 1000, 0.0, index=0)
        talk.speak("a", 1000, 0.0, index=1)
        _, points = talk.playback.interrupt(0.0, tracker=at("a", 0.0, index=1))
        assert points == ()


class TestMemory:
    @pytest.mark.parametrize("tracked", [False, True])
    def test_a_long_conversation_costs_what_a_short_one_does(self, tracked):
        talk = Talk(tracked=tracked)
        for turn in range(1000):
            for _ in range(3):
                talk.speak(f"item_{turn}", 100, float(turn), response=f"resp_{turn}")
            talk.playback.response_ended(f"resp_{turn}")
        assert len(talk.playback._tracks) <= (64 if tracked else 2)

    def test_speech_that_nobody_listens_to(self):
        talk = Talk()
        for turn in range(3000):
            talk.receive(f"item_{turn}", 100, response=f"resp_{turn}")
            talk.playback.response_ended(f"resp_{turn}")
        assert len(talk.playback._tracks) <= 1024

    def test_parts_that_never_end(self):
        talk = Talk()
        for turn in range(3000):
            talk.receive(f"item_{turn}", 100)
        assert len(talk.playback._tracks) <= 1024

    def test_what_is_given_late_is_still_to_be_played_however_many_parts_there_are(self):
        talk = Talk()
        for turn in range(200):
            talk.receive(f"item_{turn}", 100)
            talk.playback.completed(f"item_{turn}", 0)
        for turn in range(200):
            talk.playback.given(f"item_{turn}", 0, 100, 5.0)
        assert talk.playback.remaining_ms(5.0) == pytest.approx(20_000)
        for turn in range(200, 300):  # what was given whole makes room for it
            talk.receive(f"item_{turn}", 100)
            talk.playback.completed(f"item_{turn}", 0)
        assert len(talk.playback._tracks) <= 200
        assert talk.playback.remaining_ms(5.0) == pytest.approx(20_000)

    def test_the_gaps_of_a_part_are_forgotten(self):
        talk = Talk()
        for step in range(1000):
            talk.speak("a", 10, float(step))
        assert len(talk.playback._tracks["a", 0].runs) == 1
        assert talk.heard(2000.0) == {("a", 0): pytest.approx(10_000)}


steps = st.lists(
    st.tuples(
        st.sampled_from(["receive", "give", "give again", "complete", "end", "wait", "interrupt", "interrupt one"]),
        st.integers(0, 3),
        st.integers(0, 400),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_heard_is_never_more_than_given_or_received_and_never_shrinks(steps):
    playback = Playback()
    received: dict[str, float] = {}
    waiting: dict[str, list[float]] = {}
    given: dict[str, float] = {}
    before: dict[str, float] = {}
    now = 0.0

    def check(parts):
        for part in parts:
            item = part.item_id
            assert 0 <= part.heard_ms <= given.get(item, 0.0) + 1e-6
            assert part.heard_ms <= part.total_ms + 1e-6
            assert part.total_ms <= received[item] + 1e-6
            assert part.heard_ms >= before.get(item, 0.0) - 1e-6
            before[item] = part.heard_ms

    for number, (step, which, amount) in enumerate(steps):
        item = f"item_{which}"
        if step == "receive":
            length = playback.received(f"resp_{which % 2}", item, 0, ms(amount))
            received[item] = received.get(item, 0.0) + length
            waiting.setdefault(item, []).append(length)
        elif step == "give" and waiting.get(item):
            length = waiting[item].pop(0)
            given[item] = given.get(item, 0.0) + length
            playback.given(item, 0, length, now)
        elif step == "give again":
            playback.given(item, 0, float(amount), now)
            given[item] = received.get(item, 0.0)
        elif step == "complete":
            playback.completed(item, 0)
        elif step == "end":
            playback.response_ended(f"resp_{which % 2}")
        elif step == "wait":
            now += amount / 100
        elif step.startswith("interrupt"):
            response_id = f"resp_{which % 2}" if step == "interrupt one" else None
            playing, points = playback.interrupt(now, response_id=response_id)
            assert len({point.item_id for point in points}) == len(points)
            for point in points:
                assert 0 <= point.audio_end_ms <= received[point.item_id]
                if not given.get(point.item_id):
                    assert point.audio_end_ms == 0
            if playing is not None and response_id is not None:
                assert playing.response_id == response_id
            left = {part.item_id for part in playback.heard(now)}
            for gone in [key for key in before if key not in left]:
                del before[gone]
        assert playback.remaining_ms(now) >= 0
        if number % 2:
            check(playback.heard(now))
    assert playback.interrupt(now)[1] is not None
    assert playback.heard(now) == []
