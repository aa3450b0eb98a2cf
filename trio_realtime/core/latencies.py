"""How long the stages of a conversation take, in a few numbers that never grow."""

from __future__ import annotations

import attrs

__all__ = ["Latencies", "LatencyStatistics"]


@attrs.frozen(kw_only=True)
class LatencyStatistics:
    """One stage, in seconds.

    Attributes:
        count: how often it was measured.
        last, mean, worst: None as long as it was not.
    """

    count: int = 0
    last: float | None = None
    mean: float | None = None
    worst: float | None = None


@attrs.define
class _Stage:
    """The measurements of one stage."""

    count: int = 0
    total: float = 0.0
    last: float | None = None
    worst: float | None = None

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        self.last = seconds
        self.worst = seconds if self.worst is None else max(self.worst, seconds)

    def statistics(self) -> LatencyStatistics:
        mean = self.total / self.count if self.count else None
        return LatencyStatistics(count=self.count, last=self.last, mean=mean, worst=self.worst)


class Latencies:
    """Measures the stages of one session. Times are of one clock, in seconds."""

    __slots__ = ("_delivery", "_first_audio", "_input_checks", "_stopped", "_tools")

    def __init__(self) -> None:
        self._delivery = _Stage()
        self._first_audio = _Stage()
        self._tools = _Stage()
        self._input_checks = _Stage()
        self._stopped: float | None = None

    @property
    def delivery(self) -> LatencyStatistics:
        """From the socket to the application, of audio."""
        return self._delivery.statistics()

    @property
    def first_audio(self) -> LatencyStatistics:
        """From the end of the user's speech to the first audio of the answer."""
        return self._first_audio.statistics()

    @property
    def tools(self) -> LatencyStatistics:
        """From a tool call to its output on its way, waiting for a person included."""
        return self._tools.statistics()

    @property
    def input_checks(self) -> LatencyStatistics:
        """From the user's words to the decision whether they are answered."""
        return self._input_checks.statistics()

    def input_checked(self, since: float, now: float) -> None:
        """The user's words, which were known at ``since``, were looked at."""
        self._input_checks.add(now - since)

    def audio_given(self, received_at: float | None, now: float) -> None:
        """The application has taken audio that was read at ``received_at``."""
        if received_at is not None:
            self._delivery.add(now - received_at)

    def user_speaks(self) -> None:
        """The user speaks (again): an answer that comes now is not to what they said before."""
        self._stopped = None

    def user_stopped(self, now: float | None) -> None:
        """The user has stopped speaking."""
        self._stopped = now

    def audio_received(self, now: float | None) -> None:
        """Audio of the agent has come."""
        if self._stopped is not None and now is not None:
            self._first_audio.add(now - self._stopped)
            self._stopped = None

    def tool_answered(self, received_at: float | None, now: float) -> None:
        """The output of a call that was read at ``received_at`` is on its way."""
        if received_at is not None:
            self._tools.add(now - received_at)
