"""The only task that sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from trio_realtime.errors import AgentsException, RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.model_inputs import RealtimeModelSendAudio
from trio_realtime.session_tasks.outbox import Command

if TYPE_CHECKING:
    from trio_realtime.model import RealtimeConnection
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["run_writer"]


async def run_writer(hub: SessionHub) -> None:
    """Send commands on one connection after another, until the outbox is closed."""
    while (connection := await hub.supervisor.writable()) is not None:
        if not await _write(hub, connection):
            return


async def _write(hub: SessionHub, connection: RealtimeConnection) -> bool:
    """Send commands as long as the connection is the session's; False when nothing is to be sent any more."""
    outbox, supervisor = hub.outbox, hub.supervisor
    outbox.send_audio_nowait, outbox.now = connection.send_audio_nowait, trio.lowlevel.current_clock().current_time
    while supervisor.is_usable(connection):
        try:
            command = await outbox.next(connection.next_deadline())
        except trio.EndOfChannel:
            return False
        for event in connection.expire(trio.current_time()):
            hub.handle(event)
        if command is None:
            continue
        if not outbox.taken(command):
            return False
        try:
            await _send(hub, connection, command)
        except (RealtimeConnectionError, RealtimeTimeoutError) as error:
            if not supervisor.can_replace(connection):
                command.finish(hub.closed_error(error))
            await supervisor.heard_of(connection, error)
            supervisor.finish_in_flight(command, error)
            return not hub.ended.is_set()
        except AgentsException as error:
            command.finish(error)
            outbox.drop_rest(command, error)
            if command.done is None:
                hub.report(error)
        except Exception as error:  # noqa: BLE001  a custom model's own: it leaves as it is
            command.finish(error)
            hub.finish(error)
            return False
        else:
            command.finish()
        finally:
            outbox.taken(None)
    return True


async def _send(hub: SessionHub, connection: RealtimeConnection, command: Command) -> None:
    """Send a command; audio together with what stands behind it, in one write."""
    if not command.together and isinstance(command.event, RealtimeModelSendAudio):
        await connection.send_events([command.event, *(one.event for one in hub.outbox.more_audio())])
    else:
        await connection.send_event(hub.supervisor.configuration.noted(command.event))
