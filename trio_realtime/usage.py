"""Token counts: of one response, and summed over a session."""

from __future__ import annotations

import attrs

__all__ = ["InputTokensDetails", "OutputTokensDetails", "RequestUsage", "Usage"]


@attrs.frozen(kw_only=True)
class InputTokensDetails:
    """Of the input tokens, how many were read from (and written to) the cache."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0

    def plus(self, other: InputTokensDetails) -> InputTokensDetails:
        """Give the sum of both."""
        return InputTokensDetails(
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )


@attrs.frozen(kw_only=True)
class OutputTokensDetails:
    """Of the output tokens, how many went into reasoning."""

    reasoning_tokens: int = 0

    def plus(self, other: OutputTokensDetails) -> OutputTokensDetails:
        """Give the sum of both."""
        return OutputTokensDetails(reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens)


@attrs.frozen(kw_only=True)
class RequestUsage:
    """The token counts of one response."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()


@attrs.define(kw_only=True)
class Usage:
    """Token counts that grow: a session's context holds one for the whole session.

    Attributes:
        requests: responses counted.
        input_tokens, output_tokens, total_tokens: sums.
        input_tokens_details, output_tokens_details: sums of the details.
        request_usage_entries: one entry for each response with tokens, in order.
    """

    requests: int = 0
    input_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens: int = 0
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    total_tokens: int = 0
    request_usage_entries: list[RequestUsage] = attrs.Factory(list[RequestUsage])

    def add(self, other: Usage) -> None:
        """Add ``other`` to this one. When ``other`` is one response with tokens, an entry is recorded."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.total_tokens += other.total_tokens
        self.input_tokens_details = self.input_tokens_details.plus(other.input_tokens_details)
        self.output_tokens_details = self.output_tokens_details.plus(other.output_tokens_details)
        if other.request_usage_entries:
            self.request_usage_entries.extend(other.request_usage_entries)
        elif other.requests == 1 and other.total_tokens > 0:
            self.request_usage_entries.append(
                RequestUsage(
                    input_tokens=other.input_tokens,
                    output_tokens=other.output_tokens,
                    total_tokens=other.total_tokens,
                    input_tokens_details=other.input_tokens_details,
                    output_tokens_details=other.output_tokens_details,
                )
            )
