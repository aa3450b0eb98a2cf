from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.usage import InputTokensDetails, OutputTokensDetails, RequestUsage, Usage


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
    assert attrs.asdict(Usage()) == {
        "requests": 0,
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
        "request_usage_entries": [],
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
