from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.usage import (
    InputTokensDetails,
    ModalityTokens,
    OutputTokensDetails,
    RequestUsage,
    TranscriptionUsage,
    Usage,
)


def response(i=0, o=0, *, cached=0, written=0, reasoning=0, requests=1):
    return Usage(
        requests=requests,
        input_tokens=i,
        output_tokens=o,
        total_tokens=i + o,
        input_tokens_details=InputTokensDetails(cached_tokens=cached, cache_write_tokens=written),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=reasoning),
    )


def test_begins_with_nothing():
    nothing = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
    assert attrs.asdict(Usage()) == {
        "requests": 0,
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
        "request_usage_entries": [],
        "input_modalities": nothing,
        "cached_modalities": nothing,
        "output_modalities": nothing,
        "transcription": {
            "requests": 0,
            "input_tokens": 0,
            "output_tokens": 0,
            "total_tokens": 0,
            "input_modalities": nothing,
            "seconds": 0.0,
        },
        "agents": {},
    }
    assert Usage().request_usage_entries is not Usage().request_usage_entries


def test_sums():
    usage = Usage()
    usage.add(response(10, 5, cached=3, written=1, reasoning=2))
    usage.add(response(1, 1, cached=1, written=1, reasoning=1))
    assert (usage.requests, usage.input_tokens, usage.output_tokens, usage.total_tokens) == (2, 11, 6, 17)
    assert usage.input_tokens_details == InputTokensDetails(cached_tokens=4, cache_write_tokens=2)
    assert usage.output_tokens_details == OutputTokensDetails(reasoning_tokens=3)


def test_one_entry_for_each_response_with_tokens():
    usage = Usage()
    usage.add(response(10, 5, cached=3, reasoning=2))
    usage.add(response())
    usage.add(response(7, requests=2))
    assert usage.request_usage_entries == [
        RequestUsage(
            input_tokens=10,
            output_tokens=5,
            total_tokens=15,
            input_tokens_details=InputTokensDetails(cached_tokens=3),
            output_tokens_details=OutputTokensDetails(reasoning_tokens=2),
        )
    ]


def test_entries_are_taken_over():
    session, total = Usage(), Usage()
    session.add(response(1))
    session.add(response(2))
    total.add(session)
    total.add(response(3))
    assert [entry.input_tokens for entry in total.request_usage_entries] == [1, 2, 3]
    assert len(session.request_usage_entries) == 2


def spoken(text, audio, *, cached=0, out=0):
    return Usage(
        requests=1,
        input_tokens=text + audio,
        output_tokens=out,
        total_tokens=text + audio + out,
        input_modalities=ModalityTokens(text_tokens=text, audio_tokens=audio),
        cached_modalities=ModalityTokens(text_tokens=cached),
        output_modalities=ModalityTokens(audio_tokens=out),
    )


def test_need_34_by_modality_and_agent():
    usage = Usage()
    usage.add(spoken(10, 20, cached=5, out=7), agent="Desk", response_id="r1")
    usage.add(spoken(1, 2, out=3), agent="Billing", response_id="r2")
    usage.add(spoken(1, 0), agent="Desk", response_id="r3")
    assert usage.input_modalities == ModalityTokens(text_tokens=12, audio_tokens=22)
    assert usage.cached_modalities == ModalityTokens(text_tokens=5)
    assert usage.output_modalities == ModalityTokens(audio_tokens=10)
    assert {name: (one.requests, one.total_tokens) for name, one in usage.agents.items()} == {
        "Desk": (2, 38),
        "Billing": (1, 6),
    }
    assert usage.agents["Desk"].input_modalities == ModalityTokens(text_tokens=11, audio_tokens=20)
    entries = [(entry.agent, entry.response_id, entry.total_tokens) for entry in usage.request_usage_entries]
    assert entries == [("Desk", "r1", 37), ("Billing", "r2", 6), ("Desk", "r3", 1)]
    assert usage.request_usage_entries[0].output_modalities == ModalityTokens(audio_tokens=7)


def test_need_34_transcription_is_apart():
    usage = Usage()
    tokens = TranscriptionUsage(
        requests=1, input_tokens=9, output_tokens=1, total_tokens=10, input_modalities=ModalityTokens(audio_tokens=9)
    )
    usage.add_transcription(tokens, agent="Desk")
    usage.add_transcription(TranscriptionUsage(requests=1, seconds=1.5))
    assert usage.transcription == TranscriptionUsage(
        requests=2,
        input_tokens=9,
        output_tokens=1,
        total_tokens=10,
        input_modalities=ModalityTokens(audio_tokens=9),
        seconds=1.5,
    )
    assert usage.agents["Desk"].transcription == tokens
    assert (usage.requests, usage.total_tokens, usage.request_usage_entries) == (0, 0, [])


def test_sums_of_sums():
    one, total = Usage(), Usage()
    one.add(spoken(1, 2), agent="Desk")
    one.add_transcription(TranscriptionUsage(requests=1, seconds=2.0), agent="Desk")
    total.add(one)
    total.add(one)
    assert (total.requests, total.agents["Desk"].requests) == (2, 2)
    assert (total.transcription.seconds, total.agents["Desk"].transcription.seconds) == (4.0, 4.0)
    assert one.agents["Desk"].requests == 1


def test_the_sums_of_agents_have_no_entries_and_count_once():
    one, total = Usage(), Usage()
    one.add(spoken(1, 2), agent="Desk")
    total.add(one)
    assert total.agents["Desk"].request_usage_entries == []
    both = Usage()
    both.add(one, agent="Billing")
    assert {name: usage.requests for name, usage in both.agents.items()} == {"Billing": 1}


def test_the_newest_entries_are_kept():
    usage = Usage()
    for number in range(1, 1101):
        usage.add(response(number))
    assert [entry.input_tokens for entry in usage.request_usage_entries] == list(range(101, 1101))
    assert usage.requests == 1100


numbers = st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(0, 50), st.integers(0, 9), st.integers(0, 9))


@settings(max_examples=50, deadline=None)
@given(st.lists(numbers, max_size=6))
def test_as_the_reference_counts(counts):
    theirs = pytest.importorskip("agents.usage")
    from openai.types.responses.response_usage import InputTokensDetails as TheirInput
    from openai.types.responses.response_usage import OutputTokensDetails as TheirOutput

    extra = {"cache_write_tokens": 0} if "cache_write_tokens" in TheirInput.model_fields else {}
    ours, reference = Usage(), theirs.Usage()
    for requests, i, o, cached, reasoning in counts:
        ours.add(response(i, o, cached=cached, reasoning=reasoning, requests=requests))
        reference.add(
            theirs.Usage(
                requests=requests,
                input_tokens=i,
                output_tokens=o,
                total_tokens=i + o,
                input_tokens_details=TheirInput(cached_tokens=cached, **extra),
                output_tokens_details=TheirOutput(reasoning_tokens=reasoning),
            )
        )
    for name in ("requests", "input_tokens", "output_tokens", "total_tokens"):
        assert getattr(ours, name) == getattr(reference, name)
    assert ours.input_tokens_details.cached_tokens == reference.input_tokens_details.cached_tokens
    assert ours.output_tokens_details.reasoning_tokens == reference.output_tokens_details.reasoning_tokens
    entries = [(e.input_tokens, e.output_tokens, e.total_tokens) for e in reference.request_usage_entries]
    assert [(e.input_tokens, e.output_tokens, e.total_tokens) for e in ours.request_usage_entries] == entries
