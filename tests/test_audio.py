from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.audio import (
    PCM16,
    PCMA,
    PCMU,
    AudioFormat,
    AudioFormatObject,
    RealtimePlaybackState,
    RealtimePlaybackTracker,
    parse_audio_format,
)


class Foreign:
    def __init__(self, type):
        self.type = type


class TestFormats:
    @pytest.mark.parametrize(
        ("audio_format", "per_second", "wire"),
        [
            (PCM16, 48_000, {"type": "audio/pcm", "rate": 24_000}),
            (PCMU, 8_000, {"type": "audio/pcmu"}),
            (PCMA, 8_000, {"type": "audio/pcma"}),
        ],
    )
    def test_arithmetic(self, audio_format, per_second, wire):
        assert audio_format.bytes_per_second == per_second
        assert audio_format.duration_ms(0) == 0
        assert audio_format.duration_ms(per_second) == 1000
        assert audio_format.duration_ms(per_second // 50) == 20
        assert audio_format.to_wire() == wire

    @pytest.mark.parametrize(
        ("known", "names"),
        [
            (PCM16, ["pcm16", "audio/pcm", "pcm", "PCM16", {"type": "audio/pcm", "rate": 24_000}]),
            (PCMU, ["g711_ulaw", "audio/pcmu", "pcmu", {"type": "audio/pcmu"}]),
            (PCMA, ["g711_alaw", "audio/pcma", "pcma", {"type": "audio/pcma"}, Foreign("audio/pcma")]),
        ],
    )
    def test_names(self, known, names):
        for name in [*names, known]:
            assert parse_audio_format(name) is known

    @pytest.mark.parametrize("other", [AudioFormat("audio/pcm", 16_000), {"type": "audio/pcm", "rate": 8_000}])
    def test_pcm_is_always_24_khz(self, other):
        assert parse_audio_format(other) is PCM16

    @pytest.mark.parametrize(
        "unknown",
        [
            "mp3",
            "",
            {},
            {"type": None},
            {"type": 5},
            {"type": ["pcm"]},
            Foreign(None),
            AudioFormat("audio/opus", 48_000),
        ],
    )
    def test_what_is_not_known(self, unknown):
        assert parse_audio_format(unknown) is None

    def test_objects_of_the_official_types(self):
        types = pytest.importorskip("openai.types.realtime.realtime_audio_formats")
        for value, known in [
            (types.AudioPCM(type="audio/pcm", rate=24_000), PCM16),
            (types.AudioPCMU(type="audio/pcmu"), PCMU),
            (types.AudioPCMA(type="audio/pcma"), PCMA),
        ]:
            assert isinstance(value, AudioFormatObject)
            assert parse_audio_format(value) is known
        assert not isinstance("pcm16", AudioFormatObject)


def state(item_id=None, index=None, elapsed=None):
    return RealtimePlaybackState(current_item_id=item_id, current_item_content_index=index, elapsed_ms=elapsed)


class TestTracker:
    def test_knows_nothing_at_first(self):
        assert RealtimePlaybackTracker().get_state() == state()

    def test_milliseconds_add_up(self):
        tracker = RealtimePlaybackTracker()
        tracker.on_play_ms("a", 0, 100.0)
        tracker.on_play_ms("a", 0, 50.5)
        assert tracker.get_state() == state("a", 0, 150.5)

    @pytest.mark.parametrize("other", [("b", 0), ("a", 1)])
    def test_another_item_or_part_starts_again(self, other):
        tracker = RealtimePlaybackTracker()
        tracker.on_play_ms("a", 0, 100.0)
        tracker.on_play_ms(*other, 20.0)
        assert tracker.get_state() == state(*other, 20.0)
        tracker.on_play_ms("a", 0, 5.0)
        assert tracker.get_state() == state("a", 0, 5.0)

    def test_an_interruption_forgets(self):
        tracker = RealtimePlaybackTracker()
        tracker.on_play_ms("a", 0, 100.0)
        tracker.on_interrupted()
        assert tracker.get_state() == state()
        tracker.on_play_ms("a", 0, 7.0)
        assert tracker.get_state() == state("a", 0, 7.0)

    @pytest.mark.parametrize(
        ("audio_format", "ms"),
        [(None, 100), ("pcm16", 100), ("g711_ulaw", 600), (PCMA, 600), ({"type": "audio/pcmu"}, 600), ("mp3", 100)],
    )
    def test_bytes_are_counted_in_the_format_of_the_session(self, audio_format, ms):
        tracker = RealtimePlaybackTracker()
        if audio_format is not None:
            tracker.set_audio_format(audio_format)
        tracker.on_play_bytes("a", 0, bytes(4800))
        assert tracker.get_state() == state("a", 0, ms)

    def test_a_state_is_never_half_of_a_change(self):
        tracker = RealtimePlaybackTracker()
        tracker.on_play_ms("a", 0, 5000.0)
        before = tracker.get_state()
        tracker.on_play_ms("b", 0, 20.0)
        assert before == state("a", 0, 5000.0)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            before.elapsed_ms = 0.0


calls = st.lists(
    st.one_of(
        st.tuples(st.just("bytes"), st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 5000)),
        st.tuples(st.just("ms"), st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 500)),
        st.tuples(st.just("format"), st.sampled_from(["pcm16", "g711_ulaw", "g711_alaw", "unknown"])),
        st.tuples(st.just("interrupted")),
    ),
    max_size=20,
)


@settings(max_examples=100, deadline=None)
@given(calls)
def test_as_the_tracker_of_the_reference(calls):
    theirs = pytest.importorskip("agents.realtime.model").RealtimePlaybackTracker()
    ours = RealtimePlaybackTracker()
    for name, *arguments in calls:
        for tracker in (theirs, ours):
            if name == "bytes":
                item, index, size = arguments
                tracker.on_play_bytes(item, index, bytes(size))
            elif name == "ms":
                tracker.on_play_ms(*arguments)
            elif name == "format":
                tracker.set_audio_format(*arguments)
            else:
                tracker.on_interrupted()
        expected = dict(theirs.get_state())
        got = attrs.asdict(ours.get_state())
        elapsed = expected.pop("elapsed_ms")
        assert got.pop("elapsed_ms") == (elapsed if elapsed is None else pytest.approx(elapsed))
        assert got == expected
