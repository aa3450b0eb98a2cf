"""What a session has counted, in one value."""

from __future__ import annotations

import attrs

from trio_realtime.core.delivery import EventBuffer
from trio_realtime.core.latencies import LatencyStatistics
from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["SessionStatistics", "statistics_of"]


@attrs.frozen(kw_only=True)
class SessionStatistics:
    """Counters of a session.

    Attributes:
        events: events published since the session began.
        buffered_events, buffered_bytes, buffered_ms: what waits for the session's own reader.
        peak_bytes: the most that ever waited.
        dropped_events, dropped_ms: audio that was dropped because the reader was too slow.
        purged_events: audio that was removed by interruptions.
        running_tools: calls that have no output yet.
        reconnects: connections made after the first.
        left_out_items: items of the user's that a connection made later was not told of: speech without a transcript.
        dropped_input_ms: audio of the user's that was dropped because there was no connection for too long.
        stored_audio_bytes: audio that the history keeps (``store_audio``).
        forgotten_audio_bytes: audio that it has dropped again, because there was more than is to be kept.
        delivery: seconds from the socket to the application, of audio.
        first_audio: seconds from the end of the user's speech, as turn detection tells it, to the first audio.
        tools: seconds from a tool call to its output on its way, waiting for a person included.
        input_checks: seconds that input guardrails took, which ``gate_input`` adds before each answer.
    """

    events: int = 0
    buffered_events: int = 0
    buffered_bytes: int = 0
    buffered_ms: float = 0.0
    peak_bytes: int = 0
    dropped_events: int = 0
    dropped_ms: float = 0.0
    purged_events: int = 0
    running_tools: int = 0
    reconnects: int = 0
    left_out_items: int = 0
    dropped_input_ms: float = 0.0
    stored_audio_bytes: int = 0
    forgotten_audio_bytes: int = 0
    delivery: LatencyStatistics = attrs.Factory(LatencyStatistics)
    first_audio: LatencyStatistics = attrs.Factory(LatencyStatistics)
    tools: LatencyStatistics = attrs.Factory(LatencyStatistics)
    input_checks: LatencyStatistics = attrs.Factory(LatencyStatistics)


def statistics_of(hub: SessionHub, buffer: EventBuffer) -> SessionStatistics:
    """Give the counters of a session now; ``buffer`` is that of its own reader."""
    counted = buffer.statistics()
    return SessionStatistics(
        events=hub.events_published,
        buffered_events=counted.events,
        buffered_bytes=counted.bytes,
        buffered_ms=counted.audio_ms,
        peak_bytes=counted.peak_bytes,
        dropped_events=counted.dropped_events,
        dropped_ms=counted.dropped_ms,
        purged_events=counted.purged_events,
        running_tools=hub.ledger.running(),
        reconnects=hub.supervisor.reconnects,
        left_out_items=len(hub.supervisor.replayer.left_out),
        dropped_input_ms=hub.supervisor.dropped_audio_ms,
        stored_audio_bytes=0 if hub.stored is None else hub.stored.size,
        forgotten_audio_bytes=0 if hub.stored is None else hub.stored.forgotten,
        delivery=hub.latencies.delivery,
        first_audio=hub.latencies.first_audio,
        tools=hub.latencies.tools,
        input_checks=hub.latencies.input_checks,
    )
