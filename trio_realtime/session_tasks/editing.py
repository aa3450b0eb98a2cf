"""Changes of the conversation that the application makes: each is known to be done, or refused, when it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import trio

from trio_realtime.core.replay import output_item_id
from trio_realtime.errors import AgentsException, RealtimeTimeoutError, ServerError, UserError
from trio_realtime.ids import new_id
from trio_realtime.items import RealtimeToolCallItem
from trio_realtime.model_inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendRawMessage,
)
from trio_realtime.session_tasks.item_answers import ItemWaiter
from trio_realtime.session_tasks.spoken import item_content, words_in

if TYPE_CHECKING:
    from trio_realtime.session_tasks.hub import SessionHub

__all__ = [
    "commit_audio",
    "create_items",
    "create_message",
    "delete_item",
    "raw_input",
    "replace_message",
    "send_and_commit",
]

_NO_ITEM = "item_delete_invalid_item_id"


def raw_input(type: str, **fields: Any) -> RealtimeModelSendRawMessage:
    """Make a model input of a client event."""
    return RealtimeModelSendRawMessage(message=RealtimeModelRawClientMessage(type=type, other_data=fields))


async def create_message(
    hub: SessionHub, role: str, content: str | Sequence[Mapping[str, Any]], *, after: str | None
) -> str:
    """Add a message, and give its id.

    Raises:
        UserError: the role or the content is at fault; nothing was sent.
        ServerError: the server refused.
        RealtimeTimeoutError: it did not answer (name ``"item"``).
        SessionClosed: the session ended meanwhile.
    """
    parts = item_content(role, content)
    item_id = new_id("item")
    fields: dict[str, Any] = {"item": {"id": item_id, "type": "message", "role": role, "content": parts}}
    if after is not None:
        fields["previous_item_id"] = after
    await create_items(hub, [fields])
    return item_id


async def create_items(hub: SessionHub, items: Sequence[Mapping[str, Any]], seconds: float | None = None) -> None:
    """Send the fields of ``conversation.item.create`` events, in one go, and wait until each item is in its place.

    Items that no history holds, such as outputs, are not waited for: what comes after them tells.

    Raises:
        ServerError, RealtimeTimeoutError, SessionClosed: as for :func:`create_message`.
    """
    waiters: list[ItemWaiter] = []
    events: list[RealtimeModelSendRawMessage] = []
    for fields in items:
        event_id = new_id("event")
        events.append(raw_input("conversation.item.create", event_id=event_id, **fields))
        if fields["item"]["type"] != "function_call_output":
            waiters.append(hub.item_answers.expect("create", fields["item"]["id"], event_id))
    await _send_and_wait(hub, events, waiters, seconds)


async def commit_audio(hub: SessionHub, *, respond: bool) -> None:
    """Make an item of the input buffer, and ask for a response to it once it is made.

    Raises:
        ServerError: the server refused, because there is too little audio; no response is asked for.
        RealtimeTimeoutError, SessionClosed: as for :func:`create_message`.
    """
    hub.committing += 1
    try:
        await _commit(hub, respond=respond)
        if respond and not hub.input_gate.on:
            await hub.outbox.send_and_wait(raw_input("response.create"))
    finally:
        hub.committing -= 1


async def _commit(hub: SessionHub, *, respond: bool) -> None:
    event_id = new_id("event")
    waiter = hub.item_answers.expect("commit", "", event_id)
    gate, commit = hub.input_gate, raw_input("input_audio_buffer.commit", event_id=event_id)
    handed_over = trio.Event()
    gate.commit(event_id, respond=respond)
    try:
        await _send_and_wait(hub, [commit], [waiter], handed_over=handed_over.set)
    except BaseException:
        if handed_over.is_set():
            gate.leave_commit(event_id)  # what was refused is gone already
        else:
            gate.uncommit(event_id)
        raise


async def send_and_commit(hub: SessionHub, audio: bytes) -> None:
    """Send audio, and make an item of the input buffer that nobody is asked to answer. When cancelled, nothing is sent.

    Raises:
        SessionClosed: the session has ended.
    """
    if not hub.input_gate.on:
        await hub.outbox.send(RealtimeModelSendAudio(audio=audio, commit=True))
        return
    event_id = new_id("event")
    hub.input_gate.commit(event_id, respond=False)
    try:
        await hub.outbox.send(RealtimeModelSendAudio(audio=audio, commit=True, event_id=event_id))
    except BaseException:
        hub.input_gate.uncommit(event_id)
        raise
    hub.input_gate.leave_commit(event_id)


async def delete_item(hub: SessionHub, item_id: str) -> None:
    """Take an item out, a call together with its output. Raises as :func:`create_message`."""
    item = hub.conversation.get(item_id)
    await _delete(hub, item_id)
    if isinstance(item, RealtimeToolCallItem) and item.output is not None:
        try:
            await _delete(hub, output_item_id(item_id))
        except ServerError as error:
            if error.code != _NO_ITEM:  # it was made under a name of its own
                raise


async def _delete(hub: SessionHub, item_id: str) -> None:
    event_id = new_id("event")
    waiter = hub.item_answers.expect("delete", item_id, event_id)
    await _send_and_wait(hub, [raw_input("conversation.item.delete", event_id=event_id, item_id=item_id)], [waiter])


async def replace_message(hub: SessionHub, item_id: str, content: str | Sequence[Mapping[str, Any]]) -> str:
    """Put a new message in the place of one, and give its id.

    Raises:
        InputGuardrailTripwireTriggered: with ``gate_input``, a guardrail objects to what a user says; nothing was sent.
        AgentsException: as :func:`create_message`.
    """
    item = hub.conversation.get(item_id)
    if item is None:
        raise UserError(f"item_id: {item_id!r} is not in the history")
    if isinstance(item, RealtimeToolCallItem):
        raise UserError(f"item_id: {item_id!r} is a tool call; only messages can be replaced")
    parts = item_content(item.role, content)
    if item.role == "user":
        await hub.input_gate.screen(words_in(parts), settle=False)
    new = await create_message(hub, item.role, parts, after=item_id)
    try:
        await delete_item(hub, item_id)
    except AgentsException:
        with suppress(AgentsException):
            await delete_item(hub, new)  # else both would stand there
        raise
    return new


async def _send_and_wait(
    hub: SessionHub,
    events: Sequence[RealtimeModelSendRawMessage],
    waiters: Sequence[ItemWaiter],
    seconds: float | None = None,
    handed_over: Callable[[], None] = lambda: None,
) -> None:
    configured = hub.run_config.timeouts.configure
    try:
        if configured is None or not hub.connection.confirms_configuration:
            await hub.outbox.send_and_wait(*events, handed_over=handed_over)
            return
        seconds = seconds or configured
        with trio.move_on_after(seconds) as scope:
            await hub.outbox.send_and_wait(*events, handed_over=handed_over)
            for waiter in waiters:
                await waiter.answered.wait()
        errors = [waiter.error for waiter in waiters if waiter.error is not None]
        if errors:
            raise errors[0]
        if scope.cancelled_caught:
            message = f"the server did not confirm a change of the conversation within {seconds:g} seconds"
            raise RealtimeTimeoutError(message, name="item", seconds=seconds)
    finally:
        for waiter in waiters:
            hub.item_answers.forget(waiter)
