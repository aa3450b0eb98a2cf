"""Token counts: of one response, and summed over a session, by modality and by agent.

Modalities have prices of their own, and so has the transcription of the user's speech, which is another model's work:
its counts are kept apart from those of the responses.
"""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["InputTokensDetails", "ModalityTokens", "OutputTokensDetails", "RequestUsage", "TranscriptionUsage", "Usage"]

_ENTRIES: Final = 1000
"""Responses whose own counts are kept; the sums hold all."""


@attrs.frozen(kw_only=True)
class ModalityTokens:
    """Tokens by modality. What the server did not tell apart is in none of them."""

    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0

    def plus(self, other: ModalityTokens) -> ModalityTokens:
        """Give the sum of both."""
        return ModalityTokens(
            text_tokens=self.text_tokens + other.text_tokens,
            audio_tokens=self.audio_tokens + other.audio_tokens,
            image_tokens=self.image_tokens + other.image_tokens,
        )


@attrs.frozen(kw_only=True)
class TranscriptionUsage:
    """What transcribing the user's speech cost.

    Attributes:
        requests: transcripts counted.
        input_tokens, output_tokens, total_tokens: of models that are paid by tokens.
        input_modalities: the input tokens by modality.
        seconds: audio, of models that are paid by its duration.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_modalities: ModalityTokens = ModalityTokens()
    seconds: float = 0.0

    def plus(self, other: TranscriptionUsage) -> TranscriptionUsage:
        """Give the sum of both."""
        return TranscriptionUsage(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
            input_modalities=self.input_modalities.plus(other.input_modalities),
            seconds=self.seconds + other.seconds,
        )


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
    """The token counts of one response; ``agent`` and ``response_id`` say whose, where that is known."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    input_modalities: ModalityTokens = ModalityTokens()
    cached_modalities: ModalityTokens = ModalityTokens()
    output_modalities: ModalityTokens = ModalityTokens()
    agent: str | None = None
    response_id: str | None = None


@attrs.define(kw_only=True)
class Usage:
    """Token counts that grow: a session's context holds one for the whole session.

    Attributes:
        requests: responses counted.
        input_tokens, output_tokens, total_tokens: sums.
        input_tokens_details, output_tokens_details: sums of the details.
        request_usage_entries: one entry for each response with tokens, in order; the newest 1,000.
        input_modalities, cached_modalities, output_modalities: the sums by modality; cached ones are input too.
        transcription: what the transcripts of the user's speech cost; not part of the other sums.
        agents: the sums of each agent, by its name; they have no entries. Empty where no agent is known.
    """

    requests: int = 0
    input_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens: int = 0
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    total_tokens: int = 0
    request_usage_entries: list[RequestUsage] = attrs.Factory(list[RequestUsage])
    input_modalities: ModalityTokens = ModalityTokens()
    cached_modalities: ModalityTokens = ModalityTokens()
    output_modalities: ModalityTokens = ModalityTokens()
    transcription: TranscriptionUsage = TranscriptionUsage()
    agents: dict[str, Usage] = attrs.Factory(dict[str, "Usage"])

    def add(self, other: Usage, *, agent: str | None = None, response_id: str | None = None) -> None:
        """Add ``other`` to this one. When ``other`` is one response with tokens, an entry is recorded.

        Args:
            other: what to add; it does not change.
            agent: the agent to which all of it is counted; without it, the agents of ``other`` are.
            response_id: the response.
        """
        self._add_sums(other)
        if other.request_usage_entries:
            self.request_usage_entries.extend(other.request_usage_entries)
        elif other.requests == 1 and other.total_tokens > 0:
            self.request_usage_entries.append(_entry(other, agent, response_id))
        del self.request_usage_entries[:-_ENTRIES]
        parts = other.agents.items() if agent is None else [(agent, other)]
        for name, usage in parts:
            self._of(name)._add_sums(usage)

    def add_transcription(self, usage: TranscriptionUsage, *, agent: str | None = None) -> None:
        """Add the cost of a transcript.

        Args:
            usage: what to add.
            agent: the agent to which it is counted: the one that is current when the transcript comes.
        """
        self.transcription = self.transcription.plus(usage)
        if agent is not None:
            self._of(agent).add_transcription(usage)

    def _of(self, agent: str) -> Usage:
        return self.agents.setdefault(agent, Usage())

    def _add_sums(self, other: Usage) -> None:
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.total_tokens += other.total_tokens
        self.input_tokens_details = self.input_tokens_details.plus(other.input_tokens_details)
        self.output_tokens_details = self.output_tokens_details.plus(other.output_tokens_details)
        self.input_modalities = self.input_modalities.plus(other.input_modalities)
        self.cached_modalities = self.cached_modalities.plus(other.cached_modalities)
        self.output_modalities = self.output_modalities.plus(other.output_modalities)
        self.transcription = self.transcription.plus(other.transcription)


def _entry(usage: Usage, agent: str | None, response_id: str | None) -> RequestUsage:
    return RequestUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        input_tokens_details=usage.input_tokens_details,
        output_tokens_details=usage.output_tokens_details,
        input_modalities=usage.input_modalities,
        cached_modalities=usage.cached_modalities,
        output_modalities=usage.output_modalities,
        agent=agent,
        response_id=response_id,
    )
