"""The only task that sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from trio_realtime.errors import AgentsException, RealtimeConnectionError, RealtimeTimeoutError
from trio_realtime.model_inputs import RealtimeModelSendAudio
from trio_realtime.session_tasks.outbox import Command

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = ["run_writer"]


async def run_writer(hub: SessionHub) -> None:
    """Send commands until the outbox is closed."""
    connection, outbox = hub.connection, hub.outbox
    outbox.send_nowait = connection.send_nowait
    while True:
        try:
            command = await outbox.next(connection.next_deadline())
        except trio.EndOfChannel:
            return
        for event in connection.expire(trio.current_time()):
            hub.handle(event)
        if command is None:
            continue
        if not outbox.taken(command):
            return
        try:
            await _send(hub, command)
        except (RealtimeConnectionError, RealtimeTimeoutError) as error:
            command.finish(hub.closed_error(error))
            await _wait_for_the_reader(hub, error)
            return
        except AgentsException as error:
            command.finish(error)
            outbox.drop_rest(command, error)
            if command.done is None:
                hub.report(error)
        except Exception as error:  # noqa: BLE001  a custom model's own: it leaves as it is
            command.finish(error)
            hub.finish(error)
            return
        else:
            command.finish()
        finally:
            outbox.taken(None)


async def _send(hub: SessionHub, command: Command) -> None:
    """Send a command; audio together with what stands behind it, in one write."""
    if not command.together and isinstance(command.event, RealtimeModelSendAudio):
        await hub.connection.send_events([command.event, *(one.event for one in hub.outbox.more_audio())])
    else:
        await hub.connection.send_event(command.event)


async def _wait_for_the_reader(hub: SessionHub, error: Exception) -> None:
    """The reader knows better how a connection ended (a close code); give it a moment to say so."""
    with trio.move_on_after(hub.run_config.timeouts.close):
        await hub.ended.wait()
    hub.finish(error)
